//! Every method of all four interfaces with arguments by chance, as dfuzzer does it, against peers
//! that answer by chance: each call has its one reply, and the bridge stays what it was.
//!
//! `QAPI_DBUS_FUZZ_CALLS` sets the number of calls of each method, `QAPI_DBUS_FUZZ_SEED` repeats
//! a run.

use qapi_dbus_tests::{
    bridge::connected,
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, MONITOR, MONITOR_ENDPOINT, Target},
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
    random::Random,
    stage::Stage,
};
use serde_json::Value;
use std::{
    env,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};
use zbus::{Message, Signature};
use zbus_xml::{ArgDirection, Node};

on_each_bus!(any_arguments_get_one_reply);

/// Calls of each method.
const CALLS: usize = 3;

/// Calls in flight: fewer than a caller may have.
const WINDOW: usize = 16;

async fn any_arguments_get_one_reply(bus: Bus) {
    let seed = setting("QAPI_DBUS_FUZZ_SEED").unwrap_or_else(now);
    let calls = setting("QAPI_DBUS_FUZZ_CALLS").map_or(CALLS, |calls| calls as usize);
    println!("QAPI_DBUS_FUZZ_SEED={seed} QAPI_DBUS_FUZZ_CALLS={calls}");
    let (qmp, qga) = (Peer::monitor(script(seed)), Peer::agent(script(seed + 1)));
    let (qmp_socket, qga_socket) = (qmp.socket(), qga.socket());
    let options =
        ["--qmp".as_ref(), qmp_socket.as_os_str(), "--qga".as_ref(), qga_socket.as_os_str()];
    let mut stage = Stage::serve(&bus, &options).await;
    for endpoint in [MONITOR_ENDPOINT, AGENT_ENDPOINT] {
        connected(&stage.client, endpoint).await;
    }
    stage.begin().await;
    let mut random = Random::new(seed);
    let mut sent = 0;
    for target in [MONITOR, AGENT, MONITOR_ENDPOINT, AGENT_ENDPOINT] {
        // A wait for an event may last longer than any test: it ends with its caller.
        let mut ledger = Ledger::new(&bus).await;
        let mut waiting = Ledger::new(&bus).await;
        for (method, types) in methods(&stage, target).await {
            for _ in 0..calls {
                let call = call(target, &method, &types, &mut random);
                let ledger = if method == "CallAndWait" { &mut waiting } else { &mut ledger };
                ledger.book(&call, "").await;
                sent += 1;
                if ledger.open() >= WINDOW && method != "CallAndWait" {
                    ledger.settle().await;
                }
            }
        }
        ledger.close(target, Vec::new).await;
        stage.answers().await;
    }
    println!("{sent} calls");
    stage.end().await;
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The methods of an interface and the types of their arguments, as the bridge tells them.
async fn methods(stage: &Stage, target: Target) -> Vec<(String, Vec<Signature>)> {
    let document = stage.client.introspect(target).await;
    let node = Node::try_from(document.as_str()).unwrap();
    let interface = node.interfaces().iter().find(|it| it.name() == target.interface).unwrap();
    let methods = interface.methods().map(|method| {
        let given = method.args().iter().filter(|it| it.direction() == Some(ArgDirection::In));
        (method.name().to_string(), given.map(|it| it.ty().clone()).collect())
    });
    methods.collect()
}

fn call(target: Target, method: &str, types: &[Signature], random: &mut Random) -> Message {
    let call = Message::method_call(target.path, method)
        .destination(target.name)
        .interface(target.interface);
    match random.arguments(types) {
        Some(arguments) => call.build(&arguments).unwrap(),
        None => call.build(&()).unwrap(),
    }
}

/// Answers by chance, but lets the bridge get to know its peer.
fn script(seed: u64) -> impl Fn(&str, &Value) -> Option<Answer> + Send {
    let random = Mutex::new(Random::new(seed));
    move |command, _| {
        if KNOWN.contains(&command) {
            return None;
        }
        let mut random = random.lock().unwrap();
        Some(match random.below(3) {
            0 => Answer::Error(random.choose::<&str>(&CLASSES), random.choose::<&str>(&CLASSES)),
            _ => Answer::Return(random.json(6)),
        })
    }
}

const KNOWN: [&str; 8] = [
    "qmp_capabilities",
    "query-version",
    "query-commands",
    "query-status",
    "query-qmp-schema",
    "guest-sync",
    "guest-sync-delimited",
    "guest-info",
];

const CLASSES: [&str; 5] = ["GenericError", "CommandNotFound", "No Such\0Class", "", "ä.b"];
