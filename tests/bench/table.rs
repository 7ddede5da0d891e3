//! The results as a table in Markdown.

use crate::{
    counted::{Counted, Rest},
    fleet::{BURST, Burst},
    rounds::{Samples, median},
    rows::{Goal, ROWS, Row},
};
use std::fmt::Write;

/// Everything that was measured on one bus.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) bus: &'static str,
    pub(crate) samples: Samples,
    /// Of the bridge, and of the one in C; so are those that follow.
    pub(crate) rest: [Rest; 2],
    pub(crate) counted: [Counted; 2],
    pub(crate) bursts: [Burst; 2],
    /// Bytes of an idle machine.
    pub(crate) machine: u64,
}

/// What one call of a monitor through libvirt-dbus costs over the raw socket, in microseconds.
/// Measured once elsewhere: it needs a libvirtd.
const LIBVIRT_DBUS: f64 = 1358.0;

impl Results {
    /// The table.
    pub(crate) fn markdown(&self) -> String {
        let mut table = format!(
            "| {} | against | it | the bridge | ratio | goal |\n|{}\n",
            self.bus,
            " --- |".repeat(6)
        );
        ROWS.iter().for_each(|row| self.compare(&mut table, row));
        self.burst(&mut table);
        self.over_raw(&mut table);
        self.counts(&mut table);
        table
    }

    fn compare(&self, table: &mut String, row: &Row) {
        let (ours, other) = (&self.samples[&row.ours], &self.samples[&row.other]);
        let time = |samples| median(samples, |sample| sample.time);
        let rate = |samples| median(samples, |sample| sample.rate);
        let (ours, other, unit, goal) = match row.goal {
            Goal::Rate(goal) => (rate(ours), rate(other), "/s", format!("≥ {goal}")),
            Goal::Time(goal) => (time(ours), time(other), " µs", format!("≤ {goal}")),
            Goal::None => (time(ours), time(other), " µs", String::new()),
        };
        let place = if row.ours.pinned { "pinned" } else { "free" };
        let work = format!("{}, {} in flight, {place}", row.work, row.ours.flight);
        let numbers = [number(other, unit), number(ours, unit), format!("{:.2}", ours / other)];
        line(table, &work, row.against, numbers, &goal);
    }

    fn burst(&self, table: &mut String) {
        let [ours, floor] = self.bursts;
        let numbers = [
            number(floor.rate, "/s"),
            number(ours.rate, "/s"),
            format!("{:.2}", ours.rate / floor.rate),
        ];
        let work = format!("burst of {BURST} events, {} arrive", ours.signals);
        line(table, &work, "bridge in C", numbers, "all, ≥ 1.1");
    }

    fn over_raw(&self, table: &mut String) {
        let Some(row) = ROWS.iter().find(|row| !row.ours.pinned) else { return };
        let time = |cell| median(&self.samples[cell], |sample| sample.time);
        let cost = time(&row.ours) - time(&row.other);
        let numbers = [
            number(LIBVIRT_DBUS, " µs"),
            number(cost, " µs"),
            format!("{:.3}", cost / LIBVIRT_DBUS),
        ];
        line(table, "cost over the raw socket, free", "libvirt-dbus", numbers, "≤ 0.125");
    }

    fn counts(&self, table: &mut String) {
        let mut row = |work: &str, ours: f64, other: f64, unit: &str, goal: &str| {
            let ratio = if other > 0.0 { format!("{:.2}", ours / other) } else { String::new() };
            line(
                table,
                work,
                "bridge in C",
                [number(other, unit), number(ours, unit), ratio],
                goal,
            );
        };
        let [ours, floor] = self.counted;
        for (work, ours, floor) in
            [("QueryStatus", ours.status, floor.status), ("GuestPing", ours.ping, floor.ping)]
        {
            let name = |what| format!("{work}: {what}");
            row(&name("context switches"), ours.switches, floor.switches, "", "≤ 1.1");
            row(&name("system calls"), ours.calls, floor.calls, "", "");
            row(&name("processor"), ours.time, floor.time, " µs", "");
        }
        let [rest, their_rest] = self.rest;
        let mib = |kib: u64| kib as f64 / 1024.0;
        row("memory at rest", mib(rest.memory), mib(their_rest.memory), " MiB", "≤ 6 MiB");
        row("memory after all this", mib(ours.memory), mib(floor.memory), " MiB", "");
        row("processor at rest, a second", rest.time, their_rest.time, " µs", "0");
        row("context switches at rest, a second", rest.switches, their_rest.switches, "", "0");
        let machine = number(self.machine as f64, " bytes");
        let numbers = [String::new(), machine, String::new()];
        line(table, "memory of an idle machine", "", numbers, "≤ 4096 bytes");
    }
}

fn line(table: &mut String, work: &str, against: &str, numbers: [String; 3], goal: &str) {
    let [other, ours, ratio] = numbers;
    // Writing to a string cannot fail.
    _ = writeln!(table, "| {work} | {against} | {other} | {ours} | {ratio} | {goal} |");
}

/// With three digits at least.
fn number(value: f64, unit: &str) -> String {
    match value {
        100.0.. => format!("{value:.0}{unit}"),
        10.0..100.0 => format!("{value:.1}{unit}"),
        _ => format!("{value:.2}{unit}"),
    }
}
