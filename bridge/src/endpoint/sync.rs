//! Numbers that nobody else can know, by which a channel is proved to be ours.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// A random number of 63 bits: the agent takes a signed id, and both peers echo it unchanged.
///
/// # Errors
///
/// What the kernel says if it refuses random bytes.
pub(super) fn nonce() -> io::Result<u64> {
    let mut bytes = [0; 8];
    match getrandom(&mut bytes, GetRandomFlags::empty())? {
        8 => Ok(u64::from_ne_bytes(bytes) >> 1),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::nonce;

    #[test]
    fn nonces_fit_a_signed_integer_and_differ() {
        let (one, two) = (nonce().unwrap(), nonce().unwrap());
        assert!(i64::try_from(one).is_ok() && i64::try_from(two).is_ok());
        assert_ne!(one, two);
    }
}
