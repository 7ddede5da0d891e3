//! Why the daemon could not start or go on.

use std::{fmt, io, path::PathBuf};

/// Why the daemon could not start or go on.
#[derive(Debug)]
pub enum Error {
    /// The settings contradict each other or name something impossible.
    Settings(String),
    /// The bus cannot be reached.
    Bus(String, zbus::Error),
    /// The bridge cannot listen there.
    Listen(PathBuf, io::Error),
    /// Another connection owns the name.
    NameTaken(String),
    /// The bus does not allow the name.
    NameDenied(String, zbus::Error),
    /// The connection to the bus ended.
    BusLost,
    /// The bus took nothing for so long that the connection was given up.
    BusStalled,
}

impl Error {
    /// Exit code of the command.
    pub fn code(&self) -> u8 {
        match self {
            Self::Settings(_) => 2,
            Self::NameTaken(_) | Self::NameDenied(..) | Self::Listen(..) => 3,
            Self::Bus(..) | Self::BusLost | Self::BusStalled => 4,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(text) => f.write_str(text),
            Self::Bus(bus, error) => write!(
                f,
                "cannot reach {bus} as uid {}: {error}; is it running? `--address` names another",
                rustix::process::getuid().as_raw()
            ),
            Self::Listen(path, error) => write!(
                f,
                "cannot listen at {}: {error}; the folder must be there and writable, and the path \
                 free or left by a bridge that has ended",
                path.display()
            ),
            Self::NameTaken(name) => write!(
                f,
                "another connection owns `{name}`; see `busctl status {name}`, or choose another \
                 name with --name"
            ),
            Self::NameDenied(name, error) => write!(
                f,
                "the bus does not let uid {} own `{name}`: {error}; a policy under dbus-1/system.d \
                 may allow it, --name chooses another",
                rustix::process::getuid().as_raw()
            ),
            Self::BusLost => f.write_str("the bus ended the connection"),
            Self::BusStalled => f.write_str("the bus took no messages for too long"),
        }
    }
}

// The texts hold their causes, in the middle of what to do about them.
impl std::error::Error for Error {}
