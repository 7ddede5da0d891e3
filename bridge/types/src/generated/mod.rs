//! The schemas of QEMU's guest agent and monitor.

// Written by `qapi-codegen generate`, one line a member whatever its length.
#[cfg(feature = "qga")]
#[rustfmt::skip]
#[allow(
    clippy::too_many_arguments,
    deprecated,
    non_snake_case,
    unused_imports,
    reason = "the schemas decide"
)]
pub mod qga;
#[cfg(feature = "qmp")]
#[rustfmt::skip]
#[allow(
    clippy::too_many_arguments,
    deprecated,
    non_snake_case,
    unused_imports,
    reason = "the schemas decide"
)]
pub mod qmp;
