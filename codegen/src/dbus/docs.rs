//! Summaries, and where there is none, the page of QEMU's reference.

use std::collections::BTreeMap;

use super::merge::Version;
use crate::model::Info;

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

/// What a summary can be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    Command,
    Event,
}

impl Summaries {
    /// The summary of this command or event.
    pub(super) fn get(&self, kind: Definition, name: &str) -> Option<&str> {
        let summaries = match kind {
            Definition::Command => &self.commands,
            Definition::Event => &self.events,
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
    pub(super) fn reference(self, kind: Definition, version: Version<'_>, info: &Info) -> String {
        let (page, namespace) = match self {
            Self::Qga => ("qemu-ga-ref", "QGA"),
            Self::Qmp => ("qemu-qmp-ref", "QMP"),
        };
        let kind = match kind {
            Definition::Command => "command",
            Definition::Event => "event",
        };
        let module = version.schema.module(info);
        let name = &info.name;
        format!(
            "https://www.qemu.org/docs/master/interop/{page}.html#{kind}-{namespace}-{module}.{name}"
        )
    }
}
