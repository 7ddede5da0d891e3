//! Whether a peer behaves: how much it may send that nobody asked for or understands.

use std::time::Duration;

use tokio::time::Instant;

/// Messages that the protocol does not allow and that are forgiven at once.
const BREACHES: f64 = 8.0;

/// After so long without one, another is forgiven; a peer that was over a budget behaves again
/// after as long a time without offence.
const QUIET: Duration = Duration::from_secs(10);

/// What is held against a peer, over all its connections: one that is thrown out for each piece of
/// garbage and comes back with the next does not behave.
#[derive(Debug)]
pub(super) struct Conduct {
    credit: f64,
    at: Option<Instant>,
    until: Option<Instant>,
}

impl Conduct {
    pub(super) fn new() -> Self {
        Self { credit: BREACHES, at: None, until: None }
    }

    /// The peer sent what the protocol does not allow.
    pub(super) fn breach(&mut self, now: Instant) {
        let idle = self.at.map_or(Duration::ZERO, |at| now.duration_since(at));
        let forgiven = idle.as_secs_f64() / QUIET.as_secs_f64();
        self.credit = (self.credit + forgiven).min(BREACHES) - 1.0;
        self.at = Some(now);
        if self.credit < 0.0 {
            self.credit = 0.0;
            self.offend(now);
        }
    }

    /// The peer is over a budget until then at least.
    pub(super) fn offend(&mut self, until: Instant) {
        self.until = until.checked_add(QUIET).max(self.until);
    }

    /// Whether the peer was over a budget lately.
    pub(super) fn is_bad(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// When the peer behaves again, if it does not now.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::{BREACHES, Conduct, Duration, Instant, QUIET};

    #[test]
    fn a_breach_is_forgiven_up_to_a_budget_and_after_a_quiet_time() {
        let start = Instant::now();
        let mut conduct = Conduct::new();
        (0..BREACHES as usize).for_each(|_| conduct.breach(start));
        assert!(!conduct.is_bad(start));
        conduct.breach(start);
        assert!(conduct.is_bad(start));
        assert_eq!(conduct.deadline(start), Some(start + QUIET));
        assert!(!conduct.is_bad(start + QUIET));
        conduct.breach(start + QUIET);
        assert!(!conduct.is_bad(start + QUIET), "one is forgiven meanwhile");
        conduct.breach(start + QUIET);
        assert!(conduct.is_bad(start + QUIET));
    }

    #[test]
    fn the_latest_offence_counts() {
        let start = Instant::now();
        let mut conduct = Conduct::new();
        let second = Duration::from_secs(1);
        conduct.offend(start + second);
        conduct.offend(start);
        assert_eq!(conduct.deadline(start), Some(start + second + QUIET));
    }
}
