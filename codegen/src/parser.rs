//! Tokens of one file to trees and documentation comments, which know nothing of definitions yet.

use crate::{
    error::Shortened,
    lexer::{Lexer, Token, is_space},
    limits::Limits,
    source::{Fault, FileId, Place, Result},
};
use std::collections::HashSet;

/// What stands at the top level of a file.
#[derive(Debug)]
pub(crate) enum Block<'s> {
    Expression(Tree),
    Comment(Comment<'s>),
}

/// A documentation comment, from `##` to `##`.
#[derive(Debug)]
pub(crate) struct Comment<'s> {
    pub(crate) at: Place,
    /// The first and the last line, as they are written.
    pub(crate) fences: [&'s str; 2],
    /// The lines between.
    pub(crate) lines: Vec<Line<'s>>,
}

/// A line of a documentation comment.
#[derive(Debug)]
pub(crate) struct Line<'s> {
    /// What follows `#`, as it is written.
    pub(crate) raw: &'s str,
    pub(crate) at: Place,
}

impl<'s> Line<'s> {
    /// The line without the space after `#` and white space at its end.
    pub(crate) fn text(&self) -> &'s str {
        self.raw.strip_prefix(' ').unwrap_or(self.raw).trim_end_matches(is_space)
    }
}

/// A value and where it starts.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) at: Place,
    pub(crate) node: Node,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Object(Vec<Entry>),
    Array(Vec<Tree>),
    String(String),
    Bool(bool),
}

/// One `'key': value` of an object.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Place,
    pub(crate) value: Tree,
}

/// Parses one file.
pub(crate) fn parse<'s>(text: &'s str, file: FileId, limits: &Limits) -> Result<Vec<Block<'s>>> {
    let mut parser = Parser::new(text, file, limits.nesting)?;
    let mut blocks = Vec::new();
    loop {
        match parser.token {
            Token::End => return Ok(blocks),
            Token::Comment(_) => blocks.push(Block::Comment(parser.comment()?)),
            _ => blocks.push(Block::Expression(parser.value(0)?)),
        }
    }
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    token: Token<'s>,
    at: Place,
    nesting: usize,
}

impl<'s> Parser<'s> {
    fn new(text: &'s str, file: FileId, nesting: usize) -> Result<Self> {
        let at = Place { file, offset: 0 };
        let mut parser = Self { lexer: Lexer::new(text, file), token: Token::End, at, nesting };
        parser.advance()?;
        Ok(parser)
    }

    /// Moves to the next token that is not an ordinary comment.
    fn advance(&mut self) -> Result<Token<'s>> {
        loop {
            let (token, at) = self.lexer.next()?;
            if !matches!(token, Token::Comment(text) if !text.starts_with("##")) {
                self.at = at;
                return Ok(std::mem::replace(&mut self.token, token));
            }
        }
    }

    fn comment(&mut self) -> Result<Comment<'s>> {
        let at = self.at;
        let first = fence(&self.token, at)?;
        let mut lines = Vec::new();
        loop {
            let (token, place) = self.lexer.next()?;
            match token {
                Token::Comment(text) if text.starts_with("##") => {
                    let fences = [first, fence(&token, place)?];
                    self.advance()?;
                    return Ok(Comment { at, fences, lines });
                }
                Token::Comment(text) => lines.push(line(text, place)?),
                _ => {
                    let mistake = "the documentation comment has no end";
                    return Err(Fault::syntax(place, mistake, "close it with a line '##'"));
                }
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Tree> {
        let at = self.at;
        if depth > self.nesting {
            let mistake = format!("brackets nest deeper than {}", self.nesting);
            return Err(Fault::limit(Some(at), mistake, "flatten the expression"));
        }
        let node = match self.advance()? {
            Token::Mark('{') => Node::Object(self.entries(depth)?),
            Token::Mark('[') => Node::Array(self.elements(depth)?),
            Token::String(text) => Node::String(text.into_owned()),
            Token::Bool(value) => Node::Bool(value),
            found => return Err(unexpected(at, &found, "'{', '[', a string, true or false")),
        };
        Ok(Tree { at, node })
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        if self.close('}')? {
            return Ok(entries);
        }
        loop {
            let at = self.at;
            let key = match self.advance()? {
                Token::String(key) => key,
                found => return Err(unexpected(at, &found, "a string, the key of an entry")),
            };
            if !seen.insert(key.clone()) {
                let mistake = format!("key '{}' occurs twice", Shortened(&key));
                return Err(Fault::syntax(at, mistake, "remove one of them"));
            }
            self.expect(':')?;
            let value = self.value(depth + 1)?;
            entries.push(Entry { key: key.into_owned(), at, value });
            if self.close('}')? {
                return Ok(entries);
            }
            self.separate('}')?;
        }
    }

    fn elements(&mut self, depth: usize) -> Result<Vec<Tree>> {
        let mut elements = Vec::new();
        if self.close(']')? {
            return Ok(elements);
        }
        loop {
            elements.push(self.value(depth + 1)?);
            if self.close(']')? {
                return Ok(elements);
            }
            self.separate(']')?;
        }
    }

    fn close(&mut self, mark: char) -> Result<bool> {
        let closes = self.token == Token::Mark(mark);
        if closes {
            self.advance()?;
        }
        Ok(closes)
    }

    fn separate(&mut self, end: char) -> Result<()> {
        let at = self.at;
        match self.advance()? {
            Token::Mark(',') if self.token == Token::Mark(end) => {
                Err(Fault::syntax(at, format!("',' stands before '{end}'"), "remove the ','"))
            }
            Token::Mark(',') => Ok(()),
            found => Err(unexpected(at, &found, &format!("',' or '{end}'"))),
        }
    }

    fn expect(&mut self, mark: char) -> Result<()> {
        let at = self.at;
        match self.advance()? {
            Token::Mark(found) if found == mark => Ok(()),
            found => Err(unexpected(at, &found, &format!("'{mark}'"))),
        }
    }
}

fn line(text: &str, at: Place) -> Result<Line<'_>> {
    let raw = text.strip_prefix('#').unwrap_or(text);
    if !raw.starts_with(' ') && !raw.trim_end_matches(is_space).is_empty() {
        let mistake = "a documentation line has no space after its '#'";
        return Err(Fault::syntax(at, mistake, "begin it with '# '"));
    }
    Ok(Line { raw, at })
}

fn fence<'s>(token: &Token<'s>, at: Place) -> Result<&'s str> {
    match token {
        Token::Comment(text) if text.trim_end_matches(is_space) == "##" => Ok(text),
        _ => Err(Fault::syntax(at, "text follows '##'", "put it on a line of its own after '# '")),
    }
}

fn unexpected(at: Place, found: &Token<'_>, wanted: &str) -> Fault {
    let mistake = match found {
        Token::Mark(mark) => format!("'{mark}' is unexpected"),
        Token::String(text) => format!("the string '{}' is unexpected", Shortened(text)),
        Token::Bool(value) => format!("'{value}' is unexpected"),
        Token::Comment(_) => "a documentation comment stands inside an expression".to_owned(),
        Token::End => "the file ends too early".to_owned(),
    };
    Fault::syntax(at, mistake, format!("put {wanted} here"))
}
