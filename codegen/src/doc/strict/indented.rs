//! How 10.0 and 10.2 read a documentation comment: a description's text is indented below it.

use super::{Described, Item};
use crate::{
    error::Shortened,
    lexer::is_space,
    parser::{Comment, Line},
    source::{Fault, Place, Result},
};

/// Reads a comment; `headings` says whether a line that begins with `=` is one.
pub(super) fn read(comment: &Comment<'_>, headings: bool) -> Result<Described> {
    let mut reader =
        Reader { lines: &comment.lines, headings, described: Described::default(), closed: false };
    match comment.lines.split_first() {
        Some((first, rest)) if first.text().starts_with('@') => {
            reader.described.symbol = Some(symbol(first)?.to_owned());
            reader.lines = rest;
            reader.definition()?;
        }
        _ => reader.free_form()?,
    }
    Ok(reader.described)
}

fn symbol<'s>(line: &Line<'s>) -> Result<&'s str> {
    let text = line.text();
    match text.strip_prefix('@').and_then(|rest| rest.strip_suffix(':')) {
        Some(name) if !name.is_empty() => Ok(name),
        _ => {
            let mistake = format!("'{}' is not '@name:' alone on its line", Shortened(text));
            Err(Fault::syntax(line.at, mistake, "name the definition: '# @name:'"))
        }
    }
}

struct Reader<'c, 's> {
    /// Those not read yet.
    lines: &'c [Line<'s>],
    headings: bool,
    described: Described,
    /// Whether a section has begun, after which no member is described.
    closed: bool,
}

impl<'s> Reader<'_, 's> {
    fn free_form(&mut self) -> Result<()> {
        for (at, line) in self.lines.iter().enumerate() {
            let text = line.text();
            if description(text).is_some() {
                let mistake = "a comment that is for no definition describes a member";
                return Err(Fault::rule(line.at, mistake, "begin it with the definition's name"));
            }
            if self.headings && at > 0 && text.starts_with('=') {
                return Err(misplaced_heading(line.at));
            }
        }
        Ok(())
    }

    fn definition(&mut self) -> Result<()> {
        while let Some((text, at)) = self.skip_blank() {
            if text == "Features:" {
                self.features(at)?;
            } else if description(text).is_some() {
                self.members(at)?;
            } else if let Some((tag, text)) = tag(text) {
                self.section(tag, text, at)?;
            } else if self.headings && text.starts_with('=') {
                return Err(misplaced_heading(at));
            } else {
                self.paragraph();
            }
        }
        Ok(())
    }

    fn features(&mut self, at: Place) -> Result<()> {
        if !self.described.features.is_empty() {
            let mistake = "there are two sections 'Features'";
            return Err(Fault::rule(at, mistake, "merge both"));
        }
        self.take();
        self.skip_blank();
        self.descriptions(Item::Feature)?;
        if self.described.features.is_empty() {
            let mistake = "the section 'Features' describes none";
            return Err(Fault::rule(at, mistake, "write '@name: text' below it"));
        }
        self.closed = true;
        Ok(())
    }

    fn members(&mut self, at: Place) -> Result<()> {
        if self.closed {
            let mistake = "a member is described after a section";
            return Err(Fault::rule(at, mistake, "move it before the sections"));
        }
        self.closed = true;
        self.descriptions(Item::Member)
    }

    fn descriptions(&mut self, kind: Item) -> Result<()> {
        while let Some((line, at)) = self.peek() {
            let Some((name, text)) = description(line) else { break };
            self.described.add(kind, name, at)?;
            self.body(text, at)?;
        }
        Ok(())
    }

    fn section(&mut self, tag: &str, text: &str, at: Place) -> Result<()> {
        if tag.starts_with("Note") || tag.starts_with("Example") {
            let mistake = format!("this release has no section '{tag}'");
            return Err(Fault::rule(at, mistake, "use the markup of reStructuredText"));
        }
        self.described.set(tag, at)?;
        self.closed = true;
        self.body(text, at)
    }

    /// Reads the line of a description or a tag, and the indented text below it.
    fn body(&mut self, text: &str, at: Place) -> Result<()> {
        self.take();
        let indent = self.skip_blank().map_or(0, |(line, _)| indent(line));
        if indent > 0 {
            return self.indented(indent);
        }
        if text.is_empty() {
            let mistake = "the description or section has no text";
            return Err(Fault::rule(at, mistake, "write some"));
        }
        Ok(())
    }

    fn indented(&mut self, expected: usize) -> Result<()> {
        self.take();
        let mut second = true;
        while let Some((line, at)) = self.peek() {
            if description(line).is_some() {
                break;
            }
            if !line.is_empty() && indent(line) < expected {
                // The reference means to allow this after blank lines only, but allows it
                // everywhere except right below the first indented line.
                if second {
                    let mistake = format!("the line is indented by less than {expected}");
                    return Err(Fault::syntax(at, mistake, "put a blank line before it"));
                }
                break;
            }
            self.take();
            second = false;
        }
        Ok(())
    }

    fn paragraph(&mut self) {
        while self.peek().is_some_and(|(line, _)| !line.is_empty()) {
            self.take();
        }
    }

    /// The next line that is not blank.
    fn skip_blank(&mut self) -> Option<(&'s str, Place)> {
        while self.peek().is_some_and(|(line, _)| line.is_empty()) {
            self.take();
        }
        self.peek()
    }

    fn peek(&self) -> Option<(&'s str, Place)> {
        self.lines.first().map(|line| (line.text(), line.at))
    }

    fn take(&mut self) {
        self.lines = self.lines.get(1..).unwrap_or_default();
    }
}

/// `@name: text`; the name may be anything.
fn description(line: &str) -> Option<(&str, &str)> {
    let (name, text) = line.strip_prefix('@')?.split_once(':')?;
    Some((name, text.trim_start_matches(' ')))
}

/// `Tag: text`, but not `Tag::`, which is markup.
fn tag(line: &str) -> Option<(&str, &str)> {
    const TAGS: [&str; 8] =
        ["Returns", "Errors", "Since", "Note", "Notes", "Example", "Examples", "TODO"];
    let (tag, text) = line.split_once(':')?;
    let tagged = TAGS.contains(&tag) && !text.starts_with(':');
    tagged.then(|| (tag, text.trim_start_matches(' ')))
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|char| is_space(*char)).count()
}

fn misplaced_heading(at: Place) -> Fault {
    let mistake = "a heading is not the first line of a comment about no definition";
    Fault::syntax(at, mistake, "give it a comment of its own")
}
