//! Which machines there are, and who may change them: each belongs to whoever brought it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{fleet::Fleet, machine::Machine, plan::Manner};

/// Machines in all: what their descriptors and idle tasks take is then bounded.
const MACHINES: usize = 10_000;

/// Who brought a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The command line.
    Option,
    /// `AddVm`
    Call,
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
    /// There are as many as may be.
    Full,
}

/// Every machine, and the fleet that serves them.
#[derive(Debug)]
pub(super) struct Machines {
    fleet: Arc<Fleet>,
    /// What all endpoints have in common.
    manner: Manner,
    known: Mutex<BTreeMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    machine: Machine,
    origin: Origin,
}

impl Machines {
    /// None yet.
    pub(super) fn new(fleet: Arc<Fleet>, manner: Manner) -> Self {
        Self { fleet, manner, known: Mutex::default() }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.known().len()
    }

    /// Serves a machine.
    ///
    /// # Errors
    ///
    /// Its name is taken, or there are too many.
    pub(super) fn add(&self, machine: Machine, origin: Origin) -> Result<(), Refused> {
        let mut known = self.known();
        if let Some(taken) = known.get(&machine.name) {
            return Err(Refused::Taken(machine.name, taken.origin.clone()));
        }
        if known.len() >= MACHINES {
            return Err(Refused::Full);
        }
        self.serve(&machine);
        known.insert(machine.name.clone(), Known { machine, origin });
        Ok(())
    }

    /// Serves a machine no longer.
    ///
    /// # Errors
    ///
    /// There is none of this name, or it is somebody else's.
    pub(super) fn remove(&self, name: &str, origin: &Origin) -> Result<(), Refused> {
        let mut known = self.known();
        match known.get(name) {
            None => Err(Refused::Unknown(name.to_owned())),
            Some(other) if other.origin != *origin => {
                Err(Refused::Foreign(name.to_owned(), other.origin.clone()))
            }
            Some(Known { machine, .. }) => {
                self.fleet.serve(&machine.path(), Vec::new());
                known.remove(name);
                Ok(())
            }
        }
    }

    fn serve(&self, machine: &Machine) {
        let path = machine.path();
        let endpoints = machine.sockets().map(|(protocol, socket)| {
            self.manner.endpoint(protocol, socket.clone(), &path, machine.timeout)
        });
        self.fleet.serve(&path, endpoints.collect());
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => f.write_str("the command line"),
            Self::Call => f.write_str("AddVm"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(name, origin) => {
                write!(f, "there is a machine `{name}` already, from {origin}; choose another name")
            }
            Self::Unknown(name) => write!(f, "there is no machine `{name}`"),
            Self::Foreign(name, origin) => {
                write!(f, "the machine `{name}` comes from {origin}; end it there")
            }
            Self::Full => write!(f, "{MACHINES} machines are served already; remove some first"),
        }
    }
}
