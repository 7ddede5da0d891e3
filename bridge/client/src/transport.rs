//! The way to a peer and back.

use std::{future::Future, sync::Arc};

use qapi_dbus_types::{Command, Members, Value};

use crate::{Error, Options};

pub use crate::events::Source;

/// Which schema a peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The guest agent.
    Qga,
    /// The monitor.
    Qmp,
}

/// The way to one peer.
pub trait Transport: Send + Sync {
    /// Sends a command and waits for what it returns.
    ///
    /// # Errors
    ///
    /// See [`Error`], which says whether the command may have run.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it does not take the command back: what was sent may have run, and its reply is thrown
    /// away. Later calls are not disturbed.
    fn call<C: Command>(
        &self,
        command: C,
        options: Options,
    ) -> impl Future<Output = Result<C::Result, Error>> + Send;

    /// Sends any command by its QAPI name, known to the schemas or not, with arguments by theirs.
    ///
    /// # Errors
    ///
    /// As for [`Transport::call`].
    ///
    /// # Cancel safety
    ///
    /// As for [`Transport::call`].
    fn call_by_name(
        &self,
        command: &str,
        arguments: Members,
        options: Options,
    ) -> impl Future<Output = Result<Value, Error>> + Send;

    /// What the peer tells without being asked, from now on.
    ///
    /// # Errors
    ///
    /// The way is closed.
    fn events(&self) -> impl Future<Output = Result<Source, Error>> + Send;
}

impl<T: Transport> Transport for Arc<T> {
    fn call<C: Command>(
        &self,
        command: C,
        options: Options,
    ) -> impl Future<Output = Result<C::Result, Error>> + Send {
        (**self).call(command, options)
    }

    fn call_by_name(
        &self,
        command: &str,
        arguments: Members,
        options: Options,
    ) -> impl Future<Output = Result<Value, Error>> + Send {
        (**self).call_by_name(command, arguments, options)
    }

    fn events(&self) -> impl Future<Output = Result<Source, Error>> + Send {
        (**self).events()
    }
}
