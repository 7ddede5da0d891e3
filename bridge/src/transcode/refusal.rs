//! What a caller is told when a call cannot be passed on.

use std::{fmt, ops::RangeInclusive};

use super::{
    at::At,
    integer::range,
    parse::ParseError,
    reader::Malformed,
    shape::{Method, Shape},
    writer::Unwritable,
};

/// Why a call was refused; nothing of it reached the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `org.freedesktop.DBus.Error.InvalidArgs`
    InvalidArgs(String),
    /// `org.qemu.QapiError.NotSent.TooLarge`
    TooLarge(String),
}

/// What is wrong with an argument, or with all of them.
#[derive(Debug)]
pub(super) enum Problem {
    /// The arguments as a whole do not match; says what would.
    Arguments(String),
    /// Another type than declared.
    Type { expected: Shape, found: String },
    /// An integer that its QAPI type cannot hold.
    Range { shape: Shape, value: i128 },
    /// A type that has no JSON form.
    Formless(String),
    /// Bytes that are not text.
    NotUtf8,
    /// The same name twice.
    Repeated(String),
    /// A name with `@` that is none of the reserved ones.
    Reserved(&'static str),
    /// JSON text that is none.
    Text(ParseError),
    /// A descriptor that did not come along, or could not be kept.
    Descriptor,
    /// The bytes of the message.
    Malformed,
    /// The peer would refuse it.
    Unwritable(Unwritable),
}

impl Problem {
    /// The refusal for a call that arrived with this signature.
    pub(super) fn refuse(at: At<Self>, method: &Method, arrived: &str) -> Refused {
        let (name, declared) = (method.name, method.signature());
        let text = format!("{name} takes '{declared}' and was called with '{arrived}': {at}");
        match at.error {
            Self::Unwritable(limit) if limit.is_too_large() => Refused::TooLarge(text),
            Self::Text(ParseError::TooLarge) => Refused::TooLarge(text),
            _ => Refused::InvalidArgs(text),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(text) => f.write_str(text),
            Self::Type { expected: shape, found } => {
                write!(f, "must be {}, not '{found}'", expected(*shape))
            }
            Self::Range { shape, value } => {
                let (low, high) = range(*shape).map_or((0, 0), RangeInclusive::into_inner);
                write!(f, "is {value}, which is not from {low} to {high}")
            }
            Self::Formless(found) => write!(
                f,
                "has type '{found}', which has no JSON form; \
                 send objects as 'a{{sv}}', lists as arrays, descriptors where 'h' is declared"
            ),
            Self::NotUtf8 => {
                f.write_str("holds bytes that are not UTF-8; encode them as the command asks for")
            }
            Self::Repeated(name) => write!(f, "'{name}' is given twice; leave one of them out"),
            Self::Reserved(fix) => f.write_str(fix),
            Self::Text(error) => write!(f, "holds text that is not JSON: {error}"),
            Self::Descriptor => f.write_str("refers to a file descriptor that did not arrive"),
            Self::Malformed => f.write_str("the body is not a valid D-Bus message"),
            Self::Unwritable(error) => error.fmt(f),
        }
    }
}

impl From<Malformed> for Problem {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<Unwritable> for Problem {
    fn from(error: Unwritable) -> Self {
        Self::Unwritable(error)
    }
}

impl From<ParseError> for Problem {
    fn from(error: ParseError) -> Self {
        Self::Text(error)
    }
}

impl From<Malformed> for At<Problem> {
    fn from(error: Malformed) -> Self {
        Problem::from(error).into()
    }
}

impl From<Unwritable> for At<Problem> {
    fn from(error: Unwritable) -> Self {
        Problem::from(error).into()
    }
}

impl From<ParseError> for At<Problem> {
    fn from(error: ParseError) -> Self {
        Problem::from(error).into()
    }
}

impl From<At<Unwritable>> for At<Problem> {
    fn from(at: At<Unwritable>) -> Self {
        Self { path: at.path, error: at.error.into() }
    }
}

/// A type in words, with its D-Bus signature.
pub(super) fn expected(shape: Shape) -> String {
    let kind = match shape {
        Shape::Str => "a string",
        Shape::Bool => "a boolean",
        Shape::Number => "a number",
        Shape::Any => "any value",
        Shape::Null => "null, an empty 'g'",
        Shape::Fd => "a file descriptor",
        Shape::Bytes => "bytes",
        Shape::Object(_) => "a dictionary",
        Shape::List(_) => "a list",
        Shape::Alternate(_) => "one of several types",
        _ => "an integer",
    };
    let mut signature = String::new();
    shape.push_signature(&mut signature);
    format!("{kind} ('{signature}')")
}
