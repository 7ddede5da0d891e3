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
    /// Endpoints by the path of their object.
    pub(super) objects: BTreeMap<String, Vec<EndpointSettings>>,
}

/// One socket with its default place.
struct Place {
    protocol: Protocol,
    socket: PathBuf,
    name: &'static str,
    path: String,
}

impl Plan {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let places: Vec<_> = places(settings).collect();
        if places.is_empty() {
            return Err(Error::Settings("no socket to serve: give --qga, --qmp or --vm".into()));
        }
        if settings.path.is_some() && places.len() > 1 {
            return Err(Error::Settings("--path is for one socket; start one bridge each".into()));
        }
        let mut machines = BTreeSet::new();
        if let Some(twice) = settings.machines.iter().find(|it| !machines.insert(&it.name)) {
            let text = format!("--vm `{}` is given twice; each machine needs a name", twice.name);
            return Err(Error::Settings(text));
        }
        let mut plan = Self { names: Vec::new(), objects: BTreeMap::new() };
        for place in places {
            plan.add(settings, place)?;
        }
        Ok(plan)
    }

    fn add(&mut self, settings: &Settings, place: Place) -> Result<(), Error> {
        let name = name_of(settings.name.as_deref().unwrap_or(place.name))?;
        if !self.names.contains(&name) {
            self.names.push(name);
        }
        let path = path_of(settings.path.as_deref().unwrap_or(&place.path))?;
        self.objects.entry(path.clone()).or_default().push(EndpointSettings {
            protocol: place.protocol,
            socket: place.socket,
            path,
            timeout: settings.timeout,
            unicast: settings.unicast,
            // Its text hides the command from whoever authorizes by member.
            execute: !matches!(settings.bus, Bus::System),
        });
        Ok(())
    }
}

/// Every socket with its default bus name and object path (mapping, section 8).
fn places(settings: &Settings) -> impl Iterator<Item = Place> {
    let place = |protocol, socket: &PathBuf, name, path: &str| Place {
        protocol,
        socket: socket.clone(),
        name,
        path: path.to_owned(),
    };
    let single = [
        (Protocol::Qga, &settings.qga, "org.qemu.qga", "/org/qemu/qga"),
        (Protocol::Qmp, &settings.qmp, "org.qemu.qmp", "/org/qemu/qmp"),
    ];
    let single = single.into_iter().filter_map(move |(protocol, socket, name, path)| {
        socket.as_ref().map(|socket| place(protocol, socket, name, path))
    });
    let machines = settings.machines.iter().flat_map(move |machine| {
        let path = machine.path();
        machine.sockets().map(move |(protocol, socket)| place(protocol, socket, MACHINES, &path))
    });
    single.chain(machines)
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
    fn machines_share_one_name_and_have_an_object_each() {
        let plan = Plan::new(&settings(&["a=qmp:/a.qmp,qga:/a.qga", "b=qga:/b.qga"])).unwrap();
        assert_eq!(plan.names, ["org.qemu.Bridge"]);
        let objects = plan.objects.iter().map(|(path, endpoints)| (path.as_str(), endpoints.len()));
        assert_eq!(objects.collect::<Vec<_>>(), [("/org/qemu/vm/a", 2), ("/org/qemu/vm/b", 1)]);
    }

    #[test]
    fn two_machines_of_one_name_and_no_machine_are_refused() {
        assert!(Plan::new(&settings(&["a=qmp:/a", "a=qmp:/b"])).is_err());
        assert!(Plan::new(&settings(&[])).is_err());
    }
}
