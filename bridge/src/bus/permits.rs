//! How many calls may be in flight, per sender and in all (architecture, limits).
//!
//! The buses bound neither calls flagged as wanting no reply nor, on dbus-broker, calls at all,
//! so this is decided before any other work is done for a call.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use zbus::names::UniqueName;

/// The calls in flight.
#[derive(Debug)]
pub(super) struct Permits {
    most: usize,
    most_per_sender: usize,
    senders: Mutex<HashMap<String, usize>>,
}

/// The right to one call; returned when dropped. The default one counts for nothing: it is for
/// refusing a call.
#[derive(Debug, Default)]
pub(super) struct Permit {
    held: Option<(Arc<Permits>, String)>,
}

impl Permits {
    /// So many in all, and of one sender.
    pub(super) fn new(most: usize, most_per_sender: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_sender, senders: Mutex::default() })
    }

    /// Takes a permit.
    ///
    /// # Errors
    ///
    /// Which limit is reached, for the caller.
    pub(super) fn acquire(
        self: &Arc<Self>,
        sender: Option<&UniqueName<'_>>,
    ) -> Result<Permit, String> {
        let sender = sender.map_or("", |sender| sender.as_str());
        let Self { most, most_per_sender, .. } = &**self;
        let mut senders = self.lock();
        if senders.values().sum::<usize>() >= *most {
            return Err(format!("{most} calls are in flight; wait for some to return"));
        }
        let calls = senders.entry(sender.to_owned()).or_default();
        if *calls >= *most_per_sender {
            return Err(format!(
                "you have {most_per_sender} calls in flight; wait for some to return"
            ));
        }
        *calls += 1;
        Ok(Permit { held: Some((Arc::clone(self), sender.to_owned())) })
    }

    /// How many are held.
    pub(super) fn held(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some((permits, sender)) = &self.held else { return };
        let mut senders = permits.lock();
        if let Some(calls) = senders.get_mut(sender) {
            *calls -= 1;
            if *calls == 0 {
                senders.remove(sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UniqueName<'_> {
        UniqueName::try_from(text).unwrap()
    }

    #[test]
    fn one_sender_cannot_take_them_all() {
        let permits = Permits::new(512, 32);
        let mine: Vec<_> = (0..32).map(|_| permits.acquire(Some(&name(":1.1"))).unwrap()).collect();
        assert!(permits.acquire(Some(&name(":1.1"))).is_err());
        assert!(permits.acquire(Some(&name(":1.2"))).is_ok());
        drop(mine);
        assert!(permits.acquire(Some(&name(":1.1"))).is_ok());
        assert!(permits.lock().is_empty());
    }

    #[test]
    fn total_is_bounded() {
        let permits = Permits::new(512, 32);
        let held: Vec<_> = (0..512)
            .map(|call| permits.acquire(Some(&name(&format!(":1.{}", call / 16)))).unwrap())
            .collect();
        assert!(permits.acquire(Some(&name(":2.1"))).is_err());
        drop(held);
    }
}
