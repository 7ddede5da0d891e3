//! Real QEMU.

use crate::{
    monitor::Monitor,
    process::{self, Process},
    release::Release,
    scratch::Scratch,
    until,
};
use rustix::process::Signal;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{process::Command, time::sleep};

/// A machine with two monitors: one for the bridge, one to compare with.
#[derive(Debug)]
pub struct Qemu {
    process: Process,
    scratch: Scratch,
}

impl Qemu {
    /// Starts one without devices of its own; `arguments` say which machine it is.
    pub async fn start(arguments: &[&str]) -> Self {
        Self::start_in(Scratch::new(), arguments).await
    }

    /// A machine without CPU or memory.
    pub async fn none() -> Self {
        Self::start(&["-M", "none"]).await
    }

    /// A machine with places for PCI and USB devices, stopped before its first instruction.
    pub async fn q35() -> Self {
        let machine = ["-M", "q35", "-accel", "tcg", "-m", "64", "-S"];
        let places = ["-device", "qemu-xhci,id=usb", "-device", "pcie-root-port,id=rp0"];
        Self::start(&[&machine[..], &places].concat()).await
    }

    /// Starts one of another release.
    pub async fn of(release: &Release, arguments: &[&str]) -> Self {
        let scratch = Scratch::new();
        let mut command = release.program(PROGRAM);
        command.args(FIRMWARE);
        let process = run(command, &scratch, arguments);
        let qemu = Self { process, scratch };
        qemu.listening().await;
        qemu
    }

    /// Starts one whose sockets and files are in `scratch`.
    pub async fn start_in(scratch: Scratch, arguments: &[&str]) -> Self {
        let process = launch(&scratch, arguments);
        let qemu = Self { process, scratch };
        qemu.listening().await;
        qemu
    }

    /// The monitor that belongs to the bridge.
    pub fn socket(&self) -> PathBuf {
        self.scratch.path(BRIDGE)
    }

    /// A plain connection to the other monitor.
    pub async fn oracle(&self) -> Monitor {
        Monitor::qmp(&self.oracle_socket()).await
    }

    /// The other monitor.
    pub fn oracle_socket(&self) -> PathBuf {
        self.scratch.path(ORACLE)
    }

    /// A path in the directory of this machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    /// Stops the process in its tracks: it reads and answers nothing more.
    pub fn freeze(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Ends it without notice.
    pub async fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.exit().await;
    }

    /// Starts it again, after its end, with the same sockets.
    pub async fn restart(&mut self, arguments: &[&str]) {
        let _ = std::fs::remove_file(self.oracle_socket());
        self.process = launch(&self.scratch, arguments);
        self.listening().await;
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits until it answers: who comes and goes while it starts can make QEMU crash.
    /// Who connects sooner than the bridge does can make QEMU hang.
    async fn listening(&self) {
        let made = async || self.oracle_socket().exists().then_some(());
        until("a monitor", made).await;
        sleep(Duration::from_millis(250)).await;
        Monitor::qmp(&self.oracle_socket()).await;
    }
}

const PROGRAM: &str = "qemu-system-x86_64";

/// Firmware of the QEMU that is installed, which any release can use.
const FIRMWARE: [&str; 4] = ["-L", "/usr/share/qemu", "-L", "/usr/share/seabios"];

const BRIDGE: &str = "qmp.sock";
const ORACLE: &str = "oracle.sock";

fn launch(scratch: &Scratch, arguments: &[&str]) -> Process {
    run(process::program(PROGRAM), scratch, arguments)
}

fn run(mut command: Command, scratch: &Scratch, arguments: &[&str]) -> Process {
    command.args(["-nodefaults", "-no-user-config", "-display", "none"]);
    if !arguments.contains(&"-mon") {
        command.arg("-qmp").arg(listen(&scratch.path(BRIDGE)));
    }
    command.arg("-qmp").arg(listen(&scratch.path(ORACLE))).args(arguments);
    Process::start(scratch, command.current_dir(scratch.dir()))
}

fn listen(socket: &Path) -> String {
    format!("unix:{},server=on,wait=off", socket.display())
}
