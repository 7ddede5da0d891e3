//! Puts the parts together: bus connection, objects, name, endpoints, and the way down.

mod connect;
mod control;
mod error;
mod fleet;
mod folder;
mod hotplug;
mod log_control;
mod machine;
mod machines;
mod notify;
mod plan;
mod reload;
mod settings;
mod stall;
mod starter;

use std::{
    convert::Infallible,
    future::{Future, pending},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tracing::{info, warn};
use zbus::{Address, Connection, names::OwnedWellKnownName};

use crate::{
    auth::Authority,
    bus::{Dispatcher, Gate, Lobby, flushed, guard::Outbox},
};

use connect::{connect, greet, own, release};
use control::Control;
use fleet::Fleet;
use hotplug::Hotplug;
use machines::Machines;
use plan::{Fixed, Plan};
use reload::Reload;
use stall::stalled;

pub use error::Error;
pub use machine::Machine;
pub use settings::{Again, Bus, Limits, Settings};

/// How long those on the wire may take once there is nobody left to reply to: what they began is
/// then done, and a new bridge finds the sockets free.
const SETTLE: Duration = Duration::from_secs(2);

/// How long the bus may take to release the names, and to accept the last replies.
const FLUSH: Duration = Duration::from_secs(2);

/// How long the bus may take to answer the bridge's own calls.
const BUS_TIMEOUT: Duration = Duration::from_secs(25);

/// Serves until `stop` ends; `ready` is told one line when the name is owned.
///
/// # Errors
///
/// See [`Error`]. Endpoints that cannot be reached are not errors: they are tried again.
///
/// # Cancel safety
///
/// Cancelled, calls in flight go unanswered; end it by `stop`.
pub async fn serve(
    settings: Settings,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(&str),
) -> Result<(), Error> {
    let mut stop = pin!(stop);
    let mut service = tokio::select! {
        started = Service::start(settings) => started?,
        () = stop.as_mut() => return Ok(()),
    };
    ready(&service.describe());
    notify::tell(NotifyState::Ready);
    tokio::select! {
        () = stop => {
            service.end().await;
            Ok(())
        }
        error = service.lost() => {
            service.gate.stop();
            service.fleet.stop(SETTLE).await;
            Err(error)
        }
    }
}

/// A bridge at work.
struct Service {
    /// Where it is called.
    places: String,
    /// None without a bus.
    connection: Option<Connection>,
    names: Vec<OwnedWellKnownName>,
    fleet: Arc<Fleet>,
    reload: Option<Arc<Reload>>,
    outbox: Arc<Outbox>,
    gate: Gate,
    dispatcher: Arc<Dispatcher>,
    drain: Duration,
    /// Never ends.
    watching: JoinSet<Infallible>,
}

impl Service {
    async fn start(settings: Settings) -> Result<Self, Error> {
        let Plan { fixed, single, fleet: wanted, manages, watch: folders } = Plan::new(&settings)?;
        let limits = Arc::clone(&wanted.manner.limits);
        raise_descriptors();
        let address = fixed.bus.address()?;
        let socket = match fixed.no_bus {
            true => None,
            false => Some(connect(&address, &fixed.bus, limits.memory)?),
        };
        let nowhere = || Outbox::nowhere(limits.memory);
        let outbox = socket.as_ref().map_or_else(nowhere, |socket| Arc::clone(socket.outbox()));
        let fleet = Arc::new(Fleet::new(Arc::clone(&outbox)));
        let objects = Arc::clone(fleet.objects());
        let gate = match settings.authorizes() {
            true => {
                let most = limits.calls / 4;
                let authority = Authority::new(address.clone(), settings.rules, most);
                Gate::guarded(authority, Arc::clone(&objects), Arc::clone(outbox.budget()))
            }
            false => Gate::default(),
        };
        let (tree, way_out) = (Arc::clone(&objects), Arc::clone(&outbox));
        let dispatcher = Arc::new(Dispatcher::new(tree, way_out, gate.clone(), &limits));
        let connection = match socket.map(|socket| socket.answered_by(Arc::clone(&dispatcher))) {
            Some(socket) => Some(greet(socket, Arc::clone(&outbox), &address, &fixed.bus).await?),
            None => None,
        };
        for (path, endpoints) in single {
            fleet.serve(&path, endpoints);
        }
        fleet.unite(&plan::SINGLE);
        fleet.serve_log();
        let machines = Machines::new(Arc::clone(&fleet), wanted.most, wanted.manner.clone());
        let machines = Arc::new(machines);
        machines.settle(wanted).map_err(|refused| Error::Settings(refused.to_string()))?;
        let (names, listen) = (fixed.names.clone(), fixed.listen.clone());
        let places = describe(&fixed, &address);
        let (folders, wanted) = watch::channel(folders);
        let reload = settings.again.map(|again| {
            let (fleet, machines) = (Arc::clone(&fleet), Arc::clone(&machines));
            Arc::new(Reload { again, fixed, fleet, machines, folders, gate: gate.clone() })
        });
        if manages {
            fleet.serve_bridge(Arc::new(Control {
                machines: Arc::clone(&machines),
                objects: Arc::downgrade(&objects),
                dispatcher: Arc::downgrade(&dispatcher),
                reload: reload.clone(),
            }));
        }
        let mut hotplug = manages.then(|| Hotplug::new(machines, Arc::clone(&outbox)));
        if let Some(hotplug) = &mut hotplug {
            // Whoever starts the bridge by a call to a machine must find it.
            let folders = wanted.borrow().clone();
            hotplug.look(&folders).await;
        }
        if let Some(connection) = &connection {
            for name in &names {
                own(connection, name).await?;
            }
        }
        let mut watching = JoinSet::new();
        for path in &listen {
            let called = names.iter().map(|name| name.to_string()).collect();
            let lobby = Lobby::open(path, &dispatcher, &objects, &gate, &outbox, called);
            let lobby = lobby.map_err(|error| Error::Listen(path.clone(), error))?;
            watching.spawn(lobby.run());
        }
        // Only the owner of the name opens sockets: a second bridge would lock out the first.
        fleet.start();
        if let Some(hotplug) = hotplug {
            watching.spawn(hotplug.run(wanted));
        }
        let drain = limits.drain;
        Ok(Self {
            places,
            connection,
            names,
            fleet,
            reload,
            outbox,
            gate,
            dispatcher,
            drain,
            watching,
        })
    }

    /// What is served where, in a line.
    fn describe(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|name| name.as_str()).collect();
        let paths = self.fleet.objects().summary(" ");
        format!("ready: {} at {paths} on {}", names.join(" "), self.places)
    }

    /// Returns when the bus is lost; until then the service manager is told how it goes.
    async fn lost(&mut self) -> Error {
        let reload = self.reload.clone();
        let reload = async {
            match &reload {
                Some(reload) => reload.whenever_asked().await,
                None => pending().await,
            }
        };
        let connection = self.connection.as_ref();
        let closed = async {
            match connection {
                Some(connection) => connection.closed().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = closed => Error::BusLost,
            () = stalled(self.fleet.objects(), &self.dispatcher, &self.outbox) => Error::BusStalled,
            never = notify::feed_watchdog(connection) => match never {},
            never = reload => match never {},
        }
    }

    /// The way down: no new calls, the old ones to their end, the last replies to the bus.
    async fn end(&mut self) {
        info!("ending");
        notify::tell(NotifyState::Stopping);
        if let Some(connection) = &self.connection
            && timeout(FLUSH, release(connection, &self.names)).await.is_err()
        {
            warn!("the bus did not take the names back");
        }
        self.watching.abort_all();
        self.gate.stop();
        self.fleet.stop(self.drain).await;
        let flushed = async { tokio::join!(self.outbox.flushed(), flushed(&self.outbox)) };
        if timeout(FLUSH, flushed).await.is_err() {
            warn!("the bus or a client did not take the last replies");
        }
    }
}

/// Where a bridge is called: the bus, and its own sockets.
fn describe(fixed: &Fixed, bus: &Address) -> String {
    let bus = (!fixed.no_bus).then(|| bus.to_string());
    let own = fixed.listen.iter().map(|path| format!("unix:path={}", path.display()));
    bus.into_iter().chain(own).collect::<Vec<_>>().join(" ")
}

/// Takes as many descriptors as the process may have: each peer takes one, and what starts with few
/// does so for the sake of programs that count on small numbers.
fn raise_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, "the limit of descriptors stays as it is");
    }
}
