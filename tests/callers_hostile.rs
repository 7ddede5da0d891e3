//! Callers that mean harm, or go away: each call has its one reply, and nobody else notices.

use qapi_dbus_tests::{
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT, PROPERTIES},
    deaf::Deaf,
    json::dictionary,
    ledger::Ledger,
    on_each_bus,
    peer::{Answer, Peer},
    stage::Stage,
};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;
use std::{collections::HashMap, fs::File, num::NonZero, time::Duration};
use tokio::time::sleep;
use zbus::{
    Message, Variant,
    export::serde::Serialize,
    message,
    wire::{DynamicType, Endian, Fd},
};

on_each_bus!(
    the_largest_call_is_taken_and_a_larger_one_refused,
    a_flood_of_large_calls_is_not_kept,
    waiting_calls_of_a_caller_who_left_are_not_sent,
    callers_who_vanish_leave_no_permit_behind,
    what_fits_no_method_is_refused,
    values_that_are_bombs_are_refused_or_passed_on,
    descriptors_that_nobody_wants_are_closed,
    a_lack_of_descriptors_refuses_only_their_call,
    forged_replies_and_signals_change_nothing,
    a_caller_who_does_not_read_harms_nobody,
    what_nobody_reads_is_not_kept,
);

/// Bytes of the largest message that the bridge takes.
const LIMIT: usize = 24 << 20;

async fn the_largest_call_is_taken_and_a_larger_one_refused(bus: Bus) {
    let (_peer, stage) = echo(&bus).await;
    let mut ledger = Ledger::new(&bus).await;
    let bare = call("NoSuchMethod").build(&"").unwrap().data().len();
    let rest = bare + header_growth(&stage.client);
    for (size, expected) in [(LIMIT - 16, UNKNOWN_METHOD), (LIMIT + 16, ".NotSent.TooLarge")] {
        let text = "x".repeat(size - rest);
        let serial = ledger.send(MONITOR, "NoSuchMethod", &text, "").await;
        ledger.send_no_reply(MONITOR, "NoSuchMethod", &text).await;
        ledger.settle().await;
        assert!(outcome(&ledger, serial).ends_with(expected), "{}", outcome(&ledger, serial));
    }
    ledger.close(MONITOR, Vec::new).await;
    drop(ledger);
    stage.end().await;
}

async fn a_flood_of_large_calls_is_not_kept(bus: Bus) {
    let (_peer, mut stage) = echo(&bus).await;
    stage.begin().await;
    let before = stage.bridge.usage().memory;
    let mut ledger = Ledger::new(&bus).await;
    for size in [LIMIT - (1 << 20), LIMIT + (1 << 20)] {
        let text = "x".repeat(size);
        for _ in 0..FLOOD {
            ledger.send(MONITOR, "NoSuchMethod", &text, "").await;
            ledger.send_no_reply(MONITOR, "NoSuchMethod", &text).await;
        }
        stage.answers().await;
    }
    ledger.close(MONITOR, Vec::new).await;
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes["org.freedesktop.DBus.Error.UnknownMethod"], FLOOD);
    assert_eq!(outcomes["org.qemu.QapiError.NotSent.TooLarge"], FLOOD);
    let peak = stage.bridge.usage().peak - before;
    assert!(peak < 40 << 10, "the bridge grew by {peak} KiB");
    drop(ledger);
    stage.end().await;
}

/// Those on the wire are not taken back, and nobody gets their answers.
async fn waiting_calls_of_a_caller_who_left_are_not_sent(bus: Bus) {
    let (peer, stage) = silent(&bus).await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(MONITOR, 20).await;
    ledger.taken(MONITOR).await;
    peer.received("qom-get", WINDOW).await;
    drop(ledger);
    departed(&stage).await;
    let mut other = Ledger::new(&bus).await;
    let serial = other.call(MONITOR).await;
    other.taken(MONITOR).await;
    (0..WINDOW).for_each(|_| peer.send("{\"return\": 7}\r\n"));
    peer.received("qom-get", WINDOW + 1).await;
    peer.send("{\"return\": \"mine\"}\r\n");
    other.settle().await;
    assert_eq!(outcome(&other, serial), "");
    assert_eq!(peer.lines("qom-get").len(), WINDOW + 1);
    other.close(MONITOR, || peer.all()).await;
    drop(other);
    stage.end().await;
}

