//! Clients that call without waiting for replies.

use super::{many, over, patient};
use qapi_dbus_tests::{
    bridge::in_state,
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, MONITOR_ENDPOINT},
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
};
use std::{collections::HashMap, time::Duration};
use zbus::{Message, Variant, message::Flags};

on_each_bus!(
    ten_thousand_calls_at_once_are_answered_or_refused,
    ten_thousand_waits_at_once_are_answered_or_refused,
    calls_that_want_no_reply_are_bounded_too,
);

const CALLS: usize = 10_000;
const LIMITS: &str = "org.freedesktop.DBus.Error.LimitsExceeded";

/// Calls in flight of one sender.
const PER_SENDER: usize = 32;

async fn ten_thousand_calls_at_once_are_answered_or_refused(bus: Bus) {
    let peer = silent_agent();
    let stage = patient(&bus, "--qga", &peer, AGENT_ENDPOINT).await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(AGENT, CALLS).await;
    stage.answers().await;
    peer.received("guest-file-open", 1).await;
    peer.restart(Duration::ZERO);
    ledger.close(AGENT, || peer.all()).await;
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes[LIMITS], CALLS - PER_SENDER, "{outcomes:?}");
    assert_eq!(outcomes["org.qemu.QapiError.Unknown.ConnectionLost"], 1, "{outcomes:?}");
    drop(ledger);
    in_state(&stage.client, AGENT_ENDPOINT, "ready").await;
    over(&stage).await;
}

async fn ten_thousand_waits_at_once_are_answered_or_refused(bus: Bus) {
    let peer = Peer::monitor(|command, _| (command == "stop").then_some(Answer::Silence));
    let stage = patient(&bus, "--qmp", &peer, MONITOR_ENDPOINT).await;
    let mut ledger = Ledger::new(&bus).await;
    let none = HashMap::<&str, Variant<'_>>::new();
    for _ in 0..CALLS {
        let body = ("stop", &none, vec!["STOP"], &none);
        ledger.send(MONITOR_ENDPOINT, "CallAndWait", &body, "").await;
    }
    stage.answers().await;
    peer.received("stop", 1).await;
    peer.restart(Duration::ZERO);
    ledger.settle().await;
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes[LIMITS], CALLS - PER_SENDER, "{outcomes:?}");
    drop(ledger);
    in_state(&stage.client, MONITOR_ENDPOINT, "ready").await;
    over(&stage).await;
}

async fn calls_that_want_no_reply_are_bounded_too(bus: Bus) {
    let peer = silent_agent();
    let stage = patient(&bus, "--qga", &peer, AGENT_ENDPOINT).await;
    let client = bus.connect().await;
    let call = Message::method_call(AGENT.path, "GuestFileOpen")
        .destination(AGENT.name)
        .interface(AGENT.interface)
        .with_flags(Flags::NO_REPLY_EXPECTED)
        .build(&"/nonexistent")
        .unwrap();
    let count = many(1_000_000);
    for sent in 0..count {
        client.send(&call).await.unwrap();
        if sent % (count / 4) == 0 {
            stage.answers().await;
        }
    }
    let mut ledger = Ledger::new(&bus).await;
    ledger.taken(AGENT).await;
    assert_eq!(peer.lines("guest-file-open").len(), 1, "the agent has not answered yet");
    drop((ledger, client));
    over(&stage).await;
}

fn silent_agent() -> Peer {
    Peer::agent(|command, _| (command == "guest-file-open").then_some(Answer::Silence))
}
