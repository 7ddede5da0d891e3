//! Backends: each prints the D-Bus model in one form, and decides nothing.

mod dump;
mod tables;
mod xml;

#[cfg(test)]
mod tests;

pub use dump::{dump_interface, dump_schema};
pub use tables::{TABLES_HEADER, emit_tables};
pub use xml::emit_xml;
