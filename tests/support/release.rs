//! Programs beside those that are installed: of each QEMU series, and of ssh's server.

use crate::{process, target_dir};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};
use tokio::process::Command;

/// Packages that tests/run has unpacked: of a series, `7.2`, or of ssh's server.
#[derive(Debug)]
pub struct Release(PathBuf);

impl Release {
    /// ssh's server.
    pub fn ssh() -> Self {
        Self(target_dir().join("ssh"))
    }

    /// All of QEMU, by name.
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
        let mut command = process::program(self.find(name));
        command.env("LD_LIBRARY_PATH", self.libraries());
        command
    }

    /// Where a program of it is.
    ///
    /// # Panics
    /// If it has no such program.
    pub fn find(&self, name: &str) -> PathBuf {
        let mut candidates =
            ["usr/bin", "usr/sbin"].map(|dir| self.0.join(dir).join(name)).into_iter();
        let found = candidates.find(|path| path.is_file());
        found.unwrap_or_else(|| {
            panic!("{name} is not in {}; tests/run unpacks it", self.0.display())
        })
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// Where libraries are that this machine lacks.
    pub fn libraries(&self) -> OsString {
        let dirs = ["lib", "usr/lib"].map(|dir| entries(&self.0.join(dir)));
        std::env::join_paths(dirs.concat()).unwrap()
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}
