//! What an endpoint tells of its peer.

use qapi_dbus_tests::{
    agent::Agent,
    bridge::{Bridge, connected},
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, Client, MONITOR, MONITOR_ENDPOINT, PROPERTIES, Refusal},
    json::dictionary,
    on_each_bus,
    peer::{Answer, Peer},
    qemu::Qemu,
    until,
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use zbus::{OwnedVariant, Variant};

on_each_bus!(
    a_monitor_is_described,
    an_agent_is_described,
    changes_are_told,
    all_properties_come_wrapped_once,
    properties_cannot_be_written,
    calls_and_what_they_came_to_are_counted,
    commands_follow_a_freeze,
);

async fn a_monitor_is_described(bus: Bus) {
    let qemu = Qemu::none().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let mut oracle = qemu.oracle().await;
    let version = oracle.execute("query-version", json!({})).await.unwrap();
    let [major, minor, micro] =
        ["major", "minor", "micro"].map(|part| version["qemu"][part].to_string());
    let commands = oracle.execute("query-commands", json!({})).await.unwrap();
    let mut names: Vec<Value> =
        commands.as_array().unwrap().iter().map(|command| command["name"].clone()).collect();
    let mut properties = client.properties(MONITOR_ENDPOINT).await.unwrap();
    let told = properties.as_object_mut().unwrap().remove("Commands").unwrap();
    let mut told = told.as_array().unwrap().clone();
    for name in ["SchemaDifference", "Counters"] {
        let removed = properties.as_object_mut().unwrap().remove(name);
        assert!(removed.is_some_and(|property| property.is_object()), "{name}");
    }
    let order = |a: &Value, b: &Value| a.as_str().cmp(&b.as_str());
    names.sort_by(order);
    told.sort_by(order);
    assert_eq!(told, names);
    let expected = json!({
        "State": "ready",
        "Socket": qemu.socket(),
        "Version": format!("{major}.{minor}.{micro}"),
        "RunState": "running",
        "Misbehaving": false,
        "Capabilities": ["oob"],
    });
    assert_eq!(properties, expected);
}

async fn an_agent_is_described(bus: Bus) {
    let agent = Agent::start().await;
    let (_bridge, client) = Bridge::with_agent(&bus, &agent.socket()).await;
    let properties = client.properties(AGENT_ENDPOINT).await.unwrap();
    assert_eq!(properties["State"], "ready");
    assert_eq!(properties["Socket"], json!(agent.socket()));
    assert!(properties["Version"].as_str().unwrap().contains('.'), "{properties}");
    assert!(properties["Commands"].as_array().unwrap().contains(&json!("guest-ping")));
}

async fn changes_are_told(bus: Bus) {
    let mut qemu = Qemu::none().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let mut signals = client.signals(MONITOR).await;
    client.call(MONITOR, "Stop", &()).await.unwrap();
    let changed = async |signals: &mut qapi_dbus_tests::client::Signals, name: &str| loop {
        let signal = signals.named("PropertiesChanged").await;
        assert_eq!(signal.interface, PROPERTIES);
        assert_eq!(signal.arguments[0], MONITOR_ENDPOINT.interface);
        assert_eq!(signal.arguments[2], json!([]), "the new values are in the signal");
        if let Some(value) = signal.arguments[1].get(name) {
            return value.clone();
        }
    };
    assert_eq!(changed(&mut signals, "RunState").await, "paused");
    assert_eq!(client.property(MONITOR_ENDPOINT, "RunState").await.unwrap(), "paused");
    qemu.kill().await;
    assert_eq!(changed(&mut signals, "State").await, "disconnected");
    qemu.restart(&["-M", "none"]).await;
    until("a state change to ready", async || {
        (changed(&mut signals, "State").await == "ready").then_some(())
    })
    .await;
    connected(&client, MONITOR_ENDPOINT).await;
}

async fn all_properties_come_wrapped_once(bus: Bus) {
    let qemu = Qemu::none().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let target = MONITOR_ENDPOINT.interface(PROPERTIES);
    let reply = client.call_message(target, "GetAll", &MONITOR_ENDPOINT.interface).await.unwrap();
    let body = reply.body();
    let all: std::collections::HashMap<String, OwnedVariant> = body.deserialize().unwrap();
    assert!(!all.is_empty());
    for (name, value) in all {
        assert!(!matches!(*value, Variant::Variant(_)), "{name} is wrapped twice");
    }
}

async fn properties_cannot_be_written(bus: Bus) {
    let qemu = Qemu::none().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let refused = set(&client, "State").await.unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.PropertyReadOnly");
    let unknown = client.property(MONITOR_ENDPOINT, "NoSuch").await.unwrap_err();
    assert_eq!(unknown.name, "org.freedesktop.DBus.Error.UnknownProperty");
}

async fn calls_and_what_they_came_to_are_counted(bus: Bus) {
    let peer = Peer::monitor(|command, _| match command {
        "query-name" => Some(Answer::Silence),
        "query-uuid" => Some(Answer::Return(json!({ "UUID": "x" }))),
        _ => None,
    });
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let counters = async || client.property(MONITOR_ENDPOINT, "Counters").await.unwrap();
    peer.event("RESET", json!({}));
    peer.received("query-status", 2).await;
    let before = until("an event", async || {
        let counters = counters().await;
        (counters["events"] == 1 && counters["peer-errors"] == 1).then_some(counters)
    })
    .await;
    client.call(MONITOR, "QueryUuid", &()).await.unwrap();
    client.call(MONITOR, "QueryBlock", &()).await.unwrap_err();
    let soon = dictionary(json!({ "@timeout": 100 }));
    client.call(MONITOR, "QueryName", &soon).await.unwrap_err();
    let after = counters().await;
    let grown: Vec<_> =
        after.as_object().unwrap().keys().filter(|name| after[*name] != before[*name]).collect();
    assert_eq!(grown, ["calls", "peer-errors", "returned", "unknown"]);
    for name in grown {
        let number = if name == "calls" { 3 } else { 1 };
        assert_eq!(after[name].as_u64(), before[name].as_u64().map(|it| it + number), "{name}");
    }
}

/// A frozen agent offers little, and says so when it is asked.
async fn commands_follow_a_freeze(bus: Bus) {
    let frozen = AtomicBool::new(false);
    let peer = Peer::agent(move |command, _| {
        match command {
            "guest-fsfreeze-freeze" => frozen.store(true, Relaxed),
            "guest-fsfreeze-thaw" => frozen.store(false, Relaxed),
            "guest-info" => {
                let enabled = !frozen.load(Relaxed);
                let command =
                    json!({ "name": "guest-exec", "enabled": enabled, "success-response": true });
                let info = json!({ "version": "9.9.9", "supported_commands": [command] });
                return Some(Answer::Return(info));
            }
            _ => return None,
        }
        Some(Answer::Return(json!(1)))
    });
    let (_bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    for (method, state, commands) in [
        ("GuestFsfreezeFreeze", "frozen", json!([])),
        ("GuestFsfreezeThaw", "ready", json!(["guest-exec"])),
    ] {
        client.call(AGENT, method, &()).await.unwrap();
        assert_eq!(client.property(AGENT_ENDPOINT, "State").await.unwrap(), state);
        until(method, async || {
            (client.property(AGENT_ENDPOINT, "Commands").await.unwrap() == commands).then_some(())
        })
        .await;
    }
}

async fn set(client: &Client, name: &str) -> Result<Value, Refusal> {
    let target = MONITOR_ENDPOINT.interface(PROPERTIES);
    let body = (MONITOR_ENDPOINT.interface, name, Variant::from("x"));
    client.call(target, "Set", &body).await
}
