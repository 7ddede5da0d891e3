//! The socket of the connection to the bus, watched for reading alone: who is watched for writing
//! is woken each time the bus takes what was sent, for nothing.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{BorrowedFd, OwnedFd},
};

use rustix::{
    io::retry_on_intr,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
        SocketType, connect, recvmsg, sendmsg, socket_with,
    },
};
use tokio::io::{Interest, unix::AsyncFd};
use zbus::{
    Address,
    address::transport::{Transport, UnixSocket},
};

use crate::endpoint::register;

/// Descriptors that one read takes at most: the kernel's own limit of one message.
const MAX_FDS: usize = 253;

/// What a read brought: number of bytes, descriptors, and whether all of these came.
pub(super) type Received = (usize, Vec<OwnedFd>, ReturnFlags);

/// A connected socket.
#[derive(Debug)]
pub(super) struct Stream(AsyncFd<OwnedFd>);

/// A socket that is watched until it takes bytes.
#[derive(Debug)]
pub(super) struct Writable(AsyncFd<OwnedFd>);

impl Stream {
    /// Connects. A unix socket connects at once or not at all.
    pub(super) fn connect(address: &Address) -> io::Result<Self> {
        let unsupported = || {
            let text = "the bridge connects to `unix:path=` and `unix:abstract=`";
            io::Error::new(io::ErrorKind::Unsupported, format!("`{address}`: {text}"))
        };
        let Transport::Unix(unix) = address.transport() else { return Err(unsupported()) };
        let place = match unix.path() {
            UnixSocket::File(path) => SocketAddrUnix::new(path.as_os_str())?,
            UnixSocket::Abstract(name) => {
                SocketAddrUnix::new_abstract_name(name.as_encoded_bytes())?
            }
            _ => return Err(unsupported()),
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &place)?;
        Self::new(socket)
    }

    /// Takes a connected socket that does not block.
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self(register(socket, Interest::READABLE)?))
    }

    /// Reads what the socket has, or waits for it.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        loop {
            let mut ready = self.0.readable().await?;
            let mut received = None;
            let read = ready.try_io(|socket| {
                let (count, fds, flags) = receive(socket.get_ref(), buffer)?;
                // The kernel ends a read where descriptors are.
                let drained = (1..buffer.len()).contains(&count) && fds.is_empty();
                received = Some((count, fds, flags));
                // Spares the read that would find nothing: more bytes make the socket ready anew.
                if drained { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (received, read) {
                (Some(received), _) => return Ok(received),
                (None, Ok(Err(error))) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error);
                }
                (None, _) => {}
            }
        }
    }

    /// Writes what the socket takes now of these one after the other; descriptors ride on the first
    /// byte.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the socket takes nothing now.
    pub(super) fn send(&self, bytes: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many file descriptors"));
        }
        let sent =
            retry_on_intr(|| sendmsg(self.0.get_ref(), bytes, &mut control, SendFlags::NOSIGNAL));
        Ok(sent?)
    }

    /// Watches it for writing, until what this gives is dropped.
    pub(super) fn watch_writing(&self) -> io::Result<Writable> {
        Ok(Writable(register(self.0.get_ref().try_clone()?, Interest::WRITABLE)?))
    }
}

impl Writable {
    /// Returns when the socket may take bytes that it did not take before.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn again(&self) -> io::Result<()> {
        self.0.writable().await?.clear_ready();
        Ok(())
    }
}

fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut iov = [IoSliceMut::new(buffer)];
    let received = recvmsg(socket, &mut iov, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    Ok((received.bytes, fds.flatten().collect(), received.flags))
}
