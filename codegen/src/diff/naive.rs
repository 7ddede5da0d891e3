//! The D-Bus signature that a binding without a ledger would have: mandatory members positional,
//! in the order of the schema, then a dictionary if anything is optional.

use std::fmt;

use crate::{
    dbus::{DICTIONARY, Shape},
    model::{Command, Event, Kind, Schema, TypeId},
};

/// What a definition would look like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naive {
    /// QAPI name and type of what is positional.
    pub positional: Vec<(String, String)>,
    /// A dictionary follows.
    pub dictionary: bool,
    /// What comes back.
    pub result: Option<String>,
}

impl Naive {
    /// Of a command's method.
    pub(super) fn of_command(schema: &Schema, command: &Command) -> Self {
        let result = command.returns.map(|id| Shape::of(schema, id).signature());
        Self { result, ..Self::of(schema, command.data) }
    }

    /// Of an event's signal.
    pub(super) fn of_event(schema: &Schema, event: &Event) -> Self {
        Self::of(schema, event.data)
    }

    /// The type of a positional argument.
    pub(super) fn positional(&self, member: &str) -> Option<&str> {
        let argument = self.positional.iter().find(|(name, _)| name == member);
        argument.map(|(_, signature)| signature.as_str())
    }

    fn of(schema: &Schema, data: Option<TypeId>) -> Self {
        let Some(id) = data else { return Self::default() };
        let members = schema.members(id);
        let mandatory = members.iter().filter(|member| !member.optional);
        let is_union = matches!(schema.ty(id).kind, Kind::Union { .. });
        Self {
            positional: mandatory
                .map(|member| (member.name.clone(), Shape::of(schema, member.ty).signature()))
                .collect(),
            dictionary: is_union || members.iter().any(|member| member.optional),
            result: None,
        }
    }
}

/// The signature of the call or signal.
impl fmt::Display for Naive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.positional.iter().try_for_each(|(_, signature)| f.write_str(signature))?;
        f.write_str(if self.dictionary { DICTIONARY } else { "" })
    }
}
