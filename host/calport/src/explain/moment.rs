//! `--at TIME` as people write it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned, civil};

/// The instant that is meant: RFC 3339 with an offset or a zone; else local in the person's zone, a date and a time, a date
/// alone (its beginning), or a time alone (today). A time that the clock skips is moved on, of one that comes twice the first is
/// meant.
///
/// # Errors
/// What can be written, when this cannot be read.
pub fn parse(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Ok(zoned.timestamp());
    }
    let today = || zone.to_datetime(now).date();
    let local = text.parse::<civil::DateTime>().ok().or_else(|| text.parse::<civil::Time>().ok().map(|time| today().to_datetime(time)));
    local.and_then(|local| zone.to_timestamp(local).ok()).ok_or_else(|| format!("{text:?} is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        // In Berlin it is the 21st already.
        let now = "2026-11-20T23:30:00Z".parse().unwrap();
        parse(text, &TimeZone::get("Europe/Berlin").unwrap(), now).map(|instant| instant.to_string())
    }

    #[test]
    fn feat_x06_a_time_without_a_zone_is_that_of_the_person() {
        for (text, instant) in [
            ("2026-11-21T14:00:00Z", "2026-11-21T14:00:00Z"),
            ("2026-11-21T14:00:00-05:00", "2026-11-21T19:00:00Z"),
            ("2026-11-21T14:00-05:00[America/New_York]", "2026-11-21T19:00:00Z"),
            ("2026-11-21T14:00", "2026-11-21T13:00:00Z"),
            ("2026-11-21 14:00:30", "2026-11-21T13:00:30Z"),
            ("2026-07-21 14:00", "2026-07-21T12:00:00Z"),
            ("2026-11-21", "2026-11-20T23:00:00Z"),
            ("14:00", "2026-11-21T13:00:00Z"),
            ("14", "2026-11-21T13:00:00Z"),
            (" 00:15 ", "2026-11-20T23:15:00Z"),
            ("2026-03-29 02:30", "2026-03-29T01:30:00Z"),
            ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(instant), "{text}");
        }
    }

    #[test]
    fn feat_x06_what_is_no_time_is_refused() {
        for text in ["", "noon", "25:00", "2026-13-01", "2026-02-30", "tomorrow 09:00", "9", "-1"] {
            assert!(read(text).is_err(), "{text}: {:?}", read(text));
        }
    }
}
