//! Every call of a soak: where it went, whether it arrived, what became of it.
//!
//! A soak makes millions of calls, so that each takes three bytes here.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// No reply yet.
    Open,
    /// No reply is wanted.
    Silent,
    /// It succeeded.
    Success,
    /// The peer refused it.
    Peer,
    /// The arguments or the method are wrong.
    Refused,
    /// A limit of the bridge was reached.
    Limits,
    /// No byte reached the peer.
    NotSent,
    /// Sent, outcome unknown.
    Unknown,
    /// The caller was killed before the reply.
    Abandoned,
    /// The reply cannot be one to this call.
    Wrong,
}

/// One socket of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Number of the machine.
    pub(crate) machine: usize,
    /// Whether it is the agent's.
    pub(crate) agent: bool,
}

/// The calls so far, and what is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Book>);

/// What the ledger comes to.
#[derive(Debug)]
pub(crate) struct Sum {
    /// Calls by outcome.
    pub(crate) outcomes: BTreeMap<Outcome, usize>,
    /// What is wrong, as far as it was kept, and how much there was.
    pub(crate) violations: (Vec<String>, usize),
}

#[derive(Debug, Default)]
struct Book {
    calls: Vec<Call>,
    /// How often each scripted peer ended a connection, which loses what it did not read.
    restarts: BTreeMap<u8, Arc<AtomicUsize>>,
    /// Calls that a peer has to see yet, because the bridge says that they were sent, unless it
    /// was restarted more often than so.
    owed: Vec<Owed>,
    violations: Vec<String>,
    count: usize,
}

#[derive(Debug)]
struct Owed {
    number: usize,
    restarts: usize,
    error: String,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    endpoint: u8,
    arrived: u8,
    outcome: Outcome,
}

impl Ledger {
    /// A new call to an endpoint; its number is its tag.
    pub(crate) fn open(&self, endpoint: Endpoint, outcome: Outcome) -> usize {
        let mut book = self.lock();
        book.calls.push(Call { endpoint: endpoint.index(), arrived: 0, outcome });
        book.calls.len() - 1
    }

    /// Counts the restarts of a scripted peer.
    pub(crate) fn follow(&self, endpoint: Endpoint, restarts: Arc<AtomicUsize>) {
        self.lock().restarts.insert(endpoint.index(), restarts);
    }

    /// How often the peer of an endpoint was restarted.
    pub(crate) fn restarts(&self, endpoint: Endpoint) -> usize {
        self.lock().restarts(endpoint.index())
    }

    /// A call reached a scripted peer.
    pub(crate) fn arrived(&self, endpoint: Endpoint, number: usize) {
        let mut book = self.lock();
        let Some(call) = book.calls.get_mut(number) else {
            return book.violation(format!("{endpoint}: call {number} was never made"));
        };
        call.arrived = call.arrived.saturating_add(1);
        let call = *call;
        if call.endpoint != endpoint.index() {
            book.violation(format!("{endpoint}: call {number} is for another endpoint"));
        }
        if call.arrived > 1 {
            book.violation(format!("{endpoint}: call {number} arrived {} times", call.arrived));
        }
        if matches!(call.outcome, Outcome::NotSent | Outcome::Limits | Outcome::Refused) {
            book.violation(format!("{endpoint}: call {number}: {:?}, but it came", call.outcome));
        }
    }

    /// A call that carries its number to a scripted peer got its reply.
    pub(crate) fn settle_seen(&self, number: usize, outcome: Outcome) {
        let mut book = self.lock();
        match (outcome, book.calls[number].arrived) {
            (Outcome::NotSent | Outcome::Limits | Outcome::Refused, 1..) => {
                book.violation(format!("call {number}: {outcome:?}, but the peer has seen it"));
            }
            (Outcome::Success | Outcome::Peer, 0) => {
                book.violation(format!("call {number}: {outcome:?}, but the peer never saw it"));
            }
            _ => {}
        }
        book.calls[number].outcome = outcome;
    }

    /// A call whose outcome is unknown was sent whole, as its error says: the peer has to see it
    /// by the end, unless it is restarted more often than `restarts` until then.
    pub(crate) fn owe(&self, number: usize, restarts: usize, error: String) {
        self.lock().owed.push(Owed { number, restarts, error });
    }

    /// A call got its reply.
    pub(crate) fn settle(&self, number: usize, outcome: Outcome) {
        self.lock().calls[number].outcome = outcome;
    }

    /// How many calls were made.
    pub(crate) fn calls(&self) -> usize {
        self.lock().calls.len()
    }

    /// How many calls have no reply yet.
    pub(crate) fn unanswered(&self) -> usize {
        self.lock().calls.iter().filter(|call| call.outcome == Outcome::Open).count()
    }

    /// Something is wrong.
    pub(crate) fn violation(&self, text: impl Display) {
        self.lock().violation(text.to_string());
    }

    /// Everything is over: what is wrong by now stays so.
    pub(crate) fn close(&self) -> Sum {
        let mut book = self.lock();
        for Owed { number, restarts, error } in std::mem::take(&mut book.owed) {
            let Call { endpoint, arrived, .. } = book.calls[number];
            if arrived == 0 && book.restarts(endpoint) == restarts {
                book.violation(format!("call {number} never arrived: {error}"));
            }
        }
        let mut outcomes = BTreeMap::new();
        for call in &book.calls {
            *outcomes.entry(call.outcome).or_default() += 1;
        }
        Sum { outcomes, violations: (std::mem::take(&mut book.violations), book.count) }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap()
    }
}

/// Violations that are kept; more say no more.
const KEPT: usize = 40;

impl Book {
    fn restarts(&self, endpoint: u8) -> usize {
        self.restarts.get(&endpoint).map_or(0, |it| it.load(Ordering::Relaxed))
    }

    fn violation(&mut self, text: String) {
        self.count += 1;
        if self.violations.len() < KEPT {
            println!("VIOLATION {text}");
            self.violations.push(text);
        }
    }
}

impl Endpoint {
    fn index(self) -> u8 {
        (self.machine * 2 + usize::from(self.agent)) as u8
    }
}

impl Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "vm{} {}", self.machine, if self.agent { "agent" } else { "monitor" })
    }
}
