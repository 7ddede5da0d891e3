//! One connection: bytes between the socket and the dialect, and the one timer.

use std::{io, mem::MaybeUninit, pin::Pin};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    Protocol, Unknown,
    codec::Decoder,
    inbox::Inbox,
    link::{Link, READ},
    qga::Qga,
    qmp::Qmp,
    wire::{Dialect, Fault, Wire},
};

/// Reads in a row before others have their turn.
const READS: usize = 4;

/// A socket with what is spoken over it.
pub(super) struct Connection<'a> {
    link: Link,
    decoder: Decoder,
    dialect: Box<dyn Dialect>,
    wire: &'a mut Wire,
    inbox: &'a Inbox,
    /// The peer takes no more bytes, but may have sent some before.
    broken: Option<io::Error>,
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        link: Link,
        protocol: Protocol,
        wire: &'a mut Wire,
        inbox: &'a Inbox,
    ) -> Self {
        let dialect: Box<dyn Dialect> = match protocol {
            Protocol::Qmp => Box::new(Qmp::new()),
            Protocol::Qga => Box::new(Qga::new()),
        };
        let decoder = Decoder::new(wire.limits);
        Self { link, decoder, dialect, wire, inbox, broken: None }
    }

    /// Serves until the connection ends, and tells those on the wire. The rest is told why.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: requests on the wire are told that the connection is lost.
    pub(super) async fn serve(mut self) -> Fault {
        let (kind, fault) = match self.run().await {
            Ok(fault) => (Unknown::Timeout, fault),
            Err(fault) => (Unknown::ConnectionLost, fault),
        };
        // Closed before anybody is told: who tries again finds the peer free.
        let Self { link, wire, .. } = self;
        drop(link);
        wire.end(kind, &fault);
        fault
    }

    /// Returns what ends the connection: the endpoint itself if `Ok`.
    async fn run(&mut self) -> Result<Fault, Fault> {
        let mut timer = std::pin::pin!(sleep_until(Instant::now()));
        self.dialect.open(self.wire, Instant::now())?;
        loop {
            let now = Instant::now();
            self.turn(now)?;
            if self.is_over(now) {
                return Ok(Fault::stopping());
            }
            self.arm(timer.as_mut(), now);
            tokio::select! {
                biased;
                ready = self.link.ready() => {
                    ready.map_err(|error| self.lost(&error))?;
                    if self.read()? {
                        tokio::task::yield_now().await;
                    }
                }
                () = self.inbox.arrived() => {}
                () = timer.as_mut() => {}
            }
        }
    }

    /// Does what is due, and writes what may leave.
    fn turn(&mut self, now: Instant) -> Result<(), Fault> {
        self.dialect.expire(self.wire, now)?;
        self.inbox
            .expire(now, self.wire.refusal.unwrap_or("the requests before it took all its time"));
        if let Some(text) = self.wire.refusal {
            self.inbox.refuse_all(super::NotSent::Busy, text);
        }
        while self.broken.is_none() {
            if self.wire.output.is_empty() {
                self.dialect.feed(self.wire, self.inbox, now)?;
            }
            if self.wire.output.is_empty() {
                break;
            }
            match self.link.write(&mut self.wire.output) {
                Ok(true) => self.wire.written(now),
                Ok(false) => break,
                Err(error) => self.broken = Some(error),
            }
        }
        Ok(())
    }

    /// Reads what is there, up to a bound; returns whether there may be more.
    fn read(&mut self) -> Result<bool, Fault> {
        let mut buffer = [MaybeUninit::uninit(); READ];
        for _ in 0..READS {
            let bytes = match self.link.read(&mut buffer) {
                Ok(Some([])) => return Err(self.ended()),
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(false),
                Err(error) => return Err(self.lost(&error)),
            };
            self.take(bytes)?;
        }
        Ok(true)
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        let now = Instant::now();
        loop {
            self.decoder.limit(self.dialect.longest(&self.wire.limits));
            match self.decoder.next(&mut bytes) {
                Some(frame) => self.dialect.receive(self.wire, frame, now)?,
                None => return Ok(()),
            }
        }
    }

    /// Whether the endpoint stops and nobody waits for this connection any more.
    fn is_over(&self, now: Instant) -> bool {
        let callers = self.wire.pending.has_callers();
        self.inbox.stopping().is_some_and(|drained| !callers || drained <= now)
    }

    /// Sets the timer to the nearest deadline. One that is set too early is left: most requests
    /// are answered, and setting it anew for each would cost more than a turn for nothing.
    fn arm(&self, timer: Pin<&mut Sleep>, now: Instant) {
        let deadlines = [
            self.wire.pending.deadline(),
            self.dialect.deadline(),
            self.inbox.deadline(),
            self.inbox.stopping(),
        ];
        let Some(nearest) = deadlines.into_iter().flatten().min() else { return };
        if timer.deadline() <= now || nearest < timer.deadline() {
            timer.reset(nearest);
        }
    }

    fn ended(&self) -> Fault {
        match &self.broken {
            Some(error) => self.lost(error),
            None => Fault::not_connected(format!("the peer at {} hung up", self.wire.socket)),
        }
    }

    fn lost(&self, error: &io::Error) -> Fault {
        let socket = &self.wire.socket;
        Fault::not_connected(format!("the connection to {socket} broke: {error}"))
    }
}
