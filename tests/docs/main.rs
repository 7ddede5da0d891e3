//! Runs every example of the reference: on a private bus, through the bridge, against peers that
//! answer what the page says may be answered, and whose received lines are compared with the page.
//! `tests/docs/run` takes the examples from the pages and compiles those in Rust.

mod monitors;

use anyhow::{Context, Result, ensure};
use monitors::Monitor;
use qapi_dbus_tests::{
    bridge::{Bridge, connected},
    bus::Bus,
    client::{AGENT_ENDPOINT, Client, MONITOR_ENDPOINT},
    peer::{Answer, Peer},
};
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    env, fs,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{process::Command, time};

/// The bridge synchronises the channel with numbers of its own.
const TRANSLATED: &[&str] = &["guest-sync", "guest-sync-delimited"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("docs: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many examples failed.
async fn run() -> Result<usize> {
    let words: Vec<_> = env::args().skip(1).collect();
    let [examples, python, rust] = words.as_slice() else {
        anyhow::bail!("usage: docs EXAMPLES.json PYTHON RUST, see tests/docs/run");
    };
    let pages: Value = serde_json::from_str(&fs::read_to_string(examples)?)?;
    let world = World::start(&pages).await?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/call.py");
    let mut failed = 0;
    let told = world.shell().await?;
    failed += world.judge("busctl", "command", &told, false)?;
    let told = world.monitors().await?;
    failed += world.judge("busctl", "event", &told, false)?;
    for (language, program) in [("Python", vec![python, script, examples]), ("Rust", vec![rust])] {
        for kind in ["command", "event"] {
            let told = world.program(&program, kind).await?;
            failed += world.judge(language, kind, &told, true)?;
        }
    }
    Ok(failed)
}

/// A bus, a bridge of the default names, and its peers.
struct World<'a> {
    pages: &'a Value,
    monitor: Peer,
    agent: Peer,
    _bridge: Bridge,
    bus: Bus,
}

/// What each example gave, or how it failed.
type Told = HashMap<String, Result<Value, String>>;

impl<'a> World<'a> {
    async fn start(pages: &'a Value) -> Result<Self> {
        let bus = Bus::daemon().await;
        let mut answers = HashMap::new();
        for page in list(pages, "command") {
            answers
                .insert(text(page, "name").to_owned(), json_of(page, "answer")?["return"].take());
        }
        // The bridge gets to know its peers as any others.
        let begun = Arc::new(AtomicBool::new(false));
        let script = {
            let (begun, answers) = (Arc::clone(&begun), Arc::new(answers));
            move |command: &str, _: &Value| {
                let own = !begun.load(Ordering::Relaxed) || TRANSLATED.contains(&command);
                (!own).then(|| answers.get(command).cloned().map(Answer::Return)).flatten()
            }
        };
        let (monitor, agent) = (Peer::monitor(script.clone()), Peer::agent(script));
        let (qmp, qga) = (monitor.socket(), agent.socket());
        let options = ["--qmp".as_ref(), qmp.as_os_str(), "--qga".as_ref(), qga.as_os_str()];
        let bridge = Bridge::serve(&bus, &options).await;
        let client = Client::new(&bus).await;
        connected(&client, MONITOR_ENDPOINT).await;
        connected(&client, AGENT_ENDPOINT).await;
        begun.store(true, Ordering::Relaxed);
        Ok(Self { pages, monitor, agent, _bridge: bridge, bus })
    }

    /// Each command line as it stands.
    async fn shell(&self) -> Result<Told> {
        let mut told = Told::new();
        for page in list(self.pages, "command") {
            let Some(line) = page["busctl"].as_str() else { continue };
            let output = self.command("sh").args(["-c", line]).output().await?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let outcome = if output.status.success() { Ok(Value::Null) } else { Err(said) };
            told.insert(text(page, "name").to_owned(), outcome);
        }
        Ok(told)
    }

    /// All command lines that show events, side by side, while the events come.
    async fn monitors(&self) -> Result<Told> {
        let mut running = Vec::new();
        for page in list(self.pages, "event") {
            let mut shell = self.command("sh");
            running.push(Monitor::start(text(page, "name"), text(page, "monitor"), &mut shell)?);
        }
        let hear = async {
            let mut told = Told::new();
            for monitor in &mut running {
                let shown = monitor.shown().await.map(Value::from);
                told.insert(monitor.event.clone(), shown.ok_or_else(|| "it showed nothing".into()));
            }
            told
        };
        self.while_told(hear).await
    }

    /// Tells all events again and again until something is done.
    async fn while_told<T>(&self, done: impl Future<Output = T>) -> Result<T> {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                value = &mut done => return Ok(value),
                () = time::sleep(Duration::from_millis(300)) => self.tell()?,
            }
        }
    }

    /// A program that runs all examples of a kind; the events come all the while.
    async fn program(&self, words: &[&(impl AsRef<str> + ?Sized)], kind: &str) -> Result<Told> {
        let (program, arguments) = words.split_first().context("a program")?;
        let mut command = self.command(program.as_ref());
        command.args(arguments.iter().map(|word| word.as_ref())).arg(kind);
        let running = time::timeout(Duration::from_secs(300), command.output());
        let output =
            if kind == "event" { self.while_told(running).await? } else { running.await }??;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {said}", program.as_ref());
        let mut told = Told::new();
        for line in String::from_utf8(output.stdout)?.lines() {
            let [name, value, error]: [Value; 3] = serde_json::from_str(line)?;
            let outcome = error.as_str().map_or(Ok(value), |error| Err(error.into()));
            told.insert(name.as_str().unwrap_or_default().into(), outcome);
        }
        Ok(told)
    }

    /// All events, once.
    fn tell(&self) -> Result<()> {
        for page in list(self.pages, "event") {
            self.monitor.event(text(page, "name"), json_of(page, "told")?["data"].take());
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DBUS_SESSION_BUS_ADDRESS", self.bus.address()).kill_on_drop(true);
        command
    }

    /// Says what failed, and how many; then the lines so far are forgotten.
    fn judge(&self, way: &str, kind: &str, told: &Told, returns: bool) -> Result<usize> {
        let (mut passed, mut failed) = (0, 0);
        for page in list(self.pages, kind) {
            if way == "busctl" && kind == "command" && page["busctl"].is_null() {
                continue;
            }
            let name = text(page, "name");
            match self.verdict(page, kind, told.get(name), returns) {
                Ok(()) => passed += 1,
                Err(error) => {
                    failed += 1;
                    println!("{way}: {name}: {error:#}");
                }
            }
        }
        println!("{way}: {passed} {kind}s as their pages say, {failed} not");
        ensure!(passed > 0, "{way}: no example was run");
        self.monitor.forget();
        self.agent.forget();
        Ok(failed)
    }

    fn verdict(
        &self,
        page: &Value,
        kind: &str,
        told: Option<&Result<Value, String>>,
        returns: bool,
    ) -> Result<()> {
        let value =
            told.context("it was not run")?.as_ref().map_err(|it| anyhow::anyhow!("{it}"))?;
        if kind == "event" {
            if !returns {
                let expected = format!("member='{}'", value.as_str().unwrap_or_default());
                ensure!(text(page, "monitor").contains(&expected), "it showed {value}");
                return Ok(());
            }
            let data = json_of(page, "told")?["data"].take();
            ensure!(*value == data, "it told {value}, not {data}");
            return Ok(());
        }
        let result = json_of(page, "answer")?["return"].take();
        let name = text(page, "name");
        if TRANSLATED.contains(&name) {
            return Ok(());
        }
        ensure!(!returns || *value == result, "it returned {value}, not {result}");
        let peer = if page["schema"] == "qga" { &self.agent } else { &self.monitor };
        let sent = json_of(page, "sent")?;
        let lines = peer.lines(name);
        ensure!(!lines.is_empty(), "nothing reached the peer");
        for line in lines {
            let line: Value = serde_json::from_str(&line)?;
            ensure!(line["execute"] == sent["execute"], "the peer received {line}");
            let (had, expected) = (arguments(&line), arguments(&sent));
            ensure!(had == expected, "the peer received {line}");
        }
        Ok(())
    }
}

fn list<'a>(pages: &'a Value, kind: &str) -> &'a [Value] {
    pages[kind].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(page: &'a Value, key: &str) -> &'a str {
    page[key].as_str().unwrap_or_default()
}

fn json_of(page: &Value, key: &str) -> Result<Value> {
    serde_json::from_str(text(page, key)).with_context(|| format!("{}: {key}", page["name"]))
}

fn arguments(request: &Value) -> Value {
    request.get("arguments").cloned().unwrap_or(json!(Map::new()))
}
