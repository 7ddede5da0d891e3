//! The user and the groups that unit, policy and sockets go by.

use rustix::process::{geteuid, getgroups};

use super::{finding::Report, said::said};
use crate::install::Prefix;

/// Whom the bridge on the system bus runs as.
pub(super) const SERVICE: &str = "qapi-dbus";

/// Who may call.
const CALLERS: &str = "qapi-dbus-users";

/// Of the bridge, of those who may call, and of the sockets.
const ACCOUNTS: [(&str, &str); 3] = [("passwd", SERVICE), ("group", CALLERS), ("group", SOCKETS)];

/// Who may put sockets where the bridge finds them, the bridge included.
pub(super) const SOCKETS: &str = "qemu-monitor";

pub(super) fn examine(prefix: &Prefix, report: &mut Report) {
    let missing: Vec<_> = ACCOUNTS.iter().filter(|(kind, name)| id(kind, name).is_none()).collect();
    for (kind, name) in &missing {
        let kind = if *kind == "group" { "group" } else { "user" };
        let mend = format!("sudo systemd-sysusers {}", prefix.sysusers().display());
        report.bad("accounts", format!("there is no {kind} {name}"), &mend);
    }
    if missing.is_empty() {
        report.good("accounts", "user qapi-dbus, groups qapi-dbus-users and qemu-monitor");
        examine_caller(report);
    }
}

/// Whether whoever runs this may call.
fn examine_caller(report: &mut Report) {
    let uid = geteuid();
    let user = said("id", &["--user", "--name"]).unwrap_or_else(|| uid.as_raw().to_string());
    let user = user.trim();
    let process = getgroups().unwrap_or_default();
    let is_member =
        id("group", CALLERS).is_some_and(|group| process.iter().any(|it| it.as_raw() == group));
    let is_listed = said("id", &["--groups", "--name", "--", user])
        .is_some_and(|groups| groups.split_whitespace().any(|it| it == CALLERS));
    match (uid.is_root(), is_member, is_listed) {
        (true, ..) => report
            .good("caller", "root may call; `sudo -u USER qapi-dbus doctor` looks for another"),
        (_, true, _) => {
            report.good("caller", format!("{user} is in {CALLERS}; polkit decides what else"))
        }
        (_, false, true) => {
            let text = format!("{user} is in {CALLERS}, but this login is older than that");
            report.bad("caller", text, "log in anew");
        }
        (_, false, false) => {
            let mend =
                format!("sudo usermod --append --groups {CALLERS} {user}   # then log in anew");
            report.bad("caller", format!("{user} is not in {CALLERS}"), &mend);
        }
    }
}

/// Number of a user or a group, wherever this machine keeps them.
pub(super) fn id(kind: &str, name: &str) -> Option<u32> {
    said("getent", &[kind, name])?.split(':').nth(2)?.parse().ok()
}
