//! The rig itself, without the bridge: what the other tests rest on.

use qapi_dbus_tests::{
    bridge::connected,
    bus::Bus,
    busctl,
    client::{MONITOR, MONITOR_ENDPOINT},
    json,
    ledger::Ledger,
    monitor::Monitor,
    on_each_bus,
    peer::{Answer, Peer},
    qemu::Qemu,
    stage::Stage,
};
use serde_json::json;
use zbus::Variant;

on_each_bus!(a_client_owns_a_name, a_ledger_balances);

async fn a_client_owns_a_name(bus: Bus) {
    let connection = bus.connect().await;
    connection.request_name("org.example.Test").await.unwrap();
    let list = busctl::run(&bus, &["list", "--acquired"]).await;
    assert!(list.success, "{}", list.stderr);
    assert!(list.stdout.contains("org.example.Test"), "{}", list.stdout);
}

async fn a_ledger_balances(bus: Bus) {
    let peer = Peer::monitor(|command, _| (command == "qom-get").then_some(Answer::Close));
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(MONITOR, 3).await;
    ledger.send(MONITOR, "QomGet", &(), "").await;
    ledger.send_no_reply(MONITOR, "QueryStatus", &()).await;
    ledger.close(MONITOR, || peer.all()).await;
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes["org.freedesktop.DBus.Error.InvalidArgs"], 1);
    assert!(outcomes["org.qemu.QapiError.Unknown.ConnectionLost"] >= 1, "{outcomes:?}");
    assert_eq!(outcomes.values().sum::<usize>(), 4);
    connected(&stage.client, MONITOR_ENDPOINT).await;
    stage.end().await;
}

#[test]
fn json_survives_dbus() {
    let value = json!({ "a": [1, -1, 1.5, true, "s", null, { "b": {} }], "u": u64::MAX });
    let dictionary = json::dictionary(value.clone());
    assert_eq!(json::from_variant(&Variant::new(dictionary)), value);
}

#[tokio::test]
async fn qemu_answers_its_second_monitor() {
    let qemu = Qemu::none().await;
    let mut oracle = qemu.oracle().await;
    let status = oracle.execute("query-status", json!({})).await.unwrap();
    assert_eq!(status["running"], true);
    let refused = oracle.execute("query-nonsense", json!({})).await.unwrap_err();
    assert_eq!(refused.class, "CommandNotFound");
}

#[tokio::test]
async fn a_script_answers_and_records() {
    let peer = Peer::monitor(|command, _| {
        (command == "query-name").then(|| Answer::Return(json!({ "name": "x" })))
    });
    let mut monitor = Monitor::qmp(&peer.socket()).await;
    assert_eq!(monitor.execute("query-name", json!({})).await.unwrap(), json!({ "name": "x" }));
    assert_eq!(peer.lines("query-name").len(), 1);
}
