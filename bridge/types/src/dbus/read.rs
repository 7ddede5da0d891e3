//! D-Bus values as JSON ones.

use serde::Deserialize;
use serde_json::{Number, Value};
use zbus::{Array, Dict, Structure, Variant};

use crate::Members;

/// Nesting of a text that stands for a value. The bridge lets no more through.
const TEXT_DEPTH: usize = 512;

/// A D-Bus value as a JSON one. What JSON does not have (a number that is none, a file descriptor)
/// is null.
pub fn value(variant: &Variant<'_>) -> Value {
    match variant {
        Variant::U8(value) => (*value).into(),
        Variant::Bool(value) => (*value).into(),
        Variant::I16(value) => (*value).into(),
        Variant::U16(value) => (*value).into(),
        Variant::I32(value) => (*value).into(),
        Variant::U32(value) => (*value).into(),
        Variant::I64(value) => (*value).into(),
        Variant::U64(value) => (*value).into(),
        Variant::F64(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
        Variant::Str(text) => text.as_str().into(),
        Variant::ObjectPath(path) => path.as_str().into(),
        Variant::Signature(signature) => match signature.to_string() {
            empty if empty.is_empty() => Value::Null,
            text => text.into(),
        },
        Variant::Variant(inner) => value(inner),
        Variant::Array(array) => list(array),
        Variant::Dict(dict) => Value::Object(members(dict)),
        Variant::Structure(structure) => text(structure),
        _ => Value::Null,
    }
}

/// The members of a dictionary. QAPI knows no keys but strings.
fn members(dict: &Dict<'_, '_>) -> Members {
    let member = |(key, held): (&Variant<'_>, &Variant<'_>)| match key {
        Variant::Str(key) => Some((key.as_str().to_owned(), value(held))),
        _ => None,
    };
    dict.iter().filter_map(member).collect()
}

/// Bytes are a string that D-Bus cannot hold: no schema has lists of them.
fn list(array: &Array<'_>) -> Value {
    let byte = |variant: &Variant<'_>| match variant {
        Variant::U8(byte) => Some(*byte),
        _ => None,
    };
    let is_text = *array.element_signature() == zbus::wire::Signature::U8;
    let bytes: Option<Vec<u8>> = is_text.then(|| array.iter().map(byte).collect()).flatten();
    match bytes.map(String::from_utf8) {
        Some(Ok(text)) => text.into(),
        _ => array.iter().map(value).collect(),
    }
}

/// JSON text stands for what nests too deep for D-Bus.
fn text(structure: &Structure<'_>) -> Value {
    match structure.fields() {
        [Variant::Str(text)] => parse(text).unwrap_or_else(|| text.as_str().into()),
        fields => fields.iter().map(value).collect(),
    }
}

fn parse(text: &str) -> Option<Value> {
    if depth(text) > TEXT_DEPTH {
        return None;
    }
    let mut source = serde_json::Deserializer::from_str(text);
    source.disable_recursion_limit();
    let value = Value::deserialize(&mut source).ok()?;
    source.end().ok().map(|()| value)
}

/// At most so many lists and objects are around a value of the text.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
