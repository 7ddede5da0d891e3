//! The named structs and unions in reach of an interface.

use std::collections::BTreeMap;

use super::{
    interface::Object,
    merge::{Version, Whole},
    types::Shape,
};

/// Collects objects; each is looked up once.
#[derive(Debug)]
pub(super) struct Objects<'a> {
    versions: &'a [Version<'a>],
    found: BTreeMap<String, Object>,
}

impl<'a> Objects<'a> {
    /// None yet, of these schemas, oldest first.
    pub(super) fn new(versions: &'a [Version<'a>]) -> Self {
        Self { versions, found: BTreeMap::new() }
    }

    /// Adds what an object without a name leads to.
    pub(super) fn add_parts(&mut self, object: &Object) {
        object.members.iter().for_each(|member| self.add(&member.shape));
        let branches = object.union.iter().flat_map(|union| &union.branches);
        branches.for_each(|(_, name)| self.add_named(name));
    }

    /// Adds what a type leads to.
    pub(super) fn add(&mut self, shape: &Shape) {
        match shape {
            Shape::Object(name) => self.add_named(name),
            Shape::List(element) => self.add(element),
            Shape::Alternate(forms) => forms.iter().for_each(|form| self.add(form)),
            _ => {}
        }
    }

    /// All of them, in order of names.
    pub(super) fn finish(self) -> Vec<Object> {
        self.found.into_values().collect()
    }

    fn add_named(&mut self, name: &str) {
        if self.found.contains_key(name) {
            return;
        }
        // Types refer to each other in circles: it is known before its members are followed.
        self.found.insert(name.into(), Object::default());
        let object = self.merged(name);
        self.add_parts(&object);
        self.found.insert(name.into(), object);
    }

    fn merged(&self, name: &str) -> Object {
        let versions: Vec<_> = self
            .versions
            .iter()
            .filter_map(|version| Some((*version, Some(version.schema.find(name)?))))
            .collect();
        Whole::new(&versions).into_object(name)
    }
}
