//! The end of a connection.

use super::{NotSent, guest::Hindrance, inbox::STOPPING};

/// Why a connection is given up, and what those who wait are told.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: NotSent,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn not_connected(text: impl Into<String>) -> Self {
        Self { kind: NotSent::NotConnected, text: text.into() }
    }

    pub(super) fn excess() -> Self {
        Self::not_connected("the greeting is above the limit")
    }

    /// The peer that was there is no more.
    pub(super) fn gone(hindrance: Option<Hindrance>) -> Self {
        let reset = (NotSent::NotConnected, "the machine was reset");
        let (kind, text) = hindrance.map_or(reset, Hindrance::refusal);
        Self { kind, text: text.into() }
    }

    pub(super) fn stopping() -> Self {
        Self { kind: NotSent::Stopping, text: STOPPING.into() }
    }

    pub(super) fn busy(text: impl Into<String>) -> Self {
        Self { kind: NotSent::Busy, text: text.into() }
    }
}
