//! Writes the reference: a static site and manual pages.

use std::{fs, io, path::Path};

use crate::{
    dbus::Protocol,
    emit::{Release, Site, emit_html, emit_man},
    generate::{self, Error, InterfaceNames, Made, Result},
    project::Project,
    prose::Prose,
};

/// Paths within the site and what is there.
pub type Files = Vec<(String, String)>;

/// What the reference of a tree consists of; with a source tree of QEMU also of what that says.
///
/// # Errors
/// Any [`Error`] but `Undecided`.
pub fn files(project: &Project, source: Option<&Path>) -> Result<Files> {
    // The examples are of clients that know the interfaces by these names.
    let made = generate::interfaces(project, &InterfaceNames::default())?;
    let versions: Vec<_> = made.iter().map(|it| it.releases.join(", ")).collect();
    let prose = made.iter().map(|it| prose(it.protocol, source)).collect::<Result<Vec<_>>>()?;
    let all = made.iter().zip(&versions).zip(&prose);
    let sites: Vec<_> = all
        .map(|((Made { protocol, interface, .. }, versions), prose)| Site {
            interface,
            release: Release { protocol: *protocol, versions },
            prose,
        })
        .collect();
    let mut files = emit_html(&sites);
    files.extend(sites.iter().flat_map(emit_man));
    Ok(files)
}

/// Writes them, in the place of an earlier reference.
///
/// # Errors
/// `Io`, also where the folder holds something else.
pub fn write(folder: &Path, files: &Files) -> Result<()> {
    let fail = |error| Error::io(folder, error);
    let filled = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if filled && !folder.join(MARK).is_file() {
        let mistake = "it holds something else than a reference: name another folder";
        return Err(fail(io::Error::new(io::ErrorKind::AlreadyExists, mistake)));
    }
    if filled {
        fs::remove_dir_all(folder).map_err(fail)?;
    }
    for (path, text) in files {
        let path = folder.join(path);
        let folders = path.parent().map_or(Ok(()), fs::create_dir_all);
        folders.and_then(|()| fs::write(&path, text)).map_err(|error| Error::io(&path, error))?;
    }
    Ok(())
}

/// What only a reference holds.
const MARK: &str = "search-index.js";

fn prose(protocol: Protocol, source: Option<&Path>) -> Result<Prose> {
    let Some(tree) = source else { return Ok(Prose::default()) };
    let folder = match protocol {
        Protocol::Qga => "qga",
        Protocol::Qmp => "qapi",
    };
    let schema = tree.join(folder).join("qapi-schema.json");
    Prose::read(&schema).map_err(|error| Error::Schema(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    #[test]
    fn only_a_reference_is_replaced() {
        let folder = env::temp_dir().join(format!("qapi-codegen-reference-{}", process::id()));
        let files = |name: &str| vec![(MARK.into(), String::new()), (name.into(), String::new())];
        write(&folder, &files("qmp/old.html")).unwrap();
        write(&folder, &files("qmp/new.html")).unwrap();
        let old = folder.join("qmp/old.html").exists();
        fs::remove_file(folder.join(MARK)).unwrap();
        let refused = write(&folder, &files("qmp/newer.html"));
        let kept = folder.join("qmp/new.html").exists();
        fs::remove_dir_all(&folder).unwrap();
        assert!(!old && kept, "old: {old}, kept: {kept}");
        assert!(refused.unwrap_err().to_string().contains("name another folder"));
    }
}
