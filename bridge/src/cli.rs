//! The command line: arguments to settings, errors to exit codes.

use std::{
    future::Future, io::IsTerminal, panic::PanicHookInfo, path::PathBuf, process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::{ArgAction, Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    daemon::{self, Bus, Error, Machine},
    demo,
};

/// QEMU's monitor and guest agent on D-Bus, typed.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ended as asked; 1 failed; 2 wrong usage; 3 the bus name is \
                          taken or not allowed; 4 the bus cannot be reached or was lost.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a running monitor, agent, or both, until SIGTERM or Ctrl-C
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Serve),
    /// Show it working on this machine, with what is installed
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(Demo),
}

const SERVE_EXAMPLES: &str = "Examples:
  qapi-dbus serve --qga /run/vm1/qga.sock
  qapi-dbus serve --qmp /run/vm1/qmp.sock --name org.example.vm1 -v
  qapi-dbus serve --system --qmp /run/vm1/qmp.sock --qga /run/vm1/qga.sock
  qapi-dbus serve --vm vm1=qmp:/run/vm1/qmp.sock,qga:/run/vm1/qga.sock --vm vm2=qmp:/run/vm2/qmp.sock

Start QEMU with a monitor of its own for the bridge, for a socket serves one client:
  -qmp unix:/run/vm1/qmp.sock,server=on,wait=off";

const DEMO_EXAMPLES: &str = "Examples:
  qapi-dbus demo           stay until Ctrl-C, for calls from another shell
  qapi-dbus demo --once    make the calls and end
  qapi-dbus demo --session use the session bus in the place of an embedded one";

#[derive(Args, Debug)]
struct BusChoice {
    /// Use the session bus
    #[arg(long, group = "bus")]
    session: bool,
    /// Use the bus at this address, for example unix:path=/run/bus
    #[arg(long, group = "bus", value_name = "ADDR")]
    address: Option<String>,
}

#[derive(Args, Debug)]
struct Serve {
    #[command(flatten)]
    bus: BusChoice,
    /// Use the system bus
    #[arg(long, group = "bus")]
    system: bool,
    /// Socket of a guest agent
    #[arg(long, value_name = "SOCKET", required_unless_present_any = ["qmp", "vm"])]
    qga: Option<PathBuf>,
    /// Socket of a monitor
    #[arg(long, value_name = "SOCKET")]
    qmp: Option<PathBuf>,
    /// A machine at /org/qemu/vm/NAME of org.qemu.Bridge, with one or both sockets; repeatable
    #[arg(long, value_name = "NAME=qmp:SOCKET,qga:SOCKET")]
    vm: Vec<Machine>,
    /// Bus name, in the place of the default ones
    #[arg(long, value_name = "N")]
    name: Option<String>,
    /// Object path, in the place of /org/qemu/qga and /org/qemu/qmp
    #[arg(long, value_name = "P")]
    path: Option<String>,
    /// Milliseconds until a call fails, 0 for never; QMP has 30000, QGA 10000
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
    /// Send events to subscribers only (see Subscribe), in the place of everybody on the bus
    #[arg(long)]
    unicast: bool,
    /// Say more: -v connections, -vv calls, -vvv everything
    #[arg(short, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Args, Debug)]
struct Demo {
    #[command(flatten)]
    bus: BusChoice,
    /// End after the calls
    #[arg(long)]
    once: bool,
    /// Say more: -v connections, -vv calls, -vvv everything
    #[arg(short, action = ArgAction::Count)]
    verbose: u8,
}

impl Cli {
    /// Does what the command line says.
    pub async fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Serve(serve) => serve.run().await,
            Command::Demo(demo) => demo.run().await,
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("qapi-dbus: {error:#}");
                error.downcast_ref::<Error>().map_or(ExitCode::FAILURE, |error| error.code().into())
            }
        }
    }
}

impl Serve {
    async fn run(self) -> anyhow::Result<()> {
        log(self.verbose);
        let bus = match self.bus.chosen() {
            Some(bus) => bus,
            None if self.system => Bus::System,
            None => Bus::Session,
        };
        let settings = daemon::Settings {
            bus,
            qga: self.qga,
            qmp: self.qmp,
            machines: self.vm,
            name: self.name,
            path: self.path,
            timeout: self.timeout.map(Duration::from_millis),
            unicast: self.unicast,
        };
        daemon::serve(settings, terminated()?, |line| println!("{line}")).await?;
        Ok(())
    }
}

impl Demo {
    async fn run(self) -> anyhow::Result<()> {
        log(self.verbose);
        demo::run(demo::Options { bus: self.bus.chosen(), once: self.once }).await
    }
}

impl BusChoice {
    fn chosen(&self) -> Option<Bus> {
        match &self.address {
            Some(address) => Some(Bus::Address(address.clone())),
            None => self.session.then_some(Bus::Session),
        }
    }
}

/// Ends on SIGTERM or SIGINT.
///
/// # Errors
///
/// The signal handlers cannot be installed.
pub fn terminated() -> anyhow::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate()).context("handling SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("handling SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

fn log(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // The bus library prints whole messages, and arguments may hold secrets.
    let targets = Targets::new().with_target("qapi_dbus", level).with_default(LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time();
    tracing_subscriber::registry().with(targets).with(lines).init();
    std::panic::set_hook(Box::new(tell_panic));
}

/// Says where, and the text only if it is one of the program's own: a formatted one may quote
/// arguments, which may be secrets.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = panic.payload().downcast_ref::<&str>().copied().unwrap_or("(withheld)");
    tracing::error!(place, text, "panicked");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn socket_is_required_and_buses_exclude_each_other() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map(|_| ());
        assert!(parse("qapi-dbus serve").is_err());
        assert!(parse("qapi-dbus serve --qga s --system --session").is_err());
        assert!(parse("qapi-dbus serve --qga s --address unix:path=/x").is_ok());
        assert!(parse("qapi-dbus serve --qmp s -vvv").is_ok());
        assert!(parse("qapi-dbus serve --vm a=qmp:s --vm b=qga:t").is_ok());
        assert!(parse("qapi-dbus serve --vm a=s").is_err());
    }
}
