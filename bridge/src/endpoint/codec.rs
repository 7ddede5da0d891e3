//! Cuts the peer's bytes into messages: by JSON, not by line, because a monitor may print one
//! message on many lines. Nothing is built here; size, nesting and number of nodes are counted
//! before any parser sees the text.

use std::sync::Arc;

use super::{Budget, Charge, Limits};

/// What is kept of a message above a limit: enough to tell an event from a reply, and which.
const BEGINNING: usize = 1024;
/// The same from its end, where peers put the id of a success.
const ENDING: usize = 64;
/// A buffer larger than this counts in the budget.
const KEPT: usize = 64 << 10;
/// One larger than this is given back once its message is done: most peers are idle.
const IDLE: usize = 2 << 10;
/// Precedes the answer to guest-sync-delimited; no JSON text holds it.
const MARK: u8 = 0xFF;

/// A piece of the peer's output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// The text of one object, as far as its brackets and strings go.
    Message(&'a [u8]),
    /// Beginning and end of a message above a limit; what is between was skipped.
    TooLarge(&'a [u8], Excess),
    /// Text that is no message, or a message that broke off.
    Garbage,
    /// The byte 0xFF.
    Mark,
}

/// Why a message is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// A limit on bytes, values or nesting.
    Limit,
    /// The budget is used up.
    Memory,
    /// Nobody waited for one when it began or grew large.
    Unawaited,
}

/// The bytes that a message may have, and what more of them would mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) bytes: usize,
    pub(super) beyond: Excess,
}

/// Cuts a stream of bytes into frames, however the bytes are cut.
#[derive(Debug)]
pub(super) struct Decoder {
    most_nodes: usize,
    deepest: usize,
    bound: Bound,
    state: State,
    /// What precedes the next byte, outside strings.
    before: Before,
    /// The innermost open bracket is that of a list.
    in_list: bool,
    /// The same of those around it, as long as their number is within the limit.
    around: Vec<bool>,
    depth: usize,
    nodes: usize,
    /// Nested beyond the limit at least once: brackets are counted only, no more compared.
    deep: bool,
    /// Above a limit: only beginning and end are kept.
    over: Option<Excess>,
    /// Nobody waited for a message when this one began.
    stray: bool,
    /// What earlier pieces held of the current message.
    kept: Vec<u8>,
    charge: Charge,
    /// The message in `kept` was handed out.
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between messages.
    Outside,
    /// In text that is no message, until a newline.
    Skipping,
    /// In a message.
    Inside,
    /// In a string of a message.
    Text,
    /// After a backslash in a string.
    Escape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Opening,
    Comma,
    Colon,
    Value,
}

/// What a byte inside a message means for the message.
enum Step {
    Goes,
    Ends,
    Breaks,
}

impl Decoder {
    pub(super) fn new(limits: &Limits, budget: &Arc<Budget>) -> Self {
        Self {
            most_nodes: limits.nodes,
            deepest: limits.depth,
            bound: Bound { bytes: limits.message, beyond: Excess::Limit },
            state: State::Outside,
            before: Before::Opening,
            in_list: false,
            around: Vec::new(),
            depth: 0,
            nodes: 0,
            deep: false,
            over: None,
            stray: false,
            kept: Vec::new(),
            charge: budget.nothing(),
            done: false,
        }
    }

    /// Bounds the messages from here on, and the one of which the beginning is kept.
    pub(super) fn bound(&mut self, bound: Bound) {
        self.bound = bound;
        if !self.done {
            self.keep(&[]);
        }
    }

    /// Whether the message that is not complete yet is above a limit already.
    pub(super) fn exceeds(&self) -> bool {
        self.over.is_some()
    }

