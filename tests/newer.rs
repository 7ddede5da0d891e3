//! A peer newer than the bridge: nothing that it says is lost, nothing that it takes is refused.

use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT},
    json::dictionary,
    on_each_bus,
    peer::{Answer, Peer},
};
use serde_json::{Value, json};

on_each_bus!(
    unknown_members_and_values_arrive,
    unknown_arguments_and_values_are_sent,
    unknown_events_arrive,
    unknown_commands_are_called,
    unknown_error_classes_arrive,
);

async fn unknown_members_and_values_arrive(bus: Bus) {
    let status = json!({
        "status": "dreaming",
        "running": true,
        "mood": { "name": "calm", "levels": [1, -2, 2.5, u64::MAX], "since": null },
    });
    let (_peer, _bridge, client) = newer(&bus, "query-status", status.clone()).await;
    assert_eq!(client.call(MONITOR, "QueryStatus", &()).await.unwrap(), status);
}

async fn unknown_arguments_and_values_are_sent(bus: Bus) {
    let (peer, _bridge, client) = newer(&bus, "blockdev-add", json!({})).await;
    let options = json!({ "node-name": "n", "speed": { "unit": "warp", "values": [1, 9.5] } });
    let body = ("holodeck", dictionary(options));
    client.call(MONITOR, "BlockdevAdd", &body).await.unwrap();
    let expected = json!({
        "driver": "holodeck",
        "node-name": "n",
        "speed": { "unit": "warp", "values": [1, 9.5] },
    });
    assert_eq!(sent(&peer, "blockdev-add"), expected);
}

async fn unknown_events_arrive(bus: Bus) {
    let (peer, _bridge, client) = newer(&bus, "query-name", json!({})).await;
    let mut signals = client.signals(MONITOR).await;
    let data = json!({ "who": "nobody", "parts": [{ "a": 1 }] });
    peer.event("HOLODECK_OPENED", data.clone());
    peer.event("RESET", json!({ "guest": true, "reason": "boredom", "depth": 3 }));
    let unknown = signals.named("UnknownEvent").await;
    assert_eq!(unknown.interface, MONITOR_ENDPOINT.interface);
    assert_eq!(unknown.arguments[0], "HOLODECK_OPENED");
    for (name, value) in data.as_object().unwrap() {
        assert_eq!(&unknown.arguments[1][name], value);
    }
    let known = signals.named("Reset").await;
    assert_eq!(known.arguments[..2], [json!(true), json!("boredom")]);
    assert_eq!(known.arguments[2]["depth"], 3);
    assert_eq!(known.arguments[2]["@timestamp"], 1_700_000_000_250_000_u64);
}

async fn unknown_commands_are_called(bus: Bus) {
    let answer = json!({ "doors": [{ "open": true }], "none": null });
    let (peer, _bridge, client) = newer(&bus, "holodeck-open", answer.clone()).await;
    let arguments =
        json!({ "name": "ä\u{1F600}", "list": [1, "two", { "three": 3.5 }], "no": null });
    let body = ("holodeck-open", dictionary(arguments.clone()), dictionary(json!({})));
    assert_eq!(client.call(MONITOR_ENDPOINT, "Call", &body).await.unwrap(), answer);
    assert_eq!(sent(&peer, "holodeck-open"), arguments);
    assert!(peer.lines("holodeck-open")[0].is_ascii(), "QEMU takes ASCII from everyone");
}

async fn unknown_error_classes_arrive(bus: Bus) {
    let peer = Peer::monitor(|command, _| {
        (command == "query-name").then_some(Answer::Error("HolodeckClosed", "come back later"))
    });
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let refused = client.call(MONITOR, "QueryName", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.HolodeckClosed");
    assert_eq!(refused.text, "HolodeckClosed: come back later");
}

/// A peer that knows one more thing than the usual.
async fn newer(bus: &Bus, command: &'static str, answer: Value) -> (Peer, Bridge, Client) {
    let peer =
        Peer::monitor(move |asked, _| (asked == command).then(|| Answer::Return(answer.clone())));
    let (bridge, client) = Bridge::with_monitor(bus, &peer.socket()).await;
    (peer, bridge, client)
}

/// The arguments of the last request with this command.
fn sent(peer: &Peer, command: &str) -> Value {
    let line = peer.lines(command).pop().unwrap();
    let mut request: Value = serde_json::from_str(&line).unwrap();
    request["arguments"].take()
}
