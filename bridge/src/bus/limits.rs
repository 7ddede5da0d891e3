//! The bounds that a configuration may change; the defaults are those of the design.

use std::{sync::Arc, time::Duration};

use crate::endpoint::{self, Deadlines, Pool, Protocol};

/// Bounds of the whole bridge and of each endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls in flight.
    pub calls: usize,
    /// Of these, calls of one sender.
    pub calls_per_sender: usize,
    /// Bytes of messages in flight.
    pub memory: usize,
    /// Requests that wait for one endpoint.
    pub calls_waiting: usize,
    /// Bytes of one message from a peer.
    pub message: usize,
    /// Bytes of a peer's greeting.
    pub greeting: usize,
    /// Structural characters of one message from a peer.
    pub nodes: usize,
    /// Nesting of one message from a peer.
    pub depth: usize,
    /// Events of one endpoint that wait for their turn.
    pub events_queued: usize,
    /// Events of one endpoint that are kept for `EventsSince`.
    pub events_kept: usize,
    /// Events of one endpoint that may leave in a second.
    pub events_rate: usize,
    /// Events of one endpoint that may leave at once after a quiet time.
    pub events_burst: usize,
    /// Subscriptions to one endpoint.
    pub subscriptions: usize,
    /// Of these, those of one caller.
    pub subscriptions_per_caller: usize,
    /// Deadline of a monitor's command; zero means none.
    pub qmp: Duration,
    /// Deadline of an agent's command; zero means none.
    pub qga: Duration,
    /// Deadline of an agent's command that freezes or thaws; zero means none.
    pub fsfreeze: Duration,
    /// From the connection to a peer's first answer.
    pub opening: Duration,
    /// How long calls on the wire may take once their machine is gone or the bridge ends.
    pub drain: Duration,
    /// First pause between attempts to connect.
    pub reconnect_first: Duration,
    /// Longest pause between attempts to connect.
    pub reconnect_last: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let endpoint = endpoint::Limits::new(Protocol::Qmp);
        let Deadlines { qmp, qga, fsfreeze } = Deadlines::default();
        Self {
            calls: 512,
            calls_per_sender: 32,
            memory: endpoint::Budget::DEFAULT,
            calls_waiting: endpoint.waiting,
            message: endpoint.message,
            greeting: endpoint.greeting,
            nodes: endpoint.nodes,
            depth: endpoint.depth,
            events_queued: 1024,
            events_kept: 1024,
            events_rate: 200,
            events_burst: 1000,
            subscriptions: 256,
            subscriptions_per_caller: 32,
            qmp,
            qga,
            fsfreeze,
            opening: endpoint.greeting_timeout,
            drain: Duration::from_secs(5),
            reconnect_first: endpoint.backoff.0,
            reconnect_last: endpoint.backoff.1,
        }
    }
}

impl Limits {
    /// Those of one endpoint.
    pub(super) fn endpoint(&self, protocol: Protocol) -> Arc<endpoint::Limits> {
        static LIMITS: Pool<endpoint::Limits> = Pool::new();
        LIMITS.share(endpoint::Limits {
            message: self.message,
            greeting: self.greeting,
            nodes: self.nodes,
            depth: self.depth,
            waiting: self.calls_waiting,
            greeting_timeout: self.opening,
            backoff: (self.reconnect_first, self.reconnect_last),
            ..endpoint::Limits::new(protocol)
        })
    }

    /// How long a command may take if nobody says otherwise; `None` for ever.
    pub(super) fn timeout(&self, protocol: Protocol, command: &str) -> Option<Duration> {
        let Self { qmp, qga, fsfreeze, .. } = *self;
        Deadlines { qmp, qga, fsfreeze }.of(protocol, command)
    }
}
