//! Permissions to read that polkit gave a moment ago.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Question;

/// How long a permission holds: a client that reads a machine's state asks several questions
/// within it, and a revocation that polkit does not tell of is in force soon after.
const LIFETIME: Duration = Duration::from_secs(5);

/// Callers who have permissions, and permissions of one of them: more than anybody needs within
/// [`LIFETIME`]. Beyond them polkit is asked again.
const CALLERS: usize = 1024;
const QUESTIONS: usize = 64;

/// The permissions, by caller.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Permissions>);

#[derive(Debug, Default)]
struct Permissions {
    epoch: Epoch,
    callers: HashMap<String, HashMap<Question, Instant>>,
}

/// What a permission was given under: one that was asked for before polkit's rules changed is not
/// remembered after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl Cache {
    /// To be taken before polkit is asked.
    pub(super) fn epoch(&self) -> Epoch {
        self.lock().epoch
    }

    /// Whether the caller has this permission still.
    pub(super) fn holds(&self, caller: &str, question: &Question) -> bool {
        let permissions = self.lock();
        let until = permissions.callers.get(caller).and_then(|given| given.get(question));
        until.is_some_and(|until| Instant::now() < *until)
    }

    /// Remembers a permission.
    pub(super) fn keep(&self, caller: &str, question: Question, asked: Epoch) {
        let mut permissions = self.lock();
        if permissions.epoch != asked {
            return;
        }
        let now = Instant::now();
        if permissions.callers.len() >= CALLERS && !permissions.callers.contains_key(caller) {
            permissions.callers.retain(|_, given| given.values().any(|until| now < *until));
            if permissions.callers.len() >= CALLERS {
                permissions.callers.clear();
            }
        }
        let given = permissions.callers.entry(caller.to_owned()).or_default();
        if given.len() >= QUESTIONS {
            given.retain(|_, until| now < *until);
            if given.len() >= QUESTIONS {
                given.clear();
            }
        }
        given.insert(question, now + LIFETIME);
    }

    /// Drops those of a caller who left.
    pub(super) fn forget(&self, caller: &str) {
        self.lock().callers.remove(caller);
    }

    /// Drops all: they may have been revoked.
    pub(super) fn clear(&self) {
        let mut permissions = self.lock();
        permissions.epoch.0 += 1;
        permissions.callers.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Permissions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcode::shape::Class;

    fn question(command: &str) -> Question {
        Question::new(Class::Read, "vm1", command, "qmp")
    }

    #[tokio::test(start_paused = true)]
    async fn a_permission_is_of_one_caller_one_question_and_five_seconds() {
        let cache = Cache::default();
        cache.keep(":1.1", question("query-block"), cache.epoch());
        assert!(cache.holds(":1.1", &question("query-block")));
        assert!(!cache.holds(":1.2", &question("query-block")));
        assert!(!cache.holds(":1.1", &question("query-name")));
        tokio::time::advance(LIFETIME).await;
        assert!(!cache.holds(":1.1", &question("query-block")));
    }

    #[tokio::test]
    async fn what_may_be_revoked_is_dropped_even_if_the_answer_comes_later() {
        let cache = Cache::default();
        let asked = cache.epoch();
        cache.keep(":1.1", question("query-block"), asked);
        cache.clear();
        assert!(!cache.holds(":1.1", &question("query-block")));
        cache.keep(":1.1", question("query-block"), asked);
        assert!(!cache.holds(":1.1", &question("query-block")));
        cache.keep(":1.1", question("query-block"), cache.epoch());
        cache.forget(":1.1");
        assert!(!cache.holds(":1.1", &question("query-block")));
    }

    #[tokio::test(start_paused = true)]
    async fn their_number_is_bounded() {
        let cache = Cache::default();
        for at in 0..CALLERS * 3 {
            cache.keep(&format!(":1.{at}"), question("query-block"), cache.epoch());
        }
        for at in 0..QUESTIONS * 3 {
            cache.keep(":2.1", question(&format!("x-{at}")), cache.epoch());
        }
        let permissions = cache.lock();
        assert!(permissions.callers.len() <= CALLERS);
        assert!(permissions.callers.values().all(|given| given.len() <= QUESTIONS));
    }
}
