//! One connection: bytes between the socket and the session, and the one timer.

use std::{io, mem::MaybeUninit, pin::Pin, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    Unknown,
    fault::Fault,
    link::{Link, READ},
    session::Session,
};

/// Bytes after which other endpoints have their turn: what a peer in a flood sends meanwhile makes
/// its socket ready again, so that it would go on and on.
const TURN: usize = 8 << 10;
/// Reads after the peer stopped to read: more than a socket holds, but not for ever.
const LAST_READS: usize = 64;
/// When the timer goes off if nothing is due.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// Serves until the connection ends, and tells those on the wire; those who wait are to be told
/// the fault that is returned.
///
/// # Cancel safety
///
/// Not cancel safe: dropped, it tells requests on the wire that the connection is lost.
pub(super) fn serve(link: Link, session: &mut Session) -> impl Future<Output = Fault> {
    // An asynchronous function would keep what it was called with beside what it works on.
    let mut connection = Connection { link, session };
    async move {
        let (kind, fault) = match connection.run().await {
            Ok(()) => (Unknown::Timeout, Fault::stopping()),
            Err(fault) => (Unknown::ConnectionLost, fault),
        };
        // Closed before anybody is told: who tries again finds the peer free.
        drop(connection.link);
        connection.session.end(kind, &fault);
        fault
    }
}

struct Connection<'a> {
    link: Link,
    session: &'a mut Session,
}

impl Connection<'_> {
    /// Returns when the endpoint stops, or with what ends the connection.
    async fn run(&mut self) -> Result<(), Fault> {
        let start = Instant::now();
        self.session.begin(start)?;
        let mut timer = std::pin::pin!(sleep_until(start + IDLE));
        loop {
            let now = Instant::now();
            self.session.expire(now)?;
            self.write(now)?;
            if self.session.is_over(now) {
                return Ok(());
            }
            self.arm(timer.as_mut(), now);
            let reads = self.session.pause(now).is_none();
            tokio::select! {
                biased;
                ready = self.link.ready(), if reads => {
                    ready.map_err(|error| self.lost(&error))?;
                    if self.read()? {
                        tokio::task::yield_now().await;
                    }
                }
                () = self.session.inbox.arrived() => {}
                () = timer.as_mut() => {}
            }
        }
    }

    /// Writes what may leave, as far as the peer takes it.
    fn write(&mut self, now: Instant) -> Result<(), Fault> {
        while self.session.feed(now)? {
            match self.link.write(&mut self.session.wire.output) {
                Ok(true) => self.session.wire.written(now),
                Ok(false) => break,
                Err(error) => return Err(self.hung_up(&error)),
            }
        }
        if self.session.wire.output.is_empty() {
            self.link.rest_writing();
        }
        Ok(())
    }

    /// Reads once; returns whether it is the turn of other endpoints.
    fn read(&mut self) -> Result<bool, Fault> {
        let mut buffer = [MaybeUninit::uninit(); READ];
        match self.link.read(&mut buffer) {
            Ok(Some([])) => Err(self.ended()),
            Ok(Some(bytes)) => {
                self.session.receive(bytes, Instant::now())?;
                Ok(bytes.len() >= TURN)
            }
            Ok(None) => Ok(false),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// The peer takes no more bytes, but what it sent before is still there.
    fn hung_up(&mut self, error: &io::Error) -> Fault {
        let mut buffer = [MaybeUninit::uninit(); READ];
        for _ in 0..LAST_READS {
            let Ok(bytes @ [_, ..]) = self.link.rest(&mut buffer) else { break };
            if let Err(fault) = self.session.receive(bytes, Instant::now()) {
                return fault;
            }
        }
        self.lost(error)
    }

    /// Sets the timer to the nearest deadline. One that is set too early is left: most requests
    /// are answered in time, and setting it for each would cost more than one turn for nothing.
    fn arm(&self, timer: Pin<&mut Sleep>, now: Instant) {
        let nearest = self.session.deadline(now).unwrap_or(now + IDLE);
        if timer.deadline() <= now || nearest < timer.deadline() {
            timer.reset(nearest);
        }
    }

    fn ended(&self) -> Fault {
        Fault::not_connected(format!("the peer at {} hung up", self.session.wire.socket()))
    }

    fn lost(&self, error: &io::Error) -> Fault {
        let socket = self.session.wire.socket();
        Fault::not_connected(format!("the connection to {socket} broke: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
        time::Duration,
    };

    use tokio::time::timeout;

    use super::{Link, serve};
    use crate::endpoint::{Protocol, rig::Rig, wire::Output};

    #[tokio::test]
    async fn that_a_peer_reads_is_no_news_once_nothing_is_left_to_write() {
        let (ours, mut peer) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut link = Link::new(ours.into()).unwrap();
        let mut output = Output::default();
        output.bytes = vec![b'x'; 4 << 20];
        assert!(!link.write(&mut output).unwrap());
        let mut buffer = vec![0; 4 << 20];
        assert!(peer.read(&mut buffer).is_ok());
        link.ready().await.unwrap();
        link.rest_writing();
        assert!(timeout(Duration::from_millis(50), link.ready()).await.is_err());
    }

    #[tokio::test]
    async fn what_a_peer_said_before_it_hung_up_is_heard() {
        let (ours, mut peer) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let greeting = br#"{"QMP":{"version":{"qemu":{"micro":2,"minor":0,"major":10}}}}"#;
        peer.write_all(greeting).unwrap();
        drop(peer);
        let mut rig = Rig::new(Protocol::Qga, |_| {});
        let fault = serve(Link::new(ours.into()).unwrap(), &mut rig.session).await;
        assert!(fault.text.contains("not an agent"), "{}", fault.text);
    }
}
