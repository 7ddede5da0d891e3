//! The machines, and their sockets in one folder.

use super::Plan;
use qapi_dbus_tests::{
    peer::{Answer, Peer},
    qemu::Qemu,
    scratch::Scratch,
};
use serde_json::{Value, json};
use std::{fs, os::unix::net::UnixListener, path::Path, sync::Arc};

/// The socket of one of which nobody accepts the connection.
const MUTE: &str = "mute.qmp";

/// All of them, as long as this lives.
#[derive(Debug)]
pub(super) struct Machines {
    folder: Scratch,
    monitors: Vec<Peer>,
    _agents: Vec<Peer>,
    qemus: Vec<Qemu>,
    _mute: UnixListener,
}

impl Machines {
    /// Starts them, and one more that never greets.
    pub(super) async fn start(plan: Plan) -> Self {
        let answers = Answers::record().await;
        let folder = Scratch::new();
        let mute = UnixListener::bind(folder.path(MUTE)).unwrap();
        let monitors: Vec<_> = (0..plan.machines).map(|_| answers.monitor()).collect();
        let agents: Vec<_> = (0..plan.agents).map(|_| Peer::agent(|_, _| None)).collect();
        let mut qemus = Vec::new();
        for _ in 0..plan.qemu {
            qemus.push(Qemu::none().await);
        }
        let link = |socket: &Path, name: String| fs::hard_link(socket, folder.path(&name)).unwrap();
        let scripted = |kind| {
            move |(number, peer): (usize, &Peer)| link(&peer.socket(), format!("vm{number}.{kind}"))
        };
        monitors.iter().enumerate().for_each(scripted("qmp"));
        agents.iter().enumerate().for_each(scripted("qga"));
        for (number, qemu) in qemus.iter().enumerate() {
            link(&qemu.socket(), format!("qemu{number}.qmp"));
        }
        Self { folder, monitors, _agents: agents, qemus, _mute: mute }
    }

    /// Where the sockets are.
    pub(super) fn folder(&self) -> &Path {
        self.folder.dir()
    }

    /// The one that never greets goes.
    pub(super) fn end_mute(&self) {
        fs::remove_file(self.folder.path(MUTE)).unwrap();
    }

    /// Has each send an event; returns how many do.
    pub(super) async fn tell(&self) -> usize {
        self.monitors.iter().for_each(|it| it.event("DEVICE_DELETED", json!({ "path": "/x" })));
        for qemu in &self.qemus {
            qemu.oracle().await.execute("stop", json!({})).await.unwrap();
        }
        self.monitors.len() + self.qemus.len()
    }
}

/// What a real QEMU says of itself: a bridge keeps what it learns of it.
struct Answers {
    commands: Arc<[u8]>,
    schema: Arc<[u8]>,
}

impl Answers {
    async fn record() -> Self {
        let qemu = Qemu::none().await;
        let mut oracle = qemu.oracle().await;
        let mut ask = async |command| {
            let value: Value = oracle.execute(command, json!({})).await.unwrap();
            Arc::from(format!("{}\r\n", json!({ "return": value })).into_bytes())
        };
        Self { commands: ask("query-commands").await, schema: ask("query-qmp-schema").await }
    }

    /// A monitor that says the same: questions to a monitor carry no id.
    fn monitor(&self) -> Peer {
        let (commands, schema) = (Arc::clone(&self.commands), Arc::clone(&self.schema));
        Peer::monitor(move |command, _| match command {
            "query-commands" => Some(Answer::Raw(commands.to_vec())),
            "query-qmp-schema" => Some(Answer::Raw(schema.to_vec())),
            _ => None,
        })
    }
}
