//! Calls that wait for an event after their command (`CallAndWait`).
//!
//! A waiter stands in the list before its command is sent, so the event cannot slip through
//! between the two, and may come before the answer of the command.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    endpoint::{Completion, Outcome, Unknown},
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
#[derive(Clone, Debug, Default)]
pub(super) struct Waiters(Arc<List>);

#[derive(Debug, Default)]
struct List {
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
    returned: Option<Vec<u8>>,
    seen: Option<(String, Vec<u8>)>,
}

impl Waiters {
    /// Adds a waiter and gives the completion for its command.
    pub(super) fn add(
        &self,
        reply: Reply,
        filter: Filter,
        shape: Shape,
        timeout: Option<Duration>,
    ) -> Completion {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let caller = reply.caller().map(|caller| caller.as_str().to_owned());
        let waiter = Waiter { id, reply, filter, shape, returned: None, seen: None };
        self.lock().push(waiter);
        if let Some(timeout) = timeout {
            let waiters = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(timeout).await;
                waiters.expire(id);
            });
        }
        let waiters = self.clone();
        Completion::new(move |outcome| waiters.returned(id, outcome)).of(caller)
    }

    /// Tells of an event.
    pub(super) fn event(&self, seen: &Seen<'_>) {
        let mut waiting = self.lock();
        let mut done = Vec::new();
        for at in (0..waiting.len()).rev() {
            let waiter = &mut waiting[at];
            if waiter.seen.is_none() && waiter.filter.admits(seen) {
                waiter.seen = seen.text().map(|data| (seen.name.to_owned(), data));
                if waiter.seen.is_some() && waiter.returned.is_some() {
                    done.push(waiting.remove(at));
                }
            }
        }
        drop(waiting);
        done.into_iter().rev().for_each(Waiter::finish);
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
            Ok(value) if waiting[at].seen.is_none() => waiting[at].returned = Some(value.into()),
            Ok(value) => {
                let mut waiter = waiting.remove(at);
                drop(waiting);
                waiter.returned = Some(value.into());
                waiter.finish();
            }
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

    fn lock(&self) -> MutexGuard<'_, Vec<Waiter>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    fn finish(self) {
        let (Some(returned), Some((event, data))) = (self.returned, self.seen) else { return };
        let (Ok(result), Ok(data)) = (Json::parse(&returned), Json::parse(&data)) else {
            let text = "the answer is not JSON that the bridge understands";
            return self.reply.fail(&Failure::unknown(Unknown::BadReply, text));
        };
        self.reply.value(&[
            Part { name: "result", shape: self.shape, value: result },
            Part { name: "event", shape: Shape::Str, value: Json::Str(event.into()) },
            Part { name: "data", shape: Shape::Object(&UNKNOWN), value: data },
        ]);
    }
}
