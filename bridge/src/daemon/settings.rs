//! What a bridge is started with.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use tokio::sync::Notify;
use zbus::Address;

use crate::{auth::Rules, bus};

use super::{Error, Machine};

/// A message bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bus {
    /// The user's.
    #[default]
    Session,
    /// The machine's.
    System,
    /// The one at this address.
    Address(String),
}

/// What to serve, and where.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The bus.
    pub bus: Bus,
    /// Whether no bus is used; then the one of `bus` is where polkit is asked.
    pub no_bus: bool,
    /// Where the bridge itself takes connections, as addresses of D-Bus.
    pub listen: Vec<String>,
    /// Socket of an agent.
    pub qga: Option<PathBuf>,
    /// Socket of a monitor.
    pub qmp: Option<PathBuf>,
    /// Machines of the command line, each with an object of its own.
    pub machines: Vec<Machine>,
    /// Machines of the configuration file.
    pub configured: Vec<Machine>,
    /// Folders in which the sockets of machines appear and vanish.
    pub watch: Vec<PathBuf>,
    /// Bus name in the place of the default ones.
    pub name: Option<String>,
    /// Object path in the place of the default one; for one socket.
    pub path: Option<String>,
    /// Deadline of every call; zero means none.
    pub timeout: Option<Duration>,
    /// Whether events go to subscribers only.
    pub unicast: bool,
    /// Whether callers are authorized; on the system bus they always are.
    pub authorize: bool,
    /// What authorization is told by the configuration.
    pub rules: Rules,
    /// Bounds.
    pub limits: Limits,
    /// How all of this is read again; nothing is without a configuration file.
    pub again: Option<Again>,
}

impl Settings {
    /// Whether callers are authorized.
    pub(super) fn authorizes(&self) -> bool {
        self.authorize || self.bus == Bus::System
    }
}

/// Bounds that the configuration may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Machines.
    pub machines: usize,
    /// Of what each does.
    pub bus: bus::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        // So many have a bound on what their descriptors and idle tasks take.
        Self { machines: 10_000, bus: bus::Limits::default() }
    }
}

/// How the settings are read again, and when.
#[derive(Clone)]
pub struct Again {
    read: Arc<dyn Fn() -> anyhow::Result<Settings> + Send + Sync>,
    asked: Arc<Notify>,
}

impl Again {
    /// By `read`, whenever `asked` is notified, or `Reload` is called.
    pub fn new(
        read: impl Fn() -> anyhow::Result<Settings> + Send + Sync + 'static,
        asked: Arc<Notify>,
    ) -> Self {
        Self { read: Arc::new(read), asked }
    }

    pub(super) fn read(&self) -> anyhow::Result<Settings> {
        (self.read)()
    }

    /// Returns when somebody asked since the last return.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }
}

impl fmt::Debug for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Again").finish_non_exhaustive()
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
