//! What goes wrong in a soak: one fault a second, chosen by the seed.

use super::{
    caller::{Handle, Office},
    dice::Dice,
    ledger::Endpoint,
    machine::{CALM, CHARACTERS, Machine, Peers, Scripted},
};
use qapi_dbus_tests::{
    agent::Agent,
    bridge::Bridge,
    bus::Bus,
    peer::{self, Answer},
    process::Process,
    qemu::Qemu,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::sleep;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A peer ends at once, and comes back some time later.
    PeerKilled,
    /// A peer neither reads nor writes for some time.
    PeerStalled,
    /// A peer sends what is no message.
    Garbage,
    /// A peer ends in the middle of a line.
    HalfLine,
    /// A peer sends a line above the limit.
    Oversize,
    /// A peer sends few bytes that take many times as much memory.
    NodeBomb,
    /// A peer sends a reply to what was asked long before.
    StaleReply,
    /// A peer sends events, or replies that nobody asked for, as fast as it can.
    Flood,
    /// A peer answers with ids that were never given.
    ForgedId,
    /// A caller ends with calls in flight.
    CallerKilled,
    /// A caller reads nothing for some time.
    CallerFrozen,
    /// The bus stands still.
    BusStopped,
    /// The bridge is asked to read a configuration again.
    Reload,
}

const FAULTS: [(Fault, usize); 13] = [
    (Fault::PeerKilled, 6),
    (Fault::PeerStalled, 4),
    (Fault::Garbage, 4),
    (Fault::HalfLine, 4),
    (Fault::Oversize, 2),
    (Fault::NodeBomb, 2),
    (Fault::StaleReply, 4),
    (Fault::Flood, 3),
    (Fault::ForgedId, 4),
    (Fault::CallerKilled, 6),
    (Fault::CallerFrozen, 4),
    (Fault::BusStopped, 2),
    (Fault::Reload, 1),
];

/// What faults happen to.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    /// The bus.
    pub(crate) bus: &'a Bus,
    /// The bridge.
    pub(crate) bridge: &'a Bridge,
    /// The machines.
    pub(crate) machines: Vec<Machine>,
    /// The callers.
    pub(crate) callers: Vec<Handle>,
    /// What the callers share.
    pub(crate) office: Arc<Office>,
    /// Chooses.
    pub(crate) dice: Dice,
    /// Faults so far.
    pub(crate) faults: BTreeMap<Fault, usize>,
}

impl<'a> Stage<'a> {
    /// One without callers.
    pub(crate) fn new(
        bus: &'a Bus,
        bridge: &'a Bridge,
        machines: Vec<Machine>,
        office: Arc<Office>,
        seed: u64,
    ) -> Self {
        let (callers, faults) = Default::default();
        Self { bus, bridge, machines, callers, office, dice: Dice::new(seed), faults }
    }

    /// Starts callers.
    pub(crate) async fn hire(&mut self, count: usize) {
        for _ in 0..count {
            let caller = self.caller().await;
            self.callers.push(caller);
        }
    }

    /// Makes one fault happen; says which.
    pub(crate) async fn strike(&mut self) -> String {
        let fault = self.dice.weighed(&FAULTS);
        *self.faults.entry(fault).or_default() += 1;
        let place = match fault {
            Fault::CallerKilled => self.replace_caller().await,
            Fault::CallerFrozen => self.freeze_caller(),
            Fault::BusStopped => self.stop_bus().await,
            Fault::Reload => {
                self.bridge.signal(Signal::HUP);
                String::new()
            }
            _ => self.strike_peer(fault).await,
        };
        format!("{fault:?} {place}")
    }

    async fn caller(&mut self) -> Handle {
        let dice = Dice::new(self.dice.below(usize::MAX) as u64);
        Handle::start(self.bus, &self.office, dice).await
    }

    async fn replace_caller(&mut self) -> String {
        let at = self.dice.below(self.callers.len());
        self.callers[at] = self.caller().await;
        format!("{at}")
    }

    fn freeze_caller(&mut self) -> String {
        let at = self.dice.below(self.callers.len());
        let time = self.dice.millis(500..8000);
        self.callers[at].freeze(time);
        format!("{at} for {time:?}")
    }

    async fn stop_bus(&mut self) -> String {
        self.bus.signal(Signal::STOP);
        sleep(Duration::from_millis(300)).await;
        self.bus.signal(Signal::CONT);
        "for 300ms".into()
    }

    async fn strike_peer(&mut self, fault: Fault) -> String {
        let machine = self.dice.below(CHARACTERS.len());
        let machine = if machine == CALM { machine + 1 } else { machine };
        let endpoint = Endpoint { machine, agent: self.dice.below(2) == 0 };
        match &mut self.machines[machine].peers {
            Peers::Real(pair) => {
                let time = self.dice.millis(100..900);
                strike_program(&mut pair.0, &mut pair.1, endpoint.agent, fault, time).await;
            }
            Peers::Scripted(peers) => {
                let scripted = &peers[usize::from(endpoint.agent)];
                Strike { scripted, agent: endpoint.agent, dice: &mut self.dice }.run(fault);
            }
        }
        endpoint.to_string()
    }
}

