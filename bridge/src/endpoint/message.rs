//! What a message of the peer is: greeting, reply or event. Values stay text.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// One message of the peer.
#[derive(Debug)]
pub(super) enum Message<'a> {
    Greeting { version: String, oob: bool },
    Reply(Reply<'a>),
    Event { name: Cow<'a, str>, data: &'a [u8], timestamp: u64 },
}

/// An answer to a request.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    pub(super) id: Option<Id>,
    pub(super) result: Result<&'a [u8], PeerError<'a>>,
}

/// Which request a reply says it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Number(u64),
    /// Nothing that the bridge ever sends.
    Foreign,
}

/// What the peer says of a failure.
#[derive(Debug, Deserialize)]
pub(super) struct PeerError<'a> {
    #[serde(borrow)]
    pub(super) class: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) desc: Cow<'a, str>,
}

impl<'a> Message<'a> {
    /// Reads the members of the outermost object; those that the protocol does not know are
    /// passed over. An error says what is wrong.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, &'static str> {
        let envelope: Envelope<'a> = serde_json::from_slice(text).map_err(reason)?;
        let id = envelope.id.map(Id::read);
        match envelope {
            Envelope { result: Some(value), error: None, event: None, .. } => {
                Ok(Self::Reply(Reply { id, result: Ok(value.get().as_bytes()) }))
            }
            Envelope { result: None, error: Some(error), event: None, .. } => {
                Ok(Self::Reply(Reply { id, result: Err(error) }))
            }
            Envelope { result: None, error: None, event: Some(name), data, timestamp, .. } => {
                let data = data.map_or(&[][..], |data| data.get().as_bytes());
                Ok(Self::Event { name, data, timestamp: timestamp.microseconds() })
            }
            Envelope { greeting: Some(greeting), result: None, error: None, .. } => {
                Ok(greeting.message())
            }
            _ => Err("it is neither reply nor event"),
        }
    }
}

/// Whether the beginning of a message is that of an event: peers put nothing else before its name.
pub(super) fn begins_event(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"{").unwrap_or(beginning).trim_ascii_start();
    [&b"\"timestamp\""[..], b"\"event\"", b"\"data\""].iter().any(|key| text.starts_with(key))
}

/// The id of a reply whose middle may be missing: peers put it behind a result and before an error.
pub(super) fn outer_id(text: &[u8]) -> Option<u64> {
    first_id(text).or_else(|| last_id(text))
}

fn first_id(text: &[u8]) -> Option<u64> {
    let text = text.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"id\"")?;
    let text = text.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = text.iter().position(|byte| !byte.is_ascii_digit())?;
    number(&text[..digits])
}

/// No bracket and no escape stands between it and the end, hence it is a member of the outermost
/// object.
fn last_id(text: &[u8]) -> Option<u64> {
    let text = text.strip_suffix(b"}")?.trim_ascii_end();
    let digits = text.iter().rposition(|byte| !byte.is_ascii_digit())? + 1;
    let before = text[..digits].trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let before = before.strip_suffix(b"\"id\"")?.trim_ascii_end();
    before.ends_with(b",").then(|| number(&text[digits..]))?
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The parser's own text may quote the peer's at any length.
fn reason(error: serde_json::Error) -> &'static str {
    if error.is_data() { "a member is not what it must be" } else { "it is not JSON" }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "QMP")]
    greeting: Option<Greeting>,
    #[serde(rename = "return", borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<PeerError<'a>>,
    #[serde(borrow, default, deserialize_with = "name")]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    timestamp: Timestamp,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// `null` is a value here, not an absence.
fn present<'de: 'a, 'a, D>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error>
where
    D: Deserializer<'de>,
{
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Borrows the text where it holds no escapes; serde would copy it inside an `Option`.
fn name<'de: 'a, 'a, D>(deserializer: D) -> Result<Option<Cow<'a, str>>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
    Name::deserialize(deserializer).map(|name| Some(name.0))
}

#[derive(Deserialize)]
struct Greeting {
    version: Version,
    #[serde(default)]
    capabilities: Vec<String>,
}

#[derive(Deserialize)]
struct Version {
    qemu: Numbers,
}

#[derive(Deserialize)]
struct Numbers {
    major: u32,
    minor: u32,
    micro: u32,
}

impl Greeting {
    fn message(self) -> Message<'static> {
        let Numbers { major, minor, micro } = self.version.qemu;
        let oob = self.capabilities.iter().any(|capability| capability == "oob");
        Message::Greeting { version: format!("{major}.{minor}.{micro}"), oob }
    }
}

