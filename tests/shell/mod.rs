//! `qapi-dbus` at the shell: what a person types, what is printed, what it ends with.

mod calls;
mod completion;
mod events;
mod guest;
mod prompt;

use qapi_dbus_tests::{
    agent::Agent,
    bridge::{Bridge, connected, program},
    bus::Bus,
    client::{Client, MONITOR_ENDPOINT, Target},
    process,
    qemu::Qemu,
    soon,
};
use std::{ffi::OsString, process::Stdio};
use tokio::process::Command;

/// The machine of these tests.
const VM1: Target =
    Target { name: "org.qemu.Bridge", path: "/org/qemu/vm/vm1", ..MONITOR_ENDPOINT };

/// What a run gave.
#[derive(Debug)]
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// The command of a line, of words without spaces, on this bus.
fn command(bus: &Bus, line: &str) -> Command {
    let mut command = process::program(program());
    command.args(line.split(' ')).env("QAPI_DBUS_BUS", bus.address()).env_remove("QAPI_DBUS_VM");
    command.stdin(Stdio::null());
    command
}

/// Runs a line.
async fn run(bus: &Bus, line: &str) -> Run {
    finish(command(bus, line)).await
}

/// Runs a line that has to succeed; what it prints.
async fn must(bus: &Bus, line: &str) -> String {
    let run = run(bus, line).await;
    assert_eq!(run.code, 0, "{line}: {run:?}");
    run.stdout
}

async fn finish(mut command: Command) -> Run {
    let output = soon("the end of a command", command.kill_on_drop(true).output()).await.unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A real machine `vm1` with a real agent, which is this machine's.
struct World {
    qemu: Qemu,
    agent: Agent,
    _bridge: Bridge,
}

impl World {
    async fn new(bus: &Bus) -> Self {
        let (qemu, agent) = (Qemu::q35().await, Agent::start().await);
        let sockets = [("qmp", qemu.socket()), ("qga", agent.socket())];
        let bridge = serve(bus, "vm1", &sockets).await;
        let client = Client::new(bus).await;
        connected(&client, VM1).await;
        connected(&client, VM1.interface("org.qemu.QgaEndpoint")).await;
        Self { qemu, agent, _bridge: bridge }
    }
}

/// A bridge that serves these sockets as one machine.
async fn serve(bus: &Bus, name: &str, sockets: &[(&str, std::path::PathBuf)]) -> Bridge {
    let sockets: Vec<_> =
        sockets.iter().map(|(kind, path)| format!("{kind}:{}", path.display())).collect();
    let machine = OsString::from(format!("{name}={}", sockets.join(",")));
    Bridge::serve(bus, &["--vm".as_ref(), &machine]).await
}
