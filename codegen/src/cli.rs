//! The command line.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use qapi_codegen::{Dialect, dbus::Protocol, generate::InterfaceNames, project::Project};

/// Turns QAPI schemas into D-Bus interfaces
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write introspection XML and tables from the schemas
    ///
    /// Reads schemas/, introspection/ (the released interfaces, whose signatures it keeps),
    /// schemas/summaries.toml and schemas/classes.toml. Writes introspection/,
    /// bridge/src/generated/ and polkit's actions in dbus-policy/: only files that differ; tables
    /// that nothing generates any more are removed.
    ///
    /// Stops where schemas/classes.toml is not what the rule makes of each command: a person has to
    /// say what a caller must be allowed to do for a command that is new or does more than before.
    #[command(after_help = "\
Examples:
  qapi-codegen generate
  qapi-codegen generate --interface qga=com.example.GuestAgent1")]
    Generate(Tree),
    /// Fail if the tree is not what `generate` would make it
    ///
    /// Checks that the schemas can be served within the released interfaces, that no two names
    /// meet, that each command has the class that was decided, and that every generated file is
    /// fresh. Prints a unified diff of what is not, and how
    /// many methods and signals have a summary.
    #[command(after_help = "\
Examples:
  qapi-codegen check
  qapi-codegen check --root ~/src/qapi-dbus")]
    Check(Tree),
    /// List what each command lets a caller do, and what decided that
    ///
    /// For each command its class, from `read` to `host`, and what decided it: an argument that
    /// looks like something of the host's, the table of exceptions, a pattern of names, or the
    /// default, which is the strictest.
    #[command(after_help = "\
Example:
  qapi-codegen classes | grep -w host")]
    Classes(Tree),
    /// Write the reference: a static site, and manual pages
    ///
    /// A page a command, event and type, with a search that needs no server: open index.html. Under
    /// man/ is a page of section 7 for each command and event: `man -M target/docs/man
    /// qapi-blockdev-add`.
    #[command(after_help = "\
Examples:
  qapi-codegen docs
  qapi-codegen docs --out ~/qapi --qemu-source ~/src/qemu")]
    Docs {
        /// The tree that holds schemas/ and introspection/ [default: the one around the working
        /// directory]
        #[arg(long, value_name = "FOLDER")]
        root: Option<PathBuf>,
        /// Folder to write into, in the place of an earlier reference [default: target/docs of the
        /// tree]
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// Source tree of QEMU whose documentation comments to take in. They are under QEMU's
        /// licence: the site with them is for your own use
        #[arg(long, value_name = "FOLDER")]
        qemu_source: Option<PathBuf>,
    },
    /// Print a schema as JSON: resolved, or what it becomes on D-Bus
    #[command(after_help = "\
Examples:
  qapi-codegen dump schemas/qga/10.0/qapi-schema.json
  qapi-codegen dump --dbus qmp schemas/qmp/10.0/qapi-schema.json | jq '.methods[].in'")]
    Dump {
        /// First file of the schema
        schema: PathBuf,
        /// What it becomes on D-Bus, as the interface of this protocol and as if never released
        #[arg(long, value_name = "PROTOCOL")]
        dbus: Option<ProtocolArg>,
        /// What the schema is written in
        #[arg(long, value_enum, default_value_t)]
        dialect: DialectArg,
    },
    /// Tell what changed between two schemas, and whether D-Bus clients survive it
    ///
    /// Each change has its kind, its place, what was there before and after, and a verdict:
    /// compatible; held by the ledger (a binding made from the schema alone would have another
    /// signature, the released one stays); withdrawn (signatures stay, but QEMU takes something
    /// away); not promised (unstable in QAPI); breaks. A naive signature has the mandatory members
    /// in front and a dictionary only if there are optional ones. Types are told of once, with the
    /// commands and events that reach them; their names are not on the wire.
    ///
    /// Exit status: 0 as long as D-Bus clients of OLD work with NEW, 1 if one would break, 2 if
    /// the arguments are wrong or a file cannot be read.
    #[command(after_help = "\
Examples:
  qapi-codegen diff schemas/qmp/7.2 schemas/qmp/10.2
  qapi-codegen diff --ledger introspection/org.qemu.QmpQapi.xml schemas/qmp/7.2 ~/src/qemu/qapi
  qapi-codegen diff --format json OLD NEW | jq -r '.changes[] | select(.verdict == \"breaks\")'

In the continuous integration of QEMU, against the branch that a change is made for; --strict also
refuses to remove what was never deprecated:
  git worktree add ../base origin/master
  qapi-codegen diff --strict ../base/qapi qapi && qapi-codegen diff --strict ../base/qga qga")]
    Diff(Diff),
    /// Extract the facts of QEMU's schemas: definitions and releases, no text
    #[command(after_help = "\
