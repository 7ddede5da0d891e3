//! Agents that say what nobody understands, and what earlier clients left in a real one.

use qapi_dbus_tests::{
    agent::Agent,
    bridge::connected,
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, MONITOR, MONITOR_ENDPOINT},
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
    stage::Stage,
    until,
};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

on_each_bus!(
    a_call_that_garbage_answers_is_unknown_and_the_next_one_works,
    an_agent_that_sends_garbage_misbehaves_until_it_was_quiet,
    an_agent_that_answers_nobody_misbehaves_until_it_was_quiet,
    a_monitor_that_always_lies_misbehaves,
    what_earlier_clients_left_in_an_agent_is_nobodys,
);

const BAD_REPLY: &str = "org.qemu.QapiError.Unknown.BadReply";

async fn a_call_that_garbage_answers_is_unknown_and_the_next_one_works(bus: Bus) {
    let garbage = garbage();
    let count = garbage.len();
    let texts = Mutex::new(garbage.into_iter().cycle());
    let peer = Peer::agent(move |command, _| {
        (command == "guest-file-open").then(|| Answer::Raw(texts.lock().unwrap().next().unwrap()))
    });
    let stage = Stage::agent(&bus, &peer.socket()).await;
    let mut ledger = Ledger::new(&bus).await;
    // One at a time, and then each with others behind it.
    for _ in 0..count {
        ledger.call(AGENT).await;
        ledger.settle().await;
        stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    }
    ledger.calls(AGENT, 2 * count).await;
    ledger.settle().await;
    ledger.close(AGENT, || peer.all()).await;
    assert_eq!(ledger.outcomes()[BAD_REPLY], 3 * count, "{:?}", ledger.outcomes());
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    let counters = counters(&stage, AGENT_ENDPOINT).await;
    assert!(counters["garbage"].as_u64().unwrap() >= 3 * count as u64, "{counters}");
    assert_eq!(counters["unknown"], 3 * count);
    stage.end().await;
}

/// Each breaks off what it is taken for by itself.
fn garbage() -> Vec<Vec<u8>> {
    let html = "<!DOCTYPE html>\r\n<html><body>502 Bad Gateway {\"return\": 1}</body></html>\r\n";
    let half = "{\"return\": {\"half\": [1, 2, \"thr\n{\"return\": {}}\n";
    let mut texts: Vec<Vec<u8>> =
        [html, half, "}\n", "nonsense\n", "{}\n", "[]\n", "{\"return\":1,\"return\":2}\n"]
            .map(Into::into)
            .into();
    texts.extend((1..9).map(random_line));
    texts
}

/// A kibibyte of any bytes, the same each time; it ends with the line.
fn random_line(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let byte = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let line = std::iter::repeat_with(byte).filter(|byte| !matches!(byte, b'\n' | b'{' | 0xFF));
    line.take(1024).chain([b'\n']).collect()
}

async fn an_agent_that_sends_garbage_misbehaves_until_it_was_quiet(bus: Bus) {
    misbehave(&bus, "garbage", (0..20_000).map(random_line).collect()).await;
}

/// More than the agent may send unasked: for a while its socket is not read, and it has to wait.
async fn an_agent_that_answers_nobody_misbehaves_until_it_was_quiet(bus: Bus) {
    misbehave(&bus, "unsolicited", vec![b"{\"return\":{},\"id\":1}\n".to_vec(); 180_000]).await;
}

async fn misbehave(bus: &Bus, counter: &str, lines: Vec<Vec<u8>>) {
    let peer = Peer::agent(|_, _| None);
    let stage = Stage::agent(bus, &peer.socket()).await;
    let mut signals = stage.client.signals(AGENT).await;
    let told = stage.bridge.log().lines().count();
    let start = Instant::now();
    let count = lines.len() as u64;
    peer.send(lines.concat());
    let changed = signals.named("PropertiesChanged").await;
    assert_eq!(changed.arguments[1], json!({ "Misbehaving": true }));
    stage.answers().await;
    let all = async || {
        let counters = counters(&stage, AGENT_ENDPOINT).await;
        (counters[counter].as_u64().unwrap() >= count).then_some(())
    };
    until("all of it thrown away", all).await;
    let changed = signals.named("PropertiesChanged").await;
    assert_eq!(changed.arguments[1], json!({ "Misbehaving": false }));
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    let told = stage.bridge.log().lines().count() - told;
    assert!(told as u64 <= 2 + start.elapsed().as_secs(), "{}", stage.bridge.log());
    stage.end().await;
}

async fn a_monitor_that_always_lies_misbehaves(bus: Bus) {
    let peer =
        Peer::monitor(|command, _| (command == "qom-get").then(|| Answer::Raw(b"}\r\n".to_vec())));
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    let lines = stage.bridge.log().lines().count();
    let start = Instant::now();
    let mut ledger = Ledger::new(&bus).await;
    for _ in 0..30 {
        ledger.call(MONITOR).await;
        ledger.settle().await;
    }
    ledger.close(MONITOR, || peer.all()).await;
    assert_eq!(ledger.outcomes()[BAD_REPLY], 30);
    let misbehaving = stage.client.property(MONITOR_ENDPOINT, "Misbehaving").await.unwrap();
    assert_eq!(misbehaving, json!(true));
    let counters = counters(&stage, MONITOR_ENDPOINT).await;
    assert!(counters["garbage"].as_u64().unwrap() >= 30, "{counters}");
    // What the log tells is for each second, not for each call: ready, compared, why it ended.
    let lines = stage.bridge.log().lines().count() - lines;
    assert!(lines as u64 <= 4 + 2 * start.elapsed().as_secs(), "{}", stage.bridge.log());
    connected(&stage.client, MONITOR_ENDPOINT).await;
    stage.end().await;
}

/// A real agent keeps half a line of a client that has gone, answers garbage with errors, one or
/// several a line, and answers the mark with another.
async fn what_earlier_clients_left_in_an_agent_is_nobodys(bus: Bus) {
    let agent = Agent::start().await;
    for left in [
        &b"foo bar baz\n\xFF\xFF{}\n[1,2]\n\x01\x00\x1b"[..],
        b"{\"execute\":\"guest-pi",
        b"{\"execute\":\"guest-ping\",\"arguments\":{\"text\":\"half a str",
        b"\xFF{\"execute\":\"guest-info\"}\n\xFF",
        b"[[[[[[[[[[",
    ] {
        leave(&agent.socket(), left).await;
        let stage = Stage::agent(&bus, &agent.socket()).await;
        let mut ledger = Ledger::new(&bus).await;
        ledger.calls(AGENT, 20).await;
        ledger.settle().await;
        for entry in ledger.entries().values() {
            let reply = qapi_dbus_tests::json::body(entry.reply.as_ref().unwrap()).to_string();
            assert!(reply.contains(&entry.tag), "{reply} answers {}", entry.tag);
        }
        stage.end().await;
    }
}

/// Connects, says this and goes once the agent is quiet, for it ends if it finds nobody to answer.
async fn leave(socket: &Path, bytes: &[u8]) {
    let mut client = UnixStream::connect(socket).await.unwrap();
    client.write_all(bytes).await.unwrap();
    let mut answer = [0; 4096];
    while timeout(QUIET, client.read(&mut answer)).await.is_ok_and(|read| read.unwrap() > 0) {}
}

const QUIET: Duration = Duration::from_millis(500);

async fn counters(stage: &Stage, endpoint: qapi_dbus_tests::client::Target) -> Value {
    stage.client.property(endpoint, "Counters").await.unwrap()
}
