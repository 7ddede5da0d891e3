//! Events for one client alone, the current state first, and the last ones for a late client.

use qapi_dbus_tests::{
    bridge::{Bridge, compared},
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT, Refusal},
    json::{self, Dictionary, dictionary},
    on_each_bus,
    peer::{Answer, Peer},
    qemu::Qemu,
    soon, until,
};
use serde_json::{Value, json};
use std::{collections::HashMap, ffi::OsStr, future::poll_fn, pin::Pin};
use zbus::{MessageStream, OwnedVariant, export::futures_core::Stream, message::Type};

on_each_bus!(
    a_subscriber_gets_what_it_chose_and_nothing_else,
    the_current_state_comes_first,
    others_hear_nothing_if_events_are_not_public,
    a_handle_belongs_to_its_caller_and_ends_with_it,
    the_last_events_are_kept,
);

/// One who listens without a match rule: what it hears was sent to it alone.
struct Listener {
    client: Client,
    heard: MessageStream,
}

impl Listener {
    async fn new(bus: &Bus) -> Self {
        let client = Client::new(bus).await;
        let heard = MessageStream::from(client.connection());
        Self { client, heard }
    }

    async fn subscribe(&self, events: &[&str], data: Value) -> Result<u64, Refusal> {
        subscribe(&self.client, events, data).await
    }

    async fn unsubscribe(&self, handle: u64) -> Result<Value, Refusal> {
        self.client.call(MONITOR_ENDPOINT, "Unsubscribe", &handle).await
    }

    /// The next event with this signal's name; changes of properties come in between.
    async fn named(&mut self, member: &str) -> Vec<Value> {
        loop {
            let (heard, arguments) = self.next().await;
            if heard == member {
                return arguments;
            }
            assert_eq!(heard, "PropertiesChanged");
        }
    }

    /// The next signal of the monitor: its name and the arguments.
    async fn next(&mut self) -> (String, Vec<Value>) {
        loop {
            let next = poll_fn(|context| Pin::new(&mut self.heard).poll_next(context));
            let message = soon("a signal", next).await.unwrap().unwrap();
            let header = message.header();
            if message.message_type() == Type::Signal
                && header.path().is_some_and(|path| path.as_str() == MONITOR.path)
            {
                return (header.member().unwrap().to_string(), json::arguments(&message));
            }
        }
    }
}

async fn subscribe(client: &Client, events: &[&str], data: Value) -> Result<u64, Refusal> {
    let body: (&[&str], Dictionary) = (events, dictionary(data));
    let handle = client.call(MONITOR_ENDPOINT, "Subscribe", &body).await?;
    Ok(handle.as_u64().unwrap())
}

