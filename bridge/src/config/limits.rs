//! The keys of `[limits]`: one table says what each is, and what it may be.

use std::time::Duration;

use crate::daemon::Limits;

/// One bound.
pub(super) struct Key {
    pub(super) name: &'static str,
    from: u64,
    to: u64,
    place: fn(&mut Limits) -> Place<'_>,
}

/// Where a bound is kept.
enum Place<'a> {
    Number(&'a mut usize),
    /// Whole milliseconds.
    Time(&'a mut Duration),
}

use Place::{Number, Time};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Times are in milliseconds, sizes in bytes.
pub(super) const KEYS: [Key; 22] = [
    key("machines", 1, 100_000, |it| Number(&mut it.machines)),
    key("calls", 1, 65_536, |it| Number(&mut it.bus.calls)),
    key("calls-per-sender", 1, 65_536, |it| Number(&mut it.bus.calls_per_sender)),
    key("calls-waiting", 1, 65_536, |it| Number(&mut it.bus.calls_waiting)),
    key("memory", 8 * MIB, 1024 * MIB, |it| Number(&mut it.bus.memory)),
    key("message", 64 * KIB, 64 * MIB, |it| Number(&mut it.bus.message)),
    key("greeting", KIB, MIB, |it| Number(&mut it.bus.greeting)),
    key("nodes", 1_000, 2_000_000, |it| Number(&mut it.bus.nodes)),
    // More would not fit the stack.
    key("depth", 16, 512, |it| Number(&mut it.bus.depth)),
    key("events-queued", 1, 65_536, |it| Number(&mut it.bus.events_queued)),
    key("events-kept", 0, 65_536, |it| Number(&mut it.bus.events_kept)),
    key("events-per-second", 1, 100_000, |it| Number(&mut it.bus.events_rate)),
    key("events-burst", 1, 100_000, |it| Number(&mut it.bus.events_burst)),
    key("subscriptions", 0, 65_536, |it| Number(&mut it.bus.subscriptions)),
    key("subscriptions-per-caller", 0, 65_536, |it| Number(&mut it.bus.subscriptions_per_caller)),
    key("timeout-qmp", 0, DAY, |it| Time(&mut it.bus.qmp)),
    key("timeout-qga", 0, DAY, |it| Time(&mut it.bus.qga)),
    key("timeout-fsfreeze", 0, DAY, |it| Time(&mut it.bus.fsfreeze)),
    key("timeout-opening", 100, 10 * MINUTE, |it| Time(&mut it.bus.opening)),
    key("drain", 0, 10 * MINUTE, |it| Time(&mut it.bus.drain)),
    key("reconnect-first", 10, MINUTE, |it| Time(&mut it.bus.reconnect_first)),
    key("reconnect-last", 10, 10 * MINUTE, |it| Time(&mut it.bus.reconnect_last)),
];

const fn key(name: &'static str, from: u64, to: u64, place: fn(&mut Limits) -> Place<'_>) -> Key {
    Key { name, from, to, place }
}

impl Key {
    /// The bound of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Sets it.
    ///
    /// # Errors
    ///
    /// The number is out of the range that the text names.
    pub(super) fn set(&self, limits: &mut Limits, number: i64) -> Result<(), String> {
        let Self { name, from, to, .. } = self;
        let number = u64::try_from(number).ok().filter(|number| (*from..=*to).contains(number));
        let number = number.ok_or_else(|| format!("`{name}` must be from {from} to {to}"))?;
        match (self.place)(limits) {
            Number(place) => *place = number as usize,
            Time(place) => *place = Duration::from_millis(number),
        }
        Ok(())
    }

    /// What it is.
    pub(super) fn get(&self, limits: &Limits) -> u64 {
        match (self.place)(&mut limits.clone()) {
            Number(place) => *place as u64,
            Time(place) => place.as_millis() as u64,
        }
    }
}

/// What limits have to be to each other.
pub(super) fn check(limits: &Limits) -> Result<(), String> {
    // A message is in memory as it came, as it is built, and as it leaves.
    if limits.bus.message > limits.bus.memory / 3 {
        return Err("`message` must not be above a third of `memory`".into());
    }
    if limits.bus.reconnect_first > limits.bus.reconnect_last {
        return Err("`reconnect-first` must not be above `reconnect-last`".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_place_of_its_own_and_a_default_in_its_range() {
        let defaults = Limits::default();
        assert_eq!(check(&defaults), Ok(()));
        for key in &KEYS {
            assert!((key.from..=key.to).contains(&key.get(&defaults)), "{}", key.name);
            let mut limits = defaults.clone();
            let other = if key.get(&defaults) == key.to { key.from } else { key.to };
            key.set(&mut limits, other as i64).unwrap();
            let changed = KEYS.iter().filter(|it| it.get(&limits) != it.get(&defaults));
            assert_eq!(changed.map(|it| it.name).collect::<Vec<_>>(), [key.name]);
            assert!(key.set(&mut limits, -1).is_err());
            assert!(key.set(&mut limits, key.to as i64 + 1).unwrap_err().contains(key.name));
        }
    }
}
