//! QEMU's monitor (QMP) and guest agent (QGA) on D-Bus.
//!
//! ```text
//! D-Bus client <-> bus <-> guard <-> dispatch <-> transcode <-> endpoint <-> QMP / QGA socket
//! ```
//!
//! Dependencies point one way: `daemon -> bus -> transcode -> endpoint`. `endpoint` knows no
//! D-Bus, `transcode` knows no sockets, and only the generator knows the schema language: its
//! product is in `generated`. `skew` compares that product with what a peer says it is.

pub mod auth;
pub mod bus;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod endpoint;
pub mod generated;
pub mod heap;
mod log;
pub mod skew;
pub mod transcode;
