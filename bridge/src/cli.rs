//! The command line: arguments to settings, errors to exit codes.

use std::{future::Future, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use tracing::info;

use crate::{
    auth::{Rules, User},
    config::{self, Config},
    daemon::{self, Again, Bus, Error, Machine, Settings},
    demo, doctor, install, log,
    shell::Verb,
};

/// QEMU's monitor and guest agent on D-Bus, typed.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ended as asked; 1 failed; 2 wrong usage or configuration; 3 the bus name, or \
                          where to listen, is taken or not allowed; 4 the bus cannot be reached or was lost.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a running monitor, agent, or both, until SIGTERM or Ctrl-C
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<Serve>),
    /// Say what a configuration file means, or everything that is wrong with it
    CheckConfig(CheckConfig),
    /// Show it working on this machine, with what is installed
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(Demo),
    /// Make it a service of this machine, started by the first call
    #[command(after_help = INSTALL_EXAMPLES)]
    Install(install::Options),
    /// Take away what install wrote
    Uninstall(install::Options),
    /// Say what is wrong with the service, and the command that mends it
    #[command(after_help = DOCTOR_CODES)]
    Doctor(doctor::Options),
    #[command(flatten)]
    Shell(Verb),
}

const SERVE_EXAMPLES: &str = "Examples:
  qapi-dbus serve --qga /run/vm1/qga.sock
  qapi-dbus serve --qmp /run/vm1/qmp.sock --name org.example.vm1 -v
  qapi-dbus serve --system --qmp /run/vm1/qmp.sock --qga /run/vm1/qga.sock
  qapi-dbus serve --vm vm1=qmp:/run/vm1/qmp.sock,qga:/run/vm1/qga.sock --vm vm2=qmp:/run/vm2/qmp.sock
  qapi-dbus serve --system --config /etc/qapi-dbus.toml --watch /run/qemu-monitors

Start QEMU with a monitor of its own for the bridge, for a socket serves one client:
  -qmp unix:/run/vm1/qmp.sock,server=on,wait=off";

const DEMO_EXAMPLES: &str = "Examples:
  qapi-dbus demo           stay until Ctrl-C, for calls from another shell
  qapi-dbus demo --once    make the calls and end
  qapi-dbus demo --session use the session bus in the place of an embedded one";

const DOCTOR_CODES: &str = "Exit codes: 0 all is well; 1 something is wrong; 2 wrong usage.";

const INSTALL_EXAMPLES: &str = "Examples:
  sudo qapi-dbus install                        on the system bus, below /usr/local
  qapi-dbus install --user                      on your session bus, below ~/.local
  qapi-dbus install --prefix /usr --destdir D   the files of a package, below D";

#[derive(Args, Clone, Debug)]
struct BusChoice {
    /// Use the session bus
    #[arg(long, group = "bus")]
    session: bool,
    /// Use the bus at this address, for example unix:path=/run/bus
    #[arg(long, group = "bus", value_name = "ADDR")]
    address: Option<String>,
}

