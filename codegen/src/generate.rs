//! Schemas, ledger and summaries in; introspection XML and tables out.

use std::{
    error, fmt, fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Difference, Options,
    dbus::{self, Interface, Ledger, Protocol, Source, Version},
    emit,
    model::Schema,
    project::{self, Project, Release},
};

/// What the tree should hold.
#[derive(Debug)]
pub struct Output {
    /// Generated files, with paths relative to the tree.
    pub files: Vec<(PathBuf, String)>,
    /// Files that nothing generates any more.
    pub orphans: Vec<PathBuf>,
    /// What the files were printed from.
    pub interfaces: Vec<Interface>,
}

/// The D-Bus names of the interfaces.
#[derive(Clone, Debug)]
pub struct InterfaceNames {
    /// Of the guest agent's.
    pub qga: String,
    /// Of the monitor's.
    pub qmp: String,
}

/// Why nothing was generated.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read or written.
    Io(PathBuf, io::Error),
    /// The folder holds no release of a schema.
    NoSchema(PathBuf),
    /// A folder among the releases has a name that is no release number.
    NotARelease(PathBuf),
    /// The summaries or the classes cannot be read.
    Toml(PathBuf, toml::de::Error),
    /// A schema is not accepted.
    Schema(Box<crate::Error>),
    /// No interface can be made of the schemas.
    Interface(Protocol, dbus::Error),
    /// A person has to decide on commands first.
    Undecided(Vec<Difference>),
}

/// What generating comes to.
pub type Result<T> = std::result::Result<T, Error>;

/// An interface and what it was made from.
#[derive(Debug)]
pub struct Made {
    /// Of which of QEMU's two.
    pub protocol: Protocol,
    /// The interface.
    pub interface: Interface,
    /// The releases of the schema, oldest first.
    pub releases: Vec<String>,
}

/// Generates everything, in memory.
///
/// # Errors
/// Any [`Error`].
pub fn generate(project: &Project, names: &InterfaceNames) -> Result<Output> {
    let decided = project.decided()?;
    let mut output = Output { files: Vec::new(), orphans: Vec::new(), interfaces: Vec::new() };
    let mut undecided = Vec::new();
    for Made { protocol, interface, releases } in interfaces(project, names)? {
        undecided.extend(decided.differences(protocol, &interface.methods));
        let release = emit::Release { protocol, versions: &releases.join(", ") };
        output.files.push((project::xml(&interface.name), emit::emit_xml(&interface)));
        let json_schema = emit::emit_json_schema(&interface, &release);
        output.files.push((project::json_schema(&interface.name), json_schema));
        output.files.push((project::tables(protocol), emit::emit_tables(&interface, &release)));
        let go = emit::emit_go(&interface, &release).into_iter();
        let path = |name: &str| project::go(protocol, name);
        output.files.extend(go.map(|(name, text)| (path(&name), text)));
        let python = emit::emit_python(&interface, &release);
        output.files.extend(python.into_iter().map(|(name, text)| (project::python(&name), text)));
        for (name, text) in emit::emit_rust(&interface, &release) {
            output.files.push((project::types(protocol, &name), text));
        }
        output.files.push((project::calls(protocol), emit::emit_calls(&interface, &release)));
        output.interfaces.push(interface);
    }
    if !undecided.is_empty() {
        return Err(Error::Undecided(undecided));
    }
    output.files.push((project::policy(), emit::emit_policy()));
    output.orphans = project.generated()?;
    output.orphans.retain(|path| !output.files.iter().any(|(file, _)| file == path));
    Ok(output)
}

/// Makes the interfaces, whatever was decided of their commands.
///
/// # Errors
/// Any [`Error`] but `Undecided`.
pub fn interfaces(project: &Project, names: &InterfaceNames) -> Result<Vec<Made>> {
    let make = |protocol| {
        let releases = project.releases(protocol)?;
        let interface = interface(project, protocol, names.of(protocol), &releases)?;
        let releases = releases.into_iter().map(|release| release.name).collect();
        Ok(Made { protocol, interface, releases })
    };
    Protocol::ALL.into_iter().map(make).collect()
}

impl Output {
    /// Brings the tree up to date, and gives the paths of what changed. Files that are as they
    /// should be keep their time stamps.
    ///
    /// # Errors
    /// `Io`, with earlier files written.
    pub fn write(&self, project: &Project) -> Result<Vec<&Path>> {
        let mut changed = Vec::new();
        for (path, text) in &self.files {
            if project.read(path)?.as_ref() != Some(text) {
                project.write(path, text)?;
                changed.push(path.as_path());
            }
        }
        for path in &self.orphans {
            fs::remove_file(project.path(path)).map_err(|error| Error::io(path, error))?;
            changed.push(path);
        }
        Ok(changed)
    }
}

impl InterfaceNames {
    /// The name of one of them.
    pub fn of(&self, protocol: Protocol) -> &str {
        match protocol {
            Protocol::Qga => &self.qga,
            Protocol::Qmp => &self.qmp,
        }
    }
}

impl Default for InterfaceNames {
    fn default() -> Self {
        Self { qga: Protocol::Qga.interface().into(), qmp: Protocol::Qmp.interface().into() }
    }
}

fn interface(
    project: &Project,
    protocol: Protocol,
    name: &str,
    releases: &[Release],
) -> Result<Interface> {
    let schemas = releases.iter().map(load).collect::<Result<Vec<_>>>()?;
    let version = |(release, schema)| Version { name: release, schema };
    let names = releases.iter().map(|release| release.name.as_str());
    let versions: Vec<_> = names.zip(&schemas).map(version).collect();
    let ledger = match project.read(&project::xml(name))? {
        Some(xml) => Ledger::read(&xml, name),
        None => Ok(Ledger::default()),
    };
    let fail = |error| Error::Interface(protocol, error);
    let ledger = ledger.map_err(fail)?;
    let summaries = project.summaries(protocol)?;
    let source = Source {
        protocol,
        interface: name,
        versions: &versions,
        ledger: &ledger,
        summaries: &summaries,
    };
    dbus::build(&source).map_err(fail)
}

fn load(release: &Release) -> Result<Schema> {
    crate::load(&release.schema, &Options::default())
        .map_err(|error| Error::Schema(Box::new(error)))
}

impl Error {
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io(path.into(), error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoSchema(path) => write!(f, "{}: holds no schema", path.display()),
            Self::NotARelease(path) => write!(f, "{}: not a release number", path.display()),
            Self::Toml(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Schema(error) => error.fmt(f),
            Self::Interface(protocol, error) => write!(f, "{}: {error}", protocol.name()),
            Self::Undecided(differences) => {
                f.write_str("classes of commands are to be decided:")?;
                differences.iter().try_for_each(|difference| write!(f, "\n{difference}"))
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Toml(_, error) => Some(error),
            Self::Schema(error) => error.source(),
            Self::Interface(_, error) => error.source(),
            Self::NoSchema(_) | Self::NotARelease(_) | Self::Undecided(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
