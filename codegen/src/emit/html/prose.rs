//! What a source tree says, as markup.

use super::{Text, page::push};
use crate::prose::{Description, Part};

/// Of a definition.
pub(super) fn text(description: &Description) -> String {
    parts(&description.text)
}

/// Of a member or value.
pub(super) fn member(description: Option<&Description>, name: &str) -> String {
    description.and_then(|it| it.members.get(name)).map_or_else(String::new, |it| parts(it))
}

fn parts(parts: &[Part]) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Heading(text) => push(&mut out, format_args!("<h3>{}</h3>\n", Text(text))),
            Part::Text(text) => push(&mut out, format_args!("<p>{}</p>\n", marked(text))),
            Part::Code(text) => {
                push(&mut out, format_args!("<pre><code>{}</code></pre>\n", Text(text)));
            }
        }
    }
    out
}

/// With QEMU's two marks for names: `@name` and double back quotes.
fn marked(text: &str) -> String {
    let mut out = String::new();
    for (at, piece) in text.split("``").enumerate() {
        if at % 2 == 1 {
            push(&mut out, format_args!("<code>{}</code>", Text(piece)));
            continue;
        }
        let mut rest = piece;
        while let Some((before, after)) = rest.split_once('@') {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            push(&mut out, format_args!("{}", Text(before)));
            match &after[..end] {
                "" => out.push('@'),
                name => push(&mut out, format_args!("<code>{}</code>", Text(name))),
            }
            rest = &after[end..];
        }
        push(&mut out, format_args!("{}", Text(rest)));
    }
    out
}
