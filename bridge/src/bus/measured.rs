//! What benches see of the inside of the bus side.

use std::sync::Arc;

use zbus::Message;

use super::{Dispatcher, Gate, Limits, Objects, guard::Outbox, incoming::Answerer};

/// Dispatcher and guard without a bus.
#[derive(Debug)]
pub struct Inside {
    outbox: Arc<Outbox>,
    dispatcher: Dispatcher,
}

impl Inside {
    /// One without objects.
    pub fn new() -> Self {
        let (objects, outbox) = (Arc::<Objects>::default(), Outbox::detached());
        let (gate, limits) = (Gate::default(), Limits::default());
        let dispatcher = Dispatcher::new(objects, Arc::clone(&outbox), gate, &limits);
        Self { outbox, dispatcher }
    }

    /// Sends a message past the guard; returns how many left.
    pub fn send(&self, message: Message) -> usize {
        self.outbox.send(message);
        self.outbox.take().len()
    }

    /// Answers a call; returns how many replies left.
    pub fn dispatch(&self, call: &Message) -> usize {
        self.dispatcher.take(call);
        self.outbox.take().len()
    }
}

impl Default for Inside {
    fn default() -> Self {
        Self::new()
    }
}
