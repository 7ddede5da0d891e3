//! Between D-Bus bodies and JSON text, guided by the shape tables (mapping, sections 2, 3, 4, 7).
//!
//! [`call`] walks the body of a method call and writes the `arguments` of a command. [`Body`]
//! walks a parsed reply or event and writes the body of a message. Neither knows sockets or a bus.

mod at;
#[cfg(feature = "bridge")]
mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(feature = "bridge")]
mod head;
#[cfg(feature = "bridge")]
mod integer;
mod json;
mod limits;
#[cfg(feature = "bridge")]
mod marshal;
#[cfg(feature = "bridge")]
mod members;
#[cfg(feature = "bridge")]
mod message;
mod parse;
#[cfg(feature = "bridge")]
mod reader;
#[cfg(feature = "bridge")]
mod refusal;
#[cfg(feature = "bridge")]
mod rows;
#[cfg(feature = "bridge")]
pub mod shape;
#[cfg(feature = "bridge")]
mod signal;
#[cfg(feature = "bridge")]
mod to_dbus;
#[cfg(feature = "bridge")]
mod to_json;
#[cfg(feature = "bridge")]
mod values;
mod writer;

pub use at::At;
pub use json::Json;
pub use parse::ParseError;
pub use writer::Unwritable;
#[cfg(feature = "bridge")]
pub use {
    head::Head,
    message::message,
    refusal::Refused,
    rows::Rows,
    signal::{event_members, signal_parts},
    to_dbus::{Body, Misfit, Part},
    to_json::{Call, Timeout, call},
};

#[cfg(test)]
mod every_command;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod roundtrip;
