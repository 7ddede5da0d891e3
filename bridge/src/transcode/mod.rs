//! Between D-Bus bodies and JSON text, guided by the shape tables (mapping, sections 2, 3, 4, 7).
//!
//! [`call`] walks the body of a method call and writes the `arguments` of a command. [`Body`]
//! walks a parsed reply or event and writes the body of a message. Neither knows sockets or a bus.

mod at;
mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod integer;
mod json;
mod limits;
mod members;
mod parse;
mod reader;
mod refusal;
mod rows;
pub mod shape;
mod signal;
mod to_dbus;
mod to_json;
mod values;
mod writer;

pub use at::At;
pub use json::Json;
pub use parse::ParseError;
pub use refusal::Refused;
pub use rows::Rows;
pub use signal::{event_members, signal_parts};
pub use to_dbus::{Body, Misfit, Part};
pub use to_json::{Call, Timeout, call};
pub use writer::Unwritable;

#[cfg(test)]
mod every_command;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod roundtrip;
