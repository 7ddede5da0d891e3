//! The Python client's modules: types and events in one, commands in another.

mod commands;
mod example;
mod types;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use example::{emit_python_call, emit_python_event};

use super::{Release, unique};
use crate::dbus::{Interface, Method, Object, Shape, names};

/// The modules of one interface: file name and text.
pub fn emit_python(interface: &Interface, release: &Release<'_>) -> Vec<(String, String)> {
    let names = Names::new(interface);
    let module = release.protocol.name();
    vec![
        (format!("{module}.py"), types::emit(interface, &names, release)),
        (format!("_{module}.py"), commands::emit(interface, &names, release)),
    ]
}

fn header(release: &Release<'_>) -> String {
    release.header("# ")
}

/// Names of what has none in QAPI: arguments that form a union, the data of events.
struct Names<'a> {
    arguments: BTreeMap<&'a str, String>,
    data: BTreeMap<&'a str, String>,
    /// The variants of unions, by the union's name and the tag's value.
    variants: BTreeMap<(String, &'a str), String>,
}

impl<'a> Names<'a> {
    fn new(interface: &'a Interface) -> Self {
        let types = interface.objects.iter().map(|object| identifier(&object.name));
        let others = interface.enumerations.iter().map(|each| identifier(&each.name));
        let alternates = interface.alternates.iter().map(|each| identifier(&each.name));
        let mut taken: BTreeSet<_> = types.chain(others).chain(alternates).collect();
        taken.extend(["t", "EVENTS", "EventType", "FileDescriptor"].map(str::to_owned));
        taken.extend(interface.signals.iter().map(|signal| identifier(&signal.event)));
        let mut names =
            Self { arguments: BTreeMap::new(), data: BTreeMap::new(), variants: BTreeMap::new() };
        for method in interface.argument_unions() {
            let name = match method.boxed() {
                Some(name) => identifier(name),
                None => format!("{}Arguments", method.name),
            };
            let name = unique(name, &mut taken);
            names.add_variants(&name, &method.arguments, &mut taken);
            names.arguments.insert(&method.command, name);
        }
        for signal in &interface.signals {
            let name =
                unique(format!("{}Data", names::camel(&signal.event.to_lowercase())), &mut taken);
            names.add_variants(&name, &signal.data, &mut taken);
            names.data.insert(&signal.event, name);
        }
        for object in &interface.objects {
            names.add_variants(&identifier(&object.name), object, &mut taken);
        }
        names
    }

    /// The type of arguments that form a union.
    fn union(&self, method: &Method) -> Option<String> {
        let own = self.arguments.get(method.command.as_str()).cloned();
        own.or_else(|| method.boxed().map(identifier))
    }

    fn add_variants(&mut self, name: &str, object: &'a Object, taken: &mut BTreeSet<String>) {
        for (value, _) in object.union.iter().flat_map(|union| &union.branches) {
            let variant = unique(format!("{name}_{}", identifier(value)), taken);
            self.variants.insert((name.to_owned(), value), variant);
        }
    }
}

/// A type as an annotation; `prefix` is where the named ones are.
fn annotation(shape: &Shape, prefix: &str) -> String {
    match shape {
        Shape::Str => "str".into(),
        Shape::Bool => "bool".into(),
        Shape::Number => "float".into(),
        Shape::Any => "t.Any".into(),
        Shape::Null => "None".into(),
        Shape::Fd => "FileDescriptor".into(),
        Shape::Dictionary => "dict[str, t.Any]".into(),
        Shape::Object(name) | Shape::Enum(name) => format!("{prefix}{}", identifier(name)),
        Shape::List(element) => format!("list[{}]", annotation(element, prefix)),
        Shape::Alternate(name, forms) if name.is_empty() => {
            let forms: Vec<_> = forms.iter().map(|form| annotation(form, prefix)).collect();
            forms.join(" | ")
        }
        Shape::Alternate(name, _) => format!("{prefix}{}", identifier(name)),
        integer => {
            debug_assert!(integer.is_integer());
            "int".into()
        }
    }
}

/// A QAPI name as an identifier: downstream names hold dots, values hold hyphens.
fn identifier(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// A string literal.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `before`, the elements, `after`: on one line if that is short enough, else a line each.
fn wrapped(indent: usize, before: &str, elements: &[String], after: &str) -> String {
    let line = format!("{:indent$}{before}{}{after}\n", "", elements.join(", "));
    if line.chars().count() <= WIDTH + 1 {
        return line;
    }
    let inner: String =
        elements.iter().map(|element| format!("{:1$}{element},\n", "", indent + 4)).collect();
    format!("{:indent$}{before}\n{inner}{:indent$}{after}\n", "", "")
}

const WIDTH: usize = 100;
