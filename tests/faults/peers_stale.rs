//! Answers that come too late, or under another request's name.

use qapi_dbus_tests::{
    bridge::{connected, in_state},
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, MONITOR, MONITOR_ENDPOINT},
    json::dictionary,
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
    stage::Stage,
};
use serde_json::{Value, json};
use std::sync::Mutex;

on_each_bus!(
    an_agents_answer_that_came_too_late_is_nobodys,
    a_monitors_answer_that_came_too_late_is_nobodys,
    an_agent_that_forges_the_synchronisation_is_not_believed,
    an_agent_that_answers_under_another_id_is_not_believed,
    a_monitor_that_answers_what_nobody_asked_is_left,
);

const TIMEOUT: &str = "org.qemu.QapiError.Unknown.Timeout";

async fn an_agents_answer_that_came_too_late_is_nobodys(bus: Bus) {
    let peer = Peer::agent(|command, _| match command {
        "guest-get-host-name" => Some(Answer::Silence),
        "guest-get-time" => Some(Answer::Return(json!(5))),
        _ => None,
    });
    let stage = Stage::agent(&bus, &peer.socket()).await;
    let soon = dictionary(json!({ "@timeout": 200 }));
    for _ in 0..3 {
        let late = stage.client.call(AGENT, "GuestGetHostName", &soon).await.unwrap_err();
        assert_eq!(late.name, TIMEOUT);
        let request = peer.lines("guest-get-host-name").pop().unwrap();
        peer.reply("guest-get-host-name", json!({ "host-name": "late" }));
        assert_eq!(stage.client.call(AGENT, "GuestGetTime", &()).await.unwrap(), 5);
        // Once more, and without a name.
        peer.reply("guest-get-host-name", json!({ "host-name": "late" }));
        peer.send("{\"return\": {\"host-name\": \"late\"}}\n");
        assert_eq!(stage.client.call(AGENT, "GuestGetTime", &()).await.unwrap(), 5);
        assert_eq!(peer.lines("guest-get-host-name").pop().unwrap(), request, "never repeated");
    }
    let counters = stage.client.property(AGENT_ENDPOINT, "Counters").await.unwrap();
    assert_eq!(counters["resyncs"], 3);
    assert!(counters["unsolicited"].as_u64().unwrap() >= 6, "{counters}");
    stage.end().await;
}

async fn a_monitors_answer_that_came_too_late_is_nobodys(bus: Bus) {
    let peer = Peer::monitor(|command, arguments| match command {
        "query-name" => Some(Answer::Silence),
        "qom-get" => Some(Answer::Return(arguments["path"].clone())),
        _ => None,
    });
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    let soon = dictionary(json!({ "@timeout": 200 }));
    let late = stage.client.call(MONITOR, "QueryName", &soon).await.unwrap_err();
    assert_eq!(late.name, TIMEOUT);
    // A monitor answers in order: what it says next is to the request that timed out.
    peer.reply("query-name", json!({ "name": "late" }));
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(MONITOR, 20).await;
    ledger.settle().await;
    ledger.close(MONITOR, || peer.all()).await;
    for entry in ledger.entries().values() {
        let answer = qapi_dbus_tests::json::body(entry.reply.as_ref().unwrap());
        assert_eq!(answer, json!(entry.tag));
    }
    stage.end().await;
}

/// Whatever it may know of earlier ones, it cannot know the number that it was not asked with.
async fn an_agent_that_forges_the_synchronisation_is_not_believed(bus: Bus) {
    let peer = Peer::agent(|command, arguments| {
        let id = arguments["id"].as_u64().unwrap_or_default();
        let forged = json!(id.wrapping_add(1));
        let lie = Answer::Forged(forged.clone(), Box::new(Answer::Return(forged)));
        command.starts_with("guest-sync").then_some(lie)
    });
    let socket = peer.socket();
    let stage = Stage::serve(&bus, &["--qga".as_ref(), socket.as_os_str()]).await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(AGENT, 3).await;
    in_state(&stage.client, AGENT_ENDPOINT, "unresponsive").await;
    ledger.settle().await;
    ledger.close(AGENT, || peer.all()).await;
    assert_eq!(ledger.outcomes()["org.qemu.QapiError.NotSent.Busy"], 3);
    stage.end().await;
}

/// The first answer goes to nobody, and so does the one without a name that follows the time.
async fn an_agent_that_answers_under_another_id_is_not_believed(bus: Bus) {
    let ids = Mutex::new([json!(1), json!("1"), json!(null), json!(-1), json!({})].into_iter());
    let peer = Peer::agent(move |command, _| {
        let forged = || Some(Answer::Forged(ids.lock().unwrap().next()?, lie()));
        if command == "guest-get-host-name" { forged() } else { None }
    });
    let stage = Stage::agent(&bus, &peer.socket()).await;
    let soon = dictionary(json!({ "@timeout": 300 }));
    for _ in 0..5 {
        let refused = stage.client.call(AGENT, "GuestGetHostName", &soon).await.unwrap_err();
        assert_eq!(refused.name, TIMEOUT);
        stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    }
    connected(&stage.client, AGENT_ENDPOINT).await;
    stage.end().await;
}

fn lie() -> Box<Answer> {
    Box::new(Answer::Return(json!({ "host-name": "forged" })))
}

/// Replies of a monitor pair in order: after one too many, no other can be trusted.
async fn a_monitor_that_answers_what_nobody_asked_is_left(bus: Bus) {
    let peer = Peer::monitor(|command, arguments| match command {
        "qom-get" => Some(Answer::Return(arguments["path"].clone())),
        _ => None,
    });
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    for unasked in ["{\"return\": {}}\r\n", "{\"return\": {}, \"id\": 5}\r\n"] {
        let before = connections(&stage).await;
        peer.send(unasked);
        qapi_dbus_tests::until("another connection", async || {
            (connections(&stage).await > before).then_some(())
        })
        .await;
        connected(&stage.client, MONITOR_ENDPOINT).await;
        let mut ledger = Ledger::new(&bus).await;
        ledger.calls(MONITOR, 20).await;
        ledger.settle().await;
        ledger.close(MONITOR, || peer.all()).await;
        assert_eq!(ledger.outcomes()[""], 20);
    }
    stage.end().await;
}

async fn connections(stage: &Stage) -> u64 {
    let counters: Value = stage.client.property(MONITOR_ENDPOINT, "Counters").await.unwrap();
    counters["connections"].as_u64().unwrap()
}
