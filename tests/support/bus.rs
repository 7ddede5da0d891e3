//! Private message buses.

use crate::{
    bridge,
    broker::Broker,
    process::{self, Process},
    scratch::Scratch,
    system::{self, Launcher, User},
};
use rustix::process::Signal;
use std::{
    ffi::{OsStr, OsString},
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use zbus::{Connection, connection::Builder};

/// A bus of its own for one test, with the limits of a system bus and no policy.
#[derive(Debug)]
pub struct Bus {
    address: String,
    server: Server,
    scratch: Scratch,
}

impl Bus {
    /// One served by dbus-daemon.
    pub async fn daemon() -> Self {
        Self::in_scratch(Scratch::new()).await
    }

    /// One that starts the bridge with these options when `name` is called. By dbus-daemon, for
    /// dbus-broker leaves that to systemd.
    pub async fn activating(name: &str, options: &[&OsStr]) -> Self {
        let scratch = Scratch::new();
        let mut exec = OsString::from(bridge::program());
        let address = format!("unix:path={}", scratch.path("bus").display());
        for word in ["serve".as_ref(), "--address".as_ref(), address.as_ref()].iter().chain(options)
        {
            exec.push(" ");
            exec.push(word);
        }
        let service = format!("[D-BUS Service]\nName={name}\nExec={}\n", exec.display());
        fs::write(scratch.path(&format!("{name}.service")), service).unwrap();
        Self::in_scratch(scratch).await
    }

    async fn in_scratch(scratch: Scratch) -> Self {
        let (daemon, address) = daemon(&scratch, &configure(&scratch, "")).await;
        Self { address, server: Server::Daemon(daemon), scratch }
    }

    /// A new one by the same program, with the policy of a system bus: of everybody, for the
    /// bridge, and for polkit.
    pub async fn system(&self) -> Self {
        let scratch = Scratch::new();
        let socket = scratch.path("bus");
        let server = match self.server {
            Server::Daemon(_) => {
                Server::Daemon(daemon(&scratch, &system::configure(&scratch, &socket)).await.0)
            }
            _ => Server::Launcher(Box::new(Launcher::start(&scratch, &socket).await)),
        };
        // Everybody may knock, as at /run/dbus.
        fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
        Self { address: format!("unix:path={}", socket.display()), server, scratch }
    }

    /// One served by dbus-broker.
    pub async fn broker() -> Self {
        let scratch = Scratch::new();
        let broker = Broker::start(&scratch).await;
        let address = format!("unix:path={}", broker.socket().display());
        Self { address, server: Server::Broker(broker), scratch }
    }

    /// Where a bridge takes connections itself, with `--listen`, as if it were a bus.
    pub fn of_bridge() -> Self {
        let scratch = Scratch::new();
        let address = format!("unix:path={}", scratch.path("bus").display());
        Self { address, server: Server::Bridge, scratch }
    }

    /// The socket of clients.
    pub fn socket(&self) -> PathBuf {
        self.scratch.path("bus")
    }

    /// A new one by the same program.
    pub async fn another(&self) -> Self {
        match self.server {
            Server::Daemon(_) => Self::daemon().await,
            Server::Broker(_) | Server::Launcher(_) => Self::broker().await,
            Server::Bridge => panic!("there is but the bridge"),
        }
    }

    /// Lets clients send signals from now on, or refuses them.
    pub async fn allow_signals(&self, allowed: bool) {
        match &self.server {
            Server::Daemon(_) => {
                let rule = if allowed { "" } else { "<deny send_type=\"signal\"/>" };
                configure(&self.scratch, rule);
                let bus = Some("org.freedesktop.DBus");
                let path = "/org/freedesktop/DBus";
                let client = self.connect().await;
                client.call_method(bus, path, bus, "ReloadConfig", &()).await.unwrap();
            }
            Server::Broker(broker) => broker.allow_signals(allowed).await,
            Server::Launcher(_) => panic!("its policy is that of a system bus"),
            Server::Bridge => panic!("it has no policy"),
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends a signal to the process that serves it.
    pub fn signal(&self, signal: Signal) {
        self.process().signal(signal);
    }

    /// The process that serves it.
    pub fn process(&self) -> &Process {
        match &self.server {
            Server::Daemon(process) => process,
            Server::Broker(broker) => broker.process(),
            Server::Launcher(launcher) => &launcher.process,
            Server::Bridge => panic!("the bridge is its test's own"),
        }
    }

    /// A new client of another user.
    pub async fn connect_as(&self, user: User) -> Connection {
        let stream = user.connect(&self.scratch.path("bus"));
        Builder::unix_stream(stream).user_id(user.uid).build().await.unwrap()
    }

    /// A new client.
    pub async fn connect(&self) -> Connection {
        Builder::address(self.address()).build().await.unwrap()
    }
}

#[derive(Debug)]
enum Server {
    Daemon(Process),
    Broker(Broker),
    Launcher(Box<Launcher>),
    Bridge,
}

/// A dbus-daemon, and where it listens.
pub(crate) async fn daemon(scratch: &Scratch, config: &Path) -> (Process, String) {
    let mut daemon =
        Process::start(
            scratch,
            process::program("dbus-daemon")
                .arg(format!("--config-file={}", config.display()))
                .args(["--nofork", "--nopidfile", "--print-address=1"]),
        );
    let address = daemon.line().await.expect("dbus-daemon prints its address");
    (daemon, address)
}

/// Writes the configuration of a dbus-daemon, with one more rule of its policy.
pub(crate) fn configure(scratch: &Scratch, rule: &str) -> PathBuf {
    let config = scratch.path("bus.conf");
    let text = CONFIG.replace("@dir@", &scratch.dir().to_string_lossy()).replace("@rule@", rule);
    fs::write(&config, text).unwrap();
    config
}

const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=@dir@/bus</listen>
  <servicedir>@dir@</servicedir>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    @rule@
  </policy>
</busconfig>
"#;
