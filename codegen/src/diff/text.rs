//! The report for people: worst first, a definition a paragraph.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use super::{
    change::{Change, Kind, Place, Reach},
    naive::Naive,
    report::{Report, Row, Summary, Withdrawal},
    verdict::Verdict,
};

/// Prints a report.
pub fn print(report: &Report) -> impl Display + '_ {
    Text(report)
}

struct Text<'r>(&'r Report);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = groups(&self.0.rows);
        for verdict in Verdict::ALL {
            let section: Vec<_> = groups.iter().filter(|group| group.verdict == verdict).collect();
            if !section.is_empty() {
                writeln!(f, "{}", heading(verdict))?;
                section.into_iter().try_for_each(|group| group.print(f))?;
                writeln!(f)?;
            }
        }
        if let Some(refusal) = &self.0.refusal {
            writeln!(f, "The new schema cannot be served within the ledger: {refusal}\n")?;
        }
        summary(f, &self.0.summary())
    }
}

/// The changes of one definition.
struct Group<'r> {
    verdict: Verdict,
    place: &'r Place,
    rows: Vec<&'r Row>,
}

impl Group<'_> {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {} {}", self.place.keyword(), self.place.name())?;
        if let Some((before, after)) = self.rows.iter().find_map(|row| row.signature.as_ref()) {
            print_signature(f, before, after)?;
        }
        if let Some(reach) = self.rows.iter().find_map(|row| row.reached_by.as_ref()) {
            write!(f, "  {}", reached_by(reach))?;
        }
        writeln!(f)?;
        self.rows.iter().try_for_each(|row| self.print_row(f, row))
    }

    fn print_row(&self, f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
        let Change { kind, path, before, after, .. } = &row.change;
        write!(f, "    {}", kind.text())?;
        if !path.is_empty() {
            write!(f, ": {path}")?;
        }
        match (before, after) {
            _ if *kind == Kind::ConditionChanged => {
                let shown = |condition: &Option<String>| condition.clone().unwrap_or("none".into());
                write!(f, ": {} => {}", shown(before), shown(after))?;
            }
            (Some(before), Some(after)) => write!(f, ": {before} => {after}")?,
            (Some(one), None) | (None, Some(one)) => write!(f, ": {one}")?,
            (None, None) => {}
        }
        let mut notes = Vec::new();
        if row.verdict != self.verdict {
            notes.push(row.verdict.text());
        }
        notes.extend(row.withdrawal.map(|withdrawal| match withdrawal {
            Withdrawal::Announced => "announced",
            Withdrawal::Unannounced => "not announced",
        }));
        if notes.is_empty() { writeln!(f) } else { writeln!(f, " ({})", notes.join(", ")) }
    }
}

fn print_signature(f: &mut fmt::Formatter<'_>, before: &Naive, after: &Naive) -> fmt::Result {
    if before.positional != after.positional || before.dictionary != after.dictionary {
        write!(f, "  '{before}' => '{after}'")?;
    }
    match (&before.result, &after.result) {
        (before, after) if before == after => Ok(()),
        (before, after) => {
            let shown = |result: &Option<String>| result.clone().unwrap_or_default();
            write!(f, "  result '{}' => '{}'", shown(before), shown(after))
        }
    }
}

fn groups(rows: &[Row]) -> Vec<Group<'_>> {
    let mut at = BTreeMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in rows {
        let place = &row.change.place;
        let at = *at.entry(place).or_insert_with(|| {
            groups.push(Group { verdict: row.verdict, place, rows: Vec::new() });
            groups.len() - 1
        });
        groups[at].verdict = groups[at].verdict.max(row.verdict);
        groups[at].rows.push(row);
    }
    groups
}

fn heading(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Breaks => "Breaks D-Bus clients:",
        Verdict::HeldByTheLedger => {
            "Would break a naive binding, held by the ledger (naive signature => new one):"
        }
        Verdict::Withdrawn => "Withdrawn by QEMU (signatures stay, the peer refuses or omits):",
        Verdict::NotPromised => "Not promised (unstable):",
        Verdict::Compatible => "Compatible:",
    }
}

fn reached_by(reach: &Reach) -> String {
    let ways = [
        ("arguments of", &reach.arguments),
        ("results of", &reach.results),
        ("events", &reach.events),
    ];
    let ways = ways.into_iter().filter(|(_, names)| !names.is_empty());
    let ways = ways.map(|(what, names)| {
        let mut shown: Vec<_> = names.keys().take(SHOWN).cloned().collect();
        if names.len() > SHOWN {
            shown.push(format!("{} more", names.len() - SHOWN));
        }
        format!("{what} {}", shown.join(", "))
    });
    format!("[{}]", ways.collect::<Vec<_>>().join("; "))
}

/// How many names stand for all that reach a type; JSON has them all.
const SHOWN: usize = 4;

fn summary(f: &mut fmt::Formatter<'_>, summary: &Summary) -> fmt::Result {
    let Summary { changes, held, breaks, withdrawn, unannounced } = summary;
    writeln!(
        f,
        "{changes} changes: {breaks} break D-Bus clients, {held} signatures held by the ledger, \
         {withdrawn} withdrawn ({unannounced} not announced)"
    )
}
