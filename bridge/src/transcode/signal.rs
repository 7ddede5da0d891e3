//! Events as the arguments of signals (mapping, section 4).

use std::borrow::Cow;

use super::{
    form::{admits, names_collide},
    json::Json,
    shape::{Shape, Signal},
    to_dbus::Part,
};

/// The arguments of the signal for an event: the positional ones, then the dictionary `optional`.
///
/// `timestamp` is in microseconds since the epoch. A peer that lacks a positional member, or sends
/// another type for it, cannot break the signature: the argument is then empty, and what the peer
/// sent is in the dictionary.
pub fn signal_parts<'a>(
    signal: &'static Signal,
    data: Json<'a>,
    timestamp: u64,
    sequence: u64,
) -> Vec<Part<'a>> {
    let mut rest = event_members(data, timestamp, sequence);
    let mut parts = Vec::with_capacity(signal.positional.len() + 1);
    for member in signal.positional {
        let found = rest
            .iter()
            .position(|(name, value)| name == member.name && admits(member.shape, value));
        let value = found.map_or_else(|| empty(member.shape), |at| rest.remove(at).1);
        parts.push(Part { name: member.name, shape: member.shape, value });
    }
    let (name, shape) = ("optional", Shape::Object(signal.data));
    parts.push(Part { name, shape, value: Json::Object(rest) });
    parts
}

/// The members of an event with its time and number, each under a name of its own on D-Bus too.
///
/// Names with `@` are the bridge's: QAPI has none. Data that is no dictionary on D-Bus is one
/// member, `data`.
pub fn event_members<'a>(
    data: Json<'a>,
    timestamp: u64,
    sequence: u64,
) -> Vec<(Cow<'a, str>, Json<'a>)> {
    let mut members = match data {
        Json::Object(members) => members,
        Json::Null => Vec::new(),
        other => vec![("data".into(), other)],
    };
    members.retain(|(name, _)| !name.starts_with('@'));
    if names_collide(&members) {
        members = vec![("data".into(), Json::Object(members))];
    }
    members.push(("@timestamp".into(), timestamp.into()));
    members.push(("@sequence".into(), sequence.into()));
    members
}

fn empty(shape: Shape) -> Json<'static> {
    match shape {
        Shape::Str | Shape::Bytes => Json::Str(Cow::Borrowed("")),
        Shape::Bool => Json::Bool(false),
        Shape::Any | Shape::Null | Shape::Alternate(_) | Shape::Fd => Json::Null,
        Shape::Object(_) => Json::Object(Vec::new()),
        Shape::List(_) => Json::List(Vec::new()),
        _ => Json::Int(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcode::{
        Body,
        shape::{Member, Object},
    };

    static IO_ERROR: Signal = Signal {
        name: "BlockIoError",
        event: "BLOCK_IO_ERROR",
        positional: &[
            Member { name: "device", shape: Shape::Str },
            Member { name: "count", shape: Shape::Uint8 },
        ],
        data: &Object {
            name: "",
            members: &[
                Member { name: "count", shape: Shape::Uint8 },
                Member { name: "device", shape: Shape::Str },
                Member { name: "sector", shape: Shape::Int32 },
            ],
            union: None,
        },
    };

    /// The values of the parts as one JSON text.
    fn parts(data: &'static str) -> String {
        let data = if data.is_empty() { Json::Null } else { Json::parse(data.as_bytes()).unwrap() };
        let parts = signal_parts(&IO_ERROR, data, 1_700_000_000_000_000, u64::MAX);
        assert!(Body::new(&parts).is_ok());
        let mut text = Vec::new();
        Json::List(parts.into_iter().map(|part| part.value).collect()).write(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn members_are_positional_or_in_the_dictionary() {
        assert_eq!(
            parts(r#"{"sector":9,"new":true,"count":1,"device":"d"}"#),
            r#"["d",1,{"sector":9,"new":true,"@timestamp":1700000000000000,"@sequence":18446744073709551615}]"#
        );
    }

    #[test]
    fn missing_positional_is_empty() {
        assert_eq!(
            parts(""),
            r#"["",0,{"@timestamp":1700000000000000,"@sequence":18446744073709551615}]"#
        );
    }

    #[test]
    fn positional_of_another_type_moves_to_the_dictionary() {
        assert_eq!(
            parts(r#"{"device":null,"count":256}"#),
            r#"["",0,{"device":null,"count":256,"@timestamp":1700000000000000,"@sequence":18446744073709551615}]"#
        );
    }

    #[test]
    fn data_that_is_no_object_is_kept() {
        assert!(parts("[1]").starts_with(r#"["",0,{"data":[1],"@timestamp""#));
        let one = r#"{"a\u0000":1,"a\ufffd":2}"#;
        assert!(parts(one).starts_with(&format!(r#"["",0,{{"data":{one},"@timestamp""#)));
    }

    #[test]
    fn a_peer_cannot_name_members_as_the_bridge_does() {
        let told = parts(r#"{"@timestamp":1,"@sequence":"x","@subscription":2,"a\u0000":3}"#);
        assert!(told.starts_with(r#"["",0,{"a\u0000":3,"@timestamp":17"#), "{told}");
        assert_eq!(told.matches('@').count(), 2);
    }
}
