//! Callers for whom something goes on, and whether they are there still.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Those of one endpoint.
#[derive(Debug, Default)]
pub(in crate::bus) struct Callers(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    caller: String,
    left: Arc<Notify>,
}

/// One who waits for a reply.
#[derive(Debug)]
pub(super) struct Presence {
    callers: Arc<Callers>,
    left: Arc<Notify>,
}

impl Callers {
    /// Watches a caller. Without one nobody leaves: who wants no reply is not waited for.
    pub(super) fn watch(self: &Arc<Self>, caller: Option<String>) -> Presence {
        let left = Arc::<Notify>::default();
        self.lock().extend(caller.map(|caller| Entry { caller, left: Arc::clone(&left) }));
        Presence { callers: Arc::clone(self), left }
    }

    /// Tells those who work for a caller that it left.
    pub(in crate::bus) fn forget(&self, caller: &str) {
        let all = self.lock();
        all.iter().filter(|it| it.caller == caller).for_each(|it| it.left.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Presence {
    /// Returns when the caller left.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn left(&self) {
        self.left.notified().await;
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.callers.lock().retain(|it| !Arc::ptr_eq(&it.left, &self.left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_one_who_left_is_told_and_nobody_else() {
        let callers = Arc::<Callers>::default();
        let [first, second, silent] =
            [Some(":1.1"), Some(":1.2"), None].map(|it| callers.watch(it.map(str::to_owned)));
        callers.forget(":1.1");
        first.left().await;
        for other in [&second, &silent] {
            assert!(
                tokio::time::timeout(std::time::Duration::ZERO, other.left()).await.is_err(),
                "{other:?}"
            );
        }
        drop((first, second, silent));
        assert!(callers.lock().is_empty());
    }
}
