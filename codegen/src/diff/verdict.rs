//! What a change does to D-Bus clients by its kind alone (mapping, section 5).

use serde::Serialize;

use super::change::{Change, Kind, Role};

/// What a change comes to for a D-Bus client of the old schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing changes for it.
    Compatible,
    /// It would break, but no promise covers the place: it is unstable, or was not released.
    NotPromised,
    /// Its calls and signals keep their form, but QEMU takes something away that it may use: a
    /// command answers CommandNotFound, an argument or value is refused, a key is missing. That
    /// hits every client of QEMU, on D-Bus or not.
    Withdrawn,
    /// A binding without a ledger would have another signature; here the ledger keeps it.
    HeldByTheLedger,
    /// It breaks even so.
    Breaks,
}

impl Verdict {
    /// Worst first.
    pub const ALL: [Self; 5] =
        [Self::Breaks, Self::HeldByTheLedger, Self::Withdrawn, Self::NotPromised, Self::Compatible];

    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Compatible => "compatible",
            Self::NotPromised => "not promised",
            Self::Withdrawn => "withdrawn",
            Self::HeldByTheLedger => "held by the ledger",
            Self::Breaks => "breaks",
        }
    }
}

/// The verdict where no signature is concerned: inside dictionaries, and of whole definitions.
pub(super) fn of_change(change: &Change, role: Role) -> Verdict {
    match (change.kind, role) {
        // Where it was allowed before, it is refused.
        (Kind::OobChanged | Kind::PreconfigChanged, _) => match change.before.as_deref() {
            Some("true") => Verdict::Withdrawn,
            _ => Verdict::Compatible,
        },
        (kind, Role::Argument) => of_input(kind),
        (kind, Role::Result | Role::Event) => of_output(kind),
    }
}

/// The peer judges what it is given, and the bridge takes any form.
fn of_input(kind: Kind) -> Verdict {
    match kind {
        Kind::MandatoryMemberAdded | Kind::BecameMandatory | Kind::TypeChanged => Verdict::Breaks,
        Kind::CommandRemoved
        | Kind::MemberRemoved
        | Kind::ValueRemoved
        | Kind::UnionBranchRemoved
        | Kind::AlternateBranchRemoved => Verdict::Withdrawn,
        _ => Verdict::Compatible,
    }
}

/// A client may miss what it read before, and cannot read what has another type.
fn of_output(kind: Kind) -> Verdict {
    match kind {
        Kind::BecameAlternate
        | Kind::IntegerWidthChanged
        | Kind::TypeChanged
        | Kind::ResultRemoved => Verdict::Breaks,
        Kind::EventRemoved | Kind::MemberRemoved | Kind::BecameOptional => Verdict::Withdrawn,
        _ => Verdict::Compatible,
    }
}
