//! One socket of QEMU's monitor or guest agent: framing, pairing, timeouts, reconnection.
//!
//! An endpoint is one task that owns its socket. Callers hand it requests through a [`Handle`];
//! what comes back is told where it was read, to the request's [`Completion`] or to the
//! [`Observer`]. Nothing here knows D-Bus.
//!
//! ```text
//! Handle ─► inbox ─► task ─► connection ─► session ─► qmp │ qga ─► wire ─► link ─► peer
//!                  (again)  (one timer)   (no input   (dialects) (pending)
//! Completion, Observer ◄────────────────── or output) ◄─ message ◄─ codec ◄──────┘
//! ```

mod account;
mod budget;
mod codec;
mod conduct;
mod connection;
mod deadline;
mod fault;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guest;
mod handle;
mod inbox;
mod line;
mod link;
mod machine;
#[cfg(feature = "bridge")]
pub(crate) mod measured;
mod message;
mod meter;
mod pending;
mod pool;
mod qga;
mod qmp;
#[cfg(any(test, fuzzing))]
mod rig;
mod session;
mod sync;
mod task;
mod trust;
mod wire;

use std::{
    fmt,
    os::fd::OwnedFd,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

pub use account::{Account, Count, Pace};
pub use budget::{Budget, Charge, Spent};
pub(crate) use codec::plain;
pub use deadline::{Deadlines, reading_time};
pub use handle::{Handle, Lease};
pub(crate) use link::register;
pub use pool::Pool;
pub use task::{Task, new};
pub use trust::Trust;

/// How long a peer that answers is not called ready while it has not said what it is.
const SURVEY: Duration = Duration::from_secs(1);

/// Which protocol a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// The monitor: QEMU or qemu-storage-daemon.
    Qmp,
    /// The guest agent.
    Qga,
}

impl Protocol {
    /// What settings call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qmp => "qmp",
            Self::Qga => "qga",
        }
    }
}

/// One command for the peer.
#[derive(Debug)]
pub struct Request {
    /// QAPI name.
    pub command: String,
    /// JSON text of the `arguments` object, escaped ASCII and within the peer's limits; empty for
    /// a command without arguments.
    pub arguments: Vec<u8>,
    /// Rides on the bytes of the command.
    pub fd: Option<OwnedFd>,
    /// Send with `exec-oob` if the peer agreed to it, else in band.
    pub oob: bool,
    /// The peer answers; if not, it does so only on failure.
    pub replies: bool,
    /// It only looks: whether the peer did it makes no difference to anybody but the caller.
    pub reads: bool,
    /// From now to the answer; `None` waits for ever.
    pub timeout: Option<Duration>,
    /// Told exactly once.
    pub completion: Completion,
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// JSON text of the value that the command returned.
    Return(&'a [u8]),
    /// The peer refused or failed.
    Error {
        /// QAPI error class.
        class: &'a str,
        /// The peer's text.
        desc: &'a str,
    },
    /// No byte reached the peer: a retry is safe.
    NotSent(NotSent, String),
    /// Sent, or partly so; whether the command ran is unknown.
    Unknown(Unknown, String),
}

impl Outcome<'_> {
    fn kind(&self) -> Count {
        match self {
            Self::Return(_) => Count::Returned,
            Self::Error { .. } => Count::PeerErrors,
            Self::NotSent(..) => Count::NotSent,
            Self::Unknown(..) => Count::Unknown,
        }
    }
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// Nobody listens on the socket.
    NotConnected,
    /// Nobody in the guest has opened the agent's port.
    Absent,
    /// Another client holds the socket, or the requests before this one took all its time.
    Busy,
    /// Above a limit of the peer.
    TooLarge,
    /// The endpoint is about to end: its machine was removed, or the bridge ends.
    Stopping,
    /// The peer is not the one any more that the request was for.
    Stale,
    /// Too many requests wait for this endpoint, or too many bytes of requests for all.
    QueueFull,
}

/// Why the outcome of a request is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No answer in time.
    Timeout,
    /// The connection ended before the answer.
    ConnectionLost,
    /// The answer is not what the protocol allows.
    BadReply,
    /// The answer is above a limit.
    ReplyTooLarge,
    /// The bridge itself failed.
    Internal,
}

/// The one who waits for a request. Dropped untold it tells [`Unknown::Internal`] if a panic did
/// that, else [`Unknown::ConnectionLost`].
pub struct Completion {
    tell: Option<Box<Tell>>,
    /// Where the outcome is counted.
    account: Option<Arc<Account>>,
    caller: Option<String>,
}