/// More than may be in flight in all, of callers who each leave in a way of their own.
async fn callers_who_vanish_leave_no_permit_behind(bus: Bus) {
    let (peer, stage) = silent(&bus).await;
    let forever = dictionary(json!({ "@timeout": 0 }));
    let (none, events) = (dictionary(json!({})), vec!["NEVER"]);
    for way in 0..40 {
        let mut ledger = Ledger::new(&bus).await;
        for _ in 0..16 {
            let wait = ("query-name", &none, &events, &none, &forever);
            ledger.send(MONITOR_ENDPOINT, "CallAndWait", &wait, "").await;
            ledger.send(MONITOR, "QomGet", &("/", "x", &forever), "").await;
        }
        if way % 2 == 0 {
            ledger.taken(MONITOR.interface(PROPERTIES)).await;
        }
    }
    departed(&stage).await;
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(MONITOR, 2).await;
    ledger.taken(MONITOR.interface(PROPERTIES)).await;
    assert_eq!(ledger.open(), 2, "calls wait in the place of those that left");
    peer.received("qom-get", WINDOW).await;
    (0..WINDOW + 2).for_each(|_| peer.send("{\"return\": 7}\r\n"));
    ledger.close(MONITOR, || peer.all()).await;
    drop(ledger);
    stage.end().await;
}

