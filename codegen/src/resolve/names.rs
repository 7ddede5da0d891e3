//! Declares what every definition makes, in the one namespace of types, commands and events.

use super::{Draft, Made};
use crate::{
    ast::{Body, Definition, Spanned},
    model::{Builtin, Info, Kind, Module, Schema, Type, TypeId, Value},
    source::{Fault, Result},
};
use std::collections::HashMap;

/// Declares everything; what it refers to comes later.
pub(super) fn declare(definitions: &[Definition], modules: Vec<Module>) -> Result<Draft<'_>> {
    let mut schema = Schema { modules, ..Schema::default() };
    let mut names = predefined(&mut schema);
    let (mut commands, mut events) = (0, 0);
    let mut made = Vec::with_capacity(definitions.len());
    for definition in definitions {
        let count = match definition.body {
            Body::Command(_) => &mut commands,
            Body::Event { .. } => &mut events,
            _ => &mut 0,
        };
        let new = match definition.body {
            Body::Command(_) => Made::Command(*count),
            Body::Event { .. } => Made::Event(*count),
            _ => Made::Type(add_type(&mut schema, info(definition), kind(&definition.body))),
        };
        *count += 1;
        if names.insert(&definition.name.text, new).is_some() {
            return Err(redefined(definition));
        }
        made.push(new);
    }
    Ok(Draft { schema, definitions, made, names })
}

/// Adds a type to the schema.
pub(super) fn add_type(schema: &mut Schema, info: Info, kind: Kind) -> TypeId {
    schema.types.push(Type { info, kind });
    TypeId(schema.types.len() as u32 - 1)
}

/// What a definition says of itself.
pub(super) fn info(definition: &Definition) -> Info {
    Info {
        name: definition.name.text.clone(),
        module: Some(definition.module),
        condition: definition.condition.clone(),
        features: Spanned::values(&definition.features),
        since: definition.since.clone(),
    }
}

/// What types without a definition say of themselves.
pub(super) fn anonymous(name: String) -> Info {
    Info { name, module: None, condition: None, features: Vec::new(), since: None }
}

const BUILTINS: [(&str, Builtin); 15] = [
    ("str", Builtin::Str),
    ("bool", Builtin::Bool),
    ("number", Builtin::Number),
    ("int", Builtin::Int64),
    ("int8", Builtin::Int8),
    ("int16", Builtin::Int16),
    ("int32", Builtin::Int32),
    ("int64", Builtin::Int64),
    ("uint8", Builtin::Uint8),
    ("uint16", Builtin::Uint16),
    ("uint32", Builtin::Uint32),
    ("uint64", Builtin::Uint64),
    ("size", Builtin::Uint64),
    ("null", Builtin::Null),
    ("any", Builtin::Any),
];

/// The predefined enumeration of the kinds of JSON values.
const QTYPE: (&str, [&str; 7]) =
    ("QType", ["none", "qnull", "qnum", "qstring", "qdict", "qlist", "qbool"]);

fn predefined<'d>(schema: &mut Schema) -> HashMap<&'d str, Made> {
    let (qtype, values) = QTYPE;
    let values = values.map(|name| Value {
        name: name.to_owned(),
        condition: None,
        features: Vec::new(),
        since: None,
    });
    let qtype = (qtype, Kind::Enum { values: values.into(), prefix: Some("QTYPE".to_owned()) });
    let builtins = BUILTINS.into_iter().map(|(name, builtin)| (name, Kind::Builtin(builtin)));
    let add = |(name, kind): (&'d str, Kind)| {
        (name, Made::Type(add_type(schema, anonymous(name.to_owned()), kind)))
    };
    builtins.chain([qtype]).map(add).collect()
}

/// The kind, as far as it refers to nothing; `references` and `bases` add the rest.
fn kind(body: &Body) -> Kind {
    match body {
        Body::Enum { values, prefix } => Kind::Enum {
            values: values
                .iter()
                .map(|value| Value {
                    name: value.name.text.clone(),
                    condition: value.condition.clone(),
                    features: Spanned::values(&value.features),
                    since: value.since.clone(),
                })
                .collect(),
            prefix: prefix.clone(),
        },
        Body::Union { .. } => {
            Kind::Union { members: Vec::new(), base: None, tag: 0, branches: Vec::new() }
        }
        Body::Alternate { .. } => Kind::Alternate { branches: Vec::new() },
        _ => Kind::Struct { members: Vec::new(), base: None, inherited: 0, implicit: false },
    }
}

fn redefined(definition: &Definition) -> Fault {
    let mistake = "the name is already taken by a type, command or event";
    Fault::rule(definition.name.at, mistake, "choose another").within(&definition.name.text)
}
