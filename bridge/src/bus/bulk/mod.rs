//! What a call to an agent's endpoint does by several commands: `ReadFile`, `WriteFile`, `Run`.
//!
//! ```text
//! order ─► file ─► agent ─► the endpoint, a command at a time
//!          run       └ until the caller left, its time is up or the endpoint stops
//! file ⇄ descriptor: a thread each, for a descriptor of a caller may block whoever touches it
//! ```

mod agent;
mod callers;
mod descriptor;
mod file;
mod order;
mod owned;
mod room;
mod run;

use std::{future::Future, sync::Arc};

use crate::transcode::Timeout;

use super::{endpoint::Endpoint, reply::Reply};

use agent::Agent;
use callers::Callers;
use owned::Owned;

pub(super) use order::Order;
pub(super) use room::Room;

/// What goes on at one endpoint.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    pub(super) owned: Arc<Owned>,
    pub(super) callers: Arc<Callers>,
}

/// Does what is ordered, and answers when it is done.
pub(super) fn start(endpoint: &Arc<Endpoint>, order: Order, timeout: Timeout, reply: Reply) {
    let agent = Agent::new(endpoint, &reply, timeout);
    let place = |reply: &Reply| endpoint.room().take(reply.caller().map(|name| &**name));
    match order {
        Order::Run(run) => go(run.perform(agent, reply)),
        Order::Read(read) => match place(&reply) {
            Ok(place) => go(read.perform(agent, place, reply)),
            Err(failure) => reply.fail(&failure),
        },
        Order::Write(write) => match place(&reply) {
            Ok(place) => go(write.perform(agent, place, reply)),
            Err(failure) => reply.fail(&failure),
        },
    }
}

/// Should it panic, its reply answers, and its lease and what it owns are given back.
fn go(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}
