//! Peers that are not of the releases that the bindings are made from.

use qapi_dbus_tests::peer::{self, Answer, Peer};
use serde_json::{Value, json};
use std::sync::Mutex;

/// One of the future: members, values, events and error classes that no schema has. `echo` returns
/// its arguments, `last` the last command with its arguments.
pub(crate) fn newer() -> Peer {
    let last = Mutex::new(Value::Null);
    Peer::monitor(move |command, arguments| {
        let answer = match command {
            "echo" => Answer::Return(arguments.clone()),
            "last" => Answer::Return(last.lock().expect("a lock").clone()),
            "query-status" => Answer::Return(json!({
                "status": "hibernating", "running": false,
                "x-new": { "list": [1, 2.5, "c"], "none": null, "nul": "a\0b" }, "x-deep": deep(),
            })),
            "query-name" => Answer::Return(json!({ "name": "a\0b" })),
            "cont" => told(&[
                ("NEW_THING", json!({ "answer": 42 })),
                ("DEVICE_DELETED", json!({ "path": "/p", "device": "d1", "x-new": [true] })),
                ("MIGRATION", json!({ "status": "teleporting" })),
            ]),
            "stop" => Answer::Error("NewClass", "no"),
            "blockdev-add" | "migrate-set-parameters" | "set-action" => Answer::Return(json!({})),
            _ => return None,
        };
        if command != "last" {
            *last.lock().expect("a lock") = json!({ "command": command, "arguments": arguments });
        }
        Some(answer)
    })
}

/// One of the past: it lacks members that every schema has.
pub(crate) fn older() -> Peer {
    Peer::monitor(|command, _| match command {
        "query-status" => Some(Answer::Return(json!({ "running": true }))),
        "cont" => Some(told(&[("BLOCK_IO_ERROR", json!({ "device": "d1" }))])),
        _ => None,
    })
}

/// One that never answers `system_reset`.
pub(crate) fn silent() -> Peer {
    Peer::monitor(|command, _| (command == "system_reset").then_some(Answer::Silence))
}

/// One whose connection ends with `system_powerdown`.
pub(crate) fn fragile() -> Peer {
    Peer::monitor(|command, _| (command == "system_powerdown").then_some(Answer::Close))
}

/// Events, and the answer of a command that returns nothing.
fn told(events: &[(&str, Value)]) -> Answer {
    let mut lines: String =
        events.iter().map(|(name, data)| peer::event(name, data.clone())).collect();
    lines += "{\"return\": {}}\r\n";
    Answer::Raw(lines.into_bytes())
}

/// Deeper than D-Bus nests.
fn deep() -> Value {
    (0..30).fold(json!("bottom"), |inner, _| json!({ "in": inner }))
}
