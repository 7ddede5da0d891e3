//! The last events of an endpoint, for a client that comes late (`EventsSince`).

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    endpoint::Event,
    transcode::{
        Json, Part, event_members,
        shape::{Shape, UNKNOWN},
    },
};

/// Bytes of them that are kept at most: the guest decides how large an event is.
const BYTES: usize = 1 << 20;

/// The last events, oldest first.
#[derive(Debug)]
pub(super) struct History {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Past>,
    bytes: usize,
}

/// An event that was.
#[derive(Clone, Debug)]
pub(super) struct Past {
    sequence: u64,
    timestamp: u64,
    name: Box<str>,
    /// JSON text of what the peer told.
    data: Box<[u8]>,
}

impl History {
    /// A history of so many events.
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// Keeps an event; the oldest make room.
    pub(super) fn keep(&self, event: &Event<'_>, sequence: u64) {
        let Event { name, data, timestamp } = *event;
        let past = Past { sequence, timestamp, name: name.into(), data: data.into() };
        let mut kept = self.lock();
        kept.bytes += past.size();
        kept.events.push_back(past);
        while kept.events.len() > self.most || kept.bytes > BYTES {
            let Some(oldest) = kept.events.pop_front() else { return };
            kept.bytes -= oldest.size();
        }
    }

    /// The events after this one, as far as they are kept.
    pub(super) fn since(&self, sequence: u64) -> Vec<Past> {
        let kept = self.lock();
        kept.events.iter().filter(|past| past.sequence > sequence).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Past {
    /// Number, name and dictionary.
    pub(super) fn row(&self) -> Vec<Part<'_>> {
        let data = Json::parse(&self.data).unwrap_or(Json::Null);
        let data = Json::Object(event_members(data, self.timestamp, self.sequence));
        vec![
            Part { name: "sequence", shape: Shape::Uint64, value: Json::from(self.sequence) },
            Part { name: "name", shape: Shape::Str, value: Json::Str((*self.name).into()) },
            Part { name: "data", shape: Shape::Object(&UNKNOWN), value: data },
        ]
    }

    fn size(&self) -> usize {
        self.name.len() + self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: usize = 1024;

    fn keep(history: &History, sequence: u64, text: &str) {
        let data = format!("{{\"text\":\"{text}\"}}");
        history.keep(&Event { name: "E", data: data.as_bytes(), timestamp: 1 }, sequence);
    }

    fn numbers(history: &History, since: u64) -> Vec<u64> {
        history.since(since).iter().map(|past| past.sequence).collect()
    }

    #[test]
    fn later_events_are_given() {
        let history = History::new(EVENTS);
        (1..=5).for_each(|sequence| keep(&history, sequence, "x"));
        assert_eq!(numbers(&history, 3), [4, 5]);
        assert_eq!(numbers(&history, 5), [0; 0]);
    }

    #[test]
    fn events_and_bytes_are_bounded() {
        let history = History::new(EVENTS);
        (1..=2000).for_each(|sequence| keep(&history, sequence, "x"));
        assert_eq!(numbers(&history, 0), (2000 - EVENTS as u64 + 1..=2000).collect::<Vec<_>>());
        (1..=4).for_each(|sequence| keep(&history, 3000 + sequence, &"x".repeat(400 << 10)));
        assert_eq!(numbers(&history, 0), [3003, 3004]);
        keep(&history, 4000, &"x".repeat(2 << 20));
        assert_eq!(numbers(&history, 0), [0; 0]);
        keep(&history, 4001, "x");
        assert_eq!(numbers(&history, 0), [4001]);
    }
}
