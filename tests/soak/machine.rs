//! The machines of a soak: scripted ones of mixed character, and a real one.

use super::{
    ledger::{Endpoint, Ledger},
    theatre::Theatre,
};
use qapi_dbus_tests::{
    agent::Agent,
    peer::{self, Answer, Peer},
    qemu::Qemu,
};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinHandle;

/// How a machine behaves while nothing is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Character {
    /// QEMU without machine, and qemu-ga.
    Real,
    /// Quick, and spared of faults: what happens to others must not reach it.
    Calm,
    /// Answers at once.
    Quick,
    /// Takes its time for every answer.
    Slow,
    /// Sends events all the time.
    Chatty,
}

/// The machines, by number.
pub(crate) const CHARACTERS: [Character; 8] = [
    Character::Real,
    Character::Calm,
    Character::Quick,
    Character::Slow,
    Character::Chatty,
    Character::Quick,
    Character::Chatty,
    Character::Slow,
];

/// Their objects.
pub(crate) const PATHS: [&str; 8] = [
    "/org/qemu/vm/vm0",
    "/org/qemu/vm/vm1",
    "/org/qemu/vm/vm2",
    "/org/qemu/vm/vm3",
    "/org/qemu/vm/vm4",
    "/org/qemu/vm/vm5",
    "/org/qemu/vm/vm6",
    "/org/qemu/vm/vm7",
];

/// The one that no fault is meant for.
pub(crate) const CALM: usize = 1;

/// One machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Its number.
    pub(crate) number: usize,
    /// Its peers.
    pub(crate) peers: Peers,
}

/// What answers on a machine's two sockets.
#[derive(Debug)]
pub(crate) enum Peers {
    /// Programs.
    Real(Box<(Qemu, Agent)>),
    /// Scripts: monitor, agent.
    Scripted([Scripted; 2]),
}

/// A scripted peer.
#[derive(Debug)]
pub(crate) struct Scripted {
    /// The peer.
    pub(crate) peer: Arc<Peer>,
    /// What the next tagged call is answered with, in the place of the right answer.
    pub(crate) instead: Arc<Mutex<Option<Answer>>>,
    chatter: Option<JoinHandle<()>>,
}

impl Machine {
    /// Starts one.
    pub(crate) async fn start(number: usize, theatre: &Theatre, ledger: &Arc<Ledger>) -> Self {
        let peers = match CHARACTERS[number] {
            Character::Real => {
                let pair = (Qemu::none().await, Agent::start().await);
                Peers::Real(Box::new(pair))
            }
            _ => Peers::Scripted([false, true].map(|agent| {
                let endpoint = Endpoint { machine: number, agent };
                theatre.host(|| Scripted::start(endpoint, ledger))
            })),
        };
        Self { number, peers }
    }

    /// What tells the bridge of it.
    pub(crate) fn option(&self) -> OsString {
        let [qmp, qga] = self.sockets().map(|socket| socket.to_string_lossy().into_owned());
        format!("vm{}=qmp:{qmp},qga:{qga}", self.number).into()
    }

    /// Its monitor's and its agent's socket.
    pub(crate) fn sockets(&self) -> [PathBuf; 2] {
        match &self.peers {
            Peers::Real(pair) => [pair.0.socket(), pair.1.socket()],
            Peers::Scripted(scripted) => [0, 1].map(|at| scripted[at].peer.socket()),
        }
    }

    /// Sends as many events as a bridge keeps, so that what it keeps grows no more.
    pub(crate) fn fill(&self) {
        if let Peers::Scripted([monitor, _]) = &self.peers {
            let data = |at| json!({ "device": tag(at), "path": "/machine/x" });
            (0..KEPT).for_each(|at| monitor.peer.event("DEVICE_DELETED", data(at)));
        }
    }

    /// Forgets what its peers were sent.
    pub(crate) fn forget(&self) {
        if let Peers::Scripted(scripted) = &self.peers {
            scripted.iter().for_each(|it| it.peer.forget());
        }
    }
}

/// Events that a bridge keeps of each machine.
const KEPT: usize = 1024;

