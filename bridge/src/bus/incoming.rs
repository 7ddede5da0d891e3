//! What comes in from the bus: bounded in bytes and in descriptors.
//!
//! A bus passes on messages of 128 MiB with 253 descriptors, and zbus takes whatever it is sent,
//! reads ahead of the one who handles the messages, and ends the connection over a message that it
//! cannot read. So each message is judged by its beginning. One that is not taken is read to its
//! end without being kept, its call is answered with an error, and the next one is as if it had
//! not been there.

use std::{io, mem, os::fd::OwnedFd, sync::Arc};

use rustix::net::ReturnFlags;
use tokio::{
    io::Interest,
    net::UnixStream,
    sync::{Semaphore, SemaphorePermit},
};
use tracing::warn;
use zbus::{Message, connection::socket::ReadHalf, export::async_trait::async_trait};

use crate::endpoint::{NotSent, Pace};

use super::{
    errors::{Failure, standard},
    guard::{MAX_MESSAGE, Outbox},
    reply::Reply,
    socket::receive,
    start::Start,
};

/// Bytes that are read of a message before it is taken or not: all of nearly every call.
const BEGINNING: usize = 64 << 10;

/// Room for messages between the socket and the dispatcher. Those within [`BEGINNING`] are free,
/// since zbus bounds their number.
#[derive(Debug)]
pub struct Room(Semaphore);

impl Room {
    /// For one of the largest messages, or several that are no more together.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Semaphore::new(MAX_MESSAGE)))
    }

    /// Gives back what a message took, which is handled.
    pub(super) fn leave(&self, message: &Message) {
        let data = message.data();
        self.0.add_permits(share(data.len(), data.fds().len()));
    }

    async fn enter(&self, bytes: usize, fds: usize) -> io::Result<SemaphorePermit<'_>> {
        let share = u32::try_from(share(bytes, fds)).map_err(io::Error::other)?;
        self.0.acquire_many(share).await.map_err(io::Error::other)
    }
}

/// A process has few descriptors: a message that brings some takes all the room.
fn share(bytes: usize, fds: usize) -> usize {
    match (bytes, fds) {
        (0..=BEGINNING, 0) => 0,
        (_, 0) => bytes,
        _ => MAX_MESSAGE,
    }
}

/// The half of the connection that zbus receives through.
#[derive(Debug)]
pub struct Incoming {
    source: Source,
    room: Arc<Room>,
    outbox: Arc<Outbox>,
    log: Pace,
}

impl Incoming {
    pub(super) fn new(stream: Arc<UnixStream>, room: Arc<Room>, outbox: Arc<Outbox>) -> Self {
        Self { source: Source::new(stream), room, outbox, log: Pace::default() }
    }

    /// Takes a message, or says why not; the error is that of the connection.
    async fn take(&mut self, start: &Start, seq: u64) -> zbus::Result<Result<Message, Failure>> {
        if start.length() > MAX_MESSAGE {
            let text = format!("the call takes {} bytes, above {MAX_MESSAGE}", start.length());
            return Ok(Err(Failure::not_sent(NotSent::TooLarge, &text)));
        }
        if self.source.lost_fds {
            let text = "the bridge has no descriptors left for those of the call";
            return Ok(Err(Failure::new(standard::LIMITS, text)));
        }
        let taken = self.room.enter(start.length(), self.source.fds.len()).await?;
        // What zbus provides reads through `recvmsg` of the source.
        match self.source.receive_message(seq, &mut Vec::new(), &mut Vec::new()).await {
            Err(zbus::Error::InputOutput(error)) => Err(zbus::Error::InputOutput(error)),
            Err(error) => Ok(Err(Failure::invalid_args(&format!("no valid message: {error}")))),
            Ok(message) => {
                taken.forget();
                Ok(Ok(message))
            }
        }
    }

    /// Answers a call that is not taken, if that can be read of it.
    fn refuse(&self, start: &Start, failure: &Failure) {
        if self.log.is_due() {
            warn!(bytes = start.length(), text = failure.text, "message not taken");
        }
        if let Some(call) = start.call(&self.source.ahead) {
            Reply::refuse(&self.outbox, call, failure);
        }
    }
}

#[async_trait]
impl ReadHalf for Incoming {
    /// Used by the authentication only.
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        self.source.read(buffer).await
    }

    /// Only the authentication has `early` bytes, and no descriptors.
    async fn receive_message(
        &mut self,
        seq: u64,
        early: &mut Vec<u8>,
        _: &mut Vec<OwnedFd>,
    ) -> zbus::Result<Message> {
        self.source.ahead.append(early);
        loop {
            let start = self.source.start().await?;
            match self.take(&start, seq).await? {
                Ok(message) => return Ok(message),
                Err(failure) => self.refuse(&start, &failure),
            }
            self.source.pass_over(start.length()).await?;
        }
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

/// The bytes of the connection, of which those of a message's beginning can be looked at before
/// they are given.
#[derive(Debug)]
struct Source {
    stream: Arc<UnixStream>,
    ahead: Vec<u8>,
    /// Bytes given of the current message, those of `ahead` first.
    given: usize,
    fds: Vec<OwnedFd>,
    /// The process had no room for descriptors of the current message.
    lost_fds: bool,
}

impl Source {
    fn new(stream: Arc<UnixStream>) -> Self {
        Self { stream, ahead: Vec::new(), given: 0, fds: Vec::new(), lost_fds: false }
    }

    /// Reads the beginning of the next message; the one before it must have been given whole.
    async fn start(&mut self) -> io::Result<Start> {
        self.ahead.drain(..self.given.min(self.ahead.len()));
        (self.given, self.lost_fds) = (0, false);
        self.fill(Start::FIXED).await?;
        let start = Start::parse(&self.ahead)?;
        self.fill(start.length().min(BEGINNING)).await?;
        Ok(start)
    }

    /// Gives what is left of a message to nobody.
    async fn pass_over(&mut self, length: usize) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        while self.given < length {
            let most = buffer.len().min(length - self.given);
            // Descriptors end here.
            self.recvmsg(&mut buffer[..most]).await?;
        }
        Ok(())
    }

    async fn fill(&mut self, length: usize) -> io::Result<()> {
        let mut ahead = mem::take(&mut self.ahead);
        let mut filled = ahead.len();
        ahead.resize(length.max(filled), 0);
        while filled < length {
            let (count, fds) = self.read(&mut ahead[filled..]).await?;
            self.fds.extend(fds);
            filled += count;
        }
        self.ahead = ahead;
        Ok(())
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let read = self.stream.async_io(Interest::READABLE, || receive(&self.stream, buffer));
        let (count, fds, flags) = read.await?;
        self.lost_fds |= flags.contains(ReturnFlags::CTRUNC);
        match count {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok((count, fds)),
        }
    }
}

#[async_trait]
impl ReadHalf for Source {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let ahead = self.ahead.get(self.given..).unwrap_or_default();
        let (count, fds) = match ahead.len().min(buffer.len()) {
            0 => self.read(buffer).await?,
            count => {
                buffer[..count].copy_from_slice(&ahead[..count]);
                (count, mem::take(&mut self.fds))
            }
        };
        self.given += count;
        Ok((count, fds))
    }
}
