//! Writes the JSON text that a peer accepts: compact, escaped ASCII, within the peer's limits.

use std::fmt::{self, Write};

use super::limits::{JSON_BYTES, JSON_DEPTH, JSON_TOKENS};

/// JSON text that grows. Commas are its own affair.
#[derive(Debug)]
pub(super) struct Writer {
    text: String,
    depth: usize,
    tokens: usize,
    rules: Rules,
}

/// Who is to read the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    /// QEMU or its agent.
    Peer,
    /// A client on the bus.
    Client,
}

/// Why a value cannot be sent to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritable {
    /// The peer's parser refuses Unicode noncharacters.
    Noncharacter(char),
    /// JSON has neither infinity nor NaN.
    NotFinite,
    /// Nesting beyond the peer's limit.
    TooDeep,
    /// More tokens than the peer's limit.
    TooManyTokens,
    /// More bytes than the peer's limit.
    TooLong,
}

impl Writer {
    /// Text for the peer.
    pub(super) fn for_peer() -> Self {
        Self { text: String::new(), depth: 0, tokens: 0, rules: Rules::Peer }
    }

    /// Text that stands in for a value that D-Bus cannot hold: whatever came from the peer is
    /// written, noncharacters and all.
    pub(super) fn for_client() -> Self {
        Self { rules: Rules::Client, ..Self::for_peer() }
    }

    /// The text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn null(&mut self) -> Result<(), Unwritable> {
        self.formatted(format_args!("null"))
    }

    pub(super) fn bool(&mut self, value: bool) -> Result<(), Unwritable> {
        self.formatted(format_args!("{value}"))
    }

    /// An integer of 64 bits, signed or not.
    pub(super) fn integer(&mut self, value: i128) -> Result<(), Unwritable> {
        self.formatted(format_args!("{value}"))
    }

    pub(super) fn float(&mut self, value: f64) -> Result<(), Unwritable> {
        if !value.is_finite() {
            return Err(Unwritable::NotFinite);
        }
        // The shortest text that reads back as the same number, always with a point or exponent.
        self.formatted(format_args!("{value:?}"))
    }

    pub(super) fn string(&mut self, text: &str) -> Result<(), Unwritable> {
        self.separate()?;
        self.quoted(text)
    }

    /// The name of a member; its value must follow.
    pub(super) fn key(&mut self, name: &str) -> Result<(), Unwritable> {
        self.separate()?;
        self.quoted(name)?;
        self.count()?;
        self.text.push(':');
        Ok(())
    }

    pub(super) fn open_object(&mut self) -> Result<(), Unwritable> {
        self.open('{')
    }

    pub(super) fn close_object(&mut self) -> Result<(), Unwritable> {
        self.close('}')
    }

    pub(super) fn open_list(&mut self) -> Result<(), Unwritable> {
        self.open('[')
    }

    pub(super) fn close_list(&mut self) -> Result<(), Unwritable> {
        self.close(']')
    }

    fn open(&mut self, bracket: char) -> Result<(), Unwritable> {
        self.separate()?;
        self.text.push(bracket);
        self.count()?;
        self.depth += 1;
        self.within(self.depth, JSON_DEPTH, Unwritable::TooDeep)
    }

    fn close(&mut self, bracket: char) -> Result<(), Unwritable> {
        self.depth -= 1;
        self.text.push(bracket);
        self.count()
    }

    fn formatted(&mut self, token: fmt::Arguments<'_>) -> Result<(), Unwritable> {
        self.separate()?;
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(token);
        self.count()
    }

    fn separate(&mut self) -> Result<(), Unwritable> {
        if matches!(self.text.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            return Ok(());
        }
        self.text.push(',');
        self.count()
    }

    fn quoted(&mut self, text: &str) -> Result<(), Unwritable> {
        // Escapes only add to it, so this spares the walk through text that is too long anyway.
        self.within(self.text.len() + text.len(), JSON_BYTES, Unwritable::TooLong)?;
        self.text.reserve(text.len() + 2);
        self.text.push('"');
        let mut rest = text;
        loop {
            let (plain, after) = rest.split_at(plain_length(rest.as_bytes()));
            self.text.push_str(plain);
            let mut characters = after.chars();
            let Some(character) = characters.next() else { break };
            self.escaped(character)?;
            self.within(self.text.len(), JSON_BYTES, Unwritable::TooLong)?;
            rest = characters.as_str();
        }
        self.text.push('"');
        self.count()
    }

    fn escaped(&mut self, character: char) -> Result<(), Unwritable> {
        if self.rules == Rules::Peer && is_noncharacter(character) {
            return Err(Unwritable::Noncharacter(character));
        }
        match character {
            '"' => self.text.push_str("\\\""),
            '\\' => self.text.push_str("\\\\"),
            '\n' => self.text.push_str("\\n"),
            '\r' => self.text.push_str("\\r"),
            '\t' => self.text.push_str("\\t"),
            _ => character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| self.unit(*unit)),
        }
        Ok(())
    }

    fn unit(&mut self, unit: u16) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.text.push_str("\\u");
        for shift in [12, 8, 4, 0] {
            self.text.push(char::from(DIGITS[usize::from(unit >> shift & 15)]));
        }
    }

    fn count(&mut self) -> Result<(), Unwritable> {
        self.tokens += 1;
        self.within(self.tokens, JSON_TOKENS, Unwritable::TooManyTokens)?;
        self.within(self.text.len(), JSON_BYTES, Unwritable::TooLong)
    }

    fn within(&self, amount: usize, limit: usize, error: Unwritable) -> Result<(), Unwritable> {
        if amount > limit && self.rules == Rules::Peer { Err(error) } else { Ok(()) }
    }
}

