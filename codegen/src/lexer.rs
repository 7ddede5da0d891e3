//! Text to tokens.

use crate::{
    error::Shortened,
    source::{Fault, FileId, Place, Result},
};
use std::borrow::Cow;

/// The smallest parts of the language.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token<'s> {
    /// One of `{ } [ ] : ,`
    Mark(char),
    /// `'text'`, without quotes and escapes.
    String(Cow<'s, str>),
    /// `true` or `false`
    Bool(bool),
    /// From `#` to the end of the line, as it is written.
    Comment(&'s str),
    /// The end of the file.
    End,
}

/// Splits one file.
#[derive(Debug)]
pub(crate) struct Lexer<'s> {
    text: &'s str,
    file: FileId,
    offset: usize,
}

impl<'s> Lexer<'s> {
    pub(crate) fn new(text: &'s str, file: FileId) -> Self {
        Self { text, file, offset: 0 }
    }

    /// The next token and where it starts.
    pub(crate) fn next(&mut self) -> Result<(Token<'s>, Place)> {
        self.offset += self.rest().len() - self.rest().trim_start_matches(is_space).len();
        let at = self.place();
        let Some(first) = self.rest().chars().next() else { return Ok((Token::End, at)) };
        let token = match first {
            '{' | '}' | '[' | ']' | ':' | ',' => {
                self.offset += 1;
                Token::Mark(first)
            }
            '#' => Token::Comment(self.take_line()),
            '\'' => Token::String(self.string(at)?),
            _ => self.word(at)?,
        };
        Ok((token, at))
    }

    fn rest(&self) -> &'s str {
        &self.text[self.offset..]
    }

    fn place(&self) -> Place {
        Place { file: self.file, offset: self.offset as u32 }
    }

    fn take_line(&mut self) -> &'s str {
        let rest = self.rest();
        let line = rest.find(['\n', '\r']).map_or(rest, |end| &rest[..end]);
        self.offset += line.len();
        line
    }

    fn string(&mut self, at: Place) -> Result<Cow<'s, str>> {
        self.offset += 1;
        let start = self.rest();
        loop {
            let rest = self.rest();
            match rest.as_bytes() {
                [b'\'', ..] => {
                    let text = &start[..start.len() - rest.len()];
                    self.offset += 1;
                    return Ok(unescape(text));
                }
                [b'\\', b'\\', ..] => self.offset += 2,
                [b'\\', ..] => {
                    let mistake = "the only escape in a string is '\\\\'";
                    return Err(Fault::syntax(self.place(), mistake, "write '\\\\'"));
                }
                [] | [b'\n', ..] => {
                    let mistake = "the string has no end on its line";
                    return Err(Fault::syntax(at, mistake, "close it with '"));
                }
                [b' '..=b'~', ..] => self.offset += 1,
                _ => {
                    let mistake = "a string holds printable ASCII only";
                    return Err(Fault::syntax(self.place(), mistake, "take this character out"));
                }
            }
        }
    }

    fn word(&mut self, at: Place) -> Result<Token<'s>> {
        for (word, value) in [("true", true), ("false", false)] {
            if self.rest().starts_with(word) {
                self.offset += word.len();
                return Ok(Token::Bool(value));
            }
        }
        if self.rest().starts_with('\u{feff}') {
            let mistake = "the file has a byte order mark";
            return Err(Fault::syntax(at, mistake, "save it without one"));
        }
        let stop = |char: char| is_space(char) || "[]{}:,'".contains(char);
        let rest = self.rest();
        let word = rest.find(stop).map_or(rest, |end| &rest[..end]);
        let mistake = format!("stray {}", Shortened(word));
        Err(Fault::syntax(at, mistake, "only 'strings', true, false and {}[]:, may stand here"))
    }
}

/// What separates tokens, and is dropped at the ends of lines.
pub(crate) fn is_space(char: char) -> bool {
    char.is_whitespace() || matches!(char, '\u{1c}'..='\u{1f}')
}

fn unescape(text: &str) -> Cow<'_, str> {
    if text.contains('\\') { Cow::Owned(text.replace("\\\\", "\\")) } else { Cow::Borrowed(text) }
}
