//! How much a guest may send that nobody asked for. Above it the socket is not read for a while:
//! the guest waits, not the bridge.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes a second that are forgiven.
const REFILL: f64 = (8 << 20) as f64;
/// Bytes above the longest answer that are forgiven at once: an agent that nobody read for a while
/// has tens of megabytes to tell before it is in step.
const BURST: usize = 64 << 20;
/// How long the socket is not read at least: a pause a message would be no pause.
const PAUSE: Duration = Duration::from_millis(100);

/// A bucket of bytes.
#[derive(Debug)]
pub(super) struct Meter {
    capacity: f64,
    credit: f64,
    at: Instant,
}

impl Meter {
    /// What a message costs besides its bytes: small ones cost work too.
    pub(super) const MESSAGE: usize = 1024;

    /// A full bucket. The longest answer fits, because it is charged until it is complete.
    pub(super) fn new(longest: usize, now: Instant) -> Self {
        let capacity = longest.saturating_add(BURST) as f64;
        Self { capacity, credit: capacity, at: now }
    }

    /// Takes from the bucket.
    pub(super) fn charge(&mut self, bytes: usize, now: Instant) {
        let refill = now.duration_since(self.at).as_secs_f64() * REFILL;
        self.credit = (self.credit + refill).min(self.capacity) - bytes as f64;
        self.at = now;
    }

    /// Gives back what an answer that was waited for cost.
    pub(super) fn refund(&mut self, bytes: usize) {
        self.credit = (self.credit + bytes as f64).min(self.capacity);
    }

    /// Until when nothing is to be read, if the bucket was empty lately.
    pub(super) fn pause(&self, now: Instant) -> Option<Instant> {
        if self.credit >= 0.0 {
            return None;
        }
        let debt = Duration::from_secs_f64(-self.credit / REFILL).max(PAUSE);
        let end = self.at.checked_add(debt)?;
        (now < end).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Duration, Instant, Meter};

    #[test]
    fn answers_cost_nothing_and_the_rest_only_beyond_the_capacity() {
        let now = Instant::now();
        let mut meter = Meter::new(1 << 20, now);
        for _ in 0..100 {
            meter.charge(1 << 20, now);
            meter.refund(1 << 20);
        }
        assert_eq!(meter.pause(now), None);
        meter.charge((1 << 20) + BURST, now);
        assert_eq!(meter.pause(now), None);
        meter.charge(1, now);
        assert_eq!(meter.pause(now), Some(now + Duration::from_millis(100)));
    }

    #[test]
    fn a_pause_ends_and_its_debt_is_forgiven() {
        let now = Instant::now();
        let mut meter = Meter::new(0, now);
        meter.charge((16 << 20) + BURST, now);
        let end = meter.pause(now).unwrap();
        assert_eq!(end, now + Duration::from_secs(2));
        assert_eq!(meter.pause(end), None);
        meter.charge(0, end);
        assert_eq!(meter.pause(end), None);
    }
}
