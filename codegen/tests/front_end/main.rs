//! From the files of a schema to its model, and to the facts that the project keeps.

mod facts;
mod limits;
mod mutations;
mod outline;
mod releases;
mod schemas;
mod temporary;
