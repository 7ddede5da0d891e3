//! The time of day and where it is that time.

use std::{
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use qapi_dbus_types::qga::GuestTimezone;

use super::error::Error;

/// Nanoseconds since the epoch.
pub(super) fn time() -> Result<i64, Error> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let nanoseconds = since.and_then(|since| i64::try_from(since.as_nanos()).ok());
    nanoseconds.ok_or_else(|| Error::Unreadable("the clock is out of the range of int64".into()))
}

/// Offset from UTC, with the zone's abbreviation. Asks date(1): the rules of a zone are the C library's business, and it has no other door that
/// safe code can use.
pub(super) fn timezone() -> Result<GuestTimezone, Error> {
    let mut date = Command::new("date");
    let output = date.arg("+%z %Z").env("LC_ALL", "C").stdin(Stdio::null()).output();
    let output = output.map_err(Error::system("run date(1)"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse(text.trim()).ok_or_else(|| Error::Unreadable(format!("date(1) said '{}'", text.trim())))
}

/// Reads `+hhmm ZONE`.
fn parse(text: &str) -> Option<GuestTimezone> {
    let (offset, zone) = text.split_once(' ').unwrap_or((text, ""));
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_at_checked(2)?;
    let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
    let timezone = GuestTimezone::new(sign * seconds);
    Some(if zone.is_empty() { timezone } else { timezone.zone(zone) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_sign_and_minutes() {
        let cases = [("+0000 UTC", 0), ("+0530 IST", 19_800), ("-0330 NST", -12_600)];
        for (text, offset) in cases {
            let zone = text.split(' ').nth(1).unwrap();
            assert_eq!(parse(text), Some(GuestTimezone::new(offset).zone(zone)));
        }
        assert_eq!(parse("+0100"), Some(GuestTimezone::new(3600)));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "UTC", "+1", "+ab00 X", "0100 CET"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
