//! The sockets, and the folders where the bridge finds them.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use super::{
    accounts,
    configured::{FILE, Places},
    finding::Report,
    probe::{Probed, probe},
    served::Served,
};
use crate::endpoint::Protocol;

/// Sockets that are tried, each of which may take seconds: the bridge has the others.
const MOST: usize = 100;

const GROUP_READ_WRITE: u32 = 0o060;
const OTHERS_WRITE: u32 = 0o002;

/// What the sockets are held against.
pub(super) struct Sockets<'a> {
    /// Of the group that the bridge on the system bus is in.
    group: Option<u32>,
    /// Who may serve sockets.
    trusted: Vec<u32>,
    user: bool,
    report: &'a mut Report,
}

/// By the end of its name, as the bridge tells them apart.
pub(super) fn protocol(path: &Path) -> Option<Protocol> {
    match path.extension()?.to_str()? {
        "qmp" => Some(Protocol::Qmp),
        "qga" => Some(Protocol::Qga),
        _ => None,
    }
}

impl<'a> Sockets<'a> {
    pub(super) fn new(user: bool, report: &'a mut Report) -> Self {
        let own = if user { None } else { accounts::id("passwd", accounts::SERVICE) };
        let trusted = vec![0, own.unwrap_or_else(|| geteuid().as_raw())];
        Self { group: accounts::id("group", accounts::SOCKETS), trusted, user, report }
    }

    pub(super) async fn examine(&mut self, places: Places, served: &HashMap<PathBuf, Served>) {
        let mut sockets = places.sockets;
        self.trusted.extend(places.uids);
        for folder in &places.folders {
            self.folder(folder);
            match fs::read_dir(folder) {
                Ok(entries) => sockets.extend(entries.flatten().filter_map(|entry| {
                    let path = entry.path();
                    protocol(&path).map(|protocol| (path, protocol))
                })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let text = format!("what is in {}: {error}", folder.display());
                    self.report.note("socket", text, "sudo qapi-dbus doctor");
                }
            }
        }
        sockets.retain(|path, _| !served.contains_key(path));
        for (path, served) in served.iter().collect::<BTreeMap<_, _>>() {
            self.served(path, served);
        }
        if sockets.is_empty() && served.is_empty() {
            self.report.note("socket", "no machine is found", "");
        }
        if sockets.len() > MOST {
            let text = format!("{MOST} of {} that the bridge has not are tried", sockets.len());
            self.report.note("socket", text, "");
        }
        for (path, protocol) in sockets.into_iter().take(MOST) {
            self.socket(&path, protocol).await;
        }
    }

