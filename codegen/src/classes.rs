//! The decided classes: `schemas/classes.toml`, which people edit and nothing else, against what
//! the rule makes of the schemas. A command cannot come, go or change its class unseen.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;
use toml::Spanned;

use crate::dbus::{Class, Decision, Method, Protocol};

/// The file in the tree.
pub(crate) const PATH: &str = "schemas/classes.toml";

/// What was decided for each command.
#[derive(Debug, Default)]
pub(crate) struct Decided(BTreeMap<Protocol, Table>);

type Table = BTreeMap<String, Entry>;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    class: Class,
    line: usize,
}

/// A command of which the file does not say what the rule does.
#[derive(Debug)]
pub struct Difference {
    protocol: Protocol,
    command: String,
    is: Is,
}

#[derive(Debug)]
enum Is {
    New(Decision),
    Moved(Entry, Decision),
    Gone(Entry),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    qga: BTreeMap<String, Spanned<Class>>,
    #[serde(default)]
    qmp: BTreeMap<String, Spanned<Class>>,
}

impl Decided {
    /// Reads the text of the file.
    pub(crate) fn read(text: &str) -> Result<Self, toml::de::Error> {
        let File { qga, qmp } = toml::from_str(text)?;
        let entry = |(command, class): (String, Spanned<Class>)| {
            let line = text[..class.span().start].matches('\n').count() + 1;
            (command, Entry { class: class.into_inner(), line })
        };
        let table = |table: BTreeMap<_, _>| table.into_iter().map(entry).collect();
        Ok(Self([(Protocol::Qga, table(qga)), (Protocol::Qmp, table(qmp))].into()))
    }

    /// Where the methods of an interface are not as decided.
    pub(crate) fn differences(&self, protocol: Protocol, methods: &[Method]) -> Vec<Difference> {
        let mut gone = self.0.get(&protocol).cloned().unwrap_or_default();
        let mut differences = Vec::new();
        let mut differ = |command: &str, is| {
            differences.push(Difference { protocol, command: command.into(), is })
        };
        for Method { command, class, .. } in methods {
            match gone.remove(command) {
                None => differ(command, Is::New(class.clone())),
                Some(entry) if entry.class != class.class => {
                    differ(command, Is::Moved(entry, class.clone()));
                }
                Some(_) => {}
            }
        }
        gone.into_iter().for_each(|(command, entry)| differ(&command, Is::Gone(entry)));
        differences
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, command, is } = self;
        let protocol = protocol.name();
        match is {
            Is::New(Decision { class, by }) => write!(
                f,
                "{PATH}: '{command}' is new, and {class} ({by}): look at what it does, then add \
                 {command:?} = \"{class}\" to [{protocol}]"
            ),
            Is::Moved(Entry { class: decided, line }, Decision { class, by }) => write!(
                f,
                "{PATH}:{line}: '{command}' was decided to be {decided}, and the rule makes it \
                 {class} now ({by}): write {command:?} = \"{class}\" here, or mend the rule in \
                 codegen/src/dbus/class/"
            ),
            Is::Gone(Entry { class, line }) => write!(
                f,
                "{PATH}:{line}: '{command}' is decided to be {class}, but {protocol} has no such \
                 command: remove the line"
            ),
        }
    }
}