async fn what_fits_no_method_is_refused(bus: Bus) {
    let (peer, stage) = echo(&bus).await;
    let owner = stage.client.owner(MONITOR.name).await.unwrap();
    let unique = owner.as_str().unwrap();
    let mut ledger = Ledger::new(&bus).await;
    let long = format!("a{}", "b".repeat(254));
    let name = format!("a.{}", "b".repeat(253));
    let path = format!("/{}", "p".repeat(1 << 20));
    let bodies: [(&str, Message); 14] = [
        ("", call("QueryName").build(&()).unwrap()),
        ("", bare(unique, "QueryName").build(&()).unwrap()),
        ("", call("QueryName").endian(Endian::Big).build(&()).unwrap()),
        (UNKNOWN_METHOD, call(&long).build(&()).unwrap()),
        (UNKNOWN_METHOD, bare(MONITOR.name, &long).build(&()).unwrap()),
        (UNKNOWN_INTERFACE, bare(MONITOR.name, "Stop").interface(&*name).build(&()).unwrap()),
        (UNKNOWN_OBJECT, at(&path, "Stop").build(&()).unwrap()),
        (UNKNOWN_INTERFACE, at("/", "Stop").build(&()).unwrap()),
        (INVALID_ARGS, call("Stop").build(&(1, 2, 3)).unwrap()),
        (INVALID_ARGS, call("QomGet").build(&vec![(1, 2)]).unwrap()),
        (INVALID_ARGS, call("QomGet").build(&Vec::<Variant<'_>>::new()).unwrap()),
        (INVALID_ARGS, call("QomGet").endian(Endian::Big).build(&("a", 5)).unwrap()),
        (INVALID_ARGS, call("Getfd").build(&("a", "b")).unwrap()),
        (INVALID_ARGS, introspectable("Introspect", &0)),
    ];
    for (expected, message) in &bodies {
        let serial = ledger.book(message, "").await;
        ledger.settle().await;
        let found = outcome(&ledger, serial);
        assert!(found.ends_with(expected), "{message:?}: {found}");
    }
    for (method, arguments, expected) in SETTERS {
        let body = (arguments[0], arguments[1], Variant::new(1));
        let target = MONITOR.interface(PROPERTIES);
        let serial = ledger.send(target, method, &body, "").await;
        ledger.settle().await;
        assert!(outcome(&ledger, serial).ends_with(expected), "{arguments:?}");
    }
    assert_eq!(peer.lines("stop").len(), 0);
    ledger.close(MONITOR, Vec::new).await;
    drop(ledger);
    stage.end().await;
}

const UNKNOWN_METHOD: &str = ".UnknownMethod";
const UNKNOWN_INTERFACE: &str = ".UnknownInterface";
const UNKNOWN_OBJECT: &str = ".UnknownObject";
const INVALID_ARGS: &str = ".InvalidArgs";

/// Method, interface and property, error.
const SETTERS: [(&str, [&str; 2], &str); 4] = [
    ("Set", ["org.qemu.QmpEndpoint", "State"], ".PropertyReadOnly"),
    ("Set", ["org.qemu.QmpEndpoint", "NoSuch"], ".UnknownProperty"),
    ("Set", ["no.such.Interface", "State"], ".UnknownInterface"),
    ("Get", ["org.qemu.QmpEndpoint", "State"], ".InvalidArgs"),
];

async fn values_that_are_bombs_are_refused_or_passed_on(bus: Bus) {
    let (_peer, stage) = echo(&bus).await;
    let mut ledger = Ledger::new(&bus).await;
    let nested = (0..30).fold(Variant::new(1), |inner, _| Variant::new(inner));
    let deep = (0..11).fold(json!({}), |inner, _| json!({ "in": [inner] }));
    let many = json!(
        (0..200_000).map(|key| (format!("k{key}"), 1.into())).collect::<serde_json::Map<_, _>>()
    );
    let pairs: Vec<_> = (0..2).map(|value| (String::from("same"), Variant::new(value))).collect();
    let none = dictionary(json!({}));
    for value in [
        nested,
        Variant::new(dictionary(deep)),
        Variant::new(dictionary(many)),
        Variant::new(vec![0_u8; 2 << 20]),
    ] {
        let arguments = HashMap::from([("value", value)]);
        ledger.send(MONITOR_ENDPOINT, "Call", &("qom-set", &arguments, &none), "").await;
        ledger.send(MONITOR, "QomSet", &("/", "x", &arguments["value"]), "").await;
        ledger.settle().await;
        stage.answers().await;
    }
    ledger.send(MONITOR_ENDPOINT, "Execute", &"[".repeat(20 << 20), "").await;
    ledger.send(MONITOR_ENDPOINT, "Execute", &format!("[{}0]", "0,".repeat(8 << 20)), "").await;
    ledger.send(MONITOR, "QueryName", &pairs, "").await;
    ledger.settle().await;
    ledger.close(MONITOR, Vec::new).await;
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes.values().sum::<usize>(), 11, "{outcomes:?}");
    drop(ledger);
    stage.end().await;
}

async fn descriptors_that_nobody_wants_are_closed(bus: Bus) {
    let (_peer, stage) = echo(&bus).await;
    let mut ledger = Ledger::new(&bus).await;
    for _ in 0..100 {
        ledger.send(MONITOR, "QueryName", &descriptors(FDS), "").await;
    }
    ledger.close(MONITOR, Vec::new).await;
    drop(ledger);
    stage.end().await;
}

async fn a_lack_of_descriptors_refuses_only_their_call(bus: Bus) {
    let (peer, stage) = echo(&bus).await;
    let mut ledger = Ledger::new(&bus).await;
    let bridge = Pid::from_raw(stage.bridge.id().cast_signed());
    let used = stage.bridge.usage().descriptors as u64;
    let limit = |current| {
        prlimit(
            bridge,
            Resource::Nofile,
            Rlimit { current, maximum: getrlimit(Resource::Nofile).maximum },
        )
        .unwrap()
    };
    let former = limit(Some(used + 2));
    let short = ledger.send(MONITOR, "AddFd", &descriptors(FDS), "").await;
    let plain = ledger.call(MONITOR).await;
    ledger.settle().await;
    assert_eq!(outcome(&ledger, short), "org.freedesktop.DBus.Error.LimitsExceeded");
    assert_eq!(outcome(&ledger, plain), "");
    limit(former.current);
    let name = ledger.send(MONITOR, "Getfd", &(Fd::from(null()), "name"), "").await;
    ledger.settle().await;
    assert_eq!(outcome(&ledger, name), "");
    ledger.close(MONITOR, || peer.all()).await;
    drop(ledger);
    stage.end().await;
}

async fn forged_replies_and_signals_change_nothing(bus: Bus) {
    let (peer, stage) = echo(&bus).await;
    let owner = stage.client.owner(MONITOR.name).await.unwrap();
    let bridge = owner.as_str().unwrap();
    let events = (vec!["STOP"], dictionary(json!({})));
    let handle = stage.client.call(MONITOR_ENDPOINT, "Subscribe", &events).await.unwrap();
    let victim = stage.client.connection().unique_name().unwrap().to_string();
    let forger = bus.connect().await;
    for sender in ["org.freedesktop.DBus", "org.example.Other"] {
        let forged = Message::signal("/org/freedesktop/DBus", sender, "NameOwnerChanged")
            .destination(bridge)
            .build(&(&victim, &victim, ""))
            .unwrap();
        forger.send(&forged).await.unwrap();
    }
    let question = Message::method_call("/", "Q").build(&()).unwrap();
    for serial in 1..200 {
        let reply = Message::method_return(&question.header())
            .destination(bridge)
            .reply_serial(NonZero::new(serial));
        forger.send(&reply.build(&"forged").unwrap()).await.unwrap();
    }
    drop(forger);
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(MONITOR, 5).await;
    ledger.settle().await;
    ledger.close(MONITOR, || peer.all()).await;
    drop(ledger);
    let handle = handle.as_u64().unwrap();
    let unsubscribed = stage.client.call(MONITOR_ENDPOINT, "Unsubscribe", &handle).await;
    unsubscribed.expect("the subscription is still there");
    stage.end().await;
}

async fn a_caller_who_does_not_read_harms_nobody(bus: Bus) {
    let (_peer, stage) = echo(&bus).await;
    let deaf = Deaf::new(&bus).await;
    deaf.send(600, introspect).await;
    stage.answers().await;
    drop(deaf);
    stage.end().await;
}

/// dbus-daemon reads no more of a service of which 127 MiB wait for somebody who does not read.
async fn what_nobody_reads_is_not_kept(bus: Bus) {
    let (_peer, stage) = echo(&bus).await;
    let before = stage.bridge.usage().memory;
    let deaf = Deaf::new(&bus).await;
    deaf.send(1200, introspect).await;
    deaf.send(50_000, || call("NoSuchMethod").build(&()).unwrap()).await;
    sleep(Duration::from_secs(2)).await;
    let grown = stage.bridge.usage().peak - before;
    assert!(grown < 32 << 10, "the bridge grew by {grown} KiB");
    drop(deaf);
    stage.end().await;
}

/// Large calls of each kind.
const FLOOD: usize = 4;

/// Requests that a monitor is given at a time.
const WINDOW: usize = 7;

/// Descriptors of one message, as many as a system's dbus-daemon allows.
const FDS: usize = 16;

fn null() -> std::os::fd::OwnedFd {
    File::open("/dev/null").unwrap().into()
}

fn descriptors(count: usize) -> Vec<Fd<'static>> {
    (0..count).map(|_| Fd::from(null())).collect()
}

