//! The pages of structs, unions, enumerations and alternates.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Site, Text, command, members,
    page::{Page, push},
    prose, type_name,
};
use crate::dbus::{Alternate, Definition, Enumeration, Interface, Object, Shape};

/// Who refers to a type: title and address of each, from a page of any kind.
pub(super) struct Users<'a>(BTreeMap<&'a str, BTreeSet<(&'a str, String)>>);

/// Name and page of each type.
pub(super) fn pages(site: &Site<'_>, users: &Users<'_>) -> Vec<(String, String)> {
    let interface = site.interface;
    let page = |name: &str, kind: Definition, what: &str, module: &str, body: String| {
        let reference = site.release.protocol.reference(kind, module, name);
        let told = site.prose.of(name);
        let body = format!(
            "<p class=\"badges\">{what}</p>\n{body}{}{}",
            users.list(name),
            command::more(site, &reference, told)
        );
        let about = format!("The {what} {name} of QAPI.");
        let above = [(site.title(), "../index.html")];
        let text = Page { title: name, about: &about, up: "../../", above: &above }.with(&body);
        (name.to_owned(), text)
    };
    let objects = interface.objects.iter().map(|it| {
        let what = if it.union.is_some() { "union" } else { "struct" };
        page(&it.name, Definition::Object, what, &it.module, object(site, it))
    });
    let enumerations = interface.enumerations.iter().map(|it| {
        page(&it.name, Definition::Enumeration, "enumeration", &it.module, enumeration(site, it))
    });
    let alternates = interface
        .alternates
        .iter()
        .map(|it| page(&it.name, Definition::Alternate, "alternate", &it.module, alternate(it)));
    objects.chain(enumerations).chain(alternates).collect()
}

fn object(site: &Site<'_>, object: &Object) -> String {
    let since = object.since.as_ref().map(|since| format!(" Since QEMU {}.", Text(since)));
    let mut out = format!(
        "<p>A dictionary, <code>a{{sv}}</code>: each member that is there, by its name.{}</p>\n",
        since.unwrap_or_default()
    );
    if object.is_empty() {
        out.push_str("<p>It has no members.</p>\n");
        return out;
    }
    out.push_str("<h2 id=\"members\">Members</h2>\n");
    out.push_str(&members::list(site, object, site.prose.of(&object.name), None));
    out
}

fn enumeration(site: &Site<'_>, each: &Enumeration) -> String {
    let mut out =
        String::from("<p>A string, <code>s</code>; a newer peer can have more values.</p>\n");
    if each.values.is_empty() {
        return out;
    }
    out.push_str("<h2 id=\"values\">Values</h2>\n<dl class=\"members\">\n");
    let told = site.prose.of(&each.name);
    for value in &each.values {
        push(
            &mut out,
            format_args!(
                "<dt><code>{}</code>{}</dt>\n<dd>{}</dd>\n",
                Text(&value.name),
                members::life(&value.life),
                prose::member(told, &value.name)
            ),
        );
    }
    out + "</dl>\n"
}

fn alternate(each: &Alternate) -> String {
    let mut out = String::from(
        "<p>One of these forms: a variant as an argument or in a list, the form itself as a \
         member.</p>\n<dl class=\"members\">\n",
    );
    for (name, shape) in &each.forms {
        push(
            &mut out,
            format_args!(
                "<dt><code>{}</code> <span class=\"type\">{} <code>{}</code></span></dt>\n\
                 <dd></dd>\n",
                Text(name),
                type_name(shape),
                shape.signature()
            ),
        );
    }
    out + "</dl>\n"
}

impl<'a> Users<'a> {
    pub(super) fn new(interface: &'a Interface) -> Self {
        let mut users = Self(BTreeMap::new());
        for method in &interface.methods {
            let user = (&*method.command, format!("../command/{}.html", method.command));
            users.add_object(&method.arguments, &user);
            method.result.iter().for_each(|shape| users.add(shape, &user));
        }
        for signal in &interface.signals {
            let user = (&*signal.event, format!("../event/{}.html", signal.event));
            users.add_object(&signal.data, &user);
        }
        let address = |name: &str| format!("../type/{name}.html");
        for object in &interface.objects {
            users.add_object(object, &(&*object.name, address(&object.name)));
        }
        for each in &interface.alternates {
            let user = (&*each.name, address(&each.name));
            each.forms.iter().for_each(|(_, form)| users.add(form, &user));
        }
        users
    }

    fn add_object(&mut self, object: &'a Object, user: &(&'a str, String)) {
        object.members.iter().for_each(|member| self.add(&member.shape, user));
        let branches = object.union.iter().flat_map(|union| &union.branches);
        branches.for_each(|(_, name)| self.add_name(name, user));
    }

    fn add(&mut self, shape: &'a Shape, user: &(&'a str, String)) {
        match shape {
            Shape::List(element) => self.add(element, user),
            Shape::Alternate(name, forms) if name.is_empty() => {
                forms.iter().for_each(|form| self.add(form, user));
            }
            Shape::Object(name) | Shape::Enum(name) | Shape::Alternate(name, _) => {
                self.add_name(name, user);
            }
            _ => {}
        }
    }

    fn add_name(&mut self, name: &'a str, user: &(&'a str, String)) {
        self.0.entry(name).or_default().insert(user.clone());
    }

    fn list(&self, name: &str) -> String {
        let links: Vec<_> = self.0.get(name).into_iter().flatten().collect();
        let links: Vec<_> = links
            .into_iter()
            .map(|(title, address)| format!("<a href=\"{}\">{}</a>", Text(address), Text(title)))
            .collect();
        format!("<h2 id=\"used\">Used by</h2>\n<p>{}</p>\n", links.join(", "))
    }
}
