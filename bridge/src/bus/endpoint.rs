//! One endpoint as the bus sees it: its interfaces, its requests, its properties.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tracing::debug;

use crate::{
    endpoint::{
        self, Account, Completion, Config, Handle, Lease, NotSent, Outcome, Protocol, Request,
        Task, Trust, reading_time,
    },
    generated,
    transcode::{
        Timeout,
        shape::{Class, Interface},
    },
};

use super::{
    bulk::{Bulk, Room},
    guard::Outbox,
    inquiry::Inquiry,
    limits::Limits,
    planted::planted,
    properties::{self, Properties},
    publisher::Publisher,
    tables,
    waiters::Waiters,
};

/// What a single endpoint is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What the socket speaks.
    pub protocol: Protocol,
    /// The socket.
    pub socket: Arc<Path>,
    /// Object on the bus.
    pub path: Arc<str>,
    /// Deadline of a call in the place of the built-in ones; zero means none.
    pub timeout: Option<Duration>,
    /// Whether events go to subscribers only, in the place of everybody on the bus.
    pub unicast: bool,
    /// Bounds.
    pub limits: Arc<Limits>,
    /// Whose sockets are opened.
    pub trust: Arc<Trust>,
}

/// One endpoint on the bus.
#[derive(Debug)]
pub struct Endpoint {
    settings: Settings,
    publisher: Arc<Publisher>,
    handle: Handle,
    /// Of agents that were asked for that.
    bulk: OnceLock<Bulk>,
    room: Arc<Room>,
}

/// What a caller may set for one call by reserved keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Choice {
    /// `@timeout`
    pub(super) timeout: Timeout,
    /// `@oob`
    pub(super) oob: bool,
}

impl Endpoint {
    /// An endpoint, and the task that will serve its socket once it is spawned.
    pub fn new(settings: Settings, outbox: Arc<Outbox>) -> (Arc<Self>, Task) {
        let account = Arc::<Account>::default();
        let (budget, room) = (outbox.budget().share(), Arc::clone(outbox.transfers()));
        let turns = Arc::clone(outbox.turns());
        let publisher = Publisher::new(&settings, Arc::clone(&account), outbox, &budget);
        let publisher = Arc::new(publisher);
        let (protocol, limits) = (settings.protocol, &settings.limits);
        let inquiry = Inquiry::new(protocol, limits, Arc::clone(&publisher), turns);
        let (handle, task) = endpoint::new(Config {
            socket: Arc::clone(&settings.socket),
            protocol,
            limits: limits.endpoint(protocol),
            budget,
            observer: inquiry.clone(),
            account,
            trust: Arc::clone(&settings.trust),
        });
        inquiry.ask_through(handle.clone());
        (Arc::new(Self { settings, publisher, handle, bulk: OnceLock::new(), room }), task)
    }

    /// What it was started with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its object is gone: it tells nothing any more, neither on the bus nor another endpoint.
    pub fn retire(&self) {
        self.publisher.retire();
        self.handle.detach();
    }

    /// Makes the endpoints of one machine known to each other: its monitor tells what becomes of
    /// its agent.
    pub fn introduce(endpoints: &[Arc<Self>]) {
        let of = |protocol| endpoints.iter().find(|endpoint| endpoint.protocol() == protocol);
        if let (Some(monitor), Some(agent)) = (of(Protocol::Qmp), of(Protocol::Qga)) {
            monitor.handle.attach(&agent.handle);
        }
    }

    /// Whether its peer answers.
    pub fn is_ready(&self) -> bool {
        self.publisher.status().state.answers()
    }

    /// Refuses new calls, waits at most `drain` for those in flight and ends the task.
    pub async fn stop(&self, drain: Duration) {
        self.handle.stop(drain).await;
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.settings.protocol
    }

