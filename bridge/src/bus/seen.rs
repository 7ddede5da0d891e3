//! An event as its readers see it, and the filter by which they choose.

use crate::transcode::{Json, event_members};

/// An event with what the bridge adds to it.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) name: &'a str,
    pub(super) data: &'a Json<'a>,
    /// Microseconds since the epoch.
    pub(super) timestamp: u64,
    pub(super) sequence: u64,
}

/// Which events somebody wants.
#[derive(Debug)]
pub(super) struct Filter {
    /// Names; any of them will do, and without names every event.
    pub(super) events: Vec<String>,
    /// Members that the data must have, with these values; an object's JSON text.
    pub(super) data: Vec<u8>,
}

impl Filter {
    /// Whether events of this name can pass.
    pub(super) fn names(&self, event: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|name| name == event)
    }

    /// Whether the event passes.
    pub(super) fn admits(&self, seen: &Seen<'_>) -> bool {
        self.names(seen.name)
            && match Json::parse(&self.data) {
                Ok(Json::Object(wanted)) => {
                    wanted.iter().all(|(name, value)| seen.data.get(name) == Some(value))
                }
                _ => false,
            }
    }
}

impl<'a> Seen<'a> {
    /// The data with the event's time and number.
    pub(super) fn dictionary(&self) -> Json<'a> {
        Json::Object(event_members(self.data.clone(), self.timestamp, self.sequence))
    }

    /// The text of [`Self::dictionary`].
    pub(super) fn text(&self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        // Noncharacters cannot be written for a peer; whoever sends them in an event is left out.
        self.dictionary().write(&mut text).ok()?;
        Some(text)
    }
}
