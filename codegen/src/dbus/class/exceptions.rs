//! Where neither name nor arguments tell what a command does: one table, a reason a group. No
//! exception lets a command off that takes an argument of the host's.

use super::Class::{self, Control, Destructive, GuestExec, Host, Read, ReadSensitive};

const TABLE: &[(&str, Class)] = &[
    // Looks, by another name.
    ("device-list-properties", Read),
    ("guest-fsfreeze-status", Read),
    ("guest-info", Read),
    ("guest-network-get-interfaces", Read),
    ("guest-network-get-route", Read),
    ("guest-ping", Read),
    ("qom-list", Read),
    ("qom-list-properties", Read),
    ("qom-list-types", Read),
    ("request-ebpf", Read),
    ("trace-event-get-state", Read),
    ("xen-event-list", Read),
    // The bridge answers with the caller's number, after a synchronisation of its own.
    ("guest-sync", Read),
    ("guest-sync-delimited", Read),
    // Properties hold secrets in the clear: `data` of an object `secret` is one.
    ("qom-get", ReadSensitive),
    ("qom-list-get", ReadSensitive),
    // What the guest wrote on a console, which is then gone.
    ("ringbuf-read", ReadSensitive),
    // What the firmware said and what vouches for a guest whose memory is encrypted.
    ("query-firmware-log", ReadSensitive),
    ("query-sev-attestation-report", ReadSensitive),
    ("query-sev-launch-measure", ReadSensitive),
    // Reads only, although of an account's files.
    ("guest-ssh-get-authorized-keys", ReadSensitive),
    // Can be undone, or wears off.
    ("announce-self", Control),
    ("balloon", Control),
    ("block-dirty-bitmap-add", Control),
    ("block-dirty-bitmap-disable", Control),
    ("block-dirty-bitmap-enable", Control),
    ("block-dirty-bitmap-merge", Control),
    ("block-latency-histogram-set", Control),
    ("block-set-write-threshold", Control),
    ("block_set_io_throttle", Control),
    ("blockdev-close-tray", Control),
    ("calc-dirty-rate", Control),
    ("cancel-vcpu-dirty-limit", Control),
    ("cont", Control),
    ("device-sync-config", Control),
    ("guest-fsfreeze-thaw", Control),
    ("guest-fstrim", Control),
    ("guest-set-time", Control),
    ("replay-break", Control),
    ("replay-delete-break", Control),
    ("rtc-reset-reinjection", Control),
    ("set-cpu-topology", Control),
    ("set-vcpu-dirty-limit", Control),
    ("set_link", Control),
    ("stop", Control),
    ("system_powerdown", Control),
    ("system_wakeup", Control),
    ("x-blockdev-set-iothread", Control),
    ("xen-colo-do-checkpoint", Control),
    ("xen-set-global-dirty-log", Control),
    // The machine stops, resets or goes back in time, or will where it would not have.
    ("guest-shutdown", Destructive),
    ("quit", Destructive),
    ("replay-seek", Destructive),
    ("set-action", Destructive),
    ("snapshot-load", Destructive),
    ("system_reset", Destructive),
    ("watchdog-set-action", Destructive),
    ("x-colo-lost-heartbeat", Destructive),
    ("xen-set-replication", Destructive),
    // Takes from a running guest what it uses: disks, processors, memory, writing at all.
    ("block-dirty-bitmap-clear", Destructive),
    ("block_resize", Destructive),
    ("blockdev-open-tray", Destructive),
    ("blockdev-set-active", Destructive),
    ("eject", Destructive),
    ("guest-fsfreeze-freeze", Destructive),
    ("guest-fsfreeze-freeze-list", Destructive),
    ("guest-set-memory-blocks", Destructive),
    ("guest-set-vcpus", Destructive),
    ("nbd-server-stop", Destructive),
    ("yank", Destructive),
    // Who can type at a console can run programs.
    ("chardev-send-break", GuestExec),
    ("input-send-event", GuestExec),
    ("ringbuf-write", GuestExec),
    ("send-key", GuestExec),
    // Closes descriptors that others opened in QEMU.
    ("remove-fd", Host),
    // The secret of an encrypted guest, which keeps it from the host.
    ("sev-inject-launch-secret", Host),
];

/// The class of a command in place of the one by its name.
pub(super) fn class(command: &str) -> Option<Class> {
    TABLE.iter().find(|(name, _)| *name == command).map(|(_, class)| *class)
}

/// The commands in the table.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}
