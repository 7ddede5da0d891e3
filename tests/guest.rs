//! A guest that boots, and its agent on virtio-serial.

use qapi_dbus_tests::{
    bridge::{Bridge, in_state},
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, Client, MONITOR, MONITOR_ENDPOINT, Signals},
    guest::Guest,
    json::dictionary,
    on_each_bus, until,
};
use serde_json::{Value, json};
use std::ffi::OsStr;

on_each_bus!(a_guest_boots_answers_and_shuts_down, the_agents_state_follows_the_guest);

async fn a_guest_boots_answers_and_shuts_down(bus: Bus) {
    let (mut guest, _bridge, client) = booted(&bus).await;
    let system = client.call(AGENT, "GuestGetOsinfo", &()).await.unwrap();
    assert_eq!(system["id"], "qapi-dbus-guest");
    assert_eq!(run(&client, "echo $$; uname").await["exitcode"], 0);
    set_clock(&client).await;
    let mut signals = client.signals(MONITOR).await;
    assert_eq!(client.call(AGENT, "GuestShutdown", &()).await.unwrap(), Value::Null);
    let shutdown = signals.named("Shutdown").await;
    assert_eq!(shutdown.arguments[..2], [json!(true), json!("guest-shutdown")]);
    guest.off().await;
}

/// Stopped and resumed, killed in the middle of a call and started again, reset and booted again.
async fn the_agents_state_follows_the_guest(bus: Bus) {
    let (_guest, _bridge, client) = booted(&bus).await;
    let mut signals = client.signals(AGENT).await;

    client.call(MONITOR, "Stop", &()).await.unwrap();
    let refusal = client.call(AGENT, "GuestPing", &()).await.unwrap_err();
    assert_eq!(refusal.name, "org.qemu.QapiError.NotSent.Busy");
    assert!(refusal.text.ends_with("the machine is stopped; Cont resumes it"), "{refusal}");
    assert_eq!(next_state(&mut signals).await, "unresponsive");
    client.call(MONITOR, "Cont", &()).await.unwrap();
    client.call(AGENT, "GuestPing", &()).await.unwrap();
    comes_back(&mut signals).await;

    let kill = "agent=$(pidof qemu-ga); (sleep 1; kill -STOP $agent; sleep 2; kill -9 $agent) &";
    assert_eq!(run(&client, &format!("({kill}) >/dev/null 2>&1")).await["exitcode"], 0);
    let patient = dictionary(json!({ "@timeout": 600_000 }));
    let refusal = until("a call that the agent takes along", async || {
        client.call(AGENT, "GuestPing", &patient).await.err()
    })
    .await;
    assert_eq!(refusal.name, "org.qemu.QapiError.Unknown.ConnectionLost", "{refusal}");
    assert_eq!(next_state(&mut signals).await, "absent");
    let refusal = client.call(AGENT, "GuestPing", &()).await.unwrap_err();
    assert_eq!(refusal.name, "org.qemu.QapiError.NotSent.NotConnected");
    assert!(refusal.text.ends_with("no agent is running in the guest"), "{refusal}");
    comes_back(&mut signals).await;

    let reset = dictionary(json!({ "reboot": "reset" }));
    client.call(MONITOR, "SetAction", &reset).await.unwrap();
    client.call(MONITOR, "SystemReset", &()).await.unwrap();
    assert_eq!(next_state(&mut signals).await, "absent");
    comes_back(&mut signals).await;
    client.call(AGENT, "GuestPing", &()).await.unwrap();

    // A machine that stays after its end says so.
    let pause = dictionary(json!({ "shutdown": "pause" }));
    client.call(MONITOR, "SetAction", &pause).await.unwrap();
    client.call(AGENT, "GuestShutdown", &()).await.unwrap();
    let state = async || client.property(MONITOR_ENDPOINT, "RunState").await.unwrap();
    until("the end of the guest", async || (state().await == "shutdown").then_some(())).await;
    let refusal = client.call(AGENT, "GuestPing", &()).await.unwrap_err();
    assert!(refusal.text.contains("the machine is shut down; SystemReset"), "{refusal}");
}

/// A guest whose agent answers, and a bridge for both sockets of its machine.
async fn booted(bus: &Bus) -> (Guest, Bridge, Client) {
    let mut guest = Guest::boot().await;
    let sockets = (guest.agent(), guest.machine().socket());
    let options =
        [OsStr::new("--qga"), sockets.0.as_os_str(), OsStr::new("--qmp"), sockets.1.as_os_str()];
    let bridge = Bridge::serve(bus, &options).await;
    let client = Client::new(bus).await;
    in_state(&client, AGENT_ENDPOINT, "ready").await;
    (guest, bridge, client)
}

async fn next_state(signals: &mut Signals) -> Value {
    loop {
        let mut signal = signals.named("PropertiesChanged").await;
        if let Some(state) = signal.arguments[1].get_mut("State") {
            return state.take();
        }
    }
}

async fn comes_back(signals: &mut Signals) {
    assert_eq!(next_state(signals).await, "connecting");
    assert_eq!(next_state(signals).await, "ready");
}

async fn run(client: &Client, script: &str) -> Value {
    let options = dictionary(json!({ "arg": ["-c", script], "capture-output": true }));
    let started = client.call(AGENT, "GuestExec", &("/bin/sh", options)).await.unwrap();
    let pid = started["pid"].as_i64().unwrap();
    let exited = async || {
        let status = client.call(AGENT, "GuestExecStatus", &pid).await.unwrap();
        (status["exited"] == true).then_some(status)
    };
    until("the program's end", exited).await
}

/// The year 2001, in nanoseconds, is set and read back.
async fn set_clock(client: &Client) {
    const THEN: i64 = 1_000_000_000_000_000_000;
    let options = dictionary(json!({ "time": THEN }));
    client.call(AGENT, "GuestSetTime", &options).await.unwrap();
    let now = client.call(AGENT, "GuestGetTime", &()).await.unwrap().as_i64().unwrap();
    assert!((THEN..THEN + 600_000_000_000).contains(&now), "{now}");
}
