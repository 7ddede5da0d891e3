//! What comes in from the bus: bounded in bytes and in descriptors.
//!
//! A bus passes on messages of 128 MiB with 253 descriptors, and zbus takes whatever it is sent,
//! reads ahead of the one who handles the messages, and ends the connection over a message that it
//! cannot read. So each message is judged by its beginning. One that is not taken is read to its
//! end without being kept, its call is answered with an error, and the next one is as if it had
//! not been there. One that is taken is handled before the next one is read.

use std::{io, mem, os::fd::OwnedFd, sync::Arc};

use rustix::net::ReturnFlags;
use tracing::{error, warn};
use zbus::{
    Message, connection::socket::ReadHalf, export::async_trait::async_trait, message::Type,
    names::OwnedUniqueName,
};

use crate::endpoint::{NotSent, Pace};

use super::{
    errors::{Failure, standard},
    guard::{MAX_MESSAGE, Outbox},
    reply::Reply,
    stamp::stamp,
    start::Start,
    stream::Stream,
};

/// Bytes that are read of a message before it is taken or not: all of nearly every call.
const BEGINNING: usize = 64 << 10;

/// Bytes that are read where the next message may begin: with most of them, all of it.
const AHEAD: usize = 4 << 10;

/// Messages in a row after which others have their turn.
const TURN: usize = 16;

/// Who takes what comes of the bus besides replies.
pub(super) trait Answerer: std::fmt::Debug + Send + Sync {
    /// Answers a call or hands it on, before it returns; takes what the bus tells.
    fn take(&self, message: &Message);
}

/// The half of the connection that zbus receives through.
#[derive(Debug)]
pub struct Incoming {
    source: Source,
    answerer: Arc<dyn Answerer>,
    outbox: Arc<Outbox>,
    in_a_row: usize,
    log: Pace,
}

impl Incoming {
    pub(super) fn new(
        stream: Arc<Stream>,
        answerer: Arc<dyn Answerer>,
        outbox: Arc<Outbox>,
    ) -> Self {
        let (source, log) = (Source::new(stream), Pace::default());
        Self { source, answerer, outbox, in_a_row: 0, log }
    }

    /// What comes of one who is connected directly, and is called so.
    pub(super) fn direct(
        stream: Arc<Stream>,
        answerer: Arc<dyn Answerer>,
        outbox: Arc<Outbox>,
        sender: OwnedUniqueName,
    ) -> Self {
        let mut incoming = Self::new(stream, answerer, outbox);
        incoming.source.sender = Some(sender);
        incoming
    }

    /// Takes what comes, the bytes that were read before first, until the connection ends.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the message that is being read is lost.
    pub(super) async fn serve(mut self, early: Vec<u8>, fds: Vec<OwnedFd>) -> zbus::Error {
        (self.source.ahead, self.source.fds_ahead) = (early, fds);
        loop {
            // The bridge calls nobody there, so that no reply answers anything.
            if let Err(error) = self.reply(0).await {
                return error;
            }
        }
    }

