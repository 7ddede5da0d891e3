//! What to serve and where: from the settings to names, objects and sockets.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use zbus::{
    Address,
    address::transport::{Transport, UnixSocket},
    names::{OwnedWellKnownName, WellKnownName},
};

use crate::{
    bus::{Limits, Settings as EndpointSettings},
    endpoint::{Protocol, Trust},
};

use super::{
    Bus, Error, Settings,
    machine::Machine,
    machines::{Origin, Refused},
};

/// The bus name of a bridge for machines (mapping, section 8).
const MACHINES: &str = "org.qemu.Bridge";

/// The objects of an agent and a monitor that are served without a name for their machine, which
/// is one.
pub(super) const SINGLE: [&str; 2] = ["/org/qemu/qga", "/org/qemu/qmp"];

/// What the settings come to.
pub(super) struct Plan {
    pub(super) fixed: Fixed,
    /// Endpoints that are no machine's, by the path of their object.
    pub(super) single: BTreeMap<String, Vec<EndpointSettings>>,
    pub(super) fleet: Wanted,
    /// Whether there may be machines.
    pub(super) manages: bool,
    pub(super) watch: Vec<PathBuf>,
}

/// What lasts as long as the process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) bus: Bus,
    pub(super) no_bus: bool,
    pub(super) names: Vec<OwnedWellKnownName>,
    /// Where the bridge itself takes connections.
    pub(super) listen: Vec<PathBuf>,
    calls: usize,
    calls_per_sender: usize,
    memory: usize,
}

/// The machines that are to be there, whatever callers and folders add.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) machines: Vec<(Machine, Origin)>,
    pub(super) most: usize,
    pub(super) manner: Manner,
}

/// What all endpoints have in common.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    timeout: Option<Duration>,
    unicast: bool,
    trust: Arc<Trust>,
    pub(super) limits: Arc<Limits>,
}

impl Plan {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let single: Vec<_> = single(settings).collect();
        let machines = machines(settings)?;
        let manages =
            !machines.is_empty() || !settings.watch.is_empty() || settings.again.is_some();
        if single.is_empty() && !manages {
            let text = "no socket to serve: give --qga, --qmp, --vm, --watch or --config";
            return Err(Error::Settings(text.into()));
        }
        if settings.path.is_some() && (single.len() > 1 || manages) {
            return Err(Error::Settings("--path is for one socket; start one bridge each".into()));
        }
        let mut names: Vec<_> = single.iter().map(|(_, _, name, _)| *name).collect();
        if manages {
            names.push(MACHINES);
        }
        if let Some(name) = &settings.name {
            names = vec![name];
        }
        let names = names.into_iter().map(name_of).collect::<Result<_, _>>()?;
        let manner = Manner::of(settings);
        let mut placed = BTreeMap::<_, Vec<_>>::new();
        for (protocol, socket, _, path) in single {
            let path = path_of(settings.path.as_deref().unwrap_or(path))?;
            let endpoint = manner.endpoint(protocol, socket.as_path().into(), &path, None);
            placed.entry(path).or_default().push(endpoint);
        }
        Ok(Self {
            fixed: Fixed::of(settings, names)?,
            single: placed,
            fleet: Wanted { machines, most: settings.limits.machines, manner },
            manages,
            watch: settings.watch.clone(),
        })
    }
}

impl Fixed {
    fn of(settings: &Settings, names: Vec<OwnedWellKnownName>) -> Result<Self, Error> {
        let Limits { calls, calls_per_sender, memory, .. } = settings.limits.bus;
        let listen: Vec<_> =
            settings.listen.iter().map(|it| place_of(it)).collect::<Result<_, _>>()?;
        if settings.no_bus && listen.is_empty() {
            let text = "nobody could call: give --listen with --no-bus";
            return Err(Error::Settings(text.into()));
        }
        let (bus, no_bus) = (settings.bus.clone(), settings.no_bus);
        Ok(Self { bus, no_bus, names, listen, calls, calls_per_sender, memory })
    }

    /// The settings that differ, by their keys.
    pub(super) fn changes(&self, other: &Self) -> Vec<&'static str> {
        let same = [
            ("bus", self.bus == other.bus && self.no_bus == other.no_bus),
            ("name", self.names == other.names),
            ("listen", self.listen == other.listen),
            ("calls", self.calls == other.calls),
            ("calls-per-sender", self.calls_per_sender == other.calls_per_sender),
            ("memory", self.memory == other.memory),
        ];
        same.iter().filter(|(_, same)| !same).map(|(key, _)| *key).collect()
    }
}

impl Manner {
    fn of(settings: &Settings) -> Self {
        let uids = settings.rules.uids().collect();
        let trust = Trust { uids, closed_directories: settings.authorizes() };
        Self {
            timeout: settings.timeout,
            unicast: settings.unicast,
            trust: Arc::new(trust),
            limits: Arc::new(settings.limits.bus.clone()),
        }
    }

