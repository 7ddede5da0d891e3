//! The six kinds of definitions.

use super::{Scope, keys::Object, members, string};
use crate::{
    ast::{Body, Command, Data},
    source::{Fault, Result},
};

/// The body of the definition made with this keyword.
pub(super) fn body(keyword: &str, object: &Object<'_>, scope: &Scope<'_>) -> Result<Body> {
    match keyword {
        "enum" => enumeration(object, scope),
        "struct" => structure(object, scope),
        "union" => union(object, scope),
        "alternate" => alternate(object),
        "command" => command(object, scope),
        _ => event(object, scope),
    }
}

fn enumeration(object: &Object<'_>, scope: &Scope<'_>) -> Result<Body> {
    object.check_keys(&["enum", "data", "prefix", "if", "features"])?;
    let prefix = object.get("prefix").map(|tree| string(tree, "'prefix'")).transpose()?;
    let values = members::values(object.required("data")?, scope)?;
    Ok(Body::Enum { values, prefix: prefix.map(|prefix| prefix.text) })
}

fn structure(object: &Object<'_>, scope: &Scope<'_>) -> Result<Body> {
    object.check_keys(&["struct", "data", "base", "if", "features"])?;
    let base = object.get("base").map(|tree| string(tree, "'base'")).transpose()?;
    let members = members::members(object.required("data")?, "data", scope)?;
    Ok(Body::Struct { base, members })
}

fn union(object: &Object<'_>, scope: &Scope<'_>) -> Result<Body> {
    object.check_keys(&["union", "base", "discriminator", "data", "if", "features"])?;
    Ok(Body::Union {
        base: members::data(object.required("base")?, "base", scope)?,
        discriminator: string(object.required("discriminator")?, "'discriminator'")?,
        branches: members::branches(object.required("data")?)?,
    })
}

fn alternate(object: &Object<'_>) -> Result<Body> {
    object.check_keys(&["alternate", "data", "if", "features"])?;
    Ok(Body::Alternate { branches: members::forms(object.required("data")?)? })
}

fn command(object: &Object<'_>, scope: &Scope<'_>) -> Result<Body> {
    object.check_keys(&COMMAND_KEYS)?;
    let boxed = object.flag("boxed", true)?;
    let command = Command {
        data: data(object, boxed, scope)?,
        returns: object
            .get("returns")
            .map(|tree| members::type_ref(tree, "'returns'"))
            .transpose()?,
        boxed,
        generated: !object.flag("gen", false)?,
        success_response: !object.flag("success-response", false)?,
        allow_oob: object.flag("allow-oob", true)?,
        allow_preconfig: object.flag("allow-preconfig", true)?,
        coroutine: object.flag("coroutine", true)?,
    };
    if command.allow_oob && command.coroutine {
        let mistake = "flags 'allow-oob' and 'coroutine' exclude each other";
        return Err(Fault::rule(object.at, mistake, "remove one of them"));
    }
    Ok(Body::Command(command))
}

const COMMAND_KEYS: [&str; 11] = [
    "command",
    "data",
    "returns",
    "boxed",
    "gen",
    "success-response",
    "allow-oob",
    "allow-preconfig",
    "coroutine",
    "if",
    "features",
];

fn event(object: &Object<'_>, scope: &Scope<'_>) -> Result<Body> {
    object.check_keys(&["event", "data", "boxed", "if", "features"])?;
    let boxed = object.flag("boxed", true)?;
    Ok(Body::Event { data: data(object, boxed, scope)?, boxed })
}

fn data(object: &Object<'_>, boxed: bool, scope: &Scope<'_>) -> Result<Option<Data>> {
    let Some(tree) = object.get("data") else {
        return match boxed {
            false => Ok(None),
            true => {
                let mistake = "'boxed' has no 'data' to box";
                Err(Fault::rule(object.at, mistake, "add 'data' or remove 'boxed'"))
            }
        };
    };
    match members::data(tree, "data", scope)? {
        Data::Inline(_) if boxed => {
            let mistake = "'boxed' data is written in place";
            Err(Fault::rule(tree.at, mistake, "define a struct and name it"))
        }
        data => Ok(Some(data)),
    }
}
