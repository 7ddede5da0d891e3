//! The connection to the bus, and the names on it.

use std::{io, sync::Arc};

use tokio::time::timeout;
use tracing::warn;
use zbus::{
    Address, Connection,
    connection::Builder,
    fdo::{RequestNameFlags, RequestNameReply},
    names::OwnedWellKnownName,
};

use crate::bus::{
    guard::Outbox,
    socket::{Answering, BusSocket},
    watch_departures,
};

use super::{BUS_TIMEOUT, Bus, Error};

/// Connects to a bus; nothing is read of it before [`greet`].
pub(super) fn connect(address: &Address, bus: &Bus, memory: usize) -> Result<BusSocket, Error> {
    BusSocket::connect(address, memory).map_err(|error| failed(address, bus, error.into()))
}

/// Authenticates, writes to the bus whatever comes into the outbox, and has it tell of callers who
/// leave.
pub(super) async fn greet(
    socket: Answering,
    outbox: Arc<Outbox>,
    address: &Address,
    bus: &Bus,
) -> Result<Connection, Error> {
    tokio::spawn(async move {
        if let Err(error) = outbox.run().await {
            warn!(%error, "writing to the bus failed");
        }
    });
    let connecting = async {
        let connection = Builder::socket(socket).method_timeout(BUS_TIMEOUT).build().await?;
        watch_departures(&connection).await?;
        Ok(connection)
    };
    // A bus that hangs accepts connections all the same, and then says nothing.
    match timeout(BUS_TIMEOUT, connecting).await {
        Ok(connection) => connection.map_err(|error| failed(address, bus, error)),
        Err(_) => {
            let error = io::Error::from(io::ErrorKind::TimedOut);
            Err(failed(address, bus, error.into()))
        }
    }
}

fn failed(address: &Address, bus: &Bus, error: zbus::Error) -> Error {
    Error::Bus(format!("{bus} ({address})"), error)
}

/// Owns a name for good: never taken from another, never given away, never waited for.
pub(super) async fn own(connection: &Connection, name: &OwnedWellKnownName) -> Result<(), Error> {
    let taken = || Error::NameTaken(name.to_string());
    let flags = RequestNameFlags::DO_NOT_QUEUE;
    match connection.request_name_with_flags(name.clone(), flags).await {
        Ok(RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner) => Ok(()),
        Ok(_) | Err(zbus::Error::NameTaken) => Err(taken()),
        Err(error) => Err(Error::NameDenied(name.to_string(), error)),
    }
}

/// Gives names back.
pub(super) async fn release(connection: &Connection, names: &[OwnedWellKnownName]) {
    for name in names {
        if let Err(error) = connection.release_name(name.clone()).await {
            warn!(%name, %error, "name not released");
        }
    }
}
