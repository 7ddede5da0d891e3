//! The page of what a failed call says.

use super::{Text, page::Page, page::push};

/// Name of the error, when it comes, whether the command may have run.
const ERRORS: &[(&str, &str, &str)] = &[
    (
        "org.qemu.QapiError.<Class>",
        "The peer refused: GenericError, CommandNotFound, DeviceNotActive, DeviceNotFound, \
         KVMMissingCap, or a class of a newer QEMU. The text is the peer's.",
        "The peer says so.",
    ),
    (
        "org.qemu.QapiError.NotSent.NotConnected",
        "There is no peer: the socket is closed, or no agent runs in the guest.",
        "No.",
    ),
    (
        "org.qemu.QapiError.NotSent.Busy",
        "The peer takes no more: another client holds the socket, or it does not answer.",
        "No.",
    ),
    (
        "org.qemu.QapiError.NotSent.TooLarge",
        "The request or what it asks for is larger than the peer or the bus takes.",
        "No.",
    ),
    ("org.qemu.QapiError.NotSent.Stopping", "The service is ending.", "No."),
    (
        "org.qemu.QapiError.Unknown.Timeout",
        "No answer came in time. It is still awaited, and thrown away.",
        "Yes.",
    ),
    ("org.qemu.QapiError.Unknown.ConnectionLost", "The peer went away with the request.", "Yes."),
    ("org.qemu.QapiError.Unknown.BadReply", "What came back was no answer.", "Yes."),
    (
        "org.qemu.QapiError.Unknown.ReplyTooLarge",
        "The answer was larger than the bus takes; the text names the way that works.",
        "Yes.",
    ),
    (
        "org.freedesktop.DBus.Error.InvalidArgs",
        "The arguments do not fit; the text names the argument at fault and both signatures.",
        "No.",
    ),
    (
        "org.freedesktop.DBus.Error.AccessDenied",
        "The caller is not allowed to: see the class of the command.",
        "No.",
    ),
    (
        "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
        "The caller would be asked for a password, but did not allow to be asked.",
        "No.",
    ),
    (
        "org.freedesktop.DBus.Error.LimitsExceeded",
        "The caller, or all callers together, have too many calls waiting.",
        "No.",
    ),
];

pub(super) fn page() -> String {
    let mut out = String::from(
        "<p class=\"summary\">Every call gets one reply. The name of an error says whether the \
         command may have run; nothing is ever repeated by the service itself. Texts are for people \
         and never to be parsed.</p>\n<dl class=\"members\">\n",
    );
    for (name, when, ran) in ERRORS {
        let (name, when, ran) = (Text(name), Text(when), Text(ran));
        push(
            &mut out,
            format_args!(
                "<dt><code>{name}</code></dt>\n<dd>{when} May have run: <strong>{ran}</strong></dd>\n"
            ),
        );
    }
    out.push_str("</dl>\n");
    Page { title: "Errors", about: "What a failed call says.", up: "", above: &[] }.with(&out)
}
