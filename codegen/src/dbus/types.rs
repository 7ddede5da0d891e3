//! What D-Bus makes of a QAPI type (mapping, section 2).

use crate::model::{Builtin, Kind, Schema, TypeId};

/// The type of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `s`
    Str,
    /// `s`: the enumeration of this name, open to values of a newer peer.
    Enum(String),
    /// `b`
    Bool,
    /// `n`: D-Bus has no signed byte.
    Int8,
    /// `n`
    Int16,
    /// `i`
    Int32,
    /// `x`
    Int64,
    /// `y`
    Uint8,
    /// `q`
    Uint16,
    /// `u`
    Uint32,
    /// `t`
    Uint64,
    /// `d`
    Number,
    /// `v`: `any`.
    Any,
    /// `v`: `null`.
    Null,
    /// `h`: a file descriptor, which QAPI has no type for.
    Fd,
    /// `a{sv}`: the struct or union of this name.
    Object(String),
    /// `a{sv}` of which no schema says more.
    Dictionary,
    /// `a` and the element's type.
    List(Box<Shape>),
    /// `v`: one of these. The name is empty where a released signature alone makes it a variant.
    Alternate(String, Vec<Shape>),
}

/// Which way a value goes, and so how far its declared type may lag behind the schema's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the peer, which judges it: input is tolerant.
    In,
    /// From the peer: what was declared must hold whatever comes.
    Out,
}

impl Shape {
    /// The shape of a type of this schema.
    pub fn of(schema: &Schema, id: TypeId) -> Self {
        let ty = schema.ty(id);
        match &ty.kind {
            Kind::Builtin(builtin) => Self::of_builtin(*builtin),
            Kind::Enum { .. } => Self::Enum(ty.info.name.clone()),
            Kind::Struct { .. } | Kind::Union { .. } => Self::Object(ty.info.name.clone()),
            Kind::Alternate { branches } => {
                let forms = branches.iter().map(|form| Self::of(schema, form.ty)).collect();
                Self::Alternate(ty.info.name.clone(), forms)
            }
            Kind::Array(element) => Self::List(Box::new(Self::of(schema, *element))),
        }
    }

    /// The D-Bus signature.
    pub fn signature(&self) -> String {
        match self {
            Self::Str | Self::Enum(_) => "s".into(),
            Self::Bool => "b".into(),
            Self::Int8 | Self::Int16 => "n".into(),
            Self::Int32 => "i".into(),
            Self::Int64 => "x".into(),
            Self::Uint8 => "y".into(),
            Self::Uint16 => "q".into(),
            Self::Uint32 => "u".into(),
            Self::Uint64 => "t".into(),
            Self::Number => "d".into(),
            Self::Any | Self::Null | Self::Alternate(..) => "v".into(),
            Self::Fd => "h".into(),
            Self::Object(_) | Self::Dictionary => DICTIONARY.into(),
            Self::List(element) => format!("a{}", element.signature()),
        }
    }

    /// What a signature tells of a shape; none if the mapping never produces it.
    pub fn from_signature(signature: &str) -> Option<Self> {
        Some(match signature {
            "s" => Self::Str,
            "b" => Self::Bool,
            "n" => Self::Int16,
            "i" => Self::Int32,
            "x" => Self::Int64,
            "y" => Self::Uint8,
            "q" => Self::Uint16,
            "u" => Self::Uint32,
            "t" => Self::Uint64,
            "d" => Self::Number,
            "v" => Self::Any,
            "h" => Self::Fd,
            DICTIONARY => Self::Dictionary,
            list => Self::List(Box::new(Self::from_signature(list.strip_prefix('a')?)?)),
        })
    }

    /// The shape to serve where `self` is declared and the schema says `actual`: the declared type
    /// with what the schema knows of it. None if values of the one do not fit the other.
    pub(super) fn held_against(&self, actual: &Self, direction: Direction) -> Option<Self> {
        if self.signature() == actual.signature() {
            return Some(actual.clone());
        }
        match (self, actual) {
            (declared, actual) if declared.is_integer() && actual.is_integer() => {
                Some(declared.clone())
            }
            (Self::List(declared), Self::List(actual)) => {
                Some(Self::List(Box::new(declared.held_against(actual, direction)?)))
            }
            (Self::Any | Self::Null | Self::Alternate(..), actual) => {
                Some(Self::Alternate(String::new(), vec![actual.clone()]))
            }
            (declared, Self::Alternate(_, forms)) if direction == Direction::In => {
                forms.iter().find_map(|form| declared.held_against(form, direction))
            }
            _ => None,
        }
    }

