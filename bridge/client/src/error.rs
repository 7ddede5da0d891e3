//! What a call can fail with, and whether the command may have run.

use std::fmt;

use qapi_dbus_types::Mismatch;

/// Why a call failed. The texts are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer's own answer.
    Peer {
        /// QAPI error class: `GenericError`, `DeviceNotFound`, or one not known yet.
        class: String,
        /// The peer's text.
        desc: String,
    },
    /// Not a byte was sent to the peer: a retry is safe.
    NotSent(NotSent, String),
    /// Sent, outcome unknown.
    Unknown(Unknown, String),
    /// The bridge or the bus did not accept the call: arguments, permission, limits.
    Refused {
        /// D-Bus error name.
        name: String,
        /// Which argument, which limit.
        text: String,
    },
    /// The command was done, and what it returned does not fit its type.
    Reply(Mismatch),
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotSent {
    /// Nobody listens on the socket, or nobody serves the name on the bus.
    NotConnected,
    /// Another client holds the socket, or the requests before this one took all its time.
    Busy,
    /// Above a limit of the peer.
    TooLarge,
    /// The way is about to be closed.
    Stopping,
    /// The peer is not the one any more that the call was for.
    Stale,
    /// Too many requests wait already.
    QueueFull,
    /// An argument cannot be written down as the peer wants it.
    Unfit,
}

/// Why the outcome is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unknown {
    /// No answer in time.
    Timeout,
    /// The connection ended before the answer.
    ConnectionLost,
    /// The answer is not what the protocol allows.
    BadReply,
    /// The answer is above a limit.
    ReplyTooLarge,
    /// The bridge itself failed.
    Internal,
}

impl Error {
    /// Whether the command may have had an effect. A command that the peer does not have cannot;
    /// others can fail half way.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Peer { class, .. } => class != "CommandNotFound",
            Self::NotSent(..) | Self::Refused { .. } => false,
            Self::Unknown(..) | Self::Reply(_) => true,
        }
    }

    /// QAPI error class, if the peer answered.
    pub fn class(&self) -> Option<&str> {
        if let Self::Peer { class, .. } = self { Some(class) } else { None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer { class, desc } => write!(f, "{class}: {desc}"),
            Self::NotSent(why, text) => write!(f, "not sent ({why:?}): {text}"),
            Self::Unknown(why, text) => write!(f, "sent, outcome unknown ({why:?}): {text}"),
            Self::Refused { name, text } => write!(f, "{name}: {text}"),
            Self::Reply(mismatch) => write!(f, "done, but the reply does not fit: {mismatch}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Reply(mismatch) = self { Some(mismatch) } else { None }
    }
}
