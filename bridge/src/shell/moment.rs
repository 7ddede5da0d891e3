//! Times: of an event, for people, and of the start of this process.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use rustix::{
    param::clock_ticks_per_second,
    time::{ClockId, clock_gettime},
};

/// Microseconds since the epoch, in UTC.
pub(super) fn written(timestamp: u64) -> String {
    let (seconds, micros) = (timestamp / 1_000_000, timestamp % 1_000_000);
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a day since 1970. Counted from a March, leap days come last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// When this process was started, in microseconds since the epoch and no later than it really was:
/// the kernel counts it in hundredths of a second.
pub(super) fn started() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let age = age().unwrap_or_default();
    u64::try_from(now.saturating_sub(age).as_micros()).unwrap_or(u64::MAX)
}

/// The 22nd value is the start since boot, where the second is a name in parentheses.
fn age() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let ticks: u64 = stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()?;
    let start = Duration::from_millis(ticks * 1000 / clock_ticks_per_second());
    let now = clock_gettime(ClockId::Boottime);
    let now = Duration::new(now.tv_sec.try_into().ok()?, now.tv_nsec.try_into().ok()?);
    now.checked_sub(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        assert_eq!(written(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(written(951_782_400_000_001), "2000-02-29T00:00:00.000001Z");
        assert_eq!(written(1_767_225_599_000_000), "2025-12-31T23:59:59.000000Z");
    }

    #[test]
    fn this_process_has_not_run_for_long() {
        let age = age().unwrap();
        assert!(age < Duration::from_secs(3600), "{age:?}");
        assert!(
            started()
                <= SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros()
                    as u64
        );
    }
}
