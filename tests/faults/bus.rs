//! Buses that stop, die or do not listen, and readers that do not read.

use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{AGENT, Client, MONITOR, MONITOR_ENDPOINT},
    hose::{Hose, TURN},
    json::dictionary,
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
    stage::Stage,
    until,
};
use rustix::process::Signal;
use serde_json::json;
use std::{
    num::NonZero,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use zbus::{MatchRule, MessageStream};

on_each_bus!(
    a_bus_that_stops_for_half_a_minute_costs_nothing,
    a_bus_that_dies_ends_the_bridge_and_no_command,
    a_bus_that_dies_in_the_middle_of_a_reply_ends_the_bridge,
    a_frozen_subscriber_stops_nobody_else,
    a_bus_that_refuses_signals_gets_replies,
);

/// Recipe 19.
async fn a_bus_that_stops_for_half_a_minute_costs_nothing(bus: Bus) {
    const EVENT: usize = 1 << 10;
    const TURNS: usize = 600;
    let hose = Hose::new();
    let mut stage = Stage::monitor(&bus, &hose.socket()).await;
    // The last events are kept, so there have to be as many for a start.
    hose.flood(EVENT, 100, 12).await;
    stage.begin().await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(MONITOR, 24).await;
    ledger.taken(MONITOR).await;
    let start = Instant::now();
    bus.signal(Signal::STOP);
    let flood = hose.flood(EVENT, 2, TURNS);
    let release = async {
        sleep(TURN * 100).await;
        hose.release();
    };
    let (waits, ()) = tokio::join!(flood, release);
    let stopped = start.elapsed();
    bus.signal(Signal::CONT);
    assert!(stopped >= Duration::from_secs(30), "{stopped:?}");
    is_drained(&waits);
    ledger.settle().await;
    ledger.close(MONITOR, || hose.lines()).await;
    assert_eq!(ledger.outcomes()[""], 24);
    let told = |line: &str| stage.bridge.log().matches(line).count();
    until("a word", async || (told("the bus takes messages again") == 1).then_some(())).await;
    assert_eq!(told("the bus takes no messages"), 1);
    is_small(&stage.bridge);
    stage.end().await;
}

/// Recipe 18.
async fn a_bus_that_dies_ends_the_bridge_and_no_command(bus: Bus) {
    let peer = Peer::monitor(|command, _| (command == "qom-get").then_some(Answer::Silence));
    let (mut bridge, _client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(MONITOR, 20).await;
    ledger.taken(MONITOR).await;
    peer.received("qom-get", 7).await;
    let start = Instant::now();
    bus.signal(Signal::KILL);
    let (status, text) = bridge.exit().await;
    assert_eq!(status.code(), Some(4), "{text}");
    let time = start.elapsed();
    assert!((1..4).contains(&time.as_secs()), "the wire has 2 seconds, not {time:?}");
    for entry in ledger.entries().values() {
        let seen = peer.all().iter().filter(|line| line.contains(&entry.tag)).count();
        assert!(seen <= 1, "{} reached the peer {seen} times", entry.tag);
    }
    let bus = bus.another().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    client.call(MONITOR, "QueryStatus", &()).await.unwrap();
}

async fn a_bus_that_dies_in_the_middle_of_a_reply_ends_the_bridge(bus: Bus) {
    let silent = |command: &str| (command == "guest-file-read").then_some(Answer::Silence);
    let peer = Peer::agent(move |command, _| silent(command));
    let (mut bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    let call = tokio::spawn(async move { client.call(AGENT, "GuestFileRead", &1000i64).await });
    peer.received("guest-file-read", 1).await;
    bus.signal(Signal::STOP);
    let text = "x".repeat(20 << 20);
    peer.reply("guest-file-read", json!({ "count": 15 << 20, "buf-b64": text, "eof": false }));
    // Time for as much of the reply as the socket takes.
    sleep(Duration::from_secs(1)).await;
    bus.signal(Signal::KILL);
    let (status, text) = bridge.exit().await;
    assert_eq!(status.code(), Some(4), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    call.abort();
}

/// Recipe 17, with 16 MiB of the 300: what reaches the bus is set by the pace, not by the flood.
async fn a_frozen_subscriber_stops_nobody_else(bus: Bus) {
    const EVENT: usize = 2 << 10;
    let hose = Hose::new();
    let mut stage = Stage::monitor(&bus, &hose.socket()).await;
    // A flood has its own price, the queue of events that wait: what counts here is what the
    // subscriber adds to it.
    hose.flood(EVENT, 40, 80).await;
    sleep(Duration::from_secs(6)).await;
    stage.begin().await;
    // Nobody polls the stream; one signal fills its queue, and then the connection reads no more.
    let frozen = Client::new(&bus).await;
    let rule = MatchRule::try_from("type='signal'").unwrap();
    let stream = MessageStream::for_match_rule(rule, frozen.connection(), NonZero::new(1)).await;
    let flood = hose.flood(EVENT, 40, 200);
    let others = async {
        for _ in 0..10 {
            sleep(Duration::from_secs(1)).await;
            stage.answers().await;
        }
    };
    let (waits, ()) = tokio::join!(flood, others);
    is_drained(&waits);
    is_small(&stage.bridge);
    drop((stream, frozen));
    stage.end().await;
}

async fn a_bus_that_refuses_signals_gets_replies(bus: Bus) {
    let peer =
        Peer::monitor(|command, _| (command == "qom-get").then(|| Answer::Return(json!("value"))));
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    let listener = Client::new(&bus).await;
    let mut signals = listener.signals(MONITOR).await;
    let body = (&["DEVICE_DELETED"][..], dictionary(json!({})));
    listener.call(MONITOR_ENDPOINT, "Subscribe", &body).await.unwrap();
    bus.allow_signals(false).await;
    let mut ledger = Ledger::new(&bus).await;
    for _ in 0..20 {
        peer.event("DEVICE_DELETED", json!({ "path": "/refused" }));
        ledger.call(MONITOR).await;
    }
    ledger.settle().await;
    ledger.close(MONITOR, || peer.all()).await;
    assert_eq!(ledger.outcomes()[""], 20);
    bus.allow_signals(true).await;
    peer.event("DEVICE_DELETED", json!({ "path": "/allowed" }));
    assert_eq!(signals.named("DeviceDeleted").await.arguments[0], "/allowed");
    drop((ledger, listener, signals));
    stage.end().await;
}

/// The bridge never lets a monitor wait; a busy host may, for a moment.
fn is_drained(waits: &[Duration]) {
    let long = waits.iter().filter(|wait| **wait > Duration::from_millis(100)).count();
    let longest = waits.iter().max().unwrap();
    let rare = long * 10 <= waits.len() && *longest < Duration::from_secs(5);
    assert!(rare, "{long} of {} writes waited, at most {longest:?}", waits.len());
}

/// Its memory never came near its bound.
fn is_small(bridge: &Bridge) {
    let peak = bridge.usage().peak;
    assert!(peak < 64 << 10, "{peak} KiB");
}
