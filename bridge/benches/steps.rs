//! The steps of a call, each by itself: `cargo bench`. What they come to together, with buses and
//! peers, is measured by `tests/bench/run`.

#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::{hint::black_box, num::NonZeroU32};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qapi_dbus::{
    generated::{qga, qmp},
    measured::{Inside, frames},
    transcode::{
        Body, Head, Json, Part, call, message,
        shape::{Interface, Method},
    },
};
use zbus::{Message, Variant};

criterion_group!(benches, framing, to_dbus, to_json, guard, dispatch);
criterion_main!(benches);

/// What a peer returns, by name and method.
fn results() -> [(&'static str, &'static Method, String); 4] {
    let (qmp, qga) = (&qmp::INTERFACE, &qga::INTERFACE);
    let file =
        format!(r#"{{"count": 1048576, "buf-b64": "{}", "eof": false}}"#, "QUJD".repeat(349_525));
    [
        (
            "query-status",
            method(qmp, "QueryStatus"),
            r#"{"status": "running", "running": true}"#.into(),
        ),
        ("query-block, 20 disks", method(qmp, "QueryBlock"), list(20, disk)),
        ("query-qmp-schema, 236 KB", method(qmp, "QueryQmpSchema"), list(1000, definition)),
        ("guest-file-read, 1 MiB", method(qga, "GuestFileRead"), file),
    ]
}

fn method(interface: &Interface, name: &str) -> &'static Method {
    interface.method(name).expect("a method of the schema")
}

fn list(count: usize, item: fn(usize) -> String) -> String {
    format!("[{}]", (0..count).map(item).collect::<Vec<_>>().join(", "))
}

fn disk(number: usize) -> String {
    let image = format!(
        r#"{{"virtual-size": 10737418240, "filename": "/var/lib/images/{number}.qcow2",
        "cluster-size": 65536, "format": "qcow2", "actual-size": 2147483648, "dirty-flag": false,
        "format-specific": {{"type": "qcow2", "data": {{"compat": "1.1", "lazy-refcounts": false,
        "refcount-bits": 16, "corrupt": false, "extended-l2": false}}}}}}"#
    );
    format!(
        r#"{{"device": "disk{number}", "locked": false, "removable": false, "type": "unknown",
        "qdev": "/machine/peripheral/disk{number}", "inserted": {{"file": "{number}.qcow2",
        "node-name": "node{number}", "ro": false, "drv": "qcow2", "backing_file_depth": 0,
        "encrypted": false, "detect_zeroes": "off", "bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0,
        "iops_rd": 0, "iops_wr": 0, "write_threshold": 0, "image": {image},
        "cache": {{"writeback": true, "direct": false, "no-flush": false}}}}}}"#
    )
}

fn definition(number: usize) -> String {
    let member = |at| format!(r#"{{"name": "member-{at}", "default": null, "type": "{number}"}}"#);
    let members: Vec<_> = (0..4).map(member).collect();
    let members = members.join(", ");
    format!(r#"{{"name": "{number}", "members": [{members}], "meta-type": "object"}}"#)
}

/// The peer's bytes into messages.
fn framing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("framing");
    for (name, _, text) in results() {
        let line = format!("{{\"return\": {text}}}\r\n");
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function(name, |bench| bench.iter(|| frames(black_box(line.as_bytes()))));
    }
}

fn reply(method: &Method, text: &str) -> Message {
    let shape = method.result.expect("a method that returns something");
    let value = Json::parse(text.as_bytes()).expect("JSON");
    let parts = [Part { name: "result", shape, value }];
    let body = Body::new(&parts).expect("a result of its type");
    message(Head::reply(NonZeroU32::MIN), &body).expect("a message")
}

/// A result into a message.
fn to_dbus(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("to_dbus");
    for (name, method, text) in results() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bench| bench.iter(|| reply(method, black_box(&text))));
    }
}

/// A call's arguments into a request.
fn to_json(criterion: &mut Criterion) {
    let message = |name: &'static str| Message::method_call("/", name);
    let options: Vec<(&str, Variant<'_>)> =
        vec![("id", "disk1".into()), ("bus", "rp0".into()), ("drive", "node1".into())];
    let options: std::collections::HashMap<_, _> = options.into_iter().collect();
    let calls = [
        ("query-status", &qmp::INTERFACE, message("QueryStatus").build(&())),
        ("device_add", &qmp::INTERFACE, message("DeviceAdd").build(&("virtio-blk-pci", options))),
        (
            "guest-file-write, 1 MiB",
            &qga::INTERFACE,
            message("GuestFileWrite").build(&(7i64, "QUJD".repeat(349_525))),
        ),
    ];
    let mut group = criterion.benchmark_group("to_json");
    for (name, interface, message) in calls {
        let message = message.expect("a message");
        let header = message.header();
        let method = method(interface, header.member().expect("a call").as_str());
        let body = message.body();
        group.bench_function(name, |bench| bench.iter(|| call(method, black_box(&body))));
    }
}

/// A message past the judge, into the queue and out of it.
fn guard(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("guard");
    for (name, method, text) in results() {
        let (inside, message) = (Inside::new(), reply(method, &text));
        group.throughput(Throughput::Bytes(message.data().len() as u64));
        group.bench_function(name, |bench| bench.iter(|| inside.send(black_box(message.clone()))));
    }
}

/// A call from the bus that the bridge answers itself, and its reply past the guard.
fn dispatch(criterion: &mut Criterion) {
    let (inside, peer) = (Inside::new(), "org.freedesktop.DBus.Peer");
    let ping = Message::method_call("/", "Ping").interface(peer).sender(":1.7").build(&());
    let ping = ping.expect("a message");
    criterion.bench_function("dispatch", |bench| bench.iter(|| inside.dispatch(black_box(&ping))));
}
