//! Who gets which events sent to itself alone (`Subscribe`).

use std::sync::{Mutex, MutexGuard, PoisonError};

use zbus::{
    Message,
    names::{OwnedUniqueName, UniqueName},
};

use super::seen::{Filter, Seen};

/// Subscriptions of one caller, and of all callers, to one endpoint.
const PER_CALLER: usize = 32;
const TOTAL: usize = 256;

/// Events that are held back for a subscriber who does not know the current state yet.
const HELD: usize = 1024;

/// The subscriptions to one endpoint.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    last: u64,
    all: Vec<Subscription>,
}

#[derive(Debug)]
struct Subscription {
    handle: u64,
    caller: OwnedUniqueName,
    filter: Filter,
    /// Signals that wait until the current state is told.
    held: Option<Vec<Message>>,
}

/// One whom an event goes to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) handle: u64,
    pub(super) caller: OwnedUniqueName,
}

impl Subscriptions {
    /// Adds a subscription, which holds events back until [`Self::release`], and gives its handle.
    ///
    /// # Errors
    ///
    /// Which limit is reached, for the caller.
    pub(super) fn add(&self, caller: &UniqueName<'_>, filter: Filter) -> Result<u64, String> {
        let mut list = self.lock();
        let own = list.all.iter().filter(|it| it.caller == *caller).count();
        if own >= PER_CALLER {
            return Err(format!("you have {PER_CALLER} subscriptions; end some by Unsubscribe"));
        }
        if list.all.len() >= TOTAL {
            return Err(format!("the endpoint has {TOTAL} subscriptions"));
        }
        list.last += 1;
        let handle = list.last;
        let caller = caller.to_owned().into();
        list.all.push(Subscription { handle, caller, filter, held: Some(Vec::new()) });
        Ok(handle)
    }

    /// Ends a subscription of this caller; returns whether there was one.
    pub(super) fn remove(&self, caller: &UniqueName<'_>, handle: u64) -> bool {
        let mut list = self.lock();
        let before = list.all.len();
        list.all.retain(|it| it.handle != handle || it.caller != *caller);
        list.all.len() < before
    }

    /// Ends every subscription of a caller who left.
    pub(super) fn forget(&self, caller: &str) {
        self.lock().all.retain(|it| it.caller.as_str() != caller);
    }

    /// Whom an event goes to.
    pub(super) fn targets(&self, seen: &Seen<'_>) -> Vec<Target> {
        self.chosen(|it| it.filter.admits(seen))
    }

    /// Everybody, once for each subscription.
    pub(super) fn everybody(&self) -> Vec<Target> {
        self.chosen(|_| true)
    }

    /// The subscriber, if an event that tells the current state passes its filter.
    pub(super) fn target(&self, handle: u64, seen: &Seen<'_>) -> Option<Target> {
        self.chosen(|it| it.handle == handle && it.filter.admits(seen)).pop()
    }

    /// Holds a signal back if its subscriber does not know the current state yet; else gives it
    /// back.
    pub(super) fn hold(&self, handle: u64, message: Message) -> Option<Message> {
        let mut list = self.lock();
        let found = list.all.iter_mut().find(|it| it.handle == handle);
        match found.and_then(|it| it.held.as_mut()) {
            Some(held) if held.len() < HELD => {
                held.push(message);
                None
            }
            _ => Some(message),
        }
    }

    /// Ends the holding back, and gives what was.
    pub(super) fn release(&self, handle: u64) -> Vec<Message> {
        let mut list = self.lock();
        let found = list.all.iter_mut().find(|it| it.handle == handle);
        found.and_then(|it| it.held.take()).unwrap_or_default()
    }

    fn chosen(&self, wanted: impl Fn(&Subscription) -> bool) -> Vec<Target> {
        let list = self.lock();
        let chosen = list.all.iter().filter(|it| wanted(it));
        chosen.map(|it| Target { handle: it.handle, caller: it.caller.clone() }).collect()
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
