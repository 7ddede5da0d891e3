//! A real storage daemon: the monitor of a peer that has disks and no machine.

use crate::{
    process::{self, Process},
    release::Release,
    scratch::Scratch,
};
use std::path::PathBuf;
use tokio::process::Command;

/// A running qemu-storage-daemon with one monitor.
#[derive(Debug)]
pub struct StorageDaemon {
    _process: Process,
    scratch: Scratch,
}

impl StorageDaemon {
    /// Starts the one that is installed.
    pub fn start() -> Self {
        Self::run(process::program(PROGRAM))
    }

    /// Starts one of another release.
    pub fn of(release: &Release) -> Self {
        Self::run(release.program(PROGRAM))
    }

    /// The monitor.
    pub fn socket(&self) -> PathBuf {
        self.scratch.path(SOCKET)
    }

    fn run(mut command: Command) -> Self {
        let scratch = Scratch::new();
        let path = scratch.path(SOCKET);
        let listen = format!("socket,id=monitor,server=on,wait=off,path={}", path.display());
        command.args(["--chardev", &listen, "--monitor", "chardev=monitor"]);
        let process = Process::start(&scratch, &mut command);
        Self { _process: process, scratch }
    }
}

const PROGRAM: &str = "qemu-storage-daemon";
const SOCKET: &str = "qmp.sock";
