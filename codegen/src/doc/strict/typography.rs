//! How lines must look in 10.2, except where they are literal.

use crate::{
    lexer::is_space,
    parser::Line,
    source::{Fault, Result},
};

/// Checks the lines of one comment.
pub(super) fn check(lines: &[Line<'_>]) -> Result<()> {
    let mut literal = Literal::No;
    for line in lines {
        literal = literal.after(line.text());
        if literal == Literal::No {
            check_line(line)?;
        }
    }
    Ok(())
}

/// Whether lines are literal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Literal {
    No,
    /// They are, as far as they are indented by this much; 0 until the first of them tells.
    Indented(usize),
}

impl Literal {
    fn after(self, text: &str) -> Self {
        let indent = text.chars().take_while(|char| is_space(*char)).count();
        match self {
            _ if begins_literal(text) => Self::Indented(0),
            Self::Indented(_) if text.is_empty() => self,
            Self::Indented(0) => Self::Indented(indent),
            Self::Indented(expected) if indent < expected => Self::No,
            _ => self,
        }
    }
}

/// `::` alone on its line, or `.. qmp-example::`
fn begins_literal(text: &str) -> bool {
    let directive = text.strip_prefix("..").filter(|rest| rest.starts_with(' '));
    let example =
        directive.and_then(|rest| rest.trim_start_matches(' ').strip_prefix("qmp-example"));
    example.unwrap_or(text).trim_start_matches(' ') == "::"
}

/// Columns of a line, with its `# `.
const WIDTH: usize = 70;

fn check_line(line: &Line<'_>) -> Result<()> {
    let text = line.text();
    if text.chars().count() + "# ".len() > WIDTH && !is_address(text) {
        let mistake = format!("a documentation line is longer than {WIDTH}");
        return Err(Fault::syntax(line.at, mistake, "break it"));
    }
    if has_narrow_sentences(text) {
        let mistake = "one space stands between sentences";
        return Err(Fault::syntax(line.at, mistake, "write two"));
    }
    Ok(())
}

/// Whether the line is an address and nothing else.
fn is_address(text: &str) -> bool {
    let text = text.trim_start_matches(' ');
    let schemes = ["https://", "http://", "ftp://"];
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| !rest.contains(' '))
}

/// Whether a sentence ends and one space later the next begins, or what looks like one.
fn has_narrow_sentences(text: &str) -> bool {
    let begins = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '(';
    text.match_indices(['.', '!', '?']).any(|(at, _)| {
        let next = text[at + 1..].strip_prefix(' ');
        next.is_some_and(|next| next.starts_with(begins)) && !is_abbreviation(&text[..=at])
    })
}

/// Whether the text ends in `e.g.`, or is the number of a list's item.
fn is_abbreviation(text: &str) -> bool {
    let word = |char: char| char.is_alphanumeric() || char == '_';
    let example = text.strip_suffix("e.g.").is_some_and(|before| !before.ends_with(word));
    let number = text.trim_start_matches(' ').strip_suffix('.').unwrap_or_default();
    example || matches!(number.as_bytes(), [b'0'..=b'9'])
}
