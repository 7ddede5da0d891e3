//! A real guest agent on this machine.

use crate::{
    process::{self, Process},
    release::Release,
    scratch::Scratch,
    until,
};
use rustix::process::Signal;
use std::{fs, path::PathBuf};
use tokio::process::Command;

/// A running qemu-ga with a socket and state of its own. What it serves is this machine: tests
/// call nothing that changes more than its directory.
#[derive(Debug)]
pub struct Agent {
    process: Process,
    scratch: Scratch,
}

impl Agent {
    /// Starts the one that is installed.
    pub async fn start() -> Self {
        Self::run(process::program(PROGRAM)).await
    }

    /// Starts one whose administrator forbids these commands, separated by commas.
    pub async fn without(commands: &str) -> Self {
        let mut command = process::program(PROGRAM);
        command.args(["--block-rpcs", commands]);
        Self::run(command).await
    }

    /// Starts one whose state says that an earlier one froze filesystems; none is frozen.
    pub async fn frozen() -> Self {
        let scratch = Scratch::new();
        fs::write(scratch.path("qga.state.isfrozen"), "").unwrap();
        Self::run_in(scratch, process::program(PROGRAM)).await
    }

    /// Starts one of another release.
    pub async fn of(release: &Release) -> Self {
        Self::run(release.program(PROGRAM)).await
    }

    async fn run(command: Command) -> Self {
        Self::run_in(Scratch::new(), command).await
    }

    async fn run_in(scratch: Scratch, mut command: Command) -> Self {
        let process = launch(&scratch, &mut command).await;
        Self { process, scratch }
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.scratch.path(SOCKET)
    }

    /// Ends it without notice, and starts the one that is installed on the same socket.
    pub async fn restart(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.exit().await;
        fs::remove_file(self.socket()).unwrap();
        self.process = launch(&self.scratch, &mut process::program(PROGRAM)).await;
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }
}

const PROGRAM: &str = "qemu-ga";
const SOCKET: &str = "qga.sock";

async fn launch(scratch: &Scratch, command: &mut Command) -> Process {
    let socket = scratch.path(SOCKET);
    let process = Process::start(
        scratch,
        command
            .args(["--method", "unix-listen", "--path"])
            .arg(&socket)
            .arg("--statedir")
            .arg(scratch.dir())
            .arg("--pidfile")
            .arg(scratch.path("qga.pid")),
    );
    until("qemu-ga that listens", async || socket.exists().then_some(())).await;
    process
}
