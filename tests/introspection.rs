//! What the bridge tells of itself.

use qapi_dbus_tests::{
    agent::Agent,
    bridge::Bridge,
    bus::Bus,
    busctl,
    client::{AGENT, AGENT_ENDPOINT, Client, MONITOR, MONITOR_ENDPOINT, Target},
    on_each_bus,
    qemu::Qemu,
};
use std::{collections::BTreeMap, ffi::OsStr, fs, path::Path};
use zbus_xml::{Arg, Interface, Node};

on_each_bus!(
    busctl_lists_agent_commands,
    busctl_lists_monitor_commands_and_events,
    every_path_has_a_valid_document,
    the_served_interfaces_are_the_shipped_ones,
    an_unknown_object_is_told_apart_from_an_unknown_method,
);

async fn busctl_lists_agent_commands(bus: Bus) {
    let (_agent, _qemu, _bridge) = both(&bus).await;
    let output = busctl::introspect(&bus, AGENT).await;
    assert!(output.success, "{}", output.stderr);
    assert_eq!(busctl::members(&output.stdout, "method").len(), 44);
    assert_eq!(busctl::members(&output.stdout, "signal").len(), 0);
    let vcpus = output.stdout.lines().find(|line| line.starts_with(".GuestSetVcpus")).unwrap();
    assert_eq!(vcpus.split_whitespace().nth(2), Some("aa{sv}"));
}

async fn busctl_lists_monitor_commands_and_events(bus: Bus) {
    let (_agent, _qemu, _bridge) = both(&bus).await;
    let output = busctl::introspect(&bus, MONITOR).await;
    assert!(output.success, "{}", output.stderr);
    assert_eq!(busctl::members(&output.stdout, "method").len(), 246);
    assert_eq!(busctl::members(&output.stdout, "signal").len(), 59);
    assert!(!output.stdout.contains(".QmpCapabilities "), "the bridge negotiates by itself");
}

async fn every_path_has_a_valid_document(bus: Bus) {
    let (_agent, _qemu, _bridge) = both(&bus).await;
    let client = Client::new(&bus).await;
    for served in [AGENT, MONITOR] {
        let (parent, leaf) = served.path.rsplit_once('/').unwrap();
        for (path, child) in [("/", "org"), ("/org", "qemu"), (parent, leaf)] {
            let node = document(&client, Target { path, ..served }).await;
            let children: Vec<_> = node.nodes().iter().filter_map(Node::name).collect();
            assert!(children.contains(&child), "{path} has {children:?}");
        }
        let node = document(&client, served).await;
        let names: Vec<_> = node.interfaces().iter().map(Interface::name).collect();
        for interface in STANDARD.iter().chain([&served.interface]) {
            assert!(names.iter().any(|name| name == interface), "{interface} is not in {names:?}");
        }
    }
}

async fn the_served_interfaces_are_the_shipped_ones(bus: Bus) {
    let (_agent, _qemu, _bridge) = both(&bus).await;
    let client = Client::new(&bus).await;
    for target in [AGENT, AGENT_ENDPOINT, MONITOR, MONITOR_ENDPOINT] {
        let served = client.introspect(target).await;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let file = root.join("introspection").join(format!("{}.xml", target.interface));
        let shipped = fs::read_to_string(file).unwrap();
        let served = members(&interface(&served, target.interface));
        assert_eq!(served, members(&interface(&shipped, target.interface)));
        assert!(!served.is_empty());
    }
}

async fn an_unknown_object_is_told_apart_from_an_unknown_method(bus: Bus) {
    let (_agent, _qemu, _bridge) = both(&bus).await;
    let client = Client::new(&bus).await;
    let call = async |target, method| client.call(target, method, &()).await.unwrap_err().name;
    let nowhere = Target { path: "/org/qemu/nowhere", ..MONITOR };
    assert_eq!(call(nowhere, "QueryStatus").await, "org.freedesktop.DBus.Error.UnknownObject");
    assert_eq!(call(MONITOR, "NoSuch").await, "org.freedesktop.DBus.Error.UnknownMethod");
    let peer = "org.freedesktop.DBus.Peer";
    client.call(MONITOR.interface(peer), "Ping", &()).await.unwrap();
    let machine = client.call(AGENT.interface(peer), "GetMachineId", &()).await;
    assert!(machine.is_ok_and(|id| id.as_str().unwrap().len() == 32));
}

/// The interface of this name in an introspection document.
///
/// # Panics
/// If there is none, or the document is no valid one.
pub(crate) fn interface(document: &str, name: &str) -> Interface<'static> {
    let node = Node::from_reader(document.as_bytes()).unwrap();
    let mut interfaces = node.interfaces().iter();
    let found = interfaces.find(|interface| interface.name() == name);
    found.unwrap_or_else(|| panic!("no {name} in {document}")).to_owned()
}

const STANDARD: [&str; 3] = [
    "org.freedesktop.DBus.Introspectable",
    "org.freedesktop.DBus.Peer",
    "org.freedesktop.DBus.Properties",
];

async fn both(bus: &Bus) -> (Agent, Qemu, Bridge) {
    let (agent, qemu) = (Agent::start().await, Qemu::none().await);
    let sockets = (agent.socket(), qemu.socket());
    let options = [OsStr::new("--qga"), sockets.0.as_os_str()];
    let monitor = [OsStr::new("--qmp"), sockets.1.as_os_str()];
    let bridge = Bridge::serve(bus, &[options, monitor].concat()).await;
    (agent, qemu, bridge)
}

async fn document(client: &Client, target: Target) -> Node<'static> {
    Node::from_reader(client.introspect(target).await.as_bytes()).unwrap()
}

/// Each member with its signature.
fn members(interface: &Interface<'_>) -> BTreeMap<String, String> {
    let signature = |args: &[Arg<'_>]| {
        let one = |arg: &Arg<'_>| format!("{:?} {} {:?}", arg.direction(), arg.ty(), arg.name());
        args.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let methods = interface.methods().map(|m| (m.name().to_string(), signature(m.args())));
    let signals = interface.signals().map(|s| (s.name().to_string(), signature(s.args())));
    let properties = interface.properties().map(|p| (p.name().to_string(), p.ty().to_string()));
    methods.chain(signals).chain(properties).collect()
}
