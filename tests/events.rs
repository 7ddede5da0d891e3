//! Events of a real machine as signals.

use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT, Signal},
    json::{Dictionary, dictionary},
    on_each_bus,
    peer::Peer,
    qemu::Qemu,
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

on_each_bus!(
    stopping_and_continuing_is_told,
    a_call_waits_for_its_event,
    a_call_that_fails_waits_for_nothing,
    a_flood_is_thinned_and_counted,
);

async fn stopping_and_continuing_is_told(bus: Bus) {
    let (_qemu, _bridge, client) = started(&bus, Qemu::none().await).await;
    let mut signals = client.signals(MONITOR).await;
    let before = now();
    client.call(MONITOR, "Stop", &()).await.unwrap();
    client.call(MONITOR, "Cont", &()).await.unwrap();
    let stop = extras(&signals.named("StopEvent").await);
    let resume = extras(&signals.named("Resume").await);
    let time = |of: &Value| of["@timestamp"].as_u64().unwrap();
    assert!(before <= time(&stop) && time(&stop) <= time(&resume), "{stop} {resume}");
    assert!(time(&resume) <= now(), "{resume}");
    let serial = |of: &Value| of["@sequence"].as_u64().unwrap();
    assert_eq!(serial(&stop) + 1, serial(&resume));
}

async fn a_call_waits_for_its_event(bus: Bus) {
    let (_qemu, _bridge, client) = started(&bus, Qemu::q35().await).await;
    for device in ["other", "tablet"] {
        let options = dictionary(json!({ "id": device }));
        client.call(MONITOR, "DeviceAdd", &("usb-tablet", options)).await.unwrap();
    }
    let body = wait_for("device_del", json!({ "id": "tablet" }), json!({ "device": "tablet" }));
    let reply = client.call(MONITOR_ENDPOINT, "CallAndWait", &body).await.unwrap();
    assert_eq!(reply[0], json!({}));
    assert_eq!(reply[1], "DEVICE_DELETED");
    assert_eq!(reply[2]["device"], "tablet");
    assert_eq!(reply[2]["path"], "/machine/peripheral/tablet");
    let gone = client.call(MONITOR, "QomList", &"/machine/peripheral/tablet").await.unwrap_err();
    assert_eq!(gone.name, "org.qemu.QapiError.DeviceNotFound");
}

async fn a_call_that_fails_waits_for_nothing(bus: Bus) {
    let (_qemu, _bridge, client) = started(&bus, Qemu::q35().await).await;
    let body = wait_for("device_del", json!({ "id": "nothing" }), json!({}));
    let refused = client.call(MONITOR_ENDPOINT, "CallAndWait", &body).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.DeviceNotFound");
}

async fn a_flood_is_thinned_and_counted(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let mut signals = client.signals(MONITOR).await;
    for actual in 0..FLOOD {
        peer.event("BALLOON_CHANGE", json!({ "actual": actual }));
    }
    peer.event("STOP", json!({}));
    let (mut told, mut dropped, mut stopped) = (0, 0, false);
    while told + dropped < FLOOD || !stopped {
        let signal = signals.next().await;
        match signal.member.as_str() {
            "BalloonChange" => told += 1,
            "EventsDropped" => dropped += signal.arguments[0].as_u64().unwrap(),
            "StopEvent" => stopped = true,
            _ => {}
        }
    }
    assert_eq!(told + dropped, FLOOD);
    assert!(dropped > 0, "{told} events in one go");
}

/// More events than the bridge keeps and lets through in a burst together.
const FLOOD: u64 = 4000;

async fn started(bus: &Bus, qemu: Qemu) -> (Qemu, Bridge, Client) {
    let (bridge, client) = Bridge::with_monitor(bus, &qemu.socket()).await;
    (qemu, bridge, client)
}

type Wait = (&'static str, Dictionary, Vec<&'static str>, Dictionary, Dictionary);

fn wait_for(command: &'static str, arguments: Value, matching: Value) -> Wait {
    let events = vec!["DEVICE_UNPLUG_GUEST_ERROR", "DEVICE_DELETED"];
    (command, dictionary(arguments), events, dictionary(matching), dictionary(json!({})))
}

/// The dictionary that ends every signal.
fn extras(signal: &Signal) -> Value {
    assert_eq!(signal.interface, MONITOR.interface);
    signal.arguments.last().unwrap().clone()
}

/// Microseconds since the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}
