//! How a peer's schema differs from the one that an interface was made from. Names in, names out:
//! nothing here knows sockets or D-Bus.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fmt,
};

use serde::Deserialize;

use crate::transcode::shape::{Interface, Object, Shape};

/// In the interface and not in the peer.
pub const COMMANDS_MISSING: &str = "commands-missing";
/// In the peer and not in the interface: `Call` reaches them.
pub const COMMANDS_UNKNOWN: &str = "commands-unknown";
/// In the interface and not in the peer.
pub const EVENTS_MISSING: &str = "events-missing";
/// In the peer and not in the interface: they arrive as `UnknownEvent`.
pub const EVENTS_UNKNOWN: &str = "events-unknown";
/// `command.argument` or `EVENT.member` of what both have, in the interface and not in the peer.
pub const MEMBERS_MISSING: &str = "members-missing";
/// The same, in the peer and not in the interface.
pub const MEMBERS_UNKNOWN: &str = "members-unknown";

/// The part of the monitor's schema that the bridge keeps to itself.
const OWN: &str = "qmp_capabilities";

/// What one side has and the other lacks: sorted QAPI names under each kind that was compared,
/// empty where both agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference(Vec<(&'static str, Vec<String>)>);

impl Difference {
    /// Compares with the commands that a peer lists. Those that its administrator switched off
    /// are missing too.
    pub fn from_commands(interface: &Interface, commands: &[String]) -> Self {
        let theirs = commands.iter().map(String::as_str).collect();
        let (missing, unknown) = apart(&commands_of(interface), &theirs);
        Self(vec![(COMMANDS_MISSING, missing), (COMMANDS_UNKNOWN, unknown)])
    }

    /// Compares with the JSON text of what `query-qmp-schema` returned: commands, events, and the
    /// members of arguments and of events' data, those of all branches of a union together.
    ///
    /// # Errors
    ///
    /// If the text is not such an answer.
    pub fn from_schema(interface: &Interface, text: &[u8]) -> Result<Self, serde_json::Error> {
        let entries: Vec<Entry<'_>> = serde_json::from_slice(text)?;
        let schema = Schema(entries.iter().map(|entry| (&*entry.name, entry)).collect());
        let (commands, events) = (schema.of_kind("command"), schema.of_kind("event"));
        let (commands_missing, commands_unknown) = apart(&commands_of(interface), &commands);
        let (events_missing, events_unknown) = apart(&events_of(interface), &events);
        let (members_missing, members_unknown) = members(interface, &schema);
        Ok(Self(vec![
            (COMMANDS_MISSING, commands_missing),
            (COMMANDS_UNKNOWN, commands_unknown),
            (EVENTS_MISSING, events_missing),
            (EVENTS_UNKNOWN, events_unknown),
            (MEMBERS_MISSING, members_missing),
            (MEMBERS_UNKNOWN, members_unknown),
        ]))
    }

    /// Kinds with their names.
    pub fn lists(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        self.0.iter().map(|(kind, names)| (*kind, names.as_slice()))
    }
}

impl fmt::Display for Difference {
    /// How many of each kind.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, names)) in self.lists().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{kind} {}", names.len())?;
        }
        Ok(())
    }
}

/// What `ours` has alone, and what `theirs` has alone.
fn apart(ours: &BTreeSet<&str>, theirs: &BTreeSet<&str>) -> (Vec<String>, Vec<String>) {
    let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| {
        one.difference(other).map(|&name| name.to_owned()).collect()
    };
    (only(ours, theirs), only(theirs, ours))
}

fn commands_of(interface: &Interface) -> BTreeSet<&'static str> {
    interface.methods.iter().map(|method| method.command).collect()
}

fn events_of(interface: &Interface) -> BTreeSet<&'static str> {
    interface.signals.iter().map(|signal| signal.event).collect()
}

fn members(interface: &Interface, schema: &Schema<'_>) -> (Vec<String>, Vec<String>) {
    let arguments = interface.methods.iter().map(|method| (method.command, method.arguments));
    let data = interface.signals.iter().map(|signal| (signal.event, signal.data));
    let (mut missing, mut unknown) = (Vec::new(), Vec::new());
    for (owner, object) in arguments.chain(data) {
        let Some(theirs) = schema.members(owner) else { continue };
        let mut ours = BTreeSet::new();
        collect(object, &mut ours);
        let (ours_only, theirs_only) = apart(&ours, &theirs);
        missing.extend(ours_only.iter().map(|name| format!("{owner}.{name}")));
        unknown.extend(theirs_only.iter().map(|name| format!("{owner}.{name}")));
    }
    missing.sort_unstable();
    unknown.sort_unstable();
    (missing, unknown)
}

/// The members of all branches. A descriptor travels beside the arguments, hence in no schema.
fn collect(object: &'static Object, to: &mut BTreeSet<&'static str>) {
    let in_schema = object.members.iter().filter(|member| !matches!(member.shape, Shape::Fd));
    to.extend(in_schema.map(|member| member.name));
    let branches = object.union.iter().flat_map(|union| union.branches);
    branches.for_each(|(_, branch)| collect(branch, to));
}

/// The entries of a schema by name: commands and events by their own, types by a number.
struct Schema<'a>(HashMap<&'a str, &'a Entry<'a>>);

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    meta_type: Cow<'a, str>,
    arg_type: Option<String>,
    #[serde(borrow, default)]
    members: Vec<Member<'a>>,
    #[serde(default)]
    variants: Vec<Variant>,
}

/// A member of an object; those of other types may lack a name.
#[derive(Deserialize)]
struct Member<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Variant {
    #[serde(rename = "type")]
    kind: String,
}

impl<'a> Schema<'a> {
    fn of_kind(&self, kind: &str) -> BTreeSet<&'a str> {
        let entries = self.0.iter().filter(|(_, entry)| entry.meta_type == kind);
        entries.map(|(&name, _)| name).filter(|&name| name != OWN).collect()
    }

    /// The members of a command's arguments or an event's data, if the schema has it.
    fn members(&self, owner: &str) -> Option<BTreeSet<&'a str>> {
        let mut types: Vec<&str> = self.0.get(owner)?.arg_type.as_deref().into_iter().collect();
        // A peer may say that a type is a branch of itself.
        let mut seen = BTreeSet::new();
        let mut members = BTreeSet::new();
        while let Some(name) = types.pop() {
            if !seen.insert(name) {
                continue;
            }
            if let Some(entry) = self.0.get(name) {
                members.extend(entry.members.iter().map(|member| &*member.name));
                types.extend(entry.variants.iter().map(|variant| variant.kind.as_str()));
            }
        }
        Some(members)
    }
}

#[cfg(test)]
mod tests;
