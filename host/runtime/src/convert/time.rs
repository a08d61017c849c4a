//! Instants, dates, wall times and zones.

use calport_model::{OriginalStart, Span, Window, zone};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use super::Bad;
use crate::bindings::imports::common;

/// Milliseconds as an instant.
pub(crate) fn instant(ms: i64) -> Result<Timestamp, Bad> {
    Timestamp::from_millisecond(ms).map_err(|_| format!("the instant {ms} is outside of the years 1 to 9999"))
}

/// An instant as milliseconds.
pub(crate) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A window for a guest.
pub(crate) fn window(window: Window) -> common::Window {
    common::Window { start: millis(window.start), end: millis(window.end) }
}

/// A date.
pub(crate) fn date(text: &str) -> Result<civil::Date, Bad> {
    let plain = text.len() == 10;
    text.parse().ok().filter(|_| plain).ok_or_else(|| "a date is not of the form YYYY-MM-DD".to_owned())
}

/// A wall time: date and time to the second, up to nine decimals, and nothing behind them. An offset or a zone in the text
/// would otherwise be passed over without a word.
fn wall_time(text: &str) -> Result<civil::DateTime, Bad> {
    let plain = (19..=29).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'T' | b'.'));
    let date_and_time = text.bytes().filter(|b| *b == b'-').count() == 2;
    text.parse().ok().filter(|_| plain && date_and_time).ok_or_else(|| "a wall time is not of the form YYYY-MM-DDTHH:MM:SS".to_owned())
}

/// A moment, and whether its zone had to be assumed (SEMANTICS B-55).
pub(crate) fn moment(moment: &common::Moment) -> Result<(Timestamp, bool), Bad> {
    match moment {
        common::Moment::At(ms) => Ok((instant(*ms)?, false)),
        common::Moment::Wall(wall) => {
            let local = wall_time(&wall.local)?;
            let (at, assumed) = match &wall.zone {
                common::Zone::Utc => (TimeZone::UTC.to_timestamp(local), false),
                common::Zone::Named(name) => {
                    let resolved = zone::resolve(name);
                    (resolved.zone().to_timestamp(local), resolved.is_assumed())
                }
                common::Zone::Custom(definition) => (defined(definition)?.to_timestamp(local), false),
                common::Zone::Floating => (TimeZone::UTC.to_timestamp(local), true),
            };
            at.map(|at| (at, assumed)).map_err(|_| "a wall time is outside of the years 1 to 9999".to_owned())
        }
    }
}

/// The zone of rules that came with an item, as the zone string of POSIX (IEEE 1003.1, 8.3), which says just this. Wall
/// times that do not exist or exist twice are read as for zones known by their name.
fn defined(definition: &common::ZoneDefinition) -> Result<TimeZone, Bad> {
    let standard = offset(definition.standard_offset)?;
    let text = match &definition.daylight {
        None => format!("<STD>{standard}"),
        Some(rule) => {
            let (daylight, begins, ends) = (offset(rule.offset)?, transition(&rule.begins)?, transition(&rule.ends)?);
            format!("<STD>{standard}<DST>{daylight},{begins},{ends}")
        }
    };
    TimeZone::posix(&text).map_err(|_| "a zone's own rules cannot be followed".to_owned())
}

/// Minutes east of UTC; POSIX counts to the west.
fn offset(minutes: i32) -> Result<String, Bad> {
    if !(-1440..=1440).contains(&minutes) {
        return Err("a zone's offset is not within a day".to_owned());
    }
    let west = if minutes > 0 { '-' } else { '+' };
    Ok(format!("{west}{}:{:02}", minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60))
}

fn transition(rule: &common::YearlyTransition) -> Result<String, Bad> {
    if !(1..=12).contains(&rule.month) || !(1..=5).contains(&rule.occurrence) || rule.minute > 1439 {
        return Err("a zone's summer-time rule names no day or no time".to_owned());
    }
    let weekday = match rule.weekday {
        common::Weekday::Sunday => 0,
        common::Weekday::Monday => 1,
        common::Weekday::Tuesday => 2,
        common::Weekday::Wednesday => 3,
        common::Weekday::Thursday => 4,
        common::Weekday::Friday => 5,
        common::Weekday::Saturday => 6,
    };
    Ok(format!("M{}.{}.{weekday}/{}:{:02}", rule.month, rule.occurrence, rule.minute / 60, rule.minute % 60))
}

/// A span, and whether a zone had to be assumed.
pub(crate) fn span(span: &common::Span) -> Result<(Span, bool), Bad> {
    match span {
        common::Span::Timed(timed) => {
            let (start, assumed) = moment(&timed.start)?;
            let (end, also) = moment(&timed.end)?;
            Ok((Span::Timed { start, end }, assumed || also))
        }
        common::Span::AllDay(days) => Ok((Span::AllDay { start: date(&days.start)?, end: date(&days.end)? }, false)),
    }
}

