//! The properties of an endpoint's interface (mapping, section 8).

use std::path::Path;

use crate::{
    endpoint::{Account, Protocol, State, Status},
    skew::{self, Difference},
    transcode::{
        Json, Part,
        shape::{Member, Object, Shape, UNKNOWN},
    },
};

/// The types of all properties, so that an empty list keeps its element type.
static TYPES: Object = Object {
    name: "",
    members: &[
        Member { name: "Calls", shape: Shape::Uint64 },
        Member { name: "Capabilities", shape: Shape::List(&Shape::Str) },
        Member { name: "Commands", shape: Shape::List(&Shape::Str) },
        Member { name: COUNTERS, shape: Shape::Object(&UNKNOWN) },
        Member { name: "LogLevel", shape: Shape::Str },
        Member { name: "LogTarget", shape: Shape::Str },
        Member { name: "Machines", shape: Shape::Uint64 },
        Member { name: "Misbehaving", shape: Shape::Bool },
        Member { name: "Peers", shape: Shape::Uint64 },
        Member { name: "PeersReady", shape: Shape::Uint64 },
        Member { name: "RunState", shape: Shape::Str },
        Member { name: "SchemaDifference", shape: Shape::Object(&DIFFERENCE) },
        Member { name: "Socket", shape: Shape::Str },
        Member { name: "State", shape: Shape::Str },
        Member { name: "SyslogIdentifier", shape: Shape::Str },
        Member { name: "Version", shape: Shape::Str },
    ],
    union: None,
};

/// The lists of names, which are often empty.
static DIFFERENCE: Object = Object {
    name: "",
    members: &[
        names(skew::COMMANDS_MISSING),
        names(skew::COMMANDS_UNKNOWN),
        names(skew::EVENTS_MISSING),
        names(skew::EVENTS_UNKNOWN),
        names(skew::MEMBERS_MISSING),
        names(skew::MEMBERS_UNKNOWN),
    ],
    union: None,
};

const fn names(name: &'static str) -> Member {
    Member { name, shape: Shape::List(&Shape::Str) }
}

/// `a{sv}` of properties.
pub(super) const SHAPE: Shape = Shape::Object(&TYPES);

/// Properties as an argument.
pub(super) fn part(properties: Properties) -> Part<'static> {
    let properties = properties.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Part { name: "properties", shape: SHAPE, value: Json::Object(properties) }
}

/// `v` that holds a value of this property's type.
pub(super) fn variant_of(name: &str) -> Shape {
    let member = TYPES.members.iter().find(|member| member.name == name);
    member.map_or(Shape::Any, |member| Shape::Alternate(std::slice::from_ref(&member.shape)))
}

/// Changes with every call, so that its changes are not told.
const COUNTERS: &str = "Counters";

/// Properties with their values.
pub type Properties = Vec<(&'static str, Json<'static>)>;

/// Every property of an endpoint that tells its changes.
pub(super) fn all(
    protocol: Protocol,
    socket: &Path,
    status: &Status,
    difference: &Difference,
) -> Properties {
    let lists = difference.lists().map(|(kind, names)| (kind.into(), strings(names)));
    let mut properties = brief(protocol, socket, status);
    properties.push(("Commands", strings(&status.commands)));
    properties.push(("SchemaDifference", Json::Object(lists.collect())));
    properties
}

/// Those of them that do not take kilobytes.
pub(super) fn brief(protocol: Protocol, socket: &Path, status: &Status) -> Properties {
    let mut properties = vec![
        ("Misbehaving", Json::Bool(status.misbehaving)),
        ("Socket", string(&socket.to_string_lossy())),
        ("State", Json::Str(state(status.state).into())),
        ("Version", string(&status.version)),
    ];
    if protocol == Protocol::Qmp {
        properties.push(("Capabilities", strings(status.capabilities)));
        properties.push(("RunState", string(&status.run_state)));
    }
    properties
}

/// The property that does not.
pub(super) fn counters(account: &Account) -> (&'static str, Json<'static>) {
    let counts = account.counts().map(|(name, count)| (name.into(), Json::from(count)));
    (COUNTERS, Json::Object(counts.collect()))
}

/// Those properties of `new` whose value is not that of `old`.
pub(super) fn changed(old: Properties, new: Properties) -> Properties {
    new.into_iter().filter(|property| !old.contains(property)).collect()
}

fn strings(list: &[impl AsRef<str>]) -> Json<'static> {
    Json::List(list.iter().map(|item| string(item.as_ref())).collect())
}

/// A property keeps its type: a hostile name changes in its place.
fn string(text: &str) -> Json<'static> {
    Json::Str(text.replace('\0', "\u{fffd}").into())
}

fn state(state: State) -> &'static str {
    match state {
        State::Disconnected => "disconnected",
        State::Absent => "absent",
        State::Connecting => "connecting",
        State::Ready => "ready",
        State::Frozen => "frozen",
        State::Unresponsive => "unresponsive",
    }
}
