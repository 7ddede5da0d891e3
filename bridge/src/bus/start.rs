//! The beginning of a message: what must be known to pass over it and to answer it.

use std::{io, num::NonZeroU32};

use zbus::{
    Variant,
    names::OwnedUniqueName,
    wire::{
        Endian,
        serialized::{Context, Data},
    },
};

/// Type code of a call, flag of one that wants no reply, and the header fields that hold the
/// sender's name and the number of descriptors.
const CALL: u8 = 1;
const NO_REPLY: u8 = 1;
pub(super) const SENDER: u8 = 7;
const FDS: u8 = 9;

/// The fixed part of a message's header.
#[derive(Debug)]
pub(super) struct Start {
    endian: Endian,
    fields: usize,
    body: usize,
}

/// A call that expects a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) serial: NonZeroU32,
    pub(super) sender: OwnedUniqueName,
}

impl Start {
    /// Its size in bytes.
    pub(super) const FIXED: usize = 16;

    /// Reads it from at least as many bytes.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        let endian = Self::endian(bytes).ok_or(io::ErrorKind::InvalidData)?;
        let number = |at| number(bytes, at, endian).map_or(0, |number| number as usize);
        Ok(Self { endian, fields: number(12), body: number(4) })
    }

    /// The order of bytes of a message that begins so.
    pub(super) fn endian(bytes: &[u8]) -> Option<Endian> {
        match bytes.first()? {
            b'l' => Some(Endian::Little),
            b'B' => Some(Endian::Big),
            _ => None,
        }
    }

    /// Bytes of the whole message.
    pub(super) fn length(&self) -> usize {
        (Self::FIXED + self.fields).next_multiple_of(8) + self.body
    }

    /// Whom to answer, if this is a call that wants it and all of its header is among `bytes`.
    pub(super) fn call(&self, bytes: &[u8]) -> Option<Call> {
        if bytes.get(1) != Some(&CALL) || bytes.get(2)? & NO_REPLY != 0 {
            return None;
        }
        let serial = NonZeroU32::new(number(bytes, 8, self.endian)?)?;
        let sender = self.field(bytes, SENDER, |value| match value {
            Variant::Str(sender) => OwnedUniqueName::try_from(sender.as_str()).ok(),
            _ => None,
        })?;
        Some(Call { serial, sender })
    }

    /// How many descriptors it brings, if all of its header is among `bytes`.
    pub(super) fn fds(&self, bytes: &[u8]) -> usize {
        let count = self.field(bytes, FDS, |value| match value {
            Variant::U32(count) => Some(count as usize),
            _ => None,
        });
        count.unwrap_or(0)
    }

    /// What `read` makes of a field of the header.
    fn field<T>(
        &self,
        bytes: &[u8],
        wanted: u8,
        read: impl FnOnce(Variant<'_>) -> Option<T>,
    ) -> Option<T> {
        // The array of fields begins with its length; its position decides on padding.
        let fields = bytes.get(12..Self::FIXED + self.fields)?;
        let data = Data::new(fields, Context::new(self.endian, 12));
        let (fields, _) = data.deserialize::<Vec<(u8, Variant<'_>)>>().ok()?;
        fields.into_iter().find(|(code, _)| *code == wanted).and_then(|(_, value)| read(value))
    }
}

/// A number of four bytes.
pub(super) fn number(bytes: &[u8], at: usize, endian: Endian) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(match endian {
        Endian::Little => u32::from_le_bytes(bytes),
        Endian::Big => u32::from_be_bytes(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::{
        Message,
        message::{Builder, Flags},
    };

    fn call() -> Builder<'static> {
        Message::method_call("/x", "Y").sender(":1.5").destination("a.b")
    }

    #[test]
    fn whole_length_and_whom_to_answer_are_told() {
        for endian in [Endian::Little, Endian::Big] {
            let message = call().endian(endian).build(&("text", 7u32)).unwrap();
            let start = Start::parse(message.data()).unwrap();
            assert_eq!(start.length(), message.data().len());
            let serial = message.primary_header().serial_num();
            let sender = OwnedUniqueName::try_from(":1.5").unwrap();
            assert_eq!(start.call(message.data()), Some(Call { serial, sender }));
            assert_eq!(start.call(&message.data()[..40]), None, "a part of the header");
        }
    }

    #[test]
    fn what_expects_no_reply_is_no_call() {
        let silent = call().with_flags(Flags::NO_REPLY_EXPECTED).build(&()).unwrap();
        let signal = Message::signal("/x", "y.z", "Z").sender(":1.5").build(&()).unwrap();
        for message in [silent, signal] {
            let start = Start::parse(message.data()).unwrap();
            assert_eq!(start.call(message.data()), None);
        }
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        assert!(Start::parse(&[0; Start::FIXED]).is_err());
    }
}
