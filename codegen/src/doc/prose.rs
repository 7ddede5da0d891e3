//! What the documentation comments of a source tree say, for people who have that tree.
//!
//! Nothing of it is in this repository, whose schemas hold facts alone.

use std::{collections::BTreeMap, path::Path};

use super::{Section, description, tag};
use crate::{
    error::Error,
    load::{Checked, Options, checked},
    parser::{self, Block, Comment},
};

/// Descriptions by the QAPI name of what they describe.
#[derive(Debug, Default)]
pub struct Prose(BTreeMap<String, Description>);

/// What one comment says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Of the definition.
    pub text: Vec<Part>,
    /// Of its members and values, by name.
    pub members: BTreeMap<String, Vec<Part>>,
}

/// A part of a text, with QEMU's marks for names in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `Returns`, `Errors`, `Note` and the like.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Lines to be kept as they are.
    Code(String),
}

impl Prose {
    /// Reads the comments of the schema whose first file is `path`.
    ///
    /// # Errors
    ///
    /// The first mistake found in the schema.
    pub fn read(path: &Path) -> std::result::Result<Self, Error> {
        let options = Options::default();
        let Checked { sources, parsed, .. } = checked(path, &options)?;
        let mut descriptions = BTreeMap::new();
        for module in &parsed.modules {
            let text = sources.text(module.file);
            match parser::parse(&text, module.file, &options.limits) {
                Ok(blocks) => descriptions.extend(blocks.iter().filter_map(described)),
                Err(fault) => return Err(sources.explain(fault, path)),
            }
        }
        Ok(Self(descriptions))
    }

    /// What is said of a definition.
    pub fn of(&self, name: &str) -> Option<&Description> {
        self.0.get(name)
    }
}

fn described(block: &Block<'_>) -> Option<(String, Description)> {
    let Block::Comment(comment) = block else { return None };
    let mut lines = lines(comment).skip_while(|line| line.is_empty());
    let name = lines.next()?.strip_prefix('@')?.strip_suffix(':')?;
    let mut reader = Reader::default();
    lines.for_each(|line| reader.line(line));
    reader.end_paragraph();
    Some((name.to_owned(), reader.description))
}

fn lines<'s>(comment: &Comment<'s>) -> impl Iterator<Item = &'s str> {
    comment.lines.iter().map(|line| line.text())
}

#[derive(Default)]
struct Reader {
    description: Description,
    /// The member that is described; none for the definition itself.
    member: Option<String>,
    paragraph: Vec<String>,
    after_blank: bool,
    /// What belongs to the tag before: members of features are none of the definition's.
    within: Within,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Within {
    #[default]
    Body,
    Features,
    /// What is told as a fact elsewhere.
    Since,
    /// A note or another section: its paragraphs are indented, and no code.
    Section,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let after_blank = std::mem::replace(&mut self.after_blank, line.is_empty());
        if line.is_empty() {
            return self.end_paragraph();
        }
        let begins = !line.starts_with(' ');
        if let Some((name, text)) = description(line).filter(|_| begins) {
            self.end_paragraph();
            if self.within == Within::Features {
                self.member = None;
                return self.paragraph.push(format!("@{name}: {}", text.trim()));
            }
            self.within = Within::Body;
            self.member = Some(name.to_owned());
            self.description.members.entry(name.to_owned()).or_default();
            return self.add(text.trim());
        }
        if let Some((section, text)) = tag(line).filter(|_| begins) {
            self.end_paragraph();
            self.member = None;
            return self.section(&section, line, text);
        }
        if begins && after_blank {
            self.member = None;
            self.within = Within::Body;
        }
        match directive(line.trim_start()) {
            Some((name, text)) => {
                self.end_paragraph();
                self.directive(name, text);
            }
            None => self.add(line),
        }
    }

    fn section(&mut self, section: &Section, line: &str, text: &str) {
        self.within = match section {
            Section::Since => Within::Since,
            Section::Features => Within::Features,
            _ => Within::Section,
        };
        if self.within != Within::Since {
            let name = line.split(':').next().unwrap_or_default();
            self.push(Part::Heading(name.to_owned()));
            self.add(text.trim());
        }
    }

    fn directive(&mut self, name: &str, text: &str) {
        let is_code = name.ends_with("example") || name.ends_with("block");
        self.within = if is_code { Within::Body } else { Within::Section };
        let (heading, text) = match name {
            _ if is_code => ("Example".to_owned(), ""),
            // It brings its own.
            "admonition" => (text.trim().to_owned(), ""),
            name => (capitalised(name), text.trim()),
        };
        self.push(Part::Heading(heading));
        self.add(text);
    }

    fn add(&mut self, line: &str) {
        if line.trim_start().starts_with("- ") {
            self.end_paragraph();
        }
        if !line.is_empty() && self.within != Within::Since {
            self.paragraph.push(line.to_owned());
        }
    }

    fn end_paragraph(&mut self) {
        let lines = std::mem::take(&mut self.paragraph);
        let Some(first) = lines.first() else { return };
        let is_code = self.within == Within::Body
            && (self.member.is_none() && first.starts_with("   ")
                || ["-> ", "<- "].iter().any(|arrow| first.trim_start().starts_with(arrow)));
        let part = if is_code {
            let indent = |line: &String| line.len() - line.trim_start().len();
            let least = lines.iter().map(indent).min().unwrap_or_default();
            let kept: Vec<_> = lines.iter().map(|line| &line[least..]).collect();
            Part::Code(kept.join("\n"))
        } else {
            Part::Text(lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "))
        };
        self.push(part);
    }

    fn push(&mut self, part: Part) {
        let description = &mut self.description;
        match &self.member {
            Some(name) => description.members.entry(name.clone()).or_default().push(part),
            None => description.text.push(part),
        }
    }
}

/// `.. note:: text`
fn directive(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix(".. ")?.split_once("::")
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, process};

    fn read(text: &str) -> Prose {
        let path = env::temp_dir().join(format!("qapi-codegen-prose-{}.json", process::id()));
        fs::write(&path, text).unwrap();
        let prose = Prose::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        prose
    }

    #[test]
    fn text_goes_where_it_belongs() {
        let prose = read(
            "##\n# @open:\n#\n# Opens a door\n# and waits.\n#\n# @door: which one, with\n#     its \
             colour\n#\n#     and more (since 3.0)\n#\n# Features:\n#\n# @safe: it is\n#\n# Returns: a \
             handle\n#\n# Errors:\n#     - If shut\n#     - If\n#       gone\n#\n# .. note:: Not\n#    at night.\n#\n# Since: 2.0\n#\n# .. qmp-example::\n#\n#     \
             -> { }\n#     <- { }\n##\n{ 'command': 'open', 'data': { 'door': 'str' }, 'features': [ 'safe' ] }\n",
        );
        let told = prose.of("open").unwrap();
        let text = |text: &str| Part::Text(text.into());
        let heading = |text: &str| Part::Heading(text.into());
        assert_eq!(
            told.members["door"],
            [text("which one, with its colour"), text("and more (since 3.0)")]
        );
        assert_eq!(told.members.len(), 1);
        assert_eq!(
            told.text,
            [
                text("Opens a door and waits."),
                heading("Features"),
                text("@safe: it is"),
                heading("Returns"),
                text("a handle"),
                heading("Errors"),
                text("- If shut"),
                text("- If gone"),
                heading("Note"),
                text("Not at night."),
                heading("Example"),
                Part::Code("-> { }\n<- { }".into()),
            ]
        );
    }
}
