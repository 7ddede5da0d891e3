//! Rust: types, commands, events and services of one schema, against the macros of
//! `bridge/types/src/macros/`.

mod calls;
mod commands;
mod example;
mod interface;
mod names;
mod service;
#[cfg(test)]
mod tests;
mod types;

use std::{collections::BTreeMap, fmt::Write};

use crate::dbus::{Annotation, Interface, Life, Protocol, annotations};

pub use calls::emit_calls;
pub use example::{emit_rust_call, emit_rust_event};

use super::Release;
use types::Types;

/// The modules of one schema: names of files within its folder, and what they hold.
pub fn emit_rust(interface: &Interface, release: &Release<'_>) -> Vec<(String, String)> {
    let protocol = release.protocol;
    let types = Types::new(interface, protocol);
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    types.emit(&mut modules);
    commands::emit(&types, &mut modules);
    let head = |what: &str| header(release, what);
    let mut files = vec![
        ("mod.rs".to_owned(), head("schema") + &root(interface, &modules)),
        ("interface.rs".to_owned(), head("service on D-Bus") + &interface::emit(interface)),
        ("service.rs".to_owned(), head("service") + &service::emit(interface, protocol)),
    ];
    for (name, module) in &modules {
        let text = head(&format!("module `{name}`")) + &module.text(protocol);
        files.push((format!("{}.rs", names::module(name)), text));
    }
    files
}

/// What one QAPI module comes to.
#[derive(Debug, Default)]
struct Module {
    types: String,
    commands: String,
    events: String,
}

impl Module {
    fn parts(&self) -> [(&'static str, &str); 3] {
        [("types", &self.types), ("command", &self.commands), ("event", &self.events)]
    }

    fn has(&self, part: &str) -> bool {
        self.parts().iter().any(|(name, body)| *name == part && !body.is_empty())
    }

    fn text(&self, protocol: Protocol) -> String {
        let mut text = String::new();
        for (name, body) in self.parts().into_iter().filter(|(_, body)| !body.is_empty()) {
            let schema = protocol.name();
            push(
                &mut text,
                format_args!(
                    "pub(super) mod {name} {{\n    use crate::{{Members, Nothing, Null, Value, {schema}}};\n{body}}}\n"
                ),
            );
        }
        text
    }
}

fn root(interface: &Interface, modules: &BTreeMap<String, Module>) -> String {
    let uses = |from: &str, part: &str| -> String {
        let with = modules.iter().filter(|(_, module)| module.has(part));
        with.map(|(name, _)| format!("pub use {from}{}::{part}::*;\n", names::module(name)))
            .collect()
    };
    let modules: String =
        modules.keys().map(|name| format!("mod {};\n", names::module(name))).collect();
    let events: String =
        interface.signals.iter().map(|signal| format!("        {}\n", signal.name)).collect();
    let (types, commands) = (uses("", "types"), uses("super::", "command"));
    let data = uses("super::", "event");
    format!(
        "{modules}#[cfg(feature = \"interface\")]\nmod interface;\n\
         #[cfg(feature = \"service\")]\nmod service;\n\n\
         #[cfg(feature = \"interface\")]\npub use interface::Interface;\n\
         #[cfg(feature = \"service\")]\npub use service::{{Service, dispatch}};\n{types}\n\
         /// Arguments of the commands.\npub mod command {{\n{commands}}}\n\n\
         /// Data of the events.\npub mod event {{\n{data}}}\n\n\
         events! {{\n    /// What a peer tells without being asked.\n    Event {{\n{events}    }}\n}}\n"
    )
}

fn header(release: &Release<'_>, what: &str) -> String {
    let whose = match release.protocol {
        Protocol::Qga => "the guest agent",
        Protocol::Qmp => "the monitor",
    };
    let (head, versions) = (release.header("// "), release.versions);
    format!("{head}//! The {what} of {whose}, made from the schemas of QEMU {versions}.\n\n")
}

const DEPRECATED: &str = "#[deprecated]";

/// What is said of a command or event, a line each, and that it is deprecated.
fn docs(annotated: &[Annotation]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    if let Some(doc) = annotations::value(annotated, annotations::DOC) {
        let line = if doc.starts_with("https://") { format!("<{doc}>") } else { escaped(doc) };
        lines.push(format!("/// {line}"));
    }
    if let Some(since) = annotations::value(annotated, annotations::SINCE) {
        lines.extend(["///".to_owned(), format!("/// Since {since}.")]);
    }
    if annotations::has_feature(annotated, annotations::UNSTABLE) {
        lines.extend(["///".to_owned(), "/// Unstable: QEMU promises nothing of it.".to_owned()]);
    }
    if annotations::has_feature(annotated, "deprecated") {
        lines.push(DEPRECATED.to_owned());
    }
    lines
}

/// What is said of a member or value beside its name.
fn life(life: &Life) -> String {
    let since = life.since.as_ref().map(|since| format!("#[doc = \"Since {since}.\"] "));
    let unstable = if life.unstable { "#[doc = \"Unstable.\"] " } else { "" };
    let deprecated = if life.deprecated { "#[deprecated] " } else { "" };
    since.unwrap_or_default() + unstable + deprecated
}

fn escaped(doc: &str) -> String {
    doc.chars().fold(String::new(), |mut text, c| {
        if matches!(c, '[' | ']' | '<' | '>' | '*' | '`') {
            text.push('\\');
        }
        text.push(c);
        text
    })
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(part);
}

fn lines(indent: usize, lines: &[String]) -> String {
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}
