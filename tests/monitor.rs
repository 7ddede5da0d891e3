//! Commands of a real monitor.

use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT},
    json::{dictionaries, dictionary},
    on_each_bus,
    qemu::Qemu,
    storage::StorageDaemon,
};
use serde_json::{Value, json};
use std::{fs::File, io::Write};
use zbus::{Variant, wire::Fd};

on_each_bus!(
    block_devices_are_added,
    objects_and_their_properties_are_set,
    devices_and_networks_are_added,
    a_transaction_happens_whole_or_not,
    a_file_descriptor_arrives,
    the_human_monitor_answers,
    a_disk_is_throttled,
    a_pretty_monitor_is_understood,
    any_command_is_called_by_its_name,
    json_text_is_executed,
    a_storage_daemon_is_served,
);

async fn block_devices_are_added(bus: Bus) {
    let (_qemu, _bridge, client) = machine(&bus).await;
    add_disk(&client, "added").await;
    let nodes = client.call(MONITOR, "QueryNamedBlockNodes", &()).await.unwrap();
    let node = named(&nodes, "node-name", "added");
    assert_eq!(node["drv"], "null-co");
    assert_eq!(node["image"]["virtual-size"], 1 << 20);
    client.call(MONITOR, "BlockdevDel", &"added").await.unwrap();
}

async fn objects_and_their_properties_are_set(bus: Bus) {
    let (_qemu, _bridge, client) = machine(&bus).await;
    let body = ("iothread", "io", dictionary(json!({ "poll-max-ns": 5000 })));
    client.call(MONITOR, "ObjectAdd", &body).await.unwrap();
    assert_eq!(get(&client, "/objects/io", "poll-max-ns").await, 5000);
    let body = ("/objects/io", "poll-max-ns", Variant::from(6000_i32));
    client.call(MONITOR, "QomSet", &body).await.unwrap();
    assert_eq!(get(&client, "/objects/io", "poll-max-ns").await, 6000);
    let body = ("/objects/io", "poll-max-ns", Variant::from("many"));
    let refused = client.call(MONITOR, "QomSet", &body).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.GenericError");
    client.call(MONITOR, "ObjectDel", &"io").await.unwrap();
}

async fn devices_and_networks_are_added(bus: Bus) {
    let (_qemu, _bridge, client) = machine(&bus).await;
    let body = ("hub", "hubport", dictionary(json!({ "hubid": 7 })));
    client.call(MONITOR, "NetdevAdd", &body).await.unwrap();
    client.call(MONITOR, "NetdevDel", &"hub").await.unwrap();
    let options = json!({ "id": "tablet", "bus": "usb.0", "port": "2" });
    let body = ("usb-tablet", dictionary(options));
    client.call(MONITOR, "DeviceAdd", &body).await.unwrap();
    assert_eq!(get(&client, "/machine/peripheral/tablet", "type").await, "usb-tablet");
    let refused = client.call(MONITOR, "DeviceAdd", &"no-such-device").await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.GenericError");
    let missing = client.call(MONITOR, "DeviceDel", &"no-such-id").await.unwrap_err();
    assert_eq!(missing.name, "org.qemu.QapiError.DeviceNotFound");
    assert!(missing.text.starts_with("DeviceNotFound: "), "{}", missing.text);
}

async fn a_transaction_happens_whole_or_not(bus: Bus) {
    let (_qemu, _bridge, client) = machine(&bus).await;
    add_disk(&client, "node").await;
    let add = |name: &str| json!({ "type": "block-dirty-bitmap-add", "data": { "node": "node", "name": name } });
    let body = dictionaries(json!([add("one"), add("two")]));
    client.call(MONITOR, "Transaction", &(body, dictionary(json!({})))).await.unwrap();
    let failing = dictionaries(json!([add("three"), { "type": "abort", "data": {} }]));
    let refused = client.call(MONITOR, "Transaction", &failing).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.GenericError");
    let nodes = client.call(MONITOR, "QueryNamedBlockNodes", &()).await.unwrap();
    let bitmaps = &named(&nodes, "node-name", "node")["dirty-bitmaps"];
    let names: Vec<_> = bitmaps.as_array().unwrap().iter().map(|map| &map["name"]).collect();
    assert!(names.len() == 2 && !names.contains(&&json!("three")), "{names:?}");
}

async fn a_file_descriptor_arrives(bus: Bus) {
    let (qemu, _bridge, client) = machine(&bus).await;
    let path = qemu.path("image");
    File::create(&path).unwrap().write_all(&[7; 4096]).unwrap();
    let file = File::open(&path).unwrap();
    let options = dictionary(json!({ "fdset-id": 3, "opaque": "image" }));
    let added = client.call(MONITOR, "AddFd", &(Fd::from(&file), options)).await.unwrap();
    assert_eq!(added["fdset-id"], 3);
    let sets = client.call(MONITOR, "QueryFdsets", &()).await.unwrap();
    assert_eq!(sets, json!([{ "fdset-id": 3, "fds": [{ "fd": added["fd"], "opaque": "image" }] }]));
    let options = json!({ "node-name": "passed", "filename": "/dev/fdset/3", "read-only": true });
    client.call(MONITOR, "BlockdevAdd", &("file", dictionary(options))).await.unwrap();
    client.call(MONITOR, "Getfd", &(Fd::from(&file), "named")).await.unwrap();
    client.call(MONITOR, "Closefd", &"named").await.unwrap();
}

