//! Memory that goes back to the system when it is freed.
//!
//! The C library raises the size from which a block is a mapping of its own to that of the largest
//! one it has seen freed, and keeps up to twice as much: after a few answers of 16 MiB, 48 MiB stay
//! resident for good. It takes a fixed size from the environment, and only before it starts.

use std::{env, os::unix::process::CommandExt, process::Command};

use tracing::debug;

/// What the C library reads: blocks of this size and above are given back at once.
const VARIABLE: &str = "MALLOC_MMAP_THRESHOLD_";
const THRESHOLD: &str = "131072";

/// Starts this program anew, as the same process, with a fixed threshold; returns if there is one.
/// Without it the program works as well and keeps more memory.
pub fn settle() {
    if env::var_os(VARIABLE).is_some() || !cfg!(target_env = "gnu") {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let mut command = Command::new(program);
    command.arg0(arguments.next().unwrap_or_default());
    let error = command.args(arguments).env(VARIABLE, THRESHOLD).exec();
    debug!(%error, "not started with {VARIABLE}");
}
