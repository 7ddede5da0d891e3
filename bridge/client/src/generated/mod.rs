//! The calls of QEMU's guest agent and monitor.

// Written by `qapi-codegen generate`, one line an argument whatever its length.
#[cfg(feature = "qga")]
#[rustfmt::skip]
#[allow(deprecated, unused_imports, reason = "the schemas decide")]
mod qga;
#[cfg(feature = "qmp")]
#[rustfmt::skip]
#[allow(deprecated, unused_imports, reason = "the schemas decide")]
mod qmp;

#[cfg(feature = "qga")]
pub use qga::Agent;
#[cfg(feature = "qmp")]
pub use qmp::Monitor;
