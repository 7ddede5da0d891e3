//! What is asked of a client, and how its answer is judged.

use std::{collections::HashMap, ops::RangeInclusive};

/// A thing that a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Knows the members of `org.qemu.QmpQapi`; generated code compiles.
    Introspect,
    /// `QueryStatus()`
    NoArgument,
    /// `GuestFileOpen(path, {mode})`
    Optional,
    /// `BlockdevAdd(driver, {node-name, file: {…}})`
    Nested,
    /// Name and text of the error of `DeviceDel(id)`
    Error,
    /// `StopEvent` with its dictionary
    Signal,
    /// `Stop()`
    Stop,
    /// `State`, and the change of `RunState`
    Property,
}

/// What is known from elsewhere when a client has run.
#[derive(Debug)]
pub(crate) struct World {
    /// How many methods and signals the interface file declares.
    pub(crate) members: (usize, usize),
    /// Whether the file that the agent was to open for writing is there.
    pub(crate) file: bool,
    /// Size of the node that was to be added, if it was.
    pub(crate) node: Option<u64>,
    /// Run state of the machine.
    pub(crate) run_state: String,
    /// When the client ran, in microseconds since the epoch.
    pub(crate) time: RangeInclusive<u64>,
}

impl Column {
    /// All columns, in their order.
    pub(crate) const ALL: [Self; 8] = [
        Self::Introspect,
        Self::NoArgument,
        Self::Optional,
        Self::Nested,
        Self::Error,
        Self::Signal,
        Self::Stop,
        Self::Property,
    ];

    /// The first word of the line in which a client tells of it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::NoArgument => "no-argument",
            Self::Optional => "optional",
            Self::Nested => "nested",
            Self::Error => "error",
            Self::Signal => "signal",
            Self::Stop => "stop",
            Self::Property => "property",
        }
    }

    /// Its heading.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::NoArgument => "no argument",
            Self::Optional => "optional argument",
            Self::Nested => "nested dictionary",
            Self::Error => "error: name, text",
            Self::Signal => "signal",
            Self::Stop => "`Stop()` stops",
            Self::Property => "property, its change",
        }
    }

    /// Whether what a client said is true.
    ///
    /// # Errors
    /// What it should have been.
    pub(crate) fn judge(self, said: &Lines<'_>, world: &World) -> Result<(), String> {
        let Some(said) = said.get(self.key()) else {
            return Err("nothing said".to_owned());
        };
        let (right, expected) = self.expect(said, world);
        if right { Ok(()) } else { Err(format!("{said:?}, where {expected} is right")) }
    }

    fn expect(self, said: &str, world: &World) -> (bool, String) {
        match self {
            Self::Introspect => introspected(said, world.members),
            Self::NoArgument => (said == "running", "\"running\"".to_owned()),
            Self::Optional => {
                let handle = said.parse::<u64>().is_ok();
                (handle && world.file, format!("a handle (file there: {})", world.file))
            }
            Self::Nested => {
                let added = said == "added" && world.node == Some(NODE_SIZE);
                (added, format!("a node of {NODE_SIZE} bytes (it has {:?})", world.node))
            }
            Self::Error => (said == REFUSAL, format!("{REFUSAL:?}")),
            Self::Signal => {
                let now = said.parse().is_ok_and(|time| world.time.contains(&time));
                (now, format!("a time in {:?}", world.time))
            }
            Self::Stop => {
                let stopped = said == "returned" && world.run_state == "paused";
                (stopped, format!("\"returned\" and paused (it is {})", world.run_state))
            }
            Self::Property => (said == "ready paused", "\"ready paused\"".to_owned()),
        }
    }
}

/// The size that every client gives to its node.
const NODE_SIZE: u64 = 65536;

/// What the peer answers when a device is unknown.
const REFUSAL: &str =
    "org.qemu.QapiError.DeviceNotFound DeviceNotFound: Device 'missing' not found";

/// What a client said, by key.
pub(crate) type Lines<'a> = HashMap<&'a str, &'a str>;

/// A client that has no use for signals says `-` of them.
fn introspected(said: &str, (methods, signals): (usize, usize)) -> (bool, String) {
    let all = format!("{methods} {signals}");
    (said == all || said == format!("{methods} -"), format!("{all:?}"))
}
