//! The monitor's dialect: greeting and negotiation, replies in order, events.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::{
    Count, Event, Limits, State, Unknown,
    codec::{Bound, Excess, Frame},
    fault::Fault,
    inbox::{Inbox, Job},
    line::line,
    message::{Id, Message, Reply, begins_event, outer_id},
    offered,
    pending::{Question, Questions, cut},
    sync::nonce,
    wire::{Dialect, Wire},
};

/// Events after which the machine's state is asked for again; SHUTDOWN is another.
const RUN_STATE_EVENTS: [&str; 9] = [
    "GUEST_PANICKED",
    "MIGRATION",
    "POWERDOWN",
    "RESET",
    "RESUME",
    "STOP",
    "SUSPEND",
    "WAKEUP",
    "WATCHDOG",
];

/// From such an event, which says almost all by itself, until the question. Asked at once, each
/// would keep the peer from its next event; what comes meanwhile is answered with it.
const LULL: Duration = Duration::from_millis(10);

/// From SHUTDOWN, with which most machines end: a command that reaches QEMU while it takes its
/// monitors down makes it crash. One that stays tells STOP next, and is asked then.
const END: Duration = Duration::from_secs(1);

/// A session with a monitor.
#[derive(Debug)]
pub(super) struct Qmp {
    phase: Phase,
    /// The id of `qmp_capabilities`: what comes before its reply is of an earlier client.
    nonce: u64,
    /// Of the last request that carries an id.
    id: u64,
    oob: bool,
    /// To be asked as soon as there is room.
    questions: Questions,
    /// On the wire: each is asked again only after its answer, which may be old.
    asking: Questions,
    /// When events that told of the machine lead to questions; nothing is asked before.
    asks_at: Option<Instant>,
    /// When the peer counts as ready even if the opening questions are not answered.
    ready_by: Option<Instant>,
}

#[derive(Debug)]
enum Phase {
    /// Until the greeting; the time is over if `None`.
    Greeting(Option<Instant>),
    /// Until the reply to `qmp_capabilities`.
    Negotiating(Option<Instant>),
    Serving,
}

