//! Schemas that cost more than they may are refused, and quickly.

use crate::temporary::Temporary;
use qapi_codegen::{Error, Options, limits::Limits, load};
use std::{fmt::Write, path::Path};

#[test]
fn more_bytes_than_the_limit_are_refused() {
    let folder = Temporary::new("bytes");
    folder.write("more.json", "# and forty-one bytes more than the first\n");
    let path = folder.write("schema.json", "{ 'include': 'more.json' }\n");
    let limits = Limits { bytes: 69, ..Limits::default() };
    load(&path, &Options { limits, ..Options::default() }).unwrap();
    let limits = Limits { bytes: 68, ..limits };
    refused(&path, limits, "schema.json:1:14: the schema has more than 68 bytes; ");
}

#[test]
fn more_files_than_the_limit_are_refused() {
    let folder = Temporary::new("files");
    folder.write("a.json", "");
    folder.write("b.json", "");
    let path = folder.write("schema.json", "{ 'include': 'a.json' }\n{ 'include': 'b.json' }\n");
    let limits = Limits { files: 3, ..Limits::default() };
    load(&path, &Options { limits, ..Options::default() }).unwrap();
    let limits = Limits { files: 2, ..limits };
    refused(&path, limits, "schema.json:2:14: the schema has more than 2 files; ");
}

#[test]
fn includes_nested_deeper_than_the_limit_are_refused() {
    let folder = Temporary::new("includes");
    for at in 0..200 {
        folder.write(&format!("s{at}.json"), format!("{{ 'include': 's{}.json' }}\n", at + 1));
    }
    let path = folder.path().join("s0.json");
    refused(&path, Limits::default(), "s128.json:1:14: includes nest deeper than 128; ");
}

#[test]
fn brackets_without_end_are_refused() {
    let folder = Temporary::new("brackets");
    for bracket in ["[", "{'a':"] {
        let path = folder.write("schema.json", bracket.repeat(1_000_000));
        refused(&path, Limits::default(), ": brackets nest deeper than 128; ");
    }
}

#[test]
fn members_multiplied_by_inheritance_are_refused() {
    let folder = Temporary::new("inheritance");
    let mut text = "{ 'struct': 'Base', 'data': { 'm0': 'int'".to_owned();
    (1..2_000).for_each(|at| write!(text, ", 'm{at}': 'int'").unwrap());
    text += " } }\n";
    for at in 0..2_000 {
        writeln!(text, "{{ 'struct': 'Sub{at}', 'base': 'Base', 'data': {{}} }}").unwrap();
    }
    let path = folder.write("schema.json", text);
    let expected = "in Sub499: with its bases' members the schema has too many members; ";
    refused(&path, Limits::default(), expected);
}

#[test]
fn unions_nested_deeper_than_the_limit_are_refused() {
    let folder = Temporary::new("nested");
    let path = folder.write("schema.json", nested_unions(200));
    refused(&path, Limits::default(), "unions nest deeper than 128 in branches; ");
}

#[test]
fn branches_shared_at_every_level_are_checked_once() {
    // 2^100 ways lead to the innermost union.
    let folder = Temporary::new("shared");
    let path = folder.write("schema.json", nested_unions(100));
    load(&path, &Options::default()).unwrap();
}

/// Unions whose two branches are both the next one.
fn nested_unions(depth: usize) -> String {
    let mut text = "{ 'enum': 'Side', 'data': ['left', 'right'] }\n".to_owned();
    for at in 0..depth {
        let next = at + 1;
        writeln!(
            text,
            "{{ 'union': 'Uni{at}', 'base': {{ 's{at}': 'Side' }}, 'discriminator': 's{at}',\n  \
             'data': {{ 'left': 'Uni{next}', 'right': 'Uni{next}' }} }}"
        )
        .unwrap();
    }
    text + &format!("{{ 'struct': 'Uni{depth}', 'data': {{}} }}\n")
}

fn refused(path: &Path, limits: Limits, expected: &str) {
    let error = load(path, &Options { limits, ..Options::default() }).unwrap_err();
    assert!(matches!(error, Error::Limit(_)), "{error:?}");
    assert!(error.to_string().contains(expected), "{error}");
}
