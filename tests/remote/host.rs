//! A host with machines, a bridge and a system bus that is reached through ssh.

use super::ground::{Ground, Login, Sshd, socket};
use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    peer::{Answer, Peer},
    system::SERVICE,
};
use serde_json::json;
use std::{
    ffi::OsString,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A host with the machines `one`, a monitor and an agent, and `two`, a monitor.
pub(crate) struct Host {
    pub(crate) ground: Ground,
    pub(crate) one: Machine,
    _bus: Bus,
    bridge: Option<Bridge>,
    sshd: Option<Sshd>,
    agent: Peer,
    two: Machine,
}

/// A scripted monitor.
pub(crate) struct Machine {
    peer: Peer,
    paused: Arc<AtomicBool>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let paused = Arc::new(AtomicBool::new(false));
        let status = Arc::clone(&paused);
        let peer = Peer::monitor(move |command, _| {
            let paused = command == "query-status" && status.load(Ordering::Relaxed);
            paused.then(|| Answer::Return(json!({ "status": "paused", "running": false })))
        });
        open(&peer);
        Self { peer, paused }
    }

    /// Somebody stops it.
    pub(crate) fn pause(&self) {
        self.paused.store(true, Ordering::Relaxed);
        self.peer.event("STOP", json!({}));
    }

    pub(crate) fn socket(&self) -> String {
        self.peer.socket().to_str().unwrap().to_owned()
    }
}

impl Host {
    pub(crate) async fn start(bus: Bus, login: &Login) -> Self {
        let path = socket(bus.address());
        // Everybody may knock, as at any system bus.
        fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
        let ground = Ground::new(login, path.to_str().unwrap()).await;
        let (one, two) = (Machine::new(), Machine::new());
        let agent = Peer::agent(|_, _| None);
        open(&agent);
        let mut host = Self { ground, one, two, _bus: bus, bridge: None, sshd: None, agent };
        host.start_bridge().await;
        host.start_sshd(login).await;
        host
    }

    pub(crate) async fn start_sshd(&mut self, login: &Login) {
        self.sshd = Some(Sshd::start(&self.ground, login).await);
    }

    /// Ends it and all connections through it.
    pub(crate) fn kill_sshd(&mut self) {
        self.sshd = None;
    }

    pub(crate) async fn start_bridge(&mut self) {
        let one = format!("one=qmp:{},qga:{}", self.one.socket(), self.agent.socket().display());
        let two = format!("two=qmp:{}", self.two.socket());
        let options = ["--vm", &one, "--vm", &two].map(OsString::from);
        let wrapper = [&self.ground.wrapper()[..], &SERVICE.wrapper()].concat();
        let wrapper: Vec<_> = wrapper.iter().map(String::as_str).collect();
        let bridge = Bridge::launch_through(
            &wrapper,
            "unix:path=/run/dbus/system_bus_socket",
            &options.each_ref().map(OsString::as_os_str),
        );
        self.bridge = Some(bridge.ready().await);
    }

    pub(crate) fn kill_bridge(&mut self) {
        self.bridge = None;
    }
}

/// Lets the bridge's user connect.
fn open(peer: &Peer) {
    fs::set_permissions(peer.socket(), Permissions::from_mode(0o666)).unwrap();
}
