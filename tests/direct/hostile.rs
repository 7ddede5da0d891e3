//! Callers who mean harm, without a bus that would stand between.

use super::listening;
use qapi_dbus_tests::{
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT},
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
    soon,
    stage::Stage,
};
use serde_json::json;
use std::{
    collections::HashMap,
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};
use zbus::{Message, Variant, connection::Builder};

on_each_bus!(
    what_is_no_message_ends_its_connection_only,
    nobody_speaks_for_another,
    limits_hold_for_each_caller,
    connections_are_bounded,
    who_does_not_read_is_cut_off,
    calls_of_one_who_left_are_not_sent,
);

async fn what_is_no_message_ends_its_connection_only(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let (stage, own) = listening(&bus, &peer).await;
    let greeted = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n".as_slice();
    let long = b"l\x01\0\x01\0\0\0\0\x01\0\0\0\xff\xff\xff\x7f".as_slice();
    for said in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\0AUTH EXTERNAL 39393939\r\nBEGIN\r\n".to_vec(),
        [&b"\0"[..], &b"x".repeat(1 << 20)].concat(),
        [greeted, &[0xff; 64]].concat(),
        [greeted, long, &[0; 1 << 16]].concat(),
        b"\0".to_vec(),
    ] {
        let mut stream = UnixStream::connect(own.socket()).unwrap();
        // It may be cut off before all of it is said.
        _ = stream.write_all(&said);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let ended = tokio::task::spawn_blocking(move || {
            let mut buffer = [0; 4096];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => return true,
                    Ok(_) if buffer.starts_with(b"ERROR") || buffer.starts_with(b"REJ") => {
                        return true;
                    }
                    Ok(_) => {}
                    Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
                }
            }
        });
        stage.answers().await;
        assert!(soon("the end of a connection", ended).await.unwrap());
    }
    stage.end().await;
}

/// The sender that a message names, and a signal of a bus, are what anybody may write.
async fn nobody_speaks_for_another(bus: Bus) {
    let peer = silent();
    let (stage, own) = listening(&bus, &peer).await;
    let [forger, victim] = [Client::new(&own).await, Client::new(&own).await];
    let name = victim.connection().unique_name().unwrap().to_string();
    let none = HashMap::<&str, Variant<'_>>::new();
    let filter = (Vec::<&str>::new(), &none);
    let handle = victim.call(MONITOR_ENDPOINT, "Subscribe", &filter).await.unwrap();
    let on_bus = stage.client.connection().unique_name().unwrap().to_string();
    for sender in [name.as_str(), on_bus.as_str(), ":direct.0"] {
        let gone =
            Message::signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged")
                .sender("org.freedesktop.DBus")
                .build(&(sender, sender, ""))
                .unwrap();
        forger.connection().send(&gone).await.unwrap();
        let end = Message::method_call(MONITOR.path, "Unsubscribe")
            .destination(MONITOR.name)
            .interface(MONITOR_ENDPOINT.interface)
            .sender(sender)
            .build(&handle.as_u64().unwrap())
            .unwrap();
        forger.connection().send(&end).await.unwrap();
        let refusal = forger.call(MONITOR_ENDPOINT, "Unsubscribe", &handle.as_u64().unwrap()).await;
        assert_eq!(refusal.unwrap_err().name, "org.freedesktop.DBus.Error.InvalidArgs");
    }
    let mut signals = victim.signals(MONITOR_ENDPOINT).await;
    peer.event("POWERDOWN", json!({}));
    let told = [signals.named("Powerdown").await, signals.named("Powerdown").await];
    let own_alone = told.iter().filter(|it| it.arguments[0].get("@subscription").is_some());
    assert_eq!(own_alone.count(), 1, "the subscription is there still");
    drop((forger, victim, signals));
    stage.end().await;
}

async fn limits_hold_for_each_caller(bus: Bus) {
    let peer = silent();
    let (stage, own) = listening(&bus, &peer).await;
    let mut ledger = Ledger::new(&own).await;
    ledger.calls(MONITOR, 100).await;
    let other = Client::new(&own).await;
    other.property(MONITOR_ENDPOINT, "State").await.unwrap();
    stage.answers().await;
    peer.received("qom-get", 7).await;
    peer.restart(Duration::ZERO);
    ledger.close(MONITOR, || peer.all()).await;
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes["org.freedesktop.DBus.Error.LimitsExceeded"], 100 - 32, "{outcomes:?}");
    drop((ledger, other));
    ready(&stage).await;
    stage.end().await;
}

async fn connections_are_bounded(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let (stage, own) = listening(&bus, &peer).await;
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(Client::new(&own).await);
    }
    let mut refused = UnixStream::connect(own.socket()).unwrap();
    refused.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let ended = tokio::task::spawn_blocking(move || refused.read(&mut [0; 1]));
    assert!(matches!(ended.await.unwrap(), Ok(0) | Err(_)));
    for client in &clients {
        client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    }
    drop(clients);
    let again = async || Builder::address(own.address()).build().await.ok();
    drop(qapi_dbus_tests::until("a free place", again).await);
    stage.end().await;
}

/// Its replies and its signals are in the bridge's own memory, but not for long.
async fn who_does_not_read_is_cut_off(bus: Bus) {
    let text = "x".repeat(900_000);
    let peer = Peer::monitor(move |command, _| {
        (command == "query-name").then(|| Answer::Return(json!({ "name": text.clone() })))
    });
    let (stage, own) = listening(&bus, &peer).await;
    let reader = Client::new(&own).await;
    let before = stage.bridge.usage().descriptors;
    let mut deaf = UnixStream::connect(own.socket()).unwrap();
    deaf.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n").unwrap();
    let call = Message::method_call(MONITOR.path, "QueryName").interface(MONITOR.interface);
    let call = call.build(&()).unwrap();
    (0..20).for_each(|_| deaf.write_all(call.data()).unwrap());
    for _ in 0..20 {
        peer.event("POWERDOWN", json!({ "filler": "x".repeat(100_000) }));
    }
    peer.received("query-name", 2).await;
    stage.answers().await;
    let name = reader.call(MONITOR, "QueryName", &()).await.unwrap();
    assert_eq!(name["name"].as_str().unwrap().len(), 900_000);
    let freed = async || (stage.bridge.usage().descriptors <= before).then_some(());
    qapi_dbus_tests::until("the end of the connection", freed).await;
    let mut rest = Vec::new();
    deaf.read_to_end(&mut rest).unwrap();
    drop((deaf, reader));
    stage.end().await;
}

async fn calls_of_one_who_left_are_not_sent(bus: Bus) {
    let peer = silent();
    let (stage, own) = listening(&bus, &peer).await;
    let mut ledger = Ledger::new(&own).await;
    ledger.calls(MONITOR, 20).await;
    ledger.taken(MONITOR).await;
    peer.received("qom-get", 7).await;
    drop(ledger);
    let other = Client::new(&own).await;
    other.property(MONITOR_ENDPOINT, "State").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    (0..7).for_each(|_| peer.send("{\"return\": 7}\r\n"));
    other.call(MONITOR, "QueryStatus", &()).await.unwrap();
    assert_eq!(peer.lines("qom-get").len(), 7);
    drop(other);
    stage.end().await;
}

fn silent() -> Peer {
    Peer::monitor(|command, _| (command == "qom-get").then_some(Answer::Silence))
}

async fn ready(stage: &Stage) {
    qapi_dbus_tests::bridge::connected(&stage.client, MONITOR_ENDPOINT).await;
}
