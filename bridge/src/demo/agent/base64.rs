//! Bytes as the agent carries them in JSON.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::error::Error;

/// Bytes as base64.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of an argument that is base64.
pub(super) fn decode(argument: &'static str, text: &str) -> Result<Vec<u8>, Error> {
    let bytes = STANDARD.decode(text);
    bytes.map_err(|error| Error::argument(argument, format!("base64: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for bytes in [&b""[..], b"a", b"ab", b"abc", &[0, 0xFF]] {
            assert_eq!(decode("x", &encode(bytes)).unwrap(), bytes);
        }
        assert!(decode("x", "%%%").unwrap_err().to_string().contains("'x'"));
    }
}