async fn the_human_monitor_answers(bus: Bus) {
    let (_qemu, _bridge, client) = machine(&bus).await;
    let text = client.call(MONITOR, "HumanMonitorCommand", &"info version").await.unwrap();
    let version = client.property(MONITOR_ENDPOINT, "Version").await.unwrap();
    assert!(text.as_str().unwrap().starts_with(version.as_str().unwrap()), "{text} {version}");
}

async fn a_disk_is_throttled(bus: Bus) {
    let (_qemu, _bridge, client) = machine(&bus).await;
    add_disk(&client, "disk").await;
    let options = json!({ "id": "vd", "drive": "disk", "bus": "rp0" });
    client.call(MONITOR, "DeviceAdd", &("virtio-blk-pci", dictionary(options))).await.unwrap();
    let backend = "/machine/peripheral/vd/virtio-backend";
    let options = dictionary(json!({ "id": backend, "bps_max": 2_000_000 }));
    let body = (1_000_000_i64, 0_i64, 0_i64, 300_i64, 0_i64, 0_i64, options);
    client.call(MONITOR, "BlockSetIoThrottle", &body).await.unwrap();
    let blocks = client.call(MONITOR, "QueryBlock", &()).await.unwrap();
    let inserted = &named(&blocks, "qdev", backend)["inserted"];
    assert_eq!((&inserted["bps"], &inserted["bps_max"]), (&json!(1_000_000), &json!(2_000_000)));
}

async fn a_pretty_monitor_is_understood(bus: Bus) {
    let socket = "socket,id=pretty,path=qmp.sock,server=on,wait=off";
    let monitor = "chardev=pretty,mode=control,pretty=on";
    let qemu = Qemu::start(&["-M", "none", "-chardev", socket, "-mon", monitor]).await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let mut oracle = qemu.oracle().await;
    let schema = oracle.execute("query-qmp-schema", json!({})).await.unwrap();
    assert_eq!(client.call(MONITOR, "QueryQmpSchema", &()).await.unwrap(), schema);
    let mut signals = client.signals(MONITOR).await;
    client.call(MONITOR, "Stop", &()).await.unwrap();
    signals.named("StopEvent").await;
}

async fn any_command_is_called_by_its_name(bus: Bus) {
    let (_qemu, _bridge, client) = machine(&bus).await;
    let none = || dictionary(json!({}));
    let body = ("query-status", none(), none());
    let status = client.call(MONITOR_ENDPOINT, "Call", &body).await.unwrap();
    assert_eq!(status["status"], "prelaunch");
    let arguments = dictionary(json!({ "path": "/machine", "property": "type" }));
    let kind = client.call(MONITOR_ENDPOINT, "Call", &("qom-get", arguments, none())).await;
    assert!(kind.unwrap().as_str().unwrap().contains("q35"));
    let refused = client.call(MONITOR_ENDPOINT, "Call", &("no-such", none(), none())).await;
    assert_eq!(refused.unwrap_err().name, "org.qemu.QapiError.CommandNotFound");
}

async fn json_text_is_executed(bus: Bus) {
    let (_qemu, _bridge, client) = machine(&bus).await;
    let text = r#"{"execute": "qom-get", "arguments": {"path": "/machine", "property": "type"}}"#;
    let answer = client.call(MONITOR_ENDPOINT, "Execute", &text).await.unwrap();
    let answer: Value = serde_json::from_str(answer.as_str().unwrap()).unwrap();
    assert!(answer["return"].as_str().unwrap().contains("q35"), "{answer}");
    let refused = client.call(MONITOR_ENDPOINT, "Execute", &"{]").await.unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.InvalidArgs");
}

async fn a_storage_daemon_is_served(bus: Bus) {
    let daemon = StorageDaemon::start();
    let (_bridge, client) = Bridge::with_monitor(&bus, &daemon.socket()).await;
    add_disk(&client, "served").await;
    let nodes = client.call(MONITOR, "QueryNamedBlockNodes", &()).await.unwrap();
    assert_eq!(named(&nodes, "node-name", "served")["drv"], "null-co");
    let missing = client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(missing.name, "org.qemu.QapiError.CommandNotFound");
}

/// A machine that stands still before its first instruction.
async fn machine(bus: &Bus) -> (Qemu, Bridge, Client) {
    let qemu = Qemu::q35().await;
    let (bridge, client) = Bridge::with_monitor(bus, &qemu.socket()).await;
    (qemu, bridge, client)
}

async fn add_disk(client: &Client, node: &str) {
    let options = json!({ "node-name": node, "size": 1 << 20, "read-zeroes": true });
    client.call(MONITOR, "BlockdevAdd", &("null-co", dictionary(options))).await.unwrap();
}

async fn get(client: &Client, path: &str, property: &str) -> Value {
    client.call(MONITOR, "QomGet", &(path, property)).await.unwrap()
}

fn named<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|entry| entry[key] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list}"))
}
