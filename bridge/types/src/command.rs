//! Commands and events: what stands for them on D-Bus.

use crate::{Members, Mismatch, Object, Wire};

/// A command; the type itself holds its arguments.
pub trait Command: Object {
    /// What it returns.
    type Result: Wire;
    /// The method that stands for it.
    const METHOD: Method;
}

/// A command and the method that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// QAPI name.
    pub command: &'static str,
    /// D-Bus name.
    pub name: &'static str,
    /// QAPI names and D-Bus types of the positional arguments.
    pub positional: &'static [(&'static str, &'static str)],
    /// The interface declares a trailing dictionary.
    pub optional: bool,
    /// D-Bus type of the result.
    pub returns: Option<&'static str>,
    /// A file descriptor comes with it, as the first positional argument.
    pub fd: bool,
    /// The peer accepts it out of band.
    pub oob: bool,
    /// The peer answers only if it failed.
    pub silent: bool,
}

impl Method {
    /// A command of which nothing is known.
    pub const PLAIN: Self = Self {
        command: "",
        name: "",
        positional: &[],
        optional: false,
        returns: None,
        fd: false,
        oob: false,
        silent: false,
    };
}

/// The data of an event.
pub trait EventData: Object {
    /// The signal that stands for it.
    const SIGNAL: Signal;
}

/// An event and the signal that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// QAPI name.
    pub event: &'static str,
    /// D-Bus name.
    pub name: &'static str,
    /// QAPI names and D-Bus types of the positional arguments; a dictionary always follows them.
    pub positional: &'static [(&'static str, &'static str)],
}

/// The events of a schema.
pub trait Events: Sized {
    /// The signals that stand for them.
    const SIGNALS: &'static [Signal];

    /// Makes an event of its QAPI name and its data; one that the schemas do not know is kept.
    ///
    /// # Errors
    ///
    /// Which member is missing or does not fit.
    fn read(name: &str, data: Members) -> Result<Self, Mismatch>;

    /// QAPI name.
    fn name(&self) -> &str;
}
