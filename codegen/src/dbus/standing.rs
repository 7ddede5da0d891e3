//! How what was released fares with the definition that another schema has.

use super::{
    Error, Ledger,
    ledger::Entry,
    merge::{Version, Whole},
    names,
    types::{Direction, Shape},
};
use crate::model::{Schema, TypeId};

/// A released method or signal beside a schema's definition of the same QAPI name.
#[derive(Debug)]
pub struct Standing {
    /// The promise covers it.
    pub promised: bool,
    /// QAPI names of its positional arguments.
    pub positional: Vec<String>,
    /// The arguments by QAPI name, or `result`, that the definition cannot be served with.
    pub broken: Vec<(String, Error)>,
}

impl Ledger {
    /// How a command of the schema stands; none if it is not there or was not released.
    pub fn command(&self, schema: &Schema, name: &str) -> Option<Standing> {
        let (entry, command) = (self.methods.get(name)?, schema.command(name)?);
        let mut standing = entry.standing(schema, command.data, Direction::In);
        let result = command.returns.map(|id| Shape::of(schema, id));
        if let Err(error) = entry.hold_result(result.as_ref()) {
            standing.broken.push((names::RESULT.into(), error));
        }
        Some(standing)
    }

    /// How an event of the schema stands; none if it is not there or was not released.
    pub fn event(&self, schema: &Schema, name: &str) -> Option<Standing> {
        let (entry, event) = (self.signals.get(name)?, schema.event(name)?);
        Some(entry.standing(schema, event.data, Direction::Out))
    }
}

impl Entry {
    fn standing(&self, schema: &Schema, data: Option<TypeId>, direction: Direction) -> Standing {
        let whole = Whole::new(&[(Version { name: "", schema }, data)]);
        let broken = self.positional.iter().filter_map(|held| {
            let broken = self.hold_argument(held, &whole, direction).err()?;
            Some((held.member.clone(), broken))
        });
        Standing {
            promised: self.is_promised(),
            broken: broken.collect(),
            positional: self.positional.iter().map(|held| held.member.clone()).collect(),
        }
    }
}
