//! Descriptors of callers: each is read or written by a thread of its own.
//!
//! The bridge serves all machines on one thread, which nothing of a caller may block. That a
//! descriptor does not block is said of the open file, which the caller shares and which is not the
//! bridge's to change. A socket can be told for one call; a pipe that is ready takes a page and no
//! more without blocking, if nobody is quicker; a file may be on a file system that its caller
//! serves, or does not. So whatever still blocks is a thread that serves this descriptor alone.

use std::{
    io::{self, PipeReader, PipeWriter, pipe},
    os::fd::{AsFd, OwnedFd},
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, OFlags, fcntl_getfl, fstat},
    io::{Errno, read, write},
    net::{RecvFlags, SendFlags, recv, send},
};
use tokio::sync::{mpsc, oneshot};

use super::room::Place;

/// Bytes that a pipe or a terminal takes without blocking when it is ready.
const PAGE: usize = 4 << 10;
/// Bytes of a thread's stack.
const STACK: usize = 128 << 10;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    To,
    From,
}

/// A descriptor that is open in the direction in which it is used.
#[derive(Debug)]
pub(super) struct Descriptor {
    fd: OwnedFd,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Socket,
    File,
    Other,
}

/// The thread that writes to a descriptor. Dropped, it ends, unless it hangs on its descriptor.
#[derive(Debug)]
pub(super) struct Sink {
    filled: mpsc::Sender<Vec<u8>>,
    spare: mpsc::Receiver<Vec<u8>>,
    done: oneshot::Receiver<io::Result<()>>,
    _cancels: PipeWriter,
}

/// The thread that reads from a descriptor; the same holds.
#[derive(Debug)]
pub(super) struct Source<T> {
    pieces: mpsc::Receiver<io::Result<Option<T>>>,
    _cancels: PipeWriter,
}

impl Descriptor {
    /// Takes a descriptor.
    ///
    /// # Errors
    ///
    /// Why it cannot be used so.
    pub(super) fn new(fd: OwnedFd, direction: Direction) -> Result<Self, String> {
        let flags = fcntl_getfl(&fd).map_err(|error| error.to_string())?;
        let (other, purpose) = match direction {
            Direction::To => (OFlags::RDONLY, "writing"),
            Direction::From => (OFlags::WRONLY, "reading"),
        };
        if flags.contains(OFlags::PATH) || flags & OFlags::RWMODE == other {
            return Err(format!("is not open for {purpose}"));
        }
        let stat = fstat(&fd).map_err(|error| error.to_string())?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Socket => Kind::Socket,
            FileType::RegularFile => Kind::File,
            _ => Kind::Other,
        };
        Ok(Self { fd, kind })
    }

    /// Writes all of it.
    fn write_all(&self, mut bytes: &[u8], cancelled: &PipeReader) -> io::Result<()> {
        while !bytes.is_empty() {
            self.wait(PollFlags::OUT, cancelled, None)?;
            let most = if self.kind == Kind::Other { PAGE } else { bytes.len() };
            let part = &bytes[..most.min(bytes.len())];
            let written = match self.kind {
                Kind::Socket => send(&self.fd, part, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
                Kind::File | Kind::Other => write(&self.fd, part),
            };
            bytes = &bytes[again(written)?.unwrap_or(0)..];
        }
        Ok(())
    }

    /// Waits for some bytes and reads those that are there, as far as the buffer goes; none at the
    /// end.
    fn read_some(&self, buffer: &mut [u8], cancelled: &PipeReader) -> io::Result<usize> {
        const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut filled = 0;
        while filled < buffer.len() {
            let patience = (filled > 0).then_some(&AT_ONCE);
            if !self.wait(PollFlags::IN, cancelled, patience)? {
                break;
            }
            let rest = &mut buffer[filled..];
            let count = match self.kind {
                Kind::Socket => recv(&self.fd, rest, RecvFlags::DONTWAIT).map(|(count, _)| count),
                Kind::File | Kind::Other => read(&self.fd, rest),
            };
            match again(count)? {
                Some(0) => break,
                count => filled += count.unwrap_or(0),
            }
        }
        Ok(filled)
    }

    /// Waits until it is ready, or as long as there is patience; whether it is.
    fn wait(
        &self,
        events: PollFlags,
        cancelled: &PipeReader,
        patience: Option<&Timespec>,
    ) -> io::Result<bool> {
        let cancelled = cancelled.as_fd();
        let mut fds = [PollFd::new(&self.fd, events), PollFd::new(&cancelled, PollFlags::IN)];
        again(poll(&mut fds, patience))?;
        match fds.map(|fd| !fd.revents().is_empty()) {
            [_, true] => Err(Errno::CANCELED.into()),
            [ready, false] => Ok(ready),
        }
    }
}

