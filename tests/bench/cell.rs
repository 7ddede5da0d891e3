//! A cell: somebody does something so many times.

use crate::rig::{BRIDGE, ECHO, FLOOR, Machine, PATH, Rig};
use qapi_dbus_tests::{bridge, process, scratch::Scratch};
use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// A client on the socket.
    Raw,
    /// The same, with `oob` negotiated.
    RawOob,
    /// A service on the bus without any peer.
    Echo,
    /// The bridge in C.
    Floor,
    /// The bridge.
    Bridge,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// `query-status`, or nothing by [`Who::Echo`].
    Status,
    /// `guest-ping`
    Ping,
    /// `query-qmp-schema`: 236 KB.
    Schema,
    /// `guest-file-read` with the longest answer: 16 MiB of text.
    Read,
    /// 16 MiB of a file of the guest: `ReadFile`, or one `guest-file-read`.
    File,
    /// An event on its way to the client.
    Event,
    /// Started, until it owns its name.
    Start,
}

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    pub(crate) who: Who,
    pub(crate) what: What,
    /// Calls in flight.
    pub(crate) flight: usize,
    /// Everybody on one processor.
    pub(crate) pinned: bool,
}

/// What a cell came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Median in microseconds.
    pub(crate) time: f64,
    /// Number in a second.
    pub(crate) rate: f64,
}

/// Bytes of a file whose text fills the longest line that the bridge takes.
const READ: usize = ((16 << 20) - 1024) / 4 * 3;
const FILE: usize = 16 << 20;

impl Cell {
    /// How often it is done in a round.
    pub(crate) fn count(self) -> usize {
        match (self.what, self.flight) {
            (What::Start, _) => 5,
            (What::Read | What::File, _) => 6,
            (What::Schema, _) => 40,
            (What::Event, _) => 2000,
            (_, 1) => 4000,
            _ => 20_000,
        }
    }

    /// Does it.
    pub(crate) async fn run(self, rig: &Rig, count: usize) -> Sample {
        if self.what == What::Start {
            return starts(self.who, rig, count);
        }
        let (program, arguments) = self.command(rig, count);
        let output = process::program(rig.programs.join(program))
            .args(arguments)
            .output()
            .await
            .expect("a program that was compiled");
        let (text, errors) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{self:?}: {errors}");
        let numbers: Vec<f64> = text.split_whitespace().map(|it| it.parse().unwrap()).collect();
        Sample { time: numbers[0], rate: numbers[2] }
    }

    fn command(self, rig: &Rig, count: usize) -> (&'static str, Vec<OsString>) {
        let (flight, count) = (self.flight.to_string(), count.to_string());
        if let Who::Raw | Who::RawOob = self.who {
            let (socket, protocol, request) = self.raw(&rig.raw);
            return ("raw", words(&[&socket, protocol, &request, &flight, &count]));
        }
        let address = &*rig.address;
        let (name, path) = match self.who {
            Who::Echo => (ECHO, "/bench"),
            Who::Floor => (FLOOR, "/bench"),
            _ => (BRIDGE, PATH),
        };
        let (interface, method) = self.method();
        if self.what == What::Event {
            let machine = if self.who == Who::Floor { &rig.theirs } else { &rig.ours };
            let trigger = machine.qemu.oracle_socket().display().to_string();
            return ("bus", words(&["events", address, name, interface, &trigger, &count]));
        }
        let mut arguments = vec!["call", address, name, path, interface, method, &flight, &count];
        let (handle, bytes) = (rig.handle.to_string(), self.bytes().to_string());
        if self.bytes() > 0 {
            arguments.extend([&*handle, &bytes]);
        }
        ("bus", words(&arguments))
    }

    fn raw(self, machine: &Machine) -> (String, &'static str, String) {
        let text = |path: &Path| path.display().to_string();
        let (qmp, qga) = (text(&machine.qemu.socket()), text(&machine.agent.socket()));
        let monitor = if self.who == Who::RawOob { "oob" } else { "qmp" };
        match self.what {
            What::Ping => (qga, "qga", r#"{"execute":"guest-ping"}"#.into()),
            What::Read | What::File => {
                let arguments = format!(r#"{{"handle":@,"count":{}}}"#, self.bytes());
                let request = format!(r#"{{"execute":"guest-file-read","arguments":{arguments}}}"#);
                (qga, "qga", request)
            }
            What::Schema => (qmp, monitor, r#"{"execute":"query-qmp-schema"}"#.into()),
            _ => (qmp, monitor, r#"{"execute":"query-status"}"#.into()),
        }
    }

    /// Of a file that is read.
    fn bytes(self) -> usize {
        match self.what {
            What::Read => READ,
            What::File => FILE,
            _ => 0,
        }
    }

    fn method(self) -> (&'static str, &'static str) {
        let (interface, method) = match self.what {
            What::Ping => ("org.qemu.QgaQapi", "GuestPing"),
            What::Read => ("org.qemu.QgaQapi", "GuestFileRead"),
            What::File => ("org.qemu.QgaEndpoint", "ReadFile"),
            What::Schema => ("org.qemu.QmpQapi", "QueryQmpSchema"),
            _ => ("org.qemu.QmpQapi", "QueryStatus"),
        };
        match self.who {
            Who::Echo => ("org.qemu.Bench", "Ping"),
            Who::Floor => ("org.qemu.Bench", method),
            _ => (interface, method),
        }
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// Starts it anew each time, for the machine that nobody has.
fn starts(who: Who, rig: &Rig, count: usize) -> Sample {
    const NAME: &str = "org.qemu.bench.Start";
    let mut times: Vec<f64> = (0..count)
        .map(|_| {
            let mut command = if who == Who::Floor {
                let mut command = Command::new(rig.programs.join("bridge"));
                command.args([&rig.address, NAME]);
                command.args([rig.raw.qemu.socket(), rig.raw.agent.socket()]);
                command
            } else {
                let mut command = Command::new(bridge::program());
                command.args(["serve", "--address", &rig.address, "--name", NAME, "--vm"]);
                command.arg(rig.raw.option()).envs(unit_environment());
                command
            };
            time_to_ready(&mut command)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let time = times[times.len() / 2];
    Sample { time, rate: 1e6 / time }
}

/// What the unit gives the program, name and value.
fn unit_environment() -> impl Iterator<Item = (&'static str, &'static str)> {
    let unit = include_str!("../../dbus-policy/systemd/system/qapi-dbus.service");
    let lines = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    lines.flat_map(str::split_whitespace).filter_map(|variable| variable.split_once('='))
}

/// Not by a wrapper, which would count as well.
fn time_to_ready(command: &mut Command) -> f64 {
    let scratch = Scratch::new();
    let log = std::fs::File::create(scratch.path("log")).unwrap();
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    let read = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
    let time = start.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    let log = std::fs::read_to_string(scratch.path("log")).unwrap();
    assert!(read.is_ok() && line.contains("ready"), "{command:?}: {line}{log}");
    time.as_secs_f64() * 1e6
}
