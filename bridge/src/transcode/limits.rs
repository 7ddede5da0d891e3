//! What the peer's JSON parser and D-Bus can take.

/// Nesting of the arguments of a request. The peer takes 1,024, and the request is one level.
pub(super) const JSON_DEPTH: usize = 1024 - 1;

/// Tokens of the arguments of a request. The peer takes 2 Mi; the rest is for the request itself.
pub(super) const JSON_TOKENS: usize = (2 << 20) - 64;

/// Bytes of the arguments of a request, of which several may wait. The peer takes 64 MiB.
pub(super) const JSON_BYTES: usize = 16 << 20;

/// Nesting of JSON text that is parsed.
pub(super) const PARSE_DEPTH: usize = 1024;

/// Values in JSON text that is parsed: a tree takes 90 bytes for each. A peer's message within its
/// limit has no more.
pub(super) const PARSE_VALUES: usize = 200_001;

/// Containers around a value on D-Bus: arrays, dictionary entries, structures and variants, and
/// the list of arguments: dbus-broker counts it, and ends the connection above the limit.
pub(super) const DBUS_DEPTH: usize = 64;

/// Arrays within each other in one D-Bus signature.
pub(super) const DBUS_ARRAYS: usize = 32;
