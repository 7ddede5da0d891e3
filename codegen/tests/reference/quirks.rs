//! Where the reference is wrong by its own description, and a disagreement with it no mistake.

use crate::tree::Verdict;

/// One such place.
pub(crate) struct Quirk {
    pub(crate) name: &'static str,
    explains: fn(&Verdict) -> bool,
}

impl Quirk {
    /// The quirk that explains a disagreement.
    pub(crate) fn of(verdict: &Verdict) -> Option<&'static Self> {
        QUIRKS.iter().find(|quirk| (quirk.explains)(verdict))
    }
}

const QUIRKS: [Quirk; 4] = [
    Quirk {
        name: "an array type that is used somewhere goes by its internal name, 'strList'",
        explains: |verdict| lacks_type(verdict, |name| name.ends_with("List")),
    },
    Quirk {
        name: "types that the reference adds go by their internal names, 'q_empty'",
        explains: |verdict| lacks_type(verdict, |name| name.starts_with("q_")),
    },
    Quirk {
        name: "an empty name of a base, or of what a command takes or returns, is none",
        explains: |verdict| lacks_type(verdict, str::is_empty),
    },
    Quirk {
        name: "it ends in an IndexError where a member excused from documentation has none, and \
               nothing follows the descriptions of the others",
        explains: |verdict| {
            let theirs = verdict.theirs.as_deref();
            verdict.ours.is_none() && theirs == Some("IndexError('list index out of range')")
        },
    },
];

fn lacks_type(verdict: &Verdict, is: fn(&str) -> bool) -> bool {
    let (Some(ours), None) = (&verdict.ours, &verdict.theirs) else { return false };
    let name = ours.split_once("there is no type '").and_then(|(_, rest)| rest.split_once('\''));
    name.is_some_and(|(name, _)| is(name))
}
