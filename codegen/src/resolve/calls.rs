//! What commands and events may take, and commands return.
//!
//! A conditional member in arguments that are not boxed is accepted: 10.0 refuses it, 7.2 did not.

use super::{Draft, Made};
use crate::{
    ast::{Body, Data, TypeRef},
    directives::Pragmas,
    error::Shortened,
    model::{Kind, Schema, TypeId},
    source::{Fault, Result},
};

/// Checks every command and event.
pub(super) fn check(draft: &Draft<'_>, pragmas: &Pragmas) -> Result<()> {
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
        checked.map_err(|fault| fault.within(&definition.name.text))
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
