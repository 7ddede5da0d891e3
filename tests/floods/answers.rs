//! Answers that are small to send and large to keep, and large ones.

use super::{many, over, patient};
use qapi_dbus_tests::{
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, MONITOR, MONITOR_ENDPOINT, Refusal, Target},
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
    stage::Stage,
};
use serde_json::{Value, json};
use std::ffi::OsString;

on_each_bus!(
    a_node_bomb_of_a_monitor_is_not_built,
    a_node_bomb_of_an_agent_is_not_built,
    deep_nesting_of_a_monitor_is_not_built,
    deep_nesting_of_an_agent_is_not_built,
    the_longest_answer_arrives_and_a_longer_one_does_not,
    a_file_is_read_in_pieces_that_fit,
    many_machines_with_large_answers_share_the_memory,
    many_machines_with_node_bombs_share_the_memory,
);

const TOO_LARGE: &str = "org.qemu.QapiError.Unknown.ReplyTooLarge";

/// Bytes of the longest line of an agent.
const LONGEST: usize = 16 << 20;

async fn a_node_bomb_of_a_monitor_is_not_built(bus: Bus) {
    refused_by_monitor(&bus, bomb(16 << 20)).await;
}

async fn a_node_bomb_of_an_agent_is_not_built(bus: Bus) {
    refused_by_agent(&bus, bomb(16 << 20)).await;
}

async fn deep_nesting_of_a_monitor_is_not_built(bus: Bus) {
    refused_by_monitor(&bus, nested(100_000)).await;
}

async fn deep_nesting_of_an_agent_is_not_built(bus: Bus) {
    refused_by_agent(&bus, nested(100_000)).await;
}

async fn the_longest_answer_arrives_and_a_longer_one_does_not(bus: Bus) {
    let room = LONGEST - answer_of(String::new()).to_string().len();
    let peer = Peer::agent(move |command, arguments| {
        let longer = arguments["count"] == 2;
        let size = if longer { room + 1 } else { room };
        // As an agent that echoes no ids.
        let plain = |answer: Value| Some(Answer::Raw(answer.to_string().into_bytes()));
        match command {
            "guest-sync-delimited" => plain(json!({ "return": arguments["id"] })),
            "guest-file-read" => plain(answer_of("x".repeat(size))),
            _ => None,
        }
    });
    let stage = patient(&bus, "--qga", &peer, AGENT_ENDPOINT).await;
    for _ in 0..3 {
        let read = stage.client.call(AGENT, "GuestFileRead", &read_arguments(1)).await.unwrap();
        assert_eq!(read["buf-b64"].as_str().map(str::len), Some(room));
        let refused = stage.client.call(AGENT, "GuestFileRead", &read_arguments(2)).await;
        assert_eq!(refused.unwrap_err().name, TOO_LARGE);
    }
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    over(&stage).await;
}

/// What would be too large is not read in vain, for reading moves on.
async fn a_file_is_read_in_pieces_that_fit(bus: Bus) {
    const MOST: i64 = ((LONGEST - 1024) / 4 * 3) as i64;
    let peer = Peer::agent(|command, _| {
        (command == "guest-file-read").then(|| Answer::Return(json!({ "count": 0, "eof": true })))
    });
    let stage = Stage::agent(&bus, &peer.socket()).await;
    stage.client.call(AGENT, "GuestFileRead", &read_arguments(MOST)).await.unwrap();
    let refused = stage.client.call(AGENT, "GuestFileRead", &read_arguments(MOST + 1)).await;
    assert_eq!(refused.unwrap_err().name, "org.qemu.QapiError.NotSent.TooLarge");
    assert_eq!(peer.lines("guest-file-read").len(), 1);
}

async fn many_machines_with_large_answers_share_the_memory(bus: Bus) {
    let answer = format!("{{\"return\": \"{}\"}}\r\n", "x".repeat(15 << 20));
    let outcomes = at_once(&bus, answer.into_bytes()).await;
    let told: usize = outcomes.values().sum();
    let arrived = outcomes.get("").copied().unwrap_or_default();
    let refused = outcomes.get(TOO_LARGE).copied().unwrap_or_default();
    assert!(arrived + refused == told && arrived > 0, "{outcomes:?}");
}

