//! Many machines, and many events, by monitors that know nothing else.

use crate::{
    counted::memory,
    programs::Programs,
    rig::{AT_ONCE, BRIDGE, FLOOR, Rig},
};
use qapi_dbus_tests::{
    bridge::{Bridge, connected},
    bus::Bus,
    client::{Client, Target},
    process::{self, Process},
    scratch::Scratch,
    until,
};
use std::{ffi::OsString, fs};

/// Bytes of resident memory that each of so many idle machines takes.
pub(crate) async fn bytes_a_machine(bus: &Bus, programs: &Programs, machines: usize) -> u64 {
    let (few, many) = (10, machines);
    let small = memory_of(bus, programs, few).await;
    let large = memory_of(bus, programs, many).await;
    1024 * large.saturating_sub(small) / (many - few) as u64
}

/// Resident memory in KiB once all are connected.
async fn memory_of(bus: &Bus, programs: &Programs, machines: usize) -> u64 {
    let (_monitors, scratch) = monitors(programs, machines, "-", 0).await;
    let option = |number| {
        let socket = scratch.path(&format!("{number}.sock"));
        ["--vm".into(), OsString::from(format!("m{number}=qmp:{}", socket.display()))]
    };
    let options: Vec<_> = (0..machines).flat_map(option).collect();
    let options: Vec<_> = options.iter().map(|it| it.as_os_str()).collect();
    let files = format!("--nofile={}", machines + 100);
    let client = Client::new(bus).await;
    // Of the bridge before, which has just ended.
    until("a free name", async || client.owner(BRIDGE).await.is_err().then_some(())).await;
    let bridge = Bridge::launch_through(&["prlimit", &files], bus.address(), &options);
    let bridge = bridge.ready().await;
    for number in 0..machines {
        let path = format!("/org/qemu/vm/m{number}").leak();
        let interface = "org.qemu.QmpEndpoint";
        connected(&client, Target { name: BRIDGE, path, interface }).await;
    }
    settled(bridge.id()).await
}

/// Resident memory once it no longer changes.
async fn settled(id: u32) -> u64 {
    let mut last = 0;
    until("a memory that settles", async || {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let now = memory(id);
        let same = now == last;
        last = now;
        same.then_some(now)
    })
    .await
}

/// A burst of events.
pub(crate) const BURST: usize = 20_000;

/// What became of a burst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burst {
    /// Signals that arrived.
    pub(crate) signals: usize,
    /// Of these, so many in a second.
    pub(crate) rate: f64,
}

/// Bursts through the bridge and through the one in C, in turn; the one with the median rate.
pub(crate) async fn bursts(bus: &Bus, rig: &Rig, programs: &Programs, rounds: usize) -> [Burst; 2] {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(through_bridge(bus, programs).await);
        theirs.push(through_floor(bus, rig, programs).await);
    }
    [ours, theirs].map(|mut bursts| {
        bursts.sort_by(|one, other| one.rate.total_cmp(&other.rate));
        bursts[bursts.len() / 2]
    })
}

async fn through_bridge(bus: &Bus, programs: &Programs) -> Burst {
    let (_monitors, scratch) = monitors(programs, 1, "query-name", BURST).await;
    let configuration = scratch.path("burst.toml");
    let machine = format!("[machine.burst]\nqmp = '{}'\n", scratch.path("0.sock").display());
    fs::write(&configuration, format!("{AT_ONCE}{machine}")).unwrap();
    let name = "org.qemu.bench.Burst";
    let options =
        ["--name".as_ref(), name.as_ref(), "--config".as_ref(), configuration.as_os_str()];
    let _bridge = Bridge::serve(bus, &options).await;
    let path = "/org/qemu/vm/burst";
    let client = Client::new(bus).await;
    connected(&client, Target { name, path, interface: "org.qemu.QmpEndpoint" }).await;
    drop(client);
    burst(bus, programs, [name, path, "org.qemu.QmpQapi", "QueryName"]).await
}

async fn through_floor(bus: &Bus, rig: &Rig, programs: &Programs) -> Burst {
    let (_monitors, scratch) = monitors(programs, 1, "query-status", BURST).await;
    let name = &format!("{FLOOR}.Burst");
    let mut floor = Process::start(
        &scratch,
        process::program(programs.path("bridge"))
            .args([bus.address(), name])
            .args([scratch.path("0.sock"), rig.raw.agent.socket()]),
    );
    floor.line().await.unwrap();
    burst(bus, programs, [name, "/bench", "org.qemu.Bench", "QueryStatus"]).await
}

async fn burst(bus: &Bus, programs: &Programs, call: [&str; 4]) -> Burst {
    let output = process::program(programs.path("bus"))
        .args(["burst", bus.address()])
        .args(call)
        .arg(BURST.to_string())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().map(|it| it.parse().unwrap()).collect();
    Burst { signals: numbers[3] as usize, rate: numbers[2] }
}

/// So many monitors, whose sockets are `0.sock` and so on.
async fn monitors(
    programs: &Programs,
    count: usize,
    command: &str,
    burst: usize,
) -> (Process, Scratch) {
    let scratch = Scratch::new();
    let mut monitors = Process::start(
        &scratch,
        process::program("prlimit")
            .arg("--nofile=20000")
            .arg(programs.path("monitor"))
            .arg(scratch.dir())
            .args([&count.to_string(), command, &burst.to_string()]),
    );
    assert!(monitors.line().await.is_some(), "{}", monitors.stderr());
    (monitors, scratch)
}
