//! One list of the machines of three hosts, kept by the example `fleet`.

use super::{
    ground::{Ground, Login},
    host::{Host, Machine},
};
use qapi_dbus_tests::{bridge::example, bus::Bus, on_each_bus, process::Process, scratch::Scratch};

on_each_bus!(one_view_of_three_hosts);

const HOSTS: [&str; 3] = ["web1", "web2", "web3"];

async fn one_view_of_three_hosts(bus: Bus) {
    let login = Login::new().await;
    let desk = Ground::new(&login, "/nowhere").await;
    let mut hosts = Vec::new();
    for (net, name) in (1..).zip(HOSTS) {
        let host = Host::start(bus.another().await, &login).await;
        desk.connect(name, net, &host.ground).await;
        hosts.push(host);
    }
    let mut view = View::start(&desk);
    view.tells(&HOSTS.map(|name| [(name, "- connected"), (name, ONE), (name, TWO)]).concat()).await;

    let fresh = Machine::new();
    let add = format!("AddVm sa{{sv}} new-1 1 qmp s {}", fresh.socket());
    bridge(&desk, "web2", &add).await;
    view.tells(&[("web2", "new-1 monitor ready, running")]).await;
    fresh.pause();
    view.tells(&[("web2", "new-1 monitor ready, paused")]).await;
    bridge(&desk, "web2", "RemoveVm s new-1").await;
    view.tells(&[("web2", "new-1 gone")]).await;

    hosts[0].kill_bridge();
    view.tells(&[("web1", "- no bridge"), ("web1", "one gone"), ("web1", "two gone")]).await;
    hosts[0].start_bridge().await;
    view.tells(&[("web1", "- connected"), ("web1", ONE), ("web1", TWO)]).await;

    hosts[1].kill_sshd();
    view.tells(&[("web2", "- lost: "), ("web2", "one unknown"), ("web2", "two unknown")]).await;
    view.tells(&[("web2", "- lost: ssh: connect to host 10.86.2.2 port 2222: ")]).await;
    hosts[1].start_sshd(&login).await;
    view.tells(&[("web2", "- connected"), ("web2", ONE), ("web2", TWO)]).await;

    desk.must("ip link set web3 down").await;
    view.tells(&[("web3", "- lost: "), ("web3", "one unknown"), ("web3", "two unknown")]).await;
    hosts[2].one.pause();
    desk.must("ip link set web3 up").await;
    let paused = "one monitor ready, paused, agent ready";
    view.tells(&[("web3", "- connected"), ("web3", paused), ("web3", TWO)]).await;

    let quiet = !view.said.iter().any(|line| line.starts_with("web1 - lost"));
    assert!(quiet, "what becomes of the others is nothing to web1: {:?}", view.said);
}

/// What is told of the machines of each host.
const ONE: &str = "one monitor ready, running, agent ready";
const TWO: &str = "two monitor ready, running";

/// Calls the bridge of a host from elsewhere.
async fn bridge(desk: &Ground, host: &str, call: &str) {
    const BRIDGE: &str = "org.qemu.Bridge /org/qemu/Bridge org.qemu.Bridge";
    desk.must(&format!("busctl --host {host} call {BRIDGE} {call}")).await;
}

/// The running example.
struct View {
    process: Process,
    _scratch: Scratch,
    /// Its lines, with one space between words.
    said: Vec<String>,
}

impl View {
    fn start(desk: &Ground) -> Self {
        let scratch = Scratch::new();
        let program = example("fleet");
        let line = format!("{} {}", program.display(), HOSTS.join(" "));
        let process = Process::start(&scratch, &mut desk.command(&line));
        Self { process, _scratch: scratch, said: Vec::new() }
    }

    /// Waits for lines that begin like this, in any order, from now on.
    async fn tells(&mut self, lines: &[(&str, &str)]) {
        let mut missing: Vec<_> =
            lines.iter().map(|(host, text)| format!("{host} {text}")).collect();
        while !missing.is_empty() {
            let line = self.process.line().await.unwrap_or_else(|| panic!("{missing:?}"));
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            missing.retain(|start| !line.starts_with(start));
            self.said.push(line);
        }
    }
}
