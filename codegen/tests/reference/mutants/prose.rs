//! Changes of documentation comments.

use super::pick;
use crate::random::Random;

/// Changes one thing.
pub(super) fn mutate(lines: &mut Vec<String>, random: &mut Random) {
    let at = random.below(lines.len());
    let next = (at + 1) % lines.len();
    match random.below(16) {
        0 | 1 => drop(lines.remove(at)),
        2 => lines.insert(at, lines[at].clone()),
        3 => lines.swap(at, next),
        4..9 => lines.insert(at, (*pick(&LINES, random)).to_owned()),
        9 => lines.insert(at, "#".to_owned()),
        10 => lines[at] = indented(&lines[at], random),
        11 => lines[at] = outdented(&lines[at], random),
        12 => lines[at] += *pick(&ENDS, random),
        13 => lines[at] = described(&lines[at], random),
        14 => {
            let other = random.below(lines.len());
            let line = lines.remove(at);
            lines.insert(other.min(lines.len()), line);
        }
        _ => shortened(lines, at, random),
    }
}

/// Lines that mean something, or nearly.
const LINES: [&str; 46] = [
    "# Returns: what it finds",
    "# Returns:",
    "# Errors:",
    "# Errors: none that matter",
    "# Errors:\n#     - If there is one, GenericError",
    "# Since: 9.1",
    "# Since:",
    "# Since 9.1",
    "# TODO: finish it",
    "# TODO::",
    "# Note: beware",
    "# Notes:",
    "# Note:: beware",
    "# Example:",
    "# Examples::",
    "# Example: this one",
    "# Features:",
    "# Features: many",
    "# @deprecated: use something else",
    "# Features:\n# @deprecated: use something else",
    "# Features:\n#\n# @unstable: may go\n# @unstable: again",
    "# @other: it does not exist",
    "# @other:",
    "# @:",
    "# @",
    "# @other",
    "# @two words: are no name",
    "# @colon:colon: twice",
    "# = Heading",
    "# == Deeper heading",
    "# =",
    "# Text that is not indented",
    "#     Text that is indented",
    "#  Text that is indented by one",
    "#\n#         Text that is indented by more",
    "#     Text that is indented\n#   and then less",
    "#     Text\n#     and more\n#   and then less",
    "# A sentence. Another one.",
    "# Some, e.g. Linux, like this.  1. This too.",
    "# 1. The first of a list",
    "# ::\n#\n#     This is literal. It may be anything. And as long as it likes, longer than others\n#\n# It ends. Here.",
    "# .. qmp-example::\n#\n#     -> { \"execute\": \"this. That is longer than other lines may be, by far\" }",
    "# .. note:: This is a note that goes on for longer than lines may be, by ten",
    "# https://www.example.org/an-address-that-is-longer-than-other-lines-may-be",
    "#No space",
    "# # Two of them",
];

const ENDS: [&str; 12] = [
    " ",
    ":",
    "::",
    ".",
    " More. And more.",
    " (since 9.1)",
    "\t",
    " and enough to make this line longer than seventy columns, which is too long",
    "\n#",
    "\n#\n#",
    "\n",
    "\n# @more: text",
];

fn indented(line: &str, random: &mut Random) -> String {
    line.replacen("# ", &format!("# {}", " ".repeat(1 + random.below(6))), 1)
}

fn outdented(line: &str, random: &mut Random) -> String {
    let (mut line, most) = (line.to_owned(), 1 + random.below(6));
    for _ in 0..most {
        line = line.replacen("#  ", "# ", 1);
    }
    line
}

/// Changes the name or the text of a description, where the line is one.
fn described(line: &str, random: &mut Random) -> String {
    let Some((name, text)) = line.split_once(':') else { return format!("{line}:") };
    match random.below(6) {
        0 => format!("{name}{text}"),
        1 => format!("{name}:"),
        2 => format!("{name}-x:{text}"),
        3 => format!("{name} :{text}"),
        4 => format!("{name}:\n#    {text}"),
        _ => format!("{name}::{text}"),
    }
}

/// Takes a fence, the first blank line after `at`, or all away.
fn shortened(lines: &mut Vec<String>, at: usize, random: &mut Random) {
    match random.below(4) {
        0 => lines.clear(),
        1 => lines.truncate(at),
        2 => drop(lines.pop()),
        _ => {
            if let Some(blank) = lines[at..].iter().position(|line| line == "#") {
                lines.remove(at + blank);
            }
        }
    }
    // The next change finds something to change.
    if lines.is_empty() {
        lines.push(String::new());
    }
}
