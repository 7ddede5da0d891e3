//! The outcome, ready to be printed.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    change::{Change, Place, Reach},
    naive::Naive,
    verdict::Verdict,
};

/// What changed.
#[derive(Debug)]
pub struct Report {
    /// Commands and events, then types.
    pub rows: Vec<Row>,
    /// Why no interface can be made of the new schema within the ledger.
    pub refusal: Option<String>,
}

/// A change and what it comes to.
#[derive(Debug)]
pub struct Row {
    /// What changed.
    pub change: Change,
    /// What it does to a D-Bus client.
    pub verdict: Verdict,
    /// Whether it takes something away, and how fairly.
    pub withdrawal: Option<Withdrawal>,
    /// The naive signature of the command or event, in the old and in the new schema.
    pub signature: Option<(Naive, Naive)>,
    /// For a type: what carries its values.
    pub reached_by: Option<Reach>,
}

/// Whether the old schema said that something may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withdrawal {
    /// It was deprecated or unstable there.
    Announced,
    /// It was neither.
    Unannounced,
}

/// Counts.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// All changes.
    pub changes: usize,
    /// Commands and events whose naive signature changed, and the ledger holds all of it.
    pub held: usize,
    /// Changes that break a D-Bus client even so.
    pub breaks: usize,
    /// Changes that take something away.
    pub withdrawn: usize,
    /// Those of them that the old schema does not announce.
    pub unannounced: usize,
}

impl Report {
    /// Whether a D-Bus client of the old schema would break.
    pub fn breaks(&self) -> bool {
        self.refusal.is_some() || self.count(|row| row.verdict == Verdict::Breaks) > 0
    }

    /// Whether something was taken away that the old schema did not announce.
    pub fn withdraws_unannounced(&self) -> bool {
        self.count(Row::is_unannounced) > 0
    }

    /// The commands and events whose naive signature changed and is wholly held by the ledger.
    pub fn held(&self) -> BTreeSet<&Place> {
        let broken = self.places(Verdict::Breaks);
        self.places(Verdict::HeldByTheLedger).difference(&broken).copied().collect()
    }

    /// Counts of what changed.
    pub fn summary(&self) -> Summary {
        Summary {
            changes: self.rows.len(),
            held: self.held().len(),
            breaks: self.count(|row| row.verdict == Verdict::Breaks),
            withdrawn: self.count(|row| row.withdrawal.is_some()),
            unannounced: self.count(Row::is_unannounced),
        }
    }

    fn places(&self, verdict: Verdict) -> BTreeSet<&Place> {
        let rows = self.rows.iter().filter(|row| row.verdict == verdict);
        rows.map(|row| &row.change.place).collect()
    }

    fn count(&self, which: impl Fn(&Row) -> bool) -> usize {
        self.rows.iter().filter(|row| which(row)).count()
    }
}

impl Row {
    fn is_unannounced(&self) -> bool {
        self.withdrawal == Some(Withdrawal::Unannounced)
    }
}
