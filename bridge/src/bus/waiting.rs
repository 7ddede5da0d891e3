//! Calls that wait for their verdict, in the order in which they came.
//!
//! Verdicts come in any order. Calls of one sender to one endpoint are to reach the peer in the
//! order in which they came all the same, so one that is allowed waits for those before it.

use std::collections::{HashMap, VecDeque};

/// Calls that share an order: sender, and what identifies the one who answers.
pub(super) type Lane = (String, usize);

/// Calls by sender and endpoint.
#[derive(Debug)]
pub(super) struct Waiting<C> {
    next: u64,
    lanes: HashMap<Lane, VecDeque<Place<C>>>,
}

#[derive(Debug)]
struct Place<C> {
    id: u64,
    call: C,
    allowed: bool,
}

impl<C> Default for Waiting<C> {
    fn default() -> Self {
        Self { next: 0, lanes: HashMap::new() }
    }
}

impl<C> Waiting<C> {
    /// Whether calls of a lane wait.
    pub(super) fn is_busy(&self, lane: &Lane) -> bool {
        self.lanes.contains_key(lane)
    }

    /// Adds a call behind the others of its lane; one that is `allowed` waits for them only.
    /// `call` makes it, with what names it.
    pub(super) fn add(&mut self, lane: Lane, allowed: bool, call: impl FnOnce(u64) -> C) {
        self.next += 1;
        let (id, call) = (self.next, call(self.next));
        self.lanes.entry(lane).or_default().push_back(Place { id, call, allowed });
    }

    /// Takes a call that is refused out of its lane; nothing if it left before.
    pub(super) fn refused(&mut self, lane: &Lane, id: u64) -> Option<C> {
        let places = self.lanes.get_mut(lane)?;
        let at = places.iter().position(|place| place.id == id)?;
        places.remove(at).map(|place| place.call)
    }

    /// Notes that a call is allowed.
    pub(super) fn allowed(&mut self, lane: &Lane, id: u64) {
        let places = self.lanes.get_mut(lane).into_iter().flatten();
        places.filter(|place| place.id == id).for_each(|place| place.allowed = true);
    }

    /// Takes the first call of a lane if it is allowed.
    pub(super) fn ready(&mut self, lane: &Lane) -> Option<C> {
        let places = self.lanes.get_mut(lane)?;
        let first = places.front().is_some_and(|first| first.allowed).then(|| places.pop_front());
        if places.is_empty() {
            self.lanes.remove(lane);
        }
        first.flatten().map(|place| place.call)
    }

    /// Takes every call of a sender.
    pub(super) fn of_sender(&mut self, sender: &str) -> Vec<C> {
        let gone = self.lanes.extract_if(|(name, _), _| name == sender);
        gone.flat_map(|(_, places)| places).map(|place| place.call).collect()
    }

    /// Takes every call.
    pub(super) fn all(&mut self) -> Vec<C> {
        self.lanes.drain().flat_map(|(_, places)| places).map(|place| place.call).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(sender: &str) -> Lane {
        (sender.into(), 1)
    }

    fn drain(waiting: &mut Waiting<u64>, lane: &Lane) -> Vec<u64> {
        std::iter::from_fn(|| waiting.ready(lane)).collect()
    }

    #[test]
    fn calls_leave_in_their_order_whatever_the_order_of_verdicts() {
        let (mut waiting, lane) = (Waiting::default(), lane(":1.1"));
        (0..4).for_each(|_| waiting.add(lane.clone(), false, |id| id));
        waiting.allowed(&lane, 2);
        assert!(drain(&mut waiting, &lane).is_empty());
        assert_eq!(waiting.refused(&lane, 3), Some(3));
        waiting.allowed(&lane, 1);
        assert_eq!(drain(&mut waiting, &lane), [1, 2]);
        waiting.add(lane.clone(), true, |id| id);
        waiting.allowed(&lane, 4);
        assert_eq!(drain(&mut waiting, &lane), [4, 5]);
        assert!(!waiting.is_busy(&lane));
    }

    #[test]
    fn a_refusal_at_the_front_lets_the_next_ones_go() {
        let (mut waiting, lane) = (Waiting::default(), lane(":1.1"));
        (0..2).for_each(|_| waiting.add(lane.clone(), false, |id| id));
        waiting.allowed(&lane, 2);
        assert_eq!(waiting.refused(&lane, 1), Some(1));
        assert_eq!(drain(&mut waiting, &lane), [2]);
    }

    #[test]
    fn who_leaves_takes_only_his_own_calls_along() {
        let mut waiting = Waiting::default();
        for sender in [":1.1", ":1.2", ":1.1"] {
            waiting.add(lane(sender), false, |id| id);
        }
        assert_eq!(waiting.of_sender(":1.1"), [1, 3]);
        assert_eq!(waiting.refused(&lane(":1.1"), 1), None);
        assert_eq!(waiting.all(), [2]);
    }
}
