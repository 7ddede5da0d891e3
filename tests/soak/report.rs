//! What a soak came to.

use super::{
    caller::Tally,
    fault::Fault,
    ledger::{Outcome, Sum},
    watch::{Samples, Times},
};
use qapi_dbus_tests::process::Usage;
use std::{collections::BTreeMap, fmt, time::Duration};

/// What a soak came to.
#[derive(Debug)]
pub(crate) struct Report {
    /// Time of load and faults.
    pub(crate) time: Duration,
    /// Answers of the calm machine.
    pub(crate) times: Times,
    /// The bridge's use of memory.
    pub(crate) samples: Samples,
    /// Faults by kind.
    pub(crate) faults: BTreeMap<Fault, usize>,
    /// The slowest endpoint, after the load.
    pub(crate) slowest: Duration,
    /// What the bridge used before the load.
    pub(crate) before: Usage,
    /// And after it.
    pub(crate) after: Usage,
    /// Whether the bridge is the same on the bus.
    pub(crate) same_owner: bool,
    /// What the bridge said.
    pub(crate) log: String,
    /// The calls.
    pub(crate) sum: Sum,
    /// What the callers did.
    pub(crate) tally: Tally,
}

/// Memory at the end over that of the first minute, in percent, at most.
const GROWTH: u64 = 110;

/// How soon each endpoint answers when all is over.
const SOON: Duration = Duration::from_millis(100);

impl Report {
    /// What is not as it has to be. Memory is compared where `long` says that there was a first
    /// minute and a last one.
    pub(crate) fn failures(&self, long: bool) -> Vec<String> {
        let (first, last) = self.samples.medians();
        let (violations, count) = &self.sum.violations;
        let open = self.sum.outcomes.get(&Outcome::Open).copied().unwrap_or(0);
        let (before, after) = (self.before.descriptors, self.after.descriptors);
        let panicked = ["panicked", "internal error"].iter().any(|it| self.log.contains(it));
        let checks = [
            (*count > 0, format!("{count} violations, the first: {:?}", violations.first())),
            (open > 0, format!("{open} calls without a reply")),
            (panicked, "the bridge tells of an internal error".to_owned()),
            (!self.same_owner, "the bridge is another one on the bus".to_owned()),
            (after > before, format!("{after} descriptors where {before} were")),
            (self.slowest > SOON, format!("an endpoint answers after {:?}", self.slowest)),
            (long && last * 100 > first * GROWTH, format!("{first} KiB grew to {last}")),
        ];
        checks.into_iter().filter_map(|(failed, text)| failed.then_some(text)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.samples.medians();
        let seconds = self.time.as_secs_f64();
        let (calls, replies) = self.total();
        let spent = self.after.time - self.before.time;
        writeln!(f, "| what | value |\n| --- | --- |")?;
        writeln!(f, "| calls | {calls}, {:.0} a second |", calls as f64 / seconds)?;
        writeln!(f, "| replies | {replies} |")?;
        for (outcome, count) in &self.sum.outcomes {
            writeln!(f, "| calls: {outcome:?} | {count} |")?;
        }
        for (kind, (calls, replies)) in &self.tally.kinds {
            writeln!(f, "| {kind:?} | {calls}, {replies} replies |")?;
        }
        writeln!(f, "| signals | {} |", self.tally.signals)?;
        for (fault, count) in &self.faults {
            writeln!(f, "| fault: {fault:?} | {count} |")?;
        }
        let [half, most, all] = [50, 99, 100].map(|percent| self.times.percentile(percent));
        writeln!(f, "| ping of the calm machine | p50 {half:?}, p99 {most:?}, longest {all:?} |")?;
        writeln!(f, "| slowest endpoint at the end | {:?} |", self.slowest)?;
        let ratio = last as f64 / first as f64;
        writeln!(f, "| memory, KiB | first {first}, last {last}, ratio {ratio:.3} |")?;
        let [before, after] = [self.before, self.after].map(|usage| usage.memory);
        writeln!(f, "| before, peak, after | {before}, {}, {after} |", self.after.peak)?;
        writeln!(f, "| descriptors | {}, {} |", self.before.descriptors, self.after.descriptors)?;
        writeln!(f, "| time of the processor | {spent:?} |")?;
        writeln!(f, "| violations | {} |", self.sum.violations.1)
    }
}

impl Report {
    fn total(&self) -> (usize, usize) {
        let kinds = self.tally.kinds.values();
        kinds.fold((0, 0), |sum, kind: &(usize, usize)| (sum.0 + kind.0, sum.1 + kind.1))
    }
}
