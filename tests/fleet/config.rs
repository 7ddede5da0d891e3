//! The configuration file: what it says, and what comes of it when it is read again.

use super::{BRIDGE, MANAGER, add, managed, monitor, ready};
use qapi_dbus_tests::{
    bridge::{self, Bridge},
    bus::Bus,
    client::{Client, Refusal},
    on_each_bus,
    peer::Peer,
    scratch::Scratch,
    until,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};

on_each_bus!(
    a_reload_changes_what_changed_and_nothing_else,
    a_file_that_cannot_be_followed_changes_nothing,
    limits_are_as_the_file_says,
    a_signal_has_the_file_read_again,
);

struct File(Scratch);

impl File {
    fn new(text: &str) -> Self {
        let file = Self(Scratch::new());
        file.write(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path("fleet.toml")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }

    async fn serve(&self, bus: &Bus) -> (Bridge, Client) {
        let path = self.path();
        let bridge = Bridge::serve(bus, &["--config".as_ref(), path.as_os_str()]).await;
        (bridge, Client::new(bus).await)
    }
}

fn machine(name: &str, peer: &Peer) -> String {
    format!("[machine.{name}]\nqmp = '{}'\n", peer.socket().display())
}

async fn reload(client: &Client) -> Result<Value, Refusal> {
    client.call(BRIDGE, "Reload", &()).await
}

async fn names(client: &Client) -> Vec<String> {
    let paths = managed(client).await;
    paths.keys().filter_map(|path| path.strip_prefix("/org/qemu/vm/")).map(str::to_owned).collect()
}

async fn a_reload_changes_what_changed_and_nothing_else(bus: Bus) {
    let [a, b, c] = [(); 3].map(|()| Peer::monitor(|_, _| None));
    let file = File::new(&[machine("a", &a), machine("b", &b)].concat());
    let (_bridge, client) = file.serve(&bus).await;
    ready(&client, monitor("/org/qemu/vm/a")).await;
    ready(&client, monitor("/org/qemu/vm/b")).await;
    let mut signals = client.signals(MANAGER).await;
    add(&client, "called", json!({ "qmp": "/run/called.qmp" })).await.unwrap();
    assert_eq!(signals.next().await.arguments[0], "/org/qemu/vm/called");
    file.write(&[machine("a", &a), machine("c", &c)].concat());
    reload(&client).await.unwrap();
    let told = [signals.next().await, signals.next().await];
    let told = told.map(|it| (it.member, it.arguments[0].clone()));
    assert_eq!(told[0], ("InterfacesRemoved".into(), json!("/org/qemu/vm/b")));
    assert_eq!(told[1], ("InterfacesAdded".into(), json!("/org/qemu/vm/c")));
    ready(&client, monitor("/org/qemu/vm/c")).await;
    assert_eq!(names(&client).await, ["a", "c", "called"]);
    // Another deadline takes another connection; the same file none.
    for (text, connections) in [("", 1), ("timeout = 1000\n", 2), ("timeout = 1000\n", 2)] {
        file.write(&[machine("a", &a), text.into(), machine("c", &c)].concat());
        reload(&client).await.unwrap();
        ready(&client, monitor("/org/qemu/vm/a")).await;
        assert_eq!(a.lines("qmp_capabilities").len(), connections, "{text}");
    }
    assert_eq!(c.lines("qmp_capabilities").len(), 1);
}

async fn a_file_that_cannot_be_followed_changes_nothing(bus: Bus) {
    let [a, b] = [(); 2].map(|()| Peer::monitor(|_, _| None));
    let file = File::new(&machine("a", &a));
    let (_bridge, client) = file.serve(&bus).await;
    ready(&client, monitor("/org/qemu/vm/a")).await;
    add(&client, "called", json!({ "qmp": "/run/called.qmp" })).await.unwrap();
    let twice = "[machine.called]\nqmp = '/run/x'".to_owned();
    for (text, told) in [
        ("[machine.b", "fleet.toml:1:"),
        ("\n\nvm = 1", "fleet.toml:3:1: unknown field `vm`"),
        ("name = 'org.example.Other'", "name cannot change without a restart"),
        ("[limits]\nmemory = 10000000\nmessage = 1000000", "memory cannot change"),
        ("[limits]\nmachines = 1", "1 machines may be served"),
        (&twice, "\"called\" already, from AddVm"),
    ] {
        file.write(&[text, "\n", &machine("b", &b)].concat());
        let refused = reload(&client).await.unwrap_err();
        assert_eq!(refused.name, "org.freedesktop.DBus.Error.InvalidFileContent");
        assert!(refused.text.contains(told), "{text}: {refused}");
        assert_eq!(names(&client).await, ["a", "called"], "{text}");
    }
    fs::remove_file(file.path()).unwrap();
    assert!(reload(&client).await.unwrap_err().text.contains("fleet.toml: No such file"));
    client.call(monitor("/org/qemu/vm/a"), "QueryStatus", &()).await.unwrap();
    assert_eq!(a.lines("qmp_capabilities").len(), 1);
    assert_eq!(b.all(), [""; 0]);
}

async fn limits_are_as_the_file_says(bus: Bus) {
    let a = Peer::monitor(|_, _| None);
    let limits = "[limits]\nmachines = 2\nsubscriptions = 1\n";
    let file = File::new(&[&machine("a", &a), limits].concat());
    let (_bridge, client) = file.serve(&bus).await;
    add(&client, "b", json!({ "qga": "/run/b.qga" })).await.unwrap();
    let full = add(&client, "c", json!({ "qga": "/run/c.qga" })).await.unwrap_err();
    assert_eq!(full.name, "org.freedesktop.DBus.Error.LimitsExceeded");
    let endpoint = monitor("/org/qemu/vm/a").interface("org.qemu.QmpEndpoint");
    let all = (Vec::<String>::new(), qapi_dbus_tests::json::dictionary(json!({})));
    client.call(endpoint, "Subscribe", &all).await.unwrap();
    let full = client.call(endpoint, "Subscribe", &all).await.unwrap_err();
    assert_eq!(full.name, "org.freedesktop.DBus.Error.LimitsExceeded");
    assert!(full.text.contains("1 subscriptions"), "{full}");
}

async fn a_signal_has_the_file_read_again(bus: Bus) {
    let [a, b] = [(); 2].map(|()| Peer::monitor(|_, _| None));
    let file = File::new(&machine("a", &a));
    let (bridge, client) = file.serve(&bus).await;
    file.write(&machine("b", &b));
    bridge.signal(Signal::HUP);
    until("b", async || (names(&client).await == ["b"]).then_some(())).await;
    file.write("broken");
    bridge.signal(Signal::HUP);
    let log = async || bridge.log().contains("the configuration stays as it was").then_some(());
    until("a line of the log", log).await;
    assert!(bridge.log().contains("fleet.toml:1:"), "{}", bridge.log());
    assert_eq!(names(&client).await, ["b"]);
}

#[test]
fn a_file_is_checked_without_serving() {
    let file = File::new("[machine.a]\nqmp = '/run/a.qmp'\n[limits]\ncalls = 100\n");
    let check = || {
        let mut command = Command::new(bridge::program());
        let output = command.arg("check-config").arg(file.path()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = check();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("machine \"a\" at /org/qemu/vm/a\n  qmp: /run/a.qmp"), "{text}");
    assert!(text.contains("calls 100, calls-per-sender 32"), "{text}");
    file.write("watch = ['a']\n[limits]\ncalls = 0");
    let (code, text) = check();
    assert_eq!(code, Some(2), "{text}");
    let path = file.path();
    assert!(text.contains(&format!("{}:1:10: ", path.display())), "{text}");
    assert!(text.contains(&format!("{}:3:9: ", path.display())), "{text}");
}
