//! What changed between two schemas, and what that does to D-Bus clients.
//!
//! `compare` finds the changes in QAPI's terms, `judge` says of each what the ledger makes of
//! it, the printers print. Types are compared where commands and events of both schemas reach them,
//! place by place: a type's name is not on the wire.

mod change;
mod compare;
mod json;
mod judge;
mod marks;
mod members;
mod naive;
mod recorder;
mod report;
mod text;
mod types;
mod verdict;

#[cfg(test)]
mod tests;

pub use change::{Change, Kind, Place, Reach};
pub use json::print as print_json;
pub use naive::Naive;
pub use report::{Report, Row, Summary, Withdrawal};
pub use text::print as print_text;
pub use verdict::Verdict;

use crate::{
    dbus::{self, Interface, Ledger, Protocol, Source, Summaries, Version},
    emit,
    model::Schema,
};

/// Compares two schemas under a ledger.
pub fn diff(old: &Schema, new: &Schema, ledger: &Ledger) -> Report {
    let rows = judge::judge(compare::Pair { old, new }, ledger, compare::compare(old, new));
    Report { rows, refusal: serve(new, ledger).err().map(|error| error.to_string()) }
}

/// The ledger that a first release of this schema gives.
///
/// # Errors
/// Any of [`dbus::build`].
pub fn ledger_of(schema: &Schema) -> dbus::Result<Ledger> {
    Ledger::read_sole(&emit::emit_xml(&serve(schema, &Ledger::default())?))
}

fn serve(schema: &Schema, ledger: &Ledger) -> dbus::Result<Interface> {
    // Which of the two protocols it is shows in texts only, which nobody sees here.
    let protocol = Protocol::Qmp;
    dbus::build(&Source {
        protocol,
        interface: protocol.interface(),
        versions: &[Version { name: "the schema", schema }],
        ledger,
        summaries: &Summaries::default(),
    })
}
