//! What was measured, as a table.

use super::{IDLE, Memory, Plan};
use std::{fmt, time::Duration};

/// What many machines cost.
#[derive(Debug)]
pub(crate) struct Report {
    pub(super) plan: Plan,
    pub(super) named: Duration,
    pub(super) start: Duration,
    pub(super) small: Memory,
    pub(super) rest: Memory,
    pub(super) peak: u64,
    /// At rest.
    pub(crate) wake_ups: u64,
    pub(super) listing: Vec<Duration>,
    /// Machines that are listed, the one that never greets among them.
    pub(crate) listed: usize,
    pub(super) bytes: usize,
    pub(super) events: Duration,
    /// Machines of which no event arrived.
    pub(crate) lost: usize,
    pub(super) plugged: Vec<Duration>,
}

impl Report {
    /// Bytes that one machine takes: resident, and with what is shared divided.
    fn bytes_each(&self) -> [u64; 2] {
        let machines = (self.plan.machines + self.plan.qemu) as u64;
        let (small, rest) = (self.small, self.rest);
        [(small.rss, rest.rss), (small.pss, rest.pss)]
            .map(|(small, rest)| rest.saturating_sub(small) * 1024 / machines)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { machines, agents, qemu } = self.plan;
        let [rss, pss] = self.bytes_each();
        let mut row = |what: &str, value: String| writeln!(f, "| {what} | {value} |");
        row(
            "machines",
            format!("{machines} scripted, {agents} of them with an agent; {qemu} QEMU"),
        )?;
        row("---", "---".into())?;
        row("start to the name", ms(self.named))?;
        row("start to all ready", ms(self.start))?;
        row("RSS without machines", format!("{} KiB", self.small.rss))?;
        row("RSS with all, at rest", format!("{} KiB", self.rest.rss))?;
        row("a machine, RSS and PSS", format!("{rss}, {pss} bytes"))?;
        row("most RSS ever", format!("{} KiB", self.peak))?;
        row(&format!("wake-ups in {} s at rest", IDLE.as_secs()), self.wake_ups.to_string())?;
        row("GetManagedObjects", format!("{}, {} bytes", spread(&self.listing), self.bytes))?;
        row("machines listed", self.listed.to_string())?;
        row("an event of each at once", format!("{}, {} lost", ms(self.events), self.lost))?;
        row("socket to InterfacesAdded", spread(&self.plugged))
    }
}

/// Median and 99 of 100, of times in order.
fn spread(times: &[Duration]) -> String {
    let at = |hundredth: usize| ms(times[(times.len() - 1) * hundredth / 100]);
    format!("{} (p99 {})", at(50), at(99))
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
