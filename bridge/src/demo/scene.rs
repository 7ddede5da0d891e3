//! What the demonstration starts, and takes away again.

use std::{
    fs::Permissions,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tempfile::TempDir;

use super::{
    agent::Agent,
    bus::EmbeddedBus,
    peer::Peer,
    tour::{AGENT, MONITOR, Object},
};
use crate::daemon::{Bus, Settings};

/// The peers and the bus. The order of the members is the order in which they end.
#[derive(Debug)]
pub(super) struct Scene {
    monitor: Result<Peer, String>,
    agent: AgentPeer,
    bus: Bus,
    embedded: Option<EmbeddedBus>,
    _directory: TempDir,
}

/// Who answers as the guest agent.
#[derive(Debug)]
enum AgentPeer {
    Installed(Peer),
    BuiltIn { _agent: Agent, socket: PathBuf, reason: String },
}

impl Scene {
    /// Starts what there is: a bus unless one is given, an agent, and QEMU if it is installed.
    pub(super) async fn set(bus: Option<Bus>) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("qapi-dbus-")
            // Whoever reaches the agent's socket can run programs as this user.
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("cannot make a temporary directory; TMPDIR names where")?;
        let path = directory.path();
        let (bus, embedded) = match bus {
            Some(bus) => (bus, None),
            None => {
                let embedded = EmbeddedBus::start(path)?;
                (Bus::Address(embedded.address().into()), Some(embedded))
            }
        };
        let agent = AgentPeer::start(path).await?;
        let monitor = usable(Peer::qemu(path).await);
        Ok(Self { monitor, agent, bus, embedded, _directory: directory })
    }

    /// Says what was started.
    pub(super) fn announce(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let embedded = if self.embedded.is_some() { ", in this program" } else { "" };
        writeln!(out, "bus    {}{embedded}", self.bus)?;
        writeln!(out, "agent  {} -> {}", self.agent.title(), place(AGENT))?;
        match &self.monitor {
            Ok(qemu) => writeln!(out, "QEMU   {} -> {}", qemu.program().display(), place(MONITOR)),
            Err(reason) => writeln!(out, "QEMU   none: {reason}"),
        }
    }

    /// What the bridge has to serve.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            bus: self.bus.clone(),
            qga: Some(self.agent.socket().into()),
            qmp: self.monitor.as_ref().ok().map(|qemu| qemu.socket().into()),
            ..Settings::default()
        }
    }

    /// The bus that the bridge is on.
    pub(super) fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Whether there is a monitor.
    pub(super) fn has_monitor(&self) -> bool {
        self.monitor.is_ok()
    }
}

impl AgentPeer {
    async fn start(directory: &Path) -> anyhow::Result<Self> {
        let reason = match usable(Peer::agent(directory).await) {
            Ok(peer) => return Ok(Self::Installed(peer)),
            Err(reason) => reason,
        };
        let socket = directory.join("agent.sock");
        let agent = Agent::start(&socket).context("cannot start the built-in guest agent")?;
        Ok(Self::BuiltIn { _agent: agent, socket, reason })
    }

    fn socket(&self) -> &Path {
        match self {
            Self::Installed(peer) => peer.socket(),
            Self::BuiltIn { socket, .. } => socket,
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Installed(peer) => peer.program().display().to_string(),
            Self::BuiltIn { reason, .. } => format!("the built-in one (qemu-ga: {reason})"),
        }
    }
}

/// A peer that cannot be started is no reason to show nothing: the words say why it is missing.
fn usable(started: anyhow::Result<Option<Peer>>) -> Result<Peer, String> {
    match started {
        Ok(Some(peer)) => Ok(peer),
        Ok(None) => Err("not installed".into()),
        Err(error) => Err(format!("{error:#}")),
    }
}

fn place(object: Object) -> String {
    format!("{} {}", object.name, object.path)
}
