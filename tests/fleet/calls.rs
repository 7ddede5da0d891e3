//! `AddVm`, `RemoveVm`, and the ObjectManager.

use super::{BRIDGE, MANAGER, add, managed, monitor, option, ready, remove};
use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{Client, Target},
    on_each_bus,
    peer::{Answer, Peer},
    soon,
};
use serde_json::{Value, json};

on_each_bus!(
    machines_come_and_go_and_are_told,
    a_removed_machine_answers_what_is_on_the_wire,
    a_machine_that_comes_back_is_another,
    what_cannot_be_added_or_removed_is_said,
    only_a_bridge_for_machines_manages_them,
);

const WEB: &str = "/org/qemu/vm/web_2d1";

async fn serve(bus: &Bus, peer: &Peer) -> (Bridge, Client) {
    let option = option("first", &peer.socket());
    let bridge = Bridge::serve(bus, &["--vm".as_ref(), option.as_ref()]).await;
    (bridge, Client::new(bus).await)
}

async fn machines_come_and_go_and_are_told(bus: Bus) {
    let (first, second) = (Peer::monitor(|_, _| None), Peer::monitor(|_, _| None));
    let (_bridge, client) = serve(&bus, &first).await;
    let mut signals = client.signals(MANAGER).await;
    add(&client, "web-1", json!({ "qmp": second.socket() })).await.unwrap();
    let added = signals.next().await;
    assert_eq!((&*added.member, &added.arguments[0]), ("InterfacesAdded", &json!(WEB)));
    let told = &added.arguments[1];
    assert_eq!(told["org.qemu.QmpQapi"], json!({}));
    assert_eq!(told["org.qemu.QmpEndpoint"]["State"], "disconnected");
    ready(&client, monitor(WEB)).await;
    client.call(monitor(WEB), "QueryStatus", &()).await.unwrap();

    let objects = managed(&client).await;
    let paths: Vec<_> = objects.keys().map(String::as_str).collect();
    assert_eq!(paths, ["/org/qemu/Bridge", "/org/qemu/vm/first", WEB]);
    let endpoint = &objects[WEB]["org.qemu.QmpEndpoint"];
    let names: Vec<_> = endpoint.as_object().unwrap().keys().map(String::as_str).collect();
    let brief = ["Capabilities", "Misbehaving", "RunState", "Socket", "State", "Version"];
    assert_eq!(names, brief);
    let all = client.properties(monitor(WEB).interface("org.qemu.QmpEndpoint")).await.unwrap();
    brief.iter().for_each(|name| assert_eq!(endpoint[name], all[name], "{name}"));
    let bridge = client.properties(BRIDGE).await.unwrap();
    assert_eq!(objects["/org/qemu/Bridge"]["org.qemu.Bridge"], bridge);
    assert_eq!((&bridge["Machines"], &bridge["Peers"]), (&json!(2), &json!(2)));

    remove(&client, "web-1").await.unwrap();
    let removed = signals.next().await;
    let interfaces = json!(["org.qemu.QmpQapi", "org.qemu.QmpEndpoint"]);
    assert_eq!(removed.member, "InterfacesRemoved");
    assert_eq!(removed.arguments, [json!(WEB), interfaces]);
    assert_eq!(managed(&client).await.len(), 2);
    let refused = client.call(monitor(WEB), "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.UnknownObject");
}

async fn a_removed_machine_answers_what_is_on_the_wire(bus: Bus) {
    let silent = |command: &str, _: &Value| (command == "query-name").then_some(Answer::Silence);
    let (first, second) = (Peer::monitor(|_, _| None), Peer::monitor(silent));
    let (_bridge, client) = serve(&bus, &first).await;
    add(&client, "web-1", json!({ "qmp": second.socket() })).await.unwrap();
    ready(&client, monitor(WEB)).await;
    let (caller, mut events) = (client.clone(), client.signals(monitor(WEB)).await);
    let call = tokio::spawn(async move { caller.call(monitor(WEB), "QueryName", &()).await });
    second.received("query-name", 1).await;
    remove(&client, "web-1").await.unwrap();
    second.event("STOP", json!({}));
    second.reply("query-name", json!({ "name": "answered" }));
    assert_eq!(soon("the answer", call).await.unwrap().unwrap(), json!({ "name": "answered" }));
    // A later machine of the name tells as its first what is its own.
    add(&client, "web-1", json!({ "qmp": second.socket() })).await.unwrap();
    let state = events.named("PropertiesChanged").await.arguments[1]["State"].clone();
    assert_eq!(state, "connecting");
}