    /// The settings of an endpoint, with a deadline of its own or everybody's.
    pub(super) fn endpoint(
        &self,
        protocol: Protocol,
        socket: Arc<Path>,
        path: &str,
        timeout: Option<Duration>,
    ) -> EndpointSettings {
        let (unicast, trust) = (self.unicast, Arc::clone(&self.trust));
        let (path, timeout) = (path.into(), timeout.or(self.timeout));
        let limits = Arc::clone(&self.limits);
        EndpointSettings { protocol, socket, path, timeout, unicast, limits, trust }
    }
}

/// Sockets that are no machine's, with their default bus name and object path (mapping, section 8).
fn single(
    settings: &Settings,
) -> impl Iterator<Item = (Protocol, &PathBuf, &'static str, &'static str)> {
    let single = [
        (Protocol::Qga, &settings.qga, "org.qemu.qga", SINGLE[0]),
        (Protocol::Qmp, &settings.qmp, "org.qemu.qmp", SINGLE[1]),
    ];
    single
        .into_iter()
        .filter_map(|(protocol, socket, name, path)| Some((protocol, socket.as_ref()?, name, path)))
}

/// Machines with those who want them.
fn machines(settings: &Settings) -> Result<Vec<(Machine, Origin)>, Error> {
    let of = |machines: &[Machine], origin: Origin| {
        machines.iter().map(move |it| (it.clone(), origin.clone())).collect::<Vec<_>>()
    };
    let machines =
        [of(&settings.machines, Origin::Option), of(&settings.configured, Origin::File)].concat();
    let mut names = BTreeSet::new();
    match machines.iter().find(|(machine, _)| !names.insert(&machine.name)) {
        None => Ok(machines),
        Some((machine, _)) => {
            let taken = Refused::Taken(machine.name.clone(), Origin::Option);
            Err(Error::Settings(taken.to_string()))
        }
    }
}

fn name_of(name: &str) -> Result<OwnedWellKnownName, Error> {
    WellKnownName::try_from(name).map(Into::into).map_err(|error| {
        Error::Settings(format!("--name `{name}` is no bus name like org.example.vm1: {error}"))
    })
}

/// The path of an address to listen at.
fn place_of(address: &str) -> Result<PathBuf, Error> {
    let bad = |why: &str| {
        Error::Settings(format!("--listen `{address}`: {why}; write unix:path=/run/x.sock"))
    };
    let parsed = Address::from_str(address).map_err(|error| bad(&error.to_string()))?;
    match parsed.transport() {
        Transport::Unix(unix) => match unix.path() {
            UnixSocket::File(path) => Ok(path.clone()),
            _ => Err(bad("only a socket with a path says who may connect")),
        },
        _ => Err(bad("the bridge opens no socket of a network")),
    }
}

fn path_of(path: &str) -> Result<String, Error> {
    match zbus::ObjectPath::try_from(path) {
        Ok(_) => Ok(path.to_owned()),
        Err(error) => Err(Error::Settings(format!(
            "--path `{path}` is no object path like /org/example/vm1: {error}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(machines: &[&str]) -> Settings {
        let machines = machines.iter().map(|text| text.parse().unwrap()).collect();
        Settings { machines, ..Settings::default() }
    }

    #[test]
    fn machines_share_one_name() {
        let plan = Plan::new(&settings(&["a=qmp:/a.qmp,qga:/a.qga", "b=qga:/b.qga"])).unwrap();
        assert_eq!(plan.fixed.names, ["org.qemu.Bridge"]);
        assert!(plan.single.is_empty() && plan.fleet.machines.len() == 2);
    }

    #[test]
    fn two_machines_of_one_name_and_nothing_to_serve_are_refused() {
        assert!(Plan::new(&settings(&["a=qmp:/a", "a=qmp:/b"])).is_err());
        assert!(Plan::new(&settings(&[])).is_err());
        let twice =
            Settings { configured: settings(&["a=qmp:/b"]).machines, ..settings(&["a=qmp:/a"]) };
        assert!(Plan::new(&twice).is_err());
        assert!(Plan::new(&Settings { watch: vec!["/x".into()], ..settings(&[]) }).is_ok());
    }

    #[test]
    fn the_bridge_listens_where_a_path_says_who_may_connect() {
        let listen = |address: &str| {
            let listen = vec![address.to_owned()];
            Plan::new(&Settings { no_bus: true, listen, ..settings(&["a=qmp:/a"]) })
        };
        let plan = listen("unix:path=/run/x.sock").unwrap();
        assert_eq!(plan.fixed.listen, [PathBuf::from("/run/x.sock")]);
        for address in ["/run/x.sock", "unix:abstract=x", "tcp:host=localhost,port=1", ""] {
            assert!(listen(address).is_err(), "{address}");
        }
        assert!(Plan::new(&Settings { no_bus: true, ..settings(&["a=qmp:/a"]) }).is_err());
    }

    #[test]
    fn what_cannot_change_while_serving_is_named() {
        let first = Plan::new(&settings(&["a=qmp:/a"])).unwrap();
        let mut other = Settings { bus: Bus::System, ..settings(&["b=qmp:/a"]) };
        other.limits.bus.memory += 1;
        other.limits.bus.events_kept += 1;
        let other = Plan::new(&other).unwrap();
        assert_eq!(first.fixed.changes(&other.fixed), ["bus", "memory"]);
    }
}
