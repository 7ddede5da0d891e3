//! JSON to D-Bus: bodies of replies and signals, written in one pass.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeStruct, SerializeTuple, Serializer,
};
use zbus::{
    DynamicType, Signature,
    wire::{LE, serialized::Context, serialized_size},
};

use super::{
    at::At,
    form::{Form, admits, names_collide, without_nul},
    json::Json,
    members::Members,
    refusal::expected,
    shape::{Object, Shape},
};

/// One argument of a message.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// Name, for error texts.
    pub name: &'static str,
    /// Its type.
    pub shape: Shape,
    /// Its value.
    pub value: Json<'a>,
}

/// The body of a message; `zbus::message::Builder::build` takes it.
///
/// Whatever the peer sent is delivered: in variants by the schema where it fits, else by the rule
/// for `any`, and as JSON text where D-Bus has no room (mapping, sections 2 and 7). What comes out
/// passes `zbus::message::Body::validate` if it is within the bus' limits of size.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    parts: &'a [Part<'a>],
}

/// The peer sent what the declared type cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    expected: String,
    found: String,
}

impl<'a> Body<'a> {
    /// A body of these arguments, in this order.
    ///
    /// # Errors
    ///
    /// A value outside variants does not fit its type.
    pub fn new(parts: &'a [Part<'a>]) -> Result<Self, At<Misfit>> {
        for part in parts {
            check(part.shape, &part.value).map_err(|misfit| misfit.in_member(part.name))?;
        }
        Ok(Self { parts })
    }

    /// Bytes of this body in a message. Costs about as much as building the message.
    ///
    /// # Errors
    ///
    /// Those of `zbus`, which has none for what [`Body::new`] lets pass.
    pub fn size(&self) -> zbus::Result<usize> {
        serialized_size(Context::new(LE, 0), self).map(|size| *size)
    }
}

impl DynamicType for Body<'_> {
    fn signature(&self) -> Signature {
        match self.parts {
            [] => Signature::Unit,
            [part] => signature(part.shape),
            parts => Signature::structure(
                parts.iter().map(|part| signature(part.shape)).collect::<Vec<_>>(),
            ),
        }
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.parts {
            [] => to.serialize_unit(),
            [part] => part.typed(1).serialize(to),
            parts => {
                let mut tuple = to.serialize_tuple(parts.len())?;
                parts.iter().try_for_each(|part| tuple.serialize_element(&part.typed(1)))?;
                tuple.end()
            }
        }
    }
}

impl Part<'_> {
    /// Within so many containers, of which the list of arguments is one.
    pub(super) fn typed(&self, depth: usize) -> Typed<'_> {
        Typed { shape: self.shape, value: &self.value, depth }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be {}, and the peer sent {}", self.expected, self.found)
    }
}

impl std::error::Error for Misfit {}

/// A value by its own type, within `depth` containers.
pub(super) struct Typed<'a> {
    shape: Shape,
    value: &'a Json<'a>,
    depth: usize,
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { shape, value, depth } = *self;
        match (shape, value) {
            (Shape::Str, Json::Str(text)) => to.serialize_str(&without_nul(text)),
            (Shape::Bytes, Json::Str(text)) => {
                to.serialize_bytes(&STANDARD.decode(&**text).map_err(S::Error::custom)?)
            }
            (Shape::Bool, Json::Bool(value)) => to.serialize_bool(*value),
            (Shape::Number, Json::Int(value)) => to.serialize_f64(*value as f64),
            (Shape::Number, Json::Uint(value)) => to.serialize_f64(*value as f64),
            (Shape::Number, Json::Float(value)) => to.serialize_f64(*value),
            (Shape::Object(object), Json::Object(_)) => {
                Dictionary { object, value, depth }.serialize(to)
            }
            (Shape::List(element), Json::List(items)) => {
                to.collect_seq(items.iter().map(|value| Typed {
                    shape: *element,
                    value,
                    depth: depth + 1,
                }))
            }
            (Shape::Any | Shape::Null | Shape::Alternate(_), _) => {
                Variant { shape, value, depth }.serialize(to)
            }
            _ => serialize_integer(shape, value, to),
        }
    }
}

/// A variant within `depth` containers.
struct Variant<'a> {
    shape: Shape,
    value: &'a Json<'a>,
    depth: usize,
}

impl Serialize for Variant<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let form = Form::of(self.shape, self.value, self.depth);
        // The way in which zbus' own variants present themselves to its serializer.
        let mut variant = to.serialize_struct("Variant", 2)?;
        variant.serialize_field("signature", &form.signature())?;
        variant
            .serialize_field("value", &Held { form, value: self.value, depth: self.depth + 1 })?;
        variant.end()
    }
}

