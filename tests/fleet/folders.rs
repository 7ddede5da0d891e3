//! Machines that come and go with the sockets in a folder.

use super::{MANAGER, add, managed, monitor, ready, remove};
use qapi_dbus_tests::{
    bridge::{Bridge, in_state},
    bus::Bus,
    client::{Client, Signal},
    on_each_bus,
    peer::Peer,
    scratch::Scratch,
    until,
};
use rustix::process::Signal as ProcessSignal;
use serde_json::{Value, json};
use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStringExt, net::UnixListener},
    path::Path,
};

on_each_bus!(
    machines_come_and_go_with_their_sockets,
    what_is_there_at_the_start_is_served,
    a_folder_may_vanish_and_come_back,
    a_flood_of_files_hides_no_socket,
    strange_names_harm_nobody,
    a_name_that_is_taken_waits_until_it_is_free,
);

const WEB: &str = "/org/qemu/vm/web";

async fn watch(bus: &Bus, folder: &Path) -> (Bridge, Client) {
    let bridge = Bridge::serve(bus, &["--watch".as_ref(), folder.as_os_str()]).await;
    (bridge, Client::new(bus).await)
}

/// Puts a peer's socket into the folder under a name of its own.
fn plug(peer: &Peer, folder: &Path, name: impl AsRef<OsStr>) {
    fs::hard_link(peer.socket(), folder.join(name.as_ref())).unwrap();
}

fn interfaces(signal: &Signal) -> Vec<&str> {
    match &signal.arguments[1] {
        Value::Object(added) => added.keys().map(String::as_str).collect(),
        removed => removed.as_array().unwrap().iter().filter_map(Value::as_str).collect(),
    }
}

async fn machines_come_and_go_with_their_sockets(bus: Bus) {
    let (qmp, qga) = (Peer::monitor(|_, _| None), Peer::agent(|_, _| None));
    let folder = Scratch::new();
    let (_bridge, client) = watch(&bus, folder.dir()).await;
    let mut signals = client.signals(MANAGER).await;
    plug(&qmp, folder.dir(), "web.qmp");
    let signal = signals.next().await;
    assert_eq!((&*signal.member, &signal.arguments[0]), ("InterfacesAdded", &json!(WEB)));
    assert_eq!(interfaces(&signal), ["org.qemu.QmpEndpoint", "org.qemu.QmpQapi"]);
    ready(&client, monitor(WEB)).await;
    plug(&qga, folder.dir(), "web.qga");
    let signal = signals.next().await;
    assert_eq!(interfaces(&signal), ["org.qemu.QgaEndpoint", "org.qemu.QgaQapi"]);
    let agent = monitor(WEB).interface("org.qemu.QgaQapi");
    in_state(&client, agent.interface("org.qemu.QgaEndpoint"), "ready").await;

    fs::remove_file(folder.path("web.qmp")).unwrap();
    let signal = signals.next().await;
    assert_eq!((&*signal.member, &signal.arguments[0]), ("InterfacesRemoved", &json!(WEB)));
    assert_eq!(interfaces(&signal), ["org.qemu.QmpQapi", "org.qemu.QmpEndpoint"]);
    client.call(agent, "GuestPing", &()).await.unwrap();
    assert_eq!(qmp.lines("qmp_capabilities").len(), 1);
    assert_eq!(qga.lines("guest-sync-delimited").len(), 1, "it kept its connection");
    fs::rename(folder.path("web.qga"), folder.path("other.qga")).unwrap();
    let signal = signals.next().await;
    let mut paths = vec![signal.arguments[0].clone(), signals.next().await.arguments[0].clone()];
    paths.sort_by_key(Value::to_string);
    assert_eq!(paths, ["/org/qemu/vm/other", WEB]);
}

async fn what_is_there_at_the_start_is_served(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let (folder, other) = (Scratch::new(), Scratch::new());
    plug(&peer, folder.dir(), "web.qmp");
    // Nobody listens there, and the other folder is yet to come.
    drop(UnixListener::bind(folder.path("stale.qmp")).unwrap());
    let missing = other.path("missing");
    let folders = ["--watch".as_ref(), folder.dir().as_os_str(), "--watch".as_ref()];
    let options = [&folders[..], &[missing.as_os_str()]].concat();
    let bridge = Bridge::serve(&bus, &options).await;
    let client = Client::new(&bus).await;
    // Nobody waits: the call that starts the bridge is to one of them.
    client.call(monitor(WEB), "QueryStatus", &()).await.unwrap();
    assert!(managed(&client).await.contains_key("/org/qemu/vm/stale"));
    assert!(bridge.log().contains("missing"), "{}", bridge.log());
    fs::create_dir(&missing).unwrap();
    drop(UnixListener::bind(missing.join("late.qga")).unwrap());
    let late = "/org/qemu/vm/late";
    until("late", async || managed(&client).await.contains_key(late).then_some(())).await;
}

