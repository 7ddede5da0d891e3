//! What both dialects write to: the message that leaves, the requests on the wire, the status.

use std::{
    os::fd::OwnedFd,
    path::{Display, Path},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Account, Charge, Config, Count, Event, Limits, NotSent, Observer, State, Status, Unknown,
    codec::{Bound, Frame},
    conduct::Conduct,
    contained,
    fault::Fault,
    guest::{Guest, Hindrance},
    inbox::{Inbox, Job},
    line::line,
    machine::Machine,
    pending::{Entry, Owner, Pending, Question},
};

/// How a protocol opens a connection, sends requests and reads frames. Without input or output
/// of its own: bytes leave through the [`Wire`].
pub(super) trait Dialect: Send {
    /// Begins a connection.
    fn open(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Fault>;
    /// The bound on the next message of the peer.
    fn longest(&self, wire: &Wire) -> Bound;
    /// Whether a message above the limit ends the connection before its own end.
    fn refuses_excess(&self) -> bool;
    /// Takes a frame from the peer.
    fn receive(&mut self, wire: &mut Wire, frame: Frame<'_>, now: Instant) -> Result<(), Fault>;
    /// Puts the next message on the empty wire, if one may leave.
    fn feed(&mut self, wire: &mut Wire, inbox: &Inbox, now: Instant) -> Result<(), Fault>;
    /// Does what is due.
    fn expire(&mut self, wire: &mut Wire, now: Instant) -> Result<(), Fault>;
    /// When something of the dialect's own is due.
    fn deadline(&self) -> Option<Instant>;
    /// What kept the peer from answering is over.
    fn resume(&mut self, _wire: &mut Wire, _now: Instant) {}
}

/// One endpoint's side of a connection; outlives connections, so that no id is used twice.
pub(super) struct Wire {
    pub(super) socket: Arc<Path>,
    pub(super) limits: Arc<Limits>,
    pub(super) output: Output,
    pub(super) pending: Pending,
    /// Why the peer cannot be asked anything now.
    pub(super) refusal: Option<&'static str>,
    /// Of a monitor.
    pub(super) machine: Machine,
    /// Of an agent.
    pub(super) guest: Guest,
    /// The agent keeps filesystems frozen.
    frozen: bool,
    /// Of the connection, whatever hinders its peer.
    state: State,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) account: Arc<Account>,
    /// Of a peer that misbehaved once.
    conduct: Option<Box<Conduct>>,
    status: Status,
    serial: u64,
    was_ready: bool,
}

/// The message that leaves.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    /// Number of bytes that left.
    pub(super) at: usize,
    /// Leaves with the first byte.
    pub(super) fd: Option<OwnedFd>,
    /// Of the entry; 0 for messages of the dialect.
    serial: u64,
    /// For the bytes of the arguments.
    _charge: Option<Charge>,
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether no byte of this entry left.
    fn withholds(&self, serial: u64) -> bool {
        self.withheld() == serial && serial != 0
    }

    /// The entry of which no byte left; 0 if there is none.
    pub(super) fn withheld(&self) -> u64 {
        if self.at == 0 && !self.is_empty() { self.serial } else { 0 }
    }
}

impl Wire {
    pub(super) fn new(config: &Config, machine: Machine) -> Self {
        Self {
            socket: Arc::clone(&config.socket),
            limits: Arc::clone(&config.limits),
            output: Output::default(),
            pending: Pending::default(),
            refusal: None,
            machine,
            guest: Guest::default(),
            frozen: false,
            state: State::default(),
            observer: config.observer.clone(),
            account: config.account.clone(),
            conduct: None,
            status: Status::default(),
            serial: 0,
            was_ready: false,
        }
    }

