//! A real guest agent on this machine.

use crate::{
    process::{self, Process},
    scratch::Scratch,
    until,
};
use std::path::PathBuf;

/// A running qemu-ga with a socket and state of its own. What it serves is this machine: tests
/// call nothing that changes more than its directory.
#[derive(Debug)]
pub struct Agent {
    _process: Process,
    scratch: Scratch,
}

impl Agent {
    /// Starts one.
    pub async fn start() -> Self {
        let scratch = Scratch::new();
        let socket = scratch.path(SOCKET);
        let process = Process::start(
            &scratch,
            process::program("qemu-ga")
                .args(["--method", "unix-listen", "--path"])
                .arg(&socket)
                .arg("--statedir")
                .arg(scratch.dir())
                .arg("--pidfile")
                .arg(scratch.path("qga.pid")),
        );
        until("qemu-ga that listens", async || socket.exists().then_some(())).await;
        Self { _process: process, scratch }
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.scratch.path(SOCKET)
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }
}

const SOCKET: &str = "qga.sock";
