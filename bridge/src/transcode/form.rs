//! What a variant holds: the type for a value, chosen by shape, value and the room that is left.

use std::{borrow::Cow, collections::HashSet};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    integer::carried,
    json::Json,
    limits::{DBUS_ARRAYS, DBUS_DEPTH},
    shape::{Shape, UNKNOWN},
};

/// What a variant holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// The type of a shape that is not itself a variant.
    Typed(Shape),
    /// `g`, empty: JSON null.
    Null,
    /// `ay`: the bytes of a string that D-Bus cannot hold.
    Bytes,
    /// `av`, for a list whose elements do not share one type; each by this shape where it can.
    Variants(&'static Shape),
    /// `(s)`: JSON text, for what D-Bus has no room for.
    Text,
}

impl Form {
    /// The form of a value in a variant that is in `depth` containers.
    pub(super) fn of(shape: Shape, value: &Json<'_>, depth: usize) -> Self {
        let form = Self::natural(shape, value);
        if form.has_room(value, depth) { form } else { Self::Text }
    }

    /// The signature for the variant.
    pub(super) fn signature(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Typed(Shape::Object(_)) => "a{sv}",
            Self::Typed(Shape::Str) => "s",
            Self::Typed(shape) => {
                let mut signature = String::new();
                shape.push_signature(&mut signature);
                return Cow::Owned(signature);
            }
            Self::Null => "g",
            Self::Bytes => "ay",
            Self::Variants(_) => "av",
            Self::Text => "(s)",
        })
    }

    fn natural(shape: Shape, value: &Json<'_>) -> Self {
        match (shape, value) {
            (Shape::Alternate(branches), _) => {
                let branch = branches.iter().find(|branch| is_branch(**branch, value));
                branch.map_or_else(|| Self::any(value), |branch| Self::natural(*branch, value))
            }
            (Shape::List(element), Json::List(_)) if !fits(shape, value) => Self::Variants(element),
            (Shape::Any | Shape::Null | Shape::Fd, _) => Self::any(value),
            _ if fits(shape, value) => Self::Typed(shape),
            _ => Self::any(value),
        }
    }

    fn any(value: &Json<'_>) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(_) => Self::Typed(Shape::Bool),
            Json::Int(_) => Self::Typed(Shape::Int64),
            Json::Uint(_) => Self::Typed(Shape::Uint64),
            Json::Float(_) => Self::Typed(Shape::Number),
            Json::Str(text) if has_nul(text) => Self::Bytes,
            Json::Str(_) => Self::Typed(Shape::Str),
            Json::List(_) => Self::Variants(&Shape::Any),
            Json::Object(members) if names_collide(members) => Self::Text,
            Json::Object(_) => Self::Typed(Shape::Object(&UNKNOWN)),
        }
    }

    /// Whether all of the value has a place on D-Bus, in a variant that is in `depth` containers.
    ///
    /// Counts as GLib does: a variant counts as holding all that its type could hold, even in an
    /// empty array.
    fn has_room(self, value: &Json<'_>, depth: usize) -> bool {
        let (levels, arrays) = match self {
            Self::Typed(shape) => extent(shape),
            Self::Null => (1, 0),
            Self::Bytes | Self::Text | Self::Variants(_) => (2, 1),
        };
        match depth + levels {
            _ if arrays > DBUS_ARRAYS => false,
            // Whatever the innermost variants hold, there is room for its JSON text.
            deepest if deepest <= DBUS_DEPTH - 2 => true,
            deepest if deepest <= DBUS_DEPTH => match self {
                Self::Typed(shape) => holds(shape, value, depth + 1),
                Self::Variants(_) => holds(Shape::List(&Shape::Any), value, depth + 1),
                Self::Null | Self::Bytes | Self::Text => true,
            },
            _ => false,
        }
    }
}

/// Whether the type of this shape can hold the value without loss.
pub(super) fn fits(shape: Shape, value: &Json<'_>) -> bool {
    admits(shape, value) && !loses_nul(shape, value)
}

/// Whether the type of this shape can hold the value, if need be with another character for each
/// U+0000.
pub(super) fn admits(shape: Shape, value: &Json<'_>) -> bool {
    match (shape, value) {
        (Shape::Any | Shape::Alternate(_) | Shape::Null, _)
        | (Shape::Str, Json::Str(_))
        | (Shape::Bool, Json::Bool(_))
        | (Shape::Number, Json::Int(_) | Json::Uint(_) | Json::Float(_)) => true,
        (Shape::Bytes, Json::Str(text)) => STANDARD.decode(&**text).is_ok(),
        (Shape::Object(_), Json::Object(members)) => !names_collide(members),
        (Shape::List(element), Json::List(items)) => {
            items.iter().all(|item| admits(*element, item))
        }
        _ => match (carried(shape), value.as_integer()) {
            (Some(range), Some(value)) => range.contains(&value),
            _ => false,
        },
    }
}

/// Whether D-Bus strings cannot hold this text.
pub(super) fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

/// The text with U+FFFD in place of each U+0000, which no string on the bus can hold.
pub(super) fn without_nul(text: &str) -> Cow<'_, str> {
    if has_nul(text) { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

/// Whether members would be one and the same dictionary key.
pub(super) fn names_collide(members: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    if !members.iter().any(|(name, _)| has_nul(name)) {
        return false;
    }
    let mut names = HashSet::new();
    !members.iter().all(|(name, _)| names.insert(without_nul(name)))
}

fn loses_nul(shape: Shape, value: &Json<'_>) -> bool {
    match (shape, value) {
        (Shape::Str, Json::Str(text)) => has_nul(text),
        (Shape::List(element), Json::List(items)) => {
            items.iter().any(|item| loses_nul(*element, item))
        }
        _ => false,
    }
}

/// Whether the value is meant by this branch of an alternate. Elements of a list do not matter:
/// no two branches are lists.
fn is_branch(branch: Shape, value: &Json<'_>) -> bool {
    match (branch, value) {
        (Shape::Null, _) => matches!(value, Json::Null),
        (Shape::List(_), _) => matches!(value, Json::List(_)),
        (Shape::Str, _) => matches!(value, Json::Str(_)),
        _ => admits(branch, value),
    }
}

/// How many levels a type goes down, and how many of them are arrays within each other.
fn extent(shape: Shape) -> (usize, usize) {
    match shape {
        Shape::Object(_) => (3, 1),
        Shape::Bytes => (2, 1),
        Shape::List(element) => {
            let (levels, arrays) = extent(*element);
            (levels + 1, arrays + 1)
        }
        _ => (1, 0),
    }
}

/// Whether each variant within a value that is in `depth` containers has room for what it holds.
fn holds(shape: Shape, value: &Json<'_>, depth: usize) -> bool {
    match (shape, value) {
        (Shape::Object(_), Json::Object(members)) => {
            members.iter().all(|(_, value)| variant_holds(value, depth + 2))
        }
        (Shape::List(element), Json::List(items)) => {
            items.iter().all(|item| holds(*element, item, depth + 1))
        }
        (Shape::Any | Shape::Null | Shape::Alternate(_), _) => variant_holds(value, depth),
        _ => true,
    }
}

/// Whether a variant in `depth` containers has room for the value, or at least for its JSON text.
fn variant_holds(value: &Json<'_>, depth: usize) -> bool {
    let needed = match value {
        Json::List(_) | Json::Object(_) => 2,
        Json::Str(text) if has_nul(text) => 2,
        _ => 1,
    };
    depth + needed <= DBUS_DEPTH
}
