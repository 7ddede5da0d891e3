//! The one who takes what comes on a connection that only asks.

use std::{fmt, sync::Arc};

use zbus::{Message, message::Type};

use super::{
    errors::{Failure, standard},
    guard::Outbox,
    incoming::Answerer,
    permits::Permit,
    reply::Reply,
};

/// Hears signals and refuses calls.
pub(super) struct Listener<F> {
    outbox: Arc<Outbox>,
    heard: F,
}

impl<F> Listener<F> {
    pub(super) fn new(outbox: Arc<Outbox>, heard: F) -> Self {
        Self { outbox, heard }
    }
}

impl<F: Fn(&Message) + Send + Sync> Answerer for Listener<F> {
    fn take(&self, message: &Message) {
        match message.message_type() {
            Type::MethodCall => {
                let outbox = Arc::clone(&self.outbox);
                let reply = Reply::new(&message.header(), outbox, Permit::default());
                reply.fail(&Failure::new(standard::UNKNOWN_OBJECT, "nothing is served here"));
            }
            Type::Signal => (self.heard)(message),
            Type::MethodReturn | Type::Error => {}
        }
    }
}

impl<F> fmt::Debug for Listener<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
