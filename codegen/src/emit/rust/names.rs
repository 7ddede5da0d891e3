//! Names of Rust where those of D-Bus do not do.

use std::collections::BTreeSet;

/// What every Rust module has, and a QAPI type must not replace.
const PRELUDE: [&str; 10] =
    ["Box", "Err", "None", "Ok", "Option", "Result", "Self", "Some", "String", "Vec"];

/// The variant for what the schemas do not know.
const UNLISTED: &str = "Unlisted";

/// The module that stands for a QAPI module: `block-core` is `block_core`. What no schema has any
/// more is in none.
pub(super) fn module(name: &str) -> String {
    match name {
        "" => "withdrawn".into(),
        name => name.replace('-', "_"),
    }
}

/// The type that stands for a QAPI type.
pub(super) fn ty(name: &str) -> String {
    if PRELUDE.contains(&name) { format!("Qapi{name}") } else { name.replace(['-', '.'], "_") }
}

/// What decides on the members of a union of this name, or path.
pub(super) fn branch(union: &str) -> String {
    ty(union) + "Branch"
}

/// The function that stands for a command: `guest-file-open` is `guest_file_open`.
pub(super) fn function(command: &str) -> String {
    crate::dbus::names::argument(command)
}

/// The function that tells of an event: `STOP` is `stop_signal`, beside the command `stop`.
pub(super) fn event(event: &str) -> String {
    function(&event.to_lowercase()) + "_signal"
}

/// The variants that stand for names, each another: `host-key` is `HostKey`, `2_5` is `V2_5`.
pub(super) fn variants<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = BTreeSet::from([UNLISTED.to_owned(), "Self".to_owned()]);
    names
        .map(|name| {
            let mut variant = variant(name);
            while !taken.insert(variant.clone()) {
                variant.push('_');
            }
            variant
        })
        .collect()
}

fn variant(name: &str) -> String {
    let mut variant = String::new();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        let digit = |c: Option<char>| c.is_none_or(|c| c.is_ascii_digit());
        if digit(variant.chars().last()) && digit(word.chars().next()) {
            variant.push(if variant.is_empty() { 'V' } else { '_' });
        }
        let mut chars = word.chars();
        variant.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        variant.extend(chars);
    }
    variant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_camel_case_and_unlike_each_other() {
        let names = ["host-key", "2_5", "25", "none", "unlisted", "a-b", "a_b", "kp_0", "self"];
        let expected = ["HostKey", "V2_5", "V25", "None", "Unlisted_", "AB", "AB_", "Kp0", "Self_"];
        assert_eq!(variants(names.into_iter()), expected);
    }

    #[test]
    fn types_leave_the_prelude_alone() {
        assert_eq!(ty("String"), "QapiString");
        assert_eq!(ty("BlockInfo"), "BlockInfo");
        assert_eq!(module("block-core"), "block_core");
        assert_eq!(module(""), "withdrawn");
    }
}