async fn a_folder_may_vanish_and_come_back(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let scratch = Scratch::new();
    let folder = scratch.path("machines");
    fs::create_dir(&folder).unwrap();
    plug(&peer, &folder, "web.qmp");
    let (_bridge, client) = watch(&bus, &folder).await;
    let there = async || managed(&client).await.contains_key(WEB);
    for away in ["removed", "renamed"] {
        until("the machine", async || there().await.then_some(())).await;
        ready(&client, monitor(WEB)).await;
        match away {
            "removed" => fs::remove_dir_all(&folder).unwrap(),
            _ => fs::rename(&folder, scratch.path("away")).unwrap(),
        }
        until(away, async || (!there().await).then_some(())).await;
        fs::create_dir(&folder).unwrap();
        plug(&peer, &folder, "web.qmp");
    }
    until("the machine", async || there().await.then_some(())).await;
}

/// More than the kernel keeps of what happens in a folder.
async fn a_flood_of_files_hides_no_socket(bus: Bus) {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let peer = Peer::monitor(|_, _| None);
    let folder = Scratch::new();
    let (bridge, client) = watch(&bus, folder.dir()).await;
    let mut signals = client.signals(MANAGER).await;
    bridge.signal(ProcessSignal::STOP);
    for number in 0..=limit / 2 {
        let file = folder.path(&number.to_string());
        fs::write(&file, "").unwrap();
        fs::remove_file(&file).unwrap();
    }
    plug(&peer, folder.dir(), "web.qmp");
    bridge.signal(ProcessSignal::CONT);
    assert_eq!(signals.next().await.arguments[0], WEB);
    ready(&client, monitor(WEB)).await;
}

async fn strange_names_harm_nobody(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let folder = Scratch::new();
    let (bridge, client) = watch(&bus, folder.dir()).await;
    let mut signals = client.signals(MANAGER).await;
    let invalid = OsString::from_vec(b"\xff.qmp".to_vec());
    for name in [invalid, "é.qmp".into(), ".qmp".into(), "d.qmp.x".into()] {
        plug(&peer, folder.dir(), name);
    }
    // With a peer of its own, which the bridge tells of when it is ready.
    let steering = Peer::monitor(|_, _| None);
    plug(&steering, folder.dir(), "\u{1b}[2J\n.qmp");
    plug(&peer, folder.dir(), format!("{}.qmp", "x".repeat(251)));
    fs::create_dir(folder.path("e.qmp")).unwrap();
    fs::write(folder.path("f.qmp"), "").unwrap();
    std::os::unix::fs::symlink(peer.socket(), folder.path("g.qmp")).unwrap();
    plug(&peer, folder.dir(), "web.qmp");
    let mut paths = Vec::new();
    for _ in 0..3 {
        paths.push(signals.next().await.arguments[0].as_str().unwrap().to_owned());
    }
    paths.sort();
    assert_eq!(paths, ["/org/qemu/vm/_1b_5b2J_0a", "/org/qemu/vm/_c3_a9", WEB]);
    let said = async || bridge.log().contains("a socket's path has less than 108").then_some(());
    until("a line of the log", said).await;
    let ready = async || bridge.log().contains(r"\u{1b}[2J\n.qmp version=").then_some(());
    until("a name in a line of the log", ready).await;
    assert!(!bridge.log().contains('\u{1b}'), "{}", bridge.log());
}

async fn a_name_that_is_taken_waits_until_it_is_free(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let folder = Scratch::new();
    let (bridge, client) = watch(&bus, folder.dir()).await;
    add(&client, "web", json!({ "qmp": "/run/nobody.qmp" })).await.unwrap();
    plug(&peer, folder.dir(), "web.qmp");
    let said = async || bridge.log().contains("from AddVm").then_some(());
    until("a line of the log", said).await;
    remove(&client, "web").await.unwrap();
    ready_later(&client).await;
    let foreign = remove(&client, "web").await.unwrap_err();
    assert!(foreign.text.contains(&folder.dir().display().to_string()), "{foreign}");
}

async fn ready_later(client: &Client) {
    until("the machine", async || managed(client).await.contains_key(WEB).then_some(())).await;
    ready(client, monitor(WEB)).await;
}
