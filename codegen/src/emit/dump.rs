//! JSON for people and other tools: the resolved schema, and what it becomes on D-Bus.

use serde_json::{Value, json};

use crate::{
    dbus::{self, Argument, Interface, Object, Union},
    model::{Branch, Command, Condition, Event, Feature, Info, Kind, Member, Schema, TypeId},
};

/// A resolved schema: every definition with its members, bases flattened.
pub fn dump_schema(schema: &Schema) -> Value {
    let types = schema.types.iter().map(|ty| {
        let mut value = info(schema, &ty.info);
        merge(&mut value, kind(schema, &ty.kind));
        value
    });
    json!({
        "modules": schema.modules.iter().map(|module| &module.name).collect::<Vec<_>>(),
        "types": types.collect::<Vec<_>>(),
        "commands": schema.commands.iter().map(|each| command(schema, each)).collect::<Vec<_>>(),
        "events": schema.events.iter().map(|each| event(schema, each)).collect::<Vec<_>>(),
    })
}

/// An interface: names, signatures, and what the dictionaries can hold.
pub fn dump_interface(interface: &Interface) -> Value {
    let methods = interface.methods.iter().map(|method| {
        json!({
            "name": method.name,
            "command": method.command,
            "in": method.signature(),
            "out": method.result.as_ref().map(dbus::Shape::signature),
            "positional": arguments(&method.positional),
            "optional": method.optional,
            "arguments": object(&method.arguments),
            "annotations": annotations(&method.annotations),
            "oob": method.oob,
            "replies": method.replies,
            "class": method.class.class.name(),
        })
    });
    let signals = interface.signals.iter().map(|signal| {
        json!({
            "name": signal.name,
            "event": signal.event,
            "signature": signal.signature(),
            "positional": arguments(&signal.positional),
            "data": object(&signal.data),
            "annotations": annotations(&signal.annotations),
        })
    });
    json!({
        "name": interface.name,
        "methods": methods.collect::<Vec<_>>(),
        "signals": signals.collect::<Vec<_>>(),
        "objects": interface.objects.iter().map(object).collect::<Vec<_>>(),
    })
}

fn info(schema: &Schema, info: &Info) -> Value {
    json!({
        "name": info.name,
        "module": info.module.map(|at| &schema.modules[at.0 as usize].name),
        "if": info.condition.as_ref().map(condition),
        "features": features(&info.features),
        "since": info.since,
    })
}

fn kind(schema: &Schema, kind: &Kind) -> Value {
    match kind {
        Kind::Builtin(builtin) => json!({ "kind": "builtin", "builtin": format!("{builtin:?}") }),
        Kind::Enum { values, prefix } => {
            let values = values.iter().map(|value| {
                json!({
                    "name": value.name,
                    "if": value.condition.as_ref().map(condition),
                    "features": features(&value.features),
                    "since": value.since,
                })
            });
            json!({ "kind": "enum", "prefix": prefix, "values": values.collect::<Vec<_>>() })
        }
        Kind::Struct { members: all, base, inherited, implicit } => json!({
            "kind": "struct",
            "base": base.map(|base| name(schema, base)),
            "inherited": inherited,
            "implicit": implicit,
            "members": members(schema, all),
        }),
        Kind::Union { members: all, base, tag, branches: each } => json!({
            "kind": "union",
            "base": base.map(|base| name(schema, base)),
            "discriminator": all[*tag].name,
            "members": members(schema, all),
            "branches": branches(schema, each),
        }),
        Kind::Alternate { branches: each } => {
            json!({ "kind": "alternate", "branches": branches(schema, each) })
        }
        Kind::Array(element) => json!({ "kind": "array", "element": name(schema, *element) }),
    }
}

fn command(schema: &Schema, command: &Command) -> Value {
    let mut value = info(schema, &command.info);
    merge(
        &mut value,
        json!({
            "data": command.data.map(|id| name(schema, id)),
            "returns": command.returns.map(|id| name(schema, id)),
            "boxed": command.boxed,
            "gen": command.generated,
            "success-response": command.success_response,
            "allow-oob": command.allow_oob,
            "allow-preconfig": command.allow_preconfig,
            "coroutine": command.coroutine,
        }),
    );
    value
}

fn event(schema: &Schema, event: &Event) -> Value {
    let mut value = info(schema, &event.info);
    let data = event.data.map(|id| name(schema, id));
    merge(&mut value, json!({ "data": data, "boxed": event.boxed }));
    value
}

fn members(schema: &Schema, members: &[Member]) -> Vec<Value> {
    let member = |member: &Member| {
        json!({
            "name": member.name,
            "type": name(schema, member.ty),
            "optional": member.optional,
            "if": member.condition.as_ref().map(condition),
            "features": features(&member.features),
            "since": member.since,
        })
    };
    members.iter().map(member).collect()
}

fn branches(schema: &Schema, branches: &[Branch]) -> Vec<Value> {
    let branch = |branch: &Branch| {
        json!({
            "name": branch.name,
            "type": name(schema, branch.ty),
            "if": branch.condition.as_ref().map(condition),
        })
    };
    branches.iter().map(branch).collect()
}

fn features(features: &[Feature]) -> Vec<Value> {
    let feature = |feature: &Feature| json!({ "name": feature.name, "if": feature.condition.as_ref().map(condition) });
    features.iter().map(feature).collect()
}

fn condition(of: &Condition) -> Value {
    match of {
        Condition::Symbol(symbol) => json!(symbol),
        Condition::All(all) => json!({ "all": all.iter().map(condition).collect::<Vec<_>>() }),
        Condition::Any(any) => json!({ "any": any.iter().map(condition).collect::<Vec<_>>() }),
        Condition::Not(not) => json!({ "not": condition(not) }),
    }
}

fn name(schema: &Schema, id: TypeId) -> String {
    let ty = schema.ty(id);
    match ty.kind {
        Kind::Array(element) => format!("[{}]", name(schema, element)),
        _ => ty.info.name.clone(),
    }
}

fn arguments(arguments: &[Argument]) -> Vec<Value> {
    let argument = |argument: &Argument| {
        json!({
            "name": argument.name,
            "member": argument.member,
            "signature": argument.shape.signature(),
            "annotations": annotations(&argument.annotations),
        })
    };
    arguments.iter().map(argument).collect()
}

fn object(object: &Object) -> Value {
    let member = |member: &dbus::Member| {
        let shape = shape(&member.shape);
        json!({ "name": member.name, "signature": member.shape.signature(), "shape": shape })
    };
    let union = |union: &Union| {
        let branches = union.branches.iter().map(|(value, object)| (value.clone(), json!(object)));
        json!({ "tag": union.tag, "branches": Value::Object(branches.collect()) })
    };
    json!({
        "name": object.name,
        "members": object.members.iter().map(member).collect::<Vec<_>>(),
        "union": object.union.as_ref().map(union),
    })
}

fn shape(of: &dbus::Shape) -> Value {
    match of {
        dbus::Shape::Object(name) => json!({ "object": name }),
        dbus::Shape::List(element) => json!({ "list": shape(element) }),
        dbus::Shape::Enum(name) => json!({ "enum": name }),
        dbus::Shape::Alternate(_, forms) => {
            json!({ "alternate": forms.iter().map(shape).collect::<Vec<_>>() })
        }
        plain => json!(format!("{plain:?}")),
    }
}

fn annotations(annotations: &[dbus::Annotation]) -> Value {
    let pairs = annotations.iter().map(|each| (each.name.clone(), json!(each.value)));
    Value::Object(pairs.collect())
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