/// A program stalls or is killed: it cannot be made to lie.
async fn strike_program(
    qemu: &mut Qemu,
    agent: &mut Agent,
    is_agent: bool,
    fault: Fault,
    time: Duration,
) {
    match (fault, is_agent) {
        (Fault::PeerStalled, true) => stall(agent.process(), time).await,
        (Fault::PeerStalled, false) => stall(qemu.process(), time).await,
        (_, true) => agent.restart().await,
        (_, false) => {
            qemu.kill().await;
            qemu.restart(&["-M", "none"]).await;
        }
    }
}

async fn stall(process: &Process, time: Duration) {
    process.signal(Signal::STOP);
    sleep(time).await;
    process.signal(Signal::CONT);
}

/// A fault of a scripted peer.
struct Strike<'a> {
    scripted: &'a Scripted,
    agent: bool,
    dice: &'a mut Dice,
}

impl Strike<'_> {
    fn run(mut self, fault: Fault) {
        let peer = &self.scripted.peer;
        match fault {
            Fault::PeerStalled => peer.stall(self.dice.millis(200..4000)),
            Fault::Garbage => peer.send(garbage(self.dice)),
            Fault::HalfLine => {
                peer.send("{\"return\": {\"half");
                self.restart();
            }
            Fault::Oversize => self.oversize(),
            Fault::NodeBomb => self.instead(nodes()),
            Fault::StaleReply => self.stale(),
            Fault::Flood => peer.send(if self.agent { strays() } else { events() }),
            Fault::ForgedId => peer.send(reply(self.dice.pick(&FORGED))),
            _ => self.restart(),
        }
    }

    fn restart(&mut self) {
        self.scripted.peer.restart(self.dice.millis(0..1500));
    }

    /// Only in the place of an answer: a monitor's replies have no ids, so that one too many would
    /// answer another call, and no client could tell.
    fn instead(&self, bytes: Vec<u8>) {
        *self.scripted.instead.lock().unwrap() = Some(Answer::Raw(bytes));
    }

    fn oversize(&mut self) {
        let text = "x".repeat(if self.agent { 65 << 20 } else { 17 << 20 });
        if self.agent || self.dice.below(2) == 0 {
            self.instead(format!("{{\"return\": \"{text}\"}}\n").into());
        } else {
            self.scripted.peer.event("GUEST_CRASHLOADED", json!({ "info": text }));
        }
    }

    /// A monitor's comes from before a restart, an agent's at any time with an id of before.
    fn stale(&mut self) {
        let peer = &self.scripted.peer;
        if !self.agent {
            self.restart();
            peer.send(reply(""));
        } else if let [first, _, ..] = &peer.all()[..]
            && let Ok(request) = serde_json::from_str::<Value>(first)
        {
            peer.send(reply(&format!(", \"id\": {}", request["id"])));
        }
    }
}

const FORGED: [&str; 5] = [
    ", \"id\": 12345",
    ", \"id\": \"12345\"",
    ", \"id\": 18446744073709551616",
    ", \"id\": -1",
    ", \"id\": {\"id\": [1]}",
];

/// What nobody may be told.
fn reply(id: &str) -> String {
    format!("{{\"return\": {{\"machine\": \"of nobody\"}}{id}}}\r\n")
}

/// Nothing that could be a reply: see [`Strike::instead`].
fn garbage(dice: &mut Dice) -> Vec<u8> {
    let mut line = match dice.below(7) {
        0 => dice.bytes(1024),
        1 => b"<!DOCTYPE html><html><body>502</body></html>".into(),
        2 => b"{\"return\": {\"a\": [1,".into(),
        3 => b"[".repeat(100_000),
        4 => b"{\"no reply\": \"\\ud800\"}}}".into(),
        5 => b"{\"return\": inf}".into(),
        _ => b"\xff\xff\0\0\xc0\x80".into(),
    };
    line.push(b'\n');
    line
}

fn nodes() -> Vec<u8> {
    format!("{{\"return\": [{}0]}}\n", "{\"a\":0},".repeat(100_000)).into()
}

fn events() -> String {
    let names = ["RTC_CHANGE", "DEVICE_DELETED", "NOT_YET_KNOWN", "JOB_STATUS_CHANGE"];
    let event = |at: usize| peer::event(names[at % names.len()], json!({ "id": at, "path": "/x" }));
    (0..FLOOD).map(event).collect()
}

fn strays() -> String {
    (0..FLOOD).map(|at| reply(&format!(", \"id\": {at}"))).collect()
}

const FLOOD: usize = 20_000;
