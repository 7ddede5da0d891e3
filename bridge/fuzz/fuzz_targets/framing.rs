//! Framing does not depend on how the bytes were cut, keeps no more than the limits allow, and
//! finds the objects that a JSON parser finds, as far as it finds any.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qapi_dbus::endpoint::{
    Limits, Protocol,
    fuzzing::{Owned, frames},
};
use serde_json::{Deserializer, value::RawValue};

fuzz_target!(|bytes: &[u8]| {
    let Some((&[message, nodes, depth, cut], text)) = bytes.split_first_chunk() else { return };
    let limits = Limits {
        message: 16 * usize::from(message),
        nodes: nodes.into(),
        depth: depth.into(),
        ..Limits::new(Protocol::Qmp)
    };
    let whole = frames(limits, [text]);
    for size in [1, 1 + usize::from(cut)] {
        assert_eq!(frames(limits, text.chunks(size)), whole);
    }
    assert_eq!(frames(limits, text.split_inclusive(|byte| *byte == cut)), whole);
    finds_what_a_parser_finds(text);
});

fn finds_what_a_parser_finds(text: &[u8]) {
    let (message, nodes, depth) = (usize::MAX, usize::MAX, usize::MAX);
    let unlimited = Limits { message, nodes, depth, ..Limits::new(Protocol::Qmp) };
    let found = frames(unlimited, [text]);
    let mut values = Deserializer::from_slice(text).into_iter::<&RawValue>();
    let is_object = |value: &&RawValue| value.get().starts_with('{');
    let objects = values.by_ref().map_while(Result::ok).take_while(is_object);
    let expected: Vec<_> = objects.map(|value| Owned::Message(value.get().into())).collect();
    assert!(found.starts_with(&expected), "{found:?} but {expected:?}");
    let is_whole = text[values.byte_offset()..].iter().all(u8::is_ascii_whitespace);
    assert!(!is_whole || values.next().is_some() || found.len() >= expected.len());
}
