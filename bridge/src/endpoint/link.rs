//! The socket.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
    task::Poll,
};

use rustix::{
    cmsg_space,
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        SocketAddrUnix, SocketFlags, SocketType, connect, recv, sendmsg, socket_with,
    },
    process::{Resource, getrlimit},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::wire::Output;

/// Most bytes read at once: what a unix socket holds by default, and no more than a stack bears.
pub(super) const READ: usize = 64 << 10;

/// Descriptors that no connection may take: 16 may come with a message from the bus, which ends the
/// connection to it where they cannot be taken; the others are for what lasts a moment.
const SPARE: u64 = 18;

/// A connected socket. Registered for reading; for writing only while the peer takes no bytes:
/// otherwise each message that the peer takes would wake the task for nothing.
#[derive(Debug)]
pub(super) struct Link {
    reader: AsyncFd<OwnedFd>,
    writer: Option<AsyncFd<OwnedFd>>,
}

impl Link {
    /// Connects. A unix socket connects at once or not at all.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if others wait in line already, else what the kernel says; that no descriptor
    /// is left, it is told while [`SPARE`] are.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        spare(&socket)?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        Self::new(socket)
    }

    /// Takes a connected socket that does not block.
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self { reader: register(socket, Interest::READABLE)?, writer: None })
    }

    /// The socket itself.
    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.reader.get_ref().as_fd()
    }

    /// Returns when the peer sent something, ended, or takes bytes again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn ready(&self) -> io::Result<()> {
        // Futures of tokio's own would take more memory of each idle machine than all the rest.
        poll_fn(|context| {
            if let Poll::Ready(ready) = self.reader.poll_read_ready(context) {
                return Poll::Ready(ready.map(drop));
            }
            match &self.writer {
                Some(writer) => writer.poll_write_ready(context).map_ok(drop),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Reads what is there: `None` if nothing is, no bytes if the peer ended.
    pub(super) fn read<'b>(
        &self,
        buffer: &'b mut [MaybeUninit<u8>],
    ) -> io::Result<Option<&'b [u8]>> {
        let size = buffer.len();
        let mut bytes = None;
        let read = self.reader.try_io(Interest::READABLE, |_| {
            let part = self.rest(buffer)?;
            let drained = (1..size).contains(&part.len());
            bytes = Some(part);
            // Spares the read that would find nothing: more bytes make the socket ready anew.
            if drained { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match read {
            _ if bytes.is_some() => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
            Ok(()) => Ok(None),
        }
    }

    /// Reads what is there without waiting for a sign that there is something.
    pub(super) fn rest<'b>(&self, buffer: &'b mut [MaybeUninit<u8>]) -> io::Result<&'b [u8]> {
        Ok(&*recv(self.reader.get_ref(), buffer, RecvFlags::empty())?.0.0)
    }

    /// Writes what the peer takes; returns whether all of it left.
    pub(super) fn write(&mut self, output: &mut Output) -> io::Result<bool> {
        while output.at < output.bytes.len() {
            let sent = match &self.writer {
                None => send(self.reader.get_ref(), output),
                Some(writer) => writer.try_io(Interest::WRITABLE, |socket| send(socket, output)),
            };
            match sent {
                Ok(sent) => {
                    output.at += sent;
                    output.fd = None;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.watch_writing()?;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        self.writer = None;
        Ok(true)
    }

    /// Nothing is left to write: of a message that was given up, too, the peer's reading is no news.
    pub(super) fn rest_writing(&mut self) {
        self.writer = None;
    }

    fn watch_writing(&mut self) -> io::Result<()> {
        if self.writer.is_none() {
            let socket = self.reader.get_ref().try_clone()?;
            self.writer = Some(register(socket, Interest::WRITABLE)?);
        }
        Ok(())
    }
}

/// Fails where a descriptor is one of the last. The kernel gives the lowest that is free.
fn spare(socket: &OwnedFd) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let number = u64::try_from(socket.as_raw_fd()).unwrap_or(0);
    if number + SPARE < limit { Ok(()) } else { Err(Errno::MFILE.into()) }
}

/// Registers a descriptor that does not block for one direction, which tokio offers for sockets of
/// its own only.
#[allow(deprecated, reason = "what the unsafe form asks for is what an OwnedFd ensures")]
pub(crate) fn register(socket: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(socket, interest)
}

fn send(socket: &OwnedFd, output: &Output) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = output.fd.as_ref().map(|fd| [fd.as_fd()]);
    if let Some(fds) = &fds {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    let bytes = [IoSlice::new(&output.bytes[output.at..])];
    Ok(sendmsg(socket, &bytes, &mut control, SendFlags::NOSIGNAL)?)
}
