//! The released interfaces, the schemas they were made from and the files generated from both.

#![allow(clippy::unwrap_used)]

mod changes;
mod differences;
mod interfaces;
mod released;
mod synthetic;
