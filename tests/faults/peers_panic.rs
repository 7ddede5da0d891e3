//! Faults of the bridge itself: a panic costs one call.

use qapi_dbus_tests::{
    bridge::connected,
    bus::Bus,
    client::{MONITOR, MONITOR_ENDPOINT},
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
    stage::Stage,
};
use serde_json::json;

on_each_bus!(a_panic_costs_one_call);

const FAILED: &str = "org.freedesktop.DBus.Error.Failed";

/// One when `query-name` is called, and one when the monitor returns "panic".
async fn a_panic_costs_one_call(bus: Bus) {
    let peer = Peer::monitor(|command, arguments| match command {
        "query-uuid" => Some(Answer::Return(json!("panic"))),
        "qom-get" => Some(Answer::Return(arguments["path"].clone())),
        _ => None,
    });
    let socket = peer.socket();
    let planted = ["env", "QAPI_DBUS_PANIC=query-name \"panic\""];
    let options = ["--qmp".as_ref(), socket.as_os_str()];
    let stage = Stage::through(&planted, &bus, &options).await;
    connected(&stage.client, MONITOR_ENDPOINT).await;
    let mut ledger = Ledger::new(&bus).await;
    for _ in 0..5 {
        ledger.send(MONITOR, "QueryName", &(), "").await;
        ledger.calls(MONITOR, 5).await;
        ledger.send(MONITOR, "QueryUuid", &(), "").await;
        ledger.calls(MONITOR, 5).await;
        ledger.settle().await;
    }
    ledger.settle().await;
    ledger.close(MONITOR, || peer.all()).await;
    assert_eq!(ledger.outcomes()[FAILED], 10, "{:?}", ledger.outcomes());
    assert_eq!(ledger.outcomes()[""], 50);
    assert!(peer.lines("query-name").is_empty());
    assert_eq!(peer.lines("query-uuid").len(), 5);
    let counters = stage.client.property(MONITOR_ENDPOINT, "Counters").await.unwrap();
    assert_eq!(counters["internal-errors"], 10, "{counters}");
    assert_eq!(counters["connections"], 1, "{counters}");
    let log = stage.bridge.log();
    assert_eq!(log.matches("panicked").count(), 10, "{log}");
    stage.end().await;
}