    /// The shape for a new signature where older schemas said `self` and a newer one says `newer`.
    pub(super) fn merged_with(&self, newer: &Self, direction: Direction) -> Option<Self> {
        match (self, newer) {
            (older, newer) if older.is_integer() && newer.is_integer() => Some(newer.clone()),
            (Self::List(older), Self::List(newer)) => {
                Some(Self::List(Box::new(older.merged_with(newer, direction)?)))
            }
            _ => self.held_against(newer, direction),
        }
    }

    fn of_builtin(builtin: Builtin) -> Self {
        match builtin {
            Builtin::Str => Self::Str,
            Builtin::Bool => Self::Bool,
            Builtin::Number => Self::Number,
            Builtin::Int64 => Self::Int64,
            Builtin::Int8 => Self::Int8,
            Builtin::Int16 => Self::Int16,
            Builtin::Int32 => Self::Int32,
            Builtin::Uint8 => Self::Uint8,
            Builtin::Uint16 => Self::Uint16,
            Builtin::Uint32 => Self::Uint32,
            Builtin::Uint64 => Self::Uint64,
            Builtin::Null => Self::Null,
            Builtin::Any => Self::Any,
        }
    }

    /// Whether it is an integer of any width.
    pub(crate) fn is_integer(&self) -> bool {
        matches!(
            self,
            Self::Int8
                | Self::Int16
                | Self::Int32
                | Self::Int64
                | Self::Uint8
                | Self::Uint16
                | Self::Uint32
                | Self::Uint64
        )
    }
}

/// The signature of structs, unions and the trailing dictionary.
pub const DICTIONARY: &str = "a{sv}";

#[cfg(test)]
mod tests {
    use super::*;

    fn alternate(forms: Vec<Shape>) -> Shape {
        Shape::Alternate(String::new(), forms)
    }

    fn list(element: Shape) -> Shape {
        Shape::List(Box::new(element))
    }

    #[test]
    fn signature_and_shape_agree() {
        let signatures =
            ["s", "b", "n", "i", "x", "y", "q", "u", "t", "d", "v", "h", "a{sv}", "as", "aa{sv}"];
        for signature in signatures {
            assert_eq!(Shape::from_signature(signature).unwrap().signature(), signature);
        }
        for foreign in ["", "a", "o", "g", "(s)", "a{ss}", "a{sv}s"] {
            assert_eq!(Shape::from_signature(foreign), None, "{foreign}");
        }
        assert_eq!(Shape::Int8.signature(), "n");
    }

    #[test]
    fn declared_integer_holds_and_new_one_takes_the_newest() {
        let (older, newer) = (list(Shape::Int64), list(Shape::Uint64));
        for direction in [Direction::In, Direction::Out] {
            assert_eq!(older.held_against(&newer, direction), Some(older.clone()));
            assert_eq!(older.merged_with(&newer, direction), Some(newer.clone()));
        }
    }

    #[test]
    fn declared_type_holds_against_an_alternate_of_it_on_input_only() {
        let newer = list(alternate(vec![Shape::Bool, Shape::Str]));
        let older = list(Shape::Bool);
        assert_eq!(older.held_against(&newer, Direction::In), Some(older.clone()));
        assert_eq!(older.merged_with(&newer, Direction::In), Some(older.clone()));
        assert_eq!(older.held_against(&newer, Direction::Out), None);
        assert_eq!(list(Shape::Number).held_against(&newer, Direction::In), None);
    }

    #[test]
    fn declared_variant_holds_against_anything() {
        let declared = alternate(vec![Shape::Bool, Shape::Str]);
        let held = declared.held_against(&Shape::Bool, Direction::Out).unwrap();
        assert_eq!(held, alternate(vec![Shape::Bool]));
        assert_eq!(held.signature(), "v");
    }

    #[test]
    fn same_signature_takes_what_the_schema_knows() {
        let actual = Shape::Object("BlockInfo".into());
        assert_eq!(Shape::Dictionary.held_against(&actual, Direction::Out), Some(actual));
        assert_eq!(Shape::Int16.held_against(&Shape::Int8, Direction::Out), Some(Shape::Int8));
        assert_eq!(Shape::Str.held_against(&Shape::Bool, Direction::In), None);
    }
}
