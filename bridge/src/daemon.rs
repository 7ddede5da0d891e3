//! Puts the parts together: bus connection, objects, name, endpoints, and the way down.

use std::{fmt, future::Future, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tracing::{info, warn};
use zbus::{
    Address, Connection, MessageStream,
    connection::Builder,
    fdo::{RequestNameFlags, RequestNameReply},
    names::{OwnedWellKnownName, WellKnownName},
};

use crate::{
    bus::{
        Dispatcher, Endpoint, Objects, Settings as EndpointSettings, guard::Outbox,
        socket::BusSocket,
    },
    endpoint::{Protocol, Task},
};

/// How long calls in flight may take to end after SIGTERM.
const DRAIN: Duration = Duration::from_secs(5);

/// How long the bus may take to accept the last replies.
const FLUSH: Duration = Duration::from_secs(2);

/// How long the bus may take to answer the bridge's own calls.
const BUS_TIMEOUT: Duration = Duration::from_secs(25);

/// A message bus.
#[derive(Clone, Debug)]
pub enum Bus {
    /// The user's.
    Session,
    /// The machine's.
    System,
    /// The one at this address.
    Address(String),
}

/// What to serve, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bus.
    pub bus: Bus,
    /// Socket of an agent.
    pub qga: Option<PathBuf>,
    /// Socket of a monitor.
    pub qmp: Option<PathBuf>,
    /// Bus name in the place of the default ones.
    pub name: Option<String>,
    /// Object path in the place of the default one; for one socket.
    pub path: Option<String>,
    /// Deadline of every call; zero means none.
    pub timeout: Option<Duration>,
    /// Whether events go to subscribers only.
    pub unicast: bool,
}

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
    let paths: Vec<_> = objects.endpoints().map(|endpoint| endpoint.path()).collect();
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

/// What the settings come to.
struct Plan {
    names: Vec<OwnedWellKnownName>,
    endpoints: Vec<EndpointSettings>,
}

impl Plan {
    fn new(settings: &Settings) -> Result<Self, Error> {
        let qga = settings.qga.clone().map(|socket| (Protocol::Qga, socket));
        let qmp = settings.qmp.clone().map(|socket| (Protocol::Qmp, socket));
        let sockets: Vec<_> = qga.into_iter().chain(qmp).collect();
        if sockets.is_empty() {
            return Err(Error::Settings("no socket to serve: give --qga or --qmp".into()));
        }
        if settings.path.is_some() && sockets.len() > 1 {
            return Err(Error::Settings("--path is for one socket; start one bridge each".into()));
        }
        let mut plan = Self { names: Vec::new(), endpoints: Vec::new() };
        for (protocol, socket) in sockets {
            let (name, path) = defaults(protocol);
            let name = name_of(settings.name.as_deref().unwrap_or(name))?;
            if !plan.names.contains(&name) {
                plan.names.push(name);
            }
            plan.endpoints.push(EndpointSettings {
                protocol,
                socket,
                path: path_of(settings.path.as_deref().unwrap_or(path))?,
                timeout: settings.timeout,
                unicast: settings.unicast,
                // Its text hides the command from whoever authorizes by member.
                execute: !matches!(settings.bus, Bus::System),
            });
        }
        Ok(plan)
    }
}

/// Bus name and object path of a protocol (mapping, section 8).
fn defaults(protocol: Protocol) -> (&'static str, &'static str) {
    match protocol {
        Protocol::Qga => ("org.qemu.qga", "/org/qemu/qga"),
        Protocol::Qmp => ("org.qemu.qmp", "/org/qemu/qmp"),
    }
}

fn name_of(name: &str) -> Result<OwnedWellKnownName, Error> {
    WellKnownName::try_from(name).map(Into::into).map_err(|error| {
        Error::Settings(format!("--name `{name}` is no bus name like org.example.vm1: {error}"))
    })
}

fn path_of(path: &str) -> Result<String, Error> {
    match zbus::ObjectPath::try_from(path) {
        Ok(_) => Ok(path.to_owned()),
        Err(error) => Err(Error::Settings(format!(
            "--path `{path}` is no object path like /org/example/vm1: {error}"
        ))),
    }
}

impl Bus {
    fn address(&self) -> Result<Address, Error> {
        let address = match self {
            Self::Session => Address::session(),
            Self::System => Address::system(),
            Self::Address(address) => Address::from_str(address),
        };
        address.map_err(|error| Error::Bus(self.to_string(), error))
    }
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

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session => f.write_str("the session bus"),
            Self::System => f.write_str("the system bus"),
            Self::Address(address) => write!(f, "the bus at `{address}`"),
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
