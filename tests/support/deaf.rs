//! A client that reads none of the replies to its calls.

use crate::bus::Bus;
use std::{num::NonZero, time::Duration};
use tokio::time::timeout;
use zbus::{Connection, Message, MessageStream, connection::Builder};

/// One connection to the bus that is not read once a single message waits.
#[derive(Debug)]
pub struct Deaf {
    connection: Connection,
    _unread: MessageStream,
}

impl Deaf {
    /// Connects.
    pub async fn new(bus: &Bus) -> Self {
        let builder = Builder::address(bus.address()).max_queued(NonZero::<usize>::MIN);
        let connection = builder.build().await.unwrap();
        let unread = MessageStream::from(&connection);
        Self { connection, _unread: unread }
    }

    /// Sends calls until the bus throws the client out, or takes no more of what it sends.
    pub async fn send(&self, times: usize, call: impl Fn() -> Message) {
        for _ in 0..times {
            let call = call();
            let sending = timeout(Duration::from_secs(1), self.connection.send(&call));
            if !matches!(sending.await, Ok(Ok(()))) {
                return;
            }
        }
    }
}
