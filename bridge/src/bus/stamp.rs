//! The sender's name in the header of a message. A bus puts it there, whatever the message says;
//! where there is no bus, the bridge does the same, and the rest of it need not know the difference.

use std::io;

use super::start::{SENDER, Start, number};

/// A message with this sender and no other, and what follows it; all of the header must be there.
///
/// # Errors
///
/// `InvalidData`: the header is none, or is longer than the bytes.
pub(super) fn stamp(bytes: &[u8], sender: &str) -> io::Result<Vec<u8>> {
    stamped(bytes, sender).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn stamped(bytes: &[u8], sender: &str) -> Option<Vec<u8>> {
    let end = Start::FIXED.checked_add(word(bytes, 12)?)?;
    let (fields, rest) = (bytes.get(..end)?, bytes.get(end.next_multiple_of(8)..)?);
    let mut stamped = Vec::with_capacity(bytes.len() + 2 * Start::FIXED + sender.len());
    stamped.extend_from_slice(fields.get(..Start::FIXED)?);
    let mut at = Start::FIXED;
    while at < end {
        let after = field_end(fields, at)?;
        if fields[at] != SENDER {
            pad(&mut stamped);
            stamped.extend_from_slice(fields.get(at..after)?);
        }
        at = after.next_multiple_of(8);
    }
    pad(&mut stamped);
    stamped.extend([SENDER, 1, b's', 0]);
    stamped.extend(bytes_of(sender.len(), bytes)?);
    stamped.extend_from_slice(sender.as_bytes());
    stamped.push(0);
    let length = bytes_of(stamped.len() - Start::FIXED, bytes)?;
    stamped[12..Start::FIXED].copy_from_slice(&length);
    pad(&mut stamped);
    stamped.extend_from_slice(rest);
    Some(stamped)
}

/// Where the field that begins here ends: a code, the signature of one value, the value. Values of
/// header fields are strings, signatures and numbers.
fn field_end(bytes: &[u8], at: usize) -> Option<usize> {
    let value = at + 4;
    let end = match bytes.get(at + 1..value)? {
        [1, b's' | b'o', 0] => value.checked_add(word(bytes, value)?)?.checked_add(5)?,
        [1, b'g', 0] => value + usize::from(*bytes.get(value)?) + 2,
        [1, b'u', 0] => value + 4,
        _ => return None,
    };
    (end <= bytes.len()).then_some(end)
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    number(bytes, at, Start::endian(bytes)?).map(|word| word as usize)
}

/// A length in the order of bytes of the message.
fn bytes_of(length: usize, message: &[u8]) -> Option<[u8; 4]> {
    let length = u32::try_from(length).ok()?;
    let is_big = message.first() == Some(&b'B');
    Some(if is_big { length.to_be_bytes() } else { length.to_le_bytes() })
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

#[cfg(test)]
mod tests {
    use zbus::{Message, wire::Endian};

    use super::*;

    /// As the serializer would have written it.
    #[test]
    fn a_message_is_as_if_it_had_been_built_with_its_sender() {
        for (endian, forged) in [
            (Endian::Little, None),
            (Endian::Big, None),
            (Endian::Little, Some(":1.5")),
            (Endian::Big, Some(":1.123456789")),
        ] {
            let call = Message::method_call("/org/qemu/qmp", "GuestFileOpen").endian(endian);
            let call = call.destination("org.qemu.qga").interface("org.qemu.QgaQapi");
            let call = forged.into_iter().fold(call, |call, sender| call.sender(sender));
            let call = call.build(&("text", 7_u64)).unwrap();
            let next = b"what follows".as_slice();
            let bytes = [&call.data()[..], next].concat();
            let stamped = stamp(&bytes, ":direct.7").unwrap();
            let start = Start::parse(&stamped).unwrap();
            let (message, rest) = stamped.split_at(start.length());
            assert_eq!(rest, next);
            assert_eq!(start.call(message).unwrap().sender.as_str(), ":direct.7");
            let body = &message[message.len() - call.body().len()..];
            assert_eq!(body, call.body().data().bytes());
            // Twice is once: the name that is there is replaced.
            assert_eq!(stamp(&stamped, ":direct.7").unwrap(), stamped);
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let call = Message::method_call("/x", "Y").sender(":1.5").build(&()).unwrap();
        let bytes = call.data().to_vec();
        for length in 0..bytes.len() {
            assert!(stamp(&bytes[..length], ":direct.1").is_err(), "{length}");
        }
        for at in 12..bytes.len() {
            for byte in [0, 1, b'v', 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = byte;
                // Refused or not, it is not read beyond its end.
                _ = stamp(&bytes, ":direct.1");
            }
        }
    }
}
