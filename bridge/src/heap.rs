//! Memory that goes back to the system when it is freed, but for what the next answer needs.
//!
//! The C library raises the size from which a block is a mapping of its own to that of the largest
//! one it has seen freed, and keeps up to twice as much: after a few answers of 16 MiB, 48 MiB stay
//! resident for good. With the size alone fixed it gives back every free page instead, and an answer
//! of some hundred KiB spends a quarter of its time on getting pages anew. It takes both sizes from
//! the environment, and only before it starts.

use std::{env, os::unix::process::CommandExt, process::Command};

use tracing::debug;

/// What the C library reads: blocks of the first size and above are mappings of their own, given
/// back at once; of the others, so much is kept for the next ones. The units set them, too.
const VARIABLES: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "2097152")];

/// That it was started anew: what the C library reads is taken from programs with more rights than
/// their user's.
const SETTLED: &str = "QAPI_DBUS_SETTLED";

/// Has another program start without what this one was started anew with.
pub fn spare(command: &mut Command) {
    if env::var_os(SETTLED).is_some() {
        VARIABLES.iter().for_each(|(name, _)| _ = command.env_remove(name));
        command.env_remove(SETTLED);
    }
}

/// Starts this program anew, as the same process, with fixed sizes; returns if one is.
/// Without it the program works as well and keeps more memory.
pub fn settle() {
    let is_set = |name: &str| env::var_os(name).is_some();
    if is_set(SETTLED)
        || VARIABLES.iter().any(|(name, _)| is_set(name))
        || !cfg!(target_env = "gnu")
    {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let mut command = Command::new(program);
    command.arg0(arguments.next().unwrap_or_default());
    let error = command.args(arguments).envs(VARIABLES).env(SETTLED, "1").exec();
    debug!(%error, "not started with fixed sizes of memory");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_units_spare_the_second_start() {
        let variables = super::VARIABLES.map(|(name, size)| format!("{name}={size}")).join(" ");
        for unit in [
            include_str!("../../dbus-policy/systemd/system/qapi-dbus.service"),
            include_str!("../../dbus-policy/systemd/user/qapi-dbus.service"),
        ] {
            assert!(unit.lines().any(|line| line == format!("Environment={variables}")), "{unit}");
        }
    }
}