async fn a_subscriber_gets_what_it_chose_and_nothing_else(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let (_bridge, _client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let mut listener = Listener::new(&bus).await;
    let handle = listener.subscribe(&["DEVICE_DELETED"], json!({ "device": "a" })).await.unwrap();
    for (event, device) in [("DEVICE_DELETED", "b"), ("DEVICE_UNPLUG_GUEST_ERROR", "a")] {
        peer.event(event, json!({ "device": device, "path": "p" }));
    }
    peer.event("DEVICE_DELETED", json!({ "device": "a", "path": "p" }));
    let arguments = listener.named("DeviceDeleted").await;
    assert_eq!(arguments[0], "p");
    assert_eq!(arguments[1]["device"], "a");
    assert_eq!(arguments[1]["@subscription"], handle);
    assert_eq!(arguments[1]["@sequence"], 3);
    listener.unsubscribe(handle).await.unwrap();
    let gone = listener.unsubscribe(handle).await.unwrap_err();
    assert_eq!(gone.name, "org.freedesktop.DBus.Error.InvalidArgs");
    let again = listener.subscribe(&["RESUME"], json!({})).await.unwrap();
    assert!(again > handle, "a handle is not used twice");
    peer.event("DEVICE_DELETED", json!({ "device": "a", "path": "p" }));
    peer.event("RESUME", json!({}));
    listener.named("Resume").await;
}

async fn the_current_state_comes_first(bus: Bus) {
    let peer = Peer::monitor(|command, _| match command {
        "query-jobs" => Some(Answer::Return(json!([{ "id": "j", "status": "running" }]))),
        "query-block" => Some(Answer::Return(json!([
            { "device": "hd" }, { "device": "cd", "qdev": "cd0", "tray_open": true },
        ]))),
        // Answered by the test, so that an event can come in between.
        "query-balloon" => Some(Answer::Silence),
        _ => None,
    });
    let (_bridge, _client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let mut listener = Listener::new(&bus).await;
    listener.subscribe(&[], json!({})).await.unwrap();
    peer.received("query-balloon", 1).await;
    peer.event("BALLOON_CHANGE", json!({ "actual": 7 }));
    peer.reply("query-balloon", json!({ "actual": 6 }));
    let (member, arguments) = listener.next().await;
    assert_eq!(member, "PropertiesChanged");
    assert_eq!(arguments[1]["State"], "ready");
    let expected = [
        ("JobStatusChange", json!(["j", "running"])),
        ("DeviceTrayMoved", json!(["cd", "cd0", true])),
        ("BalloonChange", json!([6])),
        ("BalloonChange", json!([7])),
    ];
    for (member, positional) in expected {
        let mut arguments = listener.named(member).await;
        arguments.pop();
        assert_eq!(json!(arguments), positional);
    }
}

async fn others_hear_nothing_if_events_are_not_public(bus: Bus) {
    let qemu = Qemu::none().await;
    let socket = qemu.socket();
    let options = ["--unicast".as_ref(), "--qmp".as_ref(), socket.as_os_str()] as [&OsStr; 3];
    let _bridge = Bridge::serve(&bus, &options).await;
    let client = Client::new(&bus).await;
    compared(&client, MONITOR_ENDPOINT).await;
    let mut signals = client.signals(MONITOR).await;
    let mut listener = Listener::new(&bus).await;
    listener.subscribe(&["STOP", "RESUME"], json!({})).await.unwrap();
    client.call(MONITOR, "Stop", &()).await.unwrap();
    client.call(MONITOR, "Cont", &()).await.unwrap();
    listener.named("StopEvent").await;
    listener.named("Resume").await;
    // The only signal that reaches the others' match rule is one they are subscribed to.
    subscribe(&client, &["STOP"], json!({})).await.unwrap();
    assert_eq!(signals.next().await.member, "PropertiesChanged");
    client.call(MONITOR, "Stop", &()).await.unwrap();
    assert_eq!(signals.named("StopEvent").await.arguments[0]["@sequence"], 3);
}

async fn a_handle_belongs_to_its_caller_and_ends_with_it(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let handle = subscribe(&client, &["STOP"], json!({})).await.unwrap();
    let mut callers = vec![Client::new(&bus).await];
    let stranger = callers[0].call(MONITOR_ENDPOINT, "Unsubscribe", &handle).await.unwrap_err();
    assert_eq!(stranger.name, "org.freedesktop.DBus.Error.InvalidArgs");
    // Nobody can take all places, and they come back from those who leave.
    while let Ok(()) = fill(callers.last().unwrap()).await {
        callers.push(Client::new(&bus).await);
    }
    assert_eq!(callers.len(), 8, "one place is taken of 256, and 32 are for each caller");
    drop(callers);
    until("places are free again", async || subscribe(&client, &["STOP"], json!({})).await.ok())
        .await;
}

/// Subscribes until the caller has its share; an error if the endpoint is full before.
async fn fill(client: &Client) -> Result<(), Refusal> {
    loop {
        if let Err(refused) = subscribe(client, &["STOP"], json!({})).await {
            assert_eq!(refused.name, "org.freedesktop.DBus.Error.LimitsExceeded");
            let own = refused.text.starts_with("you have 32");
            return if own { Ok(()) } else { Err(refused) };
        }
    }
}

/// Number, name and data of each event that `EventsSince` gives.
type Rows = Vec<(u64, String, HashMap<String, OwnedVariant>)>;

async fn the_last_events_are_kept(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let mut signals = client.signals(MONITOR).await;
    for number in 1..=3 {
        peer.event("NEWS", json!({ "number": number }));
        signals.named("UnknownEvent").await;
    }
    let since = async |sequence: u64| {
        let reply = client.call_message(MONITOR_ENDPOINT, "EventsSince", &sequence).await.unwrap();
        reply.body().deserialize::<Rows>().unwrap()
    };
    let rows = since(1).await;
    let names: Vec<_> = rows.iter().map(|(number, name, _)| (*number, name.as_str())).collect();
    assert_eq!(names, [(2, "NEWS"), (3, "NEWS")]);
    assert_eq!(json::from_variant(&rows[0].2["number"]), 2);
    assert_eq!(json::from_variant(&rows[1].2["@timestamp"]), 1_700_000_000_250_000_u64);
    assert!(since(3).await.is_empty());
}
