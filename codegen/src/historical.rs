//! The notation of 2011 in today's: `Dialect::Q2011`.
//!
//! | then | now |
//! | --- | --- |
//! | `{ 'type': 'T', 'data': {...} }` | `{ 'struct': 'T', 'data': {...} }` |
//! | `[ 'name', {mandatory}, {optional}, 'type' ]` | `command` with `*` before what is optional |
//! | `[ 'name', {...}, {...}, 'none' ]` | the same without `returns` |
//! | `[ 'get-e-event', {...}, {...}, 'E' ]`, a signal accessor | `command` that returns `int` |
//! | `{ 'E': {...} }` | `event` |
//!
//! An accessor connects its caller to an event, and what it returned stood for the connection until
//! `put-event` was given its `tag`, an `int`. So on the wire an accessor is a command that returns
//! an `int`; the event itself must be defined, anywhere in the schema.
//!
//! What is written in today's notation stays as it is. The rules on `_` and upper case in names of
//! commands and members, and on what commands return, are younger than the notation: they do not
//! count for what is written in it.

use crate::{
    directives::{Expression, Parsed},
    error::Shortened,
    expr::KEYWORDS,
    parser::{Entry, Node, Tree},
    source::{Fault, Place, Result},
};

/// Rewrites the definitions of a whole schema.
pub(crate) fn modernise(parsed: &mut Parsed) -> Result<()> {
    let Parsed { definitions, pragmas, .. } = parsed;
    let mut accessors = Vec::new();
    for definition in definitions.iter_mut() {
        let at = definition.tree.at;
        match &mut definition.tree.node {
            Node::Array(parts) => {
                let command = Command::read(at, std::mem::take(parts))?;
                accessors.extend(command.accessed()?);
                pragmas.command_names.insert(command.name.clone());
                pragmas.command_returns.insert(command.name.clone());
                pragmas.member_names.insert(command.name.clone());
                definition.tree = command.write();
            }
            Node::Object(entries) => {
                pragmas.member_names.extend(modernise_object(entries));
            }
            Node::String(_) | Node::Bool(_) => {}
        }
    }
    accessors.iter().try_for_each(|accessor| accessor.check(definitions))
}

/// A command as it was written.
struct Command {
    at: Place,
    name_at: Place,
    name: String,
    members: Vec<Entry>,
    returns: Tree,
}

/// The event that a command connects to.
struct Accessor {
    at: Place,
    command: String,
    event: String,
}

impl Command {
    fn read(at: Place, parts: Vec<Tree>) -> Result<Self> {
        let count = parts.len();
        let Ok([name, mandatory, optional, returns]) = <[Tree; 4]>::try_from(parts) else {
            let mistake = format!("the command has {count} parts in place of 4");
            return Err(Fault::rule(at, mistake, FORM));
        };
        let Node::String(text) = name.node else {
            return Err(Fault::rule(name.at, "the command's name is not a string", FORM));
        };
        let within = |fault: Fault| fault.within(&text);
        let mut members = entries(mandatory).map_err(within)?;
        let optional = entries(optional).map_err(within)?;
        if let Some(twice) = optional.iter().find(|entry| has(&members, &entry.key)) {
            let name = Shortened(&twice.key);
            let mistake = format!("member '{name}' is both mandatory and optional");
            return Err(within(Fault::rule(twice.at, mistake, "remove one of them")));
        }
        members.extend(optional.into_iter().map(|entry| {
            let key = format!("*{}", entry.key);
            Entry { key, ..entry }
        }));
        Ok(Self { at, name_at: name.at, name: text, members, returns })
    }

    /// The event in place of what it returns.
    fn accessed(&self) -> Result<Option<Accessor>> {
        let at = self.returns.at;
        match &self.returns.node {
            Node::String(event) if is_event(event) => {
                Ok(Some(Accessor { at, command: self.name.clone(), event: event.clone() }))
            }
            Node::String(_) | Node::Array(_) => Ok(None),
            _ => {
                let mistake = "what the command returns is neither a type nor an event";
                Err(Fault::rule(at, mistake, FORM).within(&self.name))
            }
        }
    }

    fn write(self) -> Tree {
        let Self { at, name_at, name, members, returns } = self;
        let entry = |key: &str, value| Entry { key: key.into(), at, value };
        let mut entries = vec![entry("command", Tree { at: name_at, node: Node::String(name) })];
        if !members.is_empty() {
            entries.push(entry("data", Tree { at, node: Node::Object(members) }));
        }
        match &returns.node {
            Node::String(none) if none == "none" => {}
            Node::String(event) if is_event(event) => {
                let node = Node::String("int".into());
                entries.push(entry("returns", Tree { at: returns.at, node }));
            }
            _ => entries.push(entry("returns", returns)),
        }
        Tree { at, node: Node::Object(entries) }
    }
}

impl Accessor {
    fn check(&self, definitions: &[Expression]) -> Result<()> {
        let defines = |definition: &Expression| match &definition.tree.node {
            Node::Object(entries) => entries.iter().any(|entry| {
                let named = |node: &Node| matches!(node, Node::String(name) if *name == self.event);
                entry.key == "event" && named(&entry.value.node)
            }),
            _ => false,
        };
        if definitions.iter().any(defines) {
            return Ok(());
        }
        let mistake = format!("there is no event '{}' to return", Shortened(&self.event));
        let remedy = "define it, or name a type or 'none'";
        Err(Fault::rule(self.at, mistake, remedy).within(&self.command))
    }
}

const FORM: &str = "write [ 'name', { mandatory }, { optional }, 'type' ]";

/// Rewrites a struct or an event; gives its name where it was one of 2011.
fn modernise_object(entries: &mut Vec<Entry>) -> Option<String> {
    if KEYWORDS.iter().any(|keyword| has(entries, keyword)) {
        return None;
    }
    if let Some(keyword) = entries.iter_mut().find(|entry| entry.key == "type") {
        keyword.key = "struct".into();
        return match &keyword.value.node {
            Node::String(name) => Some(name.clone()),
            _ => None,
        };
    }
    if entries.len() != 1 || !is_event(&entries[0].key) {
        return None;
    }
    let Entry { key: name, at, value } = entries.pop()?;
    let entry = |key: &str, value| Entry { key: key.into(), at, value };
    entries.push(entry("event", Tree { at, node: Node::String(name.clone()) }));
    entries.push(entry("data", value));
    Some(name)
}

fn entries(tree: Tree) -> Result<Vec<Entry>> {
    match tree.node {
        Node::Object(entries) => Ok(entries),
        _ => Err(Fault::rule(tree.at, "the members of the command are not an object", FORM)),
    }
}

fn has(entries: &[Entry], key: &str) -> bool {
    entries.iter().any(|entry| entry.key == key)
}

/// Types have lower case in their names, and events have none.
fn is_event(name: &str) -> bool {
    let upper = |char: char| char.is_ascii_uppercase();
    name.contains(upper) && !name.contains(|char: char| char.is_ascii_lowercase())
}

#[cfg(test)]
mod tests;
