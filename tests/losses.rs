//! Peers that go away or were never there.

use qapi_dbus_tests::{
    bridge::{Bridge, connected, in_state},
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT, Refusal},
    monitor::Monitor,
    on_each_bus,
    qemu::Qemu,
    scratch::Scratch,
};
use std::ffi::OsStr;
use tokio::task::JoinSet;

on_each_bus!(
    each_call_in_flight_fails_once_and_service_comes_back,
    a_missing_socket_is_named,
    a_busy_monitor_is_told,
);

async fn each_call_in_flight_fails_once_and_service_comes_back(bus: Bus) {
    let mut qemu = Qemu::none().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let owner = client.owner(MONITOR.name).await.unwrap();
    qemu.freeze();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        calls.spawn(async move { client.call(MONITOR, "QueryStatus", &()).await });
    }
    // The bridge answers on the same connection in order, so it has taken the calls by then.
    client.property(MONITOR_ENDPOINT, "State").await.unwrap();
    qemu.kill().await;
    let mut sent = 0;
    while let Some(reply) = calls.join_next().await {
        let Refusal { name, text } = reply.unwrap().unwrap_err();
        assert!(FAILURES.contains(&name.as_str()), "{name}: {text}");
        sent += usize::from(name == FAILURES[0]);
    }
    assert!(sent > 0, "calls were on the wire");
    in_state(&client, MONITOR_ENDPOINT, "disconnected").await;
    let refused = client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.NotSent.NotConnected");
    qemu.restart(&["-M", "none"]).await;
    connected(&client, MONITOR_ENDPOINT).await;
    assert_eq!(client.call(MONITOR, "QueryStatus", &()).await.unwrap()["running"], true);
    assert_eq!(client.owner(MONITOR.name).await.unwrap(), owner);
}

/// What a call may come to that was sent to a peer that died, and one that still waited.
const FAILURES: [&str; 2] =
    ["org.qemu.QapiError.Unknown.ConnectionLost", "org.qemu.QapiError.NotSent.NotConnected"];

async fn a_missing_socket_is_named(bus: Bus) {
    let scratch = Scratch::new();
    let socket = scratch.path("missing.sock");
    let _bridge = Bridge::serve(&bus, &[OsStr::new("--qmp"), socket.as_os_str()]).await;
    let client = Client::new(&bus).await;
    let refused = client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.NotSent.NotConnected");
    assert!(refused.text.contains(socket.to_str().unwrap()), "{}", refused.text);
    assert!(refused.text.contains("No such file"), "{}", refused.text);
}

async fn a_busy_monitor_is_told(bus: Bus) {
    let qemu = Qemu::none().await;
    let holder = Monitor::qmp(&qemu.socket()).await;
    let socket = qemu.socket();
    let _bridge = Bridge::serve(&bus, &[OsStr::new("--qmp"), socket.as_os_str()]).await;
    let client = Client::new(&bus).await;
    in_state(&client, MONITOR_ENDPOINT, "unresponsive").await;
    let refused = client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.NotSent.Busy");
    assert!(refused.text.contains(socket.to_str().unwrap()), "{}", refused.text);
    drop(holder);
    connected(&client, MONITOR_ENDPOINT).await;
    client.call(MONITOR, "QueryStatus", &()).await.unwrap();
}
