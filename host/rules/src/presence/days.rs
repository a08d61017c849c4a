//! Local days (SEMANTICS P-04, P-19).

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, civil};

/// The first instant of a day. Where midnight does not exist it is the end of the gap, where it comes twice the first.
/// A day out of range gives the nearest instant there is.
pub(super) fn first_instant(day: civil::Date, zone: &TimeZone) -> Timestamp {
    let midnight = day.at(0, 0, 0, 0);
    let ambiguous = zone.to_ambiguous_timestamp(midnight);
    let instant = match ambiguous.offset() {
        // With the offset before the gap the instant is past it: the change is the last one up to there.
        AmbiguousOffset::Gap { before, .. } => before.to_timestamp(midnight).ok().and_then(|past| {
            let after = past.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?;
            zone.preceding(after).next().map(|change| change.timestamp())
        }),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
    };
    instant.unwrap_or(if day.year() < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The local day of an instant.
pub(super) fn day_of(instant: Timestamp, zone: &TimeZone) -> civil::Date {
    zone.to_datetime(instant).date()
}

/// The days from one to another, negative when the other is earlier.
pub(super) fn days_between(from: civil::Date, to: civil::Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn first(day: &str, name: &str) -> String {
        first_instant(day.parse().unwrap(), &zone(name)).to_string()
    }

    #[test]
    fn rule_p04_a_day_begins_at_its_first_instant() {
        assert_eq!(first("2026-03-29", "Europe/Berlin"), "2026-03-28T23:00:00Z");
        // 00:00 becomes 01:00: the day begins at 01:00.
        assert_eq!(first("2018-11-04", "America/Sao_Paulo"), "2018-11-04T03:00:00Z");
        // 23:30 becomes 00:30: the day begins at 00:30, not an hour after the midnight that is missing.
        assert_eq!(first("1919-03-31", "America/Toronto"), "1919-03-31T04:30:00Z");
        // 00:01 becomes 23:01 of the day before: the day begins at the first of its two midnights.
        assert_eq!(first("2006-10-29", "America/St_Johns"), "2006-10-29T02:30:00Z");
        // A day that was left out begins, and ends, when the next one begins.
        assert_eq!(first("2011-12-30", "Pacific/Apia"), first("2011-12-31", "Pacific/Apia"));
    }

    #[test]
    fn rule_p04_days_out_of_range_give_the_nearest_instant() {
        assert_eq!(first_instant(civil::Date::MAX, &TimeZone::fixed(jiff::tz::offset(-12))), Timestamp::MAX);
    }
}
