//! Events as the arguments of signals (mapping, section 4).

use std::borrow::Cow;

use super::{
    form::admits,
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
    let mut rest = match data {
        Json::Object(members) => members,
        Json::Null => Vec::new(),
        other => vec![(Cow::Borrowed("data"), other)],
    };
    let mut parts = Vec::with_capacity(signal.positional.len() + 1);
    for member in signal.positional {
        let found = rest
            .iter()
            .position(|(name, value)| name == member.name && admits(member.shape, value));
        let value = found.map_or_else(|| empty(member.shape), |at| rest.remove(at).1);
        parts.push(Part { name: member.name, shape: member.shape, value });
    }
    rest.push((Cow::Borrowed("@timestamp"), timestamp.into()));
    rest.push((Cow::Borrowed("@sequence"), sequence.into()));
    let (name, shape) = ("optional", Shape::Object(signal.data));
    parts.push(Part { name, shape, value: Json::Object(rest) });
    parts
}

fn empty(shape: Shape) -> Json<'static> {
    match shape {
        Shape::Str => Json::Str(Cow::Borrowed("")),
        Shape::Bool => Json::Bool(false),
        Shape::Any | Shape::Null | Shape::Alternate(_) | Shape::Fd => Json::Null,
        Shape::Object(_) => Json::Object(Vec::new()),
        Shape::List(_) => Json::List(Vec::new()),
        _ => Json::Int(0),
    }
}
