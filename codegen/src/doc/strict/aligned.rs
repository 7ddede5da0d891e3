//! How 7.2 reads a documentation comment: a description's text lines up below its first word.

use super::{Described, Item};
use crate::{
    error::Shortened,
    lexer::is_space,
    parser::{Comment, Line},
    source::{Fault, Place, Result},
};

/// Reads a comment.
pub(super) fn read(comment: &Comment<'_>) -> Result<Described> {
    let mut reader =
        Reader { described: Described::default(), part: Part::Body, section: Section::body() };
    for line in &comment.lines {
        reader.line(line)?;
    }
    reader.section.finish(comment.at)?;
    Ok(reader.described)
}

struct Reader {
    described: Described,
    part: Part,
    section: Section,
}

/// What a line may begin depends on what came before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Body,
    Members,
    Features,
    /// Sections with a tag, and text after descriptions.
    Sections,
}

impl Reader {
    fn line(&mut self, line: &Line<'_>) -> Result<()> {
        let at = line.at;
        let Some(text) = line.raw.strip_prefix(' ') else { return self.section.append("", at) };
        if text.starts_with('=') {
            self.heading(at)?;
        }
        if self.described.symbol.is_none() {
            return self.undefined(text, at);
        }
        self.defined(text, at)
    }

    /// A heading begins a comment of its own.
    fn heading(&mut self, at: Place) -> Result<()> {
        if self.described.symbol.is_some() {
            let mistake = "a heading stands in the documentation of a definition";
            return Err(Fault::syntax(at, mistake, "give it a comment of its own"));
        }
        self.section = Section::body();
        Ok(())
    }

    /// A line before any definition is named.
    fn undefined(&mut self, text: &str, at: Place) -> Result<()> {
        let Some(rest) = text.strip_prefix('@').filter(|_| self.section.lines == 0) else {
            return self.text(text, at);
        };
        match rest.strip_suffix(':') {
            Some(name) if !name.is_empty() => {
                self.described.symbol = Some(name.to_owned());
                Ok(())
            }
            _ => {
                let mistake = format!("'{}' is not '@name:' alone on its line", Shortened(text));
                Err(Fault::syntax(at, mistake, "name the definition: '# @name:'"))
            }
        }
    }

    /// A line below the definition's name.
    fn defined(&mut self, text: &str, at: Place) -> Result<()> {
        let word = text.split(' ').next().unwrap_or_default();
        let name = word.strip_prefix('@').and_then(|rest| rest.strip_suffix(':'));
        if let Some(name) = name {
            return self.describe(name, word, text, at);
        }
        if TAGS.contains(&word) {
            self.part = Part::Sections;
            self.described.set(word.trim_end_matches(':'), at)?;
            return self.begin(word, text, at);
        }
        let apart = self.section.ends_before(text);
        match self.part {
            Part::Body if text == "Features:" => self.part = Part::Features,
            Part::Members if apart && text == "Features:" => self.part = Part::Features,
            Part::Members | Part::Features if apart => {
                self.part = Part::Sections;
                std::mem::take(&mut self.section).finish(at)?;
                return self.text(text, at);
            }
            _ => return self.text(text, at),
        }
        Ok(())
    }

    fn describe(&mut self, name: &str, word: &str, text: &str, at: Place) -> Result<()> {
        let kind = match self.part {
            Part::Body | Part::Members => Item::Member,
            Part::Features => Item::Feature,
            Part::Sections => {
                let mistake = "a member is described after a section";
                return Err(Fault::rule(at, mistake, "move it before the sections"));
            }
        };
        if self.part == Part::Body {
            self.part = Part::Members;
        }
        self.described.add(kind, name, at)?;
        self.begin(word, text, at)
    }

    /// Begins the section that `word` announces; what follows it on the line sets the indentation.
    fn begin(&mut self, word: &str, text: &str, at: Place) -> Result<()> {
        let rest = text[word.len()..].trim_start_matches(is_space);
        let before = text.chars().count() - rest.chars().count();
        std::mem::take(&mut self.section).finish(at)?;
        self.section.indent = if rest.is_empty() { 0 } else { before };
        self.section.count(rest);
        Ok(())
    }

    fn text(&mut self, text: &str, at: Place) -> Result<()> {
        let word = text.split(is_space).next().unwrap_or_default();
        if word.starts_with('@') && word.rfind(':').is_some_and(|colon| colon > 1) {
            let mistake = "a description stands where none can be";
            return Err(Fault::syntax(at, mistake, "write '@name: text' below '@definition:'"));
        }
        self.section.append(text, at)
    }
}

const TAGS: [&str; 7] = ["Returns:", "Since:", "Note:", "Notes:", "Example:", "Examples:", "TODO:"];

/// Lines that belong together.
#[derive(Default)]
struct Section {
    /// Columns of white space that every line begins with.
    indent: usize,
    lines: usize,
    has_text: bool,
    /// Whether the last line is blank.
    blank: bool,
    /// Whether it may do without text.
    optional: bool,
}

impl Section {
    /// What comes first in every comment.
    fn body() -> Self {
        Self { optional: true, ..Self::default() }
    }

    fn append(&mut self, text: &str, at: Place) -> Result<()> {
        let indent = text.chars().take_while(|char| is_space(*char)).count();
        if !text.is_empty() && indent < self.indent {
            let mistake = format!("the line is indented by less than {}", self.indent);
            return Err(Fault::syntax(at, mistake, "line it up with the text above"));
        }
        self.count(text);
        Ok(())
    }

    fn count(&mut self, text: &str) {
        self.lines += 1;
        self.blank = text.trim_matches(is_space).is_empty();
        self.has_text |= !self.blank;
    }

    /// Whether a description ends before a line, which is not indented after a blank one.
    fn ends_before(&self, text: &str) -> bool {
        self.lines > 1 && self.blank && !text.is_empty() && !text.starts_with(is_space)
    }

    fn finish(self, at: Place) -> Result<()> {
        if self.optional || self.has_text {
            return Ok(());
        }
        Err(Fault::rule(at, "the section has no text", "write some"))
    }
}
