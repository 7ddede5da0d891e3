//! Objects whose keys are fixed by the language.

use crate::{
    error::Shortened,
    parser::{Entry, Node, Tree},
    source::{Fault, Place, Result},
};

/// An object of the schema; `what` is how messages call it.
pub(super) struct Object<'t> {
    pub(super) at: Place,
    what: String,
    entries: &'t [Entry],
}

impl<'t> Object<'t> {
    pub(super) fn new(tree: &'t Tree, what: impl Into<String>) -> Result<Self> {
        let what = what.into();
        match &tree.node {
            Node::Object(entries) => Ok(Self { at: tree.at, what, entries }),
            _ => {
                let mistake = format!("{what} is not an object");
                Err(Fault::rule(tree.at, mistake, "write { 'key': ... }"))
            }
        }
    }

    pub(super) fn entries(&self) -> &'t [Entry] {
        self.entries
    }

    pub(super) fn get(&self, key: &str) -> Option<&'t Tree> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(super) fn required(&self, key: &str) -> Result<&'t Tree> {
        self.get(key).ok_or_else(|| {
            let mistake = format!("{} lacks the key '{key}'", self.what);
            Fault::rule(self.at, mistake, "add it")
        })
    }

    /// Refuses keys other than these.
    pub(super) fn check_keys(&self, known: &[&str]) -> Result<()> {
        match self.entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                let key = Shortened(&unknown.key);
                let mistake = format!("{} has no key '{key}'", self.what);
                let remedy = format!("use one of {}", known.join(", "));
                Err(Fault::rule(unknown.at, mistake, remedy))
            }
        }
    }

    /// Whether the flag is set, which is done with `value` only; leaving it out unsets it.
    pub(super) fn flag(&self, key: &str, value: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(Tree { node: Node::Bool(found), .. }) if *found == value => Ok(true),
            Some(tree) => {
                let mistake = format!("flag '{key}' is not {value}");
                let remedy = format!("write {value} or leave the flag out");
                Err(Fault::rule(tree.at, mistake, remedy))
            }
        }
    }
}

/// An element that is either `'short'` or an object with that under `key` and more beside it.
pub(super) fn short_or_object<'t>(
    tree: &'t Tree,
    key: &str,
    others: &[&str],
    what: &str,
) -> Result<(&'t Tree, Option<Object<'t>>)> {
    if !matches!(tree.node, Node::Object(_)) {
        return Ok((tree, None));
    }
    let object = Object::new(tree, what)?;
    let known: Vec<&str> = std::iter::once(key).chain(others.iter().copied()).collect();
    object.check_keys(&known)?;
    Ok((object.required(key)?, Some(object)))
}
