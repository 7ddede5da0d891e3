//! Peers that go away with calls on the wire.

use qapi_dbus_tests::{
    bridge::{connected, in_state},
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, MONITOR, MONITOR_ENDPOINT, Signals, Target},
    json,
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer, event, greeting},
    qemu::Qemu,
    stage::Stage,
};
use serde_json::Value;

on_each_bus!(
    a_monitor_that_breaks_off_loses_what_was_sent,
    an_agent_that_breaks_off_loses_one_call,
    a_killed_qemu_loses_what_was_on_the_wire_and_comes_back,
    what_an_earlier_client_left_behind_is_nobodys,
);

const LOST: &str = "org.qemu.QapiError.Unknown.ConnectionLost";
const NOT_CONNECTED: &str = "org.qemu.QapiError.NotSent.NotConnected";

/// The monitor reads one request while it works on another, so the bridge keeps up to seven on
/// the wire: of those that the monitor had in its socket and did not read, nobody can tell.
const ON_THE_WIRE: usize = 7;

async fn a_monitor_that_breaks_off_loses_what_was_sent(bus: Bus) {
    let peer = Peer::monitor(breaks_off("qom-get"));
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    break_off(&bus, &peer, MONITOR, "qom-get", ON_THE_WIRE).await;
    connected(&stage.client, MONITOR_ENDPOINT).await;
    stage.client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    stage.end().await;
}

async fn an_agent_that_breaks_off_loses_one_call(bus: Bus) {
    let peer = Peer::agent(breaks_off("guest-file-open"));
    let stage = Stage::agent(&bus, &peer.socket()).await;
    break_off(&bus, &peer, AGENT, "guest-file-open", 1).await;
    connected(&stage.client, AGENT_ENDPOINT).await;
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    stage.end().await;
}

fn breaks_off(tagged: &'static str) -> impl Fn(&str, &Value) -> Option<Answer> + Send {
    move |command, _| (command == tagged).then(|| Answer::Last(b"{\"return\": {\"na".to_vec()))
}

/// Those on the wire are lost, the others were never sent; an answer that broke off is none.
async fn break_off(bus: &Bus, peer: &Peer, target: Target, command: &str, on_the_wire: usize) {
    let mut ledger = Ledger::new(bus).await;
    for _ in 0..5 {
        ledger.calls(target, 20).await;
        ledger.settle().await;
        ledger.close(target, || peer.all()).await;
    }
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes.values().sum::<usize>(), 100);
    let connections = peer.lines(command).len();
    assert!((5..=on_the_wire * connections).contains(&outcomes[LOST]), "{outcomes:?}");
    assert_eq!(outcomes[LOST] + outcomes.get(NOT_CONNECTED).unwrap_or(&0), 100, "{outcomes:?}");
}

async fn a_killed_qemu_loses_what_was_on_the_wire_and_comes_back(bus: Bus) {
    let mut qemu = Qemu::none().await;
    let stage = Stage::monitor(&bus, &qemu.socket()).await;
    let mut signals = stage.client.signals(MONITOR).await;
    let mut ledgers = Vec::new();
    qemu.freeze();
    for _ in 0..5 {
        let mut ledger = Ledger::new(&bus).await;
        ledger.calls(MONITOR, 10).await;
        ledger.taken(MONITOR).await;
        ledgers.push(ledger);
    }
    qemu.kill().await;
    let (mut lost, mut unsent) = (0, 0);
    for ledger in &mut ledgers {
        ledger.close(MONITOR, Vec::new).await;
        lost += ledger.outcomes().get(LOST).unwrap_or(&0);
        unsent += ledger.outcomes().get(NOT_CONNECTED).unwrap_or(&0);
    }
    assert!((1..=ON_THE_WIRE).contains(&lost), "{lost}");
    assert_eq!(lost + unsent, 50);
    in_state(&stage.client, MONITOR_ENDPOINT, "disconnected").await;
    qemu.restart(&["-M", "none"]).await;
    connected(&stage.client, MONITOR_ENDPOINT).await;
    assert_eq!(states(&mut signals).await, ["disconnected", "connecting", "ready"]);
    for ledger in &mut ledgers {
        ledger.calls(MONITOR, 10).await;
        ledger.settle().await;
        assert_eq!(ledger.outcomes()["org.qemu.QapiError.DeviceNotFound"], 10);
        answers_are_its_own(ledger);
    }
    stage.end().await;
}

/// The states told up to the first that is ready; nothing may be told of an orderly end.
async fn states(signals: &mut Signals) -> Vec<String> {
    let mut states: Vec<String> = Vec::new();
    while states.last().is_none_or(|state| state != "ready") {
        let signal = signals.next().await;
        assert_ne!(signal.member, "Shutdown", "the machine was killed");
        if signal.member == "PropertiesChanged"
            && let Some(state) = signal.arguments[1].get("State")
        {
            states.push(state.as_str().unwrap().to_owned());
        }
    }
    states
}

/// A command that was on its way when its client left is answered to the next one, after the
/// greeting; and whatever else is said before the negotiation.
async fn what_an_earlier_client_left_behind_is_nobodys(bus: Bus) {
    let left = [
        greeting("").as_str(),
        "{\"return\": \"of an earlier client\"}\r\n",
        "{\"return\": {}, \"id\": 1}\r\n",
        "{\"id\": 2, \"error\": {\"class\": \"GenericError\", \"desc\": \"of an earlier client\"}}\r\n",
        &event("SHUTDOWN", serde_json::json!({ "guest": false, "reason": "host-qmp-quit" })),
        "the rest of an answer\"}\r\n",
    ]
    .concat();
    let peer = Peer::greeting(Answer::Raw(left.into_bytes()), |command, arguments| match command {
        "qom-get" => Some(Answer::Return(arguments["path"].clone())),
        "quit" => Some(Answer::Close),
        _ => None,
    });
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    let mut signals = stage.client.signals(MONITOR).await;
    for _ in 0..5 {
        let mut ledger = Ledger::new(&bus).await;
        ledger.calls(MONITOR, 20).await;
        ledger.settle().await;
        ledger.close(MONITOR, || peer.all()).await;
        answers_are_its_own(&ledger);
        let quit = stage.client.call(MONITOR, "Quit", &()).await.unwrap_err();
        assert_eq!(quit.name, LOST);
        assert_eq!(states(&mut signals).await, ["disconnected", "connecting", "ready"]);
    }
    stage.end().await;
}

/// Each answer names the object that its own call named.
fn answers_are_its_own(ledger: &Ledger) {
    for entry in ledger.entries().values() {
        if entry.outcome().unwrap() != LOST && entry.outcome().unwrap() != NOT_CONNECTED {
            let answer = json::body(entry.reply.as_ref().unwrap()).to_string();
            assert!(answer.contains(&entry.tag), "{answer} answers {}", entry.tag);
        }
    }
}
