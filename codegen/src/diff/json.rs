//! The report as JSON. Keys and kinds are stable; new ones may come.

use serde::Serialize;
use serde_json::Value;

use super::{
    change::{Kind, Reach},
    report::{Report, Row, Summary, Withdrawal},
    verdict::Verdict,
};

/// Prints a report.
pub fn print(report: &Report) -> Value {
    let document = Document {
        summary: report.summary(),
        refusal: report.refusal.as_deref(),
        changes: report.rows.iter().map(Entry::of).collect(),
    };
    // Strings, numbers and lists of them: there is nothing to fail.
    serde_json::to_value(document).unwrap_or_default()
}

#[derive(Serialize)]
struct Document<'r> {
    summary: Summary,
    refusal: Option<&'r str>,
    changes: Vec<Entry<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'r> {
    kind: Kind,
    definition: &'static str,
    name: String,
    path: &'r str,
    before: Option<&'r str>,
    after: Option<&'r str>,
    signature: Option<BeforeAfter<String>>,
    result: Option<BeforeAfter<Option<&'r str>>>,
    verdict: Verdict,
    withdrawal: Option<Withdrawal>,
    reached_by: Option<ReachedBy<'r>>,
}

/// What a naive binding would have.
#[derive(Serialize)]
struct BeforeAfter<T> {
    before: T,
    after: T,
}

#[derive(Serialize)]
struct ReachedBy<'r> {
    arguments: Vec<&'r str>,
    results: Vec<&'r str>,
    events: Vec<&'r str>,
}

impl<'r> Entry<'r> {
    fn of(row: &'r Row) -> Self {
        let change = &row.change;
        let signature = row.signature.as_ref();
        Self {
            kind: change.kind,
            definition: change.place.keyword(),
            name: change.place.name(),
            path: &change.path,
            before: change.before.as_deref(),
            after: change.after.as_deref(),
            signature: signature.map(|(before, after)| BeforeAfter {
                before: before.to_string(),
                after: after.to_string(),
            }),
            result: signature.map(|(before, after)| BeforeAfter {
                before: before.result.as_deref(),
                after: after.result.as_deref(),
            }),
            verdict: row.verdict,
            withdrawal: row.withdrawal,
            reached_by: row.reached_by.as_ref().map(ReachedBy::of),
        }
    }
}

impl<'r> ReachedBy<'r> {
    fn of(reach: &'r Reach) -> Self {
        Self {
            arguments: reach.arguments.keys().map(String::as_str).collect(),
            results: reach.results.keys().map(String::as_str).collect(),
            events: reach.events.keys().map(String::as_str).collect(),
        }
    }
}
