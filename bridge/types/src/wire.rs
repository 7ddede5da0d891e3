//! Values on their way in and out, whatever carries them.
//!
//! Out, a value shows itself as a [`View`], from which every form is written: JSON by serde, D-Bus by
//! `dbus`. In, every form becomes a [`Value`] first, from which a type takes what it knows.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use crate::object::{Fields, each_with_unlisted};

/// Members by QAPI name.
pub type Members = Map<String, Value>;

/// What a value is, for the one who writes it down.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the forms are named after what they hold")]
pub enum View<'a> {
    Null,
    Bool(bool),
    I16(i16),
    I32(i32),
    I64(i64),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    Number(f64),
    Str(&'a str),
    /// Elements and the D-Bus type of each.
    List(&'static str, &'a dyn Items),
    Object(&'a dyn Fields),
    /// A value that no schema says anything of.
    Any(&'a Value),
}

/// A value that can be written down.
pub trait Viewed {
    /// What it is.
    fn view(&self) -> View<'_>;
}

/// The elements of a list.
pub trait Items {
    /// Hands out each of them, in order.
    fn each(&self, f: &mut dyn FnMut(&dyn Viewed));
}

/// A QAPI type.
pub trait Wire: Viewed + Sized {
    /// The D-Bus signature of a value.
    const SIGNATURE: &'static str;
    /// The D-Bus signature of a list of values.
    const LIST: &'static str;
    /// What it is in JSON.
    const KIND: Kind;

    /// Takes a value.
    ///
    /// # Errors
    ///
    /// Where in the value something does not fit the type. What the type does not know is kept and
    /// no error.
    fn from_value(value: Value) -> Result<Self, Mismatch>;
}

/// What a value is in JSON, by which an alternate tells its forms apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the kinds are JSON's own")]
pub enum Kind {
    Null,
    Bool,
    Integer,
    Number,
    Str,
    List,
    Object,
    Any,
}

impl Kind {
    /// Whether a value is of this kind.
    pub fn holds(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Bool => value.is_boolean(),
            Self::Integer => integer(value).is_some(),
            Self::Number => value.is_number(),
            Self::Str => value.is_string(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::Any => true,
        }
    }
}

/// A value that does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Names and indexes from the outermost value, `file.options[2]`; empty for that value itself.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

impl Mismatch {
    /// Of the value itself.
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { path: String::new(), problem: problem.into() }
    }

    fn expected(what: &str, found: &Value) -> Self {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number that is none or does not fit",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        Self::new(format!("must be {what} and is {found}"))
    }

    /// The same, seen from the object around it.
    pub(crate) fn in_member(self, name: &str) -> Self {
        self.within(name)
    }

    fn within(mut self, step: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.problem),
            path => write!(f, "'{path}' {}", self.problem),
        }
    }
}

impl std::error::Error for Mismatch {}

/// QAPI `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Null;

impl Fields for Members {
    fn each(&self, f: &mut dyn FnMut(&str, &dyn Viewed)) {
        self.iter().for_each(|(name, value)| f(name, value));
    }

    fn unlisted(&self) -> Option<&Members> {
        None
    }
}

/// What a command gives that returns nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nothing;

fn integer(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or(value.as_u64().map(i128::from))
}

macro_rules! integers {
    ($($ty:ty: $view:ident $signature:literal $list:literal;)*) => {$(
        impl Viewed for $ty {
            fn view(&self) -> View<'_> {
                View::$view((*self).into())
            }
        }
        impl Wire for $ty {
            const SIGNATURE: &'static str = $signature;
            const LIST: &'static str = $list;
            const KIND: Kind = Kind::Integer;

            fn from_value(value: Value) -> Result<Self, Mismatch> {
                let found = integer(&value).and_then(|found| found.try_into().ok());
                found.ok_or_else(|| {
                    let what = concat!("an integer that fits ", stringify!($ty));
                    Mismatch::expected(what, &value)
                })
            }
        }
    )*};
}

integers! {
    // D-Bus has no signed byte.
    i8: I16 "n" "an";
    i16: I16 "n" "an";
    i32: I32 "i" "ai";
    i64: I64 "x" "ax";
    u8: U8 "y" "ay";
    u16: U16 "q" "aq";
    u32: U32 "u" "au";
    u64: U64 "t" "at";
}

macro_rules! scalars {
    ($($ty:ty: $kind:ident $signature:literal $list:literal $what:literal,
       $self:ident => $view:expr, $taken:pat => $value:expr;)*) => {$(
        impl Viewed for $ty {
            fn view(&$self) -> View<'_> {
                $view
            }
        }
        impl Wire for $ty {
            const SIGNATURE: &'static str = $signature;
            const LIST: &'static str = $list;
            const KIND: Kind = Kind::$kind;

            fn from_value(value: Value) -> Result<Self, Mismatch> {
                match value {
                    $taken => Ok($value),
                    #[allow(unreachable_patterns, reason = "some types take all")]
                    other => Err(Mismatch::expected($what, &other)),
                }
            }
        }
    )*};
}

