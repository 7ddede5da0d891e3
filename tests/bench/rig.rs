//! Everything that is measured, at rest side by side.

use crate::programs::Programs;
use qapi_dbus_tests::{
    agent::Agent,
    bridge::{Bridge, connected},
    bus::Bus,
    client::{Client, Target},
    process::{self, Process},
    qemu::Qemu,
    scratch::Scratch,
};
use std::{ffi::OsString, path::PathBuf, process::Command, thread::available_parallelism};

/// A machine with an agent.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) qemu: Qemu,
    pub(crate) agent: Agent,
}

/// What is measured, on one bus. Each has a machine of its own: whom another one's events reach
/// would be measured as well.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) address: String,
    pub(crate) programs: PathBuf,
    /// The bridge, and its machine.
    pub(crate) bridge: Bridge,
    pub(crate) ours: Machine,
    /// The one in C, and its machine.
    pub(crate) floor: Process,
    pub(crate) theirs: Machine,
    /// Nobody's but who asks on the sockets.
    pub(crate) raw: Machine,
    /// A handle of an endless file in the bridge's agent.
    pub(crate) handle: i64,
    echo: Process,
    bus: u32,
    processors: usize,
    _scratch: Scratch,
}

/// Events pass as they come, and bursts as they are: the defaults hold back what a guest sends too
/// fast.
pub(crate) const AT_ONCE: &str = "[limits]\nevents-burst = 100000\nevents-queued = 65536\n";

/// The names on the bus.
pub(crate) const BRIDGE: &str = "org.qemu.Bridge";
pub(crate) const FLOOR: &str = "org.qemu.bench.Floor";
pub(crate) const ECHO: &str = "org.qemu.bench.Echo";

/// The bridge's object.
pub(crate) const PATH: &str = "/org/qemu/vm/bench";

impl Machine {
    async fn start() -> Self {
        Self { qemu: Qemu::none().await, agent: Agent::start().await }
    }

    /// The option that has the bridge serve it.
    pub(crate) fn option(&self) -> OsString {
        let (qmp, qga) = (self.qemu.socket(), self.agent.socket());
        format!("bench=qmp:{},qga:{}", qmp.display(), qga.display()).into()
    }
}

impl Rig {
    /// Starts everything.
    pub(crate) async fn start(bus: &Bus, programs: &Programs) -> Self {
        let (ours, theirs, raw) =
            (Machine::start().await, Machine::start().await, Machine::start().await);
        let scratch = Scratch::new();
        let configuration = scratch.path("bridge.toml");
        std::fs::write(&configuration, AT_ONCE).unwrap();
        let options =
            ["--config".as_ref(), configuration.as_os_str(), "--vm".as_ref(), &ours.option()];
        let bridge = Bridge::serve(bus, &options).await;
        let client = Client::new(bus).await;
        let agent = Target { name: BRIDGE, path: PATH, interface: "org.qemu.QgaEndpoint" };
        connected(&client, agent).await;
        connected(&client, agent.interface("org.qemu.QmpEndpoint")).await;
        let qapi = agent.interface("org.qemu.QgaQapi");
        let handle = client.call(qapi, "GuestFileOpen", &"/dev/zero").await.unwrap();
        let mut floor = Process::start(
            &scratch,
            process::program(programs.path("bridge"))
                .args([bus.address(), FLOOR])
                .args([theirs.qemu.socket(), theirs.agent.socket()]),
        );
        let mut echo = Process::start(
            &scratch,
            process::program(programs.path("echo")).args([bus.address(), ECHO]),
        );
        assert!(floor.line().await.is_some() && echo.line().await.is_some(), "not ready");
        Self {
            address: bus.address().to_owned(),
            programs: programs.path(""),
            bridge,
            ours,
            floor,
            theirs,
            raw,
            handle: handle.as_i64().unwrap(),
            echo,
            bus: bus.process().id(),
            processors: available_parallelism().unwrap().get(),
            _scratch: scratch,
        }
    }

    /// Puts all processes on one processor, or on any; those too that this one starts from now on.
    pub(crate) fn place(&mut self, pinned: bool) {
        let last = if pinned { 0 } else { self.processors - 1 };
        let machines = [&mut self.ours, &mut self.theirs, &mut self.raw];
        let peers =
            machines.into_iter().flat_map(|it| [it.qemu.process().id(), it.agent.process().id()]);
        let others =
            [self.bridge.id(), self.floor.id(), self.echo.id(), self.bus, std::process::id()];
        for id in peers.chain(others) {
            let placed = Command::new("taskset")
                .args(["--all-tasks", "--cpu-list", "--pid", &format!("0-{last}"), &id.to_string()])
                .output()
                .expect("taskset is part of util-linux");
            assert!(placed.status.success(), "{placed:?}");
        }
    }
}
