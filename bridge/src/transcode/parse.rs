//! Reads JSON text. Lists and objects are kept on a stack of our own, because serde_json's recursion
//! takes 2 KiB of the thread's stack for each level. It reads the scalars that are not plain: to
//! set it up costs more than most of them.

use std::{borrow::Cow, fmt, mem};

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::endpoint::plain;

use super::{
    json::{Json, repeated},
    limits::{PARSE_DEPTH, PARSE_VALUES},
};

/// Why text is not taken as JSON.
#[derive(Debug)]
pub enum ParseError {
    /// Not a string, number or literal where one begins.
    Scalar {
        /// Offset in bytes.
        at: usize,
        /// What serde_json says, with places counted from that offset.
        error: serde_json::Error,
    },
    /// Something else is expected here.
    Syntax {
        /// Offset in bytes.
        at: usize,
        /// What is expected.
        expected: &'static str,
    },
    /// An object has this member twice.
    Repeated(String),
    /// Nesting beyond 1,024 levels, or more than 200,001 values.
    TooLarge,
}

/// Reads one value, which must fill the text.
pub(super) fn parse(text: &[u8]) -> Result<Json<'_>, ParseError> {
    let mut source = Source { text, at: 0 };
    let mut open: Vec<Open<'_>> = Vec::new();
    for _ in 0..PARSE_VALUES {
        let mut value = match source.peek() {
            Some(b'[') if !source.opens(b']') => {
                open.push(Open::List(Vec::new()));
                check_depth(&open)?;
                continue;
            }
            Some(b'{') if !source.opens(b'}') => {
                open.push(Open::Object(Vec::new(), source.name()?));
                check_depth(&open)?;
                continue;
            }
            Some(b'[') => Json::List(Vec::new()),
            Some(b'{') => Json::Object(Vec::new()),
            _ => source.value()?,
        };
        loop {
            let Some(last) = open.last_mut() else { return source.end(value) };
            if last.add(value, &mut source)? {
                break;
            }
            value = open.pop().map_or(Ok(Json::Null), Open::close)?;
        }
    }
    Err(ParseError::TooLarge)
}

/// A list or object whose end is not read yet.
enum Open<'a> {
    List(Vec<Json<'a>>),
    /// The members, and the name of the one that is read.
    Object(Vec<(Cow<'a, str>, Json<'a>)>, Cow<'a, str>),
}

impl<'a> Open<'a> {
    /// Takes a value; whether another one follows.
    fn add(&mut self, value: Json<'a>, source: &mut Source<'a>) -> Result<bool, ParseError> {
        match self {
            Self::List(items) => {
                items.push(value);
                source.follows(b']', "',' or ']'")
            }
            Self::Object(members, name) => {
                members.push((mem::take(name), value));
                let follows = source.follows(b'}', "',' or '}'")?;
                if follows {
                    *name = source.name()?;
                }
                Ok(follows)
            }
        }
    }

    fn close(self) -> Result<Json<'a>, ParseError> {
        match self {
            Self::List(items) => Ok(Json::List(items)),
            Self::Object(members, _) => match repeated(members.iter().map(|(name, _)| &**name)) {
                Some(name) => Err(ParseError::Repeated(name.to_owned())),
                None => Ok(Json::Object(members)),
            },
        }
    }
}

/// The text and how far it is read.
struct Source<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Source<'a> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text[self.at..];
        let space = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += space.count();
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Passes over an opening bracket; whether `close` follows at once, which it passes over too.
    fn opens(&mut self, close: u8) -> bool {
        self.at += 1;
        self.take(close)
    }

    fn follows(&mut self, close: u8, expected: &'static str) -> Result<bool, ParseError> {
        if self.take(b',') {
            return Ok(true);
        }
        self.expect(close, expected).map(|()| false)
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), ParseError> {
        if self.take(byte) { Ok(()) } else { Err(ParseError::Syntax { at: self.at, expected }) }
    }

    fn name(&mut self) -> Result<Cow<'a, str>, ParseError> {
        let name = match self.peek().and_then(|_| self.plain_string()) {
            Some(name) => Cow::Borrowed(name),
            None => self.scalar::<Name<'_>>()?.0,
        };
        self.expect(b':', "':'")?;
        Ok(name)
    }

    fn value(&mut self) -> Result<Json<'a>, ParseError> {
        if let Some(text) = self.plain_string() {
            return Ok(Json::Str(Cow::Borrowed(text)));
        }
        match self.plain_integer() {
            Some(value) => Ok(Json::Int(value)),
            None => Ok(self.scalar::<Scalar<'_>>()?.0),
        }
    }

    /// Passes over a string without escapes, if one is next.
    fn plain_string(&mut self) -> Option<&'a str> {
        let text = self.text[self.at..].strip_prefix(b"\"")?;
        let length = plain(text);
        let (text, rest) = text.split_at(length);
        let text = rest.starts_with(b"\"").then_some(text)?;
        let text = std::str::from_utf8(text).ok()?;
        self.at += length + 2;
        Some(text)
    }

    /// Passes over a number that is an integer of few digits, if one is next.
    fn plain_integer(&mut self) -> Option<i64> {
        const FEW: usize = 18;
        let text = &self.text[self.at..];
        let digits = text.iter().take(FEW + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let more = matches!(text.get(digits), Some(b'.' | b'e' | b'E'));
        if !(1..=FEW).contains(&digits) || more || digits > 1 && text[0] == b'0' {
            return None;
        }
        self.at += digits;
        Some(text[..digits].iter().fold(0, |value, digit| 10 * value + i64::from(digit - b'0')))
    }

    fn scalar<T: Deserialize<'a>>(&mut self) -> Result<T, ParseError> {
        let at = self.at;
        let mut values = serde_json::Deserializer::from_slice(&self.text[at..]).into_iter();
        match values.next() {
            Some(Ok(value)) => {
                self.at += values.byte_offset();
                Ok(value)
            }
            Some(Err(error)) => Err(ParseError::Scalar { at, error }),
            None => Err(ParseError::Syntax { at, expected: "a value" }),
        }
    }

    fn end(mut self, value: Json<'a>) -> Result<Json<'a>, ParseError> {
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(ParseError::Syntax { at: self.at, expected: "the end" }),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar { at, error } => write!(f, "at byte {at}: {error}"),
            Self::Syntax { at, expected } => write!(f, "at byte {at}: expected {expected}"),
            Self::Repeated(name) => write!(f, "member {name:?} twice in one object"),
            Self::TooLarge => f.write_str("more than 1,024 levels or 200,000 values"),
        }
    }
}

