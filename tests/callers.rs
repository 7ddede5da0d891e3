//! Many callers on one monitor.

use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{Client, MONITOR},
    on_each_bus,
    peer::{Answer, Peer},
    qemu::Qemu,
};
use serde_json::Value;
use tokio::task::JoinSet;
use zbus::{Message, export::serde::Serialize, wire::DynamicType};

on_each_bus!(
    each_caller_gets_its_own_answer,
    a_caller_that_vanishes_harms_nobody,
    calls_of_one_client_keep_their_order,
);

/// What the issue names.
const CALLERS: usize = 20;

/// So that answers to earlier calls could be mistaken for those to later ones.
const CALLS: usize = 20;

async fn each_caller_gets_its_own_answer(bus: Bus) {
    let (_qemu, _bridge, _client) = machine(&bus).await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let client = Client::new(&bus).await;
        callers.spawn(async move {
            for _ in 0..CALLS {
                assert_eq!(ask(&client, caller).await, expected(caller));
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
}

async fn a_caller_that_vanishes_harms_nobody(bus: Bus) {
    let (_qemu, _bridge, client) = machine(&bus).await;
    let owner = client.owner(MONITOR.name).await.unwrap();
    for caller in 0..CALLERS {
        let vanishing = bus.connect().await;
        for _ in 0..CALLS {
            vanishing.send(&request(&question(caller))).await.unwrap();
        }
        drop(vanishing);
        assert_eq!(ask(&client, caller).await, expected(caller));
    }
    assert_eq!(client.owner(MONITOR.name).await.unwrap(), owner);
}

async fn calls_of_one_client_keep_their_order(bus: Bus) {
    let peer = Peer::monitor(|command, arguments| {
        (command == "qom-get").then(|| Answer::Return(arguments["property"].clone()))
    });
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let calls: Vec<_> = (0..30).map(|call| format!("p{call:02}")).collect();
    let connection = client.connection();
    for property in &calls {
        connection.send(&request(&("/object", property))).await.unwrap();
    }
    peer.received("qom-get", calls.len()).await;
    let lines = peer.lines("qom-get");
    assert_eq!(lines.len(), calls.len());
    for (line, property) in lines.iter().zip(&calls) {
        assert!(line.contains(property), "{line} in the place of {property}");
    }
}

/// A machine with one object for each caller, which differ in a property.
async fn machine(bus: &Bus) -> (Qemu, Bridge, Client) {
    let objects: Vec<_> = (0..CALLERS)
        .map(|caller| format!("iothread,id=o{caller},poll-max-ns={}", expected(caller)))
        .collect();
    let mut arguments = vec!["-M", "none"];
    arguments.extend(objects.iter().flat_map(|object| ["-object", object]));
    let qemu = Qemu::start(&arguments).await;
    let (bridge, client) = Bridge::with_monitor(bus, &qemu.socket()).await;
    (qemu, bridge, client)
}

fn request<B: Serialize + DynamicType>(body: &B) -> Message {
    Message::method_call(MONITOR.path, "QomGet")
        .destination(MONITOR.name)
        .interface(MONITOR.interface)
        .build(body)
        .unwrap()
}

fn question(caller: usize) -> (String, &'static str) {
    (format!("/objects/o{caller}"), "poll-max-ns")
}

fn expected(caller: usize) -> Value {
    (1000 + caller).into()
}

async fn ask(client: &Client, caller: usize) -> Value {
    client.call(MONITOR, "QomGet", &question(caller)).await.unwrap()
}
