//! What clients do who take the bridge for a bus, and those who do not.

use super::listening;
use qapi_dbus_tests::{
    agent::Agent,
    bridge::{Bridge, connected},
    bus::Bus,
    busctl,
    client::{AGENT, AGENT_ENDPOINT, Client, MONITOR, MONITOR_ENDPOINT, Target},
    on_each_bus,
    peer::{Answer, Peer},
    process::{self, Process},
    scratch::Scratch,
    soon, until,
};
use serde_json::json;
use std::{collections::HashMap, fs, io::Read, os::unix::net::UnixStream, pin::Pin};
use zbus::{MessageStream, Variant, connection::Builder, export::futures_core::Stream, wire::Fd};

on_each_bus!(
    calls_are_answered_as_on_the_bus,
    signals_go_to_those_who_want_them,
    busctl_takes_the_bridge_for_a_bus,
    a_peer_needs_no_bus_at_all,
);

const DRIVER: Target = Target {
    name: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

async fn calls_are_answered_as_on_the_bus(bus: Bus) {
    let peer = monitor();
    let (stage, own) = listening(&bus, &peer).await;
    let client = Client::new(&own).await;
    for client in [&stage.client, &client] {
        let status = client.call(MONITOR, "QueryStatus", &()).await.unwrap();
        assert_eq!(status["running"], true);
        let refusal = client.call(MONITOR, "QomGet", &("/x", "y")).await.unwrap_err();
        assert_eq!(refusal.name, "org.qemu.QapiError.DeviceNotFound");
        let refusal = client.call(MONITOR, "NoSuchMethod", &()).await.unwrap_err();
        assert_eq!(refusal.name, "org.freedesktop.DBus.Error.UnknownMethod");
        assert_eq!(client.property(MONITOR_ENDPOINT, "State").await.unwrap(), "ready");
        assert!(client.introspect(MONITOR).await.contains("org.qemu.QmpQapi"));
    }
    assert_eq!(client.owner("org.qemu.qmp").await.unwrap(), ":direct.0");
    assert_eq!(client.owner("org.example.x").await.unwrap_err().name, NO_OWNER);
    let names = client.call(DRIVER, "ListNames", &()).await.unwrap();
    assert!(names.as_array().unwrap().contains(&json!("org.qemu.Bridge")), "{names}");
    let who = client.call(DRIVER, "GetConnectionCredentials", &"org.qemu.qmp").await.unwrap();
    assert_eq!(who["ProcessID"], stage.bridge.id());
    let other = Target { name: "org.freedesktop.PolicyKit1", ..MONITOR };
    let refusal = client.call(other, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refusal.name, "org.freedesktop.DBus.Error.ServiceUnknown");
    drop(client);
    stage.end().await;
}

const NO_OWNER: &str = "org.freedesktop.DBus.Error.NameHasNoOwner";

async fn signals_go_to_those_who_want_them(bus: Bus) {
    let peer = monitor();
    let (stage, own) = listening(&bus, &peer).await;
    let [client, other] = [Client::new(&own).await, Client::new(&own).await];
    let (mut told, mut on_bus) =
        (client.signals(MONITOR_ENDPOINT).await, stage.client.signals(MONITOR_ENDPOINT).await);
    peer.event("STOP", json!({}));
    for signals in [&mut told, &mut on_bus] {
        let stop = signals.named("StopEvent").await;
        assert_eq!(stop.interface, MONITOR.interface);
    }
    let plain = Builder::unix_stream(connect(&own)).p2p().build().await.unwrap();
    let mut all = MessageStream::from(&plain);
    let mut others = other.signals(MONITOR_ENDPOINT).await;
    let filter = (vec!["RESET"], HashMap::<&str, Variant<'_>>::new());
    let handle = client.call(MONITOR_ENDPOINT, "Subscribe", &filter).await.unwrap();
    peer.event("RESET", json!({ "guest": true, "reason": "guest-reset" }));
    let mut handles = Vec::new();
    for _ in 0..2 {
        let reset = told.named("Reset").await;
        handles.extend(reset.arguments.last().unwrap().get("@subscription").cloned());
    }
    assert_eq!(handles, [handle], "once for everybody and once for the subscriber");
    others.named("Reset").await;
    assert!(others.is_silent(), "what is for the subscriber alone");
    let next = std::future::poll_fn(|context| Pin::new(&mut all).poll_next(context));
    let first = soon("a signal without a bus", next).await.unwrap().unwrap();
    assert_eq!(first.header().sender().unwrap(), ":direct.0");
    drop((client, other, told, others, plain, all));
    stage.end().await;
}

async fn busctl_takes_the_bridge_for_a_bus(bus: Bus) {
    let peer = monitor();
    let (stage, own) = listening(&bus, &peer).await;
    let status = busctl::call(&own, MONITOR, "QueryStatus", &[]).await;
    assert!(status.stdout.contains("\"running\" b true"), "{status:?}");
    let introspection = busctl::introspect(&own, MONITOR).await;
    assert!(busctl::members(&introspection.stdout, "method").len() > 100, "{introspection:?}");
    let list = busctl::run(&own, &["list"]).await;
    assert!(list.success && list.stdout.contains("org.qemu.qmp"), "{list:?}");
    let state = busctl::run(
        &own,
        &["get-property", MONITOR.name, MONITOR.path, MONITOR_ENDPOINT.interface, "State"],
    );
    assert_eq!(state.await.stdout, "s \"ready\"\n");
    let tree = busctl::run(&own, &["tree", MONITOR.name]).await;
    assert!(tree.stdout.contains("/org/qemu/vm/calm"), "{tree:?}");
    let scratch = Scratch::new();
    let mut command = process::program("busctl");
    command.arg(format!("--address={}", own.address())).args(["monitor", MONITOR.name]);
    let mut monitor = Process::start(&scratch, &mut command);
    until("a busctl that monitors", async || {
        peer.event("STOP", json!({}));
        monitor.stderr().contains("Monitoring").then_some(())
    })
    .await;
    while !monitor.line().await.expect("an event").contains("Member=StopEvent") {}
    drop(monitor);
    stage.end().await;
}

async fn a_peer_needs_no_bus_at_all(_bus: Bus) {
    let agent = Agent::start().await;
    let (own, socket) = (Bus::of_bridge(), agent.socket());
    let options = ["--no-bus".as_ref(), "--listen".as_ref(), own.address().as_ref()];
    let options = [&options[..], &["--qga".as_ref(), socket.as_os_str()]].concat();
    let mut bridge = Bridge::launch_at("unix:path=/nonexistent/bus", &options).ready().await;
    let client = Client::new(&own).await;
    connected(&client, AGENT_ENDPOINT).await;
    client.call(AGENT, "GuestPing", &()).await.unwrap();
    let path = agent.path("file");
    fs::write(&path, "through a descriptor").unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let body = (path.to_str().unwrap(), Fd::from(&writer));
    assert_eq!(client.call(AGENT_ENDPOINT, "ReadFile", &body).await.unwrap(), 20);
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "through a descriptor");
    bridge.terminate();
    let (status, log) = bridge.exit().await;
    assert!(status.success(), "{log}");
    assert!(!own.socket().exists(), "the socket stays behind");
}

fn monitor() -> Peer {
    Peer::monitor(|command, _| {
        (command == "qom-get").then_some(Answer::Error("DeviceNotFound", "no such device"))
    })
}

fn connect(own: &Bus) -> UnixStream {
    let stream = UnixStream::connect(own.socket()).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}
