//! Structs, unions, enumerations and alternates.

use std::collections::{BTreeMap, BTreeSet};

use super::{Module, life, names, push};
use crate::dbus::{
    Alternate, Enumeration, Interface, Member, Method, Object, Protocol, Shape, Union, Value,
    names::argument,
};

/// The types of one interface.
pub(super) struct Types<'a> {
    pub(super) interface: &'a Interface,
    protocol: Protocol,
    objects: BTreeMap<&'a str, &'a Object>,
}

/// A type as a member has it: how it is given (see `stored!`), and its name.
pub(super) struct Given(pub(super) &'static str, pub(super) String);

impl<'a> Types<'a> {
    pub(super) fn new(interface: &'a Interface, protocol: Protocol) -> Self {
        let objects = interface.objects.iter().map(|object| (object.name.as_str(), object));
        Self { interface, protocol, objects: objects.collect() }
    }

    /// All named types.
    pub(super) fn emit(&self, modules: &mut BTreeMap<String, Module>) {
        for object in &self.interface.objects {
            let into = &mut modules.entry(object.module.clone()).or_default().types;
            let since = object.since.as_ref().map(|since| format!(", since {since}"));
            let doc = format!("/// QAPI `{}`{}.", object.name, since.unwrap_or_default());
            self.object(into, &names::ty(&object.name), &[doc], object);
        }
        for method in &self.interface.methods {
            // The tables have it as the arguments of the command.
            if let Some(name) = self.boxed(method).filter(|name| !self.objects.contains_key(name)) {
                let into = &mut modules.entry(method.module.clone()).or_default().types;
                let doc = format!("/// QAPI `{name}`.");
                self.object(into, &names::ty(name), &[doc], &method.arguments);
            }
        }
        for enumeration in &self.interface.enumerations {
            let into = &mut modules.entry(enumeration.module.clone()).or_default().types;
            enumeration_text(into, enumeration);
        }
        for alternate in &self.interface.alternates {
            let into = &mut modules.entry(alternate.module.clone()).or_default().types;
            self.alternate(into, alternate);
        }
    }

    /// The union that holds all arguments of a command, which callers build as a whole. The members
    /// of a struct are handier one by one.
    pub(super) fn boxed<'m>(&self, method: &'m Method) -> Option<&'m str> {
        method.data.as_deref().filter(|_| method.arguments.union.is_some())
    }

    /// A struct or union under this name, and for a union what it branches into.
    pub(super) fn object(&self, into: &mut String, name: &str, docs: &[String], object: &Object) {
        push(into, format_args!("    object! {{\n{}        {name} {{\n", super::lines(8, docs)));
        if let Some(union) = &object.union {
            let tag = argument(&union.tag);
            push(
                into,
                format_args!("            tag {tag} {:?} {};\n", union.tag, names::branch(name)),
            );
        }
        for member in self.ordered(object) {
            let Given(kind, ty) = self.member(object, member);
            let life = life(&member.life);
            let word = if member.always { "must" } else { "may" };
            let field = argument(&member.name);
            push(
                into,
                format_args!("            {word} {life}{field} {:?} {kind} {ty};\n", member.name),
            );
        }
        into.push_str("        }\n    }\n");
        if let Some(union) = &object.union {
            self.branches(into, name, object, union);
        }
    }

    /// The members beside the discriminator: those that are always there first, in the order in
    /// which people know them.
    pub(super) fn ordered<'o>(&self, object: &'o Object) -> Vec<&'o Member> {
        let tag = object.union.as_ref().map(|union| union.tag.as_str());
        let mut members: Vec<_> = object
            .members
            .iter()
            .filter(|member| Some(member.name.as_str()) != tag && member.shape != Shape::Fd)
            .collect();
        members.sort_by_key(|member| (!member.always, member.place));
        members
    }

    /// How a member is given.
    pub(super) fn member(&self, owner: &Object, member: &Member) -> Given {
        match &member.shape {
            Shape::Object(name) if self.reaches(name, &owner.name) => {
                Given("into", format!("Box<{}>", self.path(name)))
            }
            shape => self.given(shape),
        }
    }

    /// How a value is given.
    pub(super) fn given(&self, shape: &Shape) -> Given {
        let plain = |name: &str| Given("plain", name.into());
        match shape {
            Shape::Str => Given("into", "String".into()),
            Shape::Bool => plain("bool"),
            Shape::Int8 => plain("i8"),
            Shape::Int16 => plain("i16"),
            Shape::Int32 => plain("i32"),
            Shape::Int64 => plain("i64"),
            Shape::Uint8 => plain("u8"),
            Shape::Uint16 => plain("u16"),
            Shape::Uint32 => plain("u32"),
            Shape::Uint64 => plain("u64"),
            Shape::Number => plain("f64"),
            Shape::Null => plain("Null"),
            Shape::Any | Shape::Fd => Given("into", "Value".into()),
            Shape::Dictionary => plain("Members"),
            Shape::Object(name) => Given("plain", self.path(name)),
            Shape::Enum(name) => Given("into", self.path(name)),
            // A released signature alone makes it a variant.
            Shape::Alternate(name, _) if name.is_empty() => Given("into", "Value".into()),
            Shape::Alternate(name, _) => Given("into", self.path(name)),
            Shape::List(element) => {
                let Given(kind, ty) = self.given(element);
                Given(if kind == "plain" { "list" } else { "each" }, ty)
            }
        }
    }

    /// The whole Rust type.
    pub(super) fn ty(&self, shape: &Shape) -> String {
        let Given(kind, ty) = self.given(shape);
        if matches!(kind, "list" | "each") { format!("Vec<{ty}>") } else { ty }
    }

    pub(super) fn schema(&self) -> &'static str {
        self.protocol.name()
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}::{}", self.schema(), names::ty(name))
    }

    fn branches(&self, into: &mut String, name: &str, object: &Object, union: &Union) {
        push(
            into,
            format_args!(
                "    branches! {{\n        /// What `{}` says of a `{name}`.\n        {} {{\n",
                union.tag,
                names::branch(name)
            ),
        );
        for (value, data, variant) in self.variants(object) {
            match data {
                Some(data) if self.reaches(data, &object.name) => {
                    let path = self.path(data);
                    push(into, format_args!("            with {variant} {value:?} Box<{path}>;\n"));
                }
                Some(data) => {
                    let path = self.path(data);
                    push(into, format_args!("            with {variant} {value:?} {path};\n"));
                }
                None => push(into, format_args!("            bare {variant} {value:?};\n")),
            }
        }
        into.push_str("        }\n    }\n");
    }

    /// The variants of a union's branches: the tag's value, the object that it adds, the name.
    pub(super) fn variants<'o>(
        &'o self,
        object: &'o Object,
    ) -> Vec<(&'o str, Option<&'o str>, String)> {
        let Some(union) = &object.union else { return Vec::new() };
        let with = union.branches.iter().map(|(value, data)| (value.as_str(), Some(data.as_str())));
        let bare = self.interface.values_without_branch(object).into_iter();
        let bare = bare.map(|value| (value, None));
        let all: Vec<_> = with.chain(bare).collect();
        let variants = names::variants(all.iter().map(|(value, _)| *value));
        let named = all.into_iter().zip(variants);
        named.map(|((value, data), variant)| (value, data, variant)).collect()
    }

    fn alternate(&self, into: &mut String, alternate: &Alternate) {
        let name = names::ty(&alternate.name);
        let variants = names::variants(alternate.forms.iter().map(|(name, _)| name.as_str()));
        push(
            into,
            format_args!(
                "    alternate! {{\n        /// QAPI `{}`.\n        {name} {{\n",
                alternate.name
            ),
        );
        for ((form, shape), variant) in alternate.forms.iter().zip(variants) {
            let ty = self.ty(shape);
            // Types refer to each other in circles, most of them through an alternate: boxed here,
            // they are plain elsewhere.
            let (ty, from) = match shape {
                Shape::Object(_) => (format!("Box<{ty}>"), format!(", from {ty}")),
                Shape::Str | Shape::Enum(_) => (ty, ", from &str".into()),
                _ => (ty, String::new()),
            };
            push(into, format_args!("            {variant} {form:?} {ty}{from};\n"));
        }
        into.push_str("        }\n    }\n");
    }

    /// Whether a value of the one type holds another one of the other, other than in a list or in
    /// an alternate.
    pub(super) fn reaches(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            if name == to {
                return true;
            }
            let Some(object) = self.objects.get(name).filter(|_| seen.insert(name)) else {
                continue;
            };
            open.extend(object.members.iter().filter_map(|member| match &member.shape {
                Shape::Object(name) => Some(name.as_str()),
                _ => None,
            }));
            let branches = object.union.iter().flat_map(|union| &union.branches);
            open.extend(branches.map(|(_, data)| data.as_str()));
        }
        false
    }
}

fn enumeration_text(into: &mut String, enumeration: &Enumeration) {
    let variants = names::variants(enumeration.names());
    let (name, values) = (names::ty(&enumeration.name), enumeration.values.iter().zip(variants));
    push(
        into,
        format_args!(
            "    enumeration! {{\n        /// QAPI `{}`.\n        {name} {{\n",
            enumeration.name
        ),
    );
    for (Value { name, life: of }, variant) in values {
        push(into, format_args!("            {}{variant} {name:?};\n", life(of)));
    }
    into.push_str("        }\n    }\n");
}