impl Qmp {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Greeting(None),
            nonce: 0,
            id: 0,
            oob: false,
            questions: Questions::default(),
            asking: Questions::default(),
            asks_at: None,
            ready_by: None,
        }
    }

    fn greeted(&mut self, wire: &mut Wire, now: Instant) {
        wire.refusal = None;
        wire.change(|status| status.state = State::Connecting);
        let enable: &[u8] = if self.oob { br#"{"enable":["oob"]}"# } else { b"" };
        wire.say(line("execute", "qmp_capabilities", enable.to_vec(), Some(self.nonce)));
        self.phase = Phase::Negotiating(now.checked_add(wire.patience()));
    }

    fn negotiated(&mut self, wire: &mut Wire, now: Instant) {
        wire.refusal = None;
        self.phase = Phase::Serving;
        self.questions.add(Question::RunState);
        self.questions.add(Question::Commands);
        self.ready_by = now.checked_add(super::SURVEY);
        let capabilities: &[_] = if self.oob { &["oob"] } else { &[] };
        wire.change(|status| {
            status.state = State::Connecting;
            status.capabilities = capabilities;
        });
    }

    fn message(
        &mut self,
        wire: &mut Wire,
        message: Message<'_>,
        now: Instant,
    ) -> Result<(), Fault> {
        match (&self.phase, message) {
            (Phase::Greeting(_), Message::Greeting { version, oob }) => {
                self.oob = oob;
                self.greeted(wire, now);
                wire.change(|status| status.version = version.into());
            }
            (Phase::Negotiating(_), Message::Reply(reply)) if reply.id == Some(self.own_id()) => {
                match reply.result {
                    Ok(_) => self.negotiated(wire, now),
                    Err(error) => {
                        let desc = cut(&error.desc);
                        let text = format!("the monitor refuses to negotiate: {desc}");
                        return Err(Fault::not_connected(text));
                    }
                }
            }
            (Phase::Serving, Message::Reply(reply)) => return self.reply(wire, reply, now),
            (Phase::Serving, Message::Event { name, data, timestamp }) => {
                self.hear(&name, now);
                wire.machine.event(&name);
                wire.event(&Event { name: &name, data, timestamp });
            }
            (Phase::Serving, Message::Greeting { .. }) => {
                return broken(wire, "a second greeting", now);
            }
            // Of an earlier client, or of the time before the negotiation.
            (Phase::Greeting(_) | Phase::Negotiating(_), Message::Reply(_)) => {
                wire.count(Count::Unsolicited);
            }
            (Phase::Greeting(_) | Phase::Negotiating(_), _) => {}
        }
        Ok(())
    }

    /// Has the machine's state asked for after an event that changes it.
    fn hear(&mut self, event: &str, now: Instant) {
        if event == "SHUTDOWN" {
            self.asks_at = now.checked_add(END);
        } else if RUN_STATE_EVENTS.contains(&event) {
            self.asks_at = self.asks_at.into_iter().chain(now.checked_add(LULL)).min();
        }
    }

    fn own_id(&self) -> Id {
        Id::Number(self.nonce)
    }

    fn reply(&mut self, wire: &mut Wire, reply: Reply<'_>, now: Instant) -> Result<(), Fault> {
        let id = match reply.id {
            None => None,
            Some(Id::Number(id)) => Some(id),
            Some(Id::Foreign) => return unsolicited(wire, now),
        };
        let Some(entry) = wire.answer(id) else {
            return unsolicited(wire, now);
        };
        match entry.question() {
            Some(question) => self.learn(wire, question, reply.result.unwrap_or_default()),
            None => entry.settle(reply.result),
        }
        Ok(())
    }

    /// Takes the answer to a question; no text if there was none.
    fn learn(&mut self, wire: &mut Wire, question: Question, text: &[u8]) {
        self.asking.remove(question);
        match question {
            Question::RunState => {
                let RunState { status, running } = serde_json::from_slice(text).unwrap_or_default();
                wire.machine.status(&status, running);
                wire.change(|told| told.run_state = status.into());
            }
            Question::Devices => wire.machine.devices(text),
            _ => {
                let commands: Vec<Command> = serde_json::from_slice(text).unwrap_or_default();
                let mut names: Vec<_> = commands.into_iter().map(|command| command.name).collect();
                names.sort_unstable();
                wire.change(|status| status.commands = offered(names));
                // The last of the opening questions.
                self.ready(wire);
            }
        }
    }

    fn ready(&mut self, wire: &mut Wire) {
        self.ready_by = None;
        wire.ready();
    }

    fn too_large(
        &mut self,
        wire: &mut Wire,
        text: &[u8],
        excess: Excess,
        now: Instant,
    ) -> Result<(), Fault> {
        match self.phase {
            Phase::Greeting(_) => Err(Fault::excess()),
            Phase::Negotiating(_) => Ok(()),
            Phase::Serving if begins_event(text) => {
                wire.event_too_large();
                Ok(())
            }
            Phase::Serving => {
                let entry = match outer_id(text) {
                    Some(id) => wire.answer(Some(id)),
                    None => wire.answer(None).or_else(|| wire.oldest_aside()),
                };
                let Some(entry) = entry else { return unsolicited(wire, now) };
                match entry.question() {
                    Some(question) => self.learn(wire, question, b""),
                    None => entry.too_large(&wire.limits, excess),
                }
                Ok(())
            }
        }
    }

    fn garbage(&self, wire: &mut Wire, why: &str, now: Instant) -> Result<(), Fault> {
        wire.count(Count::Garbage);
        match self.phase {
            Phase::Greeting(_) => Err(Fault::not_connected("no greeting: this is not a monitor")),
            // The rest of a reply to an earlier client.
            Phase::Negotiating(_) => Ok(()),
            Phase::Serving => broken(wire, &format!("text that is no message: {why}"), now),
        }
    }

    /// Asks what the bridge wants to know; this may take one place more than the callers have.
    fn ask(&mut self, wire: &mut Wire, now: Instant) -> bool {
        if self.asks_at.is_some() {
            return false;
        }
        if wire.machine.asks() {
            self.questions.add(Question::Devices);
        }
        let Some(question) = self.questions.take_but(self.asking) else { return false };
        self.asking.add(question);
        wire.ask(question, None, now, None);
        true
    }

    fn window(&self, limits: &Limits) -> usize {
        if self.oob { limits.in_flight.max(1) } else { 1 }
    }

    fn send(&mut self, wire: &mut Wire, mut job: Job) {
        let arguments = std::mem::take(&mut job.request.arguments);
        if overtakes(&job) && self.oob {
            self.id += 1;
            let text = line("exec-oob", &job.request.command, arguments, Some(self.id));
            wire.send_aside(job, self.id, text);
        } else {
            let text = line("execute", &job.request.command, arguments, None);
            wire.send(job, None, text);
        }
    }
}

