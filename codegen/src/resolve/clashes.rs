//! Names side by side in one type must differ, also where `-`, `.` and `_` are one character.

use super::{Draft, Made};
use crate::{
    ast::{self, Body, Data, Text},
    error::Shortened,
    expr::mapped,
    model::{Kind, Schema, TypeId},
    source::{Fault, Result},
};
use std::collections::HashMap;

/// Checks members, values and forms of every definition.
pub(super) fn check(draft: &Draft<'_>) -> Result<()> {
    draft.definitions.iter().zip(&draft.made).try_for_each(|(definition, made)| {
        check_body(&draft.schema, &definition.body, *made)
            .map_err(|fault| fault.within(&definition.name.text))
    })
}

fn check_body(schema: &Schema, body: &Body, made: Made) -> Result<()> {
    match body {
        Body::Enum { values, .. } => {
            check_distinct("value", values.iter().map(|value| &value.name), HashMap::new())
        }
        Body::Alternate { branches } => {
            check_distinct("form", branches.iter().map(|form| &form.name), HashMap::new())
        }
        Body::Struct { base, members } => {
            let inherited = base.as_ref().map(|_| inherited(schema, made)).unwrap_or_default();
            check_members(members, inherited)
        }
        Body::Union { base, .. } => check_members(base.inline(), HashMap::new()),
        Body::Command(command) => check_data(command.data.as_ref()),
        Body::Event { data, .. } => check_data(data.as_ref()),
    }
}

fn check_data(data: Option<&Data>) -> Result<()> {
    check_members(data.map_or(&[], Data::inline), HashMap::new())
}

fn check_members(members: &[ast::Member], seen: Seen<'_>) -> Result<()> {
    check_distinct("member", members.iter().map(|member| &member.name), seen)
}

/// The name under its mapped form, and whose it is.
type Seen<'s> = HashMap<String, (&'s str, &'static str)>;

fn inherited(schema: &Schema, made: Made) -> Seen<'_> {
    let Made::Type(id) = made else { return HashMap::new() };
    base_members(schema, id).map(|name| (mapped(name), (name, " of its base"))).collect()
}

fn base_members(schema: &Schema, id: TypeId) -> impl Iterator<Item = &str> {
    let inherited = match schema.ty(id).kind {
        Kind::Struct { inherited, .. } => inherited,
        _ => 0,
    };
    schema.members(id).iter().take(inherited).map(|member| member.name.as_str())
}

fn check_distinct<'s>(
    role: &str,
    names: impl Iterator<Item = &'s Text>,
    mut seen: Seen<'s>,
) -> Result<()> {
    for Text { text, at } in names {
        if let Some((other, whose)) = seen.insert(mapped(text), (text, "")) {
            let (name, other) = (Shortened(text), Shortened(other));
            let mistake = format!("{role} '{name}' collides with {role} '{other}'{whose}");
            return Err(Fault::rule(*at, mistake, "rename or remove one of them"));
        }
    }
    Ok(())
}
