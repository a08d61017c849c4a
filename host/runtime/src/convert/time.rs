//! Instants, dates, wall times and zones.

use calport_model::{OriginalStart, Span, Window, zone};
use jiff::tz::{Offset, TimeZone};
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
                common::Zone::Custom(definition) => (defined(definition, local), false),
                common::Zone::Floating => (TimeZone::UTC.to_timestamp(local), true),
            };
            at.map(|at| (at, assumed)).map_err(|_| "a wall time is outside of the years 1 to 9999".to_owned())
        }
    }
}

/// A wall time by the rules that came with it.
fn defined(definition: &common::ZoneDefinition, local: civil::DateTime) -> Result<Timestamp, jiff::Error> {
    let standard = Offset::from_seconds(definition.standard_offset.saturating_mul(60))?;
    let Some(rule) = &definition.daylight else { return standard.to_timestamp(local) };
    let daylight = Offset::from_seconds(rule.offset.saturating_mul(60))?;
    let begins = transition(&rule.begins, local.year())?;
    let ends = transition(&rule.ends, local.year())?;
    let summer = if begins <= ends { local >= begins && local < ends } else { local >= begins || local < ends };
    if summer { daylight.to_timestamp(local) } else { standard.to_timestamp(local) }
}

fn transition(rule: &common::YearlyTransition, year: i16) -> Result<civil::DateTime, jiff::Error> {
    let month = i8::try_from(rule.month).unwrap_or(0);
    let first = civil::Date::new(year, month, 1)?;
    let weekday = match rule.weekday {
        common::Weekday::Monday => civil::Weekday::Monday,
        common::Weekday::Tuesday => civil::Weekday::Tuesday,
        common::Weekday::Wednesday => civil::Weekday::Wednesday,
        common::Weekday::Thursday => civil::Weekday::Thursday,
        common::Weekday::Friday => civil::Weekday::Friday,
        common::Weekday::Saturday => civil::Weekday::Saturday,
        common::Weekday::Sunday => civil::Weekday::Sunday,
    };
    let nth = if rule.occurrence >= 5 { -1 } else { i8::try_from(rule.occurrence.max(1)).unwrap_or(1) };
    let day = first.nth_weekday_of_month(nth, weekday)?;
    let (hour, minute) = (i8::try_from(rule.minute / 60).unwrap_or(0).min(23), i8::try_from(rule.minute % 60).unwrap_or(0));
    Ok(day.at(hour, minute, 0, 0))
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
    fn b20_dates_stay_dates() {
        let days = common::Span::AllDay(common::DateSpan { start: "2026-03-29".into(), end: "2026-03-30".into() });
        assert_eq!(span(&days).unwrap().0, Span::AllDay { start: civil::date(2026, 3, 29), end: civil::date(2026, 3, 30) });
        assert!(date("2026-02-30").is_err() && date("20260301").is_err() && date("2026-03-01T00:00").is_err());
    }
}
