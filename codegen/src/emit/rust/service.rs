//! A trait with a method for each command, and the way to it from the wire.

use super::{commands::takes_fd, docs, lines, names, push};
use crate::dbus::{Interface, Protocol};

pub(super) fn emit(interface: &Interface, protocol: Protocol) -> String {
    let mut text = format!(
        "use super::command;\n\nservice! {{\n    /// The commands of the schema `{}`.\n    Service {{\n",
        protocol.name()
    );
    for method in &interface.methods {
        let fd = if takes_fd(method) { " fd" } else { "" };
        let function = names::function(&method.command);
        let docs = lines(8, &docs(&method.annotations));
        push(
            &mut text,
            format_args!("{docs}        {function} {:?} {}{fd};\n", method.command, method.name),
        );
    }
    text + "    }\n}\n"
}