/// Both are -1 where the peer has no clock.
#[derive(Default, Deserialize)]
struct Timestamp {
    seconds: i64,
    microseconds: i64,
}

impl Timestamp {
    fn microseconds(&self) -> u64 {
        let whole = u64::try_from(self.seconds).unwrap_or(0).saturating_mul(1_000_000);
        whole.saturating_add(u64::try_from(self.microseconds).unwrap_or(0))
    }
}

impl Id {
    fn read(text: &RawValue) -> Self {
        text.get().parse().map_or(Self::Foreign, Self::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::{Id, Message, begins_event, outer_id};

    fn reply(text: &str) -> (Option<Id>, Result<String, String>) {
        match Message::parse(text.as_bytes()).unwrap() {
            Message::Reply(reply) => {
                let result = reply.result.map(|value| String::from_utf8(value.into()).unwrap());
                (reply.id, result.map_err(|error| format!("{}|{}", error.class, error.desc)))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn replies_keep_their_value_as_text() {
        let cases = [
            (r#"{"return": {}}"#, (None, Ok("{}".into()))),
            (r#"{"return":null,"id":7}"#, (Some(Id::Number(7)), Ok("null".into()))),
            (r#"{"id":"x","return":[1, 2]}"#, (Some(Id::Foreign), Ok("[1, 2]".into()))),
            (r#"{"id":-1,"return":1e400}"#, (Some(Id::Foreign), Ok("1e400".into()))),
            (r#"{"id":null,"return":"\ud800"}"#, (Some(Id::Foreign), Ok(r#""\ud800""#.into()))),
            (
                r#"{"id":1,"error":{"class":"GenericError","desc":"a\u00e4","data":{}}}"#,
                (Some(Id::Number(1)), Err("GenericError|aä".into())),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(reply(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_may_be_nested_deeper_than_a_recursive_parser_goes() {
        let value = "[".repeat(500) + &"]".repeat(500);
        assert_eq!(reply(&format!("{{\"return\":{value}}}")).1, Ok(value));
    }

    #[test]
    fn what_the_protocol_does_not_allow_is_no_message() {
        for text in [
            "{}",
            r#"{"id":1}"#,
            r#"{"return":inf}"#,
            r#"{"return":1,"return":2}"#,
            r#"{"return":1,"error":{"class":"a","desc":"b"}}"#,
            r#"{"error":{"class":"a"}}"#,
            r#"{"error":{"class":"a","desc":"\ud800"}}"#,
            r#"{"return":1,"event":"STOP"}"#,
            "{\"return\":\"\u{7f}\\x\"}",
        ] {
            assert!(Message::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Message::parse(b"{\"return\":\"\xC3\x28\"}").is_err());
    }

    #[test]
    fn events_tell_microseconds() {
        let text = br#"{"timestamp":{"seconds":2,"microseconds":3},"event":"STOP"}"#;
        match Message::parse(text).unwrap() {
            Message::Event { name, data, timestamp } => {
                assert_eq!((&*name, data, timestamp), ("STOP", &[][..], 2_000_003));
            }
            other => panic!("{other:?}"),
        }
        let text = br#"{"timestamp":{"seconds":-1,"microseconds":-1},"event":"A","data":{"b":1}}"#;
        match Message::parse(text).unwrap() {
            Message::Event { data, timestamp, .. } => {
                assert_eq!((data, timestamp), (&b"{\"b\":1}"[..], 0))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_id_is_found_at_either_end_of_the_outermost_object() {
        for (text, id) in [
            (r#"{"return": "xxx", "id": 7}"#, Some(7)),
            ("{\r\n  \"return\": {}\r\n,\r\n \"id\" : 7\r\n}", Some(7)),
            (
                r#"{"id": 18446744073709551615, "error": {"class": "a", "desc": "xxx"}}"#,
                Some(u64::MAX),
            ),
            (r#"{"return": {"x": 1, "id": 7}}"#, None),
            (r#"{"return": [{"x": 1, "id": 7}]}"#, None),
            (r#"{"return": "\"x\", \"id\": 7"}"#, None),
            (r#"{"return": "xxx", "id": "7"}"#, None),
            (r#"{"return": "xxx", "id": 18446744073709551616}"#, None),
            (r#"{"return": 7}"#, None),
            ("{", None),
        ] {
            assert_eq!(outer_id(text.as_bytes()), id, "{text}");
        }
    }

    #[test]
    fn the_beginning_tells_events_from_replies() {
        assert!(begins_event(b"{\r\n  \"timestamp\": {"));
        assert!(begins_event(b"{\"event\":"));
        assert!(!begins_event(b"{\"return\": {\"event\""));
        assert!(!begins_event(b"{"));
    }
}