impl Sink {
    /// Starts a thread that writes what it is given.
    ///
    /// # Errors
    ///
    /// There is no descriptor or thread left.
    pub(super) fn start(to: Descriptor, place: Place) -> io::Result<Self> {
        let (cancelled, cancels) = pipe()?;
        let (filled, mut next) = mpsc::channel::<Vec<u8>>(1);
        let (back, spare) = mpsc::channel(2);
        let (tell, done) = oneshot::channel();
        spawn(place, move || {
            let mut written = Ok(());
            while written.is_ok()
                && let Some(mut bytes) = next.blocking_recv()
            {
                written = to.write_all(&bytes, &cancelled);
                bytes.clear();
                _ = back.try_send(bytes);
            }
            // Whoever reads what was written is to see the end before the reply.
            drop(to);
            _ = tell.send(written);
        })?;
        Ok(Self { filled, spare, done, _cancels: cancels })
    }

    /// A buffer whose bytes are written.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        self.spare.try_recv().unwrap_or_default()
    }

    /// Has these bytes written, once those before them are.
    ///
    /// # Errors
    ///
    /// What came of bytes before them.
    ///
    /// # Cancel safety
    ///
    /// Cancelled, the bytes are lost.
    pub(super) async fn put(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        match self.filled.send(bytes).await {
            Ok(()) => Ok(()),
            Err(_) => (&mut self.done).await.unwrap_or_else(|_| Err(gone())),
        }
    }

    /// Waits until all is written.
    ///
    /// # Errors
    ///
    /// What came of it.
    ///
    /// # Cancel safety
    ///
    /// Cancelled, what is not written is lost.
    pub(super) async fn finish(self) -> io::Result<()> {
        let Self { filled, done, _cancels, .. } = self;
        drop(filled);
        done.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl<T: Send + 'static> Source<T> {
    /// Starts a thread that reads up to so many bytes, `size` at a time, and makes a piece of them.
    ///
    /// # Errors
    ///
    /// There is no descriptor or thread left.
    pub(super) fn start(
        from: Descriptor,
        mut length: u64,
        size: usize,
        place: Place,
        make: impl Fn(&[u8]) -> T + Send + 'static,
    ) -> io::Result<Self> {
        let (cancelled, cancels) = pipe()?;
        let (tell, pieces) = mpsc::channel(1);
        spawn(place, move || {
            let mut buffer = vec![0; size];
            loop {
                let most = usize::try_from(length).map_or(size, |length| length.min(size));
                let read = from.read_some(&mut buffer[..most], &cancelled);
                let count = *read.as_ref().unwrap_or(&0);
                length -= count as u64;
                let piece = read.map(|count| (count > 0).then(|| make(&buffer[..count])));
                if tell.blocking_send(piece).is_err() || count == 0 {
                    return;
                }
            }
        })?;
        Ok(Self { pieces, _cancels: cancels })
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    ///
    /// The descriptor cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> io::Result<Option<T>> {
        self.pieces.recv().await.unwrap_or_else(|| Err(gone()))
    }
}

/// Starts a thread, which keeps the place.
fn spawn(place: Place, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name("descriptor".to_owned()).stack_size(STACK);
    let work = move || {
        work();
        drop(place);
    };
    thread.spawn(work).map(drop)
}

/// What a call gave; nothing if it is to be tried again.
fn again<T>(result: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::INTR | Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn gone() -> io::Error {
    io::Error::other("the bridge failed on it")
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::net::UnixStream};

    use super::*;

    #[test]
    fn a_descriptor_must_be_open_the_way_it_is_used() {
        let (reader, writer) = pipe().unwrap();
        let used = |fd, direction| Descriptor::new(fd, direction).map(|it| it.kind);
        assert!(used(reader.into(), Direction::To).unwrap_err().contains("writing"));
        assert!(used(writer.into(), Direction::From).unwrap_err().contains("reading"));
        let (socket, _other) = UnixStream::pair().unwrap();
        assert_eq!(used(socket.into(), Direction::From), Ok(Kind::Socket));
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(used(file.into(), Direction::From), Ok(Kind::File));
    }

    #[test]
    fn what_is_written_is_read_and_what_nobody_takes_is_cancelled() {
        let bytes: Vec<_> = (0..200_000_u32).map(|byte| byte as u8).collect();
        let (socket, other) = UnixStream::pair().unwrap();
        let (reader, writer) = pipe().unwrap();
        let pairs: [(OwnedFd, OwnedFd); 2] =
            [(writer.into(), reader.into()), (socket.into(), other.into())];
        for (to, from) in pairs {
            let to = Descriptor::new(to, Direction::To).unwrap();
            let from = Descriptor::new(from, Direction::From).unwrap();
            let (cancelled, cancels) = pipe().unwrap();
            thread::scope(|scope| {
                let writing = scope.spawn(|| to.write_all(&bytes, &cancelled));
                let mut read = vec![0; bytes.len()];
                let mut filled = 0;
                while filled < read.len() {
                    filled += from.read_some(&mut read[filled..], &cancelled).unwrap();
                }
                assert!(writing.join().unwrap().is_ok() && read == bytes);
                let writing = scope.spawn(|| to.write_all(&[0; 1 << 22], &cancelled));
                drop(cancels);
                assert!(writing.join().unwrap().is_err());
            });
        }
    }
}
