use std::{error, fmt};

/// Why no D-Bus interface can be made of the schemas.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Two QAPI names meet in one D-Bus name.
    Collision {
        /// The D-Bus name.
        name: String,
        /// The QAPI name that has it.
        first: String,
        /// The QAPI name that would get it.
        second: String,
    },
    /// The rules make no valid D-Bus name of a QAPI name.
    BadName {
        /// What they make of it.
        name: String,
        /// The QAPI name.
        qapi: String,
    },
    /// The name belongs to an interface that stands beside the generated one.
    Reserved {
        /// The D-Bus name.
        name: String,
        /// The QAPI name.
        qapi: String,
    },
    /// The versions of a schema disagree on a type in a way that one signature cannot serve.
    Conflict {
        /// The command or event.
        of: String,
        /// The member, or `result`.
        member: String,
        /// The D-Bus signature before that version.
        older: String,
        /// The D-Bus signature of that version.
        newer: String,
        /// The version of the schema.
        version: String,
    },
    /// The schemas cannot be served within the ledger.
    Broken {
        /// The method or signal.
        member: String,
        /// The argument.
        argument: String,
        /// What is in the way.
        why: Break,
    },
    /// The ledger is not what the generator writes.
    Ledger {
        /// The method, signal or argument.
        at: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The ledger is not introspection XML.
    Xml(zbus_xml::Error),
}

/// How the schemas break the ledger.
#[derive(Debug, PartialEq, Eq)]
pub enum Break {
    /// No given schema has the member.
    Gone,
    /// The event need not carry it.
    NotAlways,
    /// Its type has this signature now, the ledger says that one.
    Type {
        /// The ledger's.
        held: String,
        /// The schemas'.
        actual: String,
    },
}

/// What making an interface comes to.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collision { name, first, second } => {
                write!(f, "'{first}' and '{second}' would both be '{name}' on D-Bus; {RENAME}")
            }
            Self::BadName { name, qapi } => {
                write!(f, "'{qapi}' would be '{name}', which D-Bus cannot have; {RENAME}")
            }
            Self::Reserved { name, qapi } => {
                write!(f, "'{qapi}' would be '{name}', which the same object has; {RENAME}")
            }
            Self::Conflict { of, member, older, newer, version } => write!(
                f,
                "'{member}' of '{of}' is '{newer}' in {version} but was '{older}' before; \
                 no one signature takes both"
            ),
            Self::Broken { member, argument, why } => {
                write!(f, "{member}: the ledger promises argument '{argument}', but {why}")
            }
            Self::Ledger { at, problem } => write!(f, "ledger: {at}: {problem}"),
            Self::Xml(error) => write!(f, "ledger: {error}"),
        }
    }
}

const RENAME: &str = "give one a name in codegen/src/dbus/exceptions.rs";

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("no schema has it")?,
            Self::NotAlways => f.write_str("the event can come without it")?,
            Self::Type { held, actual } => {
                write!(f, "as '{held}', and the schemas make it '{actual}'")?;
            }
        }
        f.write_str(
            "; keep serving the schemas that fit, or release an interface of another name \
             (--interface)",
        )
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Xml(error) => Some(error),
            _ => None,
        }
    }
}

impl From<zbus_xml::Error> for Error {
    fn from(error: zbus_xml::Error) -> Self {
        Self::Xml(error)
    }
}
