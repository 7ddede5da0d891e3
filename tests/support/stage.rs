//! A bridge under watch: whatever is done to it, another machine is served, nothing is kept, and
//! it stays on the bus.

use crate::{
    bridge::{Bridge, connected, in_state},
    bus::Bus,
    client::{AGENT_ENDPOINT, Client, MONITOR_ENDPOINT, Target},
    peer::Peer,
    process::Usage,
    until,
};
use serde_json::Value;
use std::{
    ffi::{OsStr, OsString},
    path::Path,
    time::{Duration, Instant},
};

/// The machine that is well, on every stage.
pub const CALM: Target =
    Target { name: "org.qemu.Bridge", path: "/org/qemu/vm/calm", interface: "org.qemu.QgaQapi" };

/// How soon the machine that is well answers while another is not.
const SOON: Duration = Duration::from_millis(100);

/// How often it is asked: a busy machine delays an answer now and then, a bridge that is stuck
/// delays them all.
const TRIES: usize = 20;

/// Resident memory in KiB that may stay: pages that the allocator had no reason to touch before.
const MARGIN: u64 = 4 << 10;

/// A bridge with a machine that is well beside those that a test is about.
#[derive(Debug)]
pub struct Stage {
    /// The bridge.
    pub bridge: Bridge,
    /// A client that does nothing but watch.
    pub client: Client,
    _calm: Peer,
    owner: Value,
    start: Usage,
}

impl Stage {
    /// For the monitor at this socket, once it is connected.
    pub async fn monitor(bus: &Bus, socket: &Path) -> Self {
        let mut stage = Self::serve(bus, &["--qmp".as_ref(), socket.as_os_str()]).await;
        connected(&stage.client, MONITOR_ENDPOINT).await;
        stage.begin().await;
        stage
    }

    /// For the agent at this socket, once it is connected.
    pub async fn agent(bus: &Bus, socket: &Path) -> Self {
        let mut stage = Self::serve(bus, &["--qga".as_ref(), socket.as_os_str()]).await;
        connected(&stage.client, AGENT_ENDPOINT).await;
        stage.begin().await;
        stage
    }

    /// With these options of `qapi-dbus serve`, which need not name a socket that answers.
    pub async fn serve(bus: &Bus, options: &[&OsStr]) -> Self {
        Self::through(&[], bus, options).await
    }

    /// The same by a program that changes what the bridge may do, or its environment.
    pub async fn through(wrapper: &[&str], bus: &Bus, options: &[&OsStr]) -> Self {
        let calm = Peer::agent(|_, _| None);
        let mut machine = OsString::from("calm=qga:");
        machine.push(calm.socket());
        let options = [&["--vm".as_ref(), machine.as_os_str()], options].concat();
        let client = Client::new(bus).await;
        let free = async || client.owner(CALM.name).await.is_err().then_some(());
        until("the bus to have heard that the bridge before is gone", free).await;
        let bridge = Bridge::launch_through(wrapper, bus.address(), &options).ready().await;
        in_state(&client, CALM.interface("org.qemu.QgaEndpoint"), "ready").await;
        let owner = client.owner(CALM.name).await.unwrap();
        let start = bridge.usage();
        let mut stage = Self { bridge, client, _calm: calm, owner, start };
        stage.begin().await;
        stage
    }

    /// What the bridge uses now is what it has to come back to.
    pub async fn begin(&mut self) {
        self.answers().await;
        self.start = self.bridge.usage();
    }

    /// The machine that is well answers within 100 ms.
    ///
    /// # Panics
    /// If it does not, however often it is asked.
    pub async fn answers(&self) {
        let mut best = Duration::MAX;
        for _ in 0..TRIES {
            let start = Instant::now();
            self.client.call(CALM, "GuestPing", &()).await.unwrap();
            best = best.min(start.elapsed());
            if best <= SOON {
                return;
            }
        }
        panic!("another machine answers after {best:?} at best");
    }

    /// The machine that is well answers, memory and descriptors are as at the start, and the
    /// bridge is still the same on the bus. Drop first what the test itself holds open.
    ///
    /// # Panics
    /// If one of these is not so.
    pub async fn end(&self) {
        self.answers().await;
        let mut now = self.bridge.usage();
        let back = async || {
            now = self.bridge.usage();
            // At the start a socket that took no bytes just then may have been watched for that, too.
            let Usage { memory, descriptors, .. } = self.start;
            (now.memory <= memory + MARGIN && now.descriptors <= descriptors).then_some(())
        };
        let what = format!("memory and descriptors back to {:?}", self.start);
        until(&what, back).await;
        assert_eq!(self.client.owner(CALM.name).await.unwrap(), self.owner);
        let log = self.bridge.log();
        let panics = |line: &str| line.contains("panicked") && !line.contains("planted");
        assert!(!log.lines().any(panics), "{log}");
    }
}
