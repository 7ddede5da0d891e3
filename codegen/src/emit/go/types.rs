//! Enumerations, structs, unions, alternates and events.

use super::{Names, comment, documentation, extra, identifier, layout::Lines, optional, type_of};
use crate::{
    dbus::{Alternate, Enumeration, Interface, Object, Shape, Signal, Value, names},
    emit::unique,
};
use std::collections::BTreeSet;

/// As Go's tools know it.
const DEPRECATED: &str = "Deprecated: QEMU will drop it.";

pub(super) fn enumeration(each: &Enumeration, names: &Names<'_>) -> String {
    let name = identifier(&each.name);
    let about = format!("{name} is QAPI's {}; a newer peer can have more values.", each.name);
    let mut out = format!("\n{}type {name} string\n", comment("", &about));
    if each.values.is_empty() {
        return out;
    }
    let mut lines = Lines::default();
    for Value { name: value, life } in &each.values {
        let constant = names.values[&(each.name.as_str(), value.as_str())].clone();
        if life.deprecated {
            lines.comment(DEPRECATED);
        }
        lines.row([constant, name.clone(), format!("= {value:?}")]);
    }
    out += &format!("\n// Values of {name}.\nconst (\n{})\n", lines.finish());
    out
}

/// A field for each form, one of which is set.
pub(super) fn alternate(each: &Alternate) -> String {
    let name = identifier(&each.name);
    let about = format!("{name} is QAPI's alternate {}: one of the forms is set.", each.name);
    let mut lines = Lines::default();
    for (form, shape) in &each.forms {
        let (kind, role) = match shape {
            Shape::Null => ("bool".to_owned(), "null"),
            shape => (optional(shape), "form"),
        };
        lines.row([names::camel(form), kind, tag(form, role)]);
    }
    lines.comment("Other is what a newer peer can send.");
    lines.row(["Other".into(), "any".into(), tag("*", "form")]);
    format!("\n{}type {name} struct {{\n{}}}\n", comment("", &about), lines.finish())
}

/// A struct; of a union with a field for each branch.
pub(super) fn object(interface: &Interface, name: &str, about: &str, object: &Object) -> String {
    fields(interface, name, about, object, &|_| true)
}

/// A struct of some of an object's members.
pub(super) fn fields(
    interface: &Interface,
    name: &str,
    about: &str,
    object: &Object,
    has: &dyn Fn(&str) -> bool,
) -> String {
    let mut lines = Lines::default();
    let mut taken = BTreeSet::new();
    let discriminator = object.union.as_ref().map(|union| union.tag.as_str());
    for member in interface.common(object).into_iter().filter(|member| has(&member.name)) {
        if member.life.deprecated {
            lines.comment(DEPRECATED);
        }
        let field = unique(names::camel(&member.name), &mut taken);
        let (kind, role) = match discriminator {
            Some(tag) if tag == member.name => (type_of(&member.shape), "tag"),
            _ if member.always => (type_of(&member.shape), ""),
            _ => (optional(&member.shape), ""),
        };
        lines.row([field, kind, tag(&member.name, role)]);
    }
    let branches = object.union.iter().flat_map(|union| &union.branches);
    for (at, (value, branch)) in branches.enumerate() {
        if at == 0 {
            lines.comment("One of these is set, as the tag says.");
        }
        let field = unique(identifier(&names::camel(value)), &mut taken);
        lines.row([field, format!("*{}", identifier(branch)), tag(value, "branch")]);
    }
    lines.comment("What this module does not know.");
    lines.row([extra(object).into(), "map[string]any".into(), tag("*", "")]);
    format!("\n{}type {name} struct {{\n{}}}\n", comment("", about), lines.finish())
}

pub(super) fn event(interface: &Interface, signal: &Signal, names: &Names<'_>) -> String {
    let (data, constant) = &names.events[signal.event.as_str()];
    let documented =
        documentation(&signal.documentation(), &format!("{constant} is {}.", signal.event));
    let about = format!("{data} is the data of {}.", signal.event);
    format!("\n{documented}const {constant} = {:?}\n", signal.event)
        + &object(interface, data, &about, &signal.data)
}

/// What is known of events, by their signals.
pub(super) fn registry(signals: &[Signal], names: &Names<'_>) -> String {
    let mut lines = String::new();
    for signal in signals {
        let (data, constant) = &names.events[signal.event.as_str()];
        let members: Vec<_> =
            signal.positional.iter().map(|argument| format!("{:?}", argument.member)).collect();
        lines += &format!(
            "\t\t{{Signal: {:?}, Name: {constant}, Positional: []string{{{}}}, \
             New: func() any {{ return new({data}) }}}},\n",
            signal.name,
            members.join(", ")
        );
    }
    format!(
        "\nfunc eventTypes() []qapidbus.EventType {{\n\treturn []qapidbus.EventType{{\n\
         {lines}\t}}\n}}\n"
    )
}

fn tag(name: &str, role: &str) -> String {
    let comma = if role.is_empty() { "" } else { "," };
    format!("`qapi:\"{name}{comma}{role}\"`")
}
