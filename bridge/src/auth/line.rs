//! The connection over which the bus and polkit are asked: made when it is first needed, and again
//! when it was lost.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout};
use zbus::{Address, Connection, Variant, connection::Builder};

use crate::bus::socket::BusSocket;

use super::{cache::Cache, users::Credentials};

const BUS: &str = "org.freedesktop.DBus";

/// polkit tells so when its rules, its actions or an authorization changed.
const CHANGED: &str = "type='signal',sender='org.freedesktop.PolicyKit1',\
                       interface='org.freedesktop.PolicyKit1.Authority',member='Changed'";

/// How long the bus may take to let it in.
const CONNECTING: Duration = Duration::from_secs(5);

/// Bytes of questions that may wait for the bus: there are few, and they are short.
const MEMORY: usize = 1 << 20;

/// The way to the bus, connected or not.
#[derive(Debug)]
pub(super) struct Line {
    address: Address,
    live: Mutex<Option<Connection>>,
    cache: Arc<Cache>,
}

impl Line {
    /// A line to the bus at this address; what is cached is dropped when polkit tells of changes,
    /// and when it could not be heard for a while.
    pub(super) fn new(address: Address, cache: Arc<Cache>) -> Self {
        Self { address, live: Mutex::default(), cache }
    }

    /// The connection.
    ///
    /// # Errors
    ///
    /// The bus does not let it in.
    ///
    /// # Cancel safety
    ///
    /// Cancelled, it is made by the next who needs it.
    pub(super) async fn connection(&self) -> zbus::Result<Connection> {
        let mut live = self.live.lock().await;
        if let Some(connection) = live.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        let made = timeout(CONNECTING, self.connect()).await;
        let connection = made.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        *live = Some(connection.clone());
        Ok(connection)
    }

    async fn connect(&self) -> zbus::Result<Connection> {
        let socket = BusSocket::connect(&self.address, MEMORY)?;
        let outbox = Arc::clone(socket.outbox());
        tokio::spawn(async move { outbox.run().await });
        let cache = Arc::clone(&self.cache);
        let socket = socket.listening(move |signal| {
            // Whoever sent it, at worst polkit is asked again.
            if signal.header().member().is_some_and(|member| member == "Changed") {
                cache.clear();
            }
        });
        let connection = Builder::socket(socket).build().await?;
        let path = "/org/freedesktop/DBus";
        connection.call_method(Some(BUS), path, Some(BUS), "AddMatch", &CHANGED).await?;
        // Nothing was heard before.
        self.cache.clear();
        Ok(connection)
    }
}

/// What the bus knows of a caller.
///
/// # Errors
///
/// It left, or the bus does not answer.
///
/// # Cancel safety
///
/// Nothing is lost.
pub(super) async fn credentials(bus: &Connection, caller: &str) -> zbus::Result<Credentials> {
    let path = "/org/freedesktop/DBus";
    let method = "GetConnectionCredentials";
    let reply = bus.call_method(Some(BUS), path, Some(BUS), method, &caller).await?;
    let body = reply.body();
    let told: HashMap<&str, Variant<'_>> = body.deserialize()?;
    let number = |key| told.get(key).and_then(|value| u32::try_from(value).ok());
    let uid = number("UnixUserID").ok_or_else(|| zbus::Error::Failure("no uid".into()))?;
    Ok(Credentials { uid, pid: number("ProcessID") })
}
