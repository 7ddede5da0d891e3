//! Members of an object, those of the chosen union branches included.

use super::shape::{Object, Shape};

/// What the schema says of the members of one object value.
#[derive(Debug)]
pub(super) struct Members {
    object: &'static Object,
    /// A branch can be a union too, hence more than one.
    branches: Vec<&'static Object>,
}

impl Members {
    /// Selects branches by the value that `tag` finds for a discriminator, wherever it stands.
    pub(super) fn new<'v>(
        object: &'static Object,
        tag: impl Fn(&'static str) -> Option<&'v str>,
    ) -> Self {
        let mut branches = Vec::new();
        let mut last = object;
        while let Some(union) = &last.union
            && let Some(branch) = tag(union.tag).and_then(|value| last.branch(value))
        {
            branches.push(branch);
            last = branch;
        }
        Self { object, branches }
    }

    /// The shape of a member; one that the schema does not know can be anything.
    pub(super) fn shape(&self, name: &str) -> Shape {
        let known = self.object.member(name);
        let branched = || self.branches.iter().find_map(|branch| branch.member(name));
        known.or_else(branched).unwrap_or(Shape::Any)
    }
}
