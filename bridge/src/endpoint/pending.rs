//! Requests on the wire, and which of them a reply answers.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{Completion, Limits, NotSent, Outcome, Unknown, codec::Excess, message::PeerError};

/// Bytes of an error text: it is for people.
const LONGEST_TEXT: usize = 4096;

/// A request of which at least the place on the wire is taken.
#[derive(Debug)]
pub(super) struct Entry {
    /// Distinguishes entries of one endpoint, over all its connections.
    pub(super) serial: u64,
    /// The id sent with it.
    pub(super) id: Option<u64>,
    pub(super) owner: Owner,
    pub(super) command: String,
    pub(super) since: Instant,
    pub(super) deadline: Option<Instant>,
    /// Silence is success.
    pub(super) silent: bool,
    /// Nothing else may be on the wire with it.
    pub(super) alone: bool,
    /// All its bytes were written.
    pub(super) sent: bool,
    /// When silence is taken for success.
    pub(super) done: Option<Instant>,
}

/// Who waits for a reply.
#[derive(Debug)]
pub(super) enum Owner {
    Call(Completion),
    /// A caller who wants the channel resynchronised, and its id back.
    Sync(Completion, i64),
    /// The bridge itself.
    Question(Question),
    /// Nobody any more, but the reply is still to come.
    Told,
}

/// What the bridge itself asks the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    RunState,
    Commands,
    Devices,
    AgentInfo,
    Frozen,
}

/// Some of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Questions(u8);

/// The table of requests on the wire.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Answered in this order. Boxed, for the queue keeps its room while nothing is on the wire.
    window: VecDeque<Box<Entry>>,
    /// Answered at any time, by id.
    aside: Vec<Entry>,
    answered: u64,
}

impl Pending {
    pub(super) fn push(&mut self, entry: Entry) {
        self.window.push_back(Box::new(entry));
    }

    pub(super) fn push_aside(&mut self, entry: Entry) {
        self.aside.push(entry);
    }

    /// Number of requests that are answered in order.
    pub(super) fn in_order(&self) -> usize {
        self.window.len()
    }

    /// Number of requests that are answered at any time.
    pub(super) fn out_of_order(&self) -> usize {
        self.aside.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.window.is_empty() && self.aside.is_empty()
    }

    /// Whether a request is on the wire that bears no other beside it.
    pub(super) fn is_closed(&self) -> bool {
        self.window.front().is_some_and(|entry| entry.alone)
    }

    /// Whether a caller still waits.
    pub(super) fn has_callers(&self) -> bool {
        self.all().any(|entry| matches!(entry.owner, Owner::Call(_) | Owner::Sync(..)))
    }

    /// Takes the entry that a reply with this id answers: without an id the oldest of those
    /// answered in order. Not the one with the serial number `withheld`: of that no byte left.
    pub(super) fn answer(&mut self, id: Option<u64>, withheld: u64) -> Option<Entry> {
        if let Some(entry) = id.and_then(|id| self.answer_aside(id, withheld)) {
            return Some(entry);
        }
        let front = self.window.front()?;
        if id.is_some() && front.id != id || front.serial == withheld {
            return None;
        }
        let entry = self.window.pop_front()?;
        self.answered += 1;
        Some(*entry)
    }

    /// Takes the oldest of those answered in order, if a later one has this id: the peer answers in
    /// order, so that its answer is lost.
    pub(super) fn overtaken(&mut self, id: u64, withheld: u64) -> Option<Entry> {
        let answered = |entry: &Entry| entry.id == Some(id) && entry.serial != withheld;
        let at = self.window.iter().position(|entry| answered(entry))?;
        if at > 0 { self.window.pop_front().map(|entry| *entry) } else { None }
    }

    /// Takes the entry with this id from those answered at any time, but for `withheld`.
    pub(super) fn answer_aside(&mut self, id: u64, withheld: u64) -> Option<Entry> {
        let answered = |entry: &Entry| entry.id == Some(id) && entry.serial != withheld;
        let at = self.aside.iter().position(answered)?;
        self.answered += 1;
        Some(self.aside.remove(at))
    }

    /// Takes the oldest of those answered at any time, but for `withheld`.
    pub(super) fn oldest_aside(&mut self, withheld: u64) -> Option<Entry> {
        let id = self.aside.first()?.id?;
        self.answer_aside(id, withheld)
    }

    /// Number of entries that were answered.
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// Takes the entry with this serial number.
    pub(super) fn remove(&mut self, serial: u64) -> Option<Entry> {
        if let Some(at) = self.window.iter().position(|entry| entry.serial == serial) {
            return self.window.remove(at).map(|entry| *entry);
        }
        let at = self.aside.iter().position(|entry| entry.serial == serial)?;
        Some(self.aside.remove(at))
    }

    /// Notes that all bytes of an entry were written; from then on silence lasts `grace`.
    pub(super) fn sent(&mut self, serial: u64, now: Instant, grace: Duration) {
        if let Some(entry) = self.all_mut().find(|entry| entry.serial == serial) {
            entry.sent = true;
            entry.done = if entry.silent { now.checked_add(grace) } else { None };
        }
    }

