//! polkit with rules of a test's own, on a private bus.

use crate::{
    bus::Bus,
    client::Client,
    process::{self, Process},
    scratch::Scratch,
    system, until,
};
use rustix::process::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A running polkitd.
#[derive(Debug)]
pub struct Polkit {
    process: Process,
    scratch: Scratch,
}

impl Polkit {
    /// Starts one with these rules, in polkit's JavaScript, and waits until it serves.
    pub async fn start(bus: &Bus, rules: &str) -> Self {
        let scratch = Scratch::new();
        let [actions, own] = ["actions", "rules"].map(|name| scratch.path(name));
        fs::create_dir(&actions).unwrap();
        fs::create_dir(&own).unwrap();
        let polkit = Path::new(ACTIONS).join("org.freedesktop.policykit.policy");
        fs::copy(polkit, actions.join("org.freedesktop.policykit.policy")).unwrap();
        fs::write(actions.join("org.qemu.Bridge.policy"), system::actions()).unwrap();
        fs::write(own.join(RULES), rules).unwrap();
        let process = Self::run(bus, &scratch);
        serves(bus).await;
        Self { process, scratch }
    }

    fn run(bus: &Bus, scratch: &Scratch) -> Process {
        let script = format!(
            "mount --bind \"$1/actions\" {ACTIONS}\n\
             mount --bind \"$1/rules\" /etc/polkit-1/rules.d\n\
             exec /usr/lib/polkit-1/polkitd"
        );
        Process::start(
            scratch,
            process::program("unshare")
                .args(["--mount", "sh", "-ec", &script, "sh"])
                .arg(scratch.dir())
                .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address()),
        )
    }

    /// Puts other rules in the place of its own. It notices by itself, and says so on the bus.
    pub fn set_rules(&self, rules: &str) {
        // A file that is moved there is never read half.
        let new: PathBuf = self.scratch.path("new");
        fs::write(&new, rules).unwrap();
        fs::rename(new, self.scratch.path("rules").join(RULES)).unwrap();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it, and waits for its end.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.process.exit().await;
    }

    /// Starts it again.
    pub async fn restart(&mut self, bus: &Bus) {
        self.process = Self::run(bus, &self.scratch);
        serves(bus).await;
    }
}

async fn serves(bus: &Bus) {
    let client = Client::new(bus).await;
    let owned = async || client.owner("org.freedesktop.PolicyKit1").await.is_ok().then_some(());
    until("polkitd on the bus", owned).await;
}

const ACTIONS: &str = "/usr/share/polkit-1/actions";
const RULES: &str = "10-test.rules";