#[derive(Args, Clone, Debug)]
struct Serve {
    #[command(flatten)]
    bus: BusChoice,
    /// Use the system bus
    #[arg(long, group = "bus")]
    system: bool,
    /// Use no bus but to ask polkit: callers connect by --listen
    #[arg(long, requires = "listen")]
    no_bus: bool,
    /// Take connections at this address, too, without a bus between; repeatable
    #[arg(long, value_name = "unix:path=SOCKET")]
    listen: Vec<String>,
    /// Socket of a guest agent
    #[arg(long, value_name = "SOCKET", required_unless_present_any = ["qmp", "vm", "watch", "config"])]
    qga: Option<PathBuf>,
    /// Socket of a monitor
    #[arg(long, value_name = "SOCKET")]
    qmp: Option<PathBuf>,
    /// A machine at /org/qemu/vm/NAME of org.qemu.Bridge, with one or both sockets; repeatable
    #[arg(long, value_name = "NAME=qmp:SOCKET,qga:SOCKET")]
    vm: Vec<Machine>,
    /// A folder in which machines appear and vanish with their sockets, NAME.qmp and NAME.qga, at
    /// /org/qemu/vm/NAME of org.qemu.Bridge; repeatable
    #[arg(long, value_name = "DIR")]
    watch: Vec<PathBuf>,
    /// Configuration file (TOML); SIGHUP and Reload have it read again
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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
    /// Ask polkit whether a caller may, as always on the system bus
    #[arg(long)]
    authorize: bool,
    /// A user besides root and the bridge's own whose processes may serve sockets; repeatable
    #[arg(long, value_name = "USER")]
    peer_user: Vec<User>,
    /// Say more: -v connections, -vv calls, -vvv everything
    #[arg(short, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Args, Debug)]
struct CheckConfig {
    /// Configuration file
    file: PathBuf,
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
            Command::Doctor(options) => match doctor::examine(&options).await {
                Ok(true) => Ok(()),
                Ok(false) => return ExitCode::FAILURE,
                Err(error) => Err(error),
            },
            Command::Shell(verb) => {
                return verb.run(Self::command()).await.unwrap_or_else(|fault| fault.end());
            }
            Command::Serve(serve) => serve.run().await,
            Command::CheckConfig(check) => check.run(),
            Command::Demo(demo) => demo.run().await,
            Command::Install(options) => install::install(&options, Self::command()).await,
            Command::Uninstall(options) => install::uninstall(&options, Self::command()).await,
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                log::complain(&format!("{error:#}"));
                error.downcast_ref::<Error>().map_or(ExitCode::FAILURE, |error| error.code().into())
            }
        }
    }
}

impl Serve {
    async fn run(self) -> anyhow::Result<()> {
        log::start(self.verbose);
        let hangup = Arc::new(Notify::new());
        let mut settings = self.settings()?;
        if self.config.is_some() {
            let (serve, asked) = (self.clone(), Arc::clone(&hangup));
            settings.again = Some(Again::new(move || serve.settings(), asked));
        }
        let stopped = terminated()?;
        tokio::spawn(hangups(hangup, self.config.is_some())?);
        daemon::serve(settings, stopped, log::say).await?;
        Ok(())
    }

    /// What the options and the configuration file say together.
    fn settings(&self) -> anyhow::Result<Settings> {
        let config = match &self.config {
            Some(path) => {
                Config::read(path).map_err(|errors| Error::Settings(errors.to_string()))?
            }
            None => Config::default(),
        };
        let bus = self.bus.chosen().or(self.system.then_some(Bus::System)).or(config.bus);
        Ok(Settings {
            bus: bus.unwrap_or_default(),
            no_bus: self.no_bus,
            listen: self.listen.clone(),
            qga: self.qga.clone(),
            qmp: self.qmp.clone(),
            machines: self.vm.clone(),
            configured: config.machines,
            watch: [self.watch.as_slice(), &config.watch].concat(),
            name: self.name.clone().or(config.name),
            path: self.path.clone(),
            timeout: self.timeout.map(Duration::from_millis),
            unicast: self.unicast || config.unicast,
            authorize: self.authorize,
            rules: Rules { uids: [&*self.peer_user, &config.rules.uids].concat(), ..config.rules },
            limits: config.limits,
            again: None,
        })
    }
}

impl CheckConfig {
    fn run(self) -> anyhow::Result<()> {
        let errors = |errors: config::Errors| Error::Settings(errors.to_string());
        log::say(&Config::read(&self.file).map_err(errors)?.to_string());
        Ok(())
    }
}

impl Demo {
    async fn run(self) -> anyhow::Result<()> {
        log::start(self.verbose);
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
    // Where the program could not start itself anew (`heap`), this is left to end it.
    let _pipe = signal(SignalKind::pipe()).context("handling SIGPIPE")?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// Takes SIGHUP for what it means to a service: to read the configuration again. It must not end
/// the bridge where there is none.
fn hangups(asked: Arc<Notify>, configured: bool) -> anyhow::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup()).context("handling SIGHUP")?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            match configured {
                true => asked.notify_one(),
                false => info!("SIGHUP: there is no configuration to read again"),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(parse("qapi-dbus serve --watch /a --watch /b").is_ok());
        assert!(parse("qapi-dbus serve --config /a").is_ok());
        assert!(parse("qapi-dbus check-config").is_err());
    }
}
