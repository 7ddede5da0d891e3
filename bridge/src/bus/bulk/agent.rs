//! The commands that one call makes of its agent, and what ends it before its time.

use std::{
    future::{Future, pending},
    sync::Arc,
    time::Duration,
};

use tokio::{
    select,
    sync::oneshot,
    time::{Instant, sleep, sleep_until},
};
use tracing::warn;

use crate::{
    bus::{
        endpoint::{Choice, Endpoint},
        errors::Failure,
        reply::Reply,
        subscriptions::Target,
    },
    endpoint::{Completion, Lease, NotSent, Outcome, Unknown},
    transcode::Timeout,
};

use super::{
    callers::Presence,
    owned::{Held, Kind},
};

/// How often a handle is tried to be closed, and the pause between: an agent comes back or not.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// The agent, for one call.
#[derive(Debug)]
pub(super) struct Agent {
    endpoint: Arc<Endpoint>,
    lease: Lease,
    /// Who waits for the reply.
    caller: Option<String>,
    presence: Presence,
    until: Option<Instant>,
    /// Whom progress is told.
    told: Option<Target>,
}

/// What became of a command if not its result.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    Peer { class: String, desc: String },
    NotSent(NotSent, String),
    Unknown(Unknown, String),
}

impl Agent {
    /// The agent of an endpoint. A call has no deadline unless the caller sets one: each command has
    /// its own, and there may be any number of them.
    pub(super) fn new(endpoint: &Arc<Endpoint>, reply: &Reply, timeout: Timeout) -> Self {
        let caller = reply.waiting();
        Self {
            endpoint: Arc::clone(endpoint),
            lease: endpoint.lease(),
            presence: endpoint.bulk().callers.watch(caller.clone()),
            caller,
            until: timeout.or(None).and_then(|time| Instant::now().checked_add(time)),
            told: None,
        }
    }

    /// Tells progress to the caller, with a number of its own choice.
    pub(super) fn tell(&mut self, reply: &Reply, handle: Option<u64>) {
        let caller = reply.caller().cloned();
        self.told = handle.zip(caller).map(|(handle, caller)| Target { handle, caller });
    }

    /// Tells how far it is.
    pub(super) fn progress(&self, bytes: u64) {
        if let Some(target) = &self.told {
            self.endpoint.publisher().tell_progress(target, bytes);
        }
    }

    /// Runs the first command, in turn with those of others.
    pub(super) fn begin<
        T: Send + 'static,
        F: FnOnce(&[u8]) -> Result<T, String> + Send + 'static,
    >(
        &self,
        command: &'static str,
        arguments: Vec<u8>,
        read: F,
    ) -> impl Future<Output = Result<T, Trouble>> + use<T, F> {
        let (completion, told) = completion(read);
        let completion = completion.of(self.caller.clone());
        self.endpoint.submit(command, arguments, None, Choice::default(), completion);
        told
    }

    /// Runs a further command; it is submitted before this returns.
    pub(super) fn run<T: Send + 'static, F: FnOnce(&[u8]) -> Result<T, String> + Send + 'static>(
        &self,
        command: &'static str,
        arguments: Vec<u8>,
        read: F,
    ) -> impl Future<Output = Result<T, Trouble>> + use<T, F> {
        let (completion, told) = completion(read);
        let choice = Choice::default();
        self.lease.submit(self.endpoint.request(command, arguments, None, choice, completion));
        told
    }

    /// Keeps a number of the guest from everybody else.
    pub(super) fn own(&self, kind: Kind, number: i64) -> Held {
        self.endpoint.bulk().owned.hold(kind, number)
    }

    /// Bytes of the longest message from the agent.
    pub(super) fn longest(&self) -> usize {
        self.endpoint.settings().limits.message
    }

    /// Returns when nobody waits any more, with what the caller is told.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn ended(&self) -> Failure {
        let late = async {
            match self.until {
                Some(until) => sleep_until(until).await,
                None => pending().await,
            }
        };
        let text = select! {
            biased;
            () = self.presence.left() => "the caller left",
            () = self.lease.stops() => "the machine was removed, or the bridge is about to end",
            () = late => "it was not done in the time that the call sets",
        };
        Failure::unknown(Unknown::Timeout, text)
    }

    /// Closes a file that nobody needs any more, if the agent can be reached.
    pub(super) async fn close(&self, handle: i64) {
        for _ in 0..TRIES {
            match self.run("guest-file-close", handle_only(handle), nothing).await {
                Ok(()) | Err(Trouble::Peer { .. }) => return,
                Err(Trouble::NotSent(..) | Trouble::Unknown(..)) => select! {
                    () = sleep(PAUSE) => {}
                    () = self.lease.stops() => break,
                },
            }
        }
        let socket = self.endpoint.settings().socket.display();
        warn!(%socket, handle, "a file stays open in the guest");
    }
}

impl Trouble {
    /// The error of a call that has done nothing before.
    pub(super) fn first(self) -> Failure {
        match self {
            Self::Peer { class, desc } => Failure::peer(&class, &desc),
            Self::NotSent(why, text) => Failure::not_sent(why, &text),
            Self::Unknown(why, text) => Failure::unknown(why, &text),
        }
    }

    /// The error of a call that has done something before, which the text says: that nothing was
    /// sent would not be true.
    pub(super) fn later(self, done: &str) -> Failure {
        let why = match self {
            Self::Peer { class, desc } => {
                return Failure::peer(&class, &format!("{desc} ({done})"));
            }
            Self::NotSent(NotSent::Busy, text) => (Unknown::Timeout, text),
            Self::NotSent(_, text) => (Unknown::ConnectionLost, text),
            Self::Unknown(why, text) => (why, text),
        };
        Failure::unknown(why.0, &format!("{} ({done})", why.1))
    }
}

/// The arguments of a command on a handle.
pub(super) fn handle_only(handle: i64) -> Vec<u8> {
    format!("{{\"handle\":{handle}}}").into_bytes()
}

/// Reads what does not matter.
pub(super) fn nothing(_: &[u8]) -> Result<(), String> {
    Ok(())
}

/// A completion, and what it will be told: a result that is read where the endpoint read it.
fn completion<T: Send + 'static, F: FnOnce(&[u8]) -> Result<T, String> + Send + 'static>(
    read: F,
) -> (Completion, impl Future<Output = Result<T, Trouble>> + use<T, F>) {
    let (tell, told) = oneshot::channel();
    let completion = Completion::new(move |outcome| {
        let result = match outcome {
            Outcome::Return(value) => read(value).map_err(|why| {
                Trouble::Unknown(Unknown::BadReply, format!("the answer is not understood: {why}"))
            }),
            Outcome::Error { class, desc } => {
                Err(Trouble::Peer { class: class.to_owned(), desc: desc.to_owned() })
            }
            Outcome::NotSent(why, text) => Err(Trouble::NotSent(why, text)),
            Outcome::Unknown(why, text) => Err(Trouble::Unknown(why, text)),
        };
        // Who does not wait any more does not matter.
        _ = tell.send(result);
    });
    let failed = || Trouble::Unknown(Unknown::Internal, "the bridge failed on an answer".into());
    (completion, async move { told.await.unwrap_or_else(|_| Err(failed())) })
}
