//! Values for people to read. Machines say what they like: nothing that moves a terminal's cursor or
//! turns its text around gets there.

use std::fmt::Write;

use serde_json::Value;

use super::Members;

/// Columns of a table; wider ones are told one value a line.
const WIDEST: usize = 160;

/// The text without what a terminal obeys.
pub(super) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, char| {
        if is_obeyed(char) {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
        shown
    })
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

fn is_obeyed(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A value, with the end of its last line; nothing for an empty object.
pub(super) fn readable(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(members) if members.is_empty() => String::new(),
        value => block(value, 0),
    }
}

/// Rows of words in columns, without anything at the end of a line.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let wide =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|it| it.chars().count()).max();
    let widths: Vec<_> = (0..count).map(|at| wide(at).unwrap_or_default()).collect();
    rows.iter().fold(String::new(), |mut text, row| {
        let line = row.iter().zip(&widths).fold(String::new(), |mut line, (word, width)| {
            // Writing to a string cannot fail.
            _ = write!(line, "{word:width$}  ");
            line
        });
        text.push_str(line.trim_end());
        text.push('\n');
        text
    })
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
    let text = columns(&rows);
    text.lines().all(|line| line.chars().count() <= WIDEST).then_some(text)
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
        assert_eq!(printable("a\u{1b}[2J\r\u{9b}é\u{202e}x"), "a\\u{1b}[2J\\r\\u{9b}é\\u{202e}x");
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
    }
}
