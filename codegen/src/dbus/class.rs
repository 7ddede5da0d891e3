//! What a caller must be allowed to do for a command.
//!
//! [`decide`] is the rule: the first that fits of a host-looking argument, an exception, a pattern
//! of names and the strictest class. Over several versions of a schema the strictest counts.

mod arguments;
mod exceptions;
mod patterns;

use std::fmt;

use serde::Deserialize;

use arguments::Seen;

use super::{
    docs::Protocol,
    merge::{Over, Version},
};
use crate::model::Command;

/// What a command does to whom, in order of how much it can do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub enum Class {
    /// Looks at a machine.
    Read,
    /// Looks at secrets, memory or a console of a machine.
    ReadSensitive,
    /// Changes a machine in a way that can be undone.
    Control,
    /// Ends or harms a machine, or loses data of it.
    Destructive,
    /// Acts inside the guest as its administrator can.
    GuestExec,
    /// Uses files, sockets, devices or programs of the host, as QEMU's account can.
    Host,
}

/// A class and what decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The class.
    pub class: Class,
    /// Why.
    pub by: Reason,
}

/// What decides a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An argument that looks like something of the host's (the guest's, for an agent).
    Argument(String),
    /// The table of exceptions.
    Exception,
    /// The name.
    Pattern,
    /// What was released, for a command that no schema has any more.
    Ledger,
    /// Nothing else did: what is unknown is the strictest.
    Default,
}

/// Decides for a command that these versions of a schema have, at least one.
pub(super) fn decide(protocol: Protocol, over: &Over<'_, Command>) -> Decision {
    let of_version = |(version, command): &(Version<'_>, &Command)| {
        let name = &command.info.name;
        let seen = arguments::look(version.schema, command);
        decide_one(protocol, name, seen, exceptions::class(name))
    };
    // Of equal ones the newest says why.
    let decisions = over.iter().map(of_version).max_by_key(|decision| decision.class);
    decisions.unwrap_or(Decision { class: strictest(protocol), by: Reason::Default })
}

/// Decides for a command that no schema has any more but was released as this, or before there
/// were classes.
pub(super) fn decide_kept(protocol: Protocol, name: &str, released: Option<Class>) -> Decision {
    match (exceptions::class(name), released) {
        (None, Some(class)) => Decision { class, by: Reason::Ledger },
        (exception, _) => decide_one(protocol, name, Seen::default(), exception),
    }
}

fn decide_one(protocol: Protocol, name: &str, seen: Seen, exception: Option<Class>) -> Decision {
    let strictest = strictest(protocol);
    let (class, by) = if let Some(argument) = seen.revealing {
        (strictest, Reason::Argument(argument))
    } else if let Some(class) = exception {
        (class, Reason::Exception)
    } else if let Some(class) = patterns::reads(name) {
        (class, Reason::Pattern)
    } else if let Some(argument) = seen.opaque {
        (strictest, Reason::Argument(argument))
    } else if let Some(class) = patterns::changes(protocol, name) {
        (class, Reason::Pattern)
    } else {
        (strictest, Reason::Default)
    };
    Decision { class, by }
}

/// The most that a command of this protocol can do.
fn strictest(protocol: Protocol) -> Class {
    match protocol {
        Protocol::Qga => Class::GuestExec,
        Protocol::Qmp => Class::Host,
    }
}

impl Class {
    /// Each of them, the least first.
    pub const ALL: [Self; 6] = [
        Self::Read,
        Self::ReadSensitive,
        Self::Control,
        Self::Destructive,
        Self::GuestExec,
        Self::Host,
    ];

    /// `read-sensitive`
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadSensitive => "read-sensitive",
            Self::Control => "control",
            Self::Destructive => "destructive",
            Self::GuestExec => "guest-exec",
            Self::Host => "host",
        }
    }
}

impl TryFrom<String> for Class {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let class = Self::ALL.into_iter().find(|class| class.name() == name);
        class.ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|class| class.name()).collect();
            format!("no class '{name}': there are {}", all.join(", "))
        })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(name) => write!(f, "argument '{name}'"),
            Self::Exception => f.write_str("exception"),
            Self::Pattern => f.write_str("pattern"),
            Self::Ledger => f.write_str("ledger"),
            Self::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::{Options, load};

    #[test]
    fn agent_s_commands_are_of_the_guest() {
        for (name, class) in [
            ("guest-get-osinfo", Class::Read),
            ("guest-suspend-ram", Class::Destructive),
            ("guest-ssh-add-authorized-keys", Class::GuestExec),
            ("guest-set-user-password", Class::GuestExec),
            ("guest-frobnicate", Class::GuestExec),
        ] {
            assert_eq!(decide_kept(Protocol::Qga, name, None).class, class, "{name}");
        }
    }

    #[test]
    fn classes_are_in_order_and_known_by_name() {
        assert!(Class::ALL.is_sorted());
        for class in Class::ALL {
            assert_eq!(Class::try_from(class.name().to_owned()), Ok(class));
        }
    }

    #[test]
    fn each_exception_makes_a_difference_to_a_command_of_some_release() {
        let mut idle: BTreeSet<_> = exceptions::names().collect();
        for protocol in Protocol::ALL {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
            for release in fs::read_dir(folder.join(protocol.name())).unwrap() {
                let path = release.unwrap().path().join("qapi-schema.json");
                let schema = load(&path, &Options::default()).unwrap();
                for command in &schema.commands {
                    let name = command.info.name.as_str();
                    let decide = |exception| {
                        let seen = arguments::look(&schema, command);
                        decide_one(protocol, name, seen, exception).class
                    };
                    if decide(exceptions::class(name)) != decide(None) {
                        idle.remove(name);
                    }
                }
            }
        }
        assert!(idle.is_empty(), "{idle:?}");
    }
}
