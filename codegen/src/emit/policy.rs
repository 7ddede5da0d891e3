//! polkit's actions: one a class, in the form of polkit(8), "Declaring Actions".

use std::fmt::Write;

use crate::dbus::Class;

/// How the actions' names begin, and their file's.
pub const NAME: &str = "org.qemu.Bridge";

/// Who is allowed what, where no rule of the host's says otherwise.
struct Defaults {
    /// Sessions of other hosts, and callers without a session.
    any: &'static str,
    /// Sessions on this host's seats but not in front.
    inactive: &'static str,
    /// The session in front.
    active: &'static str,
}

/// The whole file.
pub fn emit_policy() -> String {
    let mut out = String::from(PROLOG);
    for class in Class::ALL {
        let description = capitalised(&deed(class, "a virtual machine"));
        let deed = deed(class, "the virtual machine $(vm)");
        let Defaults { any, inactive, active } = defaults(class);
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            r#"
  <action id="{NAME}.{class}">
    <description>{description}</description>
    <message>Authentication is required to {deed}: $(command)</message>
    <defaults>
      <allow_any>{any}</allow_any>
      <allow_inactive>{inactive}</allow_inactive>
      <allow_active>{active}</allow_active>
    </defaults>
    <annotate key="org.freedesktop.policykit.owner">unix-user:qapi-dbus</annotate>
  </action>
"#
        );
    }
    out + "\n</policyconfig>\n"
}

// The owner: polkit answers questions about other users' callers to no one else but root.
const PROLOG: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/PolicyKit/1/policyconfig.dtd">
<!-- What each class of commands asks of a caller, written by `qapi-codegen generate`. Do not edit:
     rules in /etc/polkit-1/rules.d decide for machines (vm) and commands (command). -->
<policyconfig>
  <vendor>qapi-dbus</vendor>
  <icon_name>computer</icon_name>
"#;

/// What a command of this class does to a machine.
pub(super) fn deed(class: Class, machine: &str) -> String {
    match class {
        Class::Read => format!("look at {machine}"),
        Class::ReadSensitive => format!("look at secrets, memory or a console of {machine}"),
        Class::Control => format!("change {machine} in a way that can be undone"),
        Class::Destructive => format!("stop or harm {machine}, or lose data of it"),
        Class::GuestExec => format!("act as the administrator inside {machine}"),
        Class::Host => format!("use files, sockets or programs of this host through {machine}"),
    }
}

fn capitalised(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

fn defaults(class: Class) -> Defaults {
    let keep = "auth_admin_keep";
    let ask = "auth_admin";
    let (any, inactive, active) = match class {
        Class::Read => (keep, keep, "yes"),
        Class::ReadSensitive | Class::Control => (ask, ask, keep),
        Class::Destructive | Class::GuestExec | Class::Host => (ask, ask, ask),
    };
    Defaults { any, inactive, active }
}
