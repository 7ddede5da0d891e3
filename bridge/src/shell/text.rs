//! Values for people to read. Machines say what they like: nothing that moves a terminal's cursor or
//! turns its text around gets there.

use std::{fmt::Write, io};

use serde_json::Value;

use super::{Members, terminal};
use crate::printable::is_obeyed;
pub(super) use crate::printable::printable;

/// Columns of a table; wider ones, or wider than the terminal, are told one value a line.
const WIDEST: usize = 160;

/// Columns that the last one of a table needs to be of use.
const LEAST: usize = 30;

/// A line without what a terminal obeys but for tabs.
fn spaced(line: &str) -> String {
    line.split('\t').map(printable).collect::<Vec<_>>().join("\t")
}

/// A value as JSON, in which nothing is left that a terminal obeys.
pub(super) fn json(value: &Value) -> String {
    let text = value.to_string();
    text.chars().fold(String::with_capacity(text.len()), |mut written, char| {
        if is_obeyed(char) {
            // All of them have four digits, and are within a string.
            _ = write!(written, "\\u{:04x}", u32::from(char));
        } else {
            written.push(char);
        }
        written
    })
}

/// A value, with the end of its last line; nothing for an empty object.
pub(super) fn readable(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(members) if members.is_empty() => String::new(),
        // A text for people, with lines of its own.
        Value::String(text) => text.lines().map(|line| spaced(line) + "\n").collect(),
        value => block(value, 0),
    }
}

/// Rows of words in columns, so far from the left. On a terminal that is too narrow what is last goes on
/// below itself.
pub(super) fn columns(rows: &[Vec<String>], indent: usize) -> String {
    aligned(rows, indent, terminal::width(io::stdout()).unwrap_or(usize::MAX))
}

fn aligned(rows: &[Vec<String>], indent: usize, room: usize) -> String {
    let last = rows.iter().map(Vec::len).max().unwrap_or_default().saturating_sub(1);
    let wide =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|it| it.chars().count()).max();
    let widths: Vec<_> = (0..last).map(|at| wide(at).unwrap_or_default()).collect();
    let start = widths.iter().fold(indent, |start, width| start + width + 2);
    let room = if room < start + LEAST { usize::MAX } else { room - start };
    rows.iter().fold(String::new(), |text, row| {
        let line = row.iter().zip(&widths).fold(" ".repeat(indent), |mut line, (word, width)| {
            // Writing to a string cannot fail.
            _ = write!(line, "{word:width$}  ");
            line
        });
        let end = row.get(last).map(|it| wrapped(it, room)).unwrap_or_default();
        let line = line + &end.join(&format!("\n{:start$}", ""));
        text + line.trim_end() + "\n"
    })
}

/// Lines of at most so many characters, as long as words allow it.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Objects of the same few plain members, one a line.
fn table(items: &[Value]) -> Option<String> {
    let mut names: Vec<&String> = Vec::new();
    for item in items {
        for (name, value) in item.as_object()? {
            scalar(value)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.is_empty() {
        return None;
    }
    let mut rows = vec![names.iter().map(|name| printable(&name.to_uppercase())).collect()];
    for item in items {
        let cell = |name: &&String| item.get(*name).and_then(scalar).unwrap_or("-".into());
        rows.push(names.iter().map(cell).collect());
    }
    let text = aligned(&rows, 0, usize::MAX);
    let room = terminal::width(io::stdout()).unwrap_or(WIDEST).min(WIDEST);
    text.lines().all(|line| line.chars().count() <= room).then_some(text)
}

fn block(value: &Value, depth: usize) -> String {
    match value {
        Value::Object(members) => object(members, depth),
        Value::Array(items) if table(items).is_some() => {
            let indent = "  ".repeat(depth);
            let table = table(items).unwrap_or_default();
            table.lines().map(|line| format!("{indent}{line}\n")).collect()
        }
        Value::Array(items) => items.iter().fold(String::new(), |text, item| {
            let indent = "  ".repeat(depth);
            let item = block(item, depth + 1);
            let item = item.strip_prefix(&format!("{indent}  ")).unwrap_or(&item);
            text + &format!("{indent}- {item}")
        }),
        value => format!("{}{}\n", "  ".repeat(depth), scalar(value).unwrap_or_default()),
    }
}

fn object(members: &Members, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let plain = members.iter().filter(|(_, value)| scalar(value).is_some());
    let width = plain.map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    members.iter().fold(String::new(), |text, (name, value)| {
        let shown = printable(name);
        text + &match scalar(value) {
            Some(value) => format!("{indent}{shown:width$}  {value}\n"),
            None => format!("{indent}{shown}\n{}", block(value, depth + 1)),
        }
    })
}

/// What fits on a line.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) if items.is_empty() => Some("[]".into()),
        Value::Object(members) if members.is_empty() => Some("{}".into()),
        Value::Array(_) | Value::Object(_) => None,
        Value::String(text) => Some(printable(text)),
        value => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(readable(&json!("\u{1b}c")), "\\u{1b}c\n");
        assert_eq!(readable(&json!({"\u{7}": 1})), "\\u{7}  1\n");
        let value = json!({"a\u{9b}": "\u{1b}\u{202e}\""});
        assert_eq!(super::json(&value), "{\"a\\u009b\":\"\\u001b\\u202e\\\"\"}");
        assert_eq!(serde_json::from_str::<Value>(&super::json(&value)).unwrap(), value);
    }

    #[test]
    fn equal_objects_are_a_table_and_others_an_outline() {
        let cpus = json!([{"id": 0, "online": true}, {"id": 10}]);
        assert_eq!(readable(&cpus), "ID  ONLINE\n0   true\n10  -\n");
        let nested = json!({"name": "a", "disks": [{"id": 1, "parts": [1, 2]}, "x"]});
        let outline = "disks\n  - id  1\n    parts\n      - 1\n      - 2\n  - x\nname  a\n";
        assert_eq!(readable(&nested), outline);
        assert_eq!(readable(&json!({})), "");
        assert_eq!(readable(&json!(1000)), "1000\n");
        assert_eq!(readable(&json!("a\tb\r\n\u{1b}c")), "a\tb\n\\u{1b}c\n");
    }

    #[test]
    fn what_is_last_goes_on_below_itself() {
        let rows = [["name", "some words that are a long summary of it"], ["n", "few"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let wide = " name  some words that are a long summary of it\n n     few\n";
        assert_eq!(aligned(&rows, 1, 80), wide);
        // Too little room is none.
        assert_eq!(aligned(&rows, 1, 30), wide);
        let narrow = " name  some words that are a long\n       summary of it\n n     few\n";
        assert_eq!(aligned(&rows, 1, 37), narrow);
    }
}