fn outcome(ledger: &Ledger, serial: u32) -> String {
    ledger.entries()[&serial].outcome().unwrap()
}

fn at<'a>(path: &'a str, method: &'a str) -> message::Builder<'a> {
    Message::method_call(path, method).destination(MONITOR.name).interface(MONITOR.interface)
}

fn call(method: &str) -> message::Builder<'_> {
    at(MONITOR.path, method)
}

fn bare<'a>(name: &'a str, method: &'a str) -> message::Builder<'a> {
    Message::method_call(MONITOR.path, method).destination(name)
}

fn introspect() -> Message {
    introspectable("Introspect", &())
}

fn introspectable<B: Serialize + DynamicType>(method: &str, body: &B) -> Message {
    bare(MONITOR.name, method).interface("org.freedesktop.DBus.Introspectable").build(body).unwrap()
}

/// By how much the bus lengthens the header of this client's messages.
fn header_growth(client: &Client) -> usize {
    let name = client.connection().unique_name().unwrap().len();
    (8 + name + 1).next_multiple_of(8)
}

/// Waits until the bridge knows that those who left did.
async fn departed(stage: &Stage) {
    stage.answers().await;
}

/// A monitor that answers everything.
async fn echo(bus: &Bus) -> (Peer, Stage) {
    let peer = Peer::monitor(|command, _| match command {
        "human-monitor-command" => Some(Answer::Return(json!("done"))),
        "query-name" | "qom-get" | "qom-set" | "add-fd" | "getfd" => {
            Some(Answer::Return(json!({})))
        }
        _ => None,
    });
    let stage = Stage::monitor(bus, &peer.socket()).await;
    (peer, stage)
}

/// One that never answers a `qom-get`.
async fn silent(bus: &Bus) -> (Peer, Stage) {
    let peer = Peer::monitor(|command, _| match command {
        "qom-get" => Some(Answer::Silence),
        "query-name" => Some(Answer::Return(json!({}))),
        _ => None,
    });
    let stage = Stage::monitor(bus, &peer.socket()).await;
    (peer, stage)
}
