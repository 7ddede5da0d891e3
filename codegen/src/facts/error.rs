//! Why extraction fails.

use std::{
    fmt::{self, Display},
    io,
    path::PathBuf,
};

/// Why no facts were extracted.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A schema of the tree is not accepted.
    Schema(crate::Error),
    /// This module is not in the folder of the schema's first file, so it has no place among the
    /// extracted files.
    Outside(PathBuf),
    /// This is no version number.
    Version(String),
    /// This file or folder cannot be read or written.
    Io(PathBuf, io::Error),
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => error.fmt(f),
            Self::Outside(path) => {
                write!(f, "{}: not in the folder of the schema's first file", path.display())
            }
            Self::Version(version) => {
                write!(f, "'{version}' is no version number; write it like 10.2")
            }
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Schema(error) => error.source(),
            Self::Io(_, error) => Some(error),
            Self::Outside(_) | Self::Version(_) => None,
        }
    }
}
