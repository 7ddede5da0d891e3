//! The reference: a static site, a page a command, event and type.
//!
//! It needs no server, not even for its search, and nothing from elsewhere: it works from
//! `file://`. Every page stands in a folder of its kind, and so reaches the others by `../`.

mod command;
mod errors;
mod event;
mod example;
mod front;
mod members;
mod page;
mod prose;
mod search;
#[cfg(test)]
mod tests;
mod types;

use super::Release;
use crate::{
    dbus::{Interface, Shape},
    prose::Prose,
};
use page::Text;

/// What the site tells of one interface.
#[derive(Debug)]
pub struct Site<'a> {
    /// The interface.
    pub interface: &'a Interface,
    /// The schemas that it is made from.
    pub release: Release<'a>,
    /// What a source tree says of it; empty without one.
    pub prose: &'a Prose,
}

/// The files of the site: paths within it, and what they hold.
pub fn emit_html(sites: &[Site<'_>]) -> Vec<(String, String)> {
    let mut files = vec![
        ("style.css".to_owned(), include_str!("style.css").to_owned()),
        ("search.js".to_owned(), include_str!("search.js").to_owned()),
        ("search-index.js".to_owned(), search::index(sites)),
        ("index.html".to_owned(), front::root(sites)),
        ("errors.html".to_owned(), errors::page()),
    ];
    for site in sites {
        let users = types::Users::new(site.interface);
        files.push((format!("{}/index.html", site.name()), front::interface(site)));
        let interface = site.interface;
        let methods = interface.methods.iter();
        files.extend(methods.map(|it| (site.command(&it.command), command::page(site, it))));
        let signals = interface.signals.iter();
        files.extend(signals.map(|it| (site.event(&it.event), event::page(site, it))));
        for (name, text) in types::pages(site, &users) {
            files.push((site.ty(&name), text));
        }
    }
    files
}

impl Site<'_> {
    /// Its folder.
    fn name(&self) -> &'static str {
        self.release.protocol.name()
    }

    /// As people call it.
    fn title(&self) -> &'static str {
        match self.release.protocol {
            crate::dbus::Protocol::Qga => "Guest agent",
            crate::dbus::Protocol::Qmp => "Monitor",
        }
    }

    fn command(&self, name: &str) -> String {
        format!("{}/command/{name}.html", self.name())
    }

    fn event(&self, name: &str) -> String {
        format!("{}/event/{name}.html", self.name())
    }

    fn ty(&self, name: &str) -> String {
        format!("{}/type/{name}.html", self.name())
    }
}

/// A type by its QAPI name, linked from a page of any kind.
fn type_name(shape: &Shape) -> String {
    let name = match shape {
        Shape::Str => "str",
        Shape::Bool => "bool",
        Shape::Int8 => "int8",
        Shape::Int16 => "int16",
        Shape::Int32 => "int32",
        Shape::Int64 => "int64",
        Shape::Uint8 => "uint8",
        Shape::Uint16 => "uint16",
        Shape::Uint32 => "uint32",
        Shape::Uint64 => "uint64",
        Shape::Number => "number",
        Shape::Any => "any",
        Shape::Null => "null",
        Shape::Fd => "file descriptor",
        Shape::Dictionary => "object",
        Shape::List(element) => return format!("[{}]", type_name(element)),
        Shape::Alternate(name, forms) if name.is_empty() => {
            return forms.iter().map(type_name).collect::<Vec<_>>().join(" or ");
        }
        Shape::Object(name) | Shape::Enum(name) | Shape::Alternate(name, _) => {
            return format!("<a href=\"../type/{0}.html\">{0}</a>", Text(name));
        }
    };
    name.into()
}
