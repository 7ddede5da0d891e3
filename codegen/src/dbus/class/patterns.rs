//! What the name of a command says.

use super::Class;
use crate::dbus::docs::Protocol;

/// The class of a command that by its name only looks.
pub(super) fn reads(name: &str) -> Option<Class> {
    let begins = |with: &[&str]| with.iter().any(|prefix| name.starts_with(prefix));
    if begins(&["query-", "guest-get-"]) {
        Some(Class::Read)
    } else if begins(&["x-query-", "x-debug-", "x-accel-stats"]) {
        // Made for those who look for mistakes in QEMU: addresses, registers, what is in memory.
        Some(Class::ReadSensitive)
    } else {
        None
    }
}

/// The class of a command whose name says what it changes.
pub(super) fn changes(protocol: Protocol, name: &str) -> Option<Class> {
    let has = |words: &[&str]| name.split(['-', '_']).any(|word| words.contains(&word));
    if protocol == Protocol::Qga && has(&["exec", "file", "ssh", "user"]) {
        Some(Class::GuestExec)
    } else if has(&["cancel", "del", "delete", "inject", "release", "remove", "suspend"]) {
        Some(Class::Destructive)
    } else if has(&["job"]) {
        Some(Class::Control)
    } else {
        None
    }
}
