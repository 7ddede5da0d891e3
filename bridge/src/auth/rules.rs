//! What the configuration adds to the built-in decisions: the table `[authorization]`.
//!
//! It may only tighten. The three switches open what is closed on an authorized bus, still at the
//! strictest class.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use nix::unistd;
use serde::{Deserialize, Deserializer, de};

use crate::{
    endpoint::Protocol,
    generated,
    transcode::shape::{Class, Interface},
};

/// The rules of a bridge, checked when they are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rules {
    /// Whether `Execute` is served.
    pub execute: bool,
    /// Whether `human-monitor-command` is served, which reaches all that the monitor can do.
    pub human_monitor_command: bool,
    /// Whether the commands that QEMU makes no promise about are served, whose names begin with
    /// `x-`.
    pub experimental: bool,
    /// Commands that nobody may call, by QAPI name.
    #[serde(deserialize_with = "commands")]
    pub deny: BTreeSet<String>,
    /// Commands in a stricter class than their own, by QAPI name.
    #[serde(deserialize_with = "stricter")]
    pub class: BTreeMap<String, Class>,
    /// Users besides root and the bridge's own whose processes may serve sockets.
    pub uids: Vec<User>,
}

/// A user, by number or by a name that the system knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User(u32);

impl Rules {
    /// Why nobody may call a command, as a method or as the text of a request.
    pub(super) fn forbids(&self, command: &str, raw: bool) -> Option<String> {
        if raw && !self.execute {
            let text = "Execute is off on this bus; use the typed methods or Call, or set \
                        `execute = true` in [authorization] of the configuration";
            return Some(text.into());
        }
        if command == HUMAN && !self.human_monitor_command {
            let text = "`human-monitor-command` is off on this bus; use the typed commands, or set \
                        `human-monitor-command = true` in [authorization] of the configuration";
            return Some(text.into());
        }
        if command.starts_with(EXPERIMENTAL) && !self.experimental {
            let text = format!(
                "`{command}` and all of {EXPERIMENTAL}* are off on this bus; set \
                 `experimental = true` in [authorization] of the configuration"
            );
            return Some(text);
        }
        let denied = self.deny.contains(command);
        denied.then(|| format!("`{command}` is in `deny` of the bridge's configuration"))
    }

    /// The class of a command that is of this one without a configuration.
    pub(super) fn class(&self, command: &str, class: Class) -> Class {
        self.class.get(command).map_or(class, |configured| class.max(*configured))
    }

    /// The users whose sockets are trusted.
    pub fn uids(&self) -> impl Iterator<Item = u32> {
        self.uids.iter().map(|User(uid)| *uid)
    }
}

/// What it means, for people.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let switch = |on| if on { "on" } else { "off" };
        write!(
            f,
            "Execute {}, {HUMAN} {}, {EXPERIMENTAL}* {}",
            switch(self.execute),
            switch(self.human_monitor_command),
            switch(self.experimental)
        )?;
        self.deny.iter().try_for_each(|command| write!(f, ", {command} denied"))?;
        self.class
            .iter()
            .try_for_each(|(command, class)| write!(f, ", {command} {}", class.name()))?;
        self.uids().try_for_each(|uid| write!(f, ", sockets of uid {uid}"))
    }
}

const HUMAN: &str = "human-monitor-command";

/// How the names of commands begin that may change or go with any release.
const EXPERIMENTAL: &str = "x-";

/// The class of a command of the peer, which the schemas may not know.
pub(crate) fn class_of(protocol: Protocol, command: &str) -> Class {
    let (interface, unknown): (&Interface, _) = match protocol {
        Protocol::Qmp => (&generated::qmp::INTERFACE, Class::Host),
        Protocol::Qga => (&generated::qga::INTERFACE, Class::GuestExec),
    };
    interface.command(command).map_or(unknown, |method| method.class)
}

