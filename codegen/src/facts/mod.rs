//! Extracts the facts of QEMU's schemas: what is defined, under which conditions, since when.
//!
//! The result is in the same language, printed anew file by file. No text of the documentation
//! comes along, so the pragmas about documentation stay behind as well.

mod error;
mod folder;
mod print;

pub use error::Error;

use crate::{
    directives::{Item, Module, Parsed},
    load::{Checked, Options, checked},
    source::Sources,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Writes the facts of the QMP and QGA schemas of a QEMU tree to `qmp/VERSION` and `qga/VERSION`
/// under `output`, and gives the paths of the files that changed. Schema files there that the
/// tree does not have are removed; files that are as they should be keep their time stamps.
///
/// # Errors
///
/// [`Error`]; files written before it stay.
pub fn extract(tree: &Path, version: &str, output: &Path) -> Result<Vec<PathBuf>, Error> {
    check_version(version)?;
    let release = release(tree, version);
    let mut changed = Vec::new();
    for (protocol, folder) in [("qmp", "qapi"), ("qga", "qga")] {
        let schema = tree.join(folder).join("qapi-schema.json");
        let heading = format!(
            "# The {} schema of QEMU {release}: its facts, as 'qapi-codegen facts' extracts them.",
            protocol.to_uppercase()
        );
        let files = print(&schema, &heading)?;
        changed.extend(folder::update(&output.join(protocol).join(version), &files)?);
    }
    Ok(changed)
}

/// The facts of one schema by file name, each file under this heading, a comment.
///
/// # Errors
///
/// [`Error::Schema`] or [`Error::Outside`].
pub fn print(schema: &Path, heading: &str) -> Result<BTreeMap<String, String>, Error> {
    let Checked { sources, parsed, .. } =
        checked(schema, &Options::default()).map_err(Error::Schema)?;
    let folder = schema.with_file_name("");
    let print_module = |module: &Module| {
        let name = file_name(&sources, module, &folder)?;
        Ok((name, print_file(&parsed, module, heading)))
    };
    parsed.modules.iter().map(print_module).collect()
}

fn print_file(parsed: &Parsed, module: &Module, heading: &str) -> String {
    let mut text = format!("{heading}\n");
    let mut before = None;
    for item in &module.items {
        let printed = match item {
            Item::Include(tree) => print::tree(tree),
            Item::Pragma(tree) => match print::pragma(tree) {
                Some(printed) => printed,
                None => continue,
            },
            Item::Definition(at) => print::definition(&parsed.definitions[*at]),
        };
        let kind = std::mem::discriminant(item);
        if before.replace(kind) != Some(kind) || !matches!(item, Item::Include(_)) {
            text.push('\n');
        }
        text.push_str(&printed);
        text.push('\n');
    }
    text
}

fn file_name(sources: &Sources, module: &Module, folder: &Path) -> Result<String, Error> {
    let path = sources.path(module.file);
    let name = path.strip_prefix(folder).ok().and_then(Path::to_str);
    let beside = name.filter(|name| !name.contains(std::path::is_separator));
    beside.map(str::to_owned).ok_or_else(|| Error::Outside(path.to_owned()))
}

/// The exact release, which a tree of QEMU holds in a file.
fn release(tree: &Path, version: &str) -> String {
    let text = fs::read_to_string(tree.join("VERSION")).unwrap_or_default();
    let release = text.trim();
    if check_version(release).is_ok() { release.to_owned() } else { version.to_owned() }
}

/// It becomes a folder's name and part of a comment.
fn check_version(version: &str) -> Result<(), Error> {
    let numbers =
        |number: &str| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    if version.split('.').all(numbers) && version.contains('.') {
        Ok(())
    } else {
        Err(Error::Version(version.to_owned()))
    }
}
