//! Headers of messages that the bridge sends, written without zbus's builder, which takes longer
//! for one than a small body takes.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
};

use zbus::message::Type;

/// The fixed part of a header: of its numbers, those that say how long the body and the fields are.
pub(super) const FIXED: usize = 16;
pub(super) const BODY: usize = 4;
pub(super) const FIELDS: usize = 12;

/// Apart from the numbers that zbus gives to the calls of the bridge itself.
const FIRST: u32 = 1 << 31;
static NEXT: AtomicU32 = AtomicU32::new(0);

/// What a message is, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    kind: Type,
    path: Option<&'a str>,
    interface: Option<&'a str>,
    member: Option<&'a str>,
    error: Option<&'a str>,
    answers: Option<NonZeroU32>,
    destination: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// A signal, for everybody.
    pub fn signal(path: &'a str, interface: &'a str, member: &'a str) -> Self {
        let (path, interface, member) = (Some(path), Some(interface), Some(member));
        Self { path, interface, member, ..Self::of(Type::Signal) }
    }

    /// The reply to the call with this serial number.
    pub fn reply(to: NonZeroU32) -> Self {
        Self { answers: Some(to), ..Self::of(Type::MethodReturn) }
    }

    /// An error of this name in the place of the reply.
    pub fn error(to: NonZeroU32, name: &'a str) -> Self {
        Self { answers: Some(to), error: Some(name), ..Self::of(Type::Error) }
    }

    /// The same for one receiver, if there is one.
    #[must_use]
    pub fn to(self, destination: Option<&'a str>) -> Self {
        Self { destination, ..self }
    }

    fn of(kind: Type) -> Self {
        let (path, interface, member, error) = (None, None, None, None);
        Self { kind, path, interface, member, error, answers: None, destination: None }
    }

    /// Begins a message in little endian: all but the lengths. The fields are not padded at their
    /// end, so that more may follow.
    pub(super) fn begin(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        let serial = FIRST | NEXT.fetch_add(1, Ordering::Relaxed);
        bytes.extend([b'l', self.kind as u8, 0, 1, 0, 0, 0, 0]);
        bytes.extend(serial.to_le_bytes());
        bytes.extend([0; 4]);
        field(&mut bytes, 1, b'o', self.path);
        field(&mut bytes, 2, b's', self.interface);
        field(&mut bytes, 3, b's', self.member);
        field(&mut bytes, 4, b's', self.error);
        if let Some(serial) = self.answers {
            pad(&mut bytes);
            bytes.extend([5, 1, b'u', 0]);
            bytes.extend(serial.get().to_le_bytes());
        }
        field(&mut bytes, 6, b's', self.destination);
        bytes
    }
}

/// A field of text, if there is one: its code, the signature of one value, the value.
fn field(bytes: &mut Vec<u8>, code: u8, ty: u8, text: Option<&str>) {
    let Some(text) = text else { return };
    pad(bytes);
    bytes.extend([code, 1, ty, 0]);
    // What does not fit is refused when the message is read.
    bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
}

pub(super) fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

#[cfg(test)]
mod tests {
    use zbus::{Message, message::Builder, wire::Endian};

    use super::*;
    use crate::transcode::message;

    const SERIAL: NonZeroU32 = NonZeroU32::new(7).unwrap();

    #[test]
    fn a_message_is_as_zbus_would_have_built_it() {
        let call = Message::method_call("/", "Call").build(&()).unwrap();
        let header = call.header();
        let same = |ours: Head<'_>, builder: Builder<'_>| {
            let builder = builder.endian(Endian::Little);
            let builder = match ours.answers {
                Some(serial) => builder.reply_serial(Some(serial)),
                None => builder,
            };
            for to in [None, Some(":1.234")] {
                let builder = to.into_iter().fold(builder.clone(), Builder::destination);
                let theirs = builder.build(&("text", 7_u64)).unwrap();
                let ours = message(ours.to(to), &("text", 7_u64)).unwrap();
                let without_serial = |it: &Message| [&it.data()[..8], &it.data()[12..]].concat();
                assert_eq!(without_serial(&ours), without_serial(&theirs));
            }
        };
        same(Head::signal("/a/b", "c.d", "E"), Message::signal("/a/b", "c.d", "E"));
        same(Head::reply(SERIAL), Message::method_return(&header));
        same(Head::error(SERIAL, "a.b"), Message::error(&header, "a.b"));
    }

    #[test]
    fn what_no_bus_passes_on_is_not_built() {
        let long = format!("a.{}", "b".repeat(300));
        for name in ["", "a", "a..b", "a b.c", &long] {
            assert!(message(Head::error(SERIAL, name), &"text").is_err(), "{name}");
            assert!(message(Head::signal("/", name, "M"), &"text").is_err(), "{name}");
        }
        for path in ["", "a", "/a/", "/a-b"] {
            assert!(message(Head::signal(path, "a.b", "M"), &"text").is_err(), "{path}");
        }
        assert!(message(Head::signal("/", "a.b", "a.b"), &"text").is_err());
        assert!(message(Head::reply(SERIAL).to(Some("nobody")), &"text").is_err());
    }

    #[test]
    fn no_number_is_given_twice_or_by_zbus() {
        let serial = || message(Head::reply(SERIAL), &()).unwrap().primary_header().serial_num();
        let (one, other) = (serial(), serial());
        assert!(one != other && one.get() >= FIRST && other.get() >= FIRST);
    }
}
