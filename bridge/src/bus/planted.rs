//! Panics that a test of the whole program asks for.

/// Panics if the variable `QAPI_DBUS_PANIC` names this, a command or the text of an answer; never
/// in a release.
pub(super) fn planted(text: &[u8]) {
    if cfg!(debug_assertions)
        && let Ok(planted) = std::env::var("QAPI_DBUS_PANIC")
        && planted.split_whitespace().any(|planted| planted.as_bytes() == text)
    {
        panic!("planted");
    }
}
