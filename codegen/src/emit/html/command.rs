//! The page of a command.

use super::{
    Site, Text, example, members,
    page::{Page, badge, push, standing, summary},
    prose, type_name,
};
use crate::{
    dbus::{DICTIONARY, Documentation, Method, names::OPTIONAL},
    emit::policy,
    prose::Description,
};

pub(super) fn page(site: &Site<'_>, method: &Method) -> String {
    let documentation = method.documentation();
    let told = site.prose.of(&method.command);
    let mut out = badges(&documentation, method);
    out.push_str(&summary(documentation.summary));
    push(&mut out, format_args!("<pre class=\"signature\"><code>{}</code></pre>\n", shown(method)));
    if !method.arguments.is_empty() {
        out.push_str("<h2 id=\"arguments\">Arguments</h2>\n");
        let positional = Some(method.positional.as_slice());
        out.push_str(&members::list(site, &method.arguments, told, positional));
    }
    out.push_str("<h2 id=\"result\">Result</h2>\n");
    match &method.result {
        Some(shape) => push(
            &mut out,
            format_args!("<p>{} <code>{}</code></p>\n", type_name(shape), shape.signature()),
        ),
        None => out.push_str("<p>Nothing.</p>\n"),
    }
    out.push_str(&example::of_call(site, method));
    out.push_str(&errors(method));
    out.push_str(&more(site, &method.reference, told));
    let above = (site.title(), "../index.html");
    Page { title: &method.command, about: documentation.summary, up: "../../", above: &[above] }
        .with(&out)
}

/// What is elsewhere: QEMU's own page, and what a source tree says.
pub(super) fn more(site: &Site<'_>, reference: &str, told: Option<&Description>) -> String {
    let mut out = String::new();
    if let Some(told) = told {
        push(
            &mut out,
            format_args!("<h2 id=\"qemu\">What QEMU's source says</h2>\n{}", prose::text(told)),
        );
    }
    let page = Text(reference);
    if !reference.is_empty() {
        push(
            &mut out,
            format_args!("<p class=\"note\"><a href=\"{page}\">In QEMU's own reference</a></p>\n"),
        );
    }
    push(
        &mut out,
        format_args!(
            "<p class=\"note\">Made from the schemas of QEMU {}.</p>\n",
            Text(site.release.versions)
        ),
    );
    out
}

pub(super) fn labels(documentation: &Documentation<'_>) -> String {
    let since = documentation.since.map(|since| badge("since", &format!("since QEMU {since}")));
    since.unwrap_or_default() + &standing(documentation.deprecated, documentation.unstable)
}

fn badges(documentation: &Documentation<'_>, method: &Method) -> String {
    let class = badge("class", &format!("class {}", method.class.class));
    let oob = if method.oob { badge("", "out-of-band") } else { String::new() };
    format!("<p class=\"badges\">command{}{class}{oob}</p>\n", labels(documentation))
}

/// `GuestFileOpen(s path, a{sv} optional) → x`
fn shown(method: &Method) -> String {
    let positional = method.positional.iter();
    let optional = method.optional.then(|| format!("{DICTIONARY} {OPTIONAL}"));
    let arguments: Vec<_> = positional
        .map(|it| format!("{} {}", it.shape.signature(), it.name))
        .chain(optional)
        .collect();
    let result =
        method.result.as_ref().map_or_else(String::new, |it| format!(" → {}", it.signature()));
    format!("{}({}){result}", Text(&method.name), Text(&arguments.join(", ")))
}

fn errors(method: &Method) -> String {
    let class = method.class.class;
    let deed = policy::deed(class, "the machine");
    let silent = if method.replies {
        ""
    } else {
        "<p>The peer does not answer success: the call returns when the machine or the channel \
         went down, or after a grace time.</p>\n"
    };
    format!(
        "<h2 id=\"errors\">Errors</h2>\n{silent}\
         <p>A caller must be allowed to {deed}, polkit action <code>{}.{class}</code> (see \
         <a href=\"../../index.html#classes\">classes</a>); otherwise \
         <code>AccessDenied</code>.</p>\n\
         <p>What the peer refuses is <code>org.qemu.QapiError.GenericError</code> or another class \
         of QEMU's; <code>CommandNotFound</code> if this peer does not have the command. \
         <code>InvalidArgs</code>, <code>NotSent.*</code> and <code>Unknown.*</code> say whether it \
         may have run: see <a href=\"../../errors.html\">errors</a>.</p>\n",
        policy::NAME
    )
}
