//! One line for each call that is refused, and for each that does more than read.
//!
//! It names who called what on which machine, and never an argument: those hold secrets.

use super::{Question, Verdict, users::Credentials};
use crate::transcode::shape::Class;

/// Its lines are said at any level of the log.
pub(crate) const AUDIT: &str = "qapi_dbus::audit";

/// Tells what became of a call.
pub(super) fn record(
    sender: &str,
    credentials: Option<Credentials>,
    question: &Question,
    verdict: &Verdict,
) {
    let who = |id: Option<u32>| id.map_or("unknown".to_owned(), |id| id.to_string());
    let uid = who(credentials.map(|known| known.uid));
    let pid = who(credentials.and_then(|known| known.pid));
    let Question { class, machine, command, protocol, .. } = question;
    let class = class.name();
    match verdict {
        Verdict::Allowed if question.class == Class::Read => {}
        Verdict::Allowed => {
            tracing::info!(target: AUDIT, verdict = "allowed", sender, %uid, %pid, machine,
                protocol, command, class);
        }
        Verdict::Denied(why) | Verdict::Challenge(why) | Verdict::Busy(why) => {
            tracing::warn!(target: AUDIT, verdict = "refused", sender, %uid, %pid, machine,
                protocol, command, class, why);
        }
    }
}
