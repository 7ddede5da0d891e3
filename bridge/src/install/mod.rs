//! `qapi-dbus install` and `uninstall`: the program as a service of this machine, or of one user.

mod activate;
mod manual;
mod prefix;
mod shipped;
mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use rustix::process::geteuid;

use self::tree::Tree;
pub(crate) use self::{
    activate::{UNIT, is_booted},
    prefix::{BY_HAND, Prefix},
    shipped::{SHIPPED, unit},
};
use crate::log::say;

/// Where to install, and for whom.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Folder that everything goes below: /usr/local, with --user ~/.local
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// Write below this folder in the place of /, and start nothing: for packages
    #[arg(long, value_name = "DIR")]
    destdir: Option<PathBuf>,
    /// For your own session bus, without root
    #[arg(long)]
    user: bool,
}

/// A file as it is to be.
struct File {
    place: PathBuf,
    bytes: Vec<u8>,
    mode: u32,
    /// Whether it is the administrator's once it is there.
    kept: bool,
}

/// Writes program, units, policies, man pages and completions, and makes the running system know
/// them. Says what it does; done again, it mends what was changed.
///
/// # Errors
///
/// A file cannot be written, or a command that makes the system know them fails: its text says
/// which. What was done until then stays, and the next run goes on from there.
///
/// # Cancel safety
///
/// Cancelled, some files may be in place and others not; each is whole.
pub async fn install(options: &Options, command: clap::Command) -> anyhow::Result<()> {
    let prefix = options.checked("install")?;
    let tree = Tree::new(options.destdir.as_deref());
    let mut restart = false;
    for file in files(&prefix, command)? {
        let shown = file.place.display();
        if file.kept && tree.has(&file.place) {
            say(&format!("kept  {shown}"));
            continue;
        }
        let written = tree.write(&file.place, &file.bytes, file.mode)?;
        restart |= written && (file.place == prefix.program() || file.place.ends_with(UNIT));
        say(&format!("{} {shown}", if written { "wrote" } else { "same " }));
    }
    if options.destdir.is_none() {
        activate::installed(&prefix, restart).await?;
        say(&activate::next(&prefix));
    }
    Ok(())
}

/// Stops the service and takes away what [`install`] wrote. Users, groups and the configuration
/// stay.
///
/// # Errors
///
/// A file cannot be removed, or the system cannot be made to forget the service.
///
/// # Cancel safety
///
/// As with [`install`].
pub async fn uninstall(options: &Options, command: clap::Command) -> anyhow::Result<()> {
    let prefix = options.checked("uninstall")?;
    let tree = Tree::new(options.destdir.as_deref());
    if options.destdir.is_none() {
        activate::stop(&prefix)?;
    }
    for File { place, .. } in files(&prefix, command)?.into_iter().filter(|file| !file.kept) {
        if tree.remove(&place)? {
            say(&format!("removed {}", place.display()));
        }
        tree.prune(place.parent().unwrap_or(&place), &prefix.path.join("share/doc/qapi-dbus"));
    }
    if options.destdir.is_none() {
        activate::removed(&prefix).await?;
    }
    Ok(())
}

impl Options {
    fn checked(&self, verb: &str) -> anyhow::Result<Prefix> {
        let prefix = Prefix::chosen(self.prefix.as_deref(), self.user)?;
        if !self.user && self.destdir.is_none() && !geteuid().is_root() {
            bail!(
                "the system's files are root's: run `sudo qapi-dbus {verb}`, or \
                 `qapi-dbus {verb} --user` for your own session bus"
            );
        }
        Ok(prefix)
    }
}

/// Everything that is installed.
fn files(prefix: &Prefix, command: clap::Command) -> anyhow::Result<Vec<File>> {
    let program = prefix.program();
    let mut files = vec![File { place: program, bytes: own_program()?, mode: 0o755, kept: false }];
    for shipped in SHIPPED {
        if let Some(place) = shipped.place(prefix) {
            let bytes = shipped.text(prefix).as_bytes().into();
            files.push(File { place, bytes, mode: 0o644, kept: shipped.is_configuration() });
        }
    }
    for (place, bytes) in manual::pages_and_completions(command) {
        files.push(File { place: prefix.path.join(place), bytes, mode: 0o644, kept: false });
    }
    Ok(files)
}

/// This program itself, even where its file was replaced meanwhile.
pub(crate) fn own_program() -> anyhow::Result<Vec<u8>> {
    fs::read(Path::new("/proc/self/exe")).context("reading this program's own file")
}
