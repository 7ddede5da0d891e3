//! What the generated JSON Schemas say of commands and events: members, their types and values.

use std::sync::OnceLock;

use serde_json::Value;

use super::Members;
use crate::{
    endpoint::Protocol,
    generated::{qga, qmp},
    transcode::shape::Interface,
};

/// The schema of a protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema<'a> {
    definitions: &'a Value,
    /// The tables of the same schema.
    pub(super) interface: &'static Interface,
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) ty: Type<'a>,
    pub(super) required: bool,
    pub(super) deprecated: bool,
}

/// A type, as JSON Schema writes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type<'a> {
    schema: Schema<'a>,
    written: &'a Value,
}

/// What definitions begin with whose type has no name that people know.
pub(super) const UNNAMED: char = '~';

/// The tables of a protocol.
pub(super) fn interface(protocol: Protocol) -> &'static Interface {
    match protocol {
        Protocol::Qmp => &qmp::INTERFACE,
        Protocol::Qga => &qga::INTERFACE,
    }
}

static QMP: &str = include_str!("../../../introspection/org.qemu.QmpQapi.schema.json");
static QGA: &str = include_str!("../../../introspection/org.qemu.QgaQapi.schema.json");

impl Schema<'static> {
    /// The one that is built in.
    pub(super) fn of(protocol: Protocol) -> Self {
        static READ: [OnceLock<Value>; 2] = [OnceLock::new(), OnceLock::new()];
        let (read, text) = match protocol {
            Protocol::Qmp => (&READ[0], QMP),
            Protocol::Qga => (&READ[1], QGA),
        };
        // The generator's own output: a test reads both.
        let read = read.get_or_init(|| serde_json::from_str(text).unwrap_or_default());
        Self { definitions: &read["$defs"], interface: interface(protocol) }
    }
}

impl<'a> Schema<'a> {
    /// The same, with definitions of a peer.
    pub(super) fn with(self, definitions: &'a Value) -> Self {
        Self { definitions, ..self }
    }

    /// The types by name.
    pub(super) fn definitions(self) -> &'a Value {
        self.definitions
    }

    /// The QAPI name of a command by that name, or by the name of its method.
    pub(super) fn command(self, name: &str) -> Option<&str> {
        let method = self.interface.command(name).or_else(|| self.interface.method(name));
        method.map(|it| it.command).or_else(|| self.arguments(name).map(|_| name))
    }

    /// The arguments of a command.
    pub(super) fn arguments(self, command: &str) -> Option<Type<'a>> {
        self.named(&format!("{command}.arguments"))
    }

    /// What a command returns.
    pub(super) fn result(self, command: &str) -> Option<Type<'a>> {
        self.named(&format!("{command}.result"))
    }

    /// The data of an event.
    pub(super) fn event(self, event: &str) -> Option<Type<'a>> {
        self.named(&format!("{event}.data"))
    }

    fn named(self, name: &str) -> Option<Type<'a>> {
        self.definitions.get(name).map(|written| Type { schema: self, written })
    }
}