    /// Who may write to it decides which machine a call reaches.
    fn folder(&mut self, folder: &Path) {
        let shown = folder.display();
        let found = match fs::metadata(folder) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.user => {
                let text = format!("{shown} is made when the bridge starts");
                return self.report.note("folder", text, "");
            }
            Err(error) => {
                let text = format!("{shown}: {error}");
                return self.report.bad("folder", text, "sudo systemd-tmpfiles --create");
            }
        };
        let owners = [0, geteuid().as_raw()];
        if found.mode() & OTHERS_WRITE != 0 {
            let text = format!("others can write to {shown} and put sockets of their own there");
            self.report.bad("folder", text, &format!("sudo chmod o-w {shown}"));
        } else if !owners.contains(&found.uid()) {
            let text = format!("{shown} belongs to uid {}, who decides what is in it", found.uid());
            self.report.bad("folder", text, &format!("sudo chown root {shown}"));
        } else if !self.user && Some(found.gid()) != self.group {
            let text = format!("the bridge may not enter {shown}, of group {}", found.gid());
            let mend = format!("sudo chgrp {} {shown}", accounts::SOCKETS);
            self.report.bad("folder", text, &mend);
        } else {
            self.report.good("folder", format!("{shown}, mode {:o}", found.mode() & 0o7777));
        }
    }

    /// One that the bridge has: it knows best.
    fn served(&mut self, path: &Path, served: &Served) {
        let Served { path: object, state, version } = served;
        let text = format!("{} at {object}: {state} {version}", path.display());
        match state.as_str() {
            "ready" => self.report.good("socket", text.trim_end()),
            // Of guests without an agent, and of machines that are down or being backed up.
            "absent" | "frozen" => self.report.note("socket", text.trim_end(), ""),
            _ => {
                let mend = format!("busctl introspect org.qemu.Bridge {object}");
                self.report.bad("socket", text.trim_end(), &mend);
            }
        }
    }

    /// One that nobody has, or another client.
    async fn socket(&mut self, path: &Path, protocol: Protocol) {
        let shown = path.display();
        let list = format!("ls -l {shown}");
        let found = match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => found,
            Ok(_) => return self.report.bad("socket", format!("{shown} is no socket"), &list),
            Err(error) => return self.report.bad("socket", format!("{shown}: {error}"), &list),
        };
        if !self.user && !self.may_use(found.gid(), found.mode()) {
            let (group, mode) = (found.gid(), found.mode() & 0o777);
            let text = format!("the bridge may not use {shown} (group {group}, mode {mode:o})");
            let group = accounts::SOCKETS;
            let mend = format!("sudo chgrp {group} {shown}; sudo chmod g+rw {shown}");
            self.report.bad("socket", text, &mend);
        }
        let probe = probe(path, protocol).await;
        if let Some(uid) = probe.uid {
            self.server(path, uid);
        }
        let behind = probe.uid.map(|uid| format!("{shown}, of uid {uid},")).unwrap_or_default();
        self.probed(path, probe.probed, protocol, &behind);
    }

    /// Whoever serves it speaks for the machine.
    fn server(&mut self, path: &Path, uid: u32) {
        if self.trusted.contains(&uid) {
            return;
        }
        let text = format!("the bridge does not trust uid {uid}, who serves {}", path.display());
        let mend = if self.user {
            format!("qapi-dbus serve --peer-user {uid}   # with the options it has")
        } else {
            format!("sudoedit {FILE}   # [authorization] uids = [{uid}]")
        };
        self.report.bad("socket", text, &mend);
    }

    fn may_use(&self, group: u32, mode: u32) -> bool {
        Some(group) == self.group && mode & GROUP_READ_WRITE == GROUP_READ_WRITE
    }

    fn probed(&mut self, path: &Path, probed: Probed, protocol: Protocol, behind: &str) {
        let shown = path.display();
        let who = format!("sudo ss --unix --processes src {shown}");
        let (text, mend) = match (probed, protocol) {
            (Probed::Answers(what), _) => {
                return self.report.good("socket", format!("{behind} is {what}, and free"));
            }
            (Probed::Silent, Protocol::Qmp) => (
                format!("{behind} does not greet: another client has it, or QEMU hangs"),
                format!("{who}   # and give the bridge a -qmp of its own"),
            ),
            (Probed::Silent, Protocol::Qga) => (
                format!("{behind} has no agent that answers, or another client has it"),
                "systemctl enable --now qemu-guest-agent   # in the guest".to_owned(),
            ),
            (Probed::Strange, _) => (
                format!("{behind} is neither a monitor nor an agent; .qmp and .qga tell which"),
                who,
            ),
            (Probed::Refused(error), _) => match error.kind() {
                io::ErrorKind::ConnectionRefused => (
                    format!("{shown}: nobody listens; a QEMU that ended left it behind"),
                    format!("sudo rm {shown}"),
                ),
                io::ErrorKind::PermissionDenied => {
                    let text = format!("{shown} is not yours to open, so it was not tried");
                    return self.report.note("socket", text, "sudo qapi-dbus doctor");
                }
                _ => (format!("{shown}: {error}"), who),
            },
        };
        self.report.bad("socket", text, &mend);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn told(report: &Report, words: &str) -> bool {
        report.to_string().contains(words)
    }

    #[tokio::test]
    async fn a_socket_that_nobody_serves_and_a_file_are_named_with_what_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let (stale, file) = (dir.path().join("a.qmp"), dir.path().join("b.qmp"));
        drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
        fs::write(&file, "").unwrap();
        let mut report = Report::default();
        Sockets::new(true, &mut report).socket(&stale, Protocol::Qmp).await;
        Sockets::new(true, &mut report).socket(&file, Protocol::Qmp).await;
        assert!(told(&report, &format!("-> sudo rm {}", stale.display())), "{report}");
        assert!(told(&report, "b.qmp is no socket"), "{report}");
        assert_eq!(report.wrong(), 2);
    }

    #[tokio::test]
    async fn a_socket_of_a_user_who_is_not_trusted_is_named_with_what_mends_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.qmp");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let served = std::thread::spawn(move || drop(listener.accept()));
        let mut report = Report::default();
        let mut sockets = Sockets::new(true, &mut report);
        sockets.trusted.clear();
        sockets.socket(&path, Protocol::Qmp).await;
        served.join().unwrap();
        let mend = format!("--peer-user {}", geteuid().as_raw());
        assert!(told(&report, &mend), "{report}");
        let mut sockets = Sockets::new(true, &mut report);
        sockets.server(&path, geteuid().as_raw());
        assert_eq!(report.to_string().matches(&mend).count(), 1, "{report}");
    }

    #[test]
    fn a_folder_that_others_write_to_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let mut report = Report::default();
        Sockets::new(true, &mut report).folder(dir.path());
        assert_eq!(report.wrong(), 0, "{report}");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Sockets::new(true, &mut report).folder(dir.path());
        assert!(told(&report, "chmod o-w"), "{report}");
        assert_eq!(report.wrong(), 1);
    }

    #[test]
    fn what_the_bridge_says_of_its_sockets_is_believed() {
        let served = |state: &str| Served {
            path: "/org/qemu/vm/a".into(),
            state: state.into(),
            version: "10.0.2".into(),
        };
        let mut report = Report::default();
        Sockets::new(true, &mut report).served(Path::new("/a.qmp"), &served("ready"));
        assert_eq!(report.wrong(), 0);
        Sockets::new(true, &mut report).served(Path::new("/a.qmp"), &served("unresponsive"));
        assert_eq!(report.wrong(), 1);
    }
}
