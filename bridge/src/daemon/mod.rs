//! Puts the parts together: bus connection, objects, name, endpoints, and the way down.

mod machine;
mod plan;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tracing::{info, warn};
use zbus::{
    Address, Connection, MessageStream,
    connection::Builder,
    fdo::{RequestNameFlags, RequestNameReply},
    names::OwnedWellKnownName,
};

use crate::{
    bus::{Dispatcher, Endpoint, Objects, guard::Outbox, socket::BusSocket},
    endpoint::Task,
};

use plan::Plan;

pub use machine::Machine;
pub use plan::{Bus, Settings};

/// How long calls in flight may take to end after SIGTERM.
const DRAIN: Duration = Duration::from_secs(5);

/// How long the bus may take to accept the last replies.
const FLUSH: Duration = Duration::from_secs(2);

/// How long the bus may take to answer the bridge's own calls.
const BUS_TIMEOUT: Duration = Duration::from_secs(25);

/// Why the daemon could not start or go on.
#[derive(Debug)]
pub enum Error {
    /// The settings contradict each other or name something impossible.
    Settings(String),
    /// The bus cannot be reached.
    Bus(String, zbus::Error),
    /// Another connection owns the name.
    NameTaken(String),
    /// The bus does not allow the name.
    NameDenied(String, zbus::Error),
    /// The connection to the bus ended.
    BusLost,
}

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
    let plan = Plan::new(&settings)?;
    let address = settings.bus.address()?;
    let (stream, outbox) = connect(&address, &settings.bus).await?;
    let connection = Connection::from(&stream);
    let mut objects = Objects::default();
    let mut endpoints: Vec<Task> = Vec::new();
    for endpoint in plan.endpoints {
        let (endpoint, task) = Endpoint::new(endpoint, Arc::clone(&outbox));
        objects.add(endpoint);
        endpoints.push(task);
    }
    let objects = Arc::new(objects);
    let mut tasks = JoinSet::new();
    let dispatcher = Dispatcher::new(&connection, Arc::clone(&objects), Arc::clone(&outbox));
    tasks.spawn(async move { dispatcher.run(stream).await });
    for name in &plan.names {
        own(&connection, name).await?;
    }
    // Only the owner of the name opens sockets: a second bridge would lock out the first.
    for task in endpoints {
        tokio::spawn(task.run());
    }
    let names: Vec<_> = plan.names.iter().map(|name| name.as_str()).collect();
    let paths: Vec<_> = objects.paths().collect();
    ready(&format!("ready: {} at {} on {address}", names.join(" "), paths.join(" ")));
    notify(&[sd_notify::NotifyState::Ready]);
    tokio::select! {
        () = stop => {}
        _ = tasks.join_next() => return Err(Error::BusLost),
        () = connection.closed() => return Err(Error::BusLost),
    }
    end(&connection, &plan.names, &objects, &outbox).await;
    Ok(())
}

async fn connect(address: &Address, bus: &Bus) -> Result<(MessageStream, Arc<Outbox>), Error> {
    let failed = |error: zbus::Error| Error::Bus(format!("{bus} ({address})"), error);
    let (socket, outbox) =
        BusSocket::connect(address).await.map_err(|error| failed(error.into()))?;
    let writer = Arc::clone(&outbox);
    tokio::spawn(async move {
        if let Err(error) = writer.run().await {
            warn!(%error, "writing to the bus failed");
        }
    });
    let builder = Builder::socket(socket).method_timeout(BUS_TIMEOUT);
    let stream = builder.build_message_stream().await.map_err(failed)?;
    Ok((stream, outbox))
}

/// Owns a name for good: never taken from another, never given away, never waited for.
async fn own(connection: &Connection, name: &OwnedWellKnownName) -> Result<(), Error> {
    let taken = || Error::NameTaken(name.to_string());
    let flags = RequestNameFlags::DO_NOT_QUEUE;
    match connection.request_name_with_flags(name.clone(), flags).await {
        Ok(RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner) => Ok(()),
        Ok(_) | Err(zbus::Error::NameTaken) => Err(taken()),
        Err(error) => Err(Error::NameDenied(name.to_string(), error)),
    }
}

/// The way down: no new calls, the old ones to their end, the last replies to the bus.
async fn end(
    connection: &Connection,
    names: &[OwnedWellKnownName],
    objects: &Objects,
    outbox: &Outbox,
) {
    info!("ending");
    notify(&[sd_notify::NotifyState::Stopping]);
    for name in names {
        if let Err(error) = connection.release_name(name.clone()).await {
            warn!(%name, %error, "name not released");
        }
    }
    let mut draining = JoinSet::new();
    for endpoint in objects.endpoints().map(Arc::clone) {
        draining.spawn(async move { endpoint.stop(DRAIN).await });
    }
    while draining.join_next().await.is_some() {}
    if tokio::time::timeout(FLUSH, outbox.flushed()).await.is_err() {
        warn!("the bus did not take the last replies");
    }
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "service manager not told");
    }
}

impl Error {
    /// Exit code of the command.
    pub fn code(&self) -> u8 {
        match self {
            Self::Settings(_) => 2,
            Self::NameTaken(_) | Self::NameDenied(..) => 3,
            Self::Bus(..) | Self::BusLost => 4,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(text) => f.write_str(text),
            Self::Bus(bus, error) => write!(
                f,
                "cannot reach {bus} as uid {}: {error}; is it running? `--address` names another",
                rustix::process::getuid().as_raw()
            ),
            Self::NameTaken(name) => write!(
                f,
                "another connection owns `{name}`; see `busctl status {name}`, or choose another \
                 name with --name"
            ),
            Self::NameDenied(name, error) => write!(
                f,
                "the bus does not let uid {} own `{name}`: {error}; a policy under dbus-1/system.d \
                 may allow it, --name chooses another",
                rustix::process::getuid().as_raw()
            ),
            Self::BusLost => f.write_str("the bus ended the connection"),
        }
    }
}

// The texts hold their causes, in the middle of what to do about them.
impl std::error::Error for Error {}
