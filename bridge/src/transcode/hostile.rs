//! Bytes that nobody honest would send.

use proptest::{collection::vec, prelude::*, sample::select};
use zbus::Message;

use super::{
    Body, Json, Part,
    reader::Reader,
    roundtrip::{anything, method, shapes, value},
    shape::{Shape, UNKNOWN},
    to_json::read,
};

/// Text made of what JSON is made of.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let tokens: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b" ",
        b"\n",
        b"null",
        b"true",
        b"false",
        b"0",
        b"-1",
        b"1.5",
        b"1e9",
        b"-0",
        b"1e",
        b"18446744073709551615",
        b"99999999999999999999",
        b"\"\"",
        b"\"a\"",
        b"\"\\u0000\"",
        b"\"\\ud800\"",
        b"\"",
        b"\\",
        b"\xff",
        b"\"a\":",
        b"{\"a\":1}",
    ];
    let wild = vec(select(tokens), 0..24).prop_map(|tokens| tokens.concat());
    let broken = (anything(), any::<prop::sample::Index>(), any::<u8>(), 0..3).prop_map(
        |(value, place, byte, change)| {
            let mut text = Vec::new();
            value.write(&mut text).unwrap();
            let place = place.index(text.len());
            match change {
                0 => text[place] = byte,
                1 => text.truncate(place),
                _ => text.insert(place, byte),
            }
            text
        },
    );
    prop_oneof![wild, broken, vec(any::<u8>(), 0..64)]
}

/// The same value as serde_json has it, but for the order of members.
fn as_value(value: &Json<'_>) -> serde_json::Value {
    match value {
        Json::Null => serde_json::Value::Null,
        Json::Bool(value) => (*value).into(),
        Json::Int(value) => (*value).into(),
        Json::Uint(value) => (*value).into(),
        Json::Float(value) => (*value).into(),
        Json::Str(text) => (&**text).into(),
        Json::List(items) => items.iter().map(as_value).collect(),
        Json::Object(members) => {
            members.iter().map(|(name, value)| (name.to_string(), as_value(value))).collect()
        }
    }
}

/// The signature and the bytes of a message, with some of them changed.
fn broken_body() -> impl Strategy<Value = (Shape, String, Vec<u8>)> {
    let sound = shapes().prop_flat_map(|shape| (Just(shape), value(shape, 0)));
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (sound, changes, any::<prop::sample::Index>()).prop_map(|((shape, value), changes, length)| {
        let parts = [Part { name: "result", shape, value }];
        let message = Message::method_call("/", "Test");
        let body = message.build(&Body::new(&parts).unwrap()).unwrap().body();
        let mut bytes = body.data().bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if length.index(3) == 0 {
            bytes.truncate(length.index(bytes.len()));
        }
        (shape, body.signature().to_string_no_parens(), bytes)
    })
}

proptest! {
    #[test]
    fn text_is_json_where_serde_json_says_so(text in almost_json()) {
        let expected = serde_json::from_slice::<serde_json::Value>(&text);
        match (Json::parse(&text), expected) {
            (Ok(value), Ok(expected)) => prop_assert_eq!(as_value(&value), expected),
            (Err(super::ParseError::Repeated(_)), Ok(_)) | (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{ours:?} but {theirs:?}"),
        }
    }

    #[test]
    fn broken_bodies_are_read_or_refused(
        (shape, signature, bytes) in broken_body(),
        big_endian: bool,
    ) {
        for shape in [shape, Shape::Any, Shape::Object(&UNKNOWN)] {
            let method = method(shape);
            let read = read(&method, signature.as_bytes(), Reader::new(&bytes, big_endian), &|_| None);
            if let Ok(call) = read {
                prop_assert!(call.arguments.is_empty() || Json::parse(&call.arguments).is_ok());
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        signature in "[ybnqiuxtdsogvha(){}]{0,12}|a\\{sv\\}|av|aa\\{sv\\}|v",
        bytes in vec(prop_oneof![4 => 0..8_u8, 2 => select(&b"ybsvga{}()"[..]), 1 => any::<u8>()], 0..96),
        big_endian: bool,
    ) {
        let reader = Reader::new(&bytes, big_endian);
        if let Ok(call) = read(&method(Shape::Any), signature.as_bytes(), reader, &|_| None) {
            prop_assert!(call.arguments.is_empty() || Json::parse(&call.arguments).is_ok());
        }
    }
}
