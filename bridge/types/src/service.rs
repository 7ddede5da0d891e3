//! What a service is asked, and how it refuses.

use std::{fmt, os::fd::OwnedFd};

use crate::{Command, Members, Mismatch, find_unlisted};

/// What a command comes to.
pub type Answer<C> = Result<<C as Command>::Result, Refusal>;

/// A request as it came.
#[derive(Debug, Default)]
pub struct Request {
    /// QAPI name.
    pub command: String,
    /// By QAPI name.
    pub arguments: Members,
    /// What came with it.
    pub fd: Option<OwnedFd>,
}

/// A command that was not done; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// QAPI error class: `GenericError`.
    pub class: String,
    /// Why not.
    pub desc: String,
}

impl Request {
    /// A request without a file descriptor.
    pub fn new(command: impl Into<String>, arguments: Members) -> Self {
        Self { command: command.into(), arguments, fd: None }
    }

    /// Takes the arguments of a command.
    ///
    /// # Errors
    ///
    /// One does not fit, or the command has none of that name.
    pub(crate) fn arguments<C: Command>(&mut self) -> Result<C, Refusal> {
        let arguments = C::from_members(std::mem::take(&mut self.arguments))?;
        match find_unlisted(&arguments) {
            None => Ok(arguments),
            Some(path) => Err(Refusal::generic(format!("there is no argument '{path}'"))),
        }
    }
}

impl Refusal {
    /// One of the class that says nothing.
    pub fn generic(desc: impl Into<String>) -> Self {
        Self { class: "GenericError".into(), desc: desc.into() }
    }

    /// There is no such command.
    pub fn not_found(command: &str) -> Self {
        let desc = format!("The command {command} has not been found");
        Self { class: "CommandNotFound".into(), desc }
    }
}

impl From<Mismatch> for Refusal {
    fn from(mismatch: Mismatch) -> Self {
        Self::generic(format!("argument {mismatch}"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.desc)
    }
}

impl std::error::Error for Refusal {}
