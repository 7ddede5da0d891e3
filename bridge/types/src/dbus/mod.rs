//! Values on D-Bus: `a{sv}` for an object, each member by its own type.
//!
//! What D-Bus cannot hold still arrives: a string with U+0000 as `ay` (in a place of its own, with
//! U+FFFD), what nests too deep for the bus as `(s)` holding its JSON text.

mod read;
mod typed;
mod write;

pub use read::value;
pub use typed::Dbus;
#[cfg(feature = "interface")]
pub(crate) use typed::serialize;
pub use write::{Unfit, arguments, data, variant};

use std::collections::HashMap;

use zbus::OwnedVariant;

/// An object.
pub type Dictionary = HashMap<String, OwnedVariant>;

#[cfg(test)]
mod tests;

/// Containers around a value on D-Bus. Beyond it the rest is told as text, which takes two of the
/// bus' 64 levels; a list of objects takes four.
const DEPTH: usize = 56;
