//! `qapi-dbus doctor`: what keeps a call from its answer, and the command that mends it.
//!
//! It looks and changes nothing: it does not start the bridge, and leaves the sockets that the
//! bridge has to it.

mod accounts;
mod bus;
mod configured;
mod files;
mod finding;
mod probe;
mod said;
mod served;
mod sockets;
mod unit;

use std::{path::PathBuf, time::Duration};

use self::{bus::BusSeen, finding::Report, sockets::Sockets};
use crate::{daemon::Bus, endpoint::Protocol, log::say};

/// How long the bus, polkit, a monitor or an agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to look at.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Look at your own session bus, in the place of the system bus
    #[arg(long)]
    user: bool,
    /// Folder that it was installed below, where it is not found by itself
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// Tell it as JSON
    #[arg(long)]
    json: bool,
    /// Further sockets of monitors and agents to look at
    #[arg(value_name = "SOCKET")]
    sockets: Vec<PathBuf>,
}

/// Looks at everything and says it; true if nothing is wrong.
///
/// # Errors
///
/// The prefix is none.
///
/// # Cancel safety
///
/// It changes nothing, so it can be cancelled at any time.
pub async fn examine(options: &Options) -> anyhow::Result<bool> {
    let user = options.user;
    let prefix = files::prefix(options.prefix.as_deref(), user)?;
    let mut report = Report::default();
    files::examine(&prefix, user, &mut report);
    if !user {
        accounts::examine(&prefix, &mut report);
    }
    unit::examine(user, &mut report);
    let bus = BusSeen::look(if user { Bus::Session } else { Bus::System }).await;
    bus.examine(&prefix, user, &mut report).await;
    let mut places = configured::examine(&prefix, user, &mut report);
    let named = options.sockets.iter().cloned();
    places.sockets.extend(
        named.map(|path| (path.clone(), sockets::protocol(&path).unwrap_or(Protocol::Qmp))),
    );
    let served = served::by(&bus).await;
    Sockets::new(user, &mut report).examine(places, &served).await;
    say(&if options.json { serde_json::to_string_pretty(&report)? } else { report.to_string() });
    Ok(report.wrong() == 0)
}

/// The line that has the manager or the bus of the machine, or of the user, do something.
fn line(user: bool, program: &str, rest: &str) -> String {
    if user { format!("{program} --user {rest}") } else { format!("sudo {program} {rest}") }
}
