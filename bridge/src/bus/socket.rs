//! The transport under the bus connection: a unix socket with a guard on each half.
//!
//! zbus takes any [`Socket`]; ours differs from its own in two points. Whole messages go to the
//! [`Outbox`], which judges them and is never cancelled in the middle of one; and [`Incoming`]
//! lets in what is within the limits.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{BorrowedFd, OwnedFd},
    sync::Arc,
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::{io::Interest, net::UnixStream};
use zbus::{
    Address, Message,
    address::transport::{Transport, UnixSocket},
    connection::socket::{Socket, Split, WriteHalf},
    export::async_trait::async_trait,
};

use super::{
    guard::Outbox,
    incoming::{Incoming, Room},
};

/// Descriptors that one read takes at most: the kernel's own limit of one message.
const MAX_FDS: usize = 253;

/// A connection to a bus that is not authenticated yet.
#[derive(Debug)]
pub struct BusSocket {
    stream: Arc<UnixStream>,
    outbox: Arc<Outbox>,
    room: Arc<Room>,
}

impl BusSocket {
    /// Connects to a bus; messages in flight take at most so many bytes of memory.
    ///
    /// # Errors
    ///
    /// The address names no unix socket, or nobody listens there.
    ///
    /// # Cancel safety
    ///
    /// Cancelled, it leaves nothing behind.
    pub async fn connect(address: &Address, memory: usize) -> io::Result<Self> {
        let stream = match address.transport() {
            Transport::Unix(unix) => match unix.path() {
                UnixSocket::File(path) => UnixStream::connect(path).await?,
                UnixSocket::Abstract(name) => {
                    let mut path = std::ffi::OsString::from("\0");
                    path.push(name);
                    UnixStream::connect(path).await?
                }
                _ => return Err(unsupported(address)),
            },
            _ => return Err(unsupported(address)),
        };
        let stream = Arc::new(stream);
        let outbox = Outbox::new(Arc::clone(&stream), memory);
        Ok(Self { stream, outbox, room: Room::new() })
    }

    /// What leaves through it.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// What comes in through it.
    pub fn room(&self) -> &Arc<Room> {
        &self.room
    }
}

fn unsupported(address: &Address) -> io::Error {
    let text = format!("`{address}`: the bridge connects to `unix:path=` and `unix:abstract=`");
    io::Error::new(io::ErrorKind::Unsupported, text)
}

impl Socket for BusSocket {
    type ReadHalf = Incoming;
    type WriteHalf = Writer;

    fn split(self) -> Split<Incoming, Writer> {
        let Self { stream, outbox, room } = self;
        let incoming = Incoming::new(Arc::clone(&stream), room, Arc::clone(&outbox));
        Split::new(incoming, Writer { stream, outbox })
    }
}

/// The half that zbus sends through.
#[derive(Debug)]
pub struct Writer {
    stream: Arc<UnixStream>,
    outbox: Arc<Outbox>,
}

#[async_trait]
impl WriteHalf for Writer {
    async fn send_message(&mut self, message: &Message) -> zbus::Result<()> {
        self.outbox.send(message.clone());
        Ok(())
    }

    /// Used by the authentication only.
    async fn sendmsg(&mut self, buffer: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.stream.async_io(Interest::WRITABLE, || send(&self.stream, buffer, fds)).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.outbox.close();
        Ok(())
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

/// Reads what the socket has now: number of bytes, descriptors, and whether all of these came.
///
/// # Errors
///
/// `WouldBlock` if the socket has nothing now.
pub(super) fn receive(
    stream: &UnixStream,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>, ReturnFlags)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut iov = [IoSliceMut::new(buffer)];
    let received = recvmsg(stream, &mut iov, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    Ok((received.bytes, fds.flatten().collect(), received.flags))
}

/// Writes what the socket takes now; descriptors ride on the first byte.
///
/// # Errors
///
/// `WouldBlock` if the socket takes nothing now.
pub(super) fn send(stream: &UnixStream, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many file descriptors"));
    }
    Ok(sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}
