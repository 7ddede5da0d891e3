//! QEMU's QMP and guest agent schemas as Rust types.
//!
//! [`qmp`] and [`qga`] hold a type for each struct, union, enumeration and alternate of the schemas,
//! `command` the arguments of each command, `event` the data of each event. All of them read and write
//! JSON through serde, as they are on the sockets, and with the feature `zbus` D-Bus values, as they
//! are on the bridge.
//!
//! Nothing of a newer peer is lost and nothing of it is an error: members that the schemas do not
//! know are in `unlisted`, values of enumerations, branches of unions, forms of alternates and events
//! in a variant of that name. An older peer leaves out what was added later, and all that is an
//! `Option`. Enumerations are strings on the wire; QAPI has none that are integers there.
//!
//! ```
//! # #[cfg(feature = "qga")] {
//! use qapi_dbus_types::qga::command::GuestFileOpen;
//!
//! let open = GuestFileOpen::new("/etc/hostname").mode("r");
//! assert_eq!(serde_json::to_string(&open)?, r#"{"path":"/etc/hostname","mode":"r"}"#);
//! # }
//! # Ok::<_, serde_json::Error>(())
//! ```

#![cfg_attr(
    not(any(feature = "qga", feature = "qmp")),
    allow(dead_code, reason = "what the generated modules are written in")
)]

mod command;
#[cfg(feature = "zbus")]
pub mod dbus;
#[macro_use]
#[allow(unused_macros, reason = "not every schema has all of them")]
mod macros;
mod generated;
#[cfg(feature = "interface")]
pub mod interface;
mod object;
#[cfg(feature = "service")]
mod service;
mod wire;

pub use serde_json::Value;

#[cfg(feature = "qga")]
pub use generated::qga;
#[cfg(feature = "qmp")]
pub use generated::qmp;

pub use command::{Command, EventData, Events, Method, Signal};
pub use object::{Branch, Fields, Object, find_unlisted};
#[cfg(feature = "service")]
pub use service::{Answer, Refusal, Request};
pub use wire::{Items, Kind, Members, Mismatch, Nothing, Null, View, Viewed, Wire, to_value};

#[cfg(test)]
mod tests;
