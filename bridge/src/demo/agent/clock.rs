//! The time of day and where it is that time.

use std::{
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::error::Error;

/// Offset from UTC, with the zone's abbreviation.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Timezone {
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// Seconds, positive to the east.
    offset: i64,
}

/// Nanoseconds since the epoch.
pub(super) fn time() -> Result<i64, Error> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let nanoseconds = since.and_then(|since| i64::try_from(since.as_nanos()).ok());
    nanoseconds.ok_or_else(|| Error::Unreadable("the clock is out of the range of int64".into()))
}

/// Asks date(1): the rules of a zone are the C library's business, and it has no other door that
/// safe code can use.
pub(super) fn timezone() -> Result<Timezone, Error> {
    let mut date = Command::new("date");
    let output = date.arg("+%z %Z").env("LC_ALL", "C").stdin(Stdio::null()).output();
    let output = output.map_err(Error::system("run date(1)"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse(text.trim()).ok_or_else(|| Error::Unreadable(format!("date(1) said '{}'", text.trim())))
}

/// Reads `+hhmm ZONE`.
fn parse(text: &str) -> Option<Timezone> {
    let (offset, zone) = text.split_once(' ').unwrap_or((text, ""));
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_at_checked(2)?;
    let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
    let zone = (!zone.is_empty()).then(|| zone.to_owned());
    Some(Timezone { zone, offset: sign * seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_sign_and_minutes() {
        let cases = [("+0000 UTC", 0), ("+0530 IST", 19_800), ("-0330 NST", -12_600)];
        for (text, offset) in cases {
            let zone = text.split(' ').nth(1).map(str::to_owned);
            assert_eq!(parse(text), Some(Timezone { zone, offset }));
        }
        assert_eq!(parse("+0100"), Some(Timezone { zone: None, offset: 3600 }));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "UTC", "+1", "+ab00 X", "0100 CET"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
