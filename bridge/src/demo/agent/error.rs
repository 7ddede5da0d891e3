//! What the agent answers where it cannot do as it was told.

use std::{fmt, io};

use qapi_dbus_types::Refusal;

/// Why a request failed; the text is the `desc` of the reply.
#[derive(Debug)]
pub(super) enum Error {
    /// Not a request.
    Malformed(String),
    /// An argument has a value that cannot be.
    Argument {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused.
    System {
        /// What was tried.
        attempt: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The kernel's text is not what it is known to be.
    Unreadable(String),
    /// A bound of this agent.
    Limit(String),
}

impl Error {
    pub(super) fn argument(name: &'static str, reason: impl Into<String>) -> Self {
        Self::Argument { name, reason: reason.into() }
    }

    /// For `map_err`: what was tried when the system refused.
    pub(super) fn system<E: Into<io::Error>>(attempt: impl Into<String>) -> impl FnOnce(E) -> Self {
        |source| Self::System { attempt: attempt.into(), source: source.into() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::generic(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) | Self::Unreadable(reason) | Self::Limit(reason) => {
                f.write_str(reason)
            }
            Self::Argument { name, reason } => write!(f, "argument '{name}': {reason}"),
            Self::System { attempt, source } => write!(f, "cannot {attempt}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
