//! Which machines there are, and who may change them: each belongs to whoever brought it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    fleet::Fleet,
    machine::Machine,
    plan::{Manner, Wanted},
};

/// Who brought a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The command line.
    Option,
    /// The configuration file.
    File,
    /// `AddVm`
    Call,
    /// Sockets in a folder that is watched.
    Folder(Arc<Path>),
}

/// Why a change is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is a machine of this name already.
    Taken(String, Origin),
    /// There is none.
    Unknown(String),
    /// It is somebody else's.
    Foreign(String, Origin),
    /// There would be more than this.
    Full(usize),
}

/// Every machine, and the fleet that serves them.
#[derive(Debug)]
pub(super) struct Machines {
    fleet: Arc<Fleet>,
    known: Mutex<Known>,
    /// Told when a name or a place may have become free.
    freed: Notify,
}

#[derive(Debug)]
struct Known {
    /// Boxed, for the tree has room for more.
    by_name: BTreeMap<String, (Box<Machine>, Origin)>,
    most: usize,
    manner: Manner,
}

impl Origin {
    /// Whether the settings brought it, and change it.
    fn is_settings(&self) -> bool {
        matches!(self, Self::Option | Self::File)
    }
}

impl Machines {
    /// None yet.
    pub(super) fn new(fleet: Arc<Fleet>, most: usize, manner: Manner) -> Self {
        let known = Known { by_name: BTreeMap::new(), most, manner };
        Self { fleet, known: Mutex::new(known), freed: Notify::new() }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.known().by_name.len()
    }

    /// Serves a machine that is not there yet.
    ///
    /// # Errors
    ///
    /// Its name is taken, or there are too many.
    pub(super) fn add(&self, machine: Machine, origin: Origin) -> Result<(), Refused> {
        let mut known = self.known();
        match known.by_name.get(&machine.name) {
            Some((_, owner)) => Err(Refused::Taken(machine.name, owner.clone())),
            None => known.put(&self.fleet, machine, origin),
        }
    }

    /// Serves a machine as it is now, there already or not.
    ///
    /// # Errors
    ///
    /// Its name is somebody else's, or there are too many.
    pub(super) fn put(&self, machine: Machine, origin: Origin) -> Result<(), Refused> {
        let mut known = self.known();
        match known.by_name.get(&machine.name) {
            Some((_, owner)) if *owner != origin => {
                Err(Refused::Taken(machine.name, owner.clone()))
            }
            Some((same, _)) if **same == machine => Ok(()),
            _ => known.put(&self.fleet, machine, origin),
        }
    }

    /// Serves a machine no longer.
    ///
    /// # Errors
    ///
    /// There is none of this name, or it is somebody else's.
    pub(super) fn remove(&self, name: &str, origin: &Origin) -> Result<(), Refused> {
        let mut known = self.known();
        match known.by_name.get(name) {
            None => Err(Refused::Unknown(name.to_owned())),
            Some((_, owner)) if owner != origin => {
                Err(Refused::Foreign(name.to_owned(), owner.clone()))
            }
            Some(_) => {
                known.take(&self.fleet, name);
                self.freed.notify_one();
                Ok(())
            }
        }
    }

    /// Serves the machines that the settings want, and of those that they brought no others.
    ///
    /// # Errors
    ///
    /// The first name that is somebody else's, or there are too many.
    pub(super) fn settle(&self, wanted: Wanted) -> Result<(), Refused> {
        let mut known = self.known();
        let mut others = known.by_name.iter().filter(|(_, (_, owner))| !owner.is_settings());
        if others.clone().count() + wanted.machines.len() > wanted.most {
            return Err(Refused::Full(wanted.most));
        }
        let names: BTreeSet<_> = wanted.machines.iter().map(|(it, _)| &it.name).collect();
        if let Some((name, (_, owner))) = others.find(|(name, _)| names.contains(name)) {
            return Err(Refused::Taken(name.clone(), owner.clone()));
        }
        let gone: Vec<_> =
            known.by_name.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            if known.by_name[&name].1.is_settings() {
                known.take(&self.fleet, &name);
            }
        }
        (known.most, known.manner) = (wanted.most, wanted.manner);
        // Whoever brought them: their manner may have changed.
        for (machine, _) in known.by_name.values().filter(|(_, owner)| !owner.is_settings()) {
            known.serve(&self.fleet, machine);
        }
        for (machine, origin) in wanted.machines {
            known.serve(&self.fleet, &machine);
            known.by_name.insert(machine.name.clone(), (Box::new(machine), origin));
        }
        self.freed.notify_one();
        Ok(())
    }

    /// Returns when a name or a place may have become free since the last return.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn put(&mut self, fleet: &Fleet, machine: Machine, origin: Origin) -> Result<(), Refused> {
        if self.by_name.len() >= self.most && !self.by_name.contains_key(&machine.name) {
            return Err(Refused::Full(self.most));
        }
        self.serve(fleet, &machine);
        self.by_name.insert(machine.name.clone(), (Box::new(machine), origin));
        Ok(())
    }

    fn take(&mut self, fleet: &Fleet, name: &str) {
        if let Some((machine, _)) = self.by_name.remove(name) {
            fleet.serve(&machine.path(), Vec::new());
        }
    }

    fn serve(&self, fleet: &Fleet, machine: &Machine) {
        let path = machine.path();
        let endpoints = machine.sockets().map(|(protocol, socket)| {
            self.manner.endpoint(protocol, socket.clone(), &path, machine.timeout)
        });
        fleet.serve(&path, endpoints.collect());
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => f.write_str("the command line"),
            Self::File => f.write_str("the configuration file"),
            Self::Call => f.write_str("AddVm"),
            Self::Folder(path) => write!(f, "the sockets in {}", path.display()),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(name, origin) => {
                write!(f, "there is a machine {name:?} already, from {origin}; choose another name")
            }
            Self::Unknown(name) => write!(f, "there is no machine {name:?}"),
            Self::Foreign(name, origin) => {
                write!(f, "the machine {name:?} comes from {origin}; end it there")
            }
            Self::Full(most) => write!(
                f,
                "{most} machines may be served; remove some, or raise `machines` of the \
                 configuration's limits"
            ),
        }
    }
}
