//! QEMU's monitor (QMP) and guest agent (QGA) on D-Bus.
//!
//! ```text
//! D-Bus client <-> bus <-> guard <-> dispatch <-> transcode <-> endpoint <-> QMP / QGA socket
//! ```
//!
//! Dependencies point one way: `daemon -> bus -> transcode -> endpoint`. `endpoint` knows no
//! D-Bus, `transcode` knows no sockets, and only the generator knows the schema language: its
//! product is in `generated`. `skew` compares that product with what a peer says it is.
//! Without the feature `bridge` there are the endpoints alone, and the writer of their requests.

#![cfg_attr(
    not(feature = "bridge"),
    allow(dead_code, unused_imports, reason = "what is here serves the bridge too")
)]

#[cfg(feature = "bridge")]
pub mod auth;
#[cfg(feature = "bridge")]
pub mod bus;
#[cfg(feature = "bridge")]
pub mod cli;
#[cfg(feature = "bridge")]
pub mod config;
#[cfg(feature = "bridge")]
pub mod daemon;
#[cfg(feature = "bridge")]
pub mod demo;
#[cfg(feature = "bridge")]
pub mod doctor;
pub mod endpoint;
#[cfg(feature = "bridge")]
pub mod generated;
#[cfg(feature = "bridge")]
pub mod heap;
#[cfg(feature = "bridge")]
pub mod install;
#[cfg(feature = "bridge")]
mod log;
#[cfg(feature = "bridge")]
#[doc(hidden)]
pub mod measured;
#[cfg(feature = "bridge")]
mod printable;
#[cfg(feature = "bridge")]
pub mod shell;
#[cfg(feature = "bridge")]
pub mod skew;
pub mod transcode;
