//! What a monitor knows of the machine around its agent, and tells the agent's endpoint.

use std::{
    fs,
    path::{self, Path},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use serde::Deserialize;

use super::{
    guest::{Hindrance, News},
    inbox::Inbox,
};

/// Events that say at once what becomes of the agent; the monitor is then asked for the rest.
const EVENTS: [(&str, Effect); 7] = [
    ("RESET", Effect::Lost),
    ("RESUME", Effect::Runs),
    ("SHUTDOWN", Effect::Lost),
    ("STOP", Effect::Halts(STOPPED)),
    ("SUSPEND", Effect::Halts(SUSPENDED)),
    ("VSERPORT_CHANGE", Effect::None),
    ("WAKEUP", Effect::Runs),
];

#[derive(Clone, Copy)]
enum Effect {
    Lost,
    Halts(Hindrance),
    Runs,
    None,
}

/// What the states say in which a machine does not run; the others are [`STOPPED`].
const HALTS: [(&str, Hindrance); 6] = [
    ("guest-panicked", Hindrance::Stopped("the guest panicked; SystemReset starts it anew")),
    ("inmigrate", Hindrance::Stopped("the machine waits for an incoming migration")),
    ("internal-error", Hindrance::Stopped("the machine failed; SystemReset starts it anew")),
    ("postmigrate", Hindrance::Stopped("the machine migrated away; Cont resumes it here")),
    ("shutdown", Hindrance::Absent("the machine is shut down; SystemReset starts it anew")),
    ("suspended", SUSPENDED),
];

const STOPPED: Hindrance = Hindrance::Stopped("the machine is stopped; Cont resumes it");
const SUSPENDED: Hindrance = Hindrance::Stopped("the machine is suspended; SystemWakeup wakes it");

/// The agent that is told, if there is one.
#[derive(Debug, Default)]
pub(super) struct Ward(Mutex<Option<Agent>>);

#[derive(Debug)]
struct Agent {
    socket: Arc<Path>,
    inbox: Weak<Inbox>,
    /// Nothing was asked for it yet.
    new: bool,
}

/// The monitor's side.
#[derive(Debug)]
pub(super) struct Machine {
    ward: Arc<Ward>,
    halt: Option<Hindrance>,
    /// The machine has a character device with the agent's socket. Without, it is not known to be
    /// the agent's machine, and nothing is told.
    found: bool,
    /// The character devices are to be asked for.
    due: bool,
}

impl Ward {
    pub(super) fn attach(&self, socket: &Arc<Path>, inbox: &Arc<Inbox>) {
        let agent = Agent { socket: Arc::clone(socket), inbox: Arc::downgrade(inbox), new: true };
        self.with(|ward| *ward = Some(agent));
    }

    pub(super) fn detach(&self) {
        self.tell(News::NONE);
        self.with(|ward| *ward = None);
    }

    fn with<T>(&self, action: impl FnOnce(&mut Option<Agent>) -> T) -> T {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, news: News) {
        let inbox = self.with(|ward| ward.as_ref().and_then(|agent| agent.inbox.upgrade()));
        if let Some(inbox) = inbox {
            inbox.tell(news);
        }
    }

    /// Whether there is an agent, and nothing was asked for it yet.
    fn is_new(&self) -> Option<bool> {
        self.with(|ward| ward.as_mut().map(|agent| std::mem::take(&mut agent.new)))
    }

    fn socket(&self) -> Option<Arc<Path>> {
        self.with(|ward| ward.as_ref().map(|agent| Arc::clone(&agent.socket)))
    }
}

impl Machine {
    pub(super) fn new(ward: Arc<Ward>) -> Self {
        Self { ward, halt: None, found: false, due: true }
    }

    /// Takes note of an event.
    pub(super) fn event(&mut self, name: &str) {
        let Some((_, effect)) = EVENTS.iter().find(|(event, _)| *event == name) else { return };
        self.due = true;
        match effect {
            Effect::Lost => return self.tell(Some(false), true),
            Effect::Halts(halt) => self.halt = Some(*halt),
            Effect::Runs => self.halt = None,
            Effect::None => return,
        }
        self.tell(None, false);
    }

    /// Takes what `query-status` says.
    pub(super) fn status(&mut self, status: &str, running: bool) {
        let named = HALTS.iter().find(|(name, _)| *name == status).map(|(_, halt)| *halt);
        self.halt = if running { None } else { named.or(Some(STOPPED)) };
        self.tell(None, false);
    }

    /// Whether the character devices are to be asked for now.
    pub(super) fn asks(&mut self) -> bool {
        match self.ward.is_new() {
            Some(new) => std::mem::take(&mut self.due) || new,
            None => false,
        }
    }

    /// Takes what `query-chardev` says; no text if it does not say.
    pub(super) fn devices(&mut self, text: &[u8]) {
        let Some(socket) = self.ward.socket() else { return };
        let devices: Vec<Device> = serde_json::from_slice(text).unwrap_or_default();
        match devices.into_iter().find(|device| device.is_at(&socket)) {
            Some(device) => {
                self.found = true;
                self.tell(Some(device.open), false);
            }
            None => self.unknown(),
        }
    }

    /// There is no connection to the monitor.
    pub(super) fn disconnected(&mut self) {
        self.unknown();
        (self.halt, self.due) = (None, true);
    }

    fn unknown(&mut self) {
        if std::mem::take(&mut self.found) {
            self.ward.tell(News::NONE);
        }
    }

    fn tell(&self, open: Option<bool>, lost: bool) {
        if self.found {
            self.ward.tell(News { halt: self.halt, open, lost });
        }
    }
}

#[derive(Deserialize)]
struct Device {
    filename: String,
    #[serde(rename = "frontend-open")]
    open: bool,
}

impl Device {
    /// Whether this is the other end of a socket. QEMU tells the path as it was given, so that one
    /// relative to QEMU's own directory is taken for the end of ours. The path that QEMU tells is
    /// not looked up: where it leads is not ours to trust.
    fn is_at(&self, socket: &Path) -> bool {
        let name = self.filename.strip_prefix("disconnected:").unwrap_or(&self.filename);
        let Some(name) = name.strip_prefix("unix:") else { return false };
        let name = name.strip_suffix(",server=on").unwrap_or(name);
        let ours = [path::absolute(socket), fs::canonicalize(socket)];
        !name.is_empty() && ours.into_iter().flatten().any(|path| path.ends_with(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_the_path_of_its_socket() {
        let is_at = |filename: &str, socket: &str| {
            Device { filename: filename.into(), open: false }.is_at(socket.as_ref())
        };
        assert!(is_at("unix:/run/vm/qga.sock,server=on", "/run/vm/qga.sock"));
        assert!(is_at("disconnected:unix:/run/qga,server=on", "/run/qga"));
        assert!(is_at("unix:/run/a,server=on,server=on", "/run/a,server=on"));
        assert!(is_at("unix:vm/qga.sock,server=on", "/run/vm/qga.sock"), "QEMU was started there");
        for other in ["unix:/run/qga", "unix:qg", "unix:", "pty:/run/vm/qga", "unix:/vm/qga"] {
            assert!(!is_at(other, "/run/vm/qga"), "{other}");
        }
    }
}
