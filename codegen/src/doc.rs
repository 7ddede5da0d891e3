//! Documentation comments: only which definition one is for, and since when things exist.
//!
//! Lenient on purpose: the versions of the language contradict each other in what prose may look
//! like, and none of it changes what is on the wire. [`strict`] judges prose by one version.

pub mod prose;
mod strict;

use crate::{
    error::Shortened,
    parser::Comment,
    rules::Documentation,
    source::{Fault, Place, Result},
};
use std::collections::{HashMap, hash_map::Entry};
pub(crate) use strict::Described;

/// What a documentation comment says of its definition.
#[derive(Debug)]
pub(crate) struct Doc {
    pub(crate) at: Place,
    /// The definition; none in a comment about no definition in particular.
    pub(crate) symbol: Option<String>,
    /// Version in the `Since:` section.
    pub(crate) since: Option<String>,
    /// Name and version of each member or value described with `(since X)`.
    pub(crate) members: Vec<(String, String)>,
    /// What it describes, where prose is judged.
    pub(crate) described: Option<Described>,
    /// Where each is in `members`.
    places: HashMap<String, usize>,
}

impl Doc {
    /// Since when the member or value of this name exists, if the comment tells.
    pub(crate) fn since(&self, member: &str) -> Option<&str> {
        self.places.get(member).map(|at| self.members[*at].1.as_str())
    }

    fn add_member(&mut self, name: &str, since: String) {
        // A second description of the same member counts for nothing.
        if let Entry::Vacant(place) = self.places.entry(name.to_owned()) {
            place.insert(self.members.len());
            self.members.push((name.to_owned(), since));
        }
    }
}

/// Reads a comment; these rules judge it.
pub(crate) fn parse(comment: &Comment<'_>, rules: Option<Documentation>) -> Result<Doc> {
    let described = rules.map(|rules| strict::read(comment, rules)).transpose()?;
    let lines = comment.lines.iter().map(|line| (line.text(), line.at));
    let mut lines = lines.skip_while(|(line, _)| line.is_empty());
    let mut doc = Doc {
        at: comment.at,
        symbol: None,
        since: None,
        members: Vec::new(),
        described,
        places: HashMap::new(),
    };
    if doc.described.as_ref().is_some_and(|described| described.symbol.is_none()) {
        return Ok(doc);
    }
    let Some((first, at)) = lines.next() else { return Ok(doc) };
    let Some(rest) = first.strip_prefix('@') else { return Ok(doc) };
    doc.symbol = Some(symbol(rest, at)?);
    let mut reader = Reader { doc: &mut doc, section: Section::Other, text: String::new() };
    for (line, _) in lines {
        reader.line(line);
    }
    reader.finish_section();
    Ok(doc)
}

fn symbol(rest: &str, at: Place) -> Result<String> {
    match rest.split_once(':') {
        Some(("", _)) => {
            Err(Fault::syntax(at, "no name follows '@'", "name the definition: '# @name:'"))
        }
        Some((name, text)) if text.trim().is_empty() && !name.contains(' ') => Ok(name.to_owned()),
        _ => {
            let mistake = format!("'@{}' is not '@name:' alone on its line", Shortened(rest));
            Err(Fault::syntax(at, mistake, "name the definition: '# @name:'"))
        }
    }
}

struct Reader<'d> {
    doc: &'d mut Doc,
    section: Section,
    text: String,
}

/// What the lines belong to.
enum Section {
    Member { name: String, blank: bool },
    Since,
    Features,
    Other,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) {
        if let Some((name, text)) = description(line) {
            // Features are described like members, and may share their names.
            if !matches!(self.section, Section::Features) {
                self.begin(Section::Member { name: name.to_owned(), blank: false }, text);
            }
        } else if let Some((tag, text)) = tag(line) {
            self.begin(tag, text);
        } else {
            self.continuation(line);
        }
    }

    fn continuation(&mut self, line: &str) {
        if let Section::Member { blank, .. } = &mut self.section {
            if *blank && !line.is_empty() && !line.starts_with(' ') {
                return self.begin(Section::Other, line);
            }
            *blank |= line.is_empty();
        }
        self.text.push(' ');
        self.text.push_str(line.trim());
    }

    fn begin(&mut self, section: Section, text: &str) {
        self.finish_section();
        self.section = section;
        self.text = text.trim().to_owned();
    }

    fn finish_section(&mut self) {
        let text = std::mem::take(&mut self.text);
        match &self.section {
            Section::Member { name, .. } => {
                if let Some(since) = member_since(&text) {
                    self.doc.add_member(name, since);
                }
            }
            Section::Since => self.doc.since = version(&text),
            _ => {}
        }
    }
}

/// `@name: text`
fn description(line: &str) -> Option<(&str, &str)> {
    let (name, text) = line.strip_prefix('@')?.split_once(':')?;
    let named = !name.is_empty() && !name.contains(' ');
    named.then_some((name, text))
}

/// `Tag: text` of a tag that begins a section.
fn tag(line: &str) -> Option<(Section, &str)> {
    const OTHERS: [&str; 9] =
        ["Returns", "Errors", "TODO", "Note", "Notes", "Example", "Examples", "Caution", "Bugs"];
    // Some write the tag without its colon.
    let bare = line.strip_prefix("Since ").filter(|text| version(text).as_deref() == Some(*text));
    if let Some(text) = bare {
        return Some((Section::Since, text));
    }
    let (tag, text) = line.split_once(':')?;
    match tag {
        "Since" => Some((Section::Since, text)),
        "Features" => Some((Section::Features, text)),
        tag if OTHERS.contains(&tag) => Some((Section::Other, text)),
        _ => None,
    }
}

/// The version that a description says its member exists since, not one that it gives in passing
/// for a value or a default.
fn member_since(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    lower.match_indices("since").find_map(|(at, word)| {
        let before = text[..at].trim_end();
        let after = text[at + word.len()..].trim_start_matches([':', ' ']);
        let since = version(after)?;
        let rest = after[since.len()..].trim();
        let leads = before.is_empty() || before.ends_with(['(', ';']);
        let ends = matches!(rest, "" | ".") && before.ends_with('.');
        let closes = rest.starts_with(')') && before.ends_with(',');
        (leads || ends || closes).then_some(since)
    })
}

/// The `10.0` that the text begins with.
fn version(text: &str) -> Option<String> {
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let version = text[..end].trim_end_matches('.');
    let dotted = version.contains('.') && version.starts_with(|char: char| char.is_ascii_digit());
    dotted.then(|| version.to_owned())
}
