//! The bridge as a service: its name, its start and its end.

use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{AGENT, Client, MONITOR, Target},
    on_each_bus,
    peer::{Answer, Peer},
};
use serde_json::json;
use std::ffi::OsStr;

on_each_bus!(
    a_second_bridge_ends_and_the_first_stays,
    calls_in_flight_are_answered_before_the_end,
    names_and_paths_are_options,
    both_sockets_share_one_connection,
);

async fn a_second_bridge_ends_and_the_first_stays(bus: Bus) {
    let peer = Peer::agent(|_, _| None);
    let (_first, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    let owner = client.owner(AGENT.name).await.unwrap();
    let socket = peer.socket();
    let mut second = Bridge::launch(&bus, &[OsStr::new("--qga"), socket.as_os_str()]);
    let (status, text) = second.exit().await;
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    assert!(text.contains(AGENT.name), "{text}");
    assert_eq!(client.owner(AGENT.name).await.unwrap(), owner);
    client.call(AGENT, "GuestPing", &()).await.unwrap();
}

async fn calls_in_flight_are_answered_before_the_end(bus: Bus) {
    let peer = Peer::monitor(|command, _| (command == "query-name").then_some(Answer::Silence));
    let (mut bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let caller = client.clone();
    let call = tokio::spawn(async move { caller.call(MONITOR, "QueryName", &()).await });
    peer.received("query-name", 1).await;
    bridge.terminate();
    let gone = async || client.owner(MONITOR.name).await.is_err().then_some(());
    qapi_dbus_tests::until("the name given back", gone).await;
    peer.reply("query-name", json!({ "name": "answered" }));
    assert_eq!(call.await.unwrap().unwrap(), json!({ "name": "answered" }));
    let (status, text) = bridge.exit().await;
    assert!(status.success(), "{status}: {text}");
}

async fn names_and_paths_are_options(bus: Bus) {
    const RENAMED: Target = Target { name: "org.example.vm1", path: "/org/example/vm1", ..AGENT };
    let peer = Peer::agent(|_, _| None);
    let socket = peer.socket();
    let options = ["--name", RENAMED.name, "--path", RENAMED.path, "--qga"].map(OsStr::new);
    let _bridge = Bridge::serve(&bus, &[&options[..], &[socket.as_os_str()]].concat()).await;
    let client = Client::new(&bus).await;
    let endpoint = RENAMED.interface("org.qemu.QgaEndpoint");
    qapi_dbus_tests::bridge::connected(&client, endpoint).await;
    client.call(RENAMED, "GuestPing", &()).await.unwrap();
    assert!(client.owner(AGENT.name).await.is_err());
}

async fn both_sockets_share_one_connection(bus: Bus) {
    let (agent, monitor) = (Peer::agent(|_, _| None), Peer::monitor(|_, _| None));
    let sockets = (agent.socket(), monitor.socket());
    let options =
        [OsStr::new("--qga"), sockets.0.as_os_str(), OsStr::new("--qmp"), sockets.1.as_os_str()];
    let _bridge = Bridge::serve(&bus, &options).await;
    let client = Client::new(&bus).await;
    let owner = client.owner(AGENT.name).await.unwrap();
    assert_eq!(client.owner(MONITOR.name).await.unwrap(), owner);
}

#[tokio::test]
async fn a_bus_that_is_not_there_is_named() {
    let peer = Peer::agent(|_, _| None);
    let socket = peer.socket();
    let mut bridge =
        Bridge::launch_at("unix:path=/nonexistent/bus", &[OsStr::new("--qga"), socket.as_os_str()]);
    let (status, text) = bridge.exit().await;
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    assert!(text.contains("/nonexistent/bus"), "{text}");
}
