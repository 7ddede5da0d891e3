//! The owner of the socket: connects, serves, waits, connects again.

use std::{
    fs,
    future::poll_fn,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep};

use super::{
    Config, Handle, Limits, NotSent, Protocol, connection::serve, fault::Fault, inbox::Inbox,
    link::Link, session::Session, sync::nonce, trust::Trust,
};

/// Age of a monitor's socket below which nobody should connect to it. QEMU makes it, starts its main
/// loop, and then leaves it to the monitor's own thread: of a client that comes while both look, both
/// are told, and the main loop, which is the second to accept, waits for another client for ever.
const SETTLED: Duration = Duration::from_millis(250);

/// Makes an endpoint. Nothing is connected before [`Task::run`] is polled; requests submitted
/// until then wait.
pub fn new(config: Config) -> (Handle, Task) {
    let inbox = Arc::new(Inbox::new(config.limits.waiting, config.budget.clone()));
    let handle = Handle::new(inbox.clone(), &config);
    (handle, Task { session: Session::new(&config, inbox), trust: config.trust })
}

/// Runs an endpoint; dropped, it tells all requests that they are not done.
pub struct Task {
    session: Session,
    trust: Arc<Trust>,
}

impl Task {
    /// Serves the endpoint until [`Handle::stop`].
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropped, it closes the socket and tells requests on the wire
    /// `Unknown::ConnectionLost`, those that wait `NotSent::Stopping`.
    pub fn run(self) -> impl Future<Output = ()> + Send {
        // An asynchronous function would keep what it was called with beside what it works on.
        let mut task = self;
        async move { task.serve().await }
    }

    async fn serve(&mut self) {
        let mut backoff = Backoff::new(&self.session.wire.limits);
        let mut told = false;
        while self.session.inbox.stopping().is_none() {
            let start = Instant::now();
            let (fault, was_ready) = self.attempt().await;
            // A peer that fails soon after it was ready is not tried without a pause for ever.
            let limits = &self.session.wire.limits;
            if was_ready && start.elapsed() >= limits.backoff.1 {
                backoff = Backoff::new(limits);
                told = false;
            }
            self.log(&fault, &mut told);
            self.session.inbox.refuse_all(fault.kind, &fault.text);
            tokio::select! {
                () = sleep(backoff.pause()) => backoff.grow(&self.session.wire.limits),
                () = self.session.inbox.wanted() => {}
            }
        }
    }

    /// One connection, from the attempt to its end, and whether the peer was ready.
    async fn attempt(&mut self) -> (Fault, bool) {
        let link = match self.connect().await {
            Ok(link) => link,
            Err(fault) => {
                self.session.wire.unconnected(&fault);
                return (fault, false);
            }
        };
        let fault = contained(pin!(serve(link, &mut self.session))).await;
        let fault = fault.unwrap_or_else(|| self.session.broken());
        (fault, self.session.wire.was_ready())
    }

    /// How long the socket is still too young.
    fn unsettled(&self) -> Option<Duration> {
        if self.session.protocol != Protocol::Qmp {
            return None;
        }
        let made = fs::metadata(&self.session.wire.socket).and_then(|socket| socket.modified());
        let age = SystemTime::now().duration_since(made.ok()?).ok()?;
        SETTLED.checked_sub(age)
    }

    async fn connect(&mut self) -> Result<Link, Fault> {
        let (path, trust) = (&self.session.wire.socket, &self.trust);
        trust.place(path).map_err(Fault::not_connected)?;
        if let Some(pause) = self.unsettled() {
            sleep(pause).await;
        }
        let link = Link::connect(path).map_err(|error| self.unreachable(&error))?;
        let server = trust.server(link.socket(), path.display());
        server.map_err(Fault::not_connected)?;
        Ok(link)
    }

    fn unreachable(&self, error: &io::Error) -> Fault {
        let advice = match (error.kind(), self.session.protocol) {
            (io::ErrorKind::NotFound, Protocol::Qmp) => "is the machine running, with -qmp there?",
            (io::ErrorKind::NotFound, Protocol::Qga) => {
                "is the machine running, with the agent's channel there?"
            }
            (io::ErrorKind::ConnectionRefused, _) => "the program that made it has ended",
            (io::ErrorKind::PermissionDenied, _) => {
                "the bridge's user needs write permission on the socket"
            }
            (io::ErrorKind::WouldBlock, _) => "another client holds it, and more wait",
            _ => "see the path and the limits of the service",
        };
        let (socket, uid) = (self.session.wire.socket(), rustix::process::getuid().as_raw());
        let text = format!("cannot connect to {socket} as uid {uid}: {error}; {advice}");
        match error.kind() {
            io::ErrorKind::WouldBlock => Fault::busy(text),
            _ => Fault::not_connected(text),
        }
    }

    /// Tells the first failure in a row; the others are told only to those who look for them.
    fn log(&self, fault: &Fault, told: &mut bool) {
        let socket = &self.session.wire.socket();
        match fault.kind {
            // Agents come and go with their guests; the socket is well.
            NotSent::Absent => {
                if self.session.wire.account.may_tell() {
                    tracing::info!(%socket, fault = fault.text, "agent lost");
                }
                return;
            }
            NotSent::Stopping => tracing::debug!(%socket, fault = fault.text, "not connected"),
            _ if *told => tracing::debug!(%socket, fault = fault.text, "not connected"),
            _ => tracing::warn!(%socket, fault = fault.text, "not connected"),
        }
        *told = true;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.session.inbox.end();
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("socket", &self.session.wire.socket).finish_non_exhaustive()
    }
}

/// What `future` gives; nothing if it panics.
fn contained<T>(mut future: Pin<&mut impl Future<Output = T>>) -> impl Future<Output = Option<T>> {
    poll_fn(move |context| {
        let poll = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        poll.map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
}

/// The pauses between attempts: each that passed makes the next twice as long, less a random
/// part, so that many endpoints do not try at the same time.
#[derive(Debug)]
struct Backoff {
    longest: Duration,
}

impl Backoff {
    fn new(limits: &Limits) -> Self {
        Self { longest: limits.backoff.0 }
    }

    fn grow(&mut self, limits: &Limits) {
        self.longest = (self.longest * 2).min(limits.backoff.1);
    }

    fn pause(&self) -> Duration {
        // Without random bytes the pause is merely not spread.
        let thousandths = nonce().unwrap_or(0) % 250;
        self.longest - self.longest * u32::try_from(thousandths).unwrap_or(0) / 1000
    }
}

#[cfg(test)]
mod peer;
#[cfg(test)]
mod tests;
