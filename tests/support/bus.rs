//! Private message buses.

use crate::{
    broker::Broker,
    process::{self, Process},
    scratch::Scratch,
};
use rustix::process::Signal;
use std::fs;
use zbus::{Connection, connection::Builder};

/// A bus of its own for one test, with the limits of a system bus and no policy.
#[derive(Debug)]
pub struct Bus {
    address: String,
    server: Server,
    _scratch: Scratch,
}

impl Bus {
    /// One served by dbus-daemon.
    pub async fn daemon() -> Self {
        let scratch = Scratch::new();
        let config = scratch.path("bus.conf");
        fs::write(&config, CONFIG.replace("@dir@", &scratch.dir().to_string_lossy())).unwrap();
        let mut daemon = Process::start(
            &scratch,
            process::program("dbus-daemon")
                .arg(format!("--config-file={}", config.display()))
                .args(["--nofork", "--nopidfile", "--print-address=1"]),
        );
        let address = daemon.line().await.expect("dbus-daemon prints its address");
        Self { address, server: Server::Daemon(daemon), _scratch: scratch }
    }

    /// One served by dbus-broker.
    pub async fn broker() -> Self {
        let scratch = Scratch::new();
        let broker = Broker::start(&scratch).await;
        let address = format!("unix:path={}", broker.socket().display());
        Self { address, server: Server::Broker(broker), _scratch: scratch }
    }

    /// Where clients connect.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends a signal to the process that serves it.
    pub fn signal(&self, signal: Signal) {
        match &self.server {
            Server::Daemon(process) => process.signal(signal),
            Server::Broker(broker) => broker.process().signal(signal),
        }
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
}

const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=@dir@/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#;
