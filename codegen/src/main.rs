//! `qapi-codegen`: see `--help`.

mod cli;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::Parser;
use qapi_codegen::{
    Options, check,
    dbus::{self, Decision, Interface, Ledger, Method, Protocol, Source, Summaries, Version},
    diff, emit, facts, generate, load,
    project::Project,
    reference,
};

use cli::{Cli, Command, DialectArg, Diff, Format, Tree};

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
        Command::Generate(tree) => generate_tree(&tree),
        Command::Check(tree) => check_tree(&tree),
        Command::Classes(tree) => list_classes(&tree),
        Command::Docs { root, out, qemu_source } => {
            let project = cli::project(root.as_deref())?.context(NO_TREE)?;
            document(&project, out, qemu_source.as_deref())
        }
        Command::Dump { schema, dbus, dialect } => {
            dump(&schema, dbus.map(Protocol::from), &options(dialect))
        }
        Command::Diff(arguments) => compare(&arguments),
        Command::Facts { qemu_tree, version, output } => extract(&qemu_tree, &version, &output),
    }
}

fn generate_tree(tree: &Tree) -> Result<ExitCode> {
    let project = tree.project()?.context(NO_TREE)?;
    let output = generate::generate(&project, &tree.names())?;
    let mut out = io::stdout().lock();
    for path in output.write(&project)? {
        writeln!(out, "changed {}", path.display())?;
    }
    report(&mut out, &output.interfaces)?;
    Ok(ExitCode::SUCCESS)
}

fn check_tree(tree: &Tree) -> Result<ExitCode> {
    let project = tree.project()?.context(NO_TREE)?;
    let output = generate::generate(&project, &tree.names())?;
    let diff = check::diff(&project, &output)?;
    let mut out = io::stdout().lock();
    write!(out, "{diff}")?;
    report(&mut out, &output.interfaces)?;
    if diff.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("generated files are stale; run `cargo run -p qapi-codegen -- generate`");
    Ok(ExitCode::FAILURE)
}

fn list_classes(tree: &Tree) -> Result<ExitCode> {
    let project = tree.project()?.context(NO_TREE)?;
    let mut out = io::stdout().lock();
    for made in generate::interfaces(&project, &tree.names())? {
        for Method { command, class: Decision { class, by }, .. } in made.interface.methods {
            writeln!(out, "{command:40} {class:15} {by}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn document(project: &Project, out: Option<PathBuf>, source: Option<&Path>) -> Result<ExitCode> {
    let out = out.unwrap_or_else(|| project.docs());
    let files = reference::files(project, source)?;
    reference::write(&out, &files)?;
    let size: usize = files.iter().map(|(_, text)| text.len()).sum();
    let (count, index) = (files.len(), out.join("index.html"));
    writeln!(io::stdout().lock(), "{count} files, {} KiB: {}", size / 1024, index.display())?;
    Ok(ExitCode::SUCCESS)
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

fn dump(path: &Path, protocol: Option<Protocol>, options: &Options) -> Result<ExitCode> {
    let schema = load(path, options)?;
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

fn compare(arguments: &Diff) -> Result<ExitCode> {
    let report = match report_on(arguments) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("qapi-codegen: {error:#}");
            return Ok(ExitCode::from(MISUSED));
        }
    };
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Text => write!(out, "{}", diff::print_text(&report))?,
        Format::Json => writeln!(out, "{:#}", diff::print_json(&report))?,
    }
    let fails = report.breaks() || arguments.strict && report.withdraws_unannounced();
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn report_on(arguments: &Diff) -> Result<diff::Report> {
    let options = options(arguments.dialect);
    let old = load(&first_file(&arguments.old), &options)?;
    let new = load(&first_file(&arguments.new), &options)?;
    let ledger = match &arguments.ledger {
        None => diff::ledger_of(&old)?,
        Some(path) => {
            let named = || path.display().to_string();
            Ledger::read_sole(&fs::read_to_string(path).with_context(named)?).with_context(named)?
        }
    };
    Ok(diff::diff(&old, &new, &ledger))
}

/// The schema of a folder is where QEMU has it.
fn first_file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("qapi-schema.json") } else { path.into() }
}

fn options(dialect: DialectArg) -> Options {
    Options { dialect: dialect.into(), ..Options::default() }
}

fn extract(tree: &Path, version: &str, output: &Path) -> Result<ExitCode> {
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

/// Exit status of `diff` where there was nothing to compare.
const MISUSED: u8 = 2;

const NO_TREE: &str = "no schemas/ and introspection/ here or above; say --root";
