//! Simple values of XML Schema as EWS uses them: times, dates, durations, numbers.

use calport_sdk::common::Instant;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

/// Digits behind the point that are kept; jiff reads no more.
const FRACTION_DIGITS: usize = 9;

/// A point in time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// With `Z` or an offset: milliseconds since 1970 UTC.
    At(Instant),
    /// Without either.
    Wall(DateTime),
}

impl When {
    /// The instant; a wall time is taken for one of this zone.
    pub fn instant(self, zone: &TimeZone) -> Option<Instant> {
        match self {
            Self::At(instant) => Some(instant),
            Self::Wall(wall) => zone.to_ambiguous_timestamp(wall).compatible().ok().map(Timestamp::as_millisecond),
        }
    }

    /// The instant; a wall time is taken for UTC, which is what EWS means unless it was asked for another zone.
    pub fn utc(self) -> Option<Instant> {
        self.instant(&TimeZone::UTC)
    }
}

/// An `xs:dateTime` with any number of decimals, with or without an offset.
pub fn date_time(text: &str) -> Option<When> {
    let text = text.trim();
    let cut = cut_fraction(text);
    let text = cut.as_deref().unwrap_or(text);
    let time_of_day = text.split_once('T')?.1;
    if time_of_day.contains(['Z', 'z', '+', '-']) {
        return text.parse::<Timestamp>().ok().map(|t| When::At(t.as_millisecond()));
    }
    text.parse::<DateTime>().ok().map(When::Wall)
}

/// The text with fewer decimals, if it has more than can be read.
fn cut_fraction(text: &str) -> Option<String> {
    let (whole, rest) = text.split_once('.')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > FRACTION_DIGITS).then(|| {
        let kept: String = rest.chars().take(FRACTION_DIGITS).chain(rest.chars().skip(digits)).collect();
        format!("{whole}.{kept}")
    })
}

/// The day of an `xs:date`, whose offset (`2014-03-08-08:00`) says nothing, or of an `xs:dateTime`, without conversion.
pub fn date(text: &str) -> Option<Date> {
    let text = text.trim();
    text.get(..10)?.parse().ok()
}

/// The minutes of an `xs:duration` of days and shorter, such as `P0DT8H0M0.0S` or `-PT60M`.
pub fn duration_minutes(text: &str) -> Option<i32> {
    let span: jiff::Span = text.trim().parse().ok()?;
    if span.get_years() != 0 || span.get_months() != 0 || span.get_weeks() != 0 {
        return None;
    }
    let minutes = i64::from(span.get_days()) * 1_440 + i64::from(span.get_hours()) * 60 + span.get_minutes() + span.get_seconds() / 60;
    i32::try_from(minutes).ok()
}

/// Minutes as an `xs:duration`: `PT90M`, `-PT60M`, `PT0S`.
pub fn minutes_duration(minutes: i32) -> String {
    match minutes {
        0 => "PT0S".to_owned(),
        minutes if minutes < 0 => format!("-PT{}M", minutes.unsigned_abs()),
        minutes => format!("PT{minutes}M"),
    }
}

/// An instant as `xs:dateTime` in UTC, with milliseconds only where there are any.
pub fn utc_text(instant: Instant) -> Option<String> {
    Timestamp::from_millisecond(instant).ok().filter(is_four_digit_year).map(|t| t.to_string())
}

/// An instant as `xs:dateTime` without `Z`, for the parts of EWS that take wall times of a stated zone, here UTC.
pub fn utc_wall_text(instant: Instant) -> Option<String> {
    let timestamp = Timestamp::from_millisecond(instant).ok().filter(is_four_digit_year)?;
    Some(Offset::UTC.to_datetime(timestamp).to_string())
}

fn is_four_digit_year(timestamp: &Timestamp) -> bool {
    (1..=9999).contains(&Offset::UTC.to_datetime(*timestamp).year())
}

/// `true` and `1`.
pub fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "1" | "True" => Some(true),
        "false" | "0" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_with_any_decimals_and_offsets() {
        assert_eq!(date_time("2014-03-08T13:21:32.868-08:00"), Some(When::At(1_394_313_692_868)));
        assert_eq!(date_time(" 2014-03-08T21:21:32.868000000000Z "), Some(When::At(1_394_313_692_868)));
        assert_eq!(date_time("2014-03-08T21:21:00").and_then(When::utc), Some(1_394_313_660_000));
        assert_eq!(date_time("2014-03-08"), None);
        assert_eq!(date_time("2014-02-30T00:00:00Z"), None);
    }

    #[test]
    fn b20_the_offset_of_a_date_says_nothing() {
        assert_eq!(date("2014-03-08-08:00").map(|d| d.to_string()).as_deref(), Some("2014-03-08"));
        assert_eq!(date("2014-03-08Z"), date("2014-03-08T23:00:00Z"));
        assert_eq!(date("08.03.2014"), None);
        assert_eq!(date("2014-13-08"), None);
    }

    #[test]
    fn durations_are_minutes() {
        assert_eq!(duration_minutes("P0DT8H0M0.0S"), Some(480));
        assert_eq!(duration_minutes("-PT60M"), Some(-60));
        assert_eq!(duration_minutes("-P0DT5H45M0S"), Some(-345));
        assert_eq!(duration_minutes("P1M"), None);
        assert_eq!(duration_minutes("soon"), None);
    }

    proptest! {
        #[test]
        fn an_instant_comes_back(ms in -62_135_596_800_000_i64..253_402_300_799_999) {
            let text = utc_text(ms).unwrap();
            prop_assert_eq!(date_time(&text), Some(When::At(ms)));
            prop_assert_eq!(date_time(&utc_wall_text(ms).unwrap()).and_then(When::utc), Some(ms));
        }

        #[test]
        fn a_duration_comes_back(minutes in -1440_i32..1440) {
            prop_assert_eq!(duration_minutes(&minutes_duration(minutes)), Some(minutes));
        }
    }
}