    /// The next reply to a call of the bridge's own; what comes before it is handled here.
    async fn reply(&mut self, seq: u64) -> zbus::Result<Message> {
        loop {
            // Callers whom the bus does not bring their replies are not to add to them.
            self.outbox.room().await;
            let start = self.source.start().await?;
            match self.take(&start, seq).await? {
                Ok(message) if is_reply(&message) => return Ok(message),
                Ok(message) => self.answerer.take(&message),
                Err(failure) => self.refuse(&start, &failure),
            }
            self.source.pass_over(start.length()).await?;
            self.in_a_row = (self.in_a_row + 1) % TURN;
            if self.in_a_row == 0 {
                tokio::task::yield_now().await;
            }
        }
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
        // What zbus provides reads through `recvmsg` of the source.
        match self.source.receive_message(seq, &mut Vec::new(), &mut Vec::new()).await {
            Err(zbus::Error::InputOutput(error)) => Err(zbus::Error::InputOutput(error)),
            Err(error) => Ok(Err(Failure::invalid_args(&format!("no valid message: {error}")))),
            Ok(message) => Ok(Ok(message)),
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
        self.reply(seq).await.inspect_err(|error| error!(%error, "the bus connection ended"))
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

fn is_reply(message: &Message) -> bool {
    matches!(message.message_type(), Type::MethodReturn | Type::Error)
}

/// The bytes of the connection, of which those of a message's beginning can be looked at before
/// they are given.
#[derive(Debug)]
struct Source {
    stream: Arc<Stream>,
    /// The one who sends all of it, where no bus says who does.
    sender: Option<OwnedUniqueName>,
    /// From the beginning of the current message.
    ahead: Vec<u8>,
    /// Bytes given of the current message, those of `ahead` first.
    given: usize,
    /// Descriptors of the current message.
    fds: Vec<OwnedFd>,
    /// The process had no room for descriptors of the current message.
    lost_fds: bool,
    /// What came with bytes of `ahead` and nobody claimed yet, and whether some of it is lost.
    fds_ahead: Vec<OwnedFd>,
    lost_ahead: bool,
}

impl Source {
    fn new(stream: Arc<Stream>) -> Self {
        let (ahead, fds, fds_ahead) = (Vec::new(), Vec::new(), Vec::new());
        let (lost_fds, lost_ahead) = (false, false);
        Self { stream, sender: None, ahead, given: 0, fds, lost_fds, fds_ahead, lost_ahead }
    }

    /// Reads the beginning of the next message; the one before it must have been given whole.
    async fn start(&mut self) -> io::Result<Start> {
        self.ahead.drain(..self.given.min(self.ahead.len()));
        (self.given, self.lost_fds) = (0, false);
        self.fill(Start::FIXED, AHEAD).await?;
        let mut start = Start::parse(&self.ahead)?;
        self.fill(start.length().min(BEGINNING), 0).await?;
        if let Some(sender) = &self.sender {
            self.ahead = stamp(&self.ahead, sender)?;
            start = Start::parse(&self.ahead)?;
        }
        self.claim(&start);
        Ok(start)
    }

    /// Takes the descriptors of the current message. Those that came with it and with bytes of the
    /// next ones are told apart by its header; if there is no byte of the next one, all are its own.
    fn claim(&mut self, start: &Start) {
        let count = match self.ahead.len() <= start.length() {
            true => usize::MAX,
            false if self.fds_ahead.is_empty() && !self.lost_ahead => 0,
            false => start.fds(&self.ahead),
        };
        self.fds.extend(self.fds_ahead.drain(..count.min(self.fds_ahead.len())));
        if count > 0 {
            self.lost_fds = mem::take(&mut self.lost_ahead);
        }
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

    /// Has at least so many bytes in `ahead`, and reads up to so many more if they are there.
    async fn fill(&mut self, length: usize, more: usize) -> io::Result<()> {
        let mut filled = self.ahead.len();
        if filled >= length {
            return Ok(());
        }
        let mut ahead = mem::take(&mut self.ahead);
        ahead.resize(length + more, 0);
        while filled < length {
            let (count, fds) = self.read(&mut ahead[filled..]).await?;
            self.fds_ahead.extend(fds);
            filled += count;
        }
        ahead.truncate(filled);
        self.ahead = ahead;
        Ok(())
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let (count, fds, flags) = self.stream.receive(buffer).await?;
        self.lost_ahead |= flags.contains(ReturnFlags::CTRUNC);
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

#[cfg(test)]
mod tests {
    use std::{
        io::{IoSlice, pipe},
        os::{fd::AsFd, unix::net::UnixStream},
    };

    use zbus::Fd;

    use super::*;

    #[tokio::test]
    async fn descriptors_stay_with_their_message() {
        let (ours, bus) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut source = Source::new(Arc::new(Stream::new(ours.into()).unwrap()));
        let bus = Stream::new(bus.into()).unwrap();
        let (end, _) = pipe().unwrap();
        let fd = || Fd::from(end.as_fd());
        let call = || Message::method_call("/x", "Y").sender(":1.5");
        let messages = [
            call().build(&"none").unwrap(),
            call().build(&(fd(), "one")).unwrap(),
            call().build(&"x".repeat(2 * AHEAD)).unwrap(),
            call().build(&(fd(), fd(), "x".repeat(AHEAD))).unwrap(),
            call().build(&(fd(), "one")).unwrap(),
            call().build(&"none").unwrap(),
        ];
        // All of it waits before the first is read.
        for message in &messages {
            let fds: Vec<_> = message.data().fds().iter().map(AsFd::as_fd).collect();
            assert_eq!(
                bus.send(&[IoSlice::new(message.data())], &fds).unwrap(),
                message.data().len()
            );
        }
        for message in &messages {
            let start = source.start().await.unwrap();
            assert_eq!((start.length(), source.lost_fds), (message.data().len(), false));
            let read = source.receive_message(1, &mut Vec::new(), &mut Vec::new()).await.unwrap();
            assert_eq!(read.data().fds().len(), message.data().fds().len());
            assert_eq!(read.data()[..], message.data()[..]);
        }
    }
}
