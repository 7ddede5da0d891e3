//! Peers of several releases side by side: the same client works with each, and is told how they
//! differ.

use crate::introspection::interface;
use qapi_dbus_tests::{
    agent::Agent,
    bridge::{Bridge, compared, connected},
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, BRIDGE, Client, MONITOR, MONITOR_ENDPOINT, Refusal, Target},
    json::{Dictionary, dictionary},
    on_each_bus,
    peer::{Answer, Peer},
    qemu::Qemu,
    release::Release,
    storage::StorageDaemon,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs::File, os::fd::OwnedFd};
use zbus::{Array, Structure, Variant};
use zbus_xml::ArgDirection;

on_each_bus!(
    monitors_of_each_release_are_served,
    agents_of_each_release_are_served,
    storage_daemons_of_each_release_are_served,
    a_peer_is_compared_once_a_connection,
    a_peer_that_tells_no_schema_is_ready_all_the_same,
    peers_that_keep_silent_hold_up_no_other,
);

async fn monitors_of_each_release_are_served(bus: Bus) {
    for release in Release::all() {
        let places = ["-device", "qemu-xhci,id=usb", "-device", "pcie-root-port,id=rp0"];
        let machine = ["-M", "q35", "-accel", "tcg", "-m", "64", "-S"];
        let qemu = Qemu::of(&release, &[&machine[..], &places].concat()).await;
        let (mut bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
        has_version(&client, MONITOR_ENDPOINT, &release).await;
        add_disk(&client).await;
        run_machine(&client).await;
        let mut oracle = qemu.oracle().await;
        let commands = oracle.execute("query-commands", json!({})).await.unwrap();
        let schema = oracle.execute("query-qmp-schema", json!({})).await.unwrap();
        let mut offered = names(&commands, |_| true);
        assert_eq!(offered, told_commands(&client, MONITOR_ENDPOINT).await);
        offered.remove("qmp_capabilities");
        let difference = differs_in_commands(&client, MONITOR, &offered).await;
        differs_in_events(&client, &difference, &schema).await;
        knows_history(release.series(), &difference);
        bridge.terminate();
        let (_, log) = bridge.exit().await;
        let missing = list(&difference, "commands-missing").len();
        let line = log.lines().find(|line| line.contains("schema compared")).unwrap();
        assert!(line.contains(&format!("commands-missing {missing}, ")), "{line}");
    }
}

async fn agents_of_each_release_are_served(bus: Bus) {
    for release in Release::all() {
        let agent = Agent::of(&release).await;
        let (mut bridge, client) = Bridge::with_agent(&bus, &agent.socket()).await;
        has_version(&client, AGENT_ENDPOINT, &release).await;
        write_file(&client, &agent).await;
        let info = client.call(AGENT, "GuestInfo", &()).await.unwrap();
        let offered = names(&info["supported_commands"], |command| command["enabled"] == true);
        assert_eq!(offered, told_commands(&client, AGENT_ENDPOINT).await);
        differs_in_commands(&client, AGENT, &offered).await;
        bridge.terminate();
        bridge.exit().await;
    }
}

async fn storage_daemons_of_each_release_are_served(bus: Bus) {
    for release in Release::all() {
        let daemon = StorageDaemon::of(&release);
        let (mut bridge, client) = Bridge::with_monitor(&bus, &daemon.socket()).await;
        has_version(&client, MONITOR_ENDPOINT, &release).await;
        add_disk(&client).await;
        let mut offered = told_commands(&client, MONITOR_ENDPOINT).await;
        assert!(offered.remove("qmp_capabilities") && offered.contains("query-block-exports"));
        let difference = differs_in_commands(&client, MONITOR, &offered).await;
        assert!(list(&difference, "commands-missing").contains("query-status"), "no machine");
        assert!(list(&difference, "events-missing").contains("STOP"), "no machine");
        assert!(!list(&difference, "events-missing").contains("BLOCK_JOB_COMPLETED"));
        bridge.terminate();
        bridge.exit().await;
    }
}

async fn a_peer_is_compared_once_a_connection(bus: Bus) {
    let peer = Peer::monitor(|command, _| match command {
        "query-qmp-schema" => Some(Answer::Return(json!([
            { "name": "query-status", "meta-type": "command", "arg-type": "0", "ret-type": "1" },
            { "name": "x-new", "meta-type": "command", "arg-type": "0", "ret-type": "0" },
            { "name": "RESET", "meta-type": "event", "arg-type": "1" },
            { "name": "0", "meta-type": "object", "members": [] },
            { "name": "1", "meta-type": "object", "members": [{ "name": "mood", "type": "str" }] },
        ]))),
        "quit" => Some(Answer::Close),
        _ => None,
    });
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    for connection in 1..=2 {
        let difference = compared(&client, MONITOR_ENDPOINT).await;
        assert_eq!(difference["commands-unknown"], json!(["x-new"]));
        assert_eq!(difference["members-unknown"], json!(["RESET.mood"]));
        assert_eq!(difference["members-missing"], json!(["RESET.guest", "RESET.reason"]));
        assert!(!list(&difference, "commands-missing").contains("query-status"));
        client.call(MONITOR, "QueryStatus", &()).await.unwrap();
        assert_eq!(peer.lines("query-qmp-schema").len(), connection);
        let mut signals = client.signals(MONITOR).await;
        client.call(MONITOR, "Quit", &()).await.unwrap_err();
        let lost = signals.named("PropertiesChanged").await.arguments[1].take();
        assert_eq!(
            (&lost["State"], &lost["SchemaDifference"]),
            (&json!("disconnected"), &json!({}))
        );
        connected(&client, MONITOR_ENDPOINT).await;
    }
}

async fn a_peer_that_tells_no_schema_is_ready_all_the_same(bus: Bus) {
    let refused = Answer::Error("GenericError", "not before the machine is configured");
    let peer =
        Peer::monitor(move |asked, _| (asked == "query-qmp-schema").then(|| refused.clone()));
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    peer.received("query-qmp-schema", 1).await;
    client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    assert_eq!(client.property(MONITOR_ENDPOINT, "SchemaDifference").await.unwrap(), json!({}));
}

async fn peers_that_keep_silent_hold_up_no_other(bus: Bus) {
    let answers = |schema: Answer| {
        Peer::monitor(move |asked, _| (asked == "query-qmp-schema").then(|| schema.clone()))
    };
    let silent: Vec<_> = (0..20).map(|_| answers(Answer::Silence)).collect();
    let other = answers(Answer::Return(json!([])));
    let machines = silent.iter().chain([&other]).enumerate();
    let options = machines.map(|(at, peer)| format!("--vm=vm{at}=qmp:{}", peer.socket().display()));
    let options: Vec<_> = options.collect();
    let options: Vec<_> = options.iter().map(AsRef::as_ref).collect();
    let _bridge = Bridge::serve(&bus, &options).await;
    let (name, path) = (BRIDGE.name, "/org/qemu/vm/vm20");
    let target = Target { name, path, interface: MONITOR_ENDPOINT.interface };
    compared(&Client::new(&bus).await, target).await;
    for peer in &silent {
        peer.received("query-qmp-schema", 1).await;
    }
}

async fn has_version(client: &Client, endpoint: Target, release: &Release) {
    let version = client.property(endpoint, "Version").await.unwrap();
    let version = version.as_str().unwrap();
    assert!(version.starts_with(&format!("{}.", release.series())), "{version} of {release:?}");
}

async fn add_disk(client: &Client) {
    let options = json!({ "node-name": "disk", "size": 1 << 20, "read-zeroes": true });
    client.call(MONITOR, "BlockdevAdd", &("null-co", dictionary(options))).await.unwrap();
    let nodes = client.call(MONITOR, "QueryNamedBlockNodes", &()).await.unwrap();
    assert_eq!((&nodes[0]["node-name"], &nodes[0]["drv"]), (&json!("disk"), &json!("null-co")));
}

async fn run_machine(client: &Client) {
    let body = ("iothread", "io", dictionary(json!({ "poll-max-ns": 5000 })));
    client.call(MONITOR, "ObjectAdd", &body).await.unwrap();
    let body = ("/objects/io", "poll-max-ns");
    assert_eq!(client.call(MONITOR, "QomGet", &body).await.unwrap(), 5000);
    let options = json!({ "id": "vd", "drive": "disk", "bus": "rp0" });
    client.call(MONITOR, "DeviceAdd", &("virtio-blk-pci", dictionary(options))).await.unwrap();
    let mut signals = client.signals(MONITOR).await;
    client.call(MONITOR, "Cont", &()).await.unwrap();
    signals.named("Resume").await;
    client.call(MONITOR, "Stop", &()).await.unwrap();
    signals.named("StopEvent").await;
    let status = client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    assert_eq!((&status["status"], &status["running"]), (&json!("paused"), &json!(false)));
    let options = Dictionary::new();
    client.call(MONITOR, "HumanMonitorCommand", &("info status", options)).await.unwrap();
}

async fn write_file(client: &Client, agent: &Agent) {
    client.call(AGENT, "GuestPing", &()).await.unwrap();
    let path = agent.path("written");
    let body = (path.to_str().unwrap(), dictionary(json!({ "mode": "w" })));
    let handle = client.call(AGENT, "GuestFileOpen", &body).await.unwrap().as_i64().unwrap();
    let written = client.call(AGENT, "GuestFileWrite", &(handle, "aGVsbG8=")).await.unwrap();
    assert_eq!(written["count"], 5);
    client.call(AGENT, "GuestFileClose", &handle).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"hello");
    let system = client.call(AGENT, "GuestGetOsinfo", &()).await.unwrap();
    assert!(system["kernel-release"].is_string(), "{system}");
}

