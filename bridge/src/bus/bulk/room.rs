//! What transfers may take, of all endpoints: threads, and bytes of what is on its way.

use std::sync::Arc;

use zbus::names::UniqueName;

use crate::{
    bus::{
        errors::{Failure, standard},
        permits::{Permit, Permits},
    },
    endpoint::{Budget, Charge},
};

use super::file::HELD;

/// Transfers at once; each has a thread, and the units allow 64.
const MOST: usize = 16;
/// Of these, transfers of one caller.
const MOST_PER_CALLER: usize = 4;

/// The bounds of one bridge.
#[derive(Debug)]
pub(in crate::bus) struct Room {
    permits: Arc<Permits>,
    budget: Arc<Budget>,
}

/// What one transfer takes, given back when dropped. The thread keeps it, so that a descriptor on
/// which it hangs counts for as long as it does.
#[derive(Debug)]
pub(in crate::bus) struct Place {
    _permit: Permit,
    _charge: Charge,
}

impl Room {
    /// A room within a budget.
    pub(in crate::bus) fn new(budget: &Arc<Budget>) -> Self {
        let permits = Permits::new(MOST, MOST_PER_CALLER);
        Self { permits, budget: budget.part(MOST * HELD) }
    }

    /// Takes a place.
    ///
    /// # Errors
    ///
    /// Which limit is reached, for the caller.
    pub(super) fn take(&self, caller: Option<&UniqueName<'_>>) -> Result<Place, Failure> {
        let refused = |text: String| {
            Failure::new(standard::LIMITS, &format!("no room for another transfer: {text}"))
        };
        let permit = self.permits.acquire(caller).map_err(refused)?;
        let charge = self.budget.charge(HELD).map_err(|spent| refused(spent.to_string()))?;
        Ok(Place { _permit: permit, _charge: charge })
    }
}
