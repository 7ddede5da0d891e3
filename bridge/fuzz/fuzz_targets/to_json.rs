//! Any bytes as the body of a call of any method: what is taken becomes one line of escaped ASCII,
//! a JSON object within the limits of the peer, and reads back as it was written.
//!
//! The first line of an input is the method, a space and the signature; `>` in front for big
//! endian. Without signature it is the declared one.

#![no_main]

#[allow(dead_code, reason = "signals are not called")]
mod shapes;

use libfuzzer_sys::fuzz_target;
use qapi_dbus::transcode::{Json, fuzzing::call};
use serde_json::value::RawValue;
use shapes::Subject;

fuzz_target!(|bytes: &[u8]| {
    let (line, body) = shapes::first_line(bytes);
    let mut words = line.splitn(2, |byte| *byte == b' ');
    let name = words.next().unwrap_or_default();
    let big_endian = name.starts_with(b">");
    let Subject::Method(method) = shapes::subject(name.strip_prefix(b">").unwrap_or(name)) else {
        return;
    };
    let signature = words.next().map_or_else(
        || method.signature(),
        |signature| String::from_utf8_lossy(signature).into_owned(),
    );
    if let Ok(call) = call(method, &signature, body, big_endian) {
        is_fit_for_the_peer(&call.arguments);
    }
});

fn is_fit_for_the_peer(arguments: &[u8]) {
    if arguments.is_empty() {
        return;
    }
    assert!(arguments.iter().all(|byte| matches!(byte, b' '..=b'~')));
    assert!(serde_json::from_slice::<&RawValue>(arguments).is_ok());
    let value = Json::parse(arguments).unwrap();
    assert!(matches!(value, Json::Object(_)));
    let mut again = Vec::new();
    value.write(&mut again).unwrap();
    assert_eq!(again, arguments);
}
