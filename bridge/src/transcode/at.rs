//! Errors that know where in a value they lie.

use std::fmt;

/// An error and the path to the part of a value that it is about: `backing.file.options[2]`.
///
/// The path is built on the way out of the walk, so that a walk without errors pays nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<E> {
    /// Names and indexes from the outermost value; empty for that value itself.
    pub path: String,
    /// What is wrong there.
    pub error: E,
}

impl<E> At<E> {
    /// The same error, seen from the object around it.
    pub(super) fn in_member(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path.insert_str(0, dot);
        // Names in JSON can hold what no error text on the bus can.
        self.path.insert_str(0, &name.replace('\0', "\u{FFFD}"));
        self
    }

    /// The same error, seen from the list around it.
    pub(super) fn in_element(mut self, index: usize) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path.insert_str(0, &format!("[{index}]{dot}"));
        self
    }
}

impl<E> From<E> for At<E> {
    fn from(error: E) -> Self {
        Self { path: String::new(), error }
    }
}

impl<E: fmt::Display> fmt::Display for At<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => self.error.fmt(f),
            path => write!(f, "'{path}' {}", self.error),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for At<E> {}
