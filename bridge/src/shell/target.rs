//! Which machine, on which bus.

use std::io::{self, IsTerminal};

use clap::Args;

use super::{
    bus::{Bus, Way},
    fault::Fault,
    machine::{self, Machine},
};

/// Where a machine is.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Target {
    /// The machine; may be left out if there is one only
    #[arg(long, value_name = "NAME", env = "QAPI_DBUS_VM", help_heading = "Where")]
    pub(super) vm: Option<String>,
    #[command(flatten)]
    pub(super) place: Place,
}

/// Where a bridge is.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Place {
    /// session, system or an address; else the first of the two that has a bridge
    #[arg(long, value_name = "BUS", env = "QAPI_DBUS_BUS", help_heading = "Where")]
    bus: Option<String>,
    /// Another host, through ssh: its system bus, or with `--bus session` the account's
    #[arg(long, value_name = "USER@HOST[:PORT]", help_heading = "Where")]
    host: Option<String>,
    /// Bus name of a bridge that does not have its usual one
    #[arg(long, value_name = "N", help_heading = "Where")]
    name: Option<String>,
    /// A connection that is there already.
    #[arg(skip)]
    pub(super) bus_there: Option<Bus>,
}

impl Target {
    /// Takes the value of an option, by its name, where it is one of these.
    pub(super) fn set(&mut self, option: &str, value: &str) {
        let place = match option {
            "vm" => &mut self.vm,
            "bus" => &mut self.place.bus,
            "host" => &mut self.place.host,
            "name" => &mut self.place.name,
            _ => return,
        };
        *place = Some(value.to_owned());
    }

    /// The machine.
    pub(super) async fn machine(&self) -> Result<Machine, Fault> {
        machine::choose(self.place.machines().await?, self.vm.as_deref())
    }
}

impl Place {
    /// All machines there.
    pub(super) async fn machines(&self) -> Result<Vec<Machine>, Fault> {
        self.found(io::stdin().is_terminal()).await
    }

    /// The same, where nobody can be asked for a password.
    pub(super) async fn found(&self, interactive: bool) -> Result<Vec<Machine>, Fault> {
        if let Some(bus) = &self.bus_there {
            return machine::all(bus, self.name.as_deref()).await;
        }
        if let Some(way) = Way::of(self.bus.as_deref(), self.host.as_deref())? {
            return self.on(&way, interactive).await;
        }
        let session = self.on(&Way::Session, interactive).await;
        if session.as_ref().is_ok_and(|machines| !machines.is_empty()) {
            return session;
        }
        match self.on(&Way::System, interactive).await {
            // There is none at all, which the other bus could say.
            Err(fault) if fault.code == 4 && session.is_ok() => session,
            found => found,
        }
    }

    async fn on(&self, way: &Way, interactive: bool) -> Result<Vec<Machine>, Fault> {
        machine::all(&Bus::connect(way, interactive).await?, self.name.as_deref()).await
    }

    /// Whether this is another host, which has a clock of its own.
    pub(super) fn is_remote(&self) -> bool {
        self.host.is_some()
    }
}
