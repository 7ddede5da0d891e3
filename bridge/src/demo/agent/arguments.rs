//! The arguments of one command, taken by name.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::Error;

/// Members that were not taken yet. [`Arguments::end`] must come before a command acts, so that a
/// request with a member too many does nothing.
#[derive(Debug)]
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    pub(super) fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// A member that must be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Error> {
        self.optional(name)?.ok_or(Error::MissingArgument(name))
    }

    /// A member that may be left out; `null` is not the same as that.
    pub(super) fn optional<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        let result = serde_json::from_value(value);
        result.map(Some).map_err(|error| Error::argument(name, error.to_string()))
    }

    /// Refuses what nobody asked for.
    pub(super) fn end(self) -> Result<(), Error> {
        self.0.into_iter().next().map_or(Ok(()), |(name, _)| Err(Error::UnknownArgument(name)))
    }
}
