//! A call that is being put together.

use std::{
    future::{Future, IntoFuture},
    os::fd::OwnedFd,
    pin::Pin,
    time::Duration,
};

use qapi_dbus_types::Command;

use crate::{Error, Transport};

/// How a command is to be sent.
#[derive(Debug, Default)]
pub struct Options {
    /// From sending it to its reply; the way's own if not given, [`Duration::MAX`] for ever.
    pub deadline: Option<Duration>,
    /// Overtake other commands, where the command and the peer allow it.
    pub out_of_band: bool,
    /// For a command that takes a file descriptor.
    pub fd: Option<OwnedFd>,
}

/// A call: `.await` sends it.
#[derive(Debug)]
#[must_use = "a call does nothing before it is awaited"]
pub struct Call<'t, T, C> {
    transport: &'t T,
    pub(crate) command: C,
    options: Options,
}

impl<'t, T: Transport, C: Command> Call<'t, T, C> {
    pub(crate) fn new(transport: &'t T, command: C) -> Self {
        Self { transport, command, options: Options::default() }
    }

    /// From sending it to its reply, [`Duration::MAX`] for ever.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Overtakes other commands, where the command and the peer allow it.
    pub fn out_of_band(mut self) -> Self {
        self.options.out_of_band = true;
        self
    }

    /// With a file descriptor, for a command that takes one.
    pub fn with_fd(mut self, fd: impl Into<OwnedFd>) -> Self {
        self.options.fd = Some(fd.into());
        self
    }
}

impl<'t, T, C> IntoFuture for Call<'t, T, C>
where
    T: Transport,
    C: Command + 't,
{
    type Output = Result<C::Result, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 't>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.transport.call(self.command, self.options))
    }
}
