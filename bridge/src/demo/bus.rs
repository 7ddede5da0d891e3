//! The embedded bus: `busd` in this process.

use std::{io, path::Path, sync::mpsc};

use anyhow::{Context, anyhow};
use zbus::{
    Address,
    address::transport::{Transport, Unix, UnixSocket},
};

use super::worker::Worker;

/// A running bus; it ends when dropped.
#[derive(Debug)]
pub(super) struct EmbeddedBus {
    _worker: Worker,
    address: String,
}

impl EmbeddedBus {
    /// Starts a bus on a socket in `directory`, whose permissions say who may connect: busd
    /// enforces no policy.
    pub(super) fn start(directory: &Path) -> anyhow::Result<Self> {
        let socket = UnixSocket::File(directory.join("bus"));
        // Without the bus's id, which would double the length of each line to copy.
        let address = Address::new(Transport::Unix(Unix::new(socket))).to_string();
        let (report, reported) = mpsc::channel();
        let listen_at = address.clone();
        // busd runs on an executor of its own making, so it gets a thread of its own.
        let worker = Worker::start("embedded-bus", move |stop| {
            zruntime::block_on(async move {
                let mut bus = match busd::bus::Bus::for_address(Some(&listen_at)).await {
                    Ok(bus) => bus,
                    Err(error) => return report.send(Err(error)).unwrap_or_default(),
                };
                report.send(Ok(())).unwrap_or_default();
                tokio::select! {
                    _ = stop => {}
                    Err(error) = bus.run() => tracing::error!("the embedded bus ended: {error:#}"),
                }
            });
        });
        started(worker, reported)
            .map(|worker| Self { _worker: worker, address })
            .context("cannot start the embedded bus; --session uses that of your session")
    }

    /// Where clients find it.
    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

fn started(
    worker: io::Result<Worker>,
    reported: mpsc::Receiver<anyhow::Result<()>>,
) -> anyhow::Result<Worker> {
    let worker = worker?;
    reported.recv().map_err(|_| anyhow!("its thread ended"))??;
    Ok(worker)
}

#[cfg(test)]
mod tests {
    use zbus::connection::Builder;

    use super::*;

    #[tokio::test]
    async fn clients_connect_until_the_bus_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let bus = EmbeddedBus::start(directory.path()).unwrap();
        let address = bus.address().to_owned();
        let client =
            Builder::address(address.as_str()).name("org.example.X").build().await.unwrap();
        assert!(client.unique_name().is_some());
        drop(bus);
        assert!(Builder::address(address.as_str()).build().await.is_err());
    }

    #[test]
    fn a_socket_that_cannot_be_made_is_reported() {
        let error = EmbeddedBus::start(Path::new("/nonexistent")).unwrap_err();
        assert!(format!("{error:#}").contains("No such file"), "{error:#}");
    }
}
