//! Peers that take their time.

use qapi_dbus_tests::{
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, MONITOR, Target},
    json,
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer, greeting},
    stage::Stage,
};
use serde_json::{Value, json as literal};
use std::time::{Duration, Instant};

on_each_bus!(
    a_monitor_that_drips_is_late_for_one_call_only,
    an_agent_that_drips_is_late_for_one_call_only,
    a_peer_that_reads_nothing_is_told_from_one_that_does_not_answer,
    a_monitor_that_greets_late_is_waited_for,
);

const TIMEOUT: &str = "org.qemu.QapiError.Unknown.Timeout";
const PAUSE: Duration = Duration::from_millis(30);

async fn a_monitor_that_drips_is_late_for_one_call_only(bus: Bus) {
    let peer = Peer::monitor(|command, arguments| match command {
        "query-name" => Some(dripped(literal!({ "name": "dripped, and far too slowly" }))),
        "qom-get" => Some(Answer::Return(arguments["path"].clone())),
        _ => None,
    });
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    drip(&bus, &stage, &peer, MONITOR, "QueryName").await;
    stage.end().await;
}

async fn an_agent_that_drips_is_late_for_one_call_only(bus: Bus) {
    let peer = Peer::agent(|command, _| match command {
        "guest-get-host-name" => Some(dripped(literal!({ "host-name": "dripped" }))),
        "guest-file-open" => Some(Answer::Error("GenericError", "no such file")),
        _ => None,
    });
    let stage = Stage::agent(&bus, &peer.socket()).await;
    drip(&bus, &stage, &peer, AGENT, "GuestGetHostName").await;
    let counters = stage.client.property(AGENT_ENDPOINT, "Counters").await.unwrap();
    assert_eq!(counters["resyncs"], 1, "{counters}");
    stage.end().await;
}

fn dripped(value: Value) -> Answer {
    Answer::Drip(PAUSE, Box::new(Answer::Return(value)))
}

/// Each byte comes in time and the whole does not; its rest comes while the next calls wait.
async fn drip(bus: &Bus, stage: &Stage, peer: &Peer, target: Target, slow: &str) {
    let start = Instant::now();
    let options = json::dictionary(literal!({ "@timeout": 500 }));
    let late = stage.client.call(target, slow, &options).await.unwrap_err();
    assert_eq!(late.name, TIMEOUT);
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
    let mut ledger = Ledger::new(bus).await;
    ledger.calls(target, 10).await;
    stage.answers().await;
    assert_eq!(ledger.open(), 10, "the other machine did not wait for the rest");
    ledger.settle().await;
    ledger.close(target, || peer.all()).await;
    let outcomes = ledger.outcomes();
    assert!(!outcomes.keys().any(|outcome| outcome.contains(".Unknown.")), "{outcomes:?}");
    assert!(!outcomes.keys().any(|outcome| outcome.contains(".NotSent.")), "{outcomes:?}");
}

/// More than a socket holds: of the first call some bytes left, of the others none.
async fn a_peer_that_reads_nothing_is_told_from_one_that_does_not_answer(bus: Bus) {
    let peer = Peer::agent(|_, _| None);
    let stage = Stage::agent(&bus, &peer.socket()).await;
    peer.stall(Duration::from_secs(4));
    let mut ledger = Ledger::new(&bus).await;
    let options = json::dictionary(literal!({ "@timeout": 1000 }));
    let text = "x".repeat(1 << 20);
    ledger.send(AGENT, "GuestFileWrite", &(1000_i64, &text, &options), "tag-of-the-large").await;
    for tag in ["tag-of-a-small-1", "tag-of-a-small-2"] {
        ledger.send(AGENT, "GuestFileOpen", &(tag, &options), tag).await;
    }
    ledger.settle().await;
    stage.answers().await;
    assert_eq!(ledger.outcomes()[TIMEOUT], 1, "{:?}", ledger.outcomes());
    assert_eq!(ledger.outcomes()["org.qemu.QapiError.NotSent.Busy"], 2);
    // Once the peer reads, it gets a part of what was begun, and nothing that was refused.
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    ledger.settle().await;
    ledger.close(AGENT, || peer.all()).await;
    stage.end().await;
}

async fn a_monitor_that_greets_late_is_waited_for(bus: Bus) {
    let late = Duration::from_secs(2);
    let greeting = Answer::Raw(greeting("").into_bytes());
    let peer = Peer::greeting(Answer::Late(late, Box::new(greeting)), |_, _| None);
    let start = Instant::now();
    let socket = peer.socket();
    let stage = Stage::serve(&bus, &["--qmp".as_ref(), socket.as_os_str()]).await;
    stage.client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    assert!(start.elapsed() >= late, "{:?}", start.elapsed());
    stage.answers().await;
}