/// The text by which a call is known to its peer.
pub(crate) fn tag(number: usize) -> String {
    format!("tag{number:010}")
}

/// Bytes of a large answer.
pub(crate) const LARGE: usize = 1 << 20;

impl Scripted {
    fn start(endpoint: Endpoint, ledger: &Arc<Ledger>) -> Self {
        let instead = Arc::default();
        let script = script(endpoint, Arc::clone(ledger), Arc::clone(&instead));
        let peer = if endpoint.agent { Peer::agent(script) } else { Peer::monitor(script) };
        ledger.follow(endpoint, peer.restarts());
        let peer = Arc::new(peer);
        let chatty = CHARACTERS[endpoint.machine] == Character::Chatty && !endpoint.agent;
        let chatter = chatty.then(|| tokio::spawn(chat(Arc::clone(&peer))));
        Self { peer, instead, chatter }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if let Some(chatter) = &self.chatter {
            chatter.abort();
        }
    }
}

type Instead = Arc<Mutex<Option<Answer>>>;

fn script(
    endpoint: Endpoint,
    ledger: Arc<Ledger>,
    instead: Instead,
) -> impl Fn(&str, &Value) -> Option<Answer> + Send + 'static {
    let name = format!("vm{}", endpoint.machine);
    let slow = CHARACTERS[endpoint.machine] == Character::Slow;
    move |command, arguments| {
        let number = tagged(arguments);
        if let Some(number) = number {
            ledger.arrived(endpoint, number);
            if let Some(answer) = instead.lock().unwrap().take() {
                return Some(answer);
            }
        }
        let answer = answer(&name, command, arguments, number)?;
        Some(if slow { Answer::Late(SLOWNESS, Box::new(answer)) } else { answer })
    }
}

const SLOWNESS: Duration = Duration::from_millis(5);

/// The number of the call that the arguments tell.
fn tagged(arguments: &Value) -> Option<usize> {
    if let Some(handle) = arguments["handle"].as_u64() {
        return Some(handle as usize);
    }
    let texts = ["path", "id"].map(|name| arguments[name].as_str());
    let digits = texts.into_iter().flatten().find_map(|text| text.split("tag").nth(1))?;
    digits.parse().ok()
}

fn answer(name: &str, command: &str, arguments: &Value, number: Option<usize>) -> Option<Answer> {
    let tag = number.map(tag);
    Some(Answer::Return(match command {
        "query-status" => json!({ "status": "running", "running": true, "machine": name }),
        "qom-get" if arguments["property"] == "large" => large(&tag?).into(),
        "qom-get" => json!({ "tag": tag?, "machine": name }),
        "qom-set" => json!({}),
        "guest-file-open" => number?.into(),
        "guest-file-read" => json!({ "count": LARGE, "buf-b64": large(&tag?), "eof": false }),
        "device_del" => return Some(deleted(&tag?)),
        _ => return None,
    }))
}

fn large(tag: &str) -> String {
    format!("{tag}{}{tag}", "x".repeat(LARGE))
}

/// The answer, and the event that tells that it is done.
fn deleted(tag: &str) -> Answer {
    let event = peer::event("DEVICE_DELETED", json!({ "device": tag, "path": "/machine/x" }));
    Answer::Raw(format!("{{\"return\": {{}}}}\r\n{event}").into())
}

/// Some hundred events a second, known and unknown ones, small and large ones.
async fn chat(peer: Arc<Peer>) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    for round in 0_u64.. {
        tick.tick().await;
        let large = if round % 25 == 0 { "x".repeat(16 << 10) } else { String::new() };
        peer.event("RTC_CHANGE", json!({ "offset": round, "qom-path": "/machine/rtc" }));
        peer.event("BALLOON_CHANGE", json!({ "actual": round }));
        peer.event("DEVICE_DELETED", json!({ "path": format!("/machine/{round}{large}") }));
        peer.event("NOT_YET_KNOWN", json!({ "round": round, "more": large }));
        if round % 50 == 0 {
            peer.event("STOP", json!({}));
            peer.event("RESUME", json!({}));
        }
    }
}
