//! Where the generator reads and writes.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    classes::{self, Decided},
    dbus::{Protocol, Summaries},
    emit,
    generate::{Error, Result},
};

/// The tree that holds the schemas and what is made of them.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
}

/// A release of a schema that the tree holds.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    number: Vec<u32>,
    /// `10.0`
    pub(crate) name: String,
    /// Its first file.
    pub(crate) schema: PathBuf,
}

/// `schemas/summaries.toml`, by QAPI name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SummaryTables {
    qga: BTreeMap<String, String>,
    qmp: BTreeMap<String, String>,
    #[serde(rename = "qmp-events")]
    qmp_events: BTreeMap<String, String>,
}

impl Project {
    /// The tree at this place.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The innermost tree around a folder: the one with `schemas` and `introspection` in it.
    pub fn around(folder: &Path) -> Option<Self> {
        let holds = |at: &&Path| at.join(SCHEMAS).is_dir() && at.join(INTROSPECTION).is_dir();
        folder.ancestors().find(holds).map(Self::at)
    }

    /// A path of the tree as the file system knows it.
    pub(crate) fn path(&self, relative: &Path) -> PathBuf {
        self.root.join(relative)
    }

    /// Where the reference goes.
    pub fn docs(&self) -> PathBuf {
        self.path(Path::new("target/docs"))
    }

    /// The text of a file of the tree; none if there is no such file.
    pub(crate) fn read(&self, relative: &Path) -> Result<Option<String>> {
        match fs::read_to_string(self.path(relative)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(relative, error)),
        }
    }

    /// Writes a file of the tree, and the folders it is in.
    pub(crate) fn write(&self, relative: &Path, text: &str) -> Result<()> {
        let path = self.path(relative);
        let folders = path.parent().map_or(Ok(()), fs::create_dir_all);
        folders.and_then(|()| fs::write(&path, text)).map_err(|error| Error::io(relative, error))
    }

    /// The releases of one schema, oldest first.
    pub(crate) fn releases(&self, protocol: Protocol) -> Result<Vec<Release>> {
        let folder = Path::new(SCHEMAS).join(protocol.name());
        let mut releases = Vec::new();
        for path in self.list(&folder)? {
            let name = file_name(&path);
            let number = name.split('.').map(str::parse).collect::<std::result::Result<_, _>>();
            let number = number.map_err(|_| Error::NotARelease(folder.join(&name)))?;
            let schema = self.path(&folder).join(&name).join("qapi-schema.json");
            releases.push(Release { number, name, schema });
        }
        releases.sort();
        if releases.is_empty() { Err(Error::NoSchema(folder)) } else { Ok(releases) }
    }

    /// What is said of the commands and events of one schema.
    pub(crate) fn summaries(&self, protocol: Protocol) -> Result<Summaries> {
        let path = Path::new(SCHEMAS).join("summaries.toml");
        let text = self.read(&path)?.unwrap_or_default();
        let tables: SummaryTables =
            toml::from_str(&text).map_err(|error| Error::Toml(path, error))?;
        Ok(match protocol {
            Protocol::Qga => Summaries { commands: tables.qga, events: BTreeMap::new() },
            Protocol::Qmp => Summaries { commands: tables.qmp, events: tables.qmp_events },
        })
    }

    /// What was decided for each command.
    pub(crate) fn decided(&self) -> Result<Decided> {
        let path = Path::new(classes::PATH);
        let text = self.read(path)?.unwrap_or_default();
        Decided::read(&text).map_err(|error| Error::Toml(path.into(), error))
    }

    /// The generated files of programs that are there.
    pub(crate) fn generated(&self) -> Result<Vec<PathBuf>> {
        let mut generated = Vec::new();
        let packages = Protocol::ALL.map(|protocol| [types(protocol, ""), go(protocol, "")]);
        let folders = [INTROSPECTION, TABLES, CALLS, PYTHON].map(PathBuf::from);
        for folder in folders.iter().chain(packages.as_flattened()) {
            for path in self.list(folder)? {
                let path = folder.join(file_name(&path));
                if self.path(&path).is_file() && self.read(&path)?.is_some_and(is_generated) {
                    generated.push(path);
                }
            }
        }
        generated.sort();
        Ok(generated)
    }

    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(self.path(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| Error::io(folder, error))?,
        };
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>();
        paths.map_err(|error| Error::io(folder, error))
    }
}

/// The file of the contract, and of the ledger.
pub(crate) fn xml(interface: &str) -> PathBuf {
    Path::new(INTROSPECTION).join(format!("{interface}.xml"))
}

/// The JSON Schema of an interface.
pub(crate) fn json_schema(interface: &str) -> PathBuf {
    Path::new(INTROSPECTION).join(format!("{interface}.schema.json"))
}

/// The file of the tables.
pub(crate) fn tables(protocol: Protocol) -> PathBuf {
    Path::new(TABLES).join(format!("{}.rs", protocol.name()))
}

/// A module of the Python client.
pub(crate) fn python(name: &str) -> PathBuf {
    Path::new(PYTHON).join(name)
}

/// The file of polkit's actions.
pub(crate) fn policy() -> PathBuf {
    format!("dbus-policy/polkit-1/actions/{}.policy", emit::POLICY).into()
}

/// A module of the Rust types.
pub(crate) fn types(protocol: Protocol, file: &str) -> PathBuf {
    Path::new(TYPES).join(protocol.name()).join(file)
}

/// A file of the Go client.
pub(crate) fn go(protocol: Protocol, name: &str) -> PathBuf {
    Path::new(GO).join(protocol.name()).join(name)
}

/// The file of the Rust client's calls.
pub(crate) fn calls(protocol: Protocol) -> PathBuf {
    Path::new(CALLS).join(format!("{}.rs", protocol.name()))
}

const SCHEMAS: &str = "schemas";
const INTROSPECTION: &str = "introspection";
const TABLES: &str = "bridge/src/generated";
const CALLS: &str = "bridge/client/src/generated";
const TYPES: &str = "bridge/types/src/generated";
const GO: &str = "bridge/go";
const PYTHON: &str = "bridge/python/src/qapi_dbus";

fn is_generated(text: String) -> bool {
    // JSON begins with a brace.
    text.lines().take(2).any(|line| line.contains(emit::GENERATED))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
