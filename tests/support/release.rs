//! Programs of one QEMU series beside those that are installed.

use crate::{process, target_dir};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};
use tokio::process::Command;

/// A series, `7.2`, whose packages tests/run has unpacked.
#[derive(Debug)]
pub struct Release(PathBuf);

impl Release {
    /// All of them, by name.
    ///
    /// # Panics
    /// If there is none.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<_> = entries(&target_dir().join("qemu"));
        all.sort();
        assert!(!all.is_empty(), "no QEMU is unpacked; tests/run does it");
        all.into_iter().map(Self).collect()
    }

    /// Its name.
    pub fn series(&self) -> &str {
        self.0.file_name().unwrap().to_str().unwrap()
    }

    /// The command that runs a program of it, as [`process::program`] would.
    ///
    /// # Panics
    /// If it has no such program.
    pub fn program(&self, name: &str) -> Command {
        let candidates = ["usr/bin", "usr/sbin"].map(|dir| self.0.join(dir).join(name));
        let found = candidates.iter().find(|path| path.is_file());
        let found = found.unwrap_or_else(|| panic!("{name} is not in {}", self.0.display()));
        let mut command = process::program(found);
        command.env("LD_LIBRARY_PATH", self.libraries());
        command
    }

    /// Where libraries are that this machine lacks.
    fn libraries(&self) -> OsString {
        let dirs = ["lib", "usr/lib"].map(|dir| entries(&self.0.join(dir)));
        std::env::join_paths(dirs.concat()).unwrap()
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}
