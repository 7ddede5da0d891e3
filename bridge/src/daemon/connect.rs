//! The connection to the bus, and the names on it.

use std::sync::Arc;

use tokio::time::timeout;
use tracing::warn;
use zbus::{
    Address, Connection, MessageStream,
    connection::Builder,
    fdo::{RequestNameFlags, RequestNameReply},
    names::OwnedWellKnownName,
};

use crate::bus::{Room, guard::Outbox, socket::BusSocket, watch_departures};

use super::{BUS_TIMEOUT, Bus, Error};

/// Connects to a bus, writes to it whatever comes into the outbox, and has it tell of callers who
/// leave.
pub(super) async fn connect(
    address: &Address,
    bus: &Bus,
    memory: usize,
) -> Result<(MessageStream, Arc<Outbox>, Arc<Room>), Error> {
    let failed = |error: zbus::Error| Error::Bus(format!("{bus} ({address})"), error);
    let socket = BusSocket::connect(address, memory).await.map_err(|error| failed(error.into()))?;
    let (outbox, room) = (Arc::clone(socket.outbox()), Arc::clone(socket.room()));
    let writer = Arc::clone(&outbox);
    tokio::spawn(async move {
        if let Err(error) = writer.run().await {
            warn!(%error, "writing to the bus failed");
        }
    });
    let connecting = async {
        let builder = Builder::socket(socket).method_timeout(BUS_TIMEOUT);
        let stream = builder.build_message_stream().await?;
        watch_departures(&Connection::from(&stream)).await?;
        Ok(stream)
    };
    // A bus that hangs accepts connections all the same, and then says nothing.
    match timeout(BUS_TIMEOUT, connecting).await {
        Ok(stream) => Ok((stream.map_err(failed)?, outbox, room)),
        Err(_) => Err(failed(std::io::Error::from(std::io::ErrorKind::TimedOut).into())),
    }
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