type Tell = dyn FnOnce(Outcome<'_>) + Send;

impl Completion {
    /// Calls `tell` with the outcome.
    pub fn new(tell: impl FnOnce(Outcome<'_>) + Send + 'static) -> Self {
        Self { tell: Some(Box::new(tell)), account: None, caller: None }
    }

    /// Names the one who asked: a request that waits is dropped when its caller leaves.
    pub fn of(mut self, caller: Option<String>) -> Self {
        self.caller = caller;
        self
    }

    fn is_of(&self, caller: &str) -> bool {
        self.caller.as_deref() == Some(caller)
    }

    /// Tells the outcome.
    pub fn complete(mut self, outcome: Outcome<'_>) {
        self.tell(outcome);
    }

    /// Counts the outcome in this account.
    fn counted(mut self, account: &Arc<Account>) -> Self {
        self.account = Some(Arc::clone(account));
        self
    }

    fn tell(&mut self, outcome: Outcome<'_>) {
        let Some(tell) = self.tell.take() else { return };
        let account = self.account.take().unwrap_or_default();
        account.count(outcome.kind());
        contained(&account, || tell(outcome));
    }
}

/// Tells somebody, whose panic must not take the endpoint and its other callers along.
fn contained(account: &Account, tell: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(tell)).is_err() {
        account.count(Count::InternalErrors);
        tracing::error!("internal error in one who was told");
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let (kind, text) = match std::thread::panicking() {
            true => (Unknown::Internal, "the bridge failed on this call; the command may have run"),
            false => (Unknown::ConnectionLost, "the request was dropped"),
        };
        self.tell(Outcome::Unknown(kind, text.into()));
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Completion").field(&self.tell.is_some()).finish()
    }
}

/// An event of the monitor.
#[derive(Debug)]
pub struct Event<'a> {
    /// QAPI name: `BLOCK_IO_ERROR`.
    pub name: &'a str,
    /// JSON text of its data; empty without data.
    pub data: &'a [u8],
    /// Microseconds since the epoch, by the peer's clock.
    pub timestamp: u64,
}

/// Whether and how the endpoint is connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// No connection; attempts go on.
    #[default]
    Disconnected,
    /// QGA: the socket is there, and no agent in the guest.
    Absent,
    /// Connected, but not greeted or synchronised yet.
    Connecting,
    /// Commands are answered.
    Ready,
    /// QGA: commands are answered, the few that are allowed while filesystems are frozen.
    Frozen,
    /// The peer accepted the connection and does not answer, or its machine is stopped.
    Unresponsive,
}

impl State {
    /// Whether commands are answered.
    pub fn answers(self) -> bool {
        matches!(self, Self::Ready | Self::Frozen)
    }
}

/// What a peer offers, shared with those that offer the same.
fn offered(mut commands: Vec<String>) -> Arc<Vec<String>> {
    static COMMANDS: Pool<Vec<String>> = Pool::new();
    commands.shrink_to_fit();
    COMMANDS.share(commands)
}

/// What the bridge knows of the peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Connection.
    pub state: State,
    /// Version that the peer tells, `10.0.2`; empty before.
    pub version: Arc<str>,
    /// Commands that this peer offers.
    pub commands: Arc<Vec<String>>,
    /// QMP: what `query-status` said, refreshed after each event that may change it.
    pub run_state: Arc<str>,
    /// QMP: capabilities in force.
    pub capabilities: &'static [&'static str],
    /// The peer sent too much lately that nobody asked for or understands.
    pub misbehaving: bool,
}

/// The one whom an endpoint tells what it was not asked. Called from the endpoint's task, in the
/// order in which the peer sent; must not block.
pub trait Observer: Send + Sync + 'static {
    /// The peer sent an event.
    fn event(&self, event: &Event<'_>);
    /// The peer sent an event that was too large to be kept.
    fn event_lost(&self);
    /// Something of the status changed.
    fn changed(&self, status: &Status);
    /// Runs `take`, which takes what was read of the peer at once: what is told meanwhile may be
    /// passed on together.
    fn together(&self, take: &mut dyn FnMut());
}

/// Bounds and deadlines of one endpoint; the defaults are those of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message from the peer.
    pub message: usize,
    /// Bytes of the greeting, and of an agent's message while nobody waits for one.
    pub greeting: usize,
    /// Structural characters (`{ [ , :`) of one message from the peer.
    pub nodes: usize,
    /// Nesting of one message from the peer.
    pub depth: usize,
    /// Requests that wait to be sent.
    pub waiting: usize,
    /// Requests on the wire; with an agent, of those that only read: any other is alone there.
    pub in_flight: usize,
    /// From connection to greeting or synchronisation.
    pub greeting_timeout: Duration,
    /// From sending a command without answer to taking it as done.
    pub grace: Duration,
    /// First and last pause between attempts to connect.
    pub backoff: (Duration, Duration),
}

impl Limits {
    /// The limits for a protocol.
    pub fn new(protocol: Protocol) -> Self {
        let qmp = protocol == Protocol::Qmp;
        Self {
            // All its copies are the whole budget.
            message: Budget::DEFAULT / budget::COPIES,
            greeting: 64 << 10,
            nodes: 200_000,
            depth: 512,
            waiting: 64,
            in_flight: if qmp { 7 } else { 8 },
            greeting_timeout: Duration::from_secs(5),
            grace: Duration::from_secs(3),
            backoff: (Duration::from_millis(100), Duration::from_secs(5)),
        }
    }
}

/// What an endpoint needs to start.
#[derive(Clone)]
pub struct Config {
    /// Path of the unix socket.
    pub socket: Arc<std::path::Path>,
    /// What it speaks.
    pub protocol: Protocol,
    /// Bounds and deadlines.
    pub limits: Arc<Limits>,
    /// Bounds the bytes of lines and arguments in flight: the endpoint's share.
    pub budget: Arc<Budget>,
    /// Told of events and changes.
    pub observer: Arc<dyn Observer>,
    /// What happens is counted here.
    pub account: Arc<Account>,
    /// Whose sockets are opened.
    pub trust: Arc<Trust>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("socket", &self.socket)
            .field("protocol", &self.protocol)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
