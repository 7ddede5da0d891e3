//! Calls that wait for an event after their command (`CallAndWait`).
//!
//! A waiter stands in the list before its command is sent, so the event cannot slip through
//! between the two, and may come before the answer of the command.

use std::{
    cell::LazyCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;

use crate::{
    endpoint::{Budget, Charge, Completion, Outcome, Spent, Unknown},
    transcode::{
        Json, Part,
        shape::{Shape, UNKNOWN},
    },
};

use super::{
    errors::Failure,
    reply::Reply,
    seen::{Filter, Seen},
};

/// The waiters of one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Waiters(Arc<List>);

#[derive(Debug)]
struct List {
    /// Bounds what is kept of answers and events.
    budget: Arc<Budget>,
    next: AtomicU64,
    waiting: Mutex<Vec<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    reply: Reply,
    filter: Filter,
    /// Type of the command's result.
    shape: Shape,
    returned: Option<Kept>,
    seen: Option<Arc<Event>>,
    _timer: Option<Timer>,
}

/// JSON text that waits for what belongs to it.
#[derive(Debug)]
struct Kept {
    text: Vec<u8>,
    _charge: Charge,
}

/// An event, once for all who wait for it.
#[derive(Debug)]
struct Event {
    name: String,
    data: Kept,
}

/// Ends a wait; ended itself with the waiter, since callers decide how many there are.
#[derive(Debug)]
struct Timer(JoinHandle<()>);

impl Waiters {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self(Arc::new(List { budget, next: AtomicU64::new(0), waiting: Mutex::default() }))
    }

    /// Adds a waiter and gives the completion for its command.
    pub(super) fn add(
        &self,
        reply: Reply,
        filter: Filter,
        shape: Shape,
        timeout: Option<Duration>,
    ) -> Completion {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let caller = reply.waiting();
        let mut waiting = self.lock();
        let timer = timeout.map(|timeout| Timer::start(self.clone(), id, timeout));
        waiting.push(Waiter {
            id,
            reply,
            filter,
            shape,
            returned: None,
            seen: None,
            _timer: timer,
        });
        let waiters = self.clone();
        Completion::new(move |outcome| waiters.returned(id, outcome)).of(caller)
    }

    /// Tells of an event.
    pub(super) fn event(&self, seen: &Seen<'_>) {
        let event = LazyCell::new(|| {
            let data = seen.text().map(|text| self.keep(text))?;
            Some(data.map(|data| Arc::new(Event { name: seen.name.to_owned(), data })))
        });
        let mut waiting = self.lock();
        let mut done = Vec::new();
        for at in (0..waiting.len()).rev() {
            let waiter = &mut waiting[at];
            if waiter.seen.is_some() || !waiter.filter.admits(seen) {
                continue;
            }
            match &*event {
                Some(Ok(event)) => waiter.seen = Some(Arc::clone(event)),
                Some(Err(spent)) => done.push((waiting.remove(at), Some(*spent))),
                None => {}
            }
            if waiting.get(at).is_some_and(|it| it.seen.is_some() && it.returned.is_some()) {
                done.push((waiting.remove(at), None));
            }
        }
        drop(waiting);
        for (mut waiter, spent) in done.into_iter().rev() {
            match (spent, waiter.returned.take()) {
                (Some(spent), _) => waiter.without_memory("the event", spent),
                (None, Some(returned)) => waiter.finish(&returned.text),
                (None, None) => {}
            }
        }
    }

    /// Tells that the connection ended: the events of those that wait will never come.
    pub(super) fn disconnected(&self) {
        let (lost, rest) =
            self.lock().drain(..).partition::<Vec<_>, _>(|waiter| waiter.returned.is_some());
        *self.lock() = rest;
        let text = "the command succeeded, and the connection ended before the event";
        let failure = Failure::unknown(Unknown::ConnectionLost, text);
        lost.into_iter().for_each(|waiter| waiter.reply.fail(&failure));
    }

    /// Drops those of a caller who left.
    pub(super) fn forget(&self, caller: &str) {
        let of = |waiter: &Waiter| waiter.reply.caller().is_some_and(|it| it.as_str() == caller);
        // Their replies, which nobody gets, are dropped after the lock.
        let _gone: Vec<_> = self.lock().extract_if(.., |waiter| of(waiter)).collect();
    }

    fn returned(&self, id: u64, outcome: Outcome<'_>) {
        let mut waiting = self.lock();
        let Some(at) = waiting.iter().position(|waiter| waiter.id == id) else { return };
        match Failure::from_outcome(outcome) {
            Ok(value) if waiting[at].seen.is_some() => {
                let waiter = waiting.remove(at);
                drop(waiting);
                waiter.finish(value);
            }
            Ok(value) => match self.keep(value.into()) {
                Ok(kept) => waiting[at].returned = Some(kept),
                Err(spent) => {
                    let waiter = waiting.remove(at);
                    drop(waiting);
                    waiter.without_memory("the command succeeded, and its answer", spent);
                }
            },
            Err(failure) => {
                let waiter = waiting.remove(at);
                drop(waiting);
                waiter.reply.fail(&failure);
            }
        }
    }

    fn expire(&self, id: u64) {
        let mut waiting = self.lock();
        let Some(at) = waiting.iter().position(|waiter| waiter.id == id) else { return };
        let waiter = waiting.remove(at);
        drop(waiting);
        let text = match waiter.returned {
            Some(_) => "the command succeeded, and the event did not come in time",
            None => "neither answer nor event came in time",
        };
        waiter.reply.fail(&Failure::unknown(Unknown::Timeout, text));
    }

    fn keep(&self, text: Vec<u8>) -> Result<Kept, Spent> {
        self.0.budget.charge(text.len()).map(|charge| Kept { text, _charge: charge })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiter>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    fn finish(self, returned: &[u8]) {
        let Some(event) = self.seen else { return };
        let (Ok(result), Ok(data)) = (Json::parse(returned), Json::parse(&event.data.text)) else {
            let text = "the answer is not JSON that the bridge understands";
            return self.reply.fail(&Failure::unknown(Unknown::BadReply, text));
        };
        let name = Json::Str(event.name.as_str().into());
        self.reply.value(&[
            Part { name: "result", shape: self.shape, value: result },
            Part { name: "event", shape: Shape::Str, value: name },
            Part { name: "data", shape: Shape::Object(&UNKNOWN), value: data },
        ]);
    }

    fn without_memory(self, what: &str, spent: Spent) {
        let text = format!("{what}: {spent}");
        self.reply.fail(&Failure::unknown(Unknown::ReplyTooLarge, &text));
    }
}

impl Timer {
    fn start(waiters: Waiters, id: u64, timeout: Duration) -> Self {
        Self(tokio::spawn(async move {
            tokio::time::sleep(timeout).await;
            waiters.expire(id);
        }))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
