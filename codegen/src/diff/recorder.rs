//! Collects the changes of one definition.

use super::{
    change::{Change, Kind, Place},
    marks::Marks,
};

/// The changes of one definition so far.
#[derive(Debug)]
pub(super) struct Recorder {
    place: Place,
    /// What the old schema says of the whole definition counts for all of its parts.
    marks: Marks,
    changes: Vec<Change>,
}

impl Recorder {
    pub(super) fn new(place: Place, marks: Marks) -> Self {
        Self { place, marks, changes: Vec::new() }
    }

    /// Adds a change of the part at `path`, which the old schema marks like this.
    pub(super) fn add(
        &mut self,
        kind: Kind,
        path: &str,
        before: Option<String>,
        after: Option<String>,
        marks: Marks,
    ) {
        let unstable = self.marks.unstable || marks.unstable;
        let announced = unstable || self.marks.deprecated || marks.deprecated;
        let (place, path) = (self.place.clone(), path.to_owned());
        self.changes.push(Change { kind, place, path, before, after, announced, unstable });
    }

    pub(super) fn finish(self) -> Vec<Change> {
        self.changes
    }
}
