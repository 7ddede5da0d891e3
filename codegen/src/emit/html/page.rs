//! What all pages have.

use std::fmt::{self, Write};

/// Text of any kind, escaped for an element or a quoted attribute.
pub(super) struct Text<'a>(pub(super) &'a str);

/// A page: what stands around its content.
pub(super) struct Page<'a> {
    /// Without markup.
    pub(super) title: &'a str,
    /// One sentence, for those who show a link to it.
    pub(super) about: &'a str,
    /// The way to the site's root: `../../`.
    pub(super) up: &'a str,
    /// The pages above this one below the root: title and address.
    pub(super) above: &'a [(&'a str, &'a str)],
}

impl Page<'_> {
    /// The page with this content, which is markup.
    pub(super) fn with(&self, content: &str) -> String {
        let Self { title, about, up, above } = self;
        let mut trail = format!("<a href=\"{up}index.html\">QAPI on D-Bus</a>");
        for (title, address) in *above {
            push(&mut trail, format_args!(" / <a href=\"{}\">{}</a>", Text(address), Text(title)));
        }
        format!(
            r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="{about}">
<title>{title}: QAPI on D-Bus</title>
<link rel="stylesheet" href="{up}style.css">
<script src="{up}search-index.js" defer></script>
<script src="{up}search.js" defer data-root="{up}"></script>
</head>
<body>
<header>
<nav aria-label="Where this page is">{trail}</nav>
<div id="search" role="search" hidden>
<input type="search" placeholder="Search commands, events, types ( / )" aria-label="Search" autocomplete="off" spellcheck="false">
</div>
</header>
<main>
<h1>{title}</h1>
{content}</main>
</body>
</html>
"#,
            title = Text(title),
            about = Text(about),
        )
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

/// A label beside a name.
pub(super) fn badge(class: &str, text: &str) -> String {
    format!(" <span class=\"{}\">{}</span>", format!("badge {class}").trim_end(), Text(text))
}

/// Whether something will last.
pub(super) fn standing(deprecated: bool, unstable: bool) -> String {
    let labels = [(deprecated, "deprecated"), (unstable, "unstable")];
    labels.iter().filter(|(is, _)| *is).map(|(_, text)| badge("warn", text)).collect()
}

/// A summary; where there is none the address of QEMU's own page stands in its place.
pub(super) fn summary(text: &str) -> String {
    match text.starts_with("https://") {
        true => String::new(),
        false => format!("<p class=\"summary\">{}</p>\n", Text(text)),
    }
}

pub(super) fn push(text: &mut String, part: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(part);
}