async fn many_machines_with_node_bombs_share_the_memory(bus: Bus) {
    let outcomes = at_once(&bus, bomb(many(16 << 20))).await;
    assert_eq!(outcomes.get(TOO_LARGE), Some(&MACHINES.len()), "{outcomes:?}");
}

const MACHINES: [Target; 8] = [
    machine("/org/qemu/vm/vm0"),
    machine("/org/qemu/vm/vm1"),
    machine("/org/qemu/vm/vm2"),
    machine("/org/qemu/vm/vm3"),
    machine("/org/qemu/vm/vm4"),
    machine("/org/qemu/vm/vm5"),
    machine("/org/qemu/vm/vm6"),
    machine("/org/qemu/vm/vm7"),
];

const fn machine(path: &'static str) -> Target {
    Target { name: "org.qemu.Bridge", path, interface: "org.qemu.QmpQapi" }
}

/// All machines give this answer at the same time: what became of the calls.
async fn at_once(bus: &Bus, answer: Vec<u8>) -> std::collections::HashMap<String, usize> {
    let script =
        move |command: &str, _: &Value| (command == "qom-get").then(|| Answer::Raw(answer.clone()));
    let peers: Vec<_> = MACHINES.iter().map(|_| Peer::monitor(script.clone())).collect();
    let mut options: Vec<OsString> = peers.iter().enumerate().flat_map(option).collect();
    options.extend(["--timeout".into(), "0".into()]);
    let options: Vec<_> = options.iter().map(AsRef::as_ref).collect();
    let mut stage = Stage::serve(bus, &options).await;
    let mut ledger = Ledger::new(bus).await;
    for machine in MACHINES {
        let endpoint = machine.interface("org.qemu.QmpEndpoint");
        qapi_dbus_tests::bridge::in_state(&stage.client, endpoint, "ready").await;
    }
    stage.begin().await;
    for machine in MACHINES {
        ledger.call(machine).await;
    }
    ledger.settle().await;
    let lines = |peers: &[Peer]| peers.iter().flat_map(Peer::all).collect::<Vec<_>>();
    ledger.close(MACHINES[0], || lines(&peers)).await;
    let outcomes = ledger.outcomes();
    drop(ledger);
    over(&stage).await;
    outcomes
}

fn option((number, peer): (usize, &Peer)) -> [OsString; 2] {
    let mut value = OsString::from(format!("vm{number}=qmp:"));
    value.push(peer.socket());
    ["--vm".into(), value]
}

async fn refused_by_monitor(bus: &Bus, answer: Vec<u8>) {
    let peer = Peer::monitor(move |command, _| {
        (command == "query-name").then(|| Answer::Raw(answer.clone()))
    });
    let stage = patient(bus, "--qmp", &peer, MONITOR_ENDPOINT).await;
    refused(&stage, MONITOR, "QueryName", "QueryStatus").await;
}

async fn refused_by_agent(bus: &Bus, answer: Vec<u8>) {
    let peer = Peer::agent(move |command, _| {
        (command == "guest-get-host-name").then(|| Answer::Raw(answer.clone()))
    });
    let stage = patient(bus, "--qga", &peer, AGENT_ENDPOINT).await;
    refused(&stage, AGENT, "GuestGetHostName", "GuestPing").await;
}

/// It is refused, again and again, and the connection lives on.
async fn refused(stage: &Stage, target: Target, method: &str, other: &str) {
    for _ in 0..3 {
        let refusal: Refusal = stage.client.call(target, method, &()).await.unwrap_err();
        assert_eq!(refusal.name, TOO_LARGE, "{refusal}");
        stage.client.call(target, other, &()).await.unwrap();
    }
    over(stage).await;
}

/// So many bytes of objects, far more of them than the limit.
fn bomb(bytes: usize) -> Vec<u8> {
    let element = "{\"a\":0},";
    let elements = element.repeat(bytes / element.len() - 8);
    format!("{{\"return\": [{elements}{{}}]}}\r\n").into_bytes()
}

fn nested(depth: usize) -> Vec<u8> {
    format!("{{\"return\": {}{}}}\r\n", "[".repeat(depth), "]".repeat(depth)).into_bytes()
}

fn answer_of(text: String) -> Value {
    json!({ "return": { "count": 7, "buf-b64": text, "eof": true } })
}

fn read_arguments(
    count: i64,
) -> (i64, std::collections::HashMap<&'static str, zbus::Variant<'static>>) {
    (1000, [("count", zbus::Variant::new(count))].into())
}
