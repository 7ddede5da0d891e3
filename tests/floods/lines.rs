//! Peers that send lines without end, or lines that nobody asked for.

use super::{block, many, over, patient};
use qapi_dbus_tests::{
    bridge::in_state,
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, MONITOR, MONITOR_ENDPOINT},
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
    stage::Stage,
};
use std::time::{Duration, Instant};

on_each_bus!(
    an_agent_that_floods_with_replies_is_not_read_without_end,
    a_monitor_that_floods_before_it_is_ready_is_served_after,
    a_monitor_that_floods_with_replies_is_left,
    a_line_of_a_monitor_without_end_is_not_kept,
    a_line_of_an_agent_without_end_is_not_kept,
    a_line_of_an_agent_that_nobody_waits_for_is_not_kept,
);

/// Replies that answer nothing.
const REPLIES: usize = 1_000_000;
const REPLY: &str = "{\"return\": {}, \"id\": 7}\r\n";

/// Blocks of a line of 100 MB.
const ENDLESS: usize = 1600;

async fn an_agent_that_floods_with_replies_is_not_read_without_end(bus: Bus) {
    let peer = Peer::agent(|_, _| None);
    let stage = Stage::agent(&bus, &peer.socket()).await;
    let (block, count) = block(REPLY);
    peer.flood(block.clone(), 50_000 / count);
    peer.drained().await;
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    // From then on the guest waits, not the bridge.
    let start = Instant::now();
    peer.flood(block, many(REPLIES) / count);
    stage.answers().await;
    peer.drained().await;
    assert!(start.elapsed() > Duration::from_secs(1), "read in {:?}", start.elapsed());
    over(&stage).await;
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
}

async fn a_monitor_that_floods_before_it_is_ready_is_served_after(bus: Bus) {
    let peer = Peer::monitor(|command, _| match command {
        "qmp_capabilities" => Some(Answer::Silence),
        _ => None,
    });
    let socket = peer.socket();
    let mut stage = Stage::serve(&bus, &["--qmp".as_ref(), socket.as_os_str()]).await;
    peer.received("qmp_capabilities", 1).await;
    stage.begin().await;
    let (block, count) = block(REPLY);
    peer.flood(block, many(REPLIES) / count);
    peer.drained().await;
    peer.reply("qmp_capabilities", serde_json::json!({}));
    in_state(&stage.client, MONITOR_ENDPOINT, "ready").await;
    over(&stage).await;
}

async fn a_monitor_that_floods_with_replies_is_left(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    let (block, count) = block(REPLY);
    peer.flood(block, many(REPLIES) / count);
    peer.drained().await;
    in_state(&stage.client, MONITOR_ENDPOINT, "ready").await;
    over(&stage).await;
}

async fn a_line_of_a_monitor_without_end_is_not_kept(bus: Bus) {
    let peer = Peer::monitor(|command, _| (command == "qom-get").then_some(Answer::Silence));
    let stage = patient(&bus, "--qmp", &peer, MONITOR_ENDPOINT).await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.call(MONITOR).await;
    peer.received("qom-get", 1).await;
    endless(&peer).await;
    assert_eq!(ledger.open(), 1);
    peer.send("\"}\r\n");
    ledger.close(MONITOR, || peer.all()).await;
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes["org.qemu.QapiError.Unknown.ReplyTooLarge"], 1, "{outcomes:?}");
    drop(ledger);
    over(&stage).await;
    stage.client.call(MONITOR, "QueryStatus", &()).await.unwrap();
}

async fn a_line_of_an_agent_without_end_is_not_kept(bus: Bus) {
    let peer = Peer::agent(|command, _| (command == "guest-file-open").then_some(Answer::Silence));
    let stage = patient(&bus, "--qga", &peer, AGENT_ENDPOINT).await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.call(AGENT).await;
    peer.received("guest-file-open", 1).await;
    endless(&peer).await;
    peer.send("\"}\n");
    ledger.close(AGENT, || peer.all()).await;
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes["org.qemu.QapiError.Unknown.ReplyTooLarge"], 1, "{outcomes:?}");
    drop(ledger);
    over(&stage).await;
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
}

/// Nor is it taken for the answer to whoever asks next.
async fn a_line_of_an_agent_that_nobody_waits_for_is_not_kept(bus: Bus) {
    let peer = Peer::agent(|command, _| (command == "guest-ping").then_some(Answer::Silence));
    let stage = patient(&bus, "--qga", &peer, AGENT_ENDPOINT).await;
    let before = stage.bridge.usage().peak;
    peer.send("{\"return\": \"");
    peer.flood([b'x'; 64 << 10], 256);
    peer.drained().await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.send(AGENT, "GuestPing", &(), "guest-ping").await;
    peer.received("guest-ping", 1).await;
    peer.send("\"}\n");
    peer.reply("guest-ping", serde_json::json!({}));
    ledger.settle().await;
    assert_eq!(ledger.outcomes()[""], 1, "{:?}", ledger.outcomes());
    drop(ledger);
    over(&stage).await;
    let after = stage.bridge.usage().peak;
    assert!(after < before + (4 << 10), "{before} KiB before, {after} KiB after");
}

async fn endless(peer: &Peer) {
    peer.send("{\"return\": \"");
    peer.flood([b'x'; 64 << 10], ENDLESS);
    peer.drained().await;
}
