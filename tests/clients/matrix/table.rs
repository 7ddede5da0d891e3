//! The matrix as a table in Markdown.

use crate::{column::Column, notes, rig::Row};
use std::fmt::Write;

/// The table, and the notes on its cells below it.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let headings = Column::ALL.map(Column::heading).join(" | ");
    let mut table =
        format!("| client | {headings} |\n|{}\n", " --- |".repeat(1 + Column::ALL.len()));
    let mut texts = Vec::new();
    for row in rows {
        let cells: Vec<String> =
            row.cells().map(|(at, green)| cell(row, at, green, &mut texts)).collect();
        let _ = writeln!(table, "| {} | {} |", row.name, cells.join(" | "));
    }
    table.push('\n');
    for (number, text) in (1..).zip(texts) {
        let _ = writeln!(table, "{number}. {text}");
    }
    table
}

fn cell(row: &Row, column: Column, green: bool, texts: &mut Vec<&'static str>) -> String {
    let word = if green { "yes" } else { "**no**" };
    let Some(note) = notes::note(row.name, column) else {
        return word.to_owned();
    };
    let known = texts.iter().position(|text| *text == note.text);
    let number = known.unwrap_or_else(|| {
        texts.push(note.text);
        texts.len() - 1
    });
    format!("{word} ({})", number + 1)
}
