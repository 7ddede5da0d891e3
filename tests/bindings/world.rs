//! What the bindings are run against.

use crate::scripts;
use qapi_dbus_tests::{
    agent::Agent,
    bridge::{Bridge, connected},
    bus::Bus,
    client::{AGENT_ENDPOINT, Client, MONITOR_ENDPOINT, Target},
    peer::Peer,
    qemu::Qemu,
};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// A bus with two bridges: one of many machines, and one of the default names.
#[derive(Debug)]
pub(crate) struct World {
    /// Of the default names; programs may kill it.
    single: Bridge,
    _fleet: Bridge,
    _peers: Vec<Peer>,
    /// One of many machines, one of the default names, and one without a bridge.
    agents: [Agent; 3],
    qemu: Qemu,
    bus: Bus,
}

impl World {
    /// Starts everything, and waits until every peer that there is is connected.
    pub(crate) async fn start() -> Self {
        let bus = Bus::daemon().await;
        let (qemu, agents) =
            (Qemu::q35().await, [Agent::start().await, Agent::start().await, Agent::start().await]);
        let peers = vec![
            scripts::newer(),
            scripts::older(),
            scripts::silent(),
            scripts::fragile(),
            scripts::newer(),
        ];
        let [newer, older, silent, fragile, other] = [0, 1, 2, 3, 4].map(|at| peers[at].socket());
        let [agent, other_agent] = [0, 1].map(|at| agents[at].socket());
        let machines = [
            ("real.1", vec![("qmp", qemu.socket()), ("qga", agent)]),
            ("newer", vec![("qmp", newer)]),
            ("older", vec![("qmp", older)]),
            ("silent", vec![("qmp", silent)]),
            ("fragile", vec![("qmp", fragile)]),
            ("absent", vec![("qmp", qemu.path("nobody"))]),
        ];
        let mut options = Vec::new();
        for (name, sockets) in machines {
            let socket = |(kind, path): &(&str, PathBuf)| word(&[*kind, ":"], path);
            let sockets: Vec<_> = sockets.iter().map(socket).collect();
            let sockets = sockets.join(OsStr::new(","));
            options.extend(["--vm".into(), word(&[name, "="], Path::new(&sockets))]);
        }
        let options: Vec<_> = options.iter().map(OsString::as_os_str).collect();
        let fleet = Bridge::serve(&bus, &options).await;
        let sockets =
            [OsStr::new("--qmp"), other.as_os_str(), OsStr::new("--qga"), other_agent.as_os_str()];
        let single = Bridge::serve(&bus, &sockets).await;
        let client = Client::new(&bus).await;
        for path in MACHINES {
            connected(&client, Target { name: "org.qemu.Bridge", path, ..MONITOR_ENDPOINT }).await;
        }
        let path = MACHINES[0];
        connected(&client, Target { name: "org.qemu.Bridge", path, ..AGENT_ENDPOINT }).await;
        connected(&client, MONITOR_ENDPOINT).await;
        connected(&client, AGENT_ENDPOINT).await;
        Self { single, _fleet: fleet, _peers: peers, agents, qemu, bus }
    }

    /// What programs are told.
    pub(crate) fn variables(&self) -> [(&'static str, OsString); 5] {
        [
            ("DBUS_SESSION_BUS_ADDRESS", self.bus.address().into()),
            ("AGENT", self.agents[2].socket().into()),
            ("MONITOR", self.qemu.oracle_socket().into()),
            ("SCRATCH", self.agents[0].path("").into()),
            ("SINGLE", self.single.id().to_string().into()),
        ]
    }
}

/// Of the machines that have a peer; the first has an agent, too.
const MACHINES: [&str; 5] = [
    "/org/qemu/vm/real_2e1",
    "/org/qemu/vm/newer",
    "/org/qemu/vm/older",
    "/org/qemu/vm/silent",
    "/org/qemu/vm/fragile",
];

fn word(before: &[&str], path: &Path) -> OsString {
    let mut word = OsString::from(before.concat());
    word.push(path);
    word
}