/// What a variant holds, within `depth` containers.
struct Held<'a> {
    form: Form,
    value: &'a Json<'a>,
    depth: usize,
}

impl Serialize for Held<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { form, value, depth } = *self;
        match (form, value) {
            (Form::Typed(shape), _) => Typed { shape, value, depth }.serialize(to),
            (Form::Bytes, Json::Str(text)) => to.serialize_bytes(text.as_bytes()),
            (Form::Variants(element), Json::List(items)) => {
                to.collect_seq(items.iter().map(|value| Variant {
                    shape: *element,
                    value,
                    depth: depth + 1,
                }))
            }
            (Form::Text, _) => {
                let mut fields = to.serialize_tuple(1)?;
                fields.serialize_element(&value.to_client_text())?;
                fields.end()
            }
            // The empty signature.
            _ => to.serialize_str(""),
        }
    }
}

/// An object within `depth` containers.
struct Dictionary<'a> {
    object: &'static Object,
    value: &'a Json<'a>,
    depth: usize,
}

impl Serialize for Dictionary<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let known = Members::new(self.object, |tag| self.value.get(tag).and_then(Json::as_str));
        let members: &[_] = if let Json::Object(members) = self.value { members } else { &[] };
        let mut map = to.serialize_map(Some(members.len()))?;
        for (name, value) in members {
            let shape = known.shape(name);
            map.serialize_key(&*without_nul(name))?;
            map.serialize_value(&Variant { shape, value, depth: self.depth + 2 })?;
        }
        map.end()
    }
}

fn serialize_integer<S: Serializer>(
    shape: Shape,
    value: &Json<'_>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match shape {
        Shape::Int8 | Shape::Int16 => to.serialize_i16(narrow(value)?),
        Shape::Int32 => to.serialize_i32(narrow(value)?),
        Shape::Int64 => to.serialize_i64(narrow(value)?),
        Shape::Uint8 => to.serialize_u8(narrow(value)?),
        Shape::Uint16 => to.serialize_u16(narrow(value)?),
        Shape::Uint32 => to.serialize_u32(narrow(value)?),
        Shape::Uint64 => to.serialize_u64(narrow(value)?),
        _ => Err(S::Error::custom("a value was not checked against its type")),
    }
}

fn narrow<T: TryFrom<i128>, E: serde::ser::Error>(value: &Json<'_>) -> Result<T, E> {
    let fitting = value.as_integer().and_then(|value| T::try_from(value).ok());
    fitting.ok_or_else(|| E::custom("an integer was not checked against its type"))
}

pub(super) fn signature(shape: Shape) -> Signature {
    match shape {
        Shape::Str => Signature::Str,
        Shape::Bool => Signature::Bool,
        Shape::Int8 | Shape::Int16 => Signature::I16,
        Shape::Int32 => Signature::I32,
        Shape::Int64 => Signature::I64,
        Shape::Uint8 => Signature::U8,
        Shape::Uint16 => Signature::U16,
        Shape::Uint32 => Signature::U32,
        Shape::Uint64 => Signature::U64,
        Shape::Number => Signature::F64,
        Shape::Any | Shape::Null | Shape::Alternate(_) => Signature::Variant,
        Shape::Fd => Signature::Fd,
        Shape::Bytes => Signature::static_array(&Signature::U8),
        Shape::Object(_) => Signature::static_dict(&Signature::Str, &Signature::Variant),
        Shape::List(element) => Signature::array(signature(*element)),
    }
}

fn check(shape: Shape, value: &Json<'_>) -> Result<(), At<Misfit>> {
    match (shape, value) {
        _ if admits(shape, value) => Ok(()),
        (Shape::List(element), Json::List(items)) => {
            items.iter().enumerate().try_for_each(|(index, item)| {
                check(*element, item).map_err(|misfit| misfit.in_element(index))
            })
        }
        _ => Err(Misfit { expected: expected(shape), found: found(value) }.into()),
    }
}

fn found(value: &Json<'_>) -> String {
    match value {
        Json::Null => "null".into(),
        Json::Bool(value) => value.to_string(),
        Json::Int(value) => value.to_string(),
        Json::Uint(value) => value.to_string(),
        Json::Float(value) => format!("{value:?}"),
        Json::Str(_) => "a string".into(),
        Json::List(_) => "a list".into(),
        Json::Object(members) if names_collide(members) => {
            "an object with names that differ in U+0000 only".into()
        }
        Json::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests;
