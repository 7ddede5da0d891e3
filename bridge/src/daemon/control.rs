//! `org.qemu.Bridge`: machines come and go at somebody's request.

use std::{
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use tracing::info;

use crate::{
    bus::{
        BRIDGE, Dispatcher, Objects, Properties, Service,
        errors::{Failure, standard},
    },
    transcode::{
        Json,
        shape::{Interface, Method},
    },
};

use super::{
    machine::Machine,
    machines::{Machines, Origin, Refused},
    reload::Reload,
};

/// The object of the bridge itself.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) machines: Arc<Machines>,
    pub(super) objects: Weak<Objects>,
    pub(super) dispatcher: Weak<Dispatcher>,
    /// None without a configuration file.
    pub(super) reload: Option<Arc<Reload>>,
}

impl Service for Control {
    fn interface(&self) -> &'static Interface {
        &BRIDGE
    }

    fn call(&self, method: &'static Method, arguments: &Json<'_>) -> Result<(), Failure> {
        let name = || arguments.get("name").and_then(Json::as_str).unwrap_or_default();
        match method.name {
            "AddVm" => {
                let machine = machine(name(), arguments.get("sockets"))?;
                let told = machine.clone();
                self.machines.add(machine, Origin::Call)?;
                info!(vm = ?told.name, qmp = ?told.qmp, qga = ?told.qga, "machine added");
            }
            "RemoveVm" => {
                self.machines.remove(name(), &Origin::Call)?;
                info!(vm = ?name(), "machine removed");
            }
            _ => match &self.reload {
                None => {
                    let text = "there is no configuration file; start with --config FILE";
                    return Err(Failure::new(standard::NOT_SUPPORTED, text));
                }
                Some(reload) => {
                    let told = |text: String| Failure::new(standard::FILE_CONTENT, &text);
                    reload.now().map_err(told)?;
                }
            },
        }
        Ok(())
    }

    fn properties(&self) -> Properties {
        let (ready, peers) = self.objects.upgrade().map_or((0, 0), |objects| objects.tally());
        let calls = self.dispatcher.upgrade().map_or(0, |dispatcher| dispatcher.calls());
        vec![
            ("Calls", count(calls)),
            ("Machines", count(self.machines.count())),
            ("Peers", count(peers)),
            ("PeersReady", count(ready)),
            ("Version", Json::Str(env!("CARGO_PKG_VERSION").into())),
        ]
    }
}

fn count(number: usize) -> Json<'static> {
    Json::from(number as u64)
}

/// What `AddVm` asks for.
fn machine(name: &str, sockets: Option<&Json<'_>>) -> Result<Machine, Failure> {
    let mut machine = Machine { name: name.to_owned(), ..Machine::default() };
    let Some(Json::Object(members)) = sockets else {
        return Err(Failure::invalid_args("argument `sockets` (a{sv}) is missing"));
    };
    for (key, value) in members {
        match (key.as_ref(), absolute(value), milliseconds(value)) {
            ("qmp", Some(path), _) => machine.qmp = Some(path.into()),
            ("qga", Some(path), _) => machine.qga = Some(path.into()),
            ("timeout", _, Some(timeout)) => machine.timeout = Some(timeout),
            (key, ..) => {
                let text = format!(
                    "argument `sockets`: `{key}` is none of `qmp` and `qga` (s, absolute paths) \
                     and `timeout` (milliseconds, 0 for none)"
                );
                return Err(Failure::invalid_args(&text));
            }
        }
    }
    machine.check().map_err(|text| Failure::invalid_args(&text))?;
    Ok(machine)
}

/// A relative path would begin in the bridge's own folder, which no caller knows.
fn absolute(value: &Json<'_>) -> Option<PathBuf> {
    value.as_str().filter(|path| path.starts_with('/')).map(PathBuf::from)
}

fn milliseconds(value: &Json<'_>) -> Option<Duration> {
    value.as_integer()?.try_into().ok().map(Duration::from_millis)
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let name = match refused {
            Refused::Taken(..) => standard::PATH_IN_USE,
            Refused::Unknown(_) => standard::UNKNOWN_OBJECT,
            Refused::Foreign(..) => standard::ACCESS_DENIED,
            Refused::Full(_) => standard::LIMITS,
        };
        Self::new(name, &refused.to_string())
    }
}
