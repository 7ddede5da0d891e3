//! Every command of a real machine that needs no argument, over D-Bus and on a monitor of its own:
//! the answers are alike.

use crate::introspection::interface;
use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{Client, MONITOR, Refusal},
    json::plain,
    monitor::Failure,
    on_each_bus,
    python::Library,
    qemu::Qemu,
};
use serde_json::{Value, json};
use zbus_xml::ArgDirection;

on_each_bus!(
    a_machine_without_cpu_answers_alike,
    a_pc_answers_alike,
    the_library_of_qemu_is_answered_alike,
);

async fn a_machine_without_cpu_answers_alike(bus: Bus) {
    compare_queries(&bus, Qemu::none().await).await;
}

async fn a_pc_answers_alike(bus: Bus) {
    compare_queries(&bus, pc().await).await;
}

/// Every command that needs no argument. The queries come first, since what the others do may
/// change an answer between the bridge's question and the library's.
async fn the_library_of_qemu_is_answered_alike(bus: Bus) {
    let qemu = pc().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let mut methods = bare(&client).await;
    methods.retain(|(_, command)| command != "quit");
    methods.sort_by_key(|(_, command)| !is_query(command));
    assert!(methods.len() > 100, "{} commands are too few", methods.len());
    let mut library = Library::connect(&qemu.oracle_socket());
    compare(&client, methods, async |command| library.execute(command).await).await;
    assert!(library.end().await.success());
}

async fn pc() -> Qemu {
    let machine = ["-M", "q35", "-accel", "tcg", "-smp", "2", "-m", "64", "-S"].as_slice();
    let disk = ["-blockdev", "null-co,node-name=disk,read-zeroes=on,size=1048576"];
    let devices = [
        ["-device", "virtio-blk-pci,drive=disk,id=vd"],
        ["-netdev", "hubport,id=net,hubid=0"],
        ["-device", "virtio-net-pci,netdev=net,id=nic"],
        ["-device", "qemu-xhci"],
        ["-object", "iothread,id=io"],
        ["-object", "memory-backend-ram,id=memory,size=1M"],
        ["-object", "throttle-group,id=throttle,x-bps-total=1000"],
    ];
    Qemu::start(&[machine, &disk, devices.as_flattened()].concat()).await
}

async fn compare_queries(bus: &Bus, qemu: Qemu) {
    let (_bridge, client) = Bridge::with_monitor(bus, &qemu.socket()).await;
    let mut queries = bare(&client).await;
    queries.retain(|(_, command)| is_query(command));
    assert!(queries.len() > 70, "{} queries are too few", queries.len());
    let mut oracle = qemu.oracle().await;
    compare(&client, queries, async |command| oracle.execute(command, json!({})).await).await;
}

async fn compare(
    client: &Client,
    methods: Vec<(String, String)>,
    mut oracle: impl AsyncFnMut(&str) -> Result<Value, Failure>,
) {
    let mut differences = Vec::new();
    for (method, command) in methods {
        let ours = client.call(MONITOR, &method, &()).await;
        let theirs = oracle(&command).await;
        differences.extend(alike(&command, ours, theirs).err());
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Method and command of each that needs no argument, from what the bridge tells of itself.
async fn bare(client: &Client) -> Vec<(String, String)> {
    let document = client.introspect(MONITOR).await;
    let interface = interface(&document, MONITOR.interface);
    let mut found = Vec::new();
    for method in interface.methods() {
        let annotation = |name| method.annotations().iter().find(move |has| has.name() == name);
        let command = annotation("org.qemu.Qapi.Name").expect("a QAPI name").value();
        let mut arguments = method.args().iter();
        let bare = arguments.all(|argument| {
            argument.direction() == Some(ArgDirection::Out) || argument.name() == Some("optional")
        });
        if bare {
            found.push((method.name().to_string(), command.to_owned()));
        }
    }
    found
}

fn is_query(command: &str) -> bool {
    command.trim_start_matches("x-").starts_with("query-")
}

fn alike(
    command: &str,
    ours: Result<Value, Refusal>,
    theirs: Result<Value, Failure>,
) -> Result<(), String> {
    let steady = |answer| steady(command, answer);
    let (ours, theirs) = (ours.map(steady), theirs.map(steady).map_err(|it| refusal(&it)));
    if ours == theirs { Ok(()) } else { Err(format!("{command}: {ours:?}\ninstead of {theirs:?}")) }
}

fn refusal(failure: &Failure) -> Refusal {
    let Failure { class, desc } = failure;
    let name = format!("org.qemu.QapiError.{class}");
    let generic = class == "GenericError";
    Refusal { name, text: if generic { desc.clone() } else { format!("{class}: {desc}") } }
}

/// The answer without what changes from one moment to the next.
fn steady(command: &str, answer: Value) -> Value {
    let mut answer = plain(answer);
    // Where a command returns nothing, QMP has an empty object to say so.
    if answer == json!({}) {
        answer = Value::Null;
    }
    for (volatile, member) in VOLATILE {
        if command == volatile {
            forget(&mut answer, member);
        }
    }
    answer
}

/// Command and member, at any depth.
const VOLATILE: [(&str, &str); 1] = [("x-query-jit", "human-readable-text")];

fn forget(value: &mut Value, member: &str) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| forget(value, member)),
        Value::Object(members) => {
            members.remove(member);
            members.values_mut().for_each(|value| forget(value, member));
        }
        _ => {}
    }
}
