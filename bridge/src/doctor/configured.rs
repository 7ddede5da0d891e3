//! Where the service looks for sockets, as it was told.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use super::finding::Report;
use crate::{config::Config, endpoint::Protocol, install::Prefix};

/// What the unit names.
pub(super) const FILE: &str = "/etc/qapi-dbus/config.toml";

/// Where sockets are.
#[derive(Default)]
pub(super) struct Places {
    pub(super) folders: Vec<PathBuf>,
    pub(super) sockets: BTreeMap<PathBuf, Protocol>,
    /// Users who may serve them, besides root and the bridge's own.
    pub(super) uids: Vec<u32>,
}

pub(super) fn examine(prefix: &Prefix, user: bool, report: &mut Report) -> Places {
    if user {
        let folder = env::var_os("XDG_RUNTIME_DIR").map(|it| PathBuf::from(it).join("qapi-dbus"));
        return Places { folders: folder.into_iter().collect(), ..Places::default() };
    }
    if !Path::new(FILE).exists() {
        report.bad("config", format!("{FILE} is missing"), &prefix.install_command());
        return Places::default();
    }
    match Config::read(Path::new(FILE)) {
        Ok(config) => {
            report.good("config", format!("{FILE} is valid"));
            let sockets = config.machines.iter().flat_map(|machine| machine.sockets());
            let sockets = sockets.map(|(protocol, path)| (path.to_path_buf(), protocol)).collect();
            Places { folders: config.watch, sockets, uids: config.rules.uids().collect() }
        }
        Err(errors) => {
            let mend = format!("sudoedit {FILE}; qapi-dbus check-config {FILE}");
            errors.to_string().lines().for_each(|error| report.bad("config", error, &mend));
            Places::default()
        }
    }
}
