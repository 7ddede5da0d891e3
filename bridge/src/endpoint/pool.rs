//! Values that many peers share: the machines of a host mostly run one QEMU, and what it is able to
//! do takes kilobytes.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The different values that somebody holds now.
#[derive(Debug)]
pub struct Pool<T>(Mutex<Vec<Weak<T>>>);

impl<T: PartialEq> Pool<T> {
    /// One without values.
    #[allow(clippy::new_without_default, reason = "a static is made by a constant function")]
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The value, shared with those who hold an equal one.
    pub fn share(&self, value: T) -> Arc<T> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|other| other.strong_count() > 0);
        let same = held.iter().filter_map(Weak::upgrade).find(|other| **other == value);
        same.unwrap_or_else(|| {
            let value = Arc::new(value);
            held.push(Arc::downgrade(&value));
            value
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_as_long_as_somebody_holds_it() {
        let pool = Pool::new();
        let (first, same, other) = (pool.share("a"), pool.share("a"), pool.share("b"));
        assert!(Arc::ptr_eq(&first, &same) && !Arc::ptr_eq(&first, &other));
        drop((first, same));
        let again = pool.share("a");
        assert_eq!(pool.0.lock().unwrap().len(), 2);
        drop((again, other));
        pool.share("c");
        assert_eq!(pool.0.lock().unwrap().len(), 1);
    }
}