/// `SchemaDifference`, which must list what the peer offers beyond the interface, and what it
/// lacks; and what it lacks must answer CommandNotFound, called by its typed method.
async fn differs_in_commands(client: &Client, target: Target, offered: &BTreeSet<String>) -> Value {
    let endpoint = if target.name == MONITOR.name { MONITOR_ENDPOINT } else { AGENT_ENDPOINT };
    let difference = compared(client, endpoint).await;
    let methods = methods(client, target).await;
    let known: BTreeSet<_> = methods.iter().map(|method| method.command.clone()).collect();
    let only = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect();
    let missing: BTreeSet<_> = only(&known, offered);
    assert_eq!(list(&difference, "commands-missing"), missing);
    assert_eq!(list(&difference, "commands-unknown"), only(offered, &known));
    for method in methods.iter().filter(|method| missing.contains(&method.command)) {
        let refused = method.call_with_least(client, target).await.unwrap_err();
        assert_eq!(
            refused.name, "org.qemu.QapiError.CommandNotFound",
            "{}: {refused}",
            method.name
        );
    }
    difference
}

async fn differs_in_events(client: &Client, difference: &Value, schema: &Value) {
    let document = client.introspect(MONITOR).await;
    let interface = interface(&document, MONITOR.interface);
    let known: BTreeSet<_> =
        interface.signals().map(|signal| qapi_name(signal.annotations())).collect();
    let events = names(schema, |entry| entry["meta-type"] == "event");
    let missing: BTreeSet<_> = known.difference(&events).cloned().collect();
    let unknown: BTreeSet<_> = events.difference(&known).cloned().collect();
    assert_eq!(list(difference, "events-missing"), missing);
    assert_eq!(list(difference, "events-unknown"), unknown);
}

