//! What to serve and where: from the settings to names, objects and sockets.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use zbus::{
    Address,
    names::{OwnedWellKnownName, WellKnownName},
};

use crate::{bus::Settings as EndpointSettings, endpoint::Protocol};

use super::{Error, machine::Machine};

/// The bus name of a bridge for machines (mapping, section 8).
const MACHINES: &str = "org.qemu.Bridge";

/// A message bus.
#[derive(Clone, Debug)]
pub enum Bus {
    /// The user's.
    Session,
    /// The machine's.
    System,
    /// The one at this address.
    Address(String),
}

/// What to serve, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bus.
    pub bus: Bus,
    /// Socket of an agent.
    pub qga: Option<PathBuf>,
    /// Socket of a monitor.
    pub qmp: Option<PathBuf>,
    /// Machines, each with an object of its own.
    pub machines: Vec<Machine>,
    /// Bus name in the place of the default ones.
    pub name: Option<String>,
    /// Object path in the place of the default one; for one socket.
    pub path: Option<String>,
    /// Deadline of every call; zero means none.
    pub timeout: Option<Duration>,
    /// Whether events go to subscribers only.
    pub unicast: bool,
}

/// What the settings come to.
pub(super) struct Plan {
    pub(super) names: Vec<OwnedWellKnownName>,
    /// Endpoints that are no machine's, by the path of their object.
    pub(super) single: BTreeMap<String, Vec<EndpointSettings>>,
    pub(super) machines: Vec<Machine>,
    pub(super) manner: Manner,
}

/// What all endpoints have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    timeout: Option<Duration>,
    unicast: bool,
    execute: bool,
}

impl Plan {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let single: Vec<_> = single(settings).collect();
        if single.is_empty() && settings.machines.is_empty() {
            return Err(Error::Settings("no socket to serve: give --qga, --qmp or --vm".into()));
        }
        if settings.path.is_some() && (single.len() > 1 || !settings.machines.is_empty()) {
            return Err(Error::Settings("--path is for one socket; start one bridge each".into()));
        }
        let mut machines = BTreeSet::new();
        if let Some(twice) = settings.machines.iter().find(|it| !machines.insert(&it.name)) {
            let text = format!("--vm `{}` is given twice; each machine needs a name", twice.name);
            return Err(Error::Settings(text));
        }
        let mut names: Vec<_> = single.iter().map(|(_, _, name, _)| *name).collect();
        if !settings.machines.is_empty() {
            names.push(MACHINES);
        }
        if let Some(name) = &settings.name {
            names = vec![name];
        }
        let names = names.into_iter().map(name_of).collect::<Result<_, _>>()?;
        let (machines, manner) = (settings.machines.clone(), Manner::of(settings));
        let mut plan = Self { names, single: BTreeMap::new(), machines, manner };
        for (protocol, socket, _, path) in single {
            let path = path_of(settings.path.as_deref().unwrap_or(path))?;
            let endpoint = plan.manner.endpoint(protocol, socket.clone(), &path, None);
            plan.single.entry(path).or_default().push(endpoint);
        }
        Ok(plan)
    }
}

impl Manner {
    fn of(settings: &Settings) -> Self {
        Self {
            timeout: settings.timeout,
            unicast: settings.unicast,
            // Its text hides the command from whoever authorizes by member.
            execute: !matches!(settings.bus, Bus::System),
        }
    }

    /// The settings of an endpoint, with a deadline of its own or everybody's.
    pub(super) fn endpoint(
        &self,
        protocol: Protocol,
        socket: PathBuf,
        path: &str,
        timeout: Option<Duration>,
    ) -> EndpointSettings {
        let Self { unicast, execute, .. } = *self;
        let (path, timeout) = (path.to_owned(), timeout.or(self.timeout));
        EndpointSettings { protocol, socket, path, timeout, execute, unicast }
    }
}

/// Sockets that are no machine's, with their default bus name and object path (mapping, section 8).
fn single(
    settings: &Settings,
) -> impl Iterator<Item = (Protocol, &PathBuf, &'static str, &'static str)> {
    let single = [
        (Protocol::Qga, &settings.qga, "org.qemu.qga", "/org/qemu/qga"),
        (Protocol::Qmp, &settings.qmp, "org.qemu.qmp", "/org/qemu/qmp"),
    ];
    single
        .into_iter()
        .filter_map(|(protocol, socket, name, path)| Some((protocol, socket.as_ref()?, name, path)))
}

fn name_of(name: &str) -> Result<OwnedWellKnownName, Error> {
    WellKnownName::try_from(name).map(Into::into).map_err(|error| {
        Error::Settings(format!("--name `{name}` is no bus name like org.example.vm1: {error}"))
    })
}

fn path_of(path: &str) -> Result<String, Error> {
    match zbus::ObjectPath::try_from(path) {
        Ok(_) => Ok(path.to_owned()),
        Err(error) => Err(Error::Settings(format!(
            "--path `{path}` is no object path like /org/example/vm1: {error}"
        ))),
    }
}

impl Bus {
    pub(super) fn address(&self) -> Result<Address, Error> {
        let address = match self {
            Self::Session => Address::session(),
            Self::System => Address::system(),
            Self::Address(address) => Address::from_str(address),
        };
        address.map_err(|error| Error::Bus(self.to_string(), error))
    }
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session => f.write_str("the session bus"),
            Self::System => f.write_str("the system bus"),
            Self::Address(address) => write!(f, "the bus at `{address}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(machines: &[&str]) -> Settings {
        Settings {
            bus: Bus::Session,
            qga: None,
            qmp: None,
            machines: machines.iter().map(|text| text.parse().unwrap()).collect(),
            name: None,
            path: None,
            timeout: None,
            unicast: false,
        }
    }

    #[test]
    fn machines_share_one_name() {
        let plan = Plan::new(&settings(&["a=qmp:/a.qmp,qga:/a.qga", "b=qga:/b.qga"])).unwrap();
        assert_eq!(plan.names, ["org.qemu.Bridge"]);
        assert!(plan.single.is_empty() && plan.machines.len() == 2);
    }

    #[test]
    fn two_machines_of_one_name_and_no_machine_are_refused() {
        assert!(Plan::new(&settings(&["a=qmp:/a", "a=qmp:/b"])).is_err());
        assert!(Plan::new(&settings(&[])).is_err());
    }
}