impl std::error::Error for ParseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Scalar { error, .. } = self { Some(error) } else { None }
    }
}

fn check_depth(open: &[Open<'_>]) -> Result<(), ParseError> {
    if open.len() > PARSE_DEPTH { Err(ParseError::TooLarge) } else { Ok(()) }
}

/// A string, number or literal.
struct Scalar<'a>(Json<'a>);

/// A string.
struct Name<'a>(Cow<'a, str>);

struct ScalarVisitor;

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(ScalarVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        match source.deserialize_str(ScalarVisitor)? {
            Json::Str(name) => Ok(Self(name)),
            _ => Err(de::Error::custom("expected a string")),
        }
    }
}

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, number or literal")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Str(Cow::Borrowed(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Json::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn numbers_are_exact() {
        for (text, expected) in [
            ("9007199254740993", Json::Int(9_007_199_254_740_993)),
            ("9223372036854775807", Json::Int(i64::MAX)),
            ("-9223372036854775808", Json::Int(i64::MIN)),
            ("9223372036854775808", Json::Uint(1 << 63)),
            ("18446744073709551615", Json::Uint(u64::MAX)),
            ("18446744073709551616", Json::Float(18446744073709551616.0)),
            ("-9223372036854775809", Json::Float(-9223372036854775809.0)),
            ("999999999999999999", Json::Int(999_999_999_999_999_999)),
            ("0", Json::Int(0)),
            ("12e1", Json::Float(120.0)),
            ("1.0", Json::Float(1.0)),
            ("5e-324", Json::Float(5e-324)),
        ] {
            assert_eq!(Json::parse(text.as_bytes()).unwrap(), expected);
        }
    }

    #[test]
    fn order_and_white_space_are_as_in_the_text() {
        let text = b" { \"b\" : [ 1 , {} , [ ] ]\t,\r\n\"a\":null } ";
        let list = Json::List(vec![Json::Int(1), Json::Object(vec![]), Json::List(vec![])]);
        let expected = Json::Object(vec![("b".into(), list), ("a".into(), Json::Null)]);
        assert_eq!(Json::parse(text).unwrap(), expected);
    }

    #[test]
    fn strings_borrow_unless_escaped() {
        let value = Json::parse(r#"{"k\u0000":["plain é","\ud83d\ude00"]}"#.as_bytes()).unwrap();
        let Some(Json::List(items)) = value.get("k\0") else { panic!("{value:?}") };
        assert!(matches!(&items[0], Json::Str(Cow::Borrowed("plain é"))));
        assert!(matches!(&items[1], Json::Str(Cow::Owned(text)) if text == "\u{1f600}"));
    }

    #[test]
    fn errors_say_where() {
        for (text, expected) in [
            ("", "at byte 0: expected a value"),
            ("[1,]", "at byte 3: "),
            ("[1 2]", "at byte 3: expected ',' or ']'"),
            ("[1}", "at byte 2: expected ',' or ']'"),
            ("{\"a\" 1}", "at byte 5: expected ':'"),
            ("{\"a\":1", "at byte 6: expected ',' or '}'"),
            ("{1:2}", "at byte 1: invalid type"),
            ("{\"a\":}", "at byte 5: "),
            ("1 2", "at byte 2: expected the end"),
            ("nul", "at byte 0: "),
            ("NaN", "at byte 0: "),
            ("1e999", "at byte 0: number out of range"),
            ("\"\u{1}\"", "at byte 0: control character"),
            ("\"\\ud800\"", "at byte 0: "),
            ("{\"a\":1,\"b\":2,\"a\":3}", "member \"a\" twice in one object"),
        ] {
            assert!(error(text).starts_with(expected), "{text}: {}", error(text));
        }
    }

    #[test]
    fn repeated_names_are_found_among_many() {
        let mut members: Vec<_> = (0..100).map(|index| format!("\"{index}\":0")).collect();
        assert!(Json::parse(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
        members.push("\"0\":0".into());
        assert_eq!(
            error(&format!("{{{}}}", members.join(","))),
            "member \"0\" twice in one object"
        );
    }

    #[test]
    fn nesting_and_number_of_values_are_limited() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |levels| format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let text = nested(1024);
            let value = Json::parse(text.as_bytes()).unwrap();
            assert_eq!(value.to_client_text(), text);
            assert!(matches!(Json::parse(nested(1025).as_bytes()), Err(ParseError::TooLarge)));
            assert!(Json::parse(open.repeat(1_000_000).as_bytes()).is_err());
        }
        let many = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
        assert!(Json::parse(many(PARSE_VALUES).as_bytes()).is_ok());
        let error = Json::parse(many(PARSE_VALUES + 1).as_bytes()).unwrap_err();
        assert!(matches!(error, ParseError::TooLarge));
    }
}
