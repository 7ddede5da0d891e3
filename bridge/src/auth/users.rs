//! Who is behind the names on the bus, and what each user keeps the authority busy with.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Callers whose credentials are kept.
const CALLERS: usize = 4096;

/// What the bus knows of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) uid: u32,
    /// None where the bus does not tell.
    pub(super) pid: Option<u32>,
}

/// Callers and users.
#[derive(Debug)]
pub(super) struct Users {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    callers: HashMap<String, Credentials>,
    /// Those whom no bus knows; the number of their connections is bounded.
    introduced: HashMap<String, Credentials>,
    users: HashMap<u32, Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    calls: usize,
    prompt: Arc<tokio::sync::Mutex<()>>,
}

/// A place among the calls of a user that wait; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    users: Arc<Users>,
    uid: u32,
    /// To be held while the user is asked: one prompt at a time.
    pub(super) prompt: Arc<tokio::sync::Mutex<()>>,
}

impl Users {
    /// None yet. Of one user so many calls may wait for their verdict: a part of all, so that
    /// nobody keeps the others out by calls that he is not even allowed.
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// The credentials of a caller, if they are known.
    pub(super) fn known(&self, caller: &str) -> Option<Credentials> {
        let state = self.lock();
        state.introduced.get(caller).or_else(|| state.callers.get(caller)).copied()
    }

    /// Keeps the credentials of a caller whom no bus knows.
    pub(super) fn introduce(&self, caller: &str, credentials: Credentials) {
        self.lock().introduced.insert(caller.to_owned(), credentials);
    }

    /// The credentials of a caller whom no bus knows.
    pub(super) fn introduced(&self, caller: &str) -> Option<Credentials> {
        self.lock().introduced.get(caller).copied()
    }

    /// Keeps what the bus told of a caller. A name is never given to another.
    pub(super) fn keep(&self, caller: &str, credentials: Credentials) {
        let mut state = self.lock();
        if state.callers.len() >= CALLERS {
            state.callers.clear();
        }
        state.callers.insert(caller.to_owned(), credentials);
    }

    /// Drops a caller who left.
    pub(super) fn forget(&self, caller: &str) {
        let mut state = self.lock();
        state.callers.remove(caller);
        state.introduced.remove(caller);
    }

    /// A place for one more call of a user.
    ///
    /// # Errors
    ///
    /// The text for the caller: too many wait.
    pub(super) fn enter(self: &Arc<Self>, uid: u32) -> Result<Place, String> {
        let mut state = self.lock();
        let waiting = state.users.entry(uid).or_default();
        if waiting.calls >= self.most {
            return Err(format!("{} calls of your user wait for authorization already", self.most));
        }
        waiting.calls += 1;
        Ok(Place { users: Arc::clone(self), uid, prompt: Arc::clone(&waiting.prompt) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.users.lock();
        if let Some(waiting) = state.users.get_mut(&self.uid) {
            waiting.calls -= 1;
            if waiting.calls == 0 {
                state.users.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_take_every_place() {
        let users = Arc::new(Users::new(128));
        let held: Vec<_> = (0..128).map(|_| users.enter(1000).unwrap()).collect();
        assert!(users.enter(1000).unwrap_err().contains("128"));
        let other = users.enter(1001).unwrap();
        assert!(!Arc::ptr_eq(&held[0].prompt, &other.prompt));
        assert!(Arc::ptr_eq(&held[0].prompt, &held[1].prompt));
        drop((held, other));
        users.enter(1000).unwrap();
        assert!(users.lock().users.is_empty());
    }

    #[test]
    fn credentials_are_kept_until_the_caller_leaves_and_bounded() {
        let users = Users::new(1);
        let credentials = Credentials { uid: 7, pid: Some(1) };
        users.keep(":1.1", credentials);
        assert_eq!(users.known(":1.1"), Some(credentials));
        users.forget(":1.1");
        assert_eq!(users.known(":1.1"), None);
        (0..2 * CALLERS).for_each(|at| users.keep(&format!(":1.{at}"), credentials));
        assert!(users.lock().callers.len() <= CALLERS);
    }
}