async fn a_machine_that_comes_back_is_another(bus: Bus) {
    let (first, second) = (Peer::monitor(|_, _| None), Peer::monitor(|_, _| None));
    let (_bridge, client) = serve(&bus, &first).await;
    let sockets = json!({ "qmp": second.socket() });
    for time in 1..=5 {
        add(&client, "web-1", sockets.clone()).await.unwrap();
        ready(&client, monitor(WEB)).await;
        assert_eq!(second.lines("qmp_capabilities").len(), time, "a connection of its own");
        remove(&client, "web-1").await.unwrap();
    }
    assert_eq!(first.lines("qmp_capabilities").len(), 1, "the other one keeps its connection");
}

async fn what_cannot_be_added_or_removed_is_said(bus: Bus) {
    let first = Peer::monitor(|_, _| None);
    let (_bridge, client) = serve(&bus, &first).await;
    let socket = json!({ "qmp": "/run/x.qmp" });
    add(&client, "second", socket.clone()).await.unwrap();
    let long = "x".repeat(256);
    for (name, sockets, error, part) in [
        ("first", socket.clone(), "ObjectPathInUse", "the command line"),
        ("second", socket.clone(), "ObjectPathInUse", "AddVm"),
        ("", socket.clone(), "InvalidArgs", "`name`"),
        (&long, socket, "InvalidArgs", "`name` has 256 bytes"),
        ("a", json!({}), "InvalidArgs", "`qmp` and `qga` are missing"),
        ("a", json!({ "qmp": "x.qmp" }), "InvalidArgs", "`qmp`"),
        ("a", json!({ "qga": 1 }), "InvalidArgs", "`qga`"),
        ("a", json!({ "vnc": "/x" }), "InvalidArgs", "`vnc`"),
        ("a", json!({ "qmp": format!("/{}", "x".repeat(107)) }), "InvalidArgs", "108 bytes"),
        ("a", json!({ "qmp": "/x", "timeout": -1 }), "InvalidArgs", "`timeout`"),
    ] {
        let refused = add(&client, name, sockets).await.unwrap_err();
        assert_eq!(refused.name, format!("org.freedesktop.DBus.Error.{error}"), "{refused}");
        assert!(refused.text.contains(part), "{refused}");
    }
    let foreign = remove(&client, "first").await.unwrap_err();
    assert_eq!(foreign.name, "org.freedesktop.DBus.Error.AccessDenied");
    let unknown = remove(&client, "a").await.unwrap_err();
    assert_eq!(unknown.name, "org.freedesktop.DBus.Error.UnknownObject");
    let reload = client.call(BRIDGE, "Reload", &()).await.unwrap_err();
    assert_eq!(reload.name, "org.freedesktop.DBus.Error.NotSupported");
    assert_eq!(managed(&client).await.len(), 3, "nothing of it was done");
}

async fn only_a_bridge_for_machines_manages_them(bus: Bus) {
    const LONELY: Target = Target { name: "org.qemu.qmp", ..MANAGER };
    let peer = Peer::monitor(|_, _| None);
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let objects = client.call(LONELY, "GetManagedObjects", &()).await.unwrap();
    let paths: Vec<_> = objects.as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/org/qemu/qmp"]);
    let bridge = Target { name: LONELY.name, ..BRIDGE };
    let refused = client.call(bridge, "Reload", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.UnknownObject");
}
