//! What one release accepts and another does not.

use crate::temporary::Temporary;
use qapi_codegen::{Dialect, Options, load};

/// The dialects, oldest first, as [`accepted`] tells of them.
const DIALECTS: [(&str, Dialect); 3] =
    [("7.2", Dialect::V7_2), ("10.0", Dialect::V10_0), ("10.2", Dialect::V10_2)];

/// A definition that every comment of these tests is for.
const PAINT: &str = "{ 'command': 'paint', 'data': { 'wall': 'str' }, 'returns': 'Tin' }\n\
                     { 'struct': 'Tin', 'data': {} }\n";

/// A description of its member.
const WALL: &str = "# @wall: what to cover\n";

const ALL: &[&str] = &["7.2", "10.0", "10.2"];
const NEW: &[&str] = &["10.0", "10.2"];
const OLD: &[&str] = &["7.2"];
const NONE: &[&str] = &[];

#[test]
fn grammar_is_that_of_the_release() {
    let union = "{ 'enum': 'Kind', 'data': ['oil'] }\n\
                 { 'union': 'Outer', 'base': { 'a': 'Kind' }, 'discriminator': 'a',\n\
                   'data': { 'oil': 'Inner' } }\n\
                 { 'union': 'Inner', 'base': { 'b': 'Kind' }, 'discriminator': 'b', 'data': {} }\n";
    let conditional =
        "{ 'command': 'paint', 'data': { 'wall': { 'type': 'str', 'if': 'WALLS' } } }";
    let cases = [
        (union, NEW),
        ("{ 'pragma': { 'documentation-exceptions': [] } }", NEW),
        (conditional, OLD),
        ("{ 'pragma': { 'doc-required': true } }\n{ 'command': 'paint' }", NONE),
    ];
    check(&cases.map(|(text, accepted)| (text.to_owned(), accepted)));
}

#[test]
fn names_of_features_are_counted_since_10_0() {
    let names: Vec<_> = (0..63).map(|at| format!("'feature-{at}'")).collect();
    let features = format!("{{ 'command': 'paint', 'features': [{}] }}", names.join(", "));
    assert!(accepts(&features, Dialect::V7_2));
    assert!(!accepts(&features, Dialect::V10_0) && !accepts(&features, Dialect::V10_2));
}

#[test]
fn descriptions_match_the_definition() {
    check(&[
        documented(WALL, ALL),
        documented("", OLD),
        documented(&format!("{WALL}# @roof: not there\n"), NONE),
        documented(&format!("{WALL}{WALL}"), NONE),
        documented(&format!("{WALL}#\n# Features:\n#\n# @dry: not there\n"), NONE),
        documented("# @wall:\n", NONE),
        documented(&format!("{WALL}#\n# Errors: none\n"), ALL),
    ]);
    let excused = "{ 'pragma': { 'documentation-exceptions': ['paint'] } }\n";
    let (text, _) = documented("# Since: 1.0\n", ALL);
    check(&[(format!("{excused}{text}"), NEW)]);
    let nothing = "##\n# @stop:\n#\n# Returns: nothing\n##\n{ 'command': 'stop' }\n";
    let event = nothing.replace("stop", "STOP").replace("command", "event");
    check(&[(nothing.to_owned(), OLD), (event, NONE)]);
}

#[test]
fn sections_are_in_order_and_have_text() {
    check(&[
        documented(&format!("{WALL}#\n# Returns: a tin\n#\n# Since: 1.0\n"), ALL),
        documented(&format!("# Since: 1.0\n#\n{WALL}"), NONE),
        documented(&format!("{WALL}#\n# Since: 1.0\n#\n# Since: 1.0\n"), NONE),
        documented(&format!("{WALL}#\n# Since:\n"), NONE),
        documented(&format!("{WALL}#\n# Note: wet\n"), OLD),
        documented(&format!("{WALL}#\n# Example:: wet\n"), ALL),
        documented(&format!("{WALL}#\n# Features:\n"), OLD),
    ]);
}

#[test]
fn text_is_indented_as_the_release_has_it() {
    check(&[
        documented("# @wall: what to\n#        cover\n", ALL),
        documented("# @wall: what to\n#     cover\n", NEW),
        documented("# @wall: what to\n#     cover\n#   with\n", NONE),
        documented("# @wall: what to\n#     cover\n#     it\n#   with\n", NEW),
    ]);
}

#[test]
fn lines_look_as_the_release_has_them() {
    let long = "x".repeat(69);
    let literal = format!("{WALL}#\n# ::\n#\n#   {long}\n");
    check(&[
        documented(&format!("{WALL}#\n# {long}\n"), &["7.2", "10.0"]),
        documented(&literal, ALL),
        documented(&format!("{literal}#\n# {long}\n"), &["7.2", "10.0"]),
        documented(&format!("{WALL}#\n# https://{long}\n"), ALL),
        documented(&format!("{WALL}#\n# One. Two.\n"), &["7.2", "10.0"]),
        documented(&format!("{WALL}#\n# One.  Two, e.g. Three.\n"), ALL),
        documented(&format!("{WALL}#\n# 1. One\n"), ALL),
        documented(&format!("{WALL}#\n# = Heading\n"), &["10.2"]),
        ("##\n# Text\n# = Heading\n##\n".to_owned(), &["7.2", "10.2"]),
        ("##\n# Text\n# @wall: described\n##\n".to_owned(), NONE),
        ("## \n# Text\n##\n".to_owned(), NONE),
        ("##\n# Text\n#\t\n##\n".to_owned(), NONE),
    ]);
}

/// The schema with this in its documentation, and who accepts it.
fn documented(lines: &str, accepted: &'static [&str]) -> (String, &'static [&'static str]) {
    let tin = "##\n# @Tin:\n#\n# Holds paint.\n##\n{ 'struct'";
    let definitions = PAINT.replace("{ 'struct'", tin);
    (format!("##\n# @paint:\n#\n# Covers things.\n#\n{lines}##\n{definitions}"), accepted)
}

fn check(cases: &[(String, &[&str])]) {
    for (text, expected) in cases {
        let accepted: Vec<_> =
            DIALECTS.iter().filter(|(_, dialect)| accepts(text, *dialect)).collect();
        let names: Vec<_> = accepted.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, *expected, "{text}");
        assert!(accepts(text, Dialect::Lenient) || expected.is_empty(), "{text}");
    }
}

fn accepts(text: &str, dialect: Dialect) -> bool {
    let folder = Temporary::new(&format!("{:?}", std::thread::current().id()));
    let path = folder.write("schema.json", text);
    load(&path, &Options { dialect, ..Options::default() }).is_ok()
}