impl Dialect for Qmp {
    fn open(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Fault> {
        let random = nonce().map_err(|error| Fault::not_connected(format!("no nonce: {error}")))?;
        self.nonce = random;
        // A late reply out of band to an earlier client must not fit.
        self.id = random >> 32;
        self.phase = Phase::Greeting(now.checked_add(wire.patience()));
        Ok(())
    }

    fn longest(&self, wire: &Wire) -> Bound {
        let bytes = match self.phase {
            Phase::Greeting(_) => wire.limits.greeting,
            _ => wire.limits.message,
        };
        Bound { bytes, beyond: Excess::Limit }
    }

    fn refuses_excess(&self) -> bool {
        matches!(self.phase, Phase::Greeting(_))
    }

    fn receive(&mut self, wire: &mut Wire, frame: Frame<'_>, now: Instant) -> Result<(), Fault> {
        match frame {
            Frame::Mark => Ok(()),
            Frame::Garbage => self.garbage(wire, "it is no JSON object", now),
            Frame::TooLarge(text, excess) => self.too_large(wire, text, excess, now),
            Frame::Message(text) => match Message::parse(text) {
                Ok(message) => self.message(wire, message, now),
                Err(why) => self.garbage(wire, why, now),
            },
        }
    }

    fn feed(&mut self, wire: &mut Wire, inbox: &Inbox, now: Instant) -> Result<(), Fault> {
        if !matches!(self.phase, Phase::Serving) || wire.pending.is_closed() {
            return Ok(());
        }
        let window = self.window(&wire.limits);
        if self.oob
            && wire.pending.out_of_order() < wire.limits.in_flight
            && let Some(job) = inbox.take_first(overtakes)
        {
            self.send(wire, job);
            return Ok(());
        }
        if wire.pending.in_order() <= window && self.ask(wire, now) {
            return Ok(());
        }
        // With a second command on its way, the peer gives a descriptor to the wrong one.
        let room = wire.pending.in_order() < window;
        let alone = wire.pending.is_empty();
        let in_band = |job: &Job| !(self.oob && overtakes(job));
        let fits = |job: &Job| room && in_band(job) && (job.request.fd.is_none() || alone);
        if let Some(job) = inbox.take_front(fits) {
            self.send(wire, job);
        }
        Ok(())
    }

    fn expire(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Fault> {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        match &mut self.phase {
            Phase::Greeting(until) if due(*until) => {
                *until = None;
                wire.unresponsive("another client holds the monitor: it does not greet");
            }
            Phase::Negotiating(until) if due(*until) => {
                *until = None;
                wire.unresponsive("the monitor is busy with a command of an earlier client");
            }
            _ => {}
        }
        if due(self.ready_by) {
            self.ready(wire);
        }
        if due(self.asks_at) {
            self.asks_at = None;
            self.questions.add(Question::RunState);
        }
        wire.expire(now);
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Greeting(until) | Phase::Negotiating(until) => until,
            Phase::Serving => self.ready_by.into_iter().chain(self.asks_at).min(),
        }
    }
}

/// A descriptor needs its place in the order.
fn overtakes(job: &Job) -> bool {
    job.request.oob && job.request.fd.is_none()
}

/// Replies pair in order: after one that is not understood, none can be trusted.
fn broken(wire: &mut Wire, what: &str, now: Instant) -> Result<(), Fault> {
    wire.breach(now);
    let text = format!("the monitor sent {what}");
    if let Some(entry) = wire.answer(None).or_else(|| wire.oldest_aside()) {
        entry.fail(Unknown::BadReply, text.clone());
    }
    Err(Fault::not_connected(text))
}

fn unsolicited(wire: &mut Wire, now: Instant) -> Result<(), Fault> {
    wire.count(Count::Unsolicited);
    broken(wire, "a reply that answers nothing", now)
}

#[derive(Deserialize)]
#[serde(default)]
struct RunState {
    status: String,
    running: bool,
}

impl Default for RunState {
    fn default() -> Self {
        Self { status: String::new(), running: true }
    }
}

#[derive(Deserialize)]
struct Command {
    name: String,
}

#[cfg(test)]
mod tests;
