//! The built-in guest agent: answers for this machine where no `qemu-ga` is installed.
//!
//! It speaks the agent's wire protocol on a unix socket and answers two dozen commands from what
//! the kernel tells; any other command is `CommandNotFound`. It is made for the demonstration:
//! whoever can open its socket can run programs, so its socket belongs in a private directory.
//!
//! `frame` cuts the stream into JSON values, `request` checks them, and `commands` is the service
//! that the generated dispatch calls; each of the other modules answers for one part of the machine.

mod base64;
mod clock;
mod commands;
mod cpu;
mod disk;
mod error;
mod exec;
mod file;
mod frame;
mod kernel;
mod network;
mod os;
mod request;
mod users;

use std::{io, path::Path};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

use self::{commands::Machine, frame::Frames};
use super::worker::Worker;

/// A running agent; its socket is served until it is dropped.
#[derive(Debug)]
pub struct Agent {
    _worker: Worker,
}

impl Agent {
    /// Serves a new socket at `path`, on a thread of its own: commands read files and may block.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be made or the thread cannot be started.
    pub fn start(path: &Path) -> io::Result<Self> {
        let listener = std::os::unix::net::UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = Worker::start("guest-agent", move |stop| {
            runtime.block_on(async {
                tokio::select! {
                    _ = stop => {}
                    result = serve(listener) => log_end(&result),
                }
            });
        })?;
        Ok(Self { _worker: worker })
    }
}

/// Serves one client after the other. Handles and programs outlive the client that made them, as
/// they do in a real agent.
async fn serve(listener: std::os::unix::net::UnixListener) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    let machine = Machine::default();
    loop {
        let (client, _) = listener.accept().await?;
        if let Err(error) = converse(client, &machine).await {
            tracing::debug!(%error, "a client of the guest agent is gone");
        }
    }
}

async fn converse(mut client: UnixStream, machine: &Machine) -> io::Result<()> {
    let mut frames = Frames::default();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let count = client.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        frames.push(&chunk[..count]);
        while let Some(frame) = frames.next() {
            client.write_all(&request::answer(frame, machine).await).await?;
        }
    }
}

fn log_end(result: &io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "the guest agent no longer accepts clients");
    }
}

#[cfg(test)]
mod tests;
