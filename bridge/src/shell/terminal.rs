//! Terminals.

use std::os::fd::AsFd;

/// Columns of a terminal; none of what is no terminal, or does not say.
pub(super) fn width(of: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(of).ok()?;
    Some(size.ws_col.into()).filter(|width| *width > 0)
}
