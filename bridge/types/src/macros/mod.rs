//! What the generated modules are written in: a line a member, the code behind it once.

#[macro_use]
mod values;
#[macro_use]
mod objects;
#[macro_use]
mod commands;