    /// The generated interface.
    pub(super) fn qapi(&self) -> &'static Interface {
        qapi(self.settings.protocol)
    }

    /// The endpoint's own interface.
    pub(super) fn interface(&self) -> &'static Interface {
        interface(self.settings.protocol)
    }

    pub(super) fn interfaces(&self) -> [&'static Interface; 2] {
        [self.qapi(), self.interface()]
    }

    pub(super) fn properties(&self) -> Properties {
        let mut properties = self.publisher.properties();
        properties.push(properties::counters(self.account()));
        properties
    }

    /// Those that do not take kilobytes.
    pub(super) fn brief(&self) -> Properties {
        self.publisher.brief()
    }

    pub(super) fn account(&self) -> &Account {
        self.publisher.account()
    }

    pub(super) fn publisher(&self) -> &Arc<Publisher> {
        &self.publisher
    }

    pub(super) fn waiters(&self) -> &Waiters {
        self.publisher.waiters()
    }

    /// Ends what a caller who left the bus holds here or waits for; what is on the wire goes on.
    pub(super) fn forget(&self, caller: &str) {
        self.publisher.forget(caller);
        if let Some(bulk) = self.bulk.get() {
            bulk.callers.forget(caller);
        }
        self.handle.cancel(caller);
    }

    /// Hands a command to the peer.
    pub(super) fn submit(
        &self,
        command: impl Into<String>,
        arguments: Vec<u8>,
        fd: Option<std::os::fd::OwnedFd>,
        choice: Choice,
        completion: Completion,
    ) {
        let request = self.request(command, arguments, fd, choice, completion);
        let bulk = self.bulk.get();
        match bulk.and_then(|it| it.owned.forbids(&request.command, &request.arguments)) {
            Some(why) => request.completion.complete(Outcome::NotSent(NotSent::Busy, why)),
            None => self.handle.submit(request),
        }
    }

    /// A command for the peer, with its deadline.
    pub(super) fn request(
        &self,
        command: impl Into<String>,
        arguments: Vec<u8>,
        fd: Option<std::os::fd::OwnedFd>,
        choice: Choice,
        completion: Completion,
    ) -> Request {
        let command = command.into();
        planted(command.as_bytes());
        let known = self.qapi().command(&command);
        let timeout = self.deadline(&command, arguments.len(), choice);
        debug!(command, bytes = arguments.len(), "call");
        Request {
            command,
            arguments,
            fd,
            oob: choice.oob,
            replies: known.is_none_or(|method| method.replies),
            reads: known.is_some_and(|method| method.class == Class::Read),
            timeout,
            completion,
        }
    }

    /// The right to finish what several commands make.
    pub(super) fn lease(&self) -> Lease {
        self.handle.lease()
    }

    /// What goes on here by several commands.
    pub(super) fn bulk(&self) -> &Bulk {
        self.bulk.get_or_init(Bulk::default)
    }

    /// What transfers may take.
    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// Resynchronises the channel and completes with `id`.
    pub(super) fn sync(&self, id: i64, choice: Choice, completion: Completion) {
        let timeout = self.deadline("guest-sync", 0, choice);
        self.handle.sync(id, timeout, completion);
    }

    /// What a caller must be allowed: the command, and to keep the peer busy for longer than
    /// usual.
    pub(super) fn class(&self, command: &str, choice: Choice) -> Class {
        let class = crate::auth::class_of(self.protocol(), command);
        let usual = self.deadline(command, 0, Choice::default());
        let longer = match choice.timeout {
            Timeout::Default => false,
            Timeout::Never => usual.is_some(),
            Timeout::After(time) => usual.is_some_and(|usual| time > usual),
        };
        if longer { class.max(Class::Control) } else { class }
    }

    /// From a call to its answer: the caller's wish, else the configured time, else the
    /// command's own; large requests get the time that reading them takes.
    pub(super) fn deadline(&self, command: &str, bytes: usize, choice: Choice) -> Option<Duration> {
        let base = match self.settings.timeout {
            Some(Duration::ZERO) => None,
            Some(configured) => Some(configured),
            None => self.settings.limits.timeout(self.settings.protocol, command),
        };
        choice.timeout.or(base.map(|base| base + reading_time(bytes)))
    }
}

/// The generated interface of a protocol.
pub(super) fn qapi(protocol: Protocol) -> &'static Interface {
    match protocol {
        Protocol::Qmp => &generated::qmp::INTERFACE,
        Protocol::Qga => &generated::qga::INTERFACE,
    }
}

/// The hand-written interface of a protocol.
pub(super) fn interface(protocol: Protocol) -> &'static Interface {
    match protocol {
        Protocol::Qmp => &tables::QMP,
        Protocol::Qga => &tables::QGA,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bus) fn endpoint(path: &str) -> Arc<Endpoint> {
        let protocol = if path.ends_with("qmp") { Protocol::Qmp } else { Protocol::Qga };
        let settings = Settings {
            protocol,
            socket: Path::new("/nonexistent").into(),
            path: path.into(),
            timeout: None,
            unicast: false,
            limits: Arc::default(),
            trust: Arc::default(),
        };
        Endpoint::new(settings, Outbox::detached()).0
    }

    #[test]
    fn deadline_follows_caller_then_configuration_then_command() {
        let qga = endpoint("/qga");
        let seconds = |command, bytes, choice| {
            qga.deadline(command, bytes, choice).map(|deadline| deadline.as_secs())
        };
        let none = Choice::default();
        assert_eq!(seconds("guest-ping", 0, none), Some(10));
        assert_eq!(seconds("guest-file-write", 1 << 20, none), Some(14));
        assert_eq!(seconds("guest-fsfreeze-freeze", 0, none), Some(120));
        let never = Choice { timeout: Timeout::Never, oob: false };
        assert_eq!(seconds("guest-ping", 0, never), None);
        assert_eq!(endpoint("/qmp").deadline("stop", 0, none), Some(Duration::from_secs(30)));
    }
}
