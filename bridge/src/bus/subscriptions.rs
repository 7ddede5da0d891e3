//! Who gets which events sent to itself alone (`Subscribe`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::{
    Message,
    names::{OwnedUniqueName, UniqueName},
};

use crate::endpoint::{Budget, Charge};

use super::{
    limits::Limits,
    queue,
    seen::{Filter, Seen},
};

/// Events that are held back for a subscriber who does not know the current state yet, and bytes
/// of their signals: the peer decides how large an event is, and how long it takes to answer.
const HELD: usize = 1024;
const HELD_BYTES: usize = 1 << 20;

/// The subscriptions to one endpoint.
#[derive(Debug)]
pub(super) struct Subscriptions {
    list: Mutex<List>,
    most: usize,
    most_per_caller: usize,
    /// Of all signals; a part of it bounds what is held back.
    signals: Arc<Budget>,
}

#[derive(Debug, Default)]
struct List {
    last: u64,
    all: Vec<Subscription>,
    budget: Option<Arc<Budget>>,
}

#[derive(Debug)]
struct Subscription {
    handle: u64,
    caller: OwnedUniqueName,
    filter: Filter,
    /// Signals that wait until the current state is told.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    messages: Vec<Message>,
    bytes: usize,
    charge: Charge,
}

/// One whom an event goes to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) handle: u64,
    pub(super) caller: OwnedUniqueName,
}

impl Subscriptions {
    pub(super) fn new(signals: Arc<Budget>, limits: &Limits) -> Self {
        let (most, most_per_caller) = (limits.subscriptions, limits.subscriptions_per_caller);
        Self { list: Mutex::default(), most, most_per_caller, signals }
    }

    /// Adds a subscription, which holds events back until [`Self::release`], and gives its handle.
    ///
    /// # Errors
    ///
    /// Which limit is reached, for the caller.
    pub(super) fn add(&self, caller: &UniqueName<'_>, filter: Filter) -> Result<u64, String> {
        let mut list = self.lock();
        let own = list.all.iter().filter(|it| it.caller == *caller).count();
        let Self { most, most_per_caller, .. } = self;
        if own >= *most_per_caller {
            return Err(format!(
                "you have {most_per_caller} subscriptions; end some by Unsubscribe"
            ));
        }
        if list.all.len() >= *most {
            return Err(format!("the endpoint has {most} subscriptions"));
        }
        list.last += 1;
        let handle = list.last;
        let caller = caller.to_owned().into();
        let budget = list.budget.get_or_insert_with(|| self.signals.share());
        let held = Held { messages: Vec::new(), bytes: 0, charge: budget.nothing() };
        list.all.push(Subscription { handle, caller, filter, held: Some(held) });
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

    /// Ends all of them.
    pub(super) fn clear(&self) {
        self.lock().all.clear();
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

    /// Holds a signal back if its subscriber does not know the current state yet, and gives what
    /// may leave: the signal itself, or what was held with it where that is too much to wait.
    pub(super) fn hold(&self, handle: u64, message: Message) -> Vec<Message> {
        let mut list = self.lock();
        let found = list.all.iter_mut().find(|it| it.handle == handle);
        let Some(waiting) = found.map(|it| &mut it.held) else { return vec![message] };
        let Some(held) = waiting else { return vec![message] };
        if held.push(message) {
            return Vec::new();
        }
        waiting.take().map_or(Vec::new(), |held| held.messages)
    }

    /// Ends the holding back, and gives what was.
    pub(super) fn release(&self, handle: u64) -> Vec<Message> {
        let mut list = self.lock();
        let found = list.all.iter_mut().find(|it| it.handle == handle);
        found.and_then(|it| it.held.take()).map_or(Vec::new(), |held| held.messages)
    }

    fn chosen(&self, wanted: impl Fn(&Subscription) -> bool) -> Vec<Target> {
        let list = self.lock();
        let chosen = list.all.iter().filter(|it| wanted(it));
        chosen.map(|it| Target { handle: it.handle, caller: it.caller.clone() }).collect()
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Adds a signal; returns whether it is bearable to wait with it.
    fn push(&mut self, message: Message) -> bool {
        let size = queue::size(&message);
        self.messages.push(message);
        self.bytes += size;
        self.messages.len() <= HELD && self.bytes <= HELD_BYTES && self.charge.grow(size).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (Subscriptions, u64) {
        let subscriptions = Subscriptions::new(Budget::new(), &Limits::default());
        let filter = Filter { events: Vec::new(), data: b"{}".to_vec() };
        let caller = UniqueName::try_from(":1.5").unwrap();
        let handle = subscriptions.add(&caller, filter).unwrap();
        (subscriptions, handle)
    }

    fn signal(size: usize) -> Message {
        Message::signal("/x", "x.y", "Z").build(&"x".repeat(size)).unwrap()
    }

    #[test]
    fn events_wait_for_the_current_state_in_order() {
        let (subscriptions, handle) = opened();
        assert!(subscriptions.hold(handle, signal(1)).is_empty());
        assert!(subscriptions.hold(handle, signal(2)).is_empty());
        let sizes: Vec<_> =
            subscriptions.release(handle).iter().map(|it| it.body().len()).collect();
        assert!(sizes.len() == 2 && sizes[0] < sizes[1]);
        assert_eq!(subscriptions.hold(handle, signal(3)).len(), 1);
    }

    #[test]
    fn what_is_held_is_bounded_in_number_and_bytes() {
        let (subscriptions, handle) = opened();
        (0..HELD).for_each(|_| assert!(subscriptions.hold(handle, signal(1)).is_empty()));
        assert_eq!(subscriptions.hold(handle, signal(1)).len(), HELD + 1);
        assert_eq!(subscriptions.hold(handle, signal(1)).len(), 1);
        let (subscriptions, handle) = opened();
        assert!(subscriptions.hold(handle, signal(HELD_BYTES / 2)).is_empty());
        assert_eq!(subscriptions.hold(handle, signal(HELD_BYTES / 2)).len(), 2);
    }
}
