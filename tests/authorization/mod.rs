//! Who may do what on a system bus, with a real polkit: what the bus lets through, what polkit
//! allows, and what happens when it cannot be asked.

mod places;
mod prompts;
mod rules;
mod table;
mod trouble;

use qapi_dbus_tests::{
    bridge::{Bridge, in_state},
    bus::Bus,
    client::{Client, Refusal, Target},
    peer::{Answer, Peer},
    polkit::Polkit,
    system::{MEMBER, ROOT, SERVICE, User},
};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

/// The commands of the first machine.
const VM1: Target =
    Target { name: "org.qemu.Bridge", path: "/org/qemu/vm/vm1", interface: "org.qemu.QmpQapi" };

/// Those of its agent.
const AGENT1: Target = VM1.interface("org.qemu.QgaQapi");

/// What is beside its commands.
const ENDPOINT1: Target = VM1.interface("org.qemu.QmpEndpoint");

/// The commands of the second machine.
const VM2: Target = Target { path: "/org/qemu/vm/vm2", ..VM1 };

const DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
const CHALLENGE: &str = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";

/// Everything is allowed to the member.
const TRUSTING: &str = r#"
polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.qemu.Bridge.") == 0 && subject.user == "games")
        return polkit.Result.YES;
});
"#;

/// Nothing is said, so that the defaults of the action file hold.
const SILENT: &str = "";

/// A host: a bus with the policy of a system bus, polkit, a bridge of its own user, two machines.
struct Host {
    bridge: Bridge,
    polkit: Polkit,
    root: Client,
    member: Client,
    monitors: [Peer; 2],
    agent: Peer,
    bus: Bus,
}

impl Host {
    /// One like `bus`, where polkit has these rules.
    async fn new(bus: &Bus, rules: &str) -> Self {
        let bus = bus.system().await;
        let polkit = Polkit::start(&bus, rules).await;
        let monitors = [Peer::monitor(obey), Peer::monitor(obey)];
        let agent = Peer::agent(obey);
        for peer in [&monitors[0], &monitors[1], &agent] {
            fs::set_permissions(peer.socket(), Permissions::from_mode(0o666)).unwrap();
        }
        let mut machines = [OsString::from("vm1=qmp:"), OsString::from("vm2=qmp:")];
        machines[0].push(monitors[0].socket());
        machines[0].push(",qga:");
        machines[0].push(agent.socket());
        machines[1].push(monitors[1].socket());
        let vm = "--vm".as_ref();
        let options = ["--authorize".as_ref(), vm, machines[0].as_os_str(), vm, &machines[1]];
        let wrapper = SERVICE.wrapper();
        let wrapper = wrapper.each_ref().map(String::as_str);
        let bridge = Bridge::launch_through(&wrapper, bus.address(), &options).ready().await;
        let [root, member] = [Client::of(&bus, ROOT).await, Client::of(&bus, MEMBER).await];
        let agent_endpoint = VM1.interface("org.qemu.QgaEndpoint");
        for endpoint in
            [ENDPOINT1, Target { interface: ENDPOINT1.interface, ..VM2 }, agent_endpoint]
        {
            in_state(&root, endpoint, "ready").await;
        }
        Self { bridge, polkit, root, member, monitors, agent, bus }
    }

    async fn client(&self, user: User) -> Client {
        Client::of(&self.bus, user).await
    }

    /// How often the first machine was asked this.
    fn asked(&self, command: &str) -> usize {
        self.monitors[0].lines(command).len()
    }

    /// The audit lines so far that hold all of this.
    fn audited(&self, parts: &[&str]) -> usize {
        let log = self.bridge.log();
        let lines = log.lines().filter(|line| line.contains("qapi_dbus::audit"));
        lines.filter(|line| parts.iter().all(|part| line.contains(part))).count()
    }
}

/// Does what a caller may ask for; what the bridge asks for itself is left to the peer.
fn obey(command: &str, _: &Value) -> Option<Answer> {
    let own = ["query-status", "query-commands", "query-qmp-schema", "guest-info"];
    (!own.contains(&command) && !command.contains("sync") && !command.contains("capabilities"))
        .then(|| Answer::Return(json!({})))
}

/// The name of the error of a call, or `done`.
fn outcome(result: &Result<Value, Refusal>) -> &str {
    match result {
        Ok(_) => "done",
        Err(refusal) => &refusal.name,
    }
}