scalars! {
    bool: Bool "b" "ab" "a boolean", self => View::Bool(*self), Value::Bool(value) => value;
    String: Str "s" "as" "a string", self => View::Str(self), Value::String(text) => text;
    Null: Null "v" "av" "null", self => View::Null, Value::Null => Null;
    Value: Any "v" "av" "anything", self => View::Any(self), value => value;
    Members: Object "a{sv}" "aa{sv}" "an object",
        self => View::Object(self), Value::Object(members) => members;
    Nothing: Object "a{sv}" "aa{sv}" "an object", self => View::Object(&Nothing), _ => Nothing;
}

impl Viewed for f64 {
    fn view(&self) -> View<'_> {
        View::Number(*self)
    }
}

impl Wire for f64 {
    const SIGNATURE: &'static str = "d";
    const LIST: &'static str = "ad";
    const KIND: Kind = Kind::Number;

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        value.as_f64().ok_or_else(|| Mismatch::expected("a number", &value))
    }
}

impl Viewed for str {
    fn view(&self) -> View<'_> {
        View::Str(self)
    }
}

impl Viewed for &str {
    fn view(&self) -> View<'_> {
        View::Str(self)
    }
}

impl Fields for Nothing {
    fn each(&self, _: &mut dyn FnMut(&str, &dyn Viewed)) {}

    fn unlisted(&self) -> Option<&Members> {
        None
    }
}

impl<T: Viewed> Viewed for Box<T> {
    fn view(&self) -> View<'_> {
        (**self).view()
    }
}

impl<T: Wire> Wire for Box<T> {
    const SIGNATURE: &'static str = T::SIGNATURE;
    const LIST: &'static str = T::LIST;
    const KIND: Kind = T::KIND;

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        T::from_value(value).map(Self::new)
    }
}

impl<T: Wire> Items for Vec<T> {
    fn each(&self, f: &mut dyn FnMut(&dyn Viewed)) {
        self.iter().for_each(|item| f(item));
    }
}

impl<T: Wire> Viewed for Vec<T> {
    fn view(&self) -> View<'_> {
        View::List(T::SIGNATURE, self)
    }
}

impl<T: Wire> Wire for Vec<T> {
    const SIGNATURE: &'static str = T::LIST;
    // QAPI has no lists of lists.
    const LIST: &'static str = "av";
    const KIND: Kind = Kind::List;

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let Value::Array(items) = value else { return Err(Mismatch::expected("a list", &value)) };
        let item =
            |(at, item)| T::from_value(item).map_err(|error| error.within(&format!("[{at}]")));
        items.into_iter().enumerate().map(item).collect()
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(value),
            Self::I16(value) => to.serialize_i16(value),
            Self::I32(value) => to.serialize_i32(value),
            Self::I64(value) => to.serialize_i64(value),
            Self::U8(value) => to.serialize_u8(value),
            Self::U16(value) => to.serialize_u16(value),
            Self::U32(value) => to.serialize_u32(value),
            Self::U64(value) => to.serialize_u64(value),
            Self::Number(value) => to.serialize_f64(value),
            Self::Str(text) => to.serialize_str(text),
            Self::Any(value) => value.serialize(to),
            Self::List(_, items) => serialize_list(items, to),
            Self::Object(fields) => serialize_object(fields, to),
        }
    }
}

fn serialize_list<S: Serializer>(items: &dyn Items, to: S) -> Result<S::Ok, S::Error> {
    let mut list = to.serialize_seq(None)?;
    let mut done = Ok(());
    items.each(&mut |item| {
        if done.is_ok() {
            done = serde::ser::SerializeSeq::serialize_element(&mut list, &item.view());
        }
    });
    done?;
    serde::ser::SerializeSeq::end(list)
}

fn serialize_object<S: Serializer>(fields: &dyn Fields, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    let mut done = Ok(());
    each_with_unlisted(fields, &mut |name, value| {
        if done.is_ok() {
            done = map.serialize_entry(name, &value.view());
        }
    });
    done?;
    map.end()
}

/// A value as a tree.
///
/// # Errors
///
/// None: a number that JSON does not have becomes null.
pub fn to_value(value: &dyn Viewed) -> Value {
    // Strings, numbers and maps of strings always serialise.
    serde_json::to_value(value.view()).unwrap_or_default()
}
