//! How long a request may take if nobody says otherwise.

use std::time::Duration;

use super::Protocol;

/// Bytes of a request that a peer reads in a second: QMP reads one a system call.
const READ_RATE: usize = 256 << 10;

/// Deadlines by kind of command; zero means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Of a monitor's command.
    pub qmp: Duration,
    /// Of an agent's command.
    pub qga: Duration,
    /// Of an agent's command that freezes or thaws.
    pub fsfreeze: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let [qmp, qga, fsfreeze] = [30, 10, 120].map(Duration::from_secs);
        Self { qmp, qga, fsfreeze }
    }
}

impl Deadlines {
    /// From sending a command to its answer; `None` for ever.
    pub fn of(&self, protocol: Protocol, command: &str) -> Option<Duration> {
        let deadline = match (protocol, command) {
            (Protocol::Qmp, _) => self.qmp,
            (_, "guest-fsfreeze-status") => self.qga,
            (_, command) if command.starts_with("guest-fsfreeze") => self.fsfreeze,
            _ => self.qga,
        };
        (!deadline.is_zero()).then_some(deadline)
    }
}

/// What reading so many bytes takes of the peer's time.
pub fn reading_time(bytes: usize) -> Duration {
    Duration::from_secs((bytes / READ_RATE) as u64)
}
