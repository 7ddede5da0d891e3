//! The rows of the table, and what each is meant to come to.

use crate::cell::{
    Cell,
    What::{self, Event, File, Ping, Read, Schema, Start, Status},
    Who::{self, Bridge, Echo, Floor, Raw, RawOob},
};

/// A row: a cell of the bridge's against another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) work: &'static str,
    pub(crate) against: &'static str,
    pub(crate) other: Cell,
    pub(crate) ours: Cell,
    pub(crate) goal: Goal,
}

/// What the ratio, ours to the other, is meant to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Of times: no more than this.
    Time(f64),
    /// Of rates: no less than this.
    Rate(f64),
    /// Of times, for comparison.
    None,
}

use Goal::{Rate, Time};

/// Everything that is compared.
pub(crate) const ROWS: [Row; 14] = [
    row("QueryStatus", Floor, Status, 1, true, Time(1.0)),
    row("QueryStatus", Raw, Status, 1, true, Goal::None),
    row("QueryStatus", Echo, Status, 1, true, Goal::None),
    row("QueryStatus", Raw, Status, 1, false, Goal::None),
    row("GuestPing", Floor, Ping, 1, true, Time(1.08)),
    row("GuestPing", Raw, Ping, 1, true, Goal::None),
    row("event → signal", Floor, Event, 1, true, Time(1.05)),
    row("QueryStatus", Raw, Status, 64, false, Rate(1.5)),
    row("QueryStatus", RawOob, Status, 64, false, Rate(0.9)),
    row("GuestPing", Floor, Ping, 64, false, Rate(1.0)),
    row("query-qmp-schema, 236 KB", Raw, Schema, 1, false, Time(1.1)),
    row("guest-file-read, answer of 16 MiB", Raw, Read, 1, false, Goal::None),
    row("ReadFile of 16 MiB, guest-file-read of the same", Raw, File, 1, false, Time(1.05)),
    row("start → name owned", Floor, Start, 1, true, Time(1.5)),
];

const fn row(
    work: &'static str,
    other: Who,
    what: What,
    flight: usize,
    pinned: bool,
    goal: Goal,
) -> Row {
    let against = match other {
        Raw => "raw socket",
        RawOob => "raw socket, oob",
        Echo => "echo on the bus",
        Floor => "bridge in C",
        Bridge => "itself",
    };
    let ours = Cell { who: Bridge, what, flight, pinned };
    Row { work, against, other: Cell { who: other, ..ours }, ours, goal }
}
