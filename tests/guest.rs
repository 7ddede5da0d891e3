//! A guest that boots, and its agent on virtio-serial.

use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{AGENT, Client, MONITOR},
    guest::Guest,
    json::dictionary,
    on_each_bus, until,
};
use serde_json::{Value, json};
use std::ffi::OsStr;

on_each_bus!(a_guest_boots_answers_and_shuts_down);

async fn a_guest_boots_answers_and_shuts_down(bus: Bus) {
    let mut guest = Guest::boot().await;
    let sockets = (guest.agent(), guest.machine().socket());
    let options =
        [OsStr::new("--qga"), sockets.0.as_os_str(), OsStr::new("--qmp"), sockets.1.as_os_str()];
    let _bridge = Bridge::serve(&bus, &options).await;
    let client = Client::new(&bus).await;
    let answers = async || client.call(AGENT, "GuestPing", &()).await.ok();
    until("an agent that answers", answers).await;
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