/// Where an occurrence stood; without a statement, where it stands.
pub(crate) fn original(original: Option<&common::OriginalStart>, span: Span) -> Result<OriginalStart, Bad> {
    match original {
        Some(common::OriginalStart::Timed(at)) => Ok(OriginalStart::Timed(moment(at)?.0)),
        Some(common::OriginalStart::Day(day)) => Ok(OriginalStart::Day(date(day)?)),
        None => Ok(match span {
            Span::Timed { start, .. } => OriginalStart::Timed(start),
            Span::AllDay { start, .. } => OriginalStart::Day(start),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(local: &str, zone: common::Zone) -> common::Moment {
        common::Moment::Wall(common::ZonedTime { local: local.into(), zone })
    }

    #[test]
    fn b55_wall_times_find_their_instant_and_unknown_zones_are_marked() {
        let at = |t: &str| t.parse::<Timestamp>().unwrap();
        assert_eq!(
            moment(&wall("2026-07-01T10:00:00", common::Zone::Named("W. Europe Standard Time".into()))),
            Ok((at("2026-07-01T08:00:00Z"), false))
        );
        assert_eq!(moment(&wall("2026-07-01T10:00:00.0000000", common::Zone::Utc)), Ok((at("2026-07-01T10:00:00Z"), false)));
        assert_eq!(moment(&wall("2026-07-01T10:00:00", common::Zone::Named("Mars".into()))), Ok((at("2026-07-01T10:00:00Z"), true)));
        for text in
            ["tomorrow", "2026-07-01", "2026-07-01T10:00:00+05:00", "2026-07-01T10:00:00-05:00", "2026-07-01T10:00:00Z", "2026-07-01T10:00"]
        {
            assert!(moment(&wall(text, common::Zone::Utc)).is_err(), "{text}");
        }
        assert!(moment(&wall("2026-07-01T10:00:00[Europe/Berlin]", common::Zone::Utc)).is_err());
        assert!(moment(&common::Moment::At(i64::MAX)).is_err());
    }

    #[test]
    fn b55_a_definition_that_came_with_the_item_rules() {
        let rule = |month| common::YearlyTransition { month, weekday: common::Weekday::Sunday, occurrence: 5, minute: 120 };
        let zone = common::ZoneDefinition {
            name: String::new(),
            standard_offset: 60,
            daylight: Some(common::DaylightRule { offset: 120, begins: rule(3), ends: rule(10) }),
        };
        let summer = moment(&wall("2026-07-01T10:00:00", common::Zone::Custom(zone.clone()))).unwrap();
        let winter = moment(&wall("2026-01-01T10:00:00", common::Zone::Custom(zone))).unwrap();
        assert_eq!(summer.0, "2026-07-01T08:00:00Z".parse().unwrap());
        assert_eq!(winter.0, "2026-01-01T09:00:00Z".parse().unwrap());
    }

    #[test]
    fn b55_rules_that_came_with_the_item_say_the_same_as_the_zone_they_describe() {
        let rule = |month, occurrence, minute| common::YearlyTransition { month, weekday: common::Weekday::Sunday, occurrence, minute };
        let zone = |standard_offset, offset, begins, ends| common::ZoneDefinition {
            name: String::new(),
            standard_offset,
            daylight: Some(common::DaylightRule { offset, begins, ends }),
        };
        let cases = [
            ("Europe/Berlin", zone(60, 120, rule(3, 5, 120), rule(10, 5, 180))),
            ("America/New_York", zone(-300, -240, rule(3, 2, 120), rule(11, 1, 120))),
            ("Australia/Sydney", zone(600, 660, rule(10, 1, 120), rule(4, 1, 180))),
            ("America/St_Johns", zone(-210, -150, rule(3, 2, 120), rule(11, 1, 120))),
        ];
        for (name, zone) in cases {
            let mut local = civil::date(2026, 1, 1).at(0, 30, 0, 0);
            while local.year() == 2026 {
                let text = local.strftime("%Y-%m-%dT%H:%M:%S").to_string();
                let by_name = moment(&wall(&text, common::Zone::Named(name.into()))).unwrap();
                assert_eq!(moment(&wall(&text, common::Zone::Custom(zone.clone()))), Ok(by_name), "{name} {text}");
                local = local.checked_add(jiff::Span::new().hours(1)).unwrap();
            }
        }
    }

    #[test]
    fn feat_x02_rules_that_are_none_are_refused() {
        let sunday = |month, occurrence, minute| common::YearlyTransition { month, weekday: common::Weekday::Sunday, occurrence, minute };
        let at = |standard_offset, offset, begins| {
            let daylight = Some(common::DaylightRule { offset, begins, ends: sunday(10, 5, 180) });
            let zone = common::ZoneDefinition { name: String::new(), standard_offset, daylight };
            moment(&wall("2026-07-01T10:00:00", common::Zone::Custom(zone)))
        };
        assert!(at(60, 120, sunday(3, 5, 120)).is_ok());
        assert!(at(-1440, 1440, sunday(3, 5, 1439)).is_ok());
        assert!(at(1441, 120, sunday(3, 5, 120)).is_err() && at(60, i32::MIN, sunday(3, 5, 120)).is_err());
        for begins in [sunday(0, 5, 120), sunday(13, 5, 120), sunday(3, 0, 120), sunday(3, 6, 120), sunday(3, 5, 1440)] {
            assert!(at(60, 120, begins).is_err(), "{begins:?}");
        }
    }

    #[test]
    fn b20_dates_stay_dates() {
        let days = common::Span::AllDay(common::DateSpan { start: "2026-03-29".into(), end: "2026-03-30".into() });
        assert_eq!(span(&days).unwrap().0, Span::AllDay { start: civil::date(2026, 3, 29), end: civil::date(2026, 3, 30) });
        assert!(date("2026-02-30").is_err() && date("20260301").is_err() && date("2026-03-01T00:00").is_err());
    }
}
