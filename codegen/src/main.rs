//! `qapi-codegen`: see `--help`.

mod cli;

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Parser;
use qapi_codegen::{
    Options,
    check::diff,
    dbus::{self, Interface, Ledger, Protocol, Source, Summaries, Version},
    emit, facts, generate, load,
};

use cli::{Cli, Command, Tree};

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("qapi-codegen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Generate(tree) => generate(&tree),
        Command::Check(tree) => check(&tree),
        Command::Dump { schema, dbus } => dump(&schema, dbus.map(Protocol::from)),
        Command::Facts { qemu_tree, version, output } => facts(&qemu_tree, &version, &output),
    }
}

fn generate(tree: &Tree) -> Result<ExitCode> {
    let project = tree.project()?.context(NO_TREE)?;
    let output = generate::generate(&project, &tree.names())?;
    let mut out = io::stdout().lock();
    for path in output.write(&project)? {
        writeln!(out, "changed {}", path.display())?;
    }
    report(&mut out, &output.interfaces)?;
    Ok(ExitCode::SUCCESS)
}

fn check(tree: &Tree) -> Result<ExitCode> {
    let project = tree.project()?.context(NO_TREE)?;
    let output = generate::generate(&project, &tree.names())?;
    let diff = diff(&project, &output)?;
    let mut out = io::stdout().lock();
    write!(out, "{diff}")?;
    report(&mut out, &output.interfaces)?;
    if diff.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("generated files are stale; run `cargo run -p qapi-codegen -- generate`");
    Ok(ExitCode::FAILURE)
}

fn report(out: &mut impl Write, interfaces: &[Interface]) -> io::Result<()> {
    for Interface { name, methods, signals, documented, notices, .. } in interfaces {
        for notice in notices {
            writeln!(out, "note: {name}: {notice}")?;
        }
        let (methods, signals) = (methods.len(), signals.len());
        let total = methods + signals;
        writeln!(
            out,
            "{name}: {methods} methods, {signals} signals, documented {documented}/{total}"
        )?;
    }
    Ok(())
}

fn dump(path: &Path, protocol: Option<Protocol>) -> Result<ExitCode> {
    let schema = load(path, &Options::default())?;
    let json = match protocol {
        None => emit::dump_schema(&schema),
        Some(protocol) => {
            let source = Source {
                protocol,
                interface: protocol.interface(),
                versions: &[Version { name: "the schema", schema: &schema }],
                ledger: &Ledger::default(),
                summaries: &Summaries::default(),
            };
            emit::dump_interface(&dbus::build(&source)?)
        }
    };
    writeln!(io::stdout().lock(), "{json:#}")?;
    Ok(ExitCode::SUCCESS)
}

fn facts(tree: &Path, version: &str, output: &Path) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    for path in facts::extract(tree, version, output)? {
        writeln!(out, "changed {}", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whoever reads the output has had enough: `qapi-codegen dump ... | head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

const NO_TREE: &str = "no schemas/ and introspection/ here or above; say --root";
