//! Summaries, and where there is none, the page of QEMU's reference.

use std::collections::BTreeMap;

/// Which of QEMU's two interfaces a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// The guest agent.
    Qga,
    /// The monitor.
    Qmp,
}

/// Summaries by QAPI name.
#[derive(Debug, Default)]
pub struct Summaries {
    /// Of commands.
    pub commands: BTreeMap<String, String>,
    /// Of events.
    pub events: BTreeMap<String, String>,
}

/// What QEMU's reference tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// A command.
    Command,
    /// An event.
    Event,
    /// A struct or union.
    Object,
    /// An enumeration.
    Enumeration,
    /// An alternate.
    Alternate,
}

impl Summaries {
    /// The summary of this command or event.
    pub(super) fn get(&self, kind: Definition, name: &str) -> Option<&str> {
        let summaries = match kind {
            Definition::Command => &self.commands,
            Definition::Event => &self.events,
            Definition::Object | Definition::Enumeration | Definition::Alternate => return None,
        };
        summaries.get(name).map(String::as_str)
    }
}

impl Protocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Qga, Self::Qmp];

    /// In file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qga => "qga",
            Self::Qmp => "qmp",
        }
    }

    /// The D-Bus interface, unless asked for another.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Qga => "org.qemu.QgaQapi",
            Self::Qmp => "org.qemu.QmpQapi",
        }
    }

    /// The address of a definition in QEMU's reference.
    pub fn reference(self, kind: Definition, module: &str, name: &str) -> String {
        let (page, namespace) = match self {
            Self::Qga => ("qemu-ga-ref", "QGA"),
            Self::Qmp => ("qemu-qmp-ref", "QMP"),
        };
        let kind = match kind {
            Definition::Command => "command",
            Definition::Event => "event",
            Definition::Object => "object",
            Definition::Enumeration => "enum",
            Definition::Alternate => "alternate",
        };
        format!(
            "https://www.qemu.org/docs/master/interop/{page}.html#{kind}-{namespace}-{module}.{name}"
        )
    }
}
