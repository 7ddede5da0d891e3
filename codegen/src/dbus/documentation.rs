//! What bindings say of a command or event.

use std::fmt;

use super::{
    annotations::{self, DEPRECATED, DOC, SINCE, UNSTABLE},
    interface::{Annotation, Method, Signal},
};

/// A summary, and on a second line since when QEMU has it and whether it will last.
#[derive(Clone, Copy, Debug)]
pub struct Documentation<'a> {
    /// One sentence, or the address of QEMU's reference.
    pub summary: &'a str,
    /// The QEMU release that has it first.
    pub since: Option<&'a str>,
    /// QAPI `deprecated`.
    pub deprecated: bool,
    /// QAPI `unstable`: the promise of compatibility does not cover it.
    pub unstable: bool,
}

impl Method {
    /// What to say of it.
    pub fn documentation(&self) -> Documentation<'_> {
        Documentation::of(&self.annotations)
    }
}

impl Signal {
    /// What to say of it.
    pub fn documentation(&self) -> Documentation<'_> {
        Documentation::of(&self.annotations)
    }
}

impl<'a> Documentation<'a> {
    fn of(annotations: &'a [Annotation]) -> Self {
        Self {
            summary: annotations::value(annotations, DOC).unwrap_or_default(),
            since: annotations::value(annotations, SINCE),
            deprecated: annotations::value(annotations, DEPRECATED).is_some(),
            unstable: annotations::has_feature(annotations, UNSTABLE),
        }
    }
}

impl fmt::Display for Documentation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.map(|since| format!("Since QEMU {since}"));
        let deprecated = self.deprecated.then(|| "Deprecated".to_owned());
        let unstable = self.unstable.then(|| "Unstable".to_owned());
        let facts: Vec<_> = since.into_iter().chain(deprecated).chain(unstable).collect();
        f.write_str(self.summary)?;
        if facts.is_empty() { Ok(()) } else { write!(f, "\n{}.", facts.join(". ")) }
    }
}
