//! Looks up the types that definitions name, and adds array types and arguments in place.

use super::{
    Draft, Made,
    names::{add_type, anonymous, info},
};
use crate::{
    ast::{self, Body, Data, Definition, Spanned, Text, TypeRef},
    error::Shortened,
    model::{Branch, Command, Event, Kind, Member, TypeId},
    source::{Fault, Result},
};
use std::collections::HashMap;

/// Completes every declaration, except for inherited members and discriminators.
pub(super) fn resolve(draft: &mut Draft<'_>) -> Result<()> {
    let mut references = References { draft, arrays: HashMap::new() };
    for at in 0..references.draft.definitions.len() {
        let definition = &references.draft.definitions[at];
        references
            .definition(definition, references.draft.made[at])
            .map_err(|fault| fault.within(&definition.name.text))?;
    }
    Ok(())
}

struct References<'r, 'd> {
    draft: &'r mut Draft<'d>,
    /// The array type of an element type.
    arrays: HashMap<TypeId, TypeId>,
}

impl References<'_, '_> {
    fn definition(&mut self, definition: &Definition, made: Made) -> Result<()> {
        match &definition.body {
            Body::Command(command) => {
                let command = self.command(definition, command)?;
                self.draft.schema.commands.push(command);
            }
            Body::Event { data, boxed } => {
                let data = self.data(definition, data.as_ref())?;
                let event = Event { info: info(definition), data, boxed: *boxed };
                self.draft.schema.events.push(event);
            }
            body => {
                let kind = self.kind(body)?;
                if let (Made::Type(id), Some(kind)) = (made, kind) {
                    self.draft.schema.types[id.0 as usize].kind = kind;
                }
            }
        }
        Ok(())
    }

    fn kind(&mut self, body: &Body) -> Result<Option<Kind>> {
        Ok(Some(match body {
            Body::Struct { base, members } => Kind::Struct {
                base: base.as_ref().map(|base| self.named(base)).transpose()?,
                members: self.members(members)?,
                inherited: 0,
                implicit: false,
            },
            Body::Union { base, branches, .. } => Kind::Union {
                base: match base {
                    Data::Named(name) => Some(self.named(name)?),
                    Data::Inline(_) => None,
                },
                members: self.members(base.inline())?,
                tag: 0,
                branches: self.branches(branches)?,
            },
            Body::Alternate { branches } => Kind::Alternate { branches: self.branches(branches)? },
            Body::Enum { .. } | Body::Command(_) | Body::Event { .. } => return Ok(None),
        }))
    }

    fn command(&mut self, definition: &Definition, command: &ast::Command) -> Result<Command> {
        let data = self.data(definition, command.data.as_ref())?;
        let returns = command.returns.as_ref().map(|ty| self.type_ref(ty)).transpose()?;
        Ok(Command {
            info: info(definition),
            data,
            returns,
            boxed: command.boxed,
            generated: command.generated,
            success_response: command.success_response,
            allow_oob: command.allow_oob,
            allow_preconfig: command.allow_preconfig,
            coroutine: command.coroutine,
        })
    }

    /// The type of arguments or data; written in place, they become a type of their own.
    fn data(&mut self, definition: &Definition, data: Option<&Data>) -> Result<Option<TypeId>> {
        let members = match data {
            None => return Ok(None),
            Some(Data::Named(name)) => return self.named(name).map(Some),
            Some(Data::Inline(members)) if members.is_empty() => return Ok(None),
            Some(Data::Inline(members)) => self.members(members)?,
        };
        let mut info = info(definition);
        info.features.clear();
        info.since = None;
        let kind = Kind::Struct { members, base: None, inherited: 0, implicit: true };
        Ok(Some(add_type(&mut self.draft.schema, info, kind)))
    }

    fn members(&mut self, members: &[ast::Member]) -> Result<Vec<Member>> {
        members
            .iter()
            .map(|member| {
                Ok(Member {
                    name: member.name.text.clone(),
                    ty: self.type_ref(&member.ty)?,
                    optional: member.optional,
                    condition: member.condition.clone(),
                    features: Spanned::values(&member.features),
                    since: member.since.clone(),
                })
            })
            .collect()
    }

    fn branches(&mut self, branches: &[ast::Branch]) -> Result<Vec<Branch>> {
        branches
            .iter()
            .map(|branch| {
                Ok(Branch {
                    name: branch.name.text.clone(),
                    ty: self.type_ref(&branch.ty)?,
                    condition: branch.condition.clone(),
                })
            })
            .collect()
    }

    fn type_ref(&mut self, ty: &TypeRef) -> Result<TypeId> {
        let element = self.named(&ty.name)?;
        if !ty.array {
            return Ok(element);
        }
        let schema = &mut self.draft.schema;
        Ok(*self.arrays.entry(element).or_insert_with(|| {
            add_type(schema, anonymous(format!("{}List", ty.name.text)), Kind::Array(element))
        }))
    }

    fn named(&self, name: &Text) -> Result<TypeId> {
        match self.draft.names.get(name.text.as_str()) {
            Some(Made::Type(id)) => Ok(*id),
            Some(Made::Command(_) | Made::Event(_)) => {
                let mistake = format!("'{}' is not a type", Shortened(&name.text));
                Err(Fault::rule(name.at, mistake, "name a type here"))
            }
            None => {
                let mistake = format!("there is no type '{}'", Shortened(&name.text));
                let remedy = match name.text.strip_suffix("List") {
                    Some(element) if self.draft.names.contains_key(element) => {
                        format!("write ['{}']", Shortened(element))
                    }
                    _ => "define it or check its spelling".to_owned(),
                };
                Err(Fault::rule(name.at, mistake, remedy))
            }
        }
    }
}
