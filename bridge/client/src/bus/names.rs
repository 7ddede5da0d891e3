//! Names on the bus: of objects, and of errors.

use std::fmt::Write;

use zbus::DBusError;

use crate::{Error, NotSent, Protocol, Unknown};

/// What names the interfaces of a schema.
pub(super) fn of(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Qga => "Qga",
        Protocol::Qmp => "Qmp",
    }
}

/// A name as part of an object path, as sd_bus_path_encode(3) does it.
pub(super) fn escaped(name: &str) -> String {
    if name.is_empty() {
        return "_".into();
    }
    name.bytes().enumerate().fold(String::new(), |mut escaped, (at, byte)| {
        let plain = byte.is_ascii_alphabetic() || at > 0 && byte.is_ascii_digit();
        // Writing to a string cannot fail.
        let _ = if plain {
            write!(escaped, "{}", char::from(byte))
        } else {
            write!(escaped, "_{byte:02x}")
        };
        escaped
    })
}

/// What an error of the bus or of the bridge says.
pub(super) fn error(error: zbus::Error) -> Error {
    match error {
        zbus::Error::MethodError(name, text, _) => named(&name, text.unwrap_or_default()),
        zbus::Error::FDO(error) => {
            let text = error.description().unwrap_or_default().to_owned();
            named(&error.name(), text)
        }
        // The message may have left.
        zbus::Error::InputOutput(error) => {
            Error::Unknown(Unknown::ConnectionLost, error.to_string())
        }
        zbus::Error::InvalidName(_) | zbus::Error::InvalidObjectPath => {
            Error::NotSent(NotSent::Unfit, error.to_string())
        }
        other => Error::Unknown(Unknown::Internal, other.to_string()),
    }
}

fn named(name: &str, text: String) -> Error {
    if let Some(own) = name.strip_prefix("org.qemu.QapiError.") {
        return match own.split_once('.') {
            Some(("NotSent", kind)) => Error::NotSent(not_sent(kind), text),
            Some(("Unknown", kind)) => Error::Unknown(unknown(kind), text),
            _ => peer(own, &text),
        };
    }
    match name.strip_prefix("org.freedesktop.DBus.Error.") {
        Some("ServiceUnknown" | "NameHasNoOwner") => Error::NotSent(NotSent::NotConnected, text),
        Some("NoReply" | "Disconnected") => Error::Unknown(Unknown::ConnectionLost, text),
        Some("Timeout" | "TimedOut") => Error::Unknown(Unknown::Timeout, text),
        Some("Failed") => Error::Unknown(Unknown::Internal, text),
        _ => Error::Refused { name: name.into(), text },
    }
}

/// The bridge puts the class in front of the peer's text, for those who see only that.
fn peer(class: &str, text: &str) -> Error {
    let desc = text.strip_prefix(class).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(text);
    Error::Peer { class: class.into(), desc: desc.into() }
}

fn not_sent(kind: &str) -> NotSent {
    match kind {
        "Busy" => NotSent::Busy,
        "TooLarge" => NotSent::TooLarge,
        "Stale" => NotSent::Stale,
        "Stopping" => NotSent::Stopping,
        _ => NotSent::NotConnected,
    }
}

fn unknown(kind: &str) -> Unknown {
    match kind {
        "Timeout" => Unknown::Timeout,
        "ConnectionLost" => Unknown::ConnectionLost,
        "BadReply" => Unknown::BadReply,
        "ReplyTooLarge" => Unknown::ReplyTooLarge,
        _ => Unknown::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_machines_are_escaped() {
        for (name, path) in
            [("vm1", "vm1"), ("1st", "_31st"), ("a-b.ä", "a_2db_2e_c3_a4"), ("", "_")]
        {
            assert_eq!(escaped(name), path);
        }
    }

    #[test]
    fn errors_say_what_may_have_run() {
        let cases = [
            ("org.qemu.QapiError.DeviceNotFound", true),
            ("org.qemu.QapiError.CommandNotFound", false),
            ("org.qemu.QapiError.NotSent.Busy", false),
            ("org.qemu.QapiError.NotSent.NotKnownYet", false),
            ("org.qemu.QapiError.Unknown.Timeout", true),
            ("org.qemu.QapiError.Unknown.NotKnownYet", true),
            ("org.freedesktop.DBus.Error.InvalidArgs", false),
            ("org.freedesktop.DBus.Error.ServiceUnknown", false),
            ("org.freedesktop.DBus.Error.NoReply", true),
            ("org.freedesktop.DBus.Error.Failed", true),
        ];
        for (name, may_have_run) in cases {
            assert_eq!(named(name, "text".into()).may_have_run(), may_have_run, "{name}");
        }
        let error = named("org.qemu.QapiError.DeviceNotFound", "DeviceNotFound: no x".into());
        assert_eq!(error.to_string(), "DeviceNotFound: no x");
    }
}
