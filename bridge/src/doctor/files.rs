//! The program, and the files that came with it.

use std::{env, fs, io, os::unix::fs::PermissionsExt, path::Path};

use super::finding::Report;
use crate::install::{BY_HAND, Prefix, SHIPPED, own_program, unit};

/// Where packages install.
const PACKAGED: &str = "/usr";

/// The prefix that was named, or the one that has our unit, or the usual one.
pub(super) fn prefix(named: Option<&Path>, user: bool) -> anyhow::Result<Prefix> {
    if named.is_some() {
        return Prefix::chosen(named, user);
    }
    let usual = Prefix::chosen(None, user)?;
    let own = env::current_exe().ok();
    let own = own.as_deref().and_then(Path::parent).filter(|folder| folder.ends_with("bin"));
    let system = [own.and_then(Path::parent), Some(Path::new(BY_HAND)), Some(Path::new(PACKAGED))];
    let system = system.into_iter().flatten().filter_map(|path| Prefix::system(path).ok());
    let mut candidates = [usual.clone()].into_iter().chain(system);
    Ok(candidates.find(|prefix| unit(prefix, user).is_some_and(|it| it.exists())).unwrap_or(usual))
}

pub(super) fn examine(prefix: &Prefix, user: bool, report: &mut Report) {
    let install = &prefix.install_command();
    if !unit(prefix, user).is_some_and(|unit| unit.exists()) {
        let text = format!("not installed below {}", prefix.path.display());
        return report.bad("files", text, install);
    }
    examine_program(&prefix.program(), install, report);
    let mut as_shipped = 0;
    for shipped in SHIPPED.iter().filter(|file| file.serves(user)) {
        let Some(place) = shipped.place(prefix) else { continue };
        let shown = place.display();
        let wrong = match fs::read(&place) {
            Ok(bytes) if bytes == shipped.text(prefix).as_bytes() => {
                as_shipped += 1;
                continue;
            }
            Ok(_) => format!("{shown} is not as this program shipped it"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => format!("{shown} is missing"),
            Err(error) => format!("{shown} cannot be read: {error}"),
        };
        report.bad("files", wrong, install);
    }
    if as_shipped > 0 {
        report.good("files", format!("{as_shipped} units and policies are as shipped"));
    }
}

/// The program that the units start.
fn examine_program(program: &Path, install: &str, report: &mut Report) {
    let shown = program.display();
    match (fs::metadata(program), own_program()) {
        (Ok(found), _) if found.permissions().mode() & 0o111 == 0 => {
            report.bad(
                "program",
                format!("{shown} cannot be run"),
                &format!("sudo chmod 755 {shown}"),
            );
        }
        (Ok(_), Ok(own)) if fs::read(program).is_ok_and(|found| found != own) => {
            report.note("program", format!("{shown} is another build than this one"), install);
        }
        (Ok(_), _) => report.good("program", format!("{shown} {}", env!("CARGO_PKG_VERSION"))),
        (Err(error), _) => {
            report.bad("program", format!("{shown}, which the unit starts: {error}"), install);
        }
    }
}
