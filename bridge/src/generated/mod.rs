//! The tables of the QAPI interfaces: all that the bridge knows of QEMU's commands and events.

// Written by `qapi-codegen generate`, one line an element whatever its length.
#[rustfmt::skip]
pub mod qga;
#[rustfmt::skip]
pub mod qmp;

#[cfg(test)]
mod tests;
