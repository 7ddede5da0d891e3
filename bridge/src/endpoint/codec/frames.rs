//! Frames of a whole stream, for tests and fuzz targets.
#![allow(unreachable_pub, reason = "fuzz targets are out of this crate")]

use super::{Decoder, Frame, KEPT};
use crate::endpoint::{Budget, Limits};

/// A [`Frame`] with text of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Owned {
    /// The text of one object.
    Message(Vec<u8>),
    /// Beginning and end of a message above a limit.
    TooLarge(Vec<u8>),
    /// Text that is no message.
    Garbage,
    /// The byte 0xFF.
    Mark,
}

/// Frames of pieces that arrive one after the other.
///
/// # Panics
///
/// Bytes are left, or more memory is kept than the limits allow.
pub fn frames<'a>(limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Owned> {
    let mut decoder = Decoder::new(&limits, &Budget::new());
    let mut frames = Vec::new();
    for mut piece in pieces {
        while let Some(frame) = decoder.next(&mut piece) {
            frames.push(frame.into());
        }
        assert!(piece.is_empty());
        // A vector that grows takes up to twice what it holds.
        assert!(decoder.kept.capacity() <= KEPT.max(limits.message.saturating_mul(2)));
        assert!(decoder.around.len() <= limits.depth);
    }
    frames
}

impl From<Frame<'_>> for Owned {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Message(text) => Self::Message(text.into()),
            Frame::TooLarge(text, _) => Self::TooLarge(text.into()),
            Frame::Garbage => Self::Garbage,
            Frame::Mark => Self::Mark,
        }
    }
}
