//! Handles and processes of the guest that belong to a call which goes on. Whoever else named one
//! would read its bytes, move its place, or take the status that an agent tells only once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::transcode::Json;

/// What a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Program,
}

/// Those of one endpoint.
#[derive(Debug, Default)]
pub(in crate::bus) struct Owned(Mutex<Vec<(Kind, i64)>>);

/// One of them, until dropped.
#[derive(Debug)]
pub(super) struct Held {
    owned: Arc<Owned>,
    what: (Kind, i64),
}

impl Owned {
    pub(super) fn hold(self: &Arc<Self>, kind: Kind, number: i64) -> Held {
        self.lock().push((kind, number));
        Held { owned: Arc::clone(self), what: (kind, number) }
    }

    /// Why a command must not be run for anybody else, if so.
    pub(in crate::bus) fn forbids(&self, command: &str, arguments: &[u8]) -> Option<String> {
        let (kind, name) = match command {
            "guest-exec-status" => (Kind::Program, "pid"),
            "guest-file-close" | "guest-file-flush" | "guest-file-read" | "guest-file-seek"
            | "guest-file-write" => (Kind::File, "handle"),
            _ => return None,
        };
        let owned = self.lock();
        if owned.is_empty() {
            return None;
        }
        let arguments = Json::parse(arguments).ok()?;
        let number = i64::try_from(arguments.get(name)?.as_integer()?).ok()?;
        let method = match kind {
            Kind::File => "ReadFile or WriteFile",
            Kind::Program => "Run",
        };
        let text = || format!("`{name}` {number} belongs to a call of {method} that goes on");
        owned.contains(&(kind, number)).then(text)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Kind, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut owned = self.owned.lock();
        if let Some(at) = owned.iter().position(|it| *it == self.what) {
            owned.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_nobody_elses() {
        let owned = Arc::<Owned>::default();
        let held = owned.hold(Kind::File, 1000);
        let forbids =
            |command: &str, arguments: &str| owned.forbids(command, arguments.as_bytes()).is_some();
        assert!(forbids("guest-file-close", r#"{"handle":1000}"#));
        assert!(!forbids("guest-file-close", r#"{"handle":1001}"#));
        assert!(!forbids("guest-exec-status", r#"{"pid":1000}"#));
        assert!(!forbids("guest-file-open", r#"{"handle":1000}"#));
        drop(held);
        assert!(!forbids("guest-file-close", r#"{"handle":1000}"#));
    }
}