    /// The nearest deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.all().flat_map(|entry| [entry.deadline, entry.done]).flatten().min()
    }

    /// Whether the entry with this serial number is in the table.
    pub(super) fn holds(&self, serial: u64) -> bool {
        self.all().any(|entry| entry.serial == serial)
    }

    /// Whether the time of the entry with this serial number is up.
    pub(super) fn is_due(&self, serial: u64, now: Instant) -> bool {
        let due = |entry: &Entry| entry.deadline.is_some_and(|deadline| deadline <= now);
        self.all().any(|entry| entry.serial == serial && due(entry))
    }

    /// Tells those whose time is up; they keep their places. Returns whether there was one whose
    /// answer is missed.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let mut missed = false;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        for entry in self.all_mut() {
            if due(entry.done) {
                entry.take_owner().succeed();
            } else if due(entry.deadline) {
                missed = true;
                tracing::debug!(command = entry.command, "no answer in time");
                let text = entry.overdue(now);
                entry.take_owner().fail(Unknown::Timeout, text);
            } else {
                continue;
            }
            (entry.done, entry.deadline) = (None, None);
        }
        missed
    }

    /// Gives up the places of those whose callers were told.
    pub(super) fn forget_told(&mut self) {
        self.window.retain(|entry| !matches!(entry.owner, Owner::Told));
        self.aside.retain(|entry| !matches!(entry.owner, Owner::Told));
    }

    /// Empties the table.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Entry> + use<> {
        let (window, aside) = (std::mem::take(&mut self.window), std::mem::take(&mut self.aside));
        window.into_iter().map(|entry| *entry).chain(aside)
    }

    fn all(&self) -> impl Iterator<Item = &Entry> {
        self.window.iter().map(|entry| &**entry).chain(&self.aside)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.window.iter_mut().map(|entry| &mut **entry).chain(&mut self.aside)
    }
}

impl Question {
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Commands => "query-commands",
            Self::RunState => "query-status",
            Self::Devices => "query-chardev",
            Self::AgentInfo => "guest-info",
            Self::Frozen => "guest-fsfreeze-status",
        }
    }
}

impl Questions {
    pub(super) fn add(&mut self, question: Question) {
        self.0 |= 1 << question as u8;
    }

    pub(super) fn remove(&mut self, question: Question) {
        self.0 &= !(1 << question as u8);
    }

    /// Takes the first that is not among `others`.
    pub(super) fn take_but(&mut self, others: Self) -> Option<Question> {
        const ALL: [Question; 5] = [
            Question::RunState,
            Question::Commands,
            Question::Devices,
            Question::AgentInfo,
            Question::Frozen,
        ];
        let first = (self.0 & !others.0).trailing_zeros();
        let question = *ALL.get(first as usize)?;
        self.remove(question);
        Some(question)
    }
}

impl Entry {
    pub(super) fn new(serial: u64, owner: Owner, command: String, since: Instant) -> Self {
        Self {
            serial,
            id: None,
            owner,
            command,
            since,
            deadline: None,
            silent: false,
            alone: false,
            sent: false,
            done: None,
        }
    }

    /// Tells the owner what the peer answered.
    pub(super) fn settle(self, result: Result<&[u8], PeerError<'_>>) {
        match (self.owner, result) {
            (Owner::Sync(completion, id), Ok(_)) => {
                completion.complete(Outcome::Return(id.to_string().as_bytes()));
            }
            (Owner::Call(completion), Ok(value)) => completion.complete(Outcome::Return(value)),
            (Owner::Call(completion) | Owner::Sync(completion, _), Err(error)) => {
                let PeerError { class, desc } = &error;
                completion.complete(Outcome::Error { class: cut(class), desc: cut(desc) });
            }
            (Owner::Question(_) | Owner::Told, _) => {}
        }
    }

    /// What the bridge itself asked, if it did.
    pub(super) fn question(&self) -> Option<Question> {
        if let Owner::Question(question) = self.owner { Some(question) } else { None }
    }

    /// Tells the owner that the answer was too large to be kept.
    pub(super) fn too_large(self, limits: &Limits, excess: Excess) {
        let Limits { message, nodes, depth, .. } = limits;
        let command = &self.command;
        let text = match excess {
            Excess::Memory => format!(
                "the answer to {command} does not fit what is left of the bridge's memory budget \
                 for messages in flight; ask for less at a time, or again later"
            ),
            Excess::Limit | Excess::Unawaited => format!(
                "the answer to {command} is above a limit: {message} bytes, {nodes} values, \
                 nesting {depth}; ask for less at a time"
            ),
        };
        self.owner.fail(Unknown::ReplyTooLarge, text);
    }

    /// Tells the owner that the outcome is unknown.
    pub(super) fn fail(self, kind: Unknown, text: String) {
        tracing::debug!(command = self.command, ?kind, "outcome unknown");
        self.owner.fail(kind, text);
    }

    /// Tells the owner that no byte was sent.
    pub(super) fn refuse(self, kind: NotSent, text: String) {
        self.owner.tell(Outcome::NotSent(kind, text));
    }

    /// Tells the owner that the connection ended: where silence is success, this is it.
    pub(super) fn lose(self, kind: Unknown, text: &str) {
        if self.silent && self.sent {
            return self.owner.succeed();
        }
        let text = format!("{text}; whether {} was done is unknown", self.command);
        self.owner.fail(kind, text);
    }

    fn take_owner(&mut self) -> Owner {
        std::mem::replace(&mut self.owner, Owner::Told)
    }

    fn overdue(&self, now: Instant) -> String {
        let seconds = now.duration_since(self.since).as_secs_f64();
        format!("no answer to {} within {seconds:.1} s; it may still be done", self.command)
    }
}

impl Owner {
    fn succeed(self) {
        self.tell(Outcome::Return(b"{}"));
    }

    fn fail(self, kind: Unknown, text: String) {
        self.tell(Outcome::Unknown(kind, text));
    }

    fn tell(self, outcome: Outcome<'_>) {
        match self {
            Self::Call(completion) | Self::Sync(completion, _) => completion.complete(outcome),
            Self::Question(_) | Self::Told => {}
        }
    }
}

/// Cuts a text of the peer, which can be megabytes long, to what a person reads.
pub(super) fn cut(text: &str) -> &str {
    let longest = LONGEST_TEXT.min(text.len());
    let end = (0..=longest).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests;
