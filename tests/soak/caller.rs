//! Callers: each a connection of its own, with some calls in flight all the time.

use super::{
    call::{Call, KINDS, Kind},
    dice::Dice,
    ledger::{Endpoint, Ledger, Outcome},
    machine::{CALM, CHARACTERS, PATHS},
};
use qapi_dbus_tests::bus::Bus;
use std::{
    collections::{BTreeMap, HashMap},
    future::poll_fn,
    num::NonZero,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, sleep_until},
};
use zbus::{
    Connection, Message, MessageStream,
    connection::Builder,
    export::futures_core::Stream,
    message::{Flags, Type},
};

/// What the callers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Make calls.
    Load,
    /// Make none, wait for replies.
    Drain,
    /// Say which are missing, and end.
    End,
}

/// How much one caller calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Calls in flight.
    pub(crate) window: usize,
    /// Between two calls.
    pub(crate) pause: Duration,
}

/// What all callers share.
#[derive(Debug)]
pub(crate) struct Office {
    /// The calls.
    pub(crate) ledger: Arc<Ledger>,
    /// What they do.
    pub(crate) phase: watch::Receiver<Phase>,
    /// How much.
    pub(crate) pace: Pace,
    /// What they did.
    pub(crate) tally: Mutex<Tally>,
}

/// What the callers did.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Calls and replies by kind.
    pub(crate) kinds: BTreeMap<Kind, (usize, usize)>,
    /// Signals that they received.
    pub(crate) signals: usize,
}

/// A running caller; dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Handle {
    task: JoinHandle<()>,
    freezes: mpsc::UnboundedSender<Duration>,
}

impl Handle {
    /// Starts one.
    pub(crate) async fn start(bus: &Bus, office: &Arc<Office>, mut dice: Dice) -> Self {
        let connection = connect(bus).await;
        let incoming = MessageStream::from(&connection);
        if dice.below(10) == 0 {
            overhear(&connection, dice.below(CHARACTERS.len())).await;
        }
        let (freezes, orders) = mpsc::unbounded_channel();
        let (office, phase) = (Arc::clone(office), office.phase.clone());
        let pending = HashMap::new();
        let handles = Vec::new();
        let caller = Caller { connection, incoming, office, phase, orders, dice, pending, handles };
        Self { task: tokio::spawn(caller.run()), freezes }
    }

    /// Makes it read nothing for some time.
    pub(crate) fn freeze(&self, time: Duration) {
        // It may have ended.
        let _ = self.freezes.send(time);
    }

