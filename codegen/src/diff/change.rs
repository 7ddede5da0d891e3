//! What differs between two schemas, in QAPI's terms.

use std::collections::BTreeMap;

use serde::Serialize;

/// One difference.
#[derive(Clone, Debug)]
pub struct Change {
    /// What kind it is of.
    pub kind: Kind,
    /// The definition it is in.
    pub place: Place,
    /// The member, value or branch in the definition; empty for the definition itself.
    pub path: String,
    /// As the old schema has it; none if it has nothing there.
    pub before: Option<String>,
    /// As the new schema has it; none if it has nothing there.
    pub after: Option<String>,
    /// The old schema marks it deprecated or unstable.
    pub announced: bool,
    /// The old schema marks it unstable: no promise covers it.
    pub unstable: bool,
}

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A new command.
    CommandAdded,
    /// No such command any more.
    CommandRemoved,
    /// A new event.
    EventAdded,
    /// No such event any more.
    EventRemoved,
    /// A new member that can be left out.
    OptionalMemberAdded,
    /// A new member that is always there.
    MandatoryMemberAdded,
    /// No such member any more.
    MemberRemoved,
    /// A mandatory member can be left out now.
    BecameOptional,
    /// An optional member is always there now.
    BecameMandatory,
    /// The same members in another order.
    MembersReordered,
    /// A type became an alternate that has the type as one of its forms.
    BecameAlternate,
    /// An integer of another width or sign.
    IntegerWidthChanged,
    /// An enumeration in place of a string, or the other way round.
    StringTypeChanged,
    /// A type that JSON texts for the other do not fit.
    TypeChanged,
    /// A command that returned nothing returns something.
    ResultAdded,
    /// A command that returned something returns nothing.
    ResultRemoved,
    /// A new value of an enumeration.
    ValueAdded,
    /// No such value any more.
    ValueRemoved,
    /// A new branch of a union.
    UnionBranchAdded,
    /// No such branch any more.
    UnionBranchRemoved,
    /// A new form of an alternate.
    AlternateBranchAdded,
    /// No such form any more.
    AlternateBranchRemoved,
    /// Marked `deprecated`.
    Deprecated,
    /// A new feature.
    FeatureAdded,
    /// No such feature any more.
    FeatureRemoved,
    /// Another `if`.
    ConditionChanged,
    /// Another `success-response`.
    SuccessResponseChanged,
    /// Another `allow-oob`.
    OobChanged,
    /// Another `allow-preconfig`.
    PreconfigChanged,
    /// The same place has a type of another name: the wire does not show it.
    TypeRenamed,
}

/// The definition that a difference is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A command of this name.
    Command(String),
    /// An event of this name.
    Event(String),
    /// A type that commands or events reach, by its old name.
    Type {
        /// In the old schema.
        old: String,
        /// In the new schema.
        new: String,
    },
}

/// Which commands and events carry values of a type, each with whether the promise covers a way
/// there.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Commands, by their arguments.
    pub arguments: BTreeMap<String, bool>,
    /// Commands, by their results.
    pub results: BTreeMap<String, bool>,
    /// Events.
    pub events: BTreeMap<String, bool>,
}

/// How values travel from a command or event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Argument,
    Result,
    Event,
}

impl Kind {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::CommandAdded => "command added",
            Self::CommandRemoved => "command removed",
            Self::EventAdded => "event added",
            Self::EventRemoved => "event removed",
            Self::OptionalMemberAdded => "optional member added",
            Self::MandatoryMemberAdded => "mandatory member added",
            Self::MemberRemoved => "member removed",
            Self::BecameOptional => "mandatory became optional",
            Self::BecameMandatory => "optional became mandatory",
            Self::MembersReordered => "members reordered",
            Self::BecameAlternate => "became an alternate",
            Self::IntegerWidthChanged => "integer width changed",
            Self::StringTypeChanged => "string and enumeration exchanged",
            Self::TypeChanged => "type changed",
            Self::ResultAdded => "result added",
            Self::ResultRemoved => "result removed",
            Self::ValueAdded => "enumeration value added",
            Self::ValueRemoved => "enumeration value removed",
            Self::UnionBranchAdded => "union branch added",
            Self::UnionBranchRemoved => "union branch removed",
            Self::AlternateBranchAdded => "alternate branch added",
            Self::AlternateBranchRemoved => "alternate branch removed",
            Self::Deprecated => "deprecated",
            Self::FeatureAdded => "feature added",
            Self::FeatureRemoved => "feature removed",
            Self::ConditionChanged => "condition changed",
            Self::SuccessResponseChanged => "success-response changed",
            Self::OobChanged => "allow-oob changed",
            Self::PreconfigChanged => "allow-preconfig changed",
            Self::TypeRenamed => "type renamed",
        }
    }
}

impl Place {
    /// The name, with the new one where it differs.
    pub fn name(&self) -> String {
        match self {
            Self::Command(name) | Self::Event(name) => name.clone(),
            Self::Type { old, new } if old == new => old.clone(),
            Self::Type { old, new } => format!("{old} -> {new}"),
        }
    }

    /// `command`, `event` or `type`.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Event(_) => "event",
            Self::Type { .. } => "type",
        }
    }
}

impl Reach {
    pub(super) fn of(&self, role: Role) -> &BTreeMap<String, bool> {
        match role {
            Role::Argument => &self.arguments,
            Role::Result => &self.results,
            Role::Event => &self.events,
        }
    }

    /// Adds a way; whether that says anything new.
    pub(super) fn add(&mut self, role: Role, name: &str, promised: bool) -> bool {
        let ways = match role {
            Role::Argument => &mut self.arguments,
            Role::Result => &mut self.results,
            Role::Event => &mut self.events,
        };
        match ways.get_mut(name) {
            None => ways.insert(name.into(), promised).is_none(),
            Some(known) => promised && !std::mem::replace(known, true),
        }
    }
}