    /// Takes bytes from the front of `input` up to the end of the next frame. `None` when `input`
    /// is used up; the memory of a large message is given back then.
    pub(super) fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<Frame<'s>> {
        if self.done {
            self.reset();
        }
        while self.state == State::Outside || self.state == State::Skipping {
            let (&byte, rest) = input.split_first()?;
            match (byte, self.state) {
                (MARK, _) => {
                    *input = rest;
                    self.state = State::Outside;
                    return Some(Frame::Mark);
                }
                (b'\n', _) => self.state = State::Outside,
                (b' ' | b'\t' | b'\r', _) | (_, State::Skipping) => {}
                (b'{', _) => {
                    self.state = State::Inside;
                    self.before = Before::Colon;
                    self.stray = self.bound.beyond == Excess::Unawaited;
                    continue;
                }
                _ => {
                    self.state = State::Skipping;
                    return Some(Frame::Garbage);
                }
            }
            *input = rest;
        }
        self.message(input)
    }

    /// Takes bytes of a message.
    fn message<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<Frame<'s>> {
        let bytes = *input;
        let (at, step) = self.scan(bytes);
        let (part, rest) = bytes.split_at(at);
        *input = rest;
        match step {
            Step::Goes => {
                self.keep(part);
                None
            }
            Step::Breaks => {
                self.reset();
                // What broke the message may begin the next one.
                let anew = matches!(rest, [b'{' | b'\n' | MARK, ..]);
                self.state = if anew { State::Outside } else { State::Skipping };
                Some(Frame::Garbage)
            }
            Step::Ends => {
                self.done = true;
                let fits = self.over.is_none() && part.len() <= self.bound.bytes;
                if self.kept.is_empty() && fits {
                    return Some(Frame::Message(part));
                }
                self.keep(part);
                Some(match self.over {
                    Some(_) if self.stray => Frame::TooLarge(&self.kept, Excess::Unawaited),
                    Some(excess) => Frame::TooLarge(&self.kept, excess),
                    None => Frame::Message(&self.kept),
                })
            }
        }
    }

    /// The number of bytes up to the end of the message, to the byte that breaks it, or all.
    fn scan(&mut self, bytes: &[u8]) -> (usize, Step) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let step = match self.state {
                State::Text => {
                    at += plain(&bytes[at..]);
                    let Some(&special) = bytes.get(at) else { break };
                    self.text(special)
                }
                State::Escape => self.escape(byte),
                _ => self.structure(byte),
            };
            match step {
                Step::Goes => at += 1,
                Step::Ends => return (at + 1, step),
                Step::Breaks => return (at, step),
            }
        }
        (at, Step::Goes)
    }

    /// A byte of a string that is not plain.
    fn text(&mut self, byte: u8) -> Step {
        match byte {
            b'"' => {
                self.state = State::Inside;
                self.before = Before::Value;
            }
            b'\\' => self.state = State::Escape,
            _ => return Step::Breaks,
        }
        Step::Goes
    }

    /// A byte behind a backslash.
    fn escape(&mut self, byte: u8) -> Step {
        self.state = State::Text;
        if byte < 0x20 || byte == MARK { Step::Breaks } else { Step::Goes }
    }

    /// A byte of a message outside its strings. Whether brackets, commas and colons stand where
    /// they may is checked so that a message that broke off does not swallow those behind it.
    fn structure(&mut self, byte: u8) -> Step {
        let value = self.before == Before::Value;
        let fits = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Step::Goes,
            0..0x20 | MARK => return Step::Breaks,
            b'"' => !value,
            b':' => value && !self.in_list,
            b',' => value,
            b'{' | b'[' => self.before == Before::Colon || self.in_list && !value,
            b'}' => !self.in_list,
            b']' => self.in_list,
            _ => true,
        };
        if !fits && !self.deep {
            return Step::Breaks;
        }
        match byte {
            b'"' => self.state = State::Text,
            b':' => self.count(Before::Colon),
            b',' => self.count(Before::Comma),
            b'{' | b'[' => self.enter(byte == b'['),
            b'}' | b']' => return self.leave(),
            _ => self.before = Before::Value,
        }
        Step::Goes
    }

    fn enter(&mut self, list: bool) {
        self.count(Before::Opening);
        self.depth += 1;
        if self.depth > self.deepest {
            self.deep = true;
            self.over.get_or_insert(Excess::Limit);
        }
        if !self.deep {
            self.around.push(self.in_list);
            self.in_list = list;
        }
    }

    fn leave(&mut self) -> Step {
        self.in_list = self.around.pop().unwrap_or_default();
        self.depth -= 1;
        self.before = Before::Value;
        if self.depth == 0 { Step::Ends } else { Step::Goes }
    }

    fn count(&mut self, before: Before) {
        self.before = before;
        self.nodes += 1;
        if self.nodes > self.most_nodes {
            self.over.get_or_insert(Excess::Limit);
        }
    }

    fn keep(&mut self, part: &[u8]) {
        self.over = self.over.or_else(|| self.excess(part.len()));
        if self.over.is_none() {
            return self.kept.extend_from_slice(part);
        }
        self.cut();
        let room = part.len().min(BEGINNING.saturating_sub(self.kept.len()));
        let (beginning, rest) = part.split_at(room);
        self.kept.extend_from_slice(beginning);
        self.kept.extend_from_slice(&rest[rest.len().saturating_sub(ENDING)..]);
        self.cut();
        self.charge.clear();
    }

    /// Keeps beginning and end only.
    fn cut(&mut self) {
        let middle = BEGINNING..self.kept.len().saturating_sub(ENDING).max(BEGINNING);
        if !middle.is_empty() {
            self.kept.drain(middle);
        }
        self.kept.shrink_to(BEGINNING + ENDING);
    }

    /// Why no more bytes are to be kept, if not.
    fn excess(&mut self, more: usize) -> Option<Excess> {
        let size = self.kept.len() + more;
        if size > self.bound.bytes {
            return Some(self.bound.beyond);
        }
        let beyond = size.saturating_sub(self.kept.len().max(KEPT));
        self.charge.grow(beyond).err().map(|_| Excess::Memory)
    }

    fn reset(&mut self) {
        self.state = State::Outside;
        self.in_list = false;
        self.around.clear();
        self.depth = 0;
        self.nodes = 0;
        self.deep = false;
        self.over = None;
        self.stray = false;
        self.done = false;
        self.kept.clear();
        if self.kept.capacity() > IDLE {
            self.kept.shrink_to(0);
        }
        self.charge.clear();
    }
}

/// How many bytes of a JSON string stand for themselves, and no quotation mark among them. Long strings hold files: blocks without a
/// branch let the compiler compare 16 bytes at once.
pub(crate) fn plain(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<16>();
    let is_plain = |block: &&[u8; 16]| block.iter().fold(0, |any, &byte| any | special(byte)) == 0;
    let passed = 16 * blocks.iter().take_while(is_plain).count();
    let rest = &bytes[passed..];
    passed + rest.iter().position(|&byte| special(byte) != 0).unwrap_or(rest.len())
}

/// 1 for a byte that does not stand for itself in a string, else 0.
fn special(byte: u8) -> u8 {
    u8::from(byte == b'"')
        | u8::from(byte == b'\\')
        | u8::from(byte < 0x20)
        | u8::from(byte == MARK)
}

#[cfg(any(test, fuzzing))]
pub(super) mod frames;
#[cfg(test)]
mod tests;
