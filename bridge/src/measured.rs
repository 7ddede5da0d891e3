//! What benches see of the inside; no part of the interface.

pub use crate::{bus::measured::Inside, endpoint::measured::frames};
