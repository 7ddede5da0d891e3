//! What an agent gets to read, and commands that it does not answer.

use qapi_dbus_tests::{
    bridge::{Bridge, connected},
    bus::Bus,
    busctl,
    client::{AGENT, AGENT_ENDPOINT, Client},
    json::dictionary,
    on_each_bus,
    peer::{Answer, Peer},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

on_each_bus!(
    busctl_sets_vcpus,
    a_command_without_reply_returns_its_error,
    a_command_without_reply_returns_when_the_channel_ends,
    a_command_without_reply_returns_after_a_grace_time,
    a_reply_that_came_too_late_is_nobodys,
);

async fn busctl_sets_vcpus(bus: Bus) {
    let peer =
        Peer::agent(|command, _| (command == "guest-set-vcpus").then(|| Answer::Return(json!(1))));
    let (_bridge, _client) = Bridge::with_agent(&bus, &peer.socket()).await;
    let arguments = "aa{sv} 1 2 logical-id x 0 online b 1".split(' ').collect::<Vec<_>>();
    let output = busctl::call(&bus, AGENT, "GuestSetVcpus", &arguments).await;
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("x 1\n", ""));
    let [line] = &peer.lines("guest-set-vcpus")[..] else { panic!("sent more than once") };
    assert!(!line.contains(' '), "{line}");
    let mut request: Value = serde_json::from_str(line).unwrap();
    let id = request.as_object_mut().unwrap().remove("id");
    assert!(id.is_some(), "{line}");
    let expected =
        r#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":0,"online":true}]}}"#;
    assert_eq!(request, serde_json::from_str::<Value>(expected).unwrap());
}

async fn a_command_without_reply_returns_its_error(bus: Bus) {
    let refuse = Answer::Error("GenericError", "no such mode");
    let (_peer, _bridge, client) = shutdown(&bus, refuse).await;
    let refused = client.call(AGENT, "GuestShutdown", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.GenericError");
    assert_eq!(refused.text, "no such mode");
    client.call(AGENT, "GuestPing", &()).await.unwrap();
}

async fn a_command_without_reply_returns_when_the_channel_ends(bus: Bus) {
    let (_peer, _bridge, client) = shutdown(&bus, Answer::Close).await;
    let start = Instant::now();
    assert_eq!(client.call(AGENT, "GuestShutdown", &()).await.unwrap(), Value::Null);
    assert!(start.elapsed() < GRACE, "{:?}", start.elapsed());
    connected(&client, AGENT_ENDPOINT).await;
    client.call(AGENT, "GuestPing", &()).await.unwrap();
}

async fn a_command_without_reply_returns_after_a_grace_time(bus: Bus) {
    let (_peer, _bridge, client) = shutdown(&bus, Answer::Silence).await;
    let start = Instant::now();
    assert_eq!(client.call(AGENT, "GuestShutdown", &()).await.unwrap(), Value::Null);
    assert!(start.elapsed() >= GRACE, "{:?}", start.elapsed());
    client.call(AGENT, "GuestPing", &()).await.unwrap();
}

async fn a_reply_that_came_too_late_is_nobodys(bus: Bus) {
    let peer = Peer::agent(|command, _| match command {
        "guest-get-host-name" => Some(Answer::Silence),
        "guest-get-time" => Some(Answer::Return(json!(5))),
        _ => None,
    });
    let (_bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    let options = dictionary(json!({ "@timeout": 200 }));
    let late = client.call(AGENT, "GuestGetHostName", &options).await.unwrap_err();
    assert_eq!(late.name, "org.qemu.QapiError.Unknown.Timeout");
    peer.reply("guest-get-host-name", json!({ "host-name": "late" }));
    connected(&client, AGENT_ENDPOINT).await;
    assert_eq!(client.call(AGENT, "GuestGetTime", &()).await.unwrap(), 5);
}

/// How long a command without reply may stay unanswered before it counts as done.
const GRACE: Duration = Duration::from_secs(3);

async fn shutdown(bus: &Bus, answer: Answer) -> (Peer, Bridge, Client) {
    let peer = Peer::agent(move |command, _| (command == "guest-shutdown").then(|| answer.clone()));
    let (bridge, client) = Bridge::with_agent(bus, &peer.socket()).await;
    (peer, bridge, client)
}