impl<'a> Type<'a> {
    /// The summary and, a line each, what else is known.
    pub(super) fn description(self) -> &'a str {
        self.written["description"].as_str().unwrap_or_default()
    }

    /// The alternatives that it comes to, none of them a reference.
    pub(super) fn leaves(self) -> Vec<Self> {
        let resolved = self.resolved();
        match resolved.written["anyOf"].as_array() {
            Some(all) => all.iter().flat_map(|one| resolved.at(one).leaves()).collect(),
            None => vec![resolved],
        }
    }

    /// `string`, `object` and so on; none for a value of any type.
    pub(super) fn kind(self) -> Option<&'a str> {
        match self.written.get("enum") {
            Some(_) => Some("string"),
            None => self.written["type"].as_str(),
        }
    }

    /// The elements of a list.
    pub(super) fn items(self) -> Option<Self> {
        self.written.get("items").map(|items| self.at(items))
    }

    /// The range of an integer.
    pub(super) fn range(self) -> Option<(i128, i128)> {
        let bound = |name: &str| match &self.written[name] {
            Value::Number(number) => number
                .as_i64()
                .map_or_else(|| number.as_u64().map(i128::from), |it| Some(it.into())),
            _ => None,
        };
        Some((bound("minimum")?, bound("maximum")?))
    }

    /// The values that an enumeration is known to have.
    pub(super) fn values(self) -> Vec<&'a str> {
        let leaves = self.leaves().into_iter();
        let lists = leaves.filter_map(|leaf| leaf.written.get("enum")?.as_array());
        lists.flatten().filter_map(Value::as_str).collect()
    }

    /// The members of an object, with those that `given` selects of a union.
    pub(super) fn members(self, given: &Members) -> Vec<Member<'a>> {
        let mut members: Vec<Member<'_>> = Vec::new();
        for leaf in self.leaves() {
            leaf.add_members(given, &mut members);
        }
        members
    }

    /// A member of an object.
    pub(super) fn member(self, name: &str, given: &Members) -> Option<Member<'a>> {
        self.members(given).into_iter().find(|member| member.name == name)
    }

    fn add_members(self, given: &Members, to: &mut Vec<Member<'a>>) {
        let resolved = self.resolved();
        let required = |name: &str| {
            let list = resolved.written["required"].as_array();
            list.is_some_and(|list| list.iter().any(|it| it == name))
        };
        for (name, ty) in resolved.written["properties"].as_object().into_iter().flatten() {
            if !to.iter().any(|it| it.name == name) {
                let deprecated = ty["deprecated"] == true;
                let required = required(name);
                to.push(Member { name, ty: resolved.at(ty), required, deprecated });
            }
        }
        for part in resolved.written["allOf"].as_array().into_iter().flatten() {
            let condition = part["if"]["properties"].as_object();
            let mut conditions = condition.into_iter().flatten();
            if conditions.all(|(name, wanted)| given.get(name) == wanted.get("const")) {
                resolved.at(part.get("then").unwrap_or(part)).add_members(given, to);
            }
        }
    }

    /// What it is called: `string`, `[integer]`, `RunState`.
    pub(super) fn name(self) -> String {
        if let Some(reference) = self.written["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            return match name.starts_with(UNNAMED) {
                true => self.resolved().name(),
                false => name.to_owned(),
            };
        }
        match (self.items(), self.written["anyOf"].as_array(), self.kind()) {
            (Some(items), ..) => format!("[{}]", items.name()),
            (_, Some(all), _) => {
                let names: Vec<_> = all.iter().map(|one| self.at(one).name()).collect();
                names.join(" or ")
            }
            (_, _, kind) => kind.unwrap_or("any").to_owned(),
        }
    }

    fn at(self, written: &'a Value) -> Self {
        Self { written, ..self }
    }

    fn resolved(self) -> Self {
        let reference = self.written["$ref"].as_str();
        let name = reference.and_then(|it| it.strip_prefix("#/$defs/"));
        name.and_then(|name| self.schema.named(name)).map_or(self, Self::resolved)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_command_and_event_of_the_tables_is_known() {
        for protocol in [Protocol::Qmp, Protocol::Qga] {
            let schema = Schema::of(protocol);
            for method in schema.interface.methods {
                let arguments = schema.arguments(method.command).unwrap();
                assert!(!arguments.description().is_empty(), "{}", method.command);
                assert_eq!(schema.command(method.name), Some(method.command));
                let members = arguments.members(&Members::new());
                for positional in method.positional.iter().filter(|it| it.name != "fd") {
                    let member = members.iter().find(|it| it.name == positional.name);
                    assert!(member.unwrap().required, "{} {}", method.command, positional.name);
                }
            }
            for signal in schema.interface.signals {
                assert!(schema.event(signal.event).is_some(), "{}", signal.event);
            }
        }
    }

    #[test]
    fn a_union_has_the_members_of_the_branch_that_is_given() {
        let add = Schema::of(Protocol::Qmp).arguments("blockdev-add").unwrap();
        let names = |given: Value| {
            let given = given.as_object().unwrap().clone();
            add.members(&given).iter().map(|it| it.name).collect::<Vec<_>>()
        };
        assert!(!names(json!({})).contains(&"lazy-refcounts"));
        assert!(names(json!({"driver": "qcow2"})).contains(&"lazy-refcounts"));
        assert!(add.member("driver", &Members::new()).unwrap().ty.values().contains(&"qcow2"));
    }
}
