//! What an operator of many machines wants to know of each: what happened, and how often.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Requests submitted, those of the bridge itself to compare schemas among them.
    Calls,
    /// Of these, the ones that the peer did.
    Returned,
    /// Those that the peer refused.
    PeerErrors,
    /// Those of which no byte left.
    NotSent,
    /// Those whose outcome is unknown.
    Unknown,
    /// Connections to the socket.
    Connections,
    /// Times that an agent's channel was brought back in step.
    Resyncs,
    /// Messages that nobody could understand.
    Garbage,
    /// Replies that answer nothing.
    Unsolicited,
    /// Events of the peer.
    Events,
    /// Of these, the ones that came too fast or were too large.
    EventsDropped,
    /// Panics that were contained.
    InternalErrors,
}

/// The names under which counts are told.
const NAMES: [(Count, &str); 12] = [
    (Count::Calls, "calls"),
    (Count::Returned, "returned"),
    (Count::PeerErrors, "peer-errors"),
    (Count::NotSent, "not-sent"),
    (Count::Unknown, "unknown"),
    (Count::Connections, "connections"),
    (Count::Resyncs, "resyncs"),
    (Count::Garbage, "garbage"),
    (Count::Unsolicited, "unsolicited"),
    (Count::Events, "events"),
    (Count::EventsDropped, "events-dropped"),
    (Count::InternalErrors, "internal-errors"),
];

/// Between lines of the log that one peer can cause.
const PAUSE: Duration = Duration::from_secs(1);

/// The account of one endpoint, over all its connections.
#[derive(Debug, Default)]
pub struct Account {
    counts: [AtomicU64; NAMES.len()],
    log: Pace,
}

/// The pace of lines of the log that somebody else decides how many there would be of: one a
/// second.
#[derive(Debug, Default)]
pub struct Pace(Mutex<Option<Instant>>);

impl Account {
    /// Counts one.
    pub fn count(&self, what: Count) {
        self.add(what, 1);
    }

    /// Counts several.
    pub fn add(&self, what: Count, number: u64) {
        // Each count stands for itself: nothing else is read by what it says.
        self.counts[what as usize].fetch_add(number, Ordering::Relaxed);
    }

    /// All counts with their names.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.iter().map(|&(what, name)| (name, self.counts[what as usize].load(Ordering::Relaxed)))
    }

    /// Whether the log may be told now of what the peer did.
    pub fn may_tell(&self) -> bool {
        self.log.is_due()
    }
}

impl Pace {
    /// Whether a line may be said now; if so, none may for a second.
    pub fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told.is_none_or(|told| now.duration_since(told) >= PAUSE);
        if due {
            *told = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Count, NAMES};

    #[test]
    fn each_count_has_a_place_and_a_name_of_its_own() {
        let account = Account::default();
        for (at, (what, name)) in NAMES.into_iter().enumerate() {
            assert_eq!(what as usize, at);
            (0..=at).for_each(|_| account.count(what));
            assert_eq!(
                account.counts().find(|(told, _)| *told == name),
                Some((name, at as u64 + 1))
            );
        }
        assert_eq!(Count::InternalErrors as usize, NAMES.len() - 1);
    }

    #[test]
    fn the_log_is_told_once_a_second() {
        let account = Account::default();
        assert!(account.may_tell());
        assert!(!account.may_tell());
    }
}