/// Members that came with 8.2 and 9.2.
fn knows_history(series: &str, difference: &Value) {
    let missing = list(difference, "members-missing");
    for (member, since) in [("migrate.channels", 8.2), ("BLOCK_IO_ERROR.qom-path", 9.2)] {
        let has = series.parse::<f64>().unwrap() >= since;
        assert_eq!(!missing.contains(member), has, "{member} in {series}: {missing:?}");
    }
    assert!(!missing.iter().any(|member| member.ends_with(".fd")), "descriptors are beside");
}

/// A method, and the types of its arguments.
struct Method {
    name: String,
    command: String,
    types: Vec<String>,
}

impl Method {
    fn new(method: &zbus_xml::Method<'_>) -> Self {
        let given = method.args().iter().filter(|it| it.direction() == Some(ArgDirection::In));
        let types = given.map(|argument| argument.ty().to_string()).collect();
        Self { name: method.name().to_string(), command: qapi_name(method.annotations()), types }
    }

    /// Calls it as declared, with the least that each type holds.
    async fn call_with_least(&self, client: &Client, target: Target) -> Result<Value, Refusal> {
        let types = self.types.iter();
        let fields = types.fold(Structure::builder(), |to, ty| to.append_field(least(ty)));
        match fields.build() {
            Ok(body) => client.call(target, &self.name, &body).await,
            Err(_) => client.call(target, &self.name, &()).await,
        }
    }
}

fn least(ty: &str) -> Variant<'static> {
    match ty {
        "s" => "x".into(),
        "b" => false.into(),
        "x" => 0_i64.into(),
        "t" => 0_u64.into(),
        "y" => 0_u8.into(),
        "n" => 0_i16.into(),
        "q" => 0_u16.into(),
        "i" => 0_i32.into(),
        "u" => 0_u32.into(),
        "d" => 0.0.into(),
        "v" => Variant::Variant(Box::new("x".into())),
        "h" => Variant::Fd(OwnedFd::from(File::open("/dev/null").unwrap()).into()),
        "a{sv}" => Variant::new(Dictionary::new()),
        list if list.starts_with('a') => Array::new(&list[1..].try_into().unwrap()).into(),
        other => panic!("no method takes {other}"),
    }
}

async fn methods(client: &Client, target: Target) -> Vec<Method> {
    let document = client.introspect(target).await;
    let interface = interface(&document, target.interface);
    interface.methods().map(Method::new).collect()
}

fn qapi_name(annotations: &[zbus_xml::Annotation]) -> String {
    let name = annotations.iter().find(|has| has.name() == "org.qemu.Qapi.Name");
    name.expect("a QAPI name").value().to_owned()
}

async fn told_commands(client: &Client, endpoint: Target) -> BTreeSet<String> {
    strings(&client.property(endpoint, "Commands").await.unwrap())
}

fn list(difference: &Value, kind: &str) -> BTreeSet<String> {
    strings(&difference[kind])
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Those of a list of objects that `wanted` picks.
fn names(list: &Value, wanted: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let picked = list.as_array().unwrap().iter().filter(|entry| wanted(entry));
    picked.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}
