//! Why a command of the shell failed, what to do about it, and its exit code.

use std::{fmt, io};

use super::text::printable;

/// The help of a command, with what it ends with.
pub(super) fn codes(help: &str) -> String {
    let gap = if help.is_empty() { "" } else { "\n\n" };
    format!("{help}{gap}{CODES}")
}

const CODES: &str = "Exit codes: 0 done; 1 QEMU, the agent or this machine said no; 2 wrong usage; \
     3 not allowed; 4 not sent, a retry is safe; 5 sent, and the outcome is unknown.";

/// What timeout(1), docker(1) and shells end with: the time is over; a program was not run; Ctrl-C.
pub(super) const LATE: u8 = 124;
pub(super) const NOT_RUN: u8 = 125;
pub(super) const INTERRUPTED: u8 = 130;

/// An exit code with its text.
#[derive(Debug)]
pub struct Fault {
    pub(super) code: u8,
    text: String,
    advice: Option<String>,
}

const PEER: &str = "org.qemu.QapiError.";
const BUS: &str = "org.freedesktop.DBus.Error.";

impl Fault {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), advice: None }
    }

    /// This side cannot do it.
    pub(super) fn failed(text: impl Into<String>) -> Self {
        Self::new(1, text)
    }

    /// Nobody can do what was typed.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::new(2, text)
    }

    /// No byte reached the peer.
    pub(super) fn unreachable(text: impl Into<String>) -> Self {
        Self::new(4, text)
    }

    /// What the other side sent is not what it promises.
    pub(super) fn odd(text: impl Into<String>) -> Self {
        Self::new(5, text)
    }

    /// With another exit code.
    pub(super) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// With what mends it.
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// Whether these words are part of it.
    pub(super) fn says(&self, words: &str) -> bool {
        self.text.contains(words)
    }

    /// With what mends it, if that is not said already.
    pub(super) fn or_advise(self, advice: impl Into<String>) -> Self {
        match self.advice {
            Some(_) => self,
            None => self.advise(advice),
        }
    }

    /// An error reply by its name (mapping, section 6).
    pub(super) fn replied(name: &str, text: &str) -> Self {
        const TRY: &str = "nothing was sent, so it is safe to try again";
        let text = printable(text);
        if let Some(class) = name.strip_prefix(PEER) {
            return match class.split_once('.') {
                Some(("NotSent", _)) => Self::new(4, text).advise(TRY),
                Some(("Unknown", why)) => Self::new(5, format!("{why}: {text}"))
                    .advise("the command may have run; look before you repeat it"),
                _ if class == "CommandNotFound" => {
                    Self::new(1, text).advise("`qapi-dbus list --vm NAME` names what it offers")
                }
                _ => Self::new(1, text),
            };
        }
        match name.strip_prefix(BUS).unwrap_or_default() {
            "InvalidArgs" => Self::new(2, text),
            "AccessDenied" | "InteractiveAuthorizationRequired" | "AuthFailed" => {
                Self::new(3, text).advise("`qapi-dbus doctor` says who may")
            }
            "LimitsExceeded" => Self::new(4, text).advise(TRY),
            "UnknownMethod" | "UnknownObject" | "UnknownInterface" | "UnknownProperty" => {
                Self::new(4, text).advise("`qapi-dbus list` names the machines")
            }
            "ServiceUnknown" | "NameHasNoOwner" => {
                Self::new(4, text).advise("`qapi-dbus doctor` says why there is no bridge")
            }
            spawn if spawn.starts_with("Spawn.") => {
                Self::new(4, text).advise("`qapi-dbus doctor` says why the bridge does not start")
            }
            _ => Self::new(5, format!("{}: {text}", printable(name))),
        }
    }

    /// What the bus library says: the connection is gone, or what was given does not fit.
    pub(super) fn bus(error: &zbus::Error) -> Self {
        Self::new(5, format!("the bus: {error}"))
    }

    /// A write failed. Who reads no more wants no more, and is no failure.
    pub(super) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(0, ""),
            _ => Self::new(1, format!("standard output: {error}")),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.advice {
            Some(advice) => write!(f, "\n           -> {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_whether_a_command_may_have_run() {
        let code = |name: &str| Fault::replied(name, "text").code;
        assert_eq!(code("org.qemu.QapiError.GenericError"), 1);
        assert_eq!(code("org.qemu.QapiError.NotSent.Busy"), 4);
        assert_eq!(code("org.qemu.QapiError.Unknown.Timeout"), 5);
        assert_eq!(code("org.freedesktop.DBus.Error.InvalidArgs"), 2);
        assert_eq!(code("org.freedesktop.DBus.Error.AccessDenied"), 3);
        assert_eq!(code("org.freedesktop.DBus.Error.Spawn.ChildExited"), 4);
        assert_eq!(code("org.freedesktop.DBus.Error.Failed"), 5);
        assert_eq!(code("x.y.Z"), 5);
    }
}
