//! Peers that say too much or nonsense of themselves.

use qapi_dbus_tests::{
    bridge::{compared, connected},
    bus::Bus,
    client::{MONITOR, MONITOR_ENDPOINT},
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer, greeting},
    stage::Stage,
};
use serde_json::{Value, json};

on_each_bus!(
    a_greeting_of_fifty_megabytes_is_refused,
    a_greeting_up_to_its_limit_is_read,
    a_hundred_thousand_commands_are_too_many,
    names_that_no_schema_has_are_told_as_they_are,
);

const LIMIT: usize = 64 << 10;

async fn a_greeting_of_fifty_megabytes_is_refused(bus: Bus) {
    refused(&bus, 50 << 20).await;
}

async fn a_greeting_up_to_its_limit_is_read(bus: Bus) {
    refused(&bus, LIMIT + 1).await;
    let peer = Peer::greeting(greets(LIMIT), |_, _| None);
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    stage.client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    stage.end().await;
}

async fn refused(bus: &Bus, size: usize) {
    let peer = Peer::greeting(greets(size), |_, _| None);
    let socket = peer.socket();
    let stage = Stage::serve(bus, &["--qmp".as_ref(), socket.as_os_str()]).await;
    let peak = stage.bridge.usage().peak;
    let mut ledger = Ledger::new(bus).await;
    ledger.calls(MONITOR, 3).await;
    ledger.settle().await;
    ledger.close(MONITOR, || peer.all()).await;
    assert_eq!(ledger.outcomes()["org.qemu.QapiError.NotSent.NotConnected"], 3);
    let refused = stage.client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert!(refused.text.contains("the greeting is above the limit"), "{refused}");
    stage.answers().await;
    assert!(stage.bridge.usage().peak < peak + (4 << 10), "{:?}", stage.bridge.usage());
}

/// Of this size, without the end of the line.
fn greets(size: usize) -> Answer {
    let rest = size - greeting("").trim_end().len();
    let greeting = greeting(&"x".repeat(rest));
    assert_eq!(greeting.trim_end().len(), size);
    Answer::Raw(greeting.into_bytes())
}

/// A peer's lists make no methods: those are compiled in. What is too long to be read is not told.
async fn a_hundred_thousand_commands_are_too_many(bus: Bus) {
    for (count, told) in [(60_000, 60_000), (100_000, 0)] {
        let names = (0..count).map(|number| json!({ "name": format!("command-{number:06}") }));
        let names = Value::Array(names.collect());
        let peer = Peer::monitor(move |command, _| {
            (command == "query-commands").then(|| Answer::Return(names.clone()))
        });
        let mut stage = Stage::monitor(&bus, &peer.socket()).await;
        // Answered in order, so that the peer's list was read before.
        stage.client.call(MONITOR, "QueryStatus", &()).await.unwrap();
        let commands = stage.client.property(MONITOR_ENDPOINT, "Commands").await.unwrap();
        assert_eq!(commands.as_array().unwrap().len(), told);
        stage.begin().await;
        let introspection = stage.client.introspect(MONITOR).await;
        assert!(!introspection.contains("Command000000"), "methods come from the schema");
        stage.answers().await;
        let refused = stage.client.call(MONITOR, "Command000000", &()).await.unwrap_err();
        assert_eq!(refused.name, "org.freedesktop.DBus.Error.UnknownMethod");
        stage.end().await;
    }
}

async fn names_that_no_schema_has_are_told_as_they_are(bus: Bus) {
    let names = || HOSTILE.iter().map(|name| name.to_string()).chain(["x".repeat(1 << 20)]);
    let commands: Vec<_> = names().map(|name| json!({ "name": name })).collect();
    let schema: Vec<_> =
        names().flat_map(|name| [of_kind("command", &name), of_kind("event", &name)]).collect();
    let peer = Peer::monitor(move |command, _| match command {
        "query-commands" => Some(Answer::Return(json!(commands))),
        "query-qmp-schema" => Some(Answer::Return(json!(schema))),
        _ => None,
    });
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    let told = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let mut expected: Vec<_> = names().map(|name| name.replace('\0', "\u{FFFD}")).collect();
    expected.sort();
    let mut commands = told(&stage.client.property(MONITOR_ENDPOINT, "Commands").await.unwrap());
    commands.sort();
    assert_eq!(commands, expected);
    let difference = compared(&stage.client, MONITOR_ENDPOINT).await;
    for kind in ["command", "event"] {
        let mut unknown = told(&difference[format!("{kind}s-unknown")]);
        unknown.sort();
        let mut expected: Vec<_> = expected.iter().map(|name| format!("{kind}{name}")).collect();
        expected.sort();
        assert_eq!(unknown, expected);
    }
    stage.client.properties(MONITOR_ENDPOINT).await.unwrap();
    connected(&stage.client, MONITOR_ENDPOINT).await;
    stage.answers().await;
}

/// No two entities of a schema share a name.
fn of_kind(kind: &str, name: &str) -> Value {
    let name = format!("{kind}{name}");
    json!({ "name": name, "meta-type": kind, "arg-type": "0", "ret-type": "0" })
}

const HOSTILE: [&str; 8] = [
    "",
    "nul\0nul",
    "line\r\nline",
    "\"quoted\" \\ <tag attribute='x'> &amp; ]]>",
    "org.qemu.Injected",
    "\u{1b}[2J\u{7}",
    "\u{feff}\u{202e}right to left",
    "\u{fffe}\u{10ffff}",
];
