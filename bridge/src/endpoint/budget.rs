//! Bytes in flight: one bound for the process, whoever would fill its memory.
//!
//! Each place that keeps bytes of a peer or of a caller holds a [`Charge`] for them, and does
//! without them when none is to be had.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// How often an answer is in memory while it is turned into a message to the bus: as the line, as
/// the body, and as the message into which zbus copies the body.
pub(super) const COPIES: usize = 3;

/// What is never refused although it counts: so small that the bounds on its number bound it. A
/// budget that others used up must not stop `query-status`, nor the error that tells so.
const SMALL: usize = 8 << 10;

/// A bound on bytes, and how many are used.
#[derive(Debug)]
pub struct Budget {
    rule: Rule,
    /// Bytes of a charge that is never refused.
    small: usize,
    used: AtomicUsize,
    /// The budget of which this is a part.
    whole: Option<Arc<Budget>>,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    AtMost(usize),
    /// So much that the copies fit into what then stays free in the whole.
    Fair,
}

/// Bytes of a budget, given back when dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

/// A budget is used up; the text says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    wanted: usize,
    free: usize,
    /// Of the whole.
    limit: usize,
}

impl Budget {
    /// Bytes in flight in all; with what the process needs besides it stays below 64 MiB.
    pub const DEFAULT: usize = 48 << 20;

    /// The budget of a process.
    pub fn new() -> Arc<Self> {
        Self::with_limit(Self::DEFAULT)
    }

    /// A budget of so many bytes.
    pub fn with_limit(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            rule: Rule::AtMost(limit),
            small: SMALL,
            used: AtomicUsize::new(0),
            whole: None,
        })
    }

    /// A part with a bound of its own, which refuses the small as well: for what nothing else
    /// bounds in number.
    pub fn part(self: &Arc<Self>, limit: usize) -> Arc<Self> {
        self.inner(Rule::AtMost(limit), 0)
    }

    /// A part with half of it, in which the small is not refused either.
    pub fn half(self: &Arc<Self>) -> Arc<Self> {
        let Rule::AtMost(limit) = self.rule else { return self.share() };
        self.inner(Rule::AtMost(limit / 2), self.small)
    }

    /// A part for one of many, who may use half of what then stays free for the others: however
    /// many take what they can get, there is always some left for the next one, and what is kept
    /// can be turned into a message of the same size.
    pub fn share(self: &Arc<Self>) -> Arc<Self> {
        self.inner(Rule::Fair, self.small)
    }

    /// Bytes that are not used.
    pub fn free(&self) -> usize {
        let whole = self.whole.as_ref().map_or(usize::MAX, |whole| whole.free());
        let used = self.used.load(Ordering::Relaxed);
        match self.rule {
            Rule::AtMost(limit) => limit.saturating_sub(used).min(whole),
            Rule::Fair => whole.saturating_sub((COPIES - 1) * used) / COPIES,
        }
    }

    /// A charge of so many bytes.
    ///
    /// # Errors
    ///
    /// The budget is used up.
    pub fn charge(self: &Arc<Self>, bytes: usize) -> Result<Charge, Spent> {
        let free = self.free();
        if bytes > self.small.max(free) {
            return Err(self.spent(bytes, free));
        }
        let mut charge = self.nothing();
        charge.add(bytes);
        Ok(charge)
    }

    /// A charge of no bytes.
    pub fn nothing(self: &Arc<Self>) -> Charge {
        Charge { budget: Arc::clone(self), bytes: 0 }
    }

    fn inner(self: &Arc<Self>, rule: Rule, small: usize) -> Arc<Self> {
        let whole = Some(Arc::clone(self));
        Arc::new(Self { rule, small, used: AtomicUsize::new(0), whole })
    }

    fn spent(&self, wanted: usize, free: usize) -> Spent {
        let whole = self.around().last();
        let limit = match whole.map_or(self.rule, |whole| whole.rule) {
            Rule::AtMost(limit) => limit,
            Rule::Fair => usize::MAX,
        };
        Spent { wanted, free, limit }
    }

    /// This budget and those of which it is a part.
    fn around(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |budget| budget.whole.as_deref())
    }
}

impl Charge {
    /// Makes the charge larger.
    ///
    /// # Errors
    ///
    /// The budget is used up; the charge is unchanged.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Spent> {
        let free = self.budget.free();
        if bytes > free {
            return Err(self.budget.spent(bytes, free));
        }
        self.add(bytes);
        Ok(())
    }

    /// Gives all bytes back.
    pub fn clear(&mut self) {
        for budget in self.budget.around() {
            budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
        }
        self.bytes = 0;
    }

    fn add(&mut self, bytes: usize) {
        for budget in self.budget.around() {
            budget.used.fetch_add(bytes, Ordering::Relaxed);
        }
        self.bytes += bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, free, limit } = self;
        write!(
            f,
            "{wanted} bytes are above the {free} that are left of the bridge's memory budget for \
             messages in flight, {limit}; ask for less at a time, or again later"
        )
    }
}

impl std::error::Error for Spent {}

#[cfg(test)]
mod tests {
    use super::{Budget, SMALL};

    const LIMIT: usize = 1 << 20;

    #[test]
    fn all_of_it_can_be_used_and_no_byte_more() {
        let budget = Budget::with_limit(LIMIT);
        let half = budget.charge(LIMIT / 2).unwrap();
        assert!(budget.charge(LIMIT / 2 + 1).is_err());
        let rest = budget.charge(LIMIT / 2).unwrap();
        assert_eq!(budget.free(), 0);
        drop((half, rest));
        assert_eq!(budget.free(), LIMIT);
    }

    #[test]
    fn the_small_is_never_refused_but_counted() {
        let budget = Budget::with_limit(LIMIT);
        let all = budget.charge(LIMIT).unwrap();
        let small = budget.share().charge(SMALL).unwrap();
        assert!(budget.charge(SMALL + 1).is_err());
        drop(all);
        assert_eq!(budget.free(), LIMIT - SMALL);
        drop(small);
    }

    #[test]
    fn a_part_is_bounded_by_itself_and_by_the_whole() {
        let budget = Budget::with_limit(LIMIT);
        let part = budget.part(LIMIT / 4);
        assert!(part.charge(LIMIT / 4 + 1).is_err());
        let own = part.charge(LIMIT / 4).unwrap();
        assert!(part.charge(1).is_err());
        assert_eq!(budget.free(), LIMIT / 4 * 3);
        drop(own);
        let others = budget.charge(LIMIT - 10).unwrap();
        assert!(part.charge(11).is_err());
        assert!(part.charge(10).is_ok());
        drop(others);
    }

    #[test]
    fn one_of_many_leaves_twice_as_much_to_the_others() {
        let budget = Budget::with_limit(LIMIT);
        let (first, second) = (budget.share(), budget.share());
        let mut one = first.nothing();
        one.grow(LIMIT / 6).unwrap();
        let another = first.charge(LIMIT / 6).unwrap();
        assert!(one.grow(2).is_err());
        let left = LIMIT - 2 * (LIMIT / 6);
        assert!(second.charge(left / 3 + 1).is_err());
        let other = second.charge(left / 3).unwrap();
        assert_eq!(budget.free(), left - left / 3);
        one.clear();
        drop((another, other));
        assert_eq!(budget.free(), LIMIT);
    }
}