    /// Path of the socket, for the log.
    pub(super) fn socket(&self) -> Display<'_> {
        self.socket.display()
    }

    /// Tells of an event.
    pub(super) fn event(&self, event: &Event<'_>) {
        self.account.count(Count::Events);
        contained(&self.account, || self.observer.event(event));
    }

    /// Tells that there was an event too large to be kept.
    pub(super) fn event_too_large(&self) {
        self.account.count(Count::Events);
        contained(&self.account, || self.observer.event_lost());
        if self.account.may_tell() {
            tracing::warn!(socket = %self.socket(), "event above the limit dropped");
        }
    }

    /// Counts what the peer did.
    pub(super) fn count(&self, what: Count) {
        self.account.count(what);
    }

    /// The peer sent what the protocol does not allow.
    pub(super) fn breach(&mut self, now: Instant) {
        self.conduct().breach(now);
    }

    /// The peer is over a budget until then at least.
    pub(super) fn offend(&mut self, until: Instant) {
        self.conduct().offend(until);
    }

    fn conduct(&mut self) -> &mut Conduct {
        self.conduct.get_or_insert_with(|| Box::new(Conduct::new()))
    }

    fn is_bad(&self, now: Instant) -> bool {
        self.conduct.as_ref().is_some_and(|conduct| conduct.is_bad(now))
    }

    /// Tells whether the peer behaves, if that changed.
    pub(super) fn judge(&mut self, now: Instant) {
        let misbehaving = self.is_bad(now);
        if self.status.misbehaving != misbehaving {
            let socket = self.socket();
            if misbehaving {
                tracing::warn!(%socket, "the peer sends too much that nobody asked for");
            } else {
                tracing::info!(%socket, "the peer behaves again");
            }
            self.change(|status| status.misbehaving = misbehaving);
        }
    }

    /// When there may be something to judge.
    pub(super) fn judgement(&self, now: Instant) -> Option<Instant> {
        self.conduct.as_ref().and_then(|conduct| conduct.deadline(now))
    }

    /// Changes the status, and tells it if it differs then.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Status)) {
        let before = self.status.clone();
        self.status.state = self.state;
        change(&mut self.status);
        self.state = self.status.state;
        self.status.state = self.apparent();
        if before != self.status {
            contained(&self.account, || self.observer.changed(&self.status));
        }
    }

    /// The state of the connection with what else is known of the peer.
    fn apparent(&self) -> State {
        match (self.state, self.guest.hindrance()) {
            (State::Disconnected, _) => State::Disconnected,
            (_, Some(hindrance)) => hindrance.state(),
            (State::Ready, None) if self.frozen => State::Frozen,
            (state, None) => state,
        }
    }

    /// Tells the state if something else that decides on it changed.
    pub(super) fn reconsider(&mut self) {
        self.change(|_| {});
    }

    /// The agent answers; whatever else is known then is told with `state`.
    pub(super) fn answered(&mut self, state: Option<State>) {
        self.refusal = None;
        self.guest.answered();
        self.change(|status| status.state = state.unwrap_or(status.state));
    }

    /// Notes whether the agent keeps filesystems frozen; returns whether that is new.
    pub(super) fn freeze(&mut self, frozen: bool) -> bool {
        let changes = self.frozen != frozen;
        self.frozen = frozen;
        self.reconsider();
        changes
    }

    /// Why what waits is not sent: the kind and the text for it.
    pub(super) fn refusal(&self) -> Option<(NotSent, &'static str)> {
        let hindered = self.guest.hindrance().map(Hindrance::refusal);
        hindered.or(self.refusal.map(|text| (NotSent::Busy, text)))
    }

    /// A connection begins.
    pub(super) fn connected(&mut self) {
        self.account.count(Count::Connections);
        self.was_ready = false;
        // Until it proves itself, a peer that did not answer before stays one that does not.
        if self.state == State::Disconnected {
            self.state = State::Connecting;
        }
        self.reconsider();
    }

    /// The peer answered everything it must: it is ready.
    pub(super) fn ready(&mut self) {
        if !self.was_ready && self.account.may_tell() {
            tracing::info!(socket = %self.socket(), version = &*self.status.version, "ready");
        }
        self.was_ready = true;
        self.change(|status| status.state = State::Ready);
    }

    /// Whether the peer was ready in this connection or the last one.
    pub(super) fn was_ready(&self) -> bool {
        self.was_ready
    }

    /// The peer does not answer: calls are refused with this text until it does.
    pub(super) fn unresponsive(&mut self, text: &'static str) {
        self.refusal = Some(text);
        self.change(|status| status.state = State::Unresponsive);
    }

    /// Sends a message that is no request of the table.
    pub(super) fn say(&mut self, bytes: Vec<u8>) {
        self.output = Output { bytes, ..Output::default() };
    }

    /// Sends a caller's request, answered in order.
    pub(super) fn send(&mut self, job: Job, id: Option<u64>, bytes: Vec<u8>) {
        let entry = self.put(job, id, bytes);
        self.pending.push(entry);
    }

    /// Sends a caller's request, answered at any time.
    pub(super) fn send_aside(&mut self, job: Job, id: u64, bytes: Vec<u8>) {
        let entry = self.put(job, Some(id), bytes);
        self.pending.push_aside(entry);
    }

    /// Sends a question of the bridge itself; `patience` bounds the wait for the answer.
    pub(super) fn ask(
        &mut self,
        question: Question,
        id: Option<u64>,
        now: Instant,
        patience: Option<Duration>,
    ) {
        self.serial += 1;
        let bytes = line("execute", question.command(), Vec::new(), id);
        self.output = Output { bytes, serial: self.serial, ..Output::default() };
        let deadline = patience.and_then(|patience| now.checked_add(patience));
        let owner = Owner::Question(question);
        let entry = Entry::new(self.serial, owner, question.command().into(), now);
        self.pending.push(Entry { id, deadline, ..entry });
    }

    fn put(&mut self, job: Job, id: Option<u64>, bytes: Vec<u8>) -> Entry {
        let Job { request, sync, since, deadline, charge, .. } = job;
        self.serial += 1;
        let serial = self.serial;
        let alone = request.fd.is_some();
        self.output = Output { bytes, at: 0, fd: request.fd, serial, _charge: charge };
        let owner = match sync {
            Some(id) => Owner::Sync(request.completion, id),
            None => Owner::Call(request.completion),
        };
        let silent = !request.replies;
        let entry = Entry::new(serial, owner, request.command, since);
        Entry { id, deadline, silent, alone, ..entry }
    }

    /// Takes the entry that a reply answers. One of which no byte left cannot be answered,
    /// whatever the peer says.
    pub(super) fn answer(&mut self, id: Option<u64>) -> Option<Entry> {
        self.pending.answer(id, self.output.withheld())
    }

    /// The same of those answered at any time.
    pub(super) fn answer_aside(&mut self, id: u64) -> Option<Entry> {
        self.pending.answer_aside(id, self.output.withheld())
    }

    /// The same of the oldest of those answered at any time.
    pub(super) fn oldest_aside(&mut self) -> Option<Entry> {
        self.pending.oldest_aside(self.output.withheld())
    }

    /// Gives up what did not leave yet of a message, unless it is a request that still waits for
    /// its answer; the peer must be told by other means.
    pub(super) fn withdraw(&mut self) {
        if !self.pending.holds(self.output.serial) {
            self.output = Output::default();
        }
    }

    /// Notes that the message left.
    pub(super) fn written(&mut self, now: Instant) {
        let Output { serial, .. } = std::mem::take(&mut self.output);
        self.pending.sent(serial, now, self.limits.grace);
    }

    /// Tells callers whose time is up. Returns whether the answer to a request that left is
    /// missed.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let serial = self.output.serial;
        if self.output.withholds(serial) && self.pending.is_due(serial, now) {
            self.output = Output::default();
            if let Some(entry) = self.pending.remove(serial) {
                let text =
                    format!("{} was not sent in time: the peer takes no bytes", entry.command);
                entry.refuse(NotSent::Busy, text);
            }
        }
        self.pending.expire(now)
    }

    /// The connection ended: nothing of it crosses over to the next one.
    pub(super) fn end(&mut self, kind: Unknown, fault: &Fault) {
        let output = std::mem::take(&mut self.output);
        for entry in self.pending.take_all() {
            if output.withholds(entry.serial) {
                entry.refuse(fault.kind, fault.text.clone());
            } else {
                entry.lose(kind, &fault.text);
            }
        }
        self.unconnected(fault);
    }

    /// There is no connection, for this reason.
    pub(super) fn unconnected(&mut self, fault: &Fault) {
        self.refusal = None;
        self.frozen = false;
        self.machine.disconnected();
        let state = match fault.kind {
            NotSent::Busy => State::Unresponsive,
            NotSent::Absent => State::Connecting,
            _ => State::Disconnected,
        };
        let misbehaving = self.is_bad(Instant::now());
        self.change(|status| *status = Status { state, misbehaving, ..Status::default() });
    }

    /// Why a request that waits has not left yet.
    pub(super) fn obstacle(&self) -> &'static str {
        match self.state {
            State::Ready => "the requests before it took all its time",
            _ => "the peer has not answered yet",
        }
    }

    /// How long a peer is given to prove that it listens.
    pub(super) fn patience(&self) -> Duration {
        self.limits.greeting_timeout
    }
}
