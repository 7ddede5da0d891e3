//! The D-Bus model: what one or several versions of a schema become on the bus.
//!
//! Between `model/` and `emit/`. Every decision of the mapping is made here: names, types, which
//! arguments are positional, what the ledger holds. Backends print the outcome.

pub mod annotations;
mod build;
mod class;
mod docs;
mod documentation;
mod error;
mod example;
mod exceptions;
mod interface;
mod ledger;
mod merge;
pub mod names;
mod reach;
mod standing;
mod types;

#[cfg(test)]
pub(crate) mod tests;

pub use build::{Source, build};
pub use class::{Class, Decision, Reason};
pub use docs::{Definition, Protocol, Summaries};
pub use documentation::Documentation;
pub use error::{Break, Error, Result};
pub use interface::{
    Alternate, Annotation, Argument, Enumeration, Interface, Life, Member, Method, Object, Signal,
    Union, Value,
};
pub use ledger::Ledger;
pub use merge::Version;
pub(crate) use names::RESULT;
pub use standing::Standing;
pub use types::{DICTIONARY, Shape};
