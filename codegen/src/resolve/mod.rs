//! From definitions to the model: names looked up, bases flattened, the rules between definitions
//! checked. One pass a file; each relies on those listed before it.

mod alternates;
mod bases;
mod branches;
mod calls;
mod clashes;
mod discriminators;
mod features;
mod names;
mod references;

use crate::{
    ast::{Body, Definition},
    directives::Pragmas,
    limits::Limits,
    model::{Module, Schema, TypeId},
    rules::Rules,
    source::Result,
};

/// What decides what is right, besides the definitions.
pub(crate) struct Surroundings<'s> {
    pub(crate) pragmas: &'s Pragmas,
    pub(crate) rules: &'s Rules,
    pub(crate) limits: &'s Limits,
}

/// Makes the model.
pub(crate) fn resolve(
    definitions: &[Definition],
    modules: Vec<Module>,
    surroundings: &Surroundings<'_>,
) -> Result<Schema> {
    let Surroundings { rules, limits, .. } = surroundings;
    features::check(definitions, rules.features)?;
    let mut draft = names::declare(definitions, modules)?;
    references::resolve(&mut draft)?;
    bases::flatten(&mut draft, limits)?;
    clashes::check(&draft)?;
    discriminators::resolve(&mut draft, rules)?;
    branches::check(&draft, limits)?;
    alternates::check(&draft)?;
    calls::check(&draft, surroundings)?;
    Ok(draft.schema)
}

/// The model under construction beside the definitions it is made from.
struct Draft<'d> {
    schema: Schema,
    definitions: &'d [Definition],
    /// What each definition made.
    made: Vec<Made>,
    names: std::collections::HashMap<&'d str, Made>,
}

/// What a definition made: a type, or the command or event of this index.
#[derive(Clone, Copy, Debug)]
enum Made {
    Type(TypeId),
    Command(usize),
    Event(usize),
}

impl<'d> Draft<'d> {
    /// Visits the definitions that made types; faults of `check` are told to be in theirs.
    fn each_type(&self, mut check: impl FnMut(TypeId, &'d Body) -> Result<()>) -> Result<()> {
        self.definitions.iter().zip(&self.made).try_for_each(|(definition, made)| match made {
            Made::Type(id) => {
                check(*id, &definition.body).map_err(|fault| fault.within(&definition.name.text))
            }
            Made::Command(_) | Made::Event(_) => Ok(()),
        })
    }

    /// The definition that made the type; for faults only, as it searches.
    fn definition(&self, id: TypeId) -> Option<&'d Definition> {
        let made = |made: &Made| matches!(made, Made::Type(made) if *made == id);
        self.made.iter().position(made).map(|at| &self.definitions[at])
    }
}
