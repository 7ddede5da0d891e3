//! Values for people: a dictionary as a table, everything else on one line.

use zbus::{Dict, Structure, Variant};

/// Characters of one value that are shown.
const WIDTH: usize = 72;

/// The lines that show what a method returned or a signal brought.
pub(super) fn lines(values: &Structure<'_>) -> Vec<String> {
    values.fields().iter().flat_map(value_lines).collect()
}

fn value_lines(value: &Variant<'_>) -> Vec<String> {
    match value {
        Variant::Dict(dict) => table(dict),
        other => vec![cut(text(other))],
    }
}

fn table(dict: &Dict<'_, '_>) -> Vec<String> {
    let mut rows: Vec<_> = dict.iter().map(|(key, value)| (text(key), text(value))).collect();
    rows.sort_unstable();
    let width = rows.iter().map(|(key, _)| key.chars().count()).max().unwrap_or_default();
    rows.into_iter().map(|(key, value)| format!("{key:width$}  {}", cut(value))).collect()
}

/// Types are left out, and strings have quotes only inside of others: this is for reading.
fn text(value: &Variant<'_>) -> String {
    match value {
        Variant::Str(text) => text.escape_debug().to_string(),
        Variant::Variant(inner) => text(inner),
        Variant::Array(array) => list('[', array.inner().iter().map(nested), ']'),
        Variant::Structure(structure) => list('(', structure.fields().iter().map(nested), ')'),
        Variant::Dict(dict) => {
            let pairs = dict.iter().map(|(key, value)| format!("{}: {}", text(key), nested(value)));
            list('{', pairs, '}')
        }
        Variant::U8(number) => number.to_string(),
        Variant::I16(number) => number.to_string(),
        Variant::U16(number) => number.to_string(),
        Variant::U32(number) => number.to_string(),
        Variant::I64(number) => number.to_string(),
        Variant::U64(number) => number.to_string(),
        other => other.to_string(),
    }
}

fn nested(value: &Variant<'_>) -> String {
    match value {
        Variant::Variant(inner) => nested(inner),
        Variant::Str(text) => format!("{:?}", text.as_str()),
        other => text(other),
    }
}

fn list(open: char, items: impl Iterator<Item = String>, close: char) -> String {
    format!("{open}{}{close}", items.collect::<Vec<_>>().join(", "))
}

fn cut(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(WIDTH) {
        text.truncate(at);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_dictionary_is_a_table() {
        let dict: BTreeMap<&str, Variant<'_>> =
            [("running", true.into()), ("id", Variant::new("a\nb")), ("n", 7i64.into())].into();
        let lines = lines(&Structure::from((dict,)));
        assert_eq!(lines, ["id       a\\nb", "n        7", "running  true"]);
    }

    #[test]
    fn a_list_is_a_line() {
        let dicts = vec![BTreeMap::from([("a", Variant::new("x"))])];
        assert_eq!(lines(&Structure::from((dicts,))), ["[{a: \"x\"}]"]);
    }

    #[test]
    fn long_values_are_cut() {
        let lines = lines(&Structure::from(("ä".repeat(100),)));
        assert_eq!(lines, [format!("{}…", "ä".repeat(WIDTH))]);
    }
}
