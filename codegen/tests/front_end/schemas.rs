//! Each rule of the language has a schema here, named after the mistake or after what is accepted.
//!
//! Beside `NAME.json` stands what comes of it: `NAME.err`, the error, or `NAME.out`, the model.
//! `UPDATE_EXPECTED=1 cargo test -p qapi-codegen --test front_end` writes these anew; read the
//! difference. Files in `parts` are only included.

use crate::outline;
use qapi_codegen::{Options, load};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

#[test]
fn every_schema_meets_its_expectation() {
    let mut failures = Vec::new();
    for schema in files("json") {
        let (extension, found) = outcome(&schema);
        let expected = schema.with_extension(extension);
        if env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        match fs::read_to_string(&expected) {
            Ok(text) if text == found => {}
            Ok(text) => failures.push(format!("{}\n{text}  but got\n{found}", expected.display())),
            Err(_) => failures.push(format!("{} is missing:\n{found}", expected.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_schema_has_one_expectation_and_every_expectation_a_schema() {
    let expected: Vec<_> = [files("err"), files("out")].concat();
    let stems = |files: &[PathBuf]| -> BTreeSet<_> {
        files.iter().filter_map(|path| path.file_stem().map(ToOwned::to_owned)).collect()
    };
    assert_eq!(stems(&files("json")), stems(&expected));
    assert_eq!(files("json").len(), expected.len());
}

#[test]
fn every_error_names_its_place_its_mistake_and_a_remedy() {
    for schema in files("json") {
        let Err(error) = load(&schema, &Options::default()) else { continue };
        let diagnostic = error.diagnostic();
        assert!(diagnostic.location.position.is_some(), "{error}");
        assert!(!diagnostic.mistake.is_empty() && !diagnostic.remedy.is_empty(), "{error}");
    }
}

/// The extension of the expectation, and its text.
fn outcome(schema: &Path) -> (&'static str, String) {
    match load(schema, &Options::default()) {
        Ok(schema) => ("out", outline::outline(&schema)),
        Err(error) => {
            let folder = format!("{}/", folder().display());
            ("err", format!("{}\n", error.to_string().replace(&folder, "")))
        }
    }
}

fn files(extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas")
}
