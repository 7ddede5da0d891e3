//! Whether an agent keeps its guest's filesystems frozen, by what commands return. It offers but a
//! few commands then.

use crate::endpoint::pending::Question;

/// Commands that freeze, and those that thaw.
const FREEZERS: [(&str, bool); 3] = [
    ("guest-fsfreeze-freeze", true),
    ("guest-fsfreeze-freeze-list", true),
    ("guest-fsfreeze-thaw", false),
];

/// Whether the agent may be frozen, or thawed, once it got this command.
pub(super) fn may_follow(command: &str) -> bool {
    FREEZERS.iter().any(|(name, _)| *name == command)
}

/// Whether the agent is frozen, if a command that returned this tells.
pub(super) fn told(command: &str, returned: &[u8]) -> Option<bool> {
    if command == Question::Frozen.command() {
        return Some(returned == br#""frozen""#);
    }
    let (_, freezes) = FREEZERS.iter().find(|(name, _)| *name == command)?;
    // They return the number of filesystems; where there is none, nothing is frozen.
    Some(*freezes && returned != b"0")
}
