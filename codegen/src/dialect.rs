//! Which QEMU's notation a schema is in.

/// The notation of a schema, and how strict its documentation comments are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// What 7.2 to 10.2 understand together; documentation is not judged.
    #[default]
    Lenient,
    /// The notation of 2011: commands as lists, events by their name.
    Q2011,
    /// The rules of QEMU 7.2.
    V7_2,
    /// The rules of QEMU 10.0.
    V10_0,
    /// The rules of QEMU 10.2.
    V10_2,
}
