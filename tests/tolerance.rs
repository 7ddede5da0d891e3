//! Calls as people and older programs make them.

use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    busctl::{self, Output},
    client::{AGENT, MONITOR, Target},
    on_each_bus,
    peer::{Answer, Peer},
};
use serde_json::{Value, json};

on_each_bus!(
    every_form_of_a_call_is_understood,
    what_does_not_fit_is_explained,
    reserved_keys_are_checked,
    a_deadline_ends_a_call,
    a_command_goes_out_of_band,
);

/// Method, what a person types after it, and the arguments that the peer must get.
type Case = (&'static str, &'static str, Value);

fn cases() -> Vec<Case> {
    let open = json!({ "path": "/f" });
    let read = json!({ "handle": 1000, "count": 5 });
    let vcpus = json!({ "vcpus": [{ "logical-id": 3, "online": true }] });
    vec![
        ("GuestFileOpen", "s /f", open.clone()),
        ("GuestFileOpen", "o /f", open.clone()),
        ("GuestFileOpen", "v s /f", open.clone()),
        ("GuestFileOpen", "sa{sv} /f 0", open.clone()),
        ("GuestFileOpen", "a{sv} 1 path s /f", open),
        ("GuestFileRead", "xa{sv} 1000 1 count x 5", read.clone()),
        ("GuestFileRead", "ia{sv} 1000 1 count y 5", read.clone()),
        ("GuestFileRead", "ta{sv} 1000 1 count q 5", read.clone()),
        ("GuestFileRead", "a{sv} 2 handle u 1000 count n 5", read),
        ("GuestSetVcpus", "aa{sv} 1 2 logical-id u 3 online b true", vcpus.clone()),
        ("GuestSetVcpus", "av 1 a{sv} 2 logical-id y 3 online b true", vcpus.clone()),
        ("GuestSetVcpus", "a{sv} 1 vcpus aa{sv} 1 2 logical-id x 3 online b true", vcpus),
        ("GuestPing", "a{sv} 1 newer s member", json!({ "newer": "member" })),
        ("GuestPing", "a{sv} 1 @timeout i 5000", json!({})),
    ]
}

async fn every_form_of_a_call_is_understood(bus: Bus) {
    let (peer, _bridge) = recorder(&bus).await;
    for (method, typed, expected) in cases() {
        let earlier = peer.all().len();
        let output = call(&bus, AGENT, method, typed).await;
        assert!(output.success, "{method} {typed}: {}", output.stderr);
        let [line] = &peer.all()[earlier..] else { panic!("{method} {typed}: not one request") };
        let request: Value = serde_json::from_str(line).unwrap();
        let arguments = request.get("arguments").cloned().unwrap_or(json!({}));
        assert_eq!(arguments, expected, "{method} {typed}");
    }
}

async fn what_does_not_fit_is_explained(bus: Bus) {
    let (peer, _bridge) = recorder(&bus).await;
    for (typed, explained) in [
        ("x 5", &["path", "sa{sv}", "x"][..]),
        ("sss a b c", &["sa{sv}", "sss"]),
        ("", &["sa{sv}"]),
    ] {
        let earlier = peer.all().len();
        let output = call(&bus, AGENT, "GuestFileOpen", typed).await;
        assert!(!output.success, "{typed}");
        for word in explained {
            assert!(output.stderr.contains(word), "{typed}: {word} is not in {}", output.stderr);
        }
        assert_eq!(peer.all().len(), earlier, "{typed} was sent");
    }
    let output = call(&bus, AGENT, "GuestSetVcpus", "aa{sv} 1 1 logical-id s many").await;
    assert!(output.stderr.contains("logical-id"), "{}", output.stderr);
}

async fn reserved_keys_are_checked(bus: Bus) {
    let (_peer, _bridge) = recorder(&bus).await;
    for typed in ["a{sv} 1 @speed i 5", "a{sv} 1 @timeout s soon"] {
        let output = call(&bus, AGENT, "GuestPing", typed).await;
        assert!(!output.success, "{typed}");
        let key = typed.split(' ').nth(2).unwrap();
        assert!(output.stderr.contains(key), "{typed}: {}", output.stderr);
    }
}

async fn a_deadline_ends_a_call(bus: Bus) {
    let peer = Peer::monitor(|command, _| (command == "query-name").then_some(Answer::Silence));
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let options = qapi_dbus_tests::json::dictionary(json!({ "@timeout": 200 }));
    let refused = client.call(MONITOR, "QueryName", &options).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.Unknown.Timeout");
    peer.reply("query-name", json!({ "name": "late" }));
    let status = client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    assert_eq!(status["status"], "running", "the late answer is nobody's");
}

async fn a_command_goes_out_of_band(bus: Bus) {
    let peer = Peer::monitor(|command, _| {
        (command == "migrate-pause").then_some(Answer::Return(json!({})))
    });
    let (_bridge, _client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let output = call(&bus, MONITOR, "MigratePause", "a{sv} 1 @oob b true").await;
    assert!(output.success, "{}", output.stderr);
    let line = &peer.lines("migrate-pause")[0];
    let request: Value = serde_json::from_str(line).unwrap();
    assert_eq!(request["exec-oob"], "migrate-pause");
    assert!(!request["id"].is_null() && request.get("arguments").is_none(), "{line}");
    let refused = call(&bus, MONITOR, "QueryStatus", "a{sv} 1 @oob b true").await;
    assert!(refused.stderr.contains("@oob"), "{}", refused.stderr);
}

/// An agent that takes every command.
async fn recorder(bus: &Bus) -> (Peer, Bridge) {
    let peer = Peer::agent(|command, _| match command {
        "guest-file-open" | "guest-set-vcpus" => Some(Answer::Return(json!(1000))),
        "guest-file-read" => Some(Answer::Return(json!({}))),
        _ => None,
    });
    let (bridge, _client) = Bridge::with_agent(bus, &peer.socket()).await;
    (peer, bridge)
}

async fn call(bus: &Bus, target: Target, method: &str, typed: &str) -> Output {
    let arguments: Vec<_> = typed.split_whitespace().collect();
    busctl::call(bus, target, method, &arguments).await
}
