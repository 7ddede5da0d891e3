//! Every query of a real machine, over D-Bus and on a monitor of its own: the answers are alike.

use crate::introspection::interface;
use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{Client, MONITOR, Refusal},
    json::plain,
    monitor::Failure,
    on_each_bus,
    qemu::Qemu,
};
use serde_json::{Value, json};
use zbus_xml::ArgDirection;

on_each_bus!(a_machine_without_cpu_answers_alike, a_pc_answers_alike);

async fn a_machine_without_cpu_answers_alike(bus: Bus) {
    compare(&bus, Qemu::none().await).await;
}

async fn a_pc_answers_alike(bus: Bus) {
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
    compare(&bus, Qemu::start(&[machine, &disk, devices.as_flattened()].concat()).await).await;
}

async fn compare(bus: &Bus, qemu: Qemu) {
    let (_bridge, client) = Bridge::with_monitor(bus, &qemu.socket()).await;
    let mut oracle = qemu.oracle().await;
    let queries = queries(&client).await;
    assert!(queries.len() > 70, "{} queries are too few", queries.len());
    let mut differences = Vec::new();
    for (method, command) in queries {
        let ours = client.call(MONITOR, &method, &()).await;
        let theirs = oracle.execute(&command, json!({})).await;
        if let Err(difference) = alike(&command, ours, theirs) {
            differences.push(format!("{command}: {difference}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Method and command of every query that needs no argument, from what the bridge tells of itself.
async fn queries(client: &Client) -> Vec<(String, String)> {
    let document = client.introspect(MONITOR).await;
    let interface = interface(&document, MONITOR.interface);
    let mut queries = Vec::new();
    for method in interface.methods() {
        let annotation = |name| method.annotations().iter().find(move |has| has.name() == name);
        let command = annotation("org.qemu.Qapi.Name").expect("a QAPI name").value();
        let mut arguments = method.args().iter();
        let bare = arguments.all(|argument| {
            argument.direction() == Some(ArgDirection::Out) || argument.name() == Some("optional")
        });
        if bare && (command.starts_with("query-") || command.starts_with("x-query-")) {
            queries.push((method.name().to_string(), command.to_owned()));
        }
    }
    queries
}

fn alike(
    command: &str,
    ours: Result<Value, Refusal>,
    theirs: Result<Value, Failure>,
) -> Result<(), String> {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            let (ours, theirs) = (steady(command, ours), steady(command, theirs));
            if ours == theirs { Ok(()) } else { Err(format!("{ours}\ninstead of {theirs}")) }
        }
        (Err(ours), Err(theirs)) => {
            let expected = refusal(&theirs);
            if ours == expected { Ok(()) } else { Err(format!("{ours}\ninstead of {expected}")) }
        }
        (ours, theirs) => Err(format!("{ours:?}\ninstead of {theirs:?}")),
    }
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
