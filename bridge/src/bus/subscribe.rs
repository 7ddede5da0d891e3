//! `Subscribe`, `Unsubscribe`, `EventsSince`.

use std::sync::Arc;

use crate::{
    endpoint::{Completion, Outcome},
    transcode::{Json, Part, Rows, Timeout, shape::Shape},
};

use super::{
    current,
    endpoint::{Choice, Endpoint},
    errors::{Failure, standard},
    publisher::Publisher,
    reply::Reply,
    seen::Filter,
};

/// Subscribes the caller, and tells it what is so now before what happens next.
pub(super) fn subscribe(endpoint: &Endpoint, filter: Filter, reply: Reply) {
    let Some(caller) = reply.caller() else {
        return reply.fail(&Failure::invalid_args("a subscriber needs a name on the bus"));
    };
    let queries: Vec<_> =
        current::QUERIES.iter().filter(|(_, event)| filter.names(event)).collect();
    let publisher = endpoint.publisher();
    match publisher.subscriptions().add(caller, filter) {
        Err(text) => reply.fail(&Failure::new(standard::LIMITS, &text)),
        Ok(handle) => {
            let value = Json::from(handle);
            reply.value(&[Part { name: "handle", shape: Shape::Uint64, value }]);
            publisher.tell_properties(handle);
            let opening = Arc::new(Opening { publisher: Arc::clone(publisher), handle });
            for (command, event) in queries {
                let opening = Arc::clone(&opening);
                let completion = Completion::new(move |outcome| {
                    opening.told(command, event, outcome);
                });
                let choice = Choice { timeout: Timeout::Default, oob: false };
                endpoint.submit(*command, Vec::new(), None, choice, completion);
            }
        }
    }
}

/// Ends a subscription of the caller.
pub(super) fn unsubscribe(endpoint: &Endpoint, handle: u64, reply: Reply) {
    let subscriptions = endpoint.publisher().subscriptions();
    let known = reply.caller().is_some_and(|caller| subscriptions.remove(caller, handle));
    if known {
        reply.send(&());
    } else {
        let text = format!("argument `handle` (t): you have no subscription {handle}");
        reply.fail(&Failure::invalid_args(&text));
    }
}

/// Gives the events after a sequence number, as far as they are kept.
pub(super) fn events_since(endpoint: &Endpoint, sequence: u64, reply: Reply) {
    let past = endpoint.publisher().history().since(sequence);
    let rows: Vec<_> = past.iter().map(|past| past.row()).collect();
    let columns = [Shape::Uint64, Shape::Str, Shape::Object(&crate::transcode::shape::UNKNOWN)];
    reply.send(&Rows::new(&columns, &rows));
}

/// A subscription whose holder is being told the current state; when the last answer is told,
/// whatever it is, events may follow.
struct Opening {
    publisher: Arc<Publisher>,
    handle: u64,
}

impl Opening {
    fn told(&self, command: &str, event: &str, outcome: Outcome<'_>) {
        // What the peer cannot tell is left out: it may have no balloon.
        let Outcome::Return(value) = outcome else { return };
        let Ok(returned) = Json::parse(value) else { return };
        for data in current::data(command, &returned) {
            self.publisher.tell_current(self.handle, event, &data);
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.publisher.release(self.handle);
    }
}
