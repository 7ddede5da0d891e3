//! What commands and events may take, and commands return.

use super::{Draft, Made, Surroundings};
use crate::{
    ast::{Body, Data, Definition, TypeRef},
    error::Shortened,
    model::{Kind, Schema, TypeId},
    source::{Fault, Result},
};

/// Checks every command and event.
pub(super) fn check(draft: &Draft<'_>, surroundings: &Surroundings<'_>) -> Result<()> {
    let Surroundings { pragmas, rules, .. } = surroundings;
    draft.definitions.iter().zip(&draft.made).try_for_each(|(definition, made)| {
        let schema = &draft.schema;
        let checked = match (&definition.body, made) {
            (Body::Command(written), Made::Command(at)) => {
                let command = &schema.commands[*at];
                let excused = pragmas.command_returns.contains(&definition.name.text);
                check_data(schema, written.data.as_ref(), command.data, command.boxed).and_then(
                    |()| match (&written.returns, command.returns) {
                        (Some(written), Some(id)) if !excused => check_returns(schema, written, id),
                        _ => Ok(()),
                    },
                )
            }
            (Body::Event { data, boxed }, Made::Event(at)) => {
                check_data(schema, data.as_ref(), schema.events[*at].data, *boxed)
            }
            _ => Ok(()),
        };
        let conditions = match rules.conditions_need_boxed {
            true => check_conditions(schema, definition, *made),
            false => Ok(()),
        };
        checked.and(conditions).map_err(|fault| fault.within(&definition.name.text))
    })
}

fn check_data(
    schema: &Schema,
    written: Option<&Data>,
    id: Option<TypeId>,
    boxed: bool,
) -> Result<()> {
    let (Some(Data::Named(name)), Some(id)) = (written, id) else { return Ok(()) };
    let (mistake, remedy) = match schema.ty(id).kind {
        Kind::Struct { .. } => return Ok(()),
        Kind::Union { .. } if boxed => return Ok(()),
        Kind::Union { .. } => ("is a union", "add 'boxed': true"),
        _ => ("is neither a struct nor a union", "wrap it in a struct"),
    };
    let mistake = format!("the type '{}' of 'data' {mistake}", Shortened(&name.text));
    Err(Fault::rule(name.at, mistake, remedy))
}

/// Refuses conditional members where they would be arguments of a C function.
fn check_conditions(schema: &Schema, definition: &Definition, made: Made) -> Result<()> {
    let (data, boxed) = match made {
        Made::Type(_) => return Ok(()),
        Made::Command(at) => (schema.commands[at].data, schema.commands[at].boxed),
        Made::Event(at) => (schema.events[at].data, schema.events[at].boxed),
    };
    let members = data.map_or(&[][..], |id| schema.members(id));
    match members.iter().find(|member| member.condition.is_some()) {
        Some(member) if !boxed => {
            let name = Shortened(&member.name);
            let mistake = format!("member '{name}' of 'data' is conditional");
            Err(Fault::rule(definition.name.at, mistake, "add 'boxed': true"))
        }
        _ => Ok(()),
    }
}

fn check_returns(schema: &Schema, written: &TypeRef, id: TypeId) -> Result<()> {
    let element = match schema.ty(id).kind {
        Kind::Array(element) => element,
        _ => id,
    };
    if matches!(schema.ty(element).kind, Kind::Struct { .. } | Kind::Union { .. }) {
        return Ok(());
    }
    let name = Shortened(&written.name.text);
    let mistake = format!("the type '{name}' of 'returns' is neither a struct nor a union");
    let remedy = "wrap it in a struct, or list the command in command-returns-exceptions";
    Err(Fault::rule(written.name.at, mistake, remedy))
}
