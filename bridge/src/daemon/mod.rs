//! Puts the parts together: bus connection, objects, name, endpoints, and the way down.

mod connect;
mod control;
mod error;
mod fleet;
mod machine;
mod machines;
mod notify;
mod plan;
mod watch;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio::{task::JoinSet, time::timeout};
use tracing::{info, warn};
use zbus::{Address, Connection, names::OwnedWellKnownName};

use crate::bus::{Dispatcher, guard::Outbox};

use connect::{connect, own, release};
use control::Control;
use fleet::{DRAIN, Fleet};
use machines::{Machines, Origin};
use plan::Plan;
use watch::watch;

pub use error::Error;
pub use machine::Machine;
pub use plan::{Bus, Settings};

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
            service.fleet.stop(SETTLE).await;
            Err(error)
        }
    }
}

/// A bridge at work.
struct Service {
    address: Address,
    connection: Connection,
    names: Vec<OwnedWellKnownName>,
    fleet: Arc<Fleet>,
    outbox: Arc<Outbox>,
    dispatcher: Arc<Dispatcher>,
    /// Ends with the connection.
    dispatching: JoinSet<()>,
}

impl Service {
    async fn start(settings: Settings) -> Result<Self, Error> {
        let plan = Plan::new(&settings)?;
        let address = settings.bus.address()?;
        let (stream, outbox, room) = connect(&address, &settings.bus).await?;
        let connection = Connection::from(&stream);
        let fleet = Arc::new(Fleet::new(Arc::clone(&outbox)));
        for (path, endpoints) in plan.single {
            fleet.serve(&path, endpoints);
        }
        let objects = Arc::clone(fleet.objects());
        let dispatcher = Dispatcher::new(Arc::clone(&objects), Arc::clone(&outbox), room);
        let dispatcher = Arc::new(dispatcher);
        let machines = Arc::new(Machines::new(Arc::clone(&fleet), plan.manner));
        if !plan.machines.is_empty() {
            let (machines, objects) = (Arc::clone(&machines), Arc::downgrade(&objects));
            let dispatcher = Arc::downgrade(&dispatcher);
            fleet.serve_bridge(Arc::new(Control { machines, objects, dispatcher }));
        }
        for machine in plan.machines {
            machines.add(machine, Origin::Option).map_err(|it| Error::Settings(it.to_string()))?;
        }
        let mut dispatching = JoinSet::new();
        let answering = Arc::clone(&dispatcher);
        dispatching.spawn(async move { answering.run(stream).await });
        for name in &plan.names {
            own(&connection, name).await?;
        }
        // Only the owner of the name opens sockets: a second bridge would lock out the first.
        fleet.start();
        let names = plan.names;
        Ok(Self { address, connection, names, fleet, outbox, dispatcher, dispatching })
    }

    /// What is served where, in a line.
    fn describe(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|name| name.as_str()).collect();
        let paths = self.fleet.objects().summary(" ");
        format!("ready: {} at {paths} on {}", names.join(" "), self.address)
    }

    /// Returns when the bus is lost; until then the service manager is told how it goes.
    async fn lost(&mut self) -> Error {
        tokio::select! {
            _ = self.dispatching.join_next() => Error::BusLost,
            () = self.connection.closed() => Error::BusLost,
            () = watch(self.fleet.objects(), &self.dispatcher, &self.outbox) => Error::BusStalled,
            never = notify::feed_watchdog(&self.connection) => match never {},
        }
    }

    /// The way down: no new calls, the old ones to their end, the last replies to the bus.
    async fn end(&self) {
        info!("ending");
        notify::tell(NotifyState::Stopping);
        if timeout(FLUSH, release(&self.connection, &self.names)).await.is_err() {
            warn!("the bus did not take the names back");
        }
        self.fleet.stop(DRAIN).await;
        if timeout(FLUSH, self.outbox.flushed()).await.is_err() {
            warn!("the bus did not take the last replies");
        }
    }
}