    /// Waits for its end, after [`Phase::End`].
    pub(crate) async fn ended(mut self) {
        (&mut self.task).await.unwrap();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// So few that a caller who does not read is soon one whose socket is full.
const QUEUE: NonZero<usize> = NonZero::new(2).unwrap();

async fn connect(bus: &Bus) -> Connection {
    Builder::address(bus.address()).max_queued(QUEUE).build().await.unwrap()
}

/// Has the signals of one machine sent to this caller, too.
async fn overhear(connection: &Connection, machine: usize) {
    let rule = format!("type='signal',path='{}'", PATHS[machine]);
    let bus = "org.freedesktop.DBus";
    let path = "/org/freedesktop/DBus";
    let call = Message::method_call(path, "AddMatch").destination(bus).interface(bus);
    let call = call.with_flags(Flags::NO_REPLY_EXPECTED).build(&rule).unwrap();
    connection.send(&call).await.unwrap();
}

struct Caller {
    connection: Connection,
    incoming: MessageStream,
    office: Arc<Office>,
    phase: watch::Receiver<Phase>,
    orders: mpsc::UnboundedReceiver<Duration>,
    dice: Dice,
    pending: HashMap<u32, Pending>,
    /// Subscriptions to end, with the machine's number.
    handles: Vec<(usize, u64)>,
}

struct Pending {
    call: Call,
    /// Of the peer, when the call was made.
    restarts: usize,
    since: Instant,
}

impl Caller {
    async fn run(mut self) {
        let mut next = Instant::now();
        while *self.phase.borrow_and_update() != Phase::End {
            let load = *self.phase.borrow() == Phase::Load;
            let room = load && self.pending.len() < self.office.pace.window;
            if room && next <= Instant::now() {
                next = Instant::now() + self.office.pace.pause;
                self.call().await;
            } else {
                self.turn(room.then_some(next)).await;
            }
        }
        for (_, Pending { call, since, .. }) in self.pending.drain() {
            let waited = since.elapsed();
            self.office.ledger.violation(format!("{call:?}: no reply for {waited:?}"));
        }
    }

    /// Whatever comes first; `next` is when a call is due.
    async fn turn(&mut self, next: Option<Instant>) {
        let due = next.unwrap_or_else(Instant::now);
        tokio::select! {
            message = poll_fn(|context| Pin::new(&mut self.incoming).poll_next(context)) => {
                let message = message.expect("the bus keeps the connection").unwrap();
                self.receive(&message);
            }
            Some(time) = self.orders.recv() => sleep(time).await,
            _ = self.phase.changed() => {}
            () = sleep_until(due.into()), if next.is_some() => {}
        }
    }

    async fn call(&mut self) {
        let (call, handle) = self.choose();
        let message = call.message(&mut self.dice, handle);
        self.count(call.kind, 1, 0);
        if call.kind != Kind::Silent {
            let restarts = self.office.ledger.restarts(call.endpoint);
            let serial = message.primary_header().serial_num().get();
            self.pending.insert(serial, Pending { call, restarts, since: Instant::now() });
        }
        self.connection.send(&message).await.expect("the bus takes calls");
    }

    fn choose(&mut self) -> (Call, u64) {
        if let Some((machine, handle)) = self.handles.pop() {
            let endpoint = Endpoint { machine, agent: false };
            return (self.open(Kind::Unsubscribe, endpoint), handle);
        }
        let kind = self.dice.weighed(&KINDS);
        let machine = self.machine();
        let kind = kind.on(machine);
        (self.open(kind, Endpoint { machine, agent: kind.is_for_agent() }), 0)
    }

    /// The calm one is seldom called: only so can it be told how soon it answers.
    fn machine(&mut self) -> usize {
        match self.dice.below(CHARACTERS.len()) {
            CALM if self.dice.below(8) > 0 => CALM + 1,
            machine => machine,
        }
    }

    fn open(&self, kind: Kind, endpoint: Endpoint) -> Call {
        let outcome = if kind == Kind::Silent { Outcome::Silent } else { Outcome::Open };
        Call { kind, endpoint, number: self.office.ledger.open(endpoint, outcome) }
    }

    fn receive(&mut self, message: &Message) {
        if message.message_type() == Type::Signal {
            self.office.tally.lock().unwrap().signals += 1;
            return;
        }
        let serial = message.header().reply_serial().map_or(0, |serial| serial.get());
        let Some(pending) = self.pending.remove(&serial) else {
            return self.office.ledger.violation(format!("a reply too many: {message:?}"));
        };
        self.count(pending.call.kind, 0, 1);
        self.settle(&pending, message);
    }

    fn settle(&mut self, pending: &Pending, message: &Message) {
        let Pending { call, restarts, .. } = pending;
        let ledger = &self.office.ledger;
        match call.judge(message) {
            Ok(outcome) if call.is_seen() => {
                ledger.settle_seen(call.number, outcome);
                // Half of a large request may have left, of a small one all or nothing.
                if outcome == Outcome::Unknown && call.kind != Kind::Set {
                    ledger.owe(call.number, *restarts, call.describe(message));
                }
            }
            Ok(outcome) => ledger.settle(call.number, outcome),
            Err(text) => {
                ledger.settle(call.number, Outcome::Wrong);
                ledger.violation(text);
            }
        }
        if call.kind == Kind::Subscribe
            && let Ok(handle) = message.body().deserialize()
        {
            self.handles.push((call.endpoint.machine, handle));
        }
    }

    fn count(&self, kind: Kind, calls: usize, replies: usize) {
        let mut tally = self.office.tally.lock().unwrap();
        let sum = tally.kinds.entry(kind).or_default();
        *sum = (sum.0 + calls, sum.1 + replies);
    }
}

impl Drop for Caller {
    /// The calls of a caller that was killed have no replies.
    fn drop(&mut self) {
        for Pending { call, .. } in self.pending.values() {
            self.office.ledger.settle(call.number, Outcome::Abandoned);
        }
    }
}
