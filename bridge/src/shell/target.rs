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
}

impl Target {
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
        let service = self.name.as_deref();
        if let Some(way) = Way::of(self.bus.as_deref(), self.host.as_deref())? {
            return machine::all(&Bus::connect(&way, interactive).await?, service).await;
        }
        let mut outcome = Ok(Vec::new());
        for way in [Way::Session, Way::System] {
            let found =
                async { machine::all(&Bus::connect(&way, interactive).await?, service).await };
            match found.await {
                Ok(machines) if !machines.is_empty() => return Ok(machines),
                // Of two that fail the one that could be reached, or else the system's, tells why.
                found => {
                    outcome = if way == Way::System && found.is_err() && outcome.is_ok() {
                        outcome
                    } else {
                        found
                    }
                }
            }
        }
        outcome
    }

    /// Whether this is another host, which has a clock of its own.
    pub(super) fn is_remote(&self) -> bool {
        self.host.is_some()
    }
}
