//! D-Bus error names and texts (mapping, section 6).

use std::fmt;

use crate::endpoint::{NotSent, Outcome, Spent, Unknown};

/// Bytes of an error text; longer ones are cut. They are for people.
const MAX_TEXT: usize = 4 << 10;

/// Standard error names.
pub mod standard {
    pub(crate) const ACCESS_DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
    pub(in crate::bus) const FAILED: &str = "org.freedesktop.DBus.Error.Failed";
    pub(in crate::bus) const INTERACTION: &str =
        "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
    pub(in crate::bus) const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";
    pub(crate) const LIMITS: &str = "org.freedesktop.DBus.Error.LimitsExceeded";
    pub(in crate::bus) const IO_ERROR: &str = "org.freedesktop.DBus.Error.IOError";
    pub(in crate::bus) const READ_ONLY: &str = "org.freedesktop.DBus.Error.PropertyReadOnly";
    pub(crate) const FILE_CONTENT: &str = "org.freedesktop.DBus.Error.InvalidFileContent";
    pub(crate) const NOT_SUPPORTED: &str = "org.freedesktop.DBus.Error.NotSupported";
    pub(crate) const PATH_IN_USE: &str = "org.freedesktop.DBus.Error.ObjectPathInUse";
    pub(in crate::bus) const SERVICE_UNKNOWN: &str = "org.freedesktop.DBus.Error.ServiceUnknown";
    pub(in crate::bus) const UNKNOWN_INTERFACE: &str =
        "org.freedesktop.DBus.Error.UnknownInterface";
    pub(crate) const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";
    pub(crate) const UNKNOWN_OBJECT: &str = "org.freedesktop.DBus.Error.UnknownObject";
    pub(in crate::bus) const UNKNOWN_PROPERTY: &str = "org.freedesktop.DBus.Error.UnknownProperty";
}

/// What begins the name of an error that is the bridge's own or the peer's.
const PREFIX: &str = "org.qemu.QapiError";

/// A D-Bus error: name and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Error name.
    pub name: String,
    /// For people; never parsed.
    pub text: String,
}

impl Failure {
    /// An error with a name and a text, which is cut and made fit for the bus.
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        let mut text = text.replace('\0', "\u{fffd}");
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        Self { name: name.into(), text }
    }

    /// The arguments do not fit the method.
    pub fn invalid_args(text: &str) -> Self {
        Self::new(standard::INVALID_ARGS, text)
    }

    /// The property cannot be set.
    pub fn read_only(property: &str) -> Self {
        Self::new(standard::READ_ONLY, &format!("property `{property}` is read-only"))
    }

    /// No byte reached the peer.
    pub fn not_sent(why: NotSent, text: &str) -> Self {
        let kind = match why {
            NotSent::QueueFull => return Self::new(standard::LIMITS, text),
            NotSent::NotConnected | NotSent::Absent => "NotConnected",
            NotSent::Busy => "Busy",
            NotSent::TooLarge => "TooLarge",
            NotSent::Stopping => "Stopping",
            NotSent::Stale => "Stale",
        };
        Self::new(format!("{PREFIX}.NotSent.{kind}"), text)
    }

    /// Sent, outcome unknown.
    pub fn unknown(why: Unknown, text: &str) -> Self {
        let kind = match why {
            Unknown::Timeout => "Timeout",
            Unknown::ConnectionLost => "ConnectionLost",
            Unknown::BadReply => "BadReply",
            Unknown::ReplyTooLarge => "ReplyTooLarge",
            Unknown::Internal => return Self::new(standard::FAILED, text),
        };
        Self::new(format!("{PREFIX}.Unknown.{kind}"), text)
    }

    /// The peer's own error. The text names the class unless it is the generic one, because
    /// busctl shows only the text.
    pub fn peer(class: &str, desc: &str) -> Self {
        match class {
            "GenericError" => Self::new(format!("{PREFIX}.GenericError"), desc),
            class if is_name_element(class) => {
                Self::new(format!("{PREFIX}.{class}"), &format!("{class}: {desc}"))
            }
            class => Self::new(format!("{PREFIX}.GenericError"), &format!("{class}: {desc}")),
        }
    }

    /// What an endpoint told, if it is not a returned value.
    pub fn from_outcome<'a>(outcome: Outcome<'a>) -> Result<&'a [u8], Self> {
        match outcome {
            Outcome::Return(value) => Ok(value),
            Outcome::Error { class, desc } => Err(Self::peer(class, desc)),
            Outcome::NotSent(why, text) => Err(Self::not_sent(why, &text)),
            Outcome::Unknown(why, text) => Err(Self::unknown(why, &text)),
        }
    }
}

/// Whether a class, which a hostile peer chooses, may stand in an error name.
fn is_name_element(class: &str) -> bool {
    class.len() <= 64
        && class.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && class.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Why the guard withheld a message.
#[derive(Debug)]
pub(super) struct Refused {
    why: Unknown,
    text: String,
}

impl Refused {
    pub(super) fn too_large(size: usize) -> Self {
        let text = format!(
            "the reply takes {size} bytes and the bus {}; ask for less at a time",
            super::guard::MAX_MESSAGE
        );
        Self { why: Unknown::ReplyTooLarge, text }
    }

    pub(super) fn spent(spent: Spent) -> Self {
        Self { why: Unknown::ReplyTooLarge, text: format!("the reply: {spent}") }
    }

    pub(super) fn invalid(error: zbus::Error) -> Self {
        let text = format!("D-Bus cannot hold the reply: {error}");
        Self { why: Unknown::BadReply, text }
    }

    pub(super) fn failure(&self) -> Failure {
        Failure::unknown(self.why, &self.text)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_is_the_name_and_begins_the_text() {
        let failure = Failure::peer("DeviceNotFound", "no such device");
        assert_eq!(failure.name, "org.qemu.QapiError.DeviceNotFound");
        assert_eq!(failure.text, "DeviceNotFound: no such device");
        assert_eq!(Failure::peer("GenericError", "no").text, "no");
    }

    #[test]
    fn hostile_class_does_not_reach_the_name() {
        for class in ["", "1st", "a.b", "a\0", "ä", &"x".repeat(65)] {
            let failure = Failure::peer(class, "text");
            assert_eq!(failure.name, "org.qemu.QapiError.GenericError", "{class:?}");
            assert!(!failure.text.contains('\0'));
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let failure = Failure::invalid_args(&"ä".repeat(4000));
        assert_eq!(failure.text.len(), MAX_TEXT);
        assert!(Failure::invalid_args(&format!("x{}", "ä".repeat(4000))).text.len() < MAX_TEXT);
    }
}
