//! Turns QAPI schemas into D-Bus interfaces.
//!
//! One way through: [`load`] reads and checks a schema and gives a [`model::Schema`]; [`dbus`] makes
//! the D-Bus model of one or several of them; [`emit`] prints it, one backend a file. [`generate`]
//! does that for a whole tree, [`check`] tells what is stale there, [`facts`] brings the schemas of
//! another QEMU release in, [`diff`] tells what changed between two of them.

mod ast;
pub mod check;
mod classes;
pub mod dbus;
mod dialect;
pub mod diff;
mod directives;
mod doc;
pub mod emit;
pub mod error;
mod expr;
pub mod facts;
pub mod generate;
mod historical;
mod lexer;
pub mod limits;
mod load;
pub mod model;
mod parser;
pub mod project;
pub mod reference;
mod resolve;
mod rules;
mod source;

pub use classes::Difference;
pub use dialect::Dialect;
pub use doc::prose;
pub use error::Error;
pub use load::{Options, load};
