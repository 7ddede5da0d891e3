//! Who may call what on a bus that strangers share.
//!
//! ```text
//! call ─► rules (deny, switches) ─► remembered reads ─► polkit, by class, machine and command
//!              │                          │                 │ a prompt, if the caller allows it
//!              └──────────── verdict ◄────┴─────────────────┘ ─► audit line
//! ```
//!
//! The bus policy stands before this and the peer's own limits behind it; each can refuse alone.
//! Nothing here waits on the connection that serves: polkit and the bus are asked over one of its
//! own, so that an authority that is slow, hung or gone costs those calls only that need it. Any
//! error means that the call is refused.

mod audit;
mod authority;
mod cache;
mod line;
mod polkit;
mod rules;
mod users;

pub use authority::{Authority, Caller, Question, Verdict};
pub use rules::{Rules, User};

pub(crate) use audit::AUDIT;
pub(crate) use rules::class_of;