/// Names as the schemas write them. One that the schemas lack may be of a newer peer; one in the
/// notation of D-Bus would never match.
fn commands<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<String>, D::Error> {
    let names = BTreeSet::<String>::deserialize(from)?;
    for name in &names {
        let ours = [&generated::qmp::INTERFACE, &generated::qga::INTERFACE];
        if let Some(method) = ours.iter().find_map(|interface| interface.method(name)) {
            let text = format!("`{name}` is the D-Bus name; write `{}`", method.command);
            return Err(de::Error::custom(text));
        }
    }
    Ok(names)
}

fn stricter<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Class>, D::Error> {
    let classes = BTreeMap::<String, String>::deserialize(from)?;
    let read = classes.into_iter().map(|(command, class)| {
        let class = tightened(&command, &class).map_err(de::Error::custom)?;
        Ok((command, class))
    });
    read.collect()
}

fn tightened(command: &str, class: &str) -> Result<Class, String> {
    let Some(class) = Class::named(class) else {
        let known: Vec<_> = Class::ALL.iter().map(|class| class.name()).collect();
        return Err(format!("`{command}`: `{class}` is no class; there is {}", known.join(", ")));
    };
    let ours = [&generated::qmp::INTERFACE, &generated::qga::INTERFACE];
    let Some(method) = ours.iter().find_map(|interface| interface.command(command)) else {
        return Err(format!("`{command}` is no command that the bridge knows"));
    };
    if class < method.class {
        return Err(format!(
            "`{command}` is of class {}, and the configuration may only tighten: {} is looser",
            method.class.name(),
            class.name()
        ));
    }
    Ok(class)
}

impl FromStr for User {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(uid) = text.parse() {
            return Ok(Self(uid));
        }
        match unistd::User::from_name(text) {
            Ok(Some(user)) => Ok(Self(user.uid.as_raw())),
            Ok(None) => Err(format!("there is no user `{text}`")),
            Err(error) => Err(format!("user `{text}`: {error}")),
        }
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = User;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name or the number of a user")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<User, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, uid: u64) -> Result<User, E> {
                u32::try_from(uid).map(User).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, uid: i64) -> Result<User, E> {
                u32::try_from(uid).map(User).map_err(E::custom)
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(table: serde_json::Value) -> Result<Rules, String> {
        serde_json::from_value(table).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_configuration_the_raw_ways_are_closed() {
        let rules = rules(json!({})).unwrap();
        assert!(rules.forbids("stop", true).unwrap().contains("execute = true"));
        assert!(rules.forbids(HUMAN, false).unwrap().contains("human-monitor-command = true"));
        let text = rules.forbids("x-query-jit", false).unwrap();
        assert!(text.contains("experimental = true"));
        assert_eq!(rules.forbids("stop", false), None);
        assert_eq!(rules.class("stop", Class::Control), Class::Control);
    }

    #[test]
    fn what_is_configured_holds() {
        let rules = rules(json!({
            "execute": true, "human-monitor-command": true, "experimental": true, "deny": ["guest-exec", "x-new"],
            "class": {"query-block": "host"}, "uids": ["root", 107],
        }))
        .unwrap();
        assert!(rules.forbids(HUMAN, true).is_none());
        assert!(rules.forbids("x-query-jit", false).is_none());
        assert!(rules.forbids("x-new", false).is_some());
        assert!(rules.forbids("guest-exec", false).is_some());
        assert_eq!(rules.class("query-block", Class::Read), Class::Host);
        assert_eq!(rules.uids().collect::<Vec<_>>(), [0, 107]);
    }

    #[test]
    fn loosening_and_mistakes_are_refused_by_name() {
        for (table, parts) in [
            (json!({"class": {"stop": "read"}}), &["`stop`", "control", "read is looser"][..]),
            (json!({"class": {"stop": "harmless"}}), &["harmless", "read-sensitive"]),
            (json!({"class": {"query-blok": "host"}}), &["query-blok", "no command"]),
            (json!({"deny": ["GuestExec"]}), &["GuestExec", "write `guest-exec`"]),
            (json!({"uids": ["nobody-of-this-name"]}), &["nobody-of-this-name"]),
            (json!({"uids": [-1]}), &["out of range"]),
            (json!({"allow": []}), &["allow"]),
        ] {
            let text = rules(table).unwrap_err();
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
    }
}
