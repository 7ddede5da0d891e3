//! How the channel is proved to be ours, and when it no longer is.

use tokio::time::{Duration, Instant};

use crate::endpoint::{
    Count, SURVEY, State, Unknown,
    fault::Fault,
    line::line,
    message::{Id, Reply},
    pending::Entry,
    sync::nonce,
    wire::Wire,
};

use super::{Phase, Qga};

/// How the channel is proved to be ours, and with what if the agent's administrator forbids it.
const WAYS: [&str; 3] = ["guest-sync-delimited", "guest-sync", "guest-ping"];

impl Qga {
    pub(super) fn sync(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Fault> {
        if self.proved {
            wire.count(Count::Resyncs);
        }
        let random = nonce().map_err(|error| Fault::not_connected(format!("no nonce: {error}")))?;
        (self.nonce, self.unanswered) = (random, 0);
        let pause = wire.patience();
        self.phase = Phase::Syncing { way: 0, until: now.checked_add(pause), pause };
        self.say_sync(wire, 0);
        Ok(())
    }

    /// The first byte ends whatever an earlier client left in the agent's parser.
    pub(super) fn say_sync(&mut self, wire: &mut Wire, way: usize) {
        self.unanswered += 1;
        let arguments = format!("{{\"id\":{}}}", self.nonce);
        let arguments = if WAYS[way] == "guest-ping" { String::new() } else { arguments };
        let mut bytes = vec![0xFF];
        bytes.extend(line("execute", WAYS[way], arguments.into_bytes(), Some(self.nonce)));
        wire.say(bytes);
    }

    pub(super) fn in_step(&mut self, wire: &mut Wire, now: Instant) {
        self.phase = Phase::InStep;
        self.missed = false;
        self.proved = true;
        wire.answered(self.due.is_some().then_some(State::Connecting));
        // In order of answers there can be only the caller who asked for the synchronisation.
        if let Some(entry) = wire.answer(None) {
            entry.settle(Ok(b""));
        }
        if self.due.is_some() {
            self.ready_by = now.checked_add(SURVEY);
        }
    }

    /// Agents that forbid a way and echo no ids answer with an error that names nothing.
    pub(super) fn try_next_way(
        &mut self,
        wire: &mut Wire,
        way: usize,
        until: Option<Instant>,
        pause: Duration,
    ) {
        if way + 1 < WAYS.len() && wire.output.is_empty() {
            self.phase = Phase::Syncing { way: way + 1, until, pause };
            self.unanswered = 0;
            self.say_sync(wire, way + 1);
        }
    }

    /// The mark before the answer is not asked for: the number is proof enough, and the decoder
    /// begins anew at a mark wherever it is.
    pub(super) fn is_own(&self, reply: &Reply<'_>) -> bool {
        match (reply.id, &reply.result) {
            (Some(id), _) => id == Id::Number(self.nonce),
            (None, Ok(value)) => *value == self.nonce.to_string().as_bytes(),
            (None, Err(_)) => false,
        }
    }

    /// Takes the entry that a reply with this id answers. What was sent before it will not be
    /// answered any more.
    pub(super) fn named(&mut self, wire: &mut Wire, id: u64) -> Option<Entry> {
        let withheld = wire.output.withheld();
        while let Some(entry) = wire.pending.overtaken(id, withheld) {
            self.missed = true;
            let text = format!("the agent answered what was asked after {}", entry.command);
            entry.fail(Unknown::BadReply, text);
        }
        wire.answer(Some(id))
    }

    /// Whether a reply without an id may answer any of several requests, one that is missed too.
    pub(super) fn may_be_of_several(&self, wire: &Wire) -> bool {
        let waiting = wire.pending.in_order();
        waiting > 1 || waiting > 0 && self.missed
    }

    /// Once nothing is on the wire after an answer was missed: it must not reach another caller.
    pub(super) fn fall_out(&mut self, wire: &mut Wire) {
        if self.missed && wire.pending.in_order() == 0 && matches!(self.phase, Phase::InStep) {
            wire.withdraw();
            self.phase = Phase::OutOfStep;
        }
    }
}
