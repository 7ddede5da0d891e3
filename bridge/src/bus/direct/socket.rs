//! The socket at which connections are taken.

use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen,
        socket_with,
    },
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::endpoint::register;

/// Connections that wait to be taken.
const BACKLOG: i32 = 64;

/// A socket that listens; its file goes with it.
#[derive(Debug)]
pub(super) struct Listening {
    socket: AsyncFd<OwnedFd>,
    path: PathBuf,
}

impl Listening {
    /// Listens, for this user alone or for its group, too: a folder with the set-group-ID bit
    /// decides which that is. A file that a bridge before left is replaced.
    pub(super) fn open(path: &Path, private: bool) -> io::Result<Self> {
        let place = SocketAddrUnix::new(path)?;
        let socket = new_socket()?;
        match bind(&socket, &place) {
            Err(Errno::ADDRINUSE) if is_abandoned(path, &place)? => {
                fs::remove_file(path)?;
                bind(&socket, &place)?;
            }
            bound => bound?,
        }
        let listening =
            Self { socket: register(socket, Interest::READABLE)?, path: path.to_owned() };
        // Nobody can connect before it listens.
        let mode = if private { 0o600 } else { 0o660 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        listen(listening.socket.get_ref(), BACKLOG)?;
        Ok(listening)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn accept(&self) -> io::Result<OwnedFd> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        loop {
            let mut ready = self.socket.readable().await?;
            if let Ok(accepted) = ready.try_io(|socket| Ok(accept_with(socket, flags)?)) {
                return accepted;
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may be gone already, and there is nobody to tell.
        _ = fs::remove_file(&self.path);
    }
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

/// Whether a socket is there at which nobody listens any more.
fn is_abandoned(path: &Path, place: &SocketAddrUnix) -> io::Result<bool> {
    let is_socket = fs::symlink_metadata(path)?.file_type().is_socket();
    Ok(is_socket && connect(&new_socket()?, place) == Err(Errno::CONNREFUSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_socket_that_nobody_serves_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        fs::write(&path, "").unwrap();
        assert!(Listening::open(&path, true).is_err());
        fs::remove_file(&path).unwrap();
        // Left by one that ended without notice.
        let left = new_socket().unwrap();
        bind(&left, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        drop(left);
        let first = Listening::open(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Listening::open(&path, true).is_err());
        assert!(path.exists());
        drop(first);
        assert!(!path.exists());
        let group = Listening::open(&path, false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        drop(group);
    }
}
