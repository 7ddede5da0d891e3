//! What the clients run against.

use crate::{
    clients::{CLIENTS, Client as Candidate},
    column::{Column, Lines, World},
    notes,
};
use qapi_dbus_tests::{
    agent::Agent,
    bridge::{Bridge, connected},
    bus::Bus,
    client::{AGENT_ENDPOINT, Client, MONITOR_ENDPOINT},
    monitor::Monitor,
    process,
    qemu::Qemu,
    target_dir, until,
};
use serde_json::json;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::process::Command;

/// What one client can do.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: &'static str,
    verdicts: Vec<Result<(), String>>,
    /// What it said on standard error.
    complaint: String,
}

impl Row {
    /// Each cell and whether it is green.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (Column, bool)> {
        Column::ALL.into_iter().zip(self.verdicts.iter().map(Result::is_ok))
    }

    /// What is not as its notes say.
    pub(crate) fn unexpected(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (column, verdict) in Column::ALL.into_iter().zip(&self.verdicts) {
            let red = notes::note(self.name, column).is_some_and(|note| note.red);
            let place = format!("{}, {}", self.name, column.heading());
            match verdict {
                Ok(()) if red => lines.push(format!("{place}: works, against its note")),
                Err(why) if !red => lines.push(format!("{place}: {why}")),
                _ => {}
            }
        }
        if !lines.is_empty() && !self.complaint.is_empty() {
            lines.push(format!("{} says:\n{}", self.name, self.complaint));
        }
        lines
    }
}

/// A bus with the bridge of a machine and of an agent.
#[derive(Debug)]
pub(crate) struct Rig {
    oracle: Monitor,
    client: Client,
    members: (usize, usize),
    _bridge: Bridge,
    agent: Agent,
    _qemu: Qemu,
    bus: Bus,
}

impl Rig {
    /// Starts everything.
    pub(crate) async fn start() -> Self {
        let bus = Bus::daemon().await;
        let (qemu, agent) = (Qemu::none().await, Agent::start().await);
        let (qmp, qga) = (qemu.socket(), agent.socket());
        let sockets = [OsStr::new("--qmp"), qmp.as_os_str(), OsStr::new("--qga"), qga.as_os_str()];
        let bridge = Bridge::serve(&bus, &sockets).await;
        let client = Client::new(&bus).await;
        connected(&client, MONITOR_ENDPOINT).await;
        connected(&client, AGENT_ENDPOINT).await;
        let oracle = qemu.oracle().await;
        Self { oracle, client, members: declared(), _bridge: bridge, agent, _qemu: qemu, bus }
    }

    /// Builds what is generated, side by side. What fails fails again, and is told, in its row.
    pub(crate) async fn prepare(&self) {
        let targets = CLIENTS.iter().filter_map(|client| client.target);
        output(make().args(["--jobs=2", "--keep-going"]).args(targets)).await;
    }

    /// Runs one client.
    pub(crate) async fn run(&mut self, candidate: &Candidate) -> Row {
        if let Some(target) = candidate.target {
            let built = output(make().arg(target)).await;
            if !built.status.success() {
                return row(candidate, |_| Err("it does not build".to_owned()), &built);
            }
        }
        self.resume().await;
        let (file, node) = (self.agent.path(&candidate.key()), candidate.key());
        let start = now();
        let done = output(&mut self.command(candidate, &file)).await;
        let world = World {
            members: self.members,
            file: file.exists(),
            node: self.node_size(&node).await,
            run_state: self.run_state().await,
            time: start..=now(),
        };
        let said = String::from_utf8_lossy(&done.stdout);
        let said: Lines<'_> = said.lines().filter_map(|line| line.split_once(' ')).collect();
        row(candidate, |column| column.judge(&said, &world), &done)
    }

    fn command(&self, candidate: &Candidate, file: &Path) -> Command {
        let mut words = candidate.command.split(' ').map(place);
        let mut command = process::program(words.next().unwrap_or_default());
        command
            .args(words)
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus.address())
            .env("FILE", file)
            .env("NODE", candidate.key());
        command
    }

    /// Lets the machine run, and waits until the bridge knows.
    async fn resume(&mut self) {
        self.oracle.execute("cont", json!({})).await.expect("the machine can run");
        let runs = async || {
            let state = self.client.property(MONITOR_ENDPOINT, "RunState").await.ok()?;
            (state == "running").then_some(())
        };
        until("a machine that runs", runs).await;
    }

    async fn run_state(&mut self) -> String {
        let status = self.oracle.execute("query-status", json!({})).await.expect("a status");
        status["status"].as_str().unwrap_or_default().to_owned()
    }

    async fn node_size(&mut self, name: &str) -> Option<u64> {
        let nodes = self.oracle.execute("query-named-block-nodes", json!({ "flat": true })).await;
        let nodes = nodes.expect("the nodes");
        let node = nodes.as_array()?.iter().find(|node| node["node-name"] == name)?;
        node["image"]["virtual-size"].as_u64()
    }
}

impl Candidate {
    /// Its name without what a file or node name may not have.
    fn key(&self) -> String {
        let mut key = self.name.to_lowercase();
        key.retain(|letter| letter.is_ascii_alphanumeric());
        key
    }
}

fn row(
    candidate: &Candidate,
    judge: impl FnMut(Column) -> Result<(), String>,
    output: &Output,
) -> Row {
    let complaint = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = complaint.lines().collect();
    let last = &lines[lines.len().saturating_sub(COMPLAINT_LINES)..];
    let verdicts = Column::ALL.map(judge).into();
    Row { name: candidate.name, verdicts, complaint: last.join("\n") }
}

const COMPLAINT_LINES: usize = 15;

fn make() -> Command {
    let build = place("{build}");
    fs::create_dir_all(&build).expect("a directory to build in");
    let mut command = process::program("make");
    command.args(["--silent", "--file"]).arg(source().join("Makefile")).current_dir(build);
    for variable in ["introspection", "rows", "tools"] {
        command.arg(format!("{variable}={}", place(&format!("{{{variable}}}"))));
    }
    command
}

/// Runs a command to its end.
async fn output(command: &mut Command) -> Output {
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let done = tokio::time::timeout(PATIENCE, done).await;
    done.expect("a client or compiler ends").expect("setpriv runs")
}

/// Compilers take their time on a busy machine; a client itself waits no longer than 10 seconds.
const PATIENCE: Duration = Duration::from_secs(300);

/// A word of a command, the directories in it replaced.
fn place(word: &str) -> String {
    let tools = target_dir().join("clients");
    let places = [
        ("{rows}", source().join("rows")),
        ("{introspection}", introspection()),
        ("{build}", tools.join("build")),
        ("{tools}", tools),
    ];
    let replace = |word: String, (name, path): &(&str, PathBuf)| {
        word.replace(name, &path.display().to_string())
    };
    places.iter().fold(word.to_owned(), replace)
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

fn introspection() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../introspection")
}

/// How many methods and signals the interface file of the monitor has.
fn declared() -> (usize, usize) {
    let file = fs::File::open(introspection().join("org.qemu.QmpQapi.xml")).expect("the file");
    let node = zbus_xml::Node::from_reader(file).expect("introspection data");
    let interface = &node.interfaces()[0];
    (interface.methods().count(), interface.signals().count())
}

fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}
