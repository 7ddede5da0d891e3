//! Callers that leave the bus: what they held ends with them.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::warn;
use zbus::{Connection, Message, names::UniqueName};

use super::objects::Objects;

const BUS: &str = "org.freedesktop.DBus";

/// Watches those who hold something, and nobody else: each departure wakes the bridge up.
#[derive(Debug)]
pub(super) struct Departures {
    connection: Connection,
    watched: Mutex<HashSet<String>>,
}

impl Departures {
    pub(super) fn new(connection: &Connection) -> Arc<Self> {
        Arc::new(Self { connection: connection.clone(), watched: Mutex::default() })
    }

    /// Watches a caller; what it holds in these objects ends when it leaves, even if it has
    /// left before the bus knows that it is watched.
    pub(super) fn watch(self: &Arc<Self>, caller: &UniqueName<'_>, objects: &Arc<Objects>) {
        if !self.lock().insert(caller.to_string()) {
            return;
        }
        let (this, objects, caller) = (Arc::clone(self), Arc::clone(objects), caller.to_string());
        tokio::spawn(async move {
            let added = this.ask("AddMatch", &rule(&caller)).await.is_some();
            let there = this.ask("NameHasOwner", &caller).await;
            let there = there.and_then(|reply| reply.body().deserialize().ok()).unwrap_or(false);
            if !added || !there {
                this.left(&caller, &objects);
            }
        });
    }

    /// Takes a signal of the bus.
    pub(super) fn signal(self: &Arc<Self>, message: &Message, objects: &Objects) {
        let header = message.header();
        let by_bus = header.sender().is_some_and(|sender| sender.as_str() == BUS);
        let changed = header.member().is_some_and(|member| member == "NameOwnerChanged");
        if !by_bus || !changed {
            return;
        }
        let body = message.body();
        if let Ok((name, _, "")) = body.deserialize::<(&str, &str, &str)>() {
            self.left(name, objects);
        }
    }

    fn left(self: &Arc<Self>, caller: &str, objects: &Objects) {
        if !self.lock().remove(caller) {
            return;
        }
        objects.endpoints().for_each(|endpoint| endpoint.subscriptions().forget(caller));
        let (this, rule) = (Arc::clone(self), rule(caller));
        tokio::spawn(async move { this.ask("RemoveMatch", &rule).await });
    }

    async fn ask(&self, method: &str, argument: &str) -> Option<Message> {
        let path = "/org/freedesktop/DBus";
        let call = self.connection.call_method(Some(BUS), path, Some(BUS), method, &argument);
        call.await.map_err(|error| warn!(method, %error, "the bus refused")).ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rule(caller: &str) -> String {
    format!("type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{caller}'")
}
