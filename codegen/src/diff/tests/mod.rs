//! Every kind of change, between schemas of a few lines.

mod definitions;
mod ledger;
mod members;
mod printed;
mod types;

use super::*;
use crate::dbus::tests::schema;

/// The report on two schemas, the old one released.
fn report(old: &str, new: &str) -> Report {
    let (old, new) = (schema(old), schema(new));
    diff(&old, &new, &ledger_of(&old).unwrap())
}

/// Each change in a line: where, what, how it was and is, verdict.
fn told(old: &str, new: &str) -> Vec<String> {
    report(old, new).rows.iter().map(line).collect()
}

fn line(row: &Row) -> String {
    let Change { kind, place, path, before, after, .. } = &row.change;
    let shown = |side: &Option<String>| side.clone().unwrap_or("-".into());
    format!(
        "{} {} {path}: {}: {} => {}: {}",
        place.keyword(),
        place.name(),
        kind.text(),
        shown(before),
        shown(after),
        row.verdict.text()
    )
}

/// The naive signatures before and after.
fn signatures(old: &str, new: &str) -> (String, String) {
    let report = report(old, new);
    let signature = report.rows[0].signature.as_ref().unwrap();
    (signature.0.to_string(), signature.1.to_string())
}
