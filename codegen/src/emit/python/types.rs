//! Types and events: `qmp.py`.

use std::fmt::Write;

use super::{Names, annotation, header, identifier, quoted, wrapped};
use crate::{
    dbus::{Alternate, Enumeration, Interface, Member, Object, Signal, Union},
    emit::Release,
};

pub(super) fn emit(interface: &Interface, names: &Names<'_>, release: &Release<'_>) -> String {
    let types = Types { interface, names };
    let mut out = header(release);
    let _ = write!(
        out,
        "\"\"\"Types and events of `{}`, made from the schemas of QEMU {}.\"\"\"\n\n\
         from __future__ import annotations\n\nimport typing as t\n",
        interface.name, release.versions
    );
    if !interface.signals.is_empty() {
        out.push_str("\nfrom .event import EventType\n");
    }
    out.push('\n');
    interface.enumerations.iter().for_each(|each| out.push_str(&enumeration(each)));
    interface.alternates.iter().for_each(|each| out.push_str(&alternate(each)));
    types.objects(&mut out);
    if !interface.signals.is_empty() {
        types.events(&mut out);
    }
    out
}

/// One class of a union: for these values of the tag.
struct Variant {
    name: String,
    bases: Vec<String>,
    values: Vec<String>,
}

struct Types<'a> {
    interface: &'a Interface,
    names: &'a Names<'a>,
}

fn enumeration(each: &Enumeration) -> String {
    let values: Vec<_> = each.names().map(quoted).collect();
    let before = format!("{}: t.TypeAlias = t.Union[t.Literal[", identifier(&each.name));
    if values.is_empty() {
        return format!("{}: t.TypeAlias = str\n", identifier(&each.name));
    }
    wrapped(0, &before, &values, "], str]")
}

/// Quoted: types refer to each other in circles.
fn alternate(each: &Alternate) -> String {
    let forms: Vec<_> = each.forms.iter().map(|(_, form)| annotation(form, "")).collect();
    format!("{}: t.TypeAlias = \"{}\"\n", identifier(&each.name), forms.join(" | "))
}

impl Types<'_> {
    /// Classes need their bases: structs come first, then unions, those within others first.
    fn objects(&self, out: &mut String) {
        let named = self.interface.objects.iter().map(|each| (identifier(&each.name), each));
        let of_methods = self.interface.methods.iter().filter_map(|method| {
            let name = self.names.arguments.get(method.command.as_str())?;
            Some((name.clone(), &method.arguments))
        });
        let signals = self.interface.signals.iter();
        let of_signals =
            signals.map(|each| (self.names.data[each.event.as_str()].clone(), &each.data));
        let mut all: Vec<_> = named.chain(of_methods).chain(of_signals).collect();
        all.sort_by_key(|(_, object)| self.depth(object));
        for (name, object) in all {
            match &object.union {
                None => typed_dict(out, &name, &self.interface.common(object)),
                Some(union) => self.union(out, &name, object, union),
            }
        }
    }

    fn depth(&self, object: &Object) -> usize {
        let Some(union) = &object.union else { return 0 };
        let branches = union.branches.iter().filter_map(|(_, name)| self.interface.object(name));
        1 + branches.map(|branch| self.depth(branch)).max().unwrap_or_default()
    }

    /// What is common, a variant for each branch, one for the values without a branch.
    fn union(&self, out: &mut String, name: &str, object: &Object, union: &Union) {
        let mut common = self.interface.common(object);
        common.retain(|member| member.name != union.tag);
        typed_dict(out, &format!("_{name}"), &common);
        let variants = self.variants(name, object, union);
        for Variant { name, bases, values } in &variants {
            class(out, name, bases, &union.tag, values);
        }
        let names: Vec<_> = variants.into_iter().map(|variant| variant.name).collect();
        out.push_str(&alias(name, &names));
    }

    fn variants(&self, name: &str, object: &Object, union: &Union) -> Vec<Variant> {
        let common = format!("_{name}");
        let mut variants = Vec::new();
        for (value, branch) in &union.branches {
            let variant = &self.names.variants[&(name.to_owned(), value.as_str())];
            let bases = |branch| vec![common.clone(), branch];
            let values = vec![value.clone()];
            let found = self.interface.object(branch);
            let Some((inner, nested)) = found.and_then(|it| Some((it, it.union.as_ref()?))) else {
                let bases = bases(identifier(branch));
                variants.push(Variant { name: variant.clone(), bases, values });
                continue;
            };
            for each in self.variants(&identifier(branch), inner, nested) {
                let name = format!("{variant}_{}", each.name);
                variants.push(Variant { name, bases: bases(each.name), values: values.clone() });
            }
        }
        let bare = self.interface.values_without_branch(object).into_iter();
        let values: Vec<_> = bare.map(str::to_owned).collect();
        if !values.is_empty() {
            variants.push(Variant { name: format!("{name}_"), bases: vec![common], values });
        }
        variants
    }

    fn events(&self, out: &mut String) {
        out.push_str("\n\n");
        for signal in &self.interface.signals {
            out.push_str(&self.event(signal));
        }
        out.push_str("\n#: By the name of the signal.\nEVENTS: dict[str, EventType[t.Any]] = {\n");
        for Signal { name, event, .. } in &self.interface.signals {
            let _ = writeln!(out, "    {}: {},", quoted(name), identifier(event));
        }
        out.push_str("}\n");
    }

    fn event(&self, signal: &Signal) -> String {
        let Signal { name, event, positional, .. } = signal;
        let members: Vec<_> = positional.iter().map(|each| quoted(&each.member)).collect();
        let comma = if members.len() == 1 { "," } else { "" };
        let members = format!("({}{comma})", members.join(", "));
        let before = format!(
            "{}: EventType[{}] = EventType(",
            identifier(event),
            self.names.data[event.as_str()]
        );
        let documented = signal.documentation().to_string().replace('\n', "\n#: ");
        format!("#: {documented}\n")
            + &wrapped(0, &before, &[quoted(event), quoted(name), members], ")")
    }
}

