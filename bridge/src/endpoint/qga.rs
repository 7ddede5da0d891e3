//! The agent's dialect: synchronisation by nonce, one request at a time, ids.

mod freeze;
mod info;

use tokio::time::{Duration, Instant};

use super::{
    Count, State, Unknown,
    codec::{Bound, Excess, Frame},
    fault::Fault,
    inbox::{Inbox, Job},
    line::line,
    message::{Id, Message, Reply, outer_id},
    offered,
    pending::Question,
    sync::nonce,
    wire::{Dialect, Wire},
};

/// Longest pause before an absent agent is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How the channel is proved to be ours, and with what if the agent's administrator forbids it.
const WAYS: [&str; 3] = ["guest-sync-delimited", "guest-sync", "guest-ping"];

/// A session with an agent.
#[derive(Debug)]
pub(super) struct Qga {
    phase: Phase,
    /// The id of the synchronisation: what comes before its reply is of earlier requests.
    nonce: u64,
    /// Synchronisations with this number that are not answered. The byte that begins each may
    /// provoke an error that names nothing, and comes before the answer.
    unanswered: usize,
    /// Of the last request.
    id: u64,
    /// The channel was in step once since it was opened.
    proved: bool,
    /// The agent echoes ids: a success without one is nobody's. Old ones do not.
    echoes: bool,
    /// What the bridge asks next.
    due: Option<Question>,
    /// When the agent counts as ready even if it did not say what it is.
    ready_by: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    Syncing {
        way: usize,
        until: Option<Instant>,
        pause: Duration,
    },
    /// The next reply answers the next request.
    InStep,
    /// An answer is missed: it must not reach another caller.
    OutOfStep,
}

