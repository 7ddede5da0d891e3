//! Backends: each prints the D-Bus model in one form, and decides nothing.

mod busctl;
mod dump;
mod go;
mod html;
mod json_schema;
mod man;
mod policy;
mod python;
mod release;
mod rust;
mod tables;
mod xml;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use dump::{dump_interface, dump_schema};
pub use go::emit_go;
pub use html::{Site, emit_html};
pub use json_schema::emit_json_schema;
pub use man::emit_man;
pub use policy::{NAME as POLICY, emit_policy};
pub use python::{emit_python, emit_python_call, emit_python_event};
pub use release::{GENERATED, Release};
pub use rust::{emit_calls, emit_rust, emit_rust_call, emit_rust_event};
pub use tables::emit_tables;
pub use xml::emit_xml;

/// The name, or with a number behind it if it is taken.
fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut candidates = (2..).map(|at| format!("{name}_{at}"));
    let mut unique = name.clone();
    while !taken.insert(unique.clone()) {
        unique = candidates.next().unwrap_or_default();
    }
    unique
}
