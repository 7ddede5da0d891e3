//! Values as busctl(1) takes them on its command line.

use zbus::{Structure, Variant};

/// The arguments of a call: one signature, then each value; empty for a call without arguments.
pub(super) fn arguments(values: Option<&Structure<'_>>) -> String {
    let Some(values) = values else { return String::new() };
    let mut words = vec![quote(&values.signature().to_string_no_parens())];
    values.fields().iter().for_each(|value| push(value, &mut words));
    if words.iter().any(|word| word.starts_with('-')) {
        // It would be taken for an option.
        words.insert(0, "--".into());
    }
    words.join(" ")
}

/// A word for a shell, quoted where it must be.
pub(super) fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+=:,./%@".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn push(value: &Variant<'_>, words: &mut Vec<String>) {
    match value {
        Variant::Str(text) => words.push(quote(text)),
        Variant::ObjectPath(path) => words.push(quote(path)),
        Variant::Signature(signature) => words.push(quote(&signature.to_string())),
        Variant::Variant(inner) => {
            words.push(quote(&inner.value_signature().to_string()));
            push(inner, words);
        }
        Variant::Array(array) => {
            words.push(array.len().to_string());
            array.inner().iter().for_each(|element| push(element, words));
        }
        Variant::Dict(dict) => {
            words.push(dict.iter().count().to_string());
            for (key, value) in dict.iter() {
                push(key, words);
                push(value, words);
            }
        }
        Variant::Structure(structure) => {
            structure.fields().iter().for_each(|field| push(field, words));
        }
        Variant::U8(number) => words.push(number.to_string()),
        Variant::Bool(flag) => words.push(flag.to_string()),
        Variant::I16(number) => words.push(number.to_string()),
        Variant::U16(number) => words.push(number.to_string()),
        Variant::I32(number) => words.push(number.to_string()),
        Variant::U32(number) => words.push(number.to_string()),
        Variant::I64(number) => words.push(number.to_string()),
        Variant::U64(number) => words.push(number.to_string()),
        Variant::F64(number) => words.push(number.to_string()),
        // A descriptor of this process means nothing in a shell.
        Variant::Fd(_) => words.push("0".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn calls_read_as_busctl_takes_them() {
        let options: HashMap<&str, Variant<'_>> = [("arg", vec!["a b", "it's"].into())].into();
        let values =
            Structure::from(("/bin/echo", true, options, vec![1u32, 2], Variant::new(7i64)));
        assert_eq!(
            arguments(Some(&values)),
            r"'sba{sv}auv' /bin/echo true 1 arg as 2 'a b' 'it'\''s' 2 1 2 x 7"
        );
        assert_eq!(arguments(None), "");
    }

    #[test]
    fn no_argument_is_taken_for_an_option() {
        assert_eq!(arguments(Some(&Structure::from((-1i64,)))), "-- x -1");
    }

    #[test]
    fn words_are_quoted_only_where_they_must_be() {
        assert_eq!(quote("unix:path=/tmp/a%20b"), "unix:path=/tmp/a%20b");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("$HOME"), "'$HOME'");
    }
}
