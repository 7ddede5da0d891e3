//! Interfaces of the bridge itself, beside those of its endpoints.

use std::fmt;

use crate::transcode::{
    Json,
    shape::{Interface, Method},
};

use super::{errors::Failure, properties::Properties};

/// Who answers the calls of a hand-written interface whose methods return nothing.
pub trait Service: fmt::Debug + Send + Sync {
    /// The interface.
    fn interface(&self) -> &'static Interface;

    /// Does what a method says; the arguments have the types of its table.
    ///
    /// # Errors
    ///
    /// What the caller is told: nothing was done.
    fn call(&self, method: &'static Method, arguments: &Json<'_>) -> Result<(), Failure>;

    /// Its properties, as they are now.
    fn properties(&self) -> Properties;

    /// Whether a property of these may be set; to a string.
    fn is_writable(&self, _property: &str) -> bool {
        false
    }

    /// Sets a property that is writable.
    ///
    /// # Errors
    ///
    /// What the caller is told: nothing has changed.
    fn set(&self, property: &str, _value: &str) -> Result<(), Failure> {
        Err(Failure::read_only(property))
    }
}
