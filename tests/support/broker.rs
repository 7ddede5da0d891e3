//! dbus-broker without systemd.
//!
//! Its launcher insists on a journal and a service manager. The broker proper needs neither: it
//! takes listening sockets and their policy over a D-Bus connection to its controller, which is
//! the test itself.

use crate::{
    process::{self, Process},
    scratch::Scratch,
};
use std::{
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};
use zbus::{Connection, ObjectPath, Variant, connection::Builder, message::Type, wire::Fd};

/// A running dbus-broker and the connection that controls it.
#[derive(Debug)]
pub struct Broker {
    socket: PathBuf,
    process: Process,
    controller: Connection,
}

impl Broker {
    /// Starts one that lets every client of this user do everything.
    pub async fn start(scratch: &Scratch) -> Self {
        let socket = scratch.path("bus");
        let listener = UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let process = Process::start(
            scratch,
            process::program("dbus-broker")
                .args(["--controller", "0", "--machine-id", MACHINE])
                .args(["--max-matches", "10000", "--max-objects", "10000"])
                .args(["--max-bytes", "536870912", "--max-fds", "4096"])
                .stdin(OwnedFd::from(theirs)),
        );
        let controller = control(ours).await;
        add_listener(&controller, &listener).await;
        Self { socket, process, controller }
    }

    /// Lets clients send signals from now on, or refuses them.
    pub async fn allow_signals(&self, allowed: bool) {
        let listener = Some("org.bus1.DBus.Listener");
        let policy = Variant::new(policy(allowed));
        self.controller
            .call_method(None::<&str>, LISTENER, listener, "SetPolicy", &policy)
            .await
            .unwrap();
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

const LISTENER: &str = "/org/bus1/DBus/Listener/0";

const MACHINE: &str = "0123456789abcdef0123456789abcdef";

async fn control(stream: UnixStream) -> Connection {
    Builder::unix_stream(stream).p2p().build().await.unwrap()
}

async fn add_listener(controller: &Connection, listener: &UnixListener) {
    let path = ObjectPath::try_from(LISTENER).unwrap();
    let body = (path, Fd::from(listener), Variant::new(policy(true)));
    let broker = Some("org.bus1.DBus.Broker");
    controller
        .call_method(None::<&str>, "/org/bus1/DBus/Broker", broker, "AddListener", &body)
        .await
        .unwrap();
}

type Own = (bool, u64, bool, &'static str);
type Pass = (bool, u64, &'static str, &'static str, &'static str, &'static str, u32, u32, u64, u64);
type Batch = (bool, u64, Vec<Own>, Vec<Pass>, Vec<Pass>);
type Policy =
    (Vec<(u32, Batch)>, Vec<(bool, u32, u32, Batch)>, Vec<(String, String)>, bool, &'static str);

/// Batches by user (`u32::MAX`: any) and by group, SELinux contexts, AppArmor, type of the bus.
/// Everything is allowed, signals only where `signals` says so.
fn policy(signals: bool) -> Policy {
    let every: Pass = (true, 1, "", "", "", "", 0, 0, 0, u64::MAX);
    let signal: Pass = (signals, 2, "", "", "", "", Type::Signal as u32, 0, 0, u64::MAX);
    let batch = (true, 1, vec![(true, 1, true, "")], vec![every, signal], vec![every]);
    (vec![(u32::MAX, batch)], Vec::new(), Vec::new(), false, "session")
}
