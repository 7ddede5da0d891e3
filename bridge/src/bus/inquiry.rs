//! Asks each peer, once it is ready, how it differs from what the bridge was built for.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use crate::{
    endpoint::{Completion, Event, Handle, Observer, Outcome, Protocol, Request, State, Status},
    skew::Difference,
};

use super::{endpoint::qapi, limits::Limits, publisher::Publisher, turns::Turns};

/// The question to a monitor. Its answer takes the monitor some 20 ms, so it is asked once a
/// connection, and behind the calls that waited for the connection.
const SCHEMA: &str = "query-qmp-schema";

/// Passes on what an endpoint tells, and asks through the endpoint's own handle.
#[derive(Debug)]
pub(super) struct Inquiry {
    protocol: Protocol,
    publisher: Arc<Publisher>,
    /// For the answer.
    timeout: Option<Duration>,
    handle: OnceLock<Handle>,
    turns: Arc<Turns>,
    itself: Weak<Self>,
    /// Asked in this connection, or about to be.
    asked: AtomicBool,
    /// In line.
    waits: AtomicBool,
}

impl Inquiry {
    pub(super) fn new(
        protocol: Protocol,
        limits: &Limits,
        publisher: Arc<Publisher>,
        turns: Arc<Turns>,
    ) -> Arc<Self> {
        let timeout = limits.timeout(protocol, SCHEMA);
        Arc::new_cyclic(|itself| Self {
            protocol,
            publisher,
            timeout,
            handle: OnceLock::new(),
            turns,
            itself: Weak::clone(itself),
            asked: AtomicBool::new(false),
            waits: AtomicBool::new(false),
        })
    }

    /// Gives it the handle, which exists only after the endpoint was told its observer.
    pub(super) fn ask_through(&self, handle: Handle) {
        let _ = self.handle.set(handle);
    }

    /// An agent has told its commands, which change with its state, and has no schema to ask for.
    fn agent(&self, status: &Status) {
        if !status.commands.is_empty() {
            tell(&self.publisher, Difference::from_commands(qapi(self.protocol), &status.commands));
        }
    }

    fn monitor(&self) {
        let asked = self.asked.swap(true, Ordering::Relaxed);
        if !asked && !self.waits.swap(true, Ordering::Relaxed) {
            self.turns.wait(Weak::clone(&self.itself));
        }
    }

    /// Asks, unless the connection ended meanwhile; returns when the answer was compared.
    ///
    /// # Cancel safety
    ///
    /// What was asked is compared all the same.
    pub(super) async fn ask(&self) {
        self.waits.store(false, Ordering::Relaxed);
        let Some(handle) = self.handle.get() else { return };
        if !self.asked.load(Ordering::Relaxed) {
            return;
        }
        let (protocol, publisher) = (self.protocol, Arc::clone(&self.publisher));
        let (told, over) = oneshot::channel();
        handle.submit(Request {
            command: SCHEMA.to_owned(),
            arguments: Vec::new(),
            fd: None,
            oob: false,
            replies: true,
            reads: false,
            timeout: self.timeout,
            completion: Completion::new(move |outcome| {
                compare(protocol, &publisher, outcome);
                // Nobody waits any more for an answer that is late.
                _ = told.send(());
            }),
        });
        // Whatever became of it.
        _ = over.await;
    }
}

impl Observer for Inquiry {
    fn event(&self, event: &Event<'_>) {
        self.publisher.event(event);
    }

    fn event_lost(&self) {
        self.publisher.event_lost();
    }

    fn together(&self, take: &mut dyn FnMut()) {
        self.publisher.together(take);
    }

    fn changed(&self, status: &Status) {
        self.publisher.changed(status);
        match (status.state, self.protocol) {
            (State::Ready, Protocol::Qmp) => self.monitor(),
            (State::Ready | State::Frozen, Protocol::Qga) => self.agent(status),
            _ => self.asked.store(false, Ordering::Relaxed),
        }
    }
}

fn compare(protocol: Protocol, publisher: &Publisher, outcome: Outcome<'_>) {
    match outcome {
        Outcome::Return(text) => match Difference::from_schema(qapi(protocol), text) {
            Ok(difference) => tell(publisher, difference),
            Err(error) if publisher.account().may_tell() => {
                warn!(socket = %publisher.socket(), %error, "schema not understood");
            }
            Err(error) => debug!(socket = %publisher.socket(), %error, "schema not understood"),
        },
        // Before its machine is configured a monitor may refuse, and others have no schema.
        refused => debug!(socket = %publisher.socket(), ?refused, "no schema to compare with"),
    }
}

fn tell(publisher: &Publisher, difference: Difference) {
    let socket = publisher.socket();
    if !publisher.differs(&difference) {
        return;
    }
    info!(%socket, %difference, "schema compared");
    for (kind, names) in difference.lists() {
        debug!(%socket, kind, names = names.join(" "), "schema");
    }
    publisher.compared(difference);
}
