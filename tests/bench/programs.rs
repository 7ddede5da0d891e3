//! The programs in C, compiled for one run.

use qapi_dbus_tests::scratch::Scratch;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The compiled programs.
#[derive(Debug)]
pub(crate) struct Programs(Scratch);

/// Each says at its head what it does.
const NAMES: [&str; 5] = ["bridge", "bus", "echo", "monitor", "raw"];

impl Programs {
    /// Compiles them.
    pub(crate) fn build() -> Self {
        let programs = Self(Scratch::new());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/c");
        for name in NAMES {
            let built = Command::new("cc")
                .args(["-O2", "-Wall", "-Wextra", "-Wno-parentheses", "-Werror", "-o"])
                .arg(programs.path(name))
                .arg(source.join(format!("{name}.c")))
                .arg("-lsystemd")
                .status()
                .expect("cc is installed by tests/bench/run");
            assert!(built.success(), "{name}.c does not compile");
        }
        programs
    }

    /// Where one of them is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }
}