Example:
  qapi-codegen facts ~/src/qemu 10.2 -o schemas")]
    Facts {
        /// Source tree of QEMU
        qemu_tree: PathBuf,
        /// Its release: MAJOR.MINOR
        version: String,
        /// Folder to write qmp/VERSION and qga/VERSION into
        #[arg(short, long, value_name = "FOLDER")]
        output: PathBuf,
    },
}

/// What to compare and how to tell.
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// The schema that clients were made for: its first file, or the folder of qapi-schema.json
    pub(crate) old: PathBuf,
    /// The schema that they shall work with
    pub(crate) new: PathBuf,
    /// Introspection XML of what was released [default: what a first release of OLD would be]
    #[arg(long, value_name = "XML")]
    pub(crate) ledger: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Exit with 1 also where something goes that OLD has as neither deprecated nor unstable
    #[arg(long)]
    pub(crate) strict: bool,
    /// What both schemas are written in
    #[arg(long, value_enum, default_value_t)]
    pub(crate) dialect: DialectArg,
}

/// How to print a report.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// A dialect by its name.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum DialectArg {
    /// The language of QEMU 7.2 to 10.2; documentation is not judged
    #[default]
    Lenient,
    /// The notation of 2011: commands as lists, events by their name
    #[value(name = "2011")]
    Q2011,
    /// The rules of QEMU 7.2, those for documentation included
    #[value(name = "7.2")]
    V7_2,
    /// The rules of QEMU 10.0, those for documentation included
    #[value(name = "10.0")]
    V10_0,
    /// The rules of QEMU 10.2, those for documentation included
    #[value(name = "10.2")]
    V10_2,
}

/// Where the tree is and what its interfaces are called.
#[derive(Args, Debug)]
pub(crate) struct Tree {
    /// The tree that holds schemas/ and introspection/ [default: the one around the working
    /// directory]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) root: Option<PathBuf>,
    /// D-Bus name of an interface, in place of org.qemu.QgaQapi or org.qemu.QmpQapi
    #[arg(long, value_name = "qga=NAME|qmp=NAME", value_parser = interface)]
    pub(crate) interface: Vec<(ProtocolArg, String)>,
}

/// A protocol by its name.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProtocolArg {
    /// The guest agent
    Qga,
    /// The monitor
    Qmp,
}

impl Tree {
    /// The tree that is meant; none if the working directory is in none.
    pub(crate) fn project(&self) -> std::io::Result<Option<Project>> {
        project(self.root.as_deref())
    }

    /// The names of its interfaces.
    pub(crate) fn names(&self) -> InterfaceNames {
        let mut names = InterfaceNames::default();
        for (protocol, name) in &self.interface {
            match protocol {
                ProtocolArg::Qga => names.qga.clone_from(name),
                ProtocolArg::Qmp => names.qmp.clone_from(name),
            }
        }
        names
    }
}

/// The tree at this place, or around the working directory; none if that is in none.
pub(crate) fn project(root: Option<&Path>) -> std::io::Result<Option<Project>> {
    match root {
        Some(root) => Ok(Some(Project::at(root))),
        None => Ok(Project::around(&std::env::current_dir()?)),
    }
}

impl From<ProtocolArg> for Protocol {
    fn from(protocol: ProtocolArg) -> Self {
        match protocol {
            ProtocolArg::Qga => Self::Qga,
            ProtocolArg::Qmp => Self::Qmp,
        }
    }
}

impl From<DialectArg> for Dialect {
    fn from(dialect: DialectArg) -> Self {
        match dialect {
            DialectArg::Lenient => Self::Lenient,
            DialectArg::Q2011 => Self::Q2011,
            DialectArg::V7_2 => Self::V7_2,
            DialectArg::V10_0 => Self::V10_0,
            DialectArg::V10_2 => Self::V10_2,
        }
    }
}

fn interface(text: &str) -> Result<(ProtocolArg, String), String> {
    let (protocol, name) = text.split_once('=').ok_or("expected qga=NAME or qmp=NAME")?;
    if !is_interface_name(name) {
        return Err(format!("'{name}' is not a D-Bus interface name"));
    }
    Ok((ProtocolArg::from_str(protocol, false)?, name.into()))
}

/// D-Bus specification, "Valid Names": two or more elements of letters, digits and `_`, none of
/// which begins with a digit.
fn is_interface_name(name: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let element = |part: &str| {
        part.starts_with(|c: char| valid(c) && !c.is_ascii_digit()) && part.chars().all(valid)
    };
    name.len() <= 255 && name.contains('.') && name.split('.').all(element)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn interface_names_are_told_apart() {
        let names = |text: &str| Cli::try_parse_from(["", "check", "--interface", text]);
        assert!(names("qga=org.example.Agent1").is_ok());
        for wrong in ["org.example.Agent", "qga=Agent", "qga=org.1.Agent", "qga=org..A", "x=a.b"] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }
}
