//! The stream from a client, cut into JSON values.

use std::fmt;

use serde_json::Value;

/// Bytes of one request. A real agent takes four times as much.
const REQUEST_MAX: usize = 16 << 20;

/// The byte that no JSON text contains: a client sends it to end whatever was begun before.
const RESET: u8 = 0xFF;

/// Bytes of a client that are not yet answered.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// How much of the buffer was looked at without finding a whole value.
    seen: usize,
    /// The rest of a request that was too long is on its way.
    skipping: bool,
}

/// Why bytes are no request.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The reset byte came, perhaps amid a value.
    Reset,
    /// Not JSON.
    Syntax(serde_json::Error),
    /// Longer than an agent is willing to hold.
    TooLong,
}

impl Frames {
    /// Takes what the client sent.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next value or error; `None` until more bytes come.
    pub(super) fn next(&mut self) -> Option<Result<Value, FrameError>> {
        if self.skipping && !self.skip_request() {
            return None;
        }
        if !self.may_hold_value() {
            return self.check_length();
        }
        let reset = self.buffer.iter().position(|byte| *byte == RESET);
        let text = &self.buffer[..reset.unwrap_or(self.buffer.len())];
        let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Value>();
        match (values.next(), reset) {
            (Some(Ok(value)), _) => {
                let end = values.byte_offset();
                self.consume(end);
                Some(Ok(value))
            }
            (Some(Err(error)), None) if error.is_eof() => self.check_length(),
            (Some(Err(error)), _) if !error.is_eof() => {
                self.consume_line();
                Some(Err(FrameError::Syntax(error)))
            }
            (None, None) => {
                self.consume(self.buffer.len());
                None
            }
            (_, reset) => {
                self.consume(reset.map_or(self.buffer.len(), |at| at + 1));
                Some(Err(FrameError::Reset))
            }
        }
    }

    /// Whether a value may have become whole with the bytes that came last. Without this a long
    /// request would be parsed from its start with every piece of it that arrives.
    fn may_hold_value(&mut self) -> bool {
        let fresh = &self.buffer[self.seen..];
        fresh.iter().any(|byte| matches!(*byte, b'}' | b'\n' | RESET))
    }

    fn check_length(&mut self) -> Option<Result<Value, FrameError>> {
        self.seen = self.buffer.len();
        if self.buffer.len() <= REQUEST_MAX {
            return None;
        }
        self.consume(self.buffer.len());
        self.skipping = true;
        Some(Err(FrameError::TooLong))
    }

    /// Drops the rest of a request that was too long; whether its end was found.
    fn skip_request(&mut self) -> bool {
        let end = self.buffer.iter().position(|byte| matches!(*byte, b'\n' | RESET));
        self.consume(end.unwrap_or(self.buffer.len()));
        self.skipping = end.is_none();
        !self.skipping
    }

    fn consume_line(&mut self) {
        let end = self.buffer.iter().position(|byte| matches!(*byte, b'\n' | RESET));
        self.consume(end.map_or(self.buffer.len(), |at| at + 1));
    }

    fn consume(&mut self, count: usize) {
        self.buffer.drain(..count);
        self.seen = 0;
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => write!(f, "byte 0xFF: the input before it is dropped"),
            Self::Syntax(error) => write!(f, "not JSON: {error}"),
            Self::TooLong => write!(f, "the request is longer than {REQUEST_MAX} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all(frames: &mut Frames, bytes: &[u8]) -> Vec<Result<Value, String>> {
        frames.push(bytes);
        std::iter::from_fn(|| frames.next()).map(|f| f.map_err(|e| e.to_string())).collect()
    }

    #[test]
    fn values_are_found_however_the_bytes_are_cut() {
        let stream = b" {\"a\":\"}\"}\n{\"b\":[1,2]}{\"c\":null}\r\n";
        let expected = [json!({"a": "}"}), json!({"b": [1, 2]}), json!({"c": null})];
        for size in 1..stream.len() {
            let mut frames = Frames::default();
            let found: Vec<_> =
                stream.chunks(size).flat_map(|piece| all(&mut frames, piece)).collect();
            assert_eq!(found, expected.clone().map(Ok), "in pieces of {size}");
        }
    }

    #[test]
    fn reset_ends_a_request_that_was_begun() {
        let mut frames = Frames::default();
        assert!(all(&mut frames, b"{\"execute\":\"guest-pi").is_empty());
        let found = all(&mut frames, b"\xFF{\"b\":1}\n");
        assert!(found[0].as_ref().is_err_and(|text| text.contains("0xFF")), "{found:?}");
        assert_eq!(found[1..], [Ok(json!({"b": 1}))]);
    }

    #[test]
    fn reset_alone_is_one_error() {
        assert_eq!(all(&mut Frames::default(), b"\xFF").len(), 1);
    }

    #[test]
    fn garbage_ends_with_its_line() {
        let found = all(&mut Frames::default(), b"foo bar\n{\"b\":1}\n");
        assert!(found[0].as_ref().is_err_and(|text| text.contains("not JSON")), "{found:?}");
        assert_eq!(found[1..], [Ok(json!({"b": 1}))]);
    }

    #[test]
    fn a_request_too_long_is_one_error_and_the_next_is_served() {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        found.extend(all(&mut frames, b"{\"a\":\""));
        for _ in 0..20 {
            found.extend(all(&mut frames, &vec![b'x'; 1 << 20]));
        }
        found.extend(all(&mut frames, b"\"}\n{\"b\":1}\n"));
        assert!(found[0].as_ref().is_err_and(|text| text.contains("longer")), "{found:?}");
        assert_eq!(found[1..], [Ok(json!({"b": 1}))]);
    }
}
