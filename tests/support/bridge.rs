//! The bridge under test.

use crate::{
    bus::Bus,
    client::{AGENT_ENDPOINT, Client, MONITOR_ENDPOINT, Target},
    process::{self, Process, Usage},
    scratch::Scratch,
    target_dir, until,
};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::OnceLock,
};

/// A running `qapi-dbus serve`.
#[derive(Debug)]
pub struct Bridge {
    process: Process,
    _scratch: Scratch,
}

impl Bridge {
    /// Starts one for a guest agent and waits until it is connected; a client comes with it.
    pub async fn with_agent(bus: &Bus, socket: &Path) -> (Self, Client) {
        let bridge = Self::serve(bus, &[OsStr::new("--qga"), socket.as_os_str()]).await;
        bridge.with_client(bus, AGENT_ENDPOINT).await
    }

    /// Starts one for a monitor and waits until it is connected; a client comes with it.
    pub async fn with_monitor(bus: &Bus, socket: &Path) -> (Self, Client) {
        let bridge = Self::serve(bus, &[OsStr::new("--qmp"), socket.as_os_str()]).await;
        bridge.with_client(bus, MONITOR_ENDPOINT).await
    }

    /// Starts one with these options and waits until it says that it is ready.
    ///
    /// # Panics
    /// If it ends instead.
    pub async fn serve(bus: &Bus, options: &[&OsStr]) -> Self {
        Self::launch(bus, options).ready().await
    }

    /// Waits until it says that it is ready.
    ///
    /// # Panics
    /// If it ends instead.
    pub async fn ready(mut self) -> Self {
        let line = self.process.line().await;
        let line = line.expect("the bridge says that it is ready");
        assert!(line.contains("ready"), "the bridge says {line:?}");
        self
    }

    /// Starts one with these options and waits for nothing.
    pub fn launch(bus: &Bus, options: &[&OsStr]) -> Self {
        Self::launch_at(bus.address(), options)
    }

    /// The same for a bus that need not exist.
    pub fn launch_at(address: &str, options: &[&OsStr]) -> Self {
        Self::launch_through(&[], address, options)
    }

    /// The same by a program that changes what the bridge may do, or its environment.
    pub fn launch_through(wrapper: &[&str], address: &str, options: &[&OsStr]) -> Self {
        let scratch = Scratch::new();
        let line: Vec<_> = wrapper.iter().map(OsStr::new).chain([program().as_os_str()]).collect();
        let mut command = process::program(line[0]);
        command.args(&line[1..]).args(["serve", "--address", address, "-v"]).args(options);
        Self { process: Process::start(&scratch, &mut command), _scratch: scratch }
    }

    /// What it uses now.
    pub fn usage(&self) -> Usage {
        self.process.usage()
    }

    /// What it said on standard error so far.
    pub fn log(&self) -> String {
        self.process.stderr()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Waits for its end: its status and what it said on standard error.
    pub async fn exit(&mut self) -> (ExitStatus, String) {
        let status = self.process.exit().await;
        (status, self.process.stderr())
    }

    async fn with_client(self, bus: &Bus, endpoint: Target) -> (Self, Client) {
        let client = Client::new(bus).await;
        connected(&client, endpoint).await;
        (self, client)
    }
}

/// Waits until an endpoint is connected.
pub async fn connected(client: &Client, endpoint: Target) {
    in_state(client, endpoint, "ready").await;
}

/// Waits until an endpoint is in this state.
pub async fn in_state(client: &Client, endpoint: Target, state: &str) {
    let reached = async || {
        let now = client.property(endpoint, "State").await.unwrap();
        (now == state).then_some(())
    };
    until(&format!("state {state:?}"), reached).await;
}

/// Waits until the peer was compared with the interface, and the last property changed with it:
/// what `SchemaDifference` tells.
pub async fn compared(client: &Client, endpoint: Target) -> Value {
    until("a comparison", async || {
        let difference = client.property(endpoint, "SchemaDifference").await.unwrap();
        difference.get("commands-missing").is_some().then_some(difference)
    })
    .await
}

/// The program that the variable `QAPI_DBUS_PROGRAM` names, or else the workspace's, built if it
/// is not.
///
/// # Panics
/// If it does not build.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let named = || std::env::var_os("QAPI_DBUS_PROGRAM").map(PathBuf::from);
    let built = || build(&["--all-targets"]).map(|dir| dir.join("qapi-dbus"));
    PROGRAM.get_or_init(|| named().or_else(built)).as_deref().expect("the bridge builds")
}

/// An example of the workspace, built if it is not.
///
/// # Panics
/// If it does not build.
pub fn example(name: &str) -> PathBuf {
    let built = build(&["--example", name]);
    built.expect("the example builds").join("examples").join(name)
}

/// Builds with the features of a test run, for targets of its kind: what that run built stays
/// valid.
fn build(targets: &[&str]) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--workspace", "--target-dir"])
        .arg(target_dir())
        .args(targets)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    built.success().then(|| target_dir().join("debug"))
}
