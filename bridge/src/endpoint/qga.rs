//! The agent's dialect: synchronisation by nonce, ids, one request at a time but for those that only
//! read.

mod freeze;
mod info;
mod step;

use tokio::time::{Duration, Instant};

use super::{
    Count, State, Unknown,
    codec::{Bound, Excess, Frame},
    fault::Fault,
    inbox::{Inbox, Job},
    line::line,
    message::{Id, Message, Reply, outer_id},
    offered,
    pending::{Entry, Question},
    wire::{Dialect, Wire},
};

/// Longest pause before an absent agent is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

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
    /// What is on the wire only reads: others that do may join it.
    reading: bool,
    /// An answer in order is missed: nothing joins what is on the wire, and the channel is proved
    /// anew after that.
    missed: bool,
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
    /// Replies answer requests, in their order.
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
            reading: false,
            missed: false,
            due: Some(Question::AgentInfo),
            ready_by: None,
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

    fn answer(&mut self, wire: &mut Wire, reply: Reply<'_>) {
        let entry = match reply.id {
            Some(Id::Number(id)) => self.named(wire, id),
            Some(Id::Foreign) => None,
            None if self.echoes && reply.result.is_ok() => None,
            None if self.unanswered > 0 && reply.result.is_err() => None,
            None if self.may_be_of_several(wire) => None,
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

    /// A reply is lost: that to the request whose id can still be read, else any.
    fn garbage(&mut self, wire: &mut Wire, id: Option<u64>, why: &str, now: Instant) {
        wire.count(Count::Garbage);
        wire.breach(now);
        if !matches!(self.phase, Phase::InStep) {
            return;
        }
        if let Some(entry) = id.and_then(|id| self.named(wire, id)) {
            return self.unreadable(wire, entry, why);
        }
        while let Some(entry) = wire.answer(None) {
            self.missed = true;
            self.unreadable(wire, entry, why);
        }
        self.fall_out(wire);
    }

    fn unreadable(&mut self, wire: &mut Wire, entry: Entry, why: &str) {
        match entry.question() {
            Some(_) => self.ready(wire),
            None => entry
                .fail(Unknown::BadReply, format!("the agent sent text that is no message: {why}")),
        }
    }

    fn too_large(&mut self, wire: &mut Wire, text: &[u8], excess: Excess) {
        let entry = match self.phase {
            // Not all agents echo ids.
            Phase::InStep if excess != Excess::Unawaited => match outer_id(text) {
                Some(id) => self.named(wire, id),
                None if self.may_be_of_several(wire) => None,
                None => wire.answer(None),
            },
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
            self.reading = false;
            wire.ask(question, Some(self.id), now, Some(wire.patience()));
            return Ok(());
        }
        match inbox.take_front(|_| true) {
            Some(job) if job.sync.is_some() => {
                self.reading = false;
                wire.send(job, None, Vec::new());
                return self.sync(wire, now);
            }
            Some(job) => self.send(wire, job),
            None => {}
        }
        Ok(())
    }

    /// Sends another request after those that are on the wire, if all of them only read: none of
    /// them can be taken back any more, which does no harm then, and by their ids no answer is
    /// taken for another's.
    fn join(&mut self, wire: &mut Wire, inbox: &Inbox) {
        let room = wire.pending.in_order() < wire.limits.in_flight;
        let joins = self.reading && self.echoes && !self.missed && self.due.is_none();
        if room
            && joins
            && let Some(job) = inbox.take_front(Job::only_reads)
        {
            self.send(wire, job);
        }
    }

    fn send(&mut self, wire: &mut Wire, mut job: Job) {
        self.id += 1;
        self.reading = job.only_reads();
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
            Frame::Garbage => self.garbage(wire, None, "it is no JSON object", now),
            Frame::TooLarge(text, excess) => self.too_large(wire, text, excess),
            Frame::Message(text) => match Message::parse(text) {
                Ok(Message::Reply(reply)) => self.reply(wire, reply, now),
                Ok(Message::Greeting { .. }) => {
                    return Err(Fault::not_connected(
                        "a greeting: this is a monitor, not an agent",
                    ));
                }
                Ok(Message::Event { .. }) => wire.count(Count::Unsolicited),
                Err(why) => self.garbage(wire, outer_id(text), why, now),
            },
        }
        Ok(())
    }

    fn feed(&mut self, wire: &mut Wire, inbox: &Inbox, now: Instant) -> Result<(), Fault> {
        self.fall_out(wire);
        match self.phase {
            _ if wire.guest.hindrance().is_some() => Ok(()),
            Phase::OutOfStep if !inbox.is_empty() || self.due.is_some() => self.sync(wire, now),
            Phase::InStep if wire.pending.in_order() == 0 => self.send_next(wire, inbox, now),
            Phase::InStep => {
                self.join(wire, inbox);
                Ok(())
            }
            Phase::OutOfStep | Phase::Syncing { .. } => Ok(()),
        }
    }

    fn expire(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Fault> {
        let missed = wire.expire(now);
        let before = wire.pending.in_order();
        wire.pending.forget_told();
        // What is missed of a request without answer does not concern those that have their turn.
        let in_turn = wire.pending.in_order();
        self.missed |= missed && (in_turn == 0 || in_turn < before);
        self.fall_out(wire);
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
