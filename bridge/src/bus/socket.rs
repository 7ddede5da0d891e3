//! The transport under the bus connection: a unix socket with a guard on each half.
//!
//! zbus takes any [`Socket`]; ours differs from its own in three points. Whole messages go to the
//! [`Outbox`], which judges them and is never cancelled in the middle of one; [`Incoming`] lets in
//! what is within the limits; and it hands calls and signals to the dispatcher where it read them,
//! so that zbus sees nothing but the replies to its own calls.

use std::{
    io::{self, IoSlice},
    os::fd::BorrowedFd,
    sync::Arc,
};

use zbus::{
    Address, Message,
    connection::socket::{Socket, Split, WriteHalf},
    export::async_trait::async_trait,
};

use super::{
    dispatch::Dispatcher,
    guard::Outbox,
    incoming::{Answerer, Incoming},
    listener::Listener,
    stream::Stream,
};

/// A connection to a bus, of which nothing is read yet.
#[derive(Debug)]
pub struct BusSocket {
    stream: Arc<Stream>,
    outbox: Arc<Outbox>,
}

/// The same with the one who answers what comes.
#[derive(Debug)]
pub struct Answering {
    socket: BusSocket,
    answerer: Arc<dyn Answerer>,
}

impl BusSocket {
    /// Connects to a bus; messages in flight take at most so many bytes of memory.
    ///
    /// # Errors
    ///
    /// The address names no unix socket, or nobody listens there.
    pub fn connect(address: &Address, memory: usize) -> io::Result<Self> {
        let stream = Arc::new(Stream::connect(address)?);
        let outbox = Outbox::new(Arc::clone(&stream), memory);
        Ok(Self { stream, outbox })
    }

    /// What leaves through it.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Has a dispatcher answer what comes.
    pub fn answered_by(self, dispatcher: Arc<Dispatcher>) -> Answering {
        Answering { socket: self, answerer: dispatcher }
    }

    /// Refuses what calls come: the connection serves nothing. Signals, which anybody may send,
    /// are told to `heard`.
    pub fn listening(self, heard: impl Fn(&Message) + Send + Sync + 'static) -> Answering {
        let answerer = Arc::new(Listener::new(Arc::clone(&self.outbox), heard));
        Answering { socket: self, answerer }
    }
}

impl Socket for Answering {
    type ReadHalf = Incoming;
    type WriteHalf = Writer;

    fn split(self) -> Split<Incoming, Writer> {
        let Self { socket: BusSocket { stream, outbox }, answerer } = self;
        let incoming = Incoming::new(Arc::clone(&stream), answerer, Arc::clone(&outbox));
        Split::new(incoming, Writer { stream, outbox })
    }
}

/// The half that zbus sends through.
#[derive(Debug)]
pub struct Writer {
    stream: Arc<Stream>,
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
        loop {
            match self.stream.send(&[IoSlice::new(buffer)], fds) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.watch_writing()?.again().await?;
                }
                sent => return sent,
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.outbox.close();
        Ok(())
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}
