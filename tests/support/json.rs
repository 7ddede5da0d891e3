//! D-Bus values as JSON, by what the mapping says of each type, and back.

use serde_json::{Map, Number, Value, json};
use std::collections::HashMap;
use zbus::{Array, Dict, Message, Structure, Variant};

/// Arguments by name, as D-Bus carries them.
pub type Dictionary = HashMap<String, Variant<'static>>;

/// The body of a message: `null` without arguments, the value of a single one, else a list.
pub fn body(message: &Message) -> Value {
    let mut values = arguments(message);
    match values.len() {
        0 => Value::Null,
        1 => values.remove(0),
        _ => Value::Array(values),
    }
}

/// The arguments of a message.
pub fn arguments(message: &Message) -> Vec<Value> {
    let body = message.body();
    if body.is_empty() && body.signature().to_string().is_empty() {
        return Vec::new();
    }
    let body: Structure<'_> = body.deserialize().unwrap();
    body.fields().iter().map(from_variant).collect()
}

/// One value.
///
/// # Panics
/// For a type that the mapping does not use.
pub fn from_variant(variant: &Variant<'_>) -> Value {
    match variant {
        Variant::U8(value) => json!(value),
        Variant::I16(value) => json!(value),
        Variant::U16(value) => json!(value),
        Variant::I32(value) => json!(value),
        Variant::U32(value) => json!(value),
        Variant::I64(value) => json!(value),
        Variant::U64(value) => json!(value),
        Variant::F64(value) => Value::from(*value),
        Variant::Bool(value) => json!(value),
        Variant::Str(value) => json!(value.as_str()),
        Variant::ObjectPath(value) => json!(value.as_str()),
        Variant::Signature(value) => null(&value.to_string()),
        Variant::Variant(value) => from_variant(value),
        Variant::Array(value) => from_array(value),
        Variant::Dict(value) => from_dict(value),
        Variant::Structure(value) => from_text(value),
        other => panic!("no JSON stands for {other:?}"),
    }
}

/// An object as `a{sv}`.
///
/// # Panics
/// If it is no object.
pub fn dictionary(value: Value) -> Dictionary {
    let Value::Object(members) = value else { panic!("{value} is no object") };
    members.into_iter().map(|(name, value)| (name, to_variant(value))).collect()
}

/// A list of objects as `aa{sv}`.
///
/// # Panics
/// If it is none.
pub fn dictionaries(value: Value) -> Vec<Dictionary> {
    let Value::Array(values) = value else { panic!("{value} is no list") };
    values.into_iter().map(dictionary).collect()
}

/// A value by the rule for `any`.
pub fn to_variant(value: Value) -> Variant<'static> {
    match value {
        Value::Null => Variant::Signature(zbus::wire::Signature::Unit),
        Value::Bool(value) => value.into(),
        Value::Number(value) => to_number(&value),
        Value::String(value) => value.into(),
        Value::Array(values) => {
            Variant::new(values.into_iter().map(to_variant).collect::<Vec<_>>())
        }
        value @ Value::Object(_) => Variant::new(dictionary(value)),
    }
}

/// The same value with numbers that are whole written as integers, so that `1` and `1.0` compare
/// alike: both say one in QAPI.
pub fn plain(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(plain).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, plain(value))).collect()
        }
        Value::Number(number) => whole(&number).unwrap_or(Value::Number(number)),
        other => other,
    }
}

fn whole(number: &Number) -> Option<Value> {
    let float = if number.is_f64() { number.as_f64()? } else { return None };
    (float.fract() == 0.0 && float.abs() < 9e15).then(|| json!(float as i64))
}

fn null(signature: &str) -> Value {
    assert_eq!(signature, "", "only null travels as a signature");
    Value::Null
}

/// `ay` holds the UTF-8 bytes of a string with U+0000; QAPI has no lists of bytes.
fn from_array(array: &Array<'_>) -> Value {
    if array.element_signature().to_string() != "y" {
        return array.inner().iter().map(from_variant).collect();
    }
    let bytes = array.inner().iter().map(|byte| u8::try_from(byte).unwrap()).collect();
    Value::String(String::from_utf8(bytes).unwrap())
}

fn from_dict(dict: &Dict<'_, '_>) -> Value {
    let mut members = Map::new();
    for (name, value) in dict.iter() {
        let Value::String(name) = from_variant(name) else { panic!("{name:?} is no name") };
        members.insert(name, from_variant(value));
    }
    Value::Object(members)
}

/// `(s)` holds the JSON text of what nests too deep for D-Bus.
fn from_text(structure: &Structure<'_>) -> Value {
    let [text] = structure.fields() else { panic!("{structure:?} is no JSON text") };
    let text: &str = text.downcast_ref().unwrap();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    zbus::export::serde::Deserialize::deserialize(&mut deserializer).unwrap()
}

fn to_number(number: &Number) -> Variant<'static> {
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(value), _, _) => value.into(),
        (_, Some(value), _) => value.into(),
        (_, _, Some(value)) => value.into(),
        _ => unreachable!("a JSON number is one of these"),
    }
}