fn alias(name: &str, variants: &[String]) -> String {
    if variants.is_empty() {
        return format!("\n\n{name}: t.TypeAlias = \"_{name}\"\n");
    }
    let quoted: Vec<_> = variants.iter().map(|variant| format!("\"{variant}\"")).collect();
    "\n\n".to_owned() + &wrapped(0, &format!("{name} = t.Union["), &quoted, "]")
}

fn class(out: &mut String, name: &str, bases: &[String], tag: &str, values: &[String]) {
    let bases = bases.join(", ");
    let literal = |quote: char| {
        let values: Vec<_> = values.iter().map(|value| format!("{quote}{value}{quote}")).collect();
        format!("t.Literal[{}]", values.join(", "))
    };
    let _ = if is_plain(tag) {
        write!(out, "\n\nclass {name}({bases}):\n    {tag}: {}\n", literal('"'))
    } else {
        write!(
            out,
            "\n\n_{name} = t.TypedDict(\"_{name}\", {{\"{tag}\": \"{}\"}})\n\n\n\
             class {name}({bases}, _{name}):\n    pass\n",
            literal('\'')
        )
    };
}

/// In the form of a class if all keys can be names there.
fn typed_dict(out: &mut String, name: &str, members: &[&Member]) {
    if members.iter().all(|member| is_plain(&member.name)) {
        let _ = write!(out, "\n\nclass {name}(t.TypedDict):\n");
        if members.is_empty() {
            out.push_str("    pass\n");
        }
        for member in members {
            let remark = remark(member);
            let _ = writeln!(out, "    {}: {}{remark}", member.name, member_type(member));
        }
        return;
    }
    let _ = write!(out, "\n\n{name} = t.TypedDict(\n    \"{name}\",\n    {{\n");
    for member in members {
        let remark = remark(member);
        let _ = writeln!(out, "        \"{}\": \"{}\",{remark}", member.name, member_type(member));
    }
    out.push_str("    },\n)\n");
}

fn member_type(member: &Member) -> String {
    let annotation = annotation(&member.shape, "");
    if member.always { annotation } else { format!("t.NotRequired[{annotation}]") }
}

fn remark(member: &Member) -> &'static str {
    if member.life.deprecated { "  # deprecated" } else { "" }
}

/// Whether a key can be the name of a class's attribute, without hiding what annotations use.
fn is_plain(key: &str) -> bool {
    const USED: [&str; 7] = ["str", "bool", "float", "int", "list", "dict", "t"];
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    key.chars().all(valid)
        && !key.starts_with(|c: char| c.is_ascii_digit() || c == '_')
        && !crate::dbus::names::is_keyword(key)
        && !USED.contains(&key)
}