impl Unwritable {
    /// The value is sound, but above a limit of the peer.
    pub(super) fn is_too_large(self) -> bool {
        matches!(self, Self::TooDeep | Self::TooManyTokens | Self::TooLong)
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noncharacter(character) => write!(
                f,
                "holds the noncharacter U+{:04X}, which QEMU refuses; leave it out",
                u32::from(*character)
            ),
            Self::NotFinite => f.write_str("is infinite or not a number, which JSON cannot hold"),
            Self::TooDeep => f.write_str("nests deeper than the 1,024 levels that the peer takes"),
            Self::TooManyTokens => f.write_str("is beyond the 2 Mi tokens that the peer takes"),
            Self::TooLong => f.write_str("is beyond the 16 MiB that the bridge takes"),
        }
    }
}

impl std::error::Error for Unwritable {}

/// How many bytes from the start need no escape.
fn plain_length(text: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') & (*byte != b'"') & (*byte != b'\\');
    // Whole blocks without an early exit become vector instructions: base64 is most of the bulk.
    let blocks = text
        .chunks_exact(BLOCK)
        .take_while(|block| block.iter().fold(true, |all, byte| all & is_plain(byte)))
        .count();
    let start = blocks * BLOCK;
    let rest = &text[start..];
    start + rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len())
}

fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Result<String, Unwritable> {
        let mut writer = Writer::for_peer();
        writer.string(text)?;
        Ok(writer.into_text())
    }

    #[test]
    fn strings_are_escaped_to_ascii() {
        for (text, expected) in [
            ("", r#""""#),
            ("plain ~ text of more than thirty-two bytes", ""),
            ("\"\\\n\r\t", r#""\"\\\n\r\t""#),
            ("\0\u{8}\u{1f}\u{7f}\u{80}", r#""\u0000\u0008\u001f\u007f\u0080""#),
            ("\u{d7ff}\u{fffd}", r#""\ud7ff\ufffd""#),
            ("\u{10000}\u{10fffd}", r#""\ud800\udc00\udbff\udffd""#),
        ] {
            let plain = format!("\"{text}\"");
            let expected = if expected.is_empty() { &plain } else { expected };
            assert_eq!(string(text).unwrap(), expected);
        }
    }

    #[test]
    fn escapes_are_found_at_every_place() {
        for place in 0..100 {
            let text = format!("{}\"{}", "a".repeat(place), "b".repeat(100 - place));
            assert_eq!(string(&text).unwrap(), format!("\"{}\"", text.replace('"', "\\\"")));
        }
    }

    #[test]
    fn noncharacters_are_refused_for_peers_only() {
        let planes = (0..=16).map(|plane| plane << 16);
        let ends = planes.flat_map(|plane| [plane | 0xFFFE, plane | 0xFFFF]);
        for code in ends.chain(0xFDD0..=0xFDEF) {
            let character = char::from_u32(code).unwrap();
            let error = Unwritable::Noncharacter(character);
            assert_eq!(string(&character.to_string()), Err(error));
        }
        for character in ['\u{fdcf}', '\u{fdf0}', '\u{fffd}', '\u{10000}', '\u{10fffd}'] {
            assert!(string(&character.to_string()).is_ok());
        }
        let mut writer = Writer::for_client();
        writer.string("\u{ffff}").unwrap();
        assert_eq!(writer.into_text(), r#""\uffff""#);
    }

    #[test]
    fn text_beyond_the_limit_is_refused() {
        assert_eq!(string(&"a".repeat(16 << 20)), Err(Unwritable::TooLong));
        // A comma, two quotes and six bytes for the character.
        for (room, expected) in [(9, Ok(())), (8, Err(Unwritable::TooLong))] {
            let mut writer = Writer::for_peer();
            writer.text = "a".repeat(JSON_BYTES - room);
            assert_eq!(writer.string("\u{1}"), expected);
        }
    }
}