impl Qga {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::OutOfStep,
            nonce: 0,
            unanswered: 0,
            id: 0,
            proved: false,
            echoes: false,
            due: Some(Question::AgentInfo),
            ready_by: None,
        }
    }

    fn sync(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Fault> {
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
    fn say_sync(&mut self, wire: &mut Wire, way: usize) {
        self.unanswered += 1;
        let arguments = format!("{{\"id\":{}}}", self.nonce);
        let arguments = if WAYS[way] == "guest-ping" { String::new() } else { arguments };
        let mut bytes = vec![0xFF];
        bytes.extend(line("execute", WAYS[way], arguments.into_bytes(), Some(self.nonce)));
        wire.say(bytes);
    }

    fn in_step(&mut self, wire: &mut Wire, now: Instant) {
        self.phase = Phase::InStep;
        self.proved = true;
        wire.answered(self.due.is_some().then_some(State::Connecting));
        // In order of answers there can be only the caller who asked for the synchronisation.
        if let Some(entry) = wire.answer(None) {
            entry.settle(Ok(b""));
        }
        if self.due.is_some() {
            self.ready_by = now.checked_add(super::SURVEY);
        }
    }

    fn ready(&mut self, wire: &mut Wire) {
        self.ready_by = None;
        wire.ready();
    }

    fn reply(&mut self, wire: &mut Wire, reply: Reply<'_>, now: Instant) {
        let ours = self.is_own(&reply);
        if let Some(Id::Number(id)) = reply.id
            && let Some(entry) = wire.answer_aside(id)
        {
            return entry.settle(reply.result);
        }
        self.unanswered -= usize::from(ours && self.unanswered > 0);
        match self.phase {
            // An error with our id proves the channel as well as a value does.
            Phase::Syncing { .. } if ours => {
                self.echoes = reply.id.is_some();
                self.in_step(wire, now);
            }
            Phase::Syncing { way, until, pause } => match reply.result {
                Err(error) if reply.id.is_none() && error.class == "CommandNotFound" => {
                    self.try_next_way(wire, way, until, pause);
                }
                _ => wire.count(Count::Unsolicited),
            },
            Phase::InStep if !ours => self.answer(wire, reply),
            Phase::InStep | Phase::OutOfStep => wire.count(Count::Unsolicited),
        }
    }

    /// Agents that forbid a way and echo no ids answer with an error that names nothing.
    fn try_next_way(
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
    fn is_own(&self, reply: &Reply<'_>) -> bool {
        match (reply.id, &reply.result) {
            (Some(id), _) => id == Id::Number(self.nonce),
            (None, Ok(value)) => *value == self.nonce.to_string().as_bytes(),
            (None, Err(_)) => false,
        }
    }

    fn answer(&mut self, wire: &mut Wire, reply: Reply<'_>) {
        let entry = match reply.id {
            Some(Id::Number(id)) => wire.answer(Some(id)),
            Some(Id::Foreign) => None,
            None if self.echoes && reply.result.is_ok() => None,
            None if self.unanswered > 0 && reply.result.is_err() => None,
            None if wire.pending.in_order() > 0 => wire.answer(None),
            None if reply.result.is_err() => wire.oldest_aside(),
            None => None,
        };
        match entry {
            None => wire.count(Count::Unsolicited),
            Some(entry) => {
                self.unanswered = 0;
                let frozen = reply.result.as_ref().ok();
                let frozen = frozen.and_then(|value| freeze::told(&entry.command, value));
                let changes = frozen.is_some_and(|frozen| wire.freeze(frozen));
                match entry.question() {
                    Some(question) => {
                        self.learn(wire, question, reply.result.unwrap_or_default());
                    }
                    None => {
                        if changes {
                            self.due = Some(Question::AgentInfo);
                        }
                        entry.settle(reply.result);
                    }
                }
            }
        }
    }

    /// Takes what the agent says of itself; no text if it does not say.
    fn learn(&mut self, wire: &mut Wire, question: Question, text: &[u8]) {
        if question == Question::Frozen {
            return self.ready(wire);
        }
        if let Some((version, commands)) = info::read(text) {
            let tells = commands.iter().any(|name| name == Question::Frozen.command());
            self.due = tells.then_some(Question::Frozen);
            let (version, commands) = (version.into(), offered(commands));
            wire.change(|status| (status.version, status.commands) = (version, commands));
        }
        if self.due.is_none() {
            self.ready(wire);
        }
    }

    /// A reply is lost that the request on the wire may have waited for.
    fn garbage(&mut self, wire: &mut Wire, why: &str, now: Instant) {
        wire.count(Count::Garbage);
        wire.breach(now);
        if !matches!(self.phase, Phase::InStep) {
            return;
        }
        if let Some(entry) = wire.answer(None) {
            self.phase = Phase::OutOfStep;
            wire.withdraw();
            match entry.question() {
                Some(_) => self.ready(wire),
                None => entry.fail(
                    Unknown::BadReply,
                    format!("the agent sent text that is no message: {why}"),
                ),
            }
        }
    }

    fn too_large(&mut self, wire: &mut Wire, text: &[u8], excess: Excess) {
        let entry = match self.phase {
            // Not all agents echo ids.
            Phase::InStep if excess != Excess::Unawaited => wire.answer(outer_id(text)),
            _ => None,
        };
        match entry {
            None => wire.count(Count::Unsolicited),
            Some(entry) if entry.question().is_some() => self.ready(wire),
            Some(entry) => entry.too_large(&wire.limits, excess),
        }
    }

    fn send_next(&mut self, wire: &mut Wire, inbox: &Inbox, now: Instant) -> Result<(), Fault> {
        if let Some(question) = self.due.take() {
            self.id += 1;
            wire.ask(question, Some(self.id), now, Some(wire.patience()));
            return Ok(());
        }
        match inbox.take_front(|_| true) {
            Some(job) if job.sync.is_some() => {
                wire.send(job, None, Vec::new());
                return self.sync(wire, now);
            }
            Some(job) => self.send(wire, job),
            None => {}
        }
        Ok(())
    }

    fn send(&mut self, wire: &mut Wire, mut job: Job) {
        self.id += 1;
        if freeze::may_follow(&job.request.command) {
            self.due = Some(Question::AgentInfo);
        }
        let arguments = std::mem::take(&mut job.request.arguments);
        let text = line("execute", &job.request.command, arguments, Some(self.id));
        if job.request.replies {
            wire.send(job, Some(self.id), text);
        } else {
            wire.send_aside(job, self.id, text);
        }
    }
}

impl Dialect for Qga {
    fn open(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Fault> {
        self.sync(wire, now)?;
        self.id = self.nonce >> 20;
        Ok(())
    }

    /// Only who waits for an answer needs it: a guest cannot make the bridge keep anything else.
    fn longest(&self, wire: &Wire) -> Bound {
        if matches!(self.phase, Phase::InStep) && wire.pending.in_order() > 0 {
            Bound { bytes: wire.limits.message, beyond: Excess::Limit }
        } else {
            Bound { bytes: wire.limits.greeting, beyond: Excess::Unawaited }
        }
    }

    fn refuses_excess(&self) -> bool {
        false
    }

    fn receive(&mut self, wire: &mut Wire, frame: Frame<'_>, now: Instant) -> Result<(), Fault> {
        match frame {
            Frame::Mark => {}
            Frame::Garbage => self.garbage(wire, "it is no JSON object", now),
            Frame::TooLarge(text, excess) => self.too_large(wire, text, excess),
            Frame::Message(text) => match Message::parse(text) {
                Ok(Message::Reply(reply)) => self.reply(wire, reply, now),
                Ok(Message::Greeting { .. }) => {
                    return Err(Fault::not_connected(
                        "a greeting: this is a monitor, not an agent",
                    ));
                }
                Ok(Message::Event { .. }) => wire.count(Count::Unsolicited),
                Err(why) => self.garbage(wire, why, now),
            },
        }
        Ok(())
    }

    fn feed(&mut self, wire: &mut Wire, inbox: &Inbox, now: Instant) -> Result<(), Fault> {
        match self.phase {
            _ if wire.guest.hindrance().is_some() => Ok(()),
            Phase::OutOfStep if !inbox.is_empty() || self.due.is_some() => self.sync(wire, now),
            Phase::InStep if wire.pending.in_order() == 0 => self.send_next(wire, inbox, now),
            _ => Ok(()),
        }
    }

    fn expire(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Fault> {
        let missed = wire.expire(now);
        wire.pending.forget_told();
        // What is missed of a request without answer does not concern the one that has its turn.
        let in_turn = wire.pending.in_order() > 0;
        if missed && !in_turn && matches!(self.phase, Phase::InStep) {
            wire.withdraw();
            self.phase = Phase::OutOfStep;
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.ready_by) {
            self.ready(wire);
        }
        match self.phase {
            Phase::Syncing { way, until, pause } if due(until) && wire.guest.is_stopped() => {
                self.phase = Phase::Syncing { way, until: now.checked_add(pause), pause };
                Ok(())
            }
            Phase::Syncing { until, .. } if due(until) && self.proved => {
                Err(Fault::busy("the agent does not answer"))
            }
            Phase::Syncing { way, until, pause } if due(until) => {
                // It may have been restarted with our question half read.
                let pause = (pause * 2).min(LONGEST_PAUSE);
                self.phase = Phase::Syncing { way, until: now.checked_add(pause), pause };
                if wire.output.is_empty() {
                    self.say_sync(wire, way);
                }
                wire.unresponsive(
                    "the agent does not answer: it is not running, or another client holds it",
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let sync = match self.phase {
            Phase::Syncing { until, .. } => until,
            _ => None,
        };
        [sync, self.ready_by].into_iter().flatten().min()
    }

    /// What is on the wire will be answered; if nothing is, the channel is proved anew.
    fn resume(&mut self, wire: &mut Wire, now: Instant) {
        if let Phase::Syncing { way, .. } = self.phase {
            let pause = wire.patience();
            self.phase = Phase::Syncing { way, until: now.checked_add(pause), pause };
            if wire.output.is_empty() {
                self.say_sync(wire, way);
            }
        } else if wire.pending.in_order() == 0 {
            wire.withdraw();
            self.phase = Phase::OutOfStep;
            self.due = Some(Question::AgentInfo);
        } else {
            return;
        }
        wire.refusal = None;
        wire.change(|status| status.state = State::Connecting);
    }
}

#[cfg(test)]
mod tests;
