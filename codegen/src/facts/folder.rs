//! Brings a folder of schema files up to date.

use super::Error;
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

/// Makes the `.json` files of the folder these, by name, and gives the paths of what changed.
pub(super) fn update(
    folder: &Path,
    files: &BTreeMap<String, String>,
) -> Result<Vec<PathBuf>, Error> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    let mut changed = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            fs::write(&path, text).map_err(at(&path))?;
            changed.push(path);
        }
    }
    for path in orphans(folder, files)? {
        fs::remove_file(&path).map_err(at(&path))?;
        changed.push(path);
    }
    Ok(changed)
}

fn orphans(folder: &Path, files: &BTreeMap<String, String>) -> Result<Vec<PathBuf>, Error> {
    let mut orphans = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let known = |name: &OsStr| name.to_str().is_some_and(|name| files.contains_key(name));
        let schema = path.extension() == Some(OsStr::new("json"));
        if schema && !path.file_name().is_some_and(known) {
            orphans.push(path);
        }
    }
    orphans.sort();
    Ok(orphans)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    |error| Error::Io(path.to_owned(), error)
}
