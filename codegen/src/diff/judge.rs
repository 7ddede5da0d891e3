//! From changes to verdicts: the ledger's say, and the signature that a naive binding would have.

use super::{
    change::{Change, Kind, Place, Reach, Role},
    compare::{Comparison, Pair},
    members,
    naive::Naive,
    report::{Row, Withdrawal},
    verdict::{self, Verdict},
};
use crate::{
    dbus::{self, Ledger, Standing},
    model::Schema,
};

/// Judges every change.
pub(super) fn judge(schemas: Pair<&Schema>, ledger: &Ledger, comparison: Comparison) -> Vec<Row> {
    let Comparison { changes, reach } = comparison;
    let judge = |change: Change| {
        let reached_by = reach.get(&change.place).cloned();
        let definition = Definition::of(schemas, ledger, &change.place);
        let ways = reached_by.as_ref().map_or_else(|| definition.ways(&change), ways);
        let judged = ways.iter().map(|way| definition.verdict(&change, *way));
        Row {
            verdict: judged.max().unwrap_or(Verdict::Compatible),
            withdrawal: withdrawal(&change, &ways),
            signature: definition.naive.map(|Pair { old, new }| (old, new)),
            reached_by,
            change,
        }
    };
    changes.into_iter().map(judge).collect()
}

/// How values get from or to a client, and whether a promise covers it.
#[derive(Clone, Copy)]
struct Way {
    role: Role,
    promised: bool,
}

/// The command or event that a change is in; empty where it is in a type.
struct Definition {
    role: Role,
    standing: Option<Standing>,
    naive: Option<Pair<Naive>>,
}

impl Definition {
    fn of(schemas: Pair<&Schema>, ledger: &Ledger, place: &Place) -> Self {
        match place {
            Place::Command(name) => Self::of_command(schemas, ledger, name),
            Place::Event(name) => Self::of_event(schemas, ledger, name),
            Place::Type { .. } => Self { role: Role::Argument, standing: None, naive: None },
        }
    }

    fn of_command(schemas: Pair<&Schema>, ledger: &Ledger, name: &str) -> Self {
        let Pair { old, new } = schemas;
        let pair = old.command(name).zip(new.command(name));
        Self {
            role: Role::Argument,
            standing: ledger.command(new, name).or_else(|| ledger.command(old, name)),
            naive: pair.map(|(older, newer)| Pair {
                old: Naive::of_command(old, older),
                new: Naive::of_command(new, newer),
            }),
        }
    }

    fn of_event(schemas: Pair<&Schema>, ledger: &Ledger, name: &str) -> Self {
        let Pair { old, new } = schemas;
        let pair = old.event(name).zip(new.event(name));
        Self {
            role: Role::Event,
            standing: ledger.event(new, name).or_else(|| ledger.event(old, name)),
            naive: pair.map(|(older, newer)| Pair {
                old: Naive::of_event(old, older),
                new: Naive::of_event(new, newer),
            }),
        }
    }

    /// The one way of a change in the definition itself.
    fn ways(&self, change: &Change) -> Vec<Way> {
        let promised = self.standing.as_ref().is_some_and(|standing| standing.promised);
        let role = if change.path == members::RESULT { Role::Result } else { self.role };
        vec![Way { role, promised }]
    }

    fn verdict(&self, change: &Change, way: Way) -> Verdict {
        let by_kind = verdict::of_change(change, way.role);
        let misfits = by_kind == Verdict::Breaks && !self.holds_type(change, way.role);
        let verdict = if misfits || self.is_broken(change) {
            Verdict::Breaks
        } else if self.alters_signature(change) {
            Verdict::HeldByTheLedger
        } else {
            by_kind
        };
        match verdict {
            Verdict::Compatible => verdict,
            _ if !way.promised || change.unstable => Verdict::NotPromised,
            verdict => verdict,
        }
    }

    /// Whether the ledger has the place and cannot be served there any more.
    fn is_broken(&self, change: &Change) -> bool {
        let names = |held: &str| match change.path.as_str() {
            members::RESULT => held == dbus::RESULT,
            path => held == path,
        };
        let standing = self.standing.as_ref();
        is_of_presence_or_type(change.kind)
            && standing.is_some_and(|standing| standing.broken.iter().any(|(held, _)| names(held)))
    }

    /// Whether the ledger has a type for the place, which is served on.
    fn holds_type(&self, change: &Change, role: Role) -> bool {
        let Some(standing) = &self.standing else { return false };
        match change.kind {
            Kind::MandatoryMemberAdded | Kind::BecameMandatory => false,
            _ => role == Role::Result || standing.positional.contains(&change.path),
        }
    }

    /// Whether the change is one of those that give a naive binding another signature.
    fn alters_signature(&self, change: &Change) -> bool {
        let Some(Pair { old, new }) = &self.naive else { return false };
        match change.path.as_str() {
            members::RESULT => old.result != new.result,
            "" => change.kind == Kind::MembersReordered && reorders(old, new),
            path if old.positional(path) != new.positional(path) => true,
            _ => old.dictionary != new.dictionary && is_of_dictionary(change.kind),
        }
    }
}

fn ways(reach: &Reach) -> Vec<Way> {
    let way = |role| {
        let roots = reach.of(role);
        let promised = roots.values().any(|promised| *promised);
        (!roots.is_empty()).then_some(Way { role, promised })
    };
    [Role::Argument, Role::Result, Role::Event].into_iter().filter_map(way).collect()
}

fn withdrawal(change: &Change, ways: &[Way]) -> Option<Withdrawal> {
    let withdrawn = |way: &Way| verdict::of_change(change, way.role) == Verdict::Withdrawn;
    let withdrawn: Vec<_> = ways.iter().filter(|way| withdrawn(way)).collect();
    let announced = change.announced || withdrawn.iter().all(|way| !way.promised);
    match (withdrawn.is_empty(), announced) {
        (true, _) => None,
        (false, true) => Some(Withdrawal::Announced),
        (false, false) => Some(Withdrawal::Unannounced),
    }
}

fn reorders(old: &Naive, new: &Naive) -> bool {
    let common = |these: &Naive, others: &Naive| -> Vec<String> {
        let names = these.positional.iter().map(|(name, _)| name);
        names.filter(|name| others.positional(name).is_some()).cloned().collect()
    };
    common(old, new) != common(new, old)
}

fn is_of_presence_or_type(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::MemberRemoved
            | Kind::BecameOptional
            | Kind::BecameAlternate
            | Kind::IntegerWidthChanged
            | Kind::StringTypeChanged
            | Kind::TypeChanged
            | Kind::ResultRemoved
            | Kind::ConditionChanged
    )
}

/// Whether it can be what made a dictionary of optional members come or go.
fn is_of_dictionary(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::OptionalMemberAdded
            | Kind::MandatoryMemberAdded
            | Kind::MemberRemoved
            | Kind::UnionBranchAdded
            | Kind::UnionBranchRemoved
    )
}
