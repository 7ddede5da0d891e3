//! Manual pages of section 7, one a command and event: `man qapi-blockdev-add`, and `apropos` finds
//! them by their summaries. One page an interface would be 10,000 lines that nobody reads.

use std::fmt::Write;

use super::{busctl, policy};
use crate::{
    dbus::{
        Argument, DICTIONARY, Documentation, Life, Method, Object, Shape, Signal, names::OPTIONAL,
    },
    emit::Site,
};

/// The pages of one interface: paths, and what they hold.
pub fn emit_man(site: &Site<'_>) -> Vec<(String, String)> {
    let methods = site.interface.methods.iter().map(|method| {
        let name = format!("qapi-{}", method.command);
        let text = command(site, &name, method);
        (name, text)
    });
    let signals = site.interface.signals.iter().map(|signal| {
        // Not all file systems tell `STOP` from `stop`.
        let name = format!("qapi-event-{}", signal.event);
        let text = event(site, &name, signal);
        (name, text)
    });
    methods.chain(signals).map(|(name, text)| (format!("man/man7/{name}.7"), text)).collect()
}

fn command(site: &Site<'_>, name: &str, method: &Method) -> String {
    let interface = site.interface;
    let mut page = head(name, &method.documentation());
    let result = method.result.as_ref().map_or("nothing".into(), Shape::signature);
    synopsis(&mut page, &format!("{}({}) returns {result}", method.name, method.signature()));
    let arguments = interface.example_arguments(method);
    if let Some(call) = busctl::call(interface, site.release.protocol, method, &arguments) {
        section(&mut page, "EXAMPLE");
        let _ = write!(page, ".nf\n{}\n.fi\n", escaped(&call));
    }
    if !method.arguments.is_empty() {
        section(&mut page, "ARGUMENTS");
        members(&mut page, site, &method.arguments, &method.positional);
    }
    section(&mut page, "ERRORS");
    let class = method.class.class;
    let _ = writeln!(
        page,
        "{}",
        escaped(&format!(
            "Class {class}: a caller must be allowed to {}. NotSent.* means that it did not run, \
             Unknown.* that it may have; QapiError.<Class> is the peer's own answer.",
            policy::deed(class, "the machine")
        ))
    );
    tail(page, &method.reference)
}

fn event(site: &Site<'_>, name: &str, signal: &Signal) -> String {
    let mut page = head(name, &signal.documentation());
    synopsis(&mut page, &format!("{}({})", signal.name, signal.signature()));
    section(&mut page, "ARGUMENTS");
    members(&mut page, site, &signal.data, &signal.positional);
    tail(page, &signal.reference)
}

fn head(name: &str, documentation: &Documentation<'_>) -> String {
    let text = documentation.to_string();
    let (summary, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let mut page = format!(
        ".TH {0} 7 \"\" qapi-dbus\n.ad l\n.SH NAME\n{1} \\- {2}\n",
        quoted(&name.to_uppercase()),
        escaped(name),
        escaped(summary)
    );
    if !rest.is_empty() {
        section(&mut page, "STATUS");
        let _ = writeln!(page, "{}", escaped(rest));
    }
    page
}

fn synopsis(page: &mut String, text: &str) {
    section(page, "SYNOPSIS");
    let _ = writeln!(page, "{}", escaped(text));
}

fn members(page: &mut String, site: &Site<'_>, object: &Object, positional: &[Argument]) {
    for member in site.interface.placed(object, positional) {
        let is_positional = positional.iter().any(|argument| argument.member == member.name);
        let key = if is_positional { "" } else { ", key of optional" };
        let (signature, life) = (member.shape.signature(), life(&member.life));
        let _ = writeln!(
            page,
            ".TP\n.B {}\n{}",
            escaped(&member.name),
            escaped(&format!("{signature}{key}{life}"))
        );
    }
    if let Some(union) = &object.union {
        let _ =
            writeln!(page, ".PP\n{}", escaped(&format!("What {} adds, in {OPTIONAL}:", union.tag)));
        for (value, branch) in &union.branches {
            let _ = writeln!(page, ".TP\n.B {}\n{}", escaped(value), escaped(branch));
        }
    }
    if positional.is_empty() && object.is_empty() {
        let _ = writeln!(
            page,
            "{}",
            escaped(&format!("{DICTIONARY} {OPTIONAL}, without keys of QEMU's."))
        );
    }
}

fn life(life: &Life) -> String {
    let since = life.since.as_ref().map(|since| format!("; since QEMU {since}"));
    let deprecated = life.deprecated.then(|| "; deprecated".to_owned());
    let unstable = life.unstable.then(|| "; unstable".to_owned());
    [since, deprecated, unstable].into_iter().flatten().collect()
}

fn tail(mut page: String, reference: &str) -> String {
    section(&mut page, "SEE ALSO");
    if !reference.is_empty() {
        let _ = writeln!(page, "{}\n.br", escaped(reference));
    }
    page + "qapi\\-dbus(1), busctl(1)\n"
}

fn section(page: &mut String, name: &str) {
    let _ = writeln!(page, ".SH {name}");
}

/// Text that roff takes for nothing else.
fn escaped(text: &str) -> String {
    let escape = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    };
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('"', "\\(dq"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_request() {
        assert_eq!(escaped(".so /etc/passwd"), "\\&.so /etc/passwd");
        assert_eq!(escaped("'a\\b\n.c-d"), "\\&'a\\eb\n\\&.c\\-d");
    }
}
