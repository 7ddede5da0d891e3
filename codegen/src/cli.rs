//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use qapi_codegen::{dbus::Protocol, generate::InterfaceNames, project::Project};

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
    /// Reads schemas/, introspection/ (the released interfaces, whose signatures it keeps) and
    /// schemas/summaries.toml. Writes introspection/ and bridge/src/generated/: only files that
    /// differ; tables that nothing generates any more are removed.
    #[command(after_help = "\
Examples:
  qapi-codegen generate
  qapi-codegen generate --interface qga=com.example.GuestAgent1")]
    Generate(Tree),
    /// Fail if the tree is not what `generate` would make it
    ///
    /// Checks that the schemas can be served within the released interfaces, that no two names
    /// meet, and that every generated file is fresh. Prints a unified diff of what is not, and how
    /// many methods and signals have a summary.
    #[command(after_help = "\
Examples:
  qapi-codegen check
  qapi-codegen check --root ~/src/qapi-dbus")]
    Check(Tree),
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
    },
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
        match &self.root {
            Some(root) => Ok(Some(Project::at(root))),
            None => Ok(Project::around(&std::env::current_dir()?)),
        }
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

impl From<ProtocolArg> for Protocol {
    fn from(protocol: ProtocolArg) -> Self {
        match protocol {
            ProtocolArg::Qga => Self::Qga,
            ProtocolArg::Qmp => Self::Qmp,
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
