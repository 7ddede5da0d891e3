//! What callers hold of an endpoint.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    Account, Completion, Config, Count, Outcome, Protocol, Request,
    inbox::{Inbox, Job},
    line::is_name,
};

/// Hands requests to an endpoint; clones reach the same endpoint.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: Arc<Inbox>,
    protocol: Protocol,
    socket: Arc<Path>,
    account: Arc<Account>,
}

impl Handle {
    pub(super) fn new(inbox: Arc<Inbox>, config: &Config) -> Self {
        let (socket, account) = (Arc::clone(&config.socket), Arc::clone(&config.account));
        Self { inbox, protocol: config.protocol, socket, account }
    }

    /// Queues a request; never blocks. Requests leave in the order in which they were submitted,
    /// except that those out of band overtake.
    ///
    /// The completion is told exactly once, from the endpoint's task, or before this returns if
    /// the request is refused: too many wait, or the endpoint stops.
    /// A command whose name no peer can know is told to be unknown, without asking.
    pub fn submit(&self, request: Request) {
        let completion = self.counted(request.completion);
        let request = Request { completion, ..request };
        if !is_name(&request.command) {
            let desc = format!("The command {} has not been found", request.command);
            let error = Outcome::Error { class: "CommandNotFound", desc: &desc };
            return request.completion.complete(error);
        }
        self.inbox.push(Job::new(request, None));
    }

    /// Resynchronises the agent's channel with a nonce, in turn with the requests, and then tells
    /// `id` as if the agent had returned it: `guest-sync` (mapping, section 1). The time counts
    /// from now; `None` waits for ever. A monitor has no such command and says so.
    pub fn sync(&self, id: i64, timeout: Option<Duration>, completion: Completion) {
        let completion = self.counted(completion);
        if self.protocol == Protocol::Qmp {
            let desc = "The command guest-sync has not been found";
            return completion.complete(Outcome::Error { class: "CommandNotFound", desc });
        }
        let request = Request {
            command: "guest-sync".into(),
            arguments: Vec::new(),
            fd: None,
            oob: false,
            replies: true,
            reads: false,
            timeout,
            completion,
        };
        self.inbox.push(Job::new(request, Some(id)));
    }

    /// Makes known which agent runs in this monitor's machine, in the place of the one before.
    ///
    /// If the machine has a character device with the agent's socket, its state decides from now
    /// on with that of the agent's connection: whether the port is open in the guest, and whether
    /// the machine runs.
    pub fn attach(&self, agent: &Self) {
        self.inbox.ward.attach(&agent.socket, &agent.inbox);
        self.inbox.wake();
    }

    /// Takes back [`Handle::attach`]: nothing of the machine is known to the agent any more.
    pub fn detach(&self) {
        self.inbox.ward.detach();
    }

    /// Drops what a caller who left has waiting: not a byte of it is sent.
    pub fn cancel(&self, caller: &str) {
        self.inbox.cancel(caller);
    }

    /// Ends the endpoint: requests that wait or come are told `NotSent::Stopping`; those on the
    /// wire are waited for at most `drain`, then told `Unknown::Timeout`. Returns when the socket
    /// is closed. Of several calls the first one's `drain` holds.
    ///
    /// # Cancel safety
    ///
    /// The endpoint ends also if nobody waits for it.
    pub async fn stop(&self, drain: Duration) {
        self.inbox.stop(drain);
        self.inbox.ended().await;
    }

    /// A lease, for work of several requests.
    pub fn lease(&self) -> Lease {
        self.inbox.lease();
        Lease(self.clone())
    }

    fn counted(&self, completion: Completion) -> Completion {
        self.account.count(Count::Calls);
        completion.counted(&self.account)
    }
}

/// The right to finish what several requests make together: an endpoint that stops waits for it, as
/// long as for requests on the wire, and what it submits is not refused because others wait. The
/// holder bounds how many there are, and accounts for the bytes of their requests.
#[derive(Debug)]
pub struct Lease(Handle);

impl Lease {
    /// Queues a request, as [`Handle::submit`] does.
    pub fn submit(&self, request: Request) {
        let completion = self.0.counted(request.completion);
        let job = Job::new(Request { completion, ..request }, None);
        self.0.inbox.push(Job { leased: true, ..job });
    }

    /// Returns when the endpoint stops: what is begun is to be ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn stops(&self) {
        self.0.inbox.stops().await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.inbox.release();
    }
}
