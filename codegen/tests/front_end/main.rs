//! From the files of a schema to its model, and to the facts that the project keeps.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod dialects;
mod facts;
mod historical;
mod limits;
mod mutations;
mod outline;
mod random;
mod releases;
mod schemas;
mod temporary;
