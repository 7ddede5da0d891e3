//! What an agent says of itself.

use serde::Deserialize;

#[derive(Deserialize)]
struct Info {
    version: String,
    supported_commands: Vec<Command>,
}

#[derive(Deserialize)]
struct Command {
    name: String,
    enabled: bool,
}

/// Its version and the commands that it has and its administrator allows, from what `guest-info`
/// returned.
pub(super) fn read(text: &[u8]) -> Option<(String, Vec<String>)> {
    let info: Info = serde_json::from_slice(text).ok()?;
    let enabled = info.supported_commands.into_iter().filter(|command| command.enabled);
    let mut names: Vec<_> = enabled.map(|command| command.name).collect();
    names.sort_unstable();
    Some((info.version, names))
}
