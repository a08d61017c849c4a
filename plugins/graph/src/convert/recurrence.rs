//! Series.

use calport_sdk::common::{Weekday, Zone};
use calport_sdk::{time, zone};

use crate::bindings::exports::calport::connector::calendar::{
    DailyPattern, MonthlyNthPattern, MonthlyPattern, Recurrence, RecurrenceEnd, RecurrencePattern, WeeklyPattern, YearlyNthPattern,
    YearlyPattern,
};
use crate::wire::event::{WirePattern, WireRange, WireRecurrence};
use crate::wire::text::Text;
use crate::wire::words::{Day, RangeType, WeekIndex};

/// A series, or why it cannot be read. A pattern that is not understood is `unreadable` and no error: its
/// occurrences are read all the same (SEMANTICS B-18). Without a zone of its own the series has that of its start.
///
/// # Errors
/// When the range has no first day, or an end without its value.
pub fn read(wire: &WireRecurrence<'_>, start_zone: Option<&Zone>) -> Result<Recurrence, String> {
    let own_zone = wire.range.recurrence_time_zone.as_ref().and_then(|z| zone::named(z.as_str()));
    let kind = wire.pattern.kind.as_str();
    Ok(Recurrence {
        pattern: pattern(&wire.pattern).unwrap_or_else(|| RecurrencePattern::Unreadable(kind.to_owned())),
        start: date(wire.range.start_date.as_ref()).ok_or("a series without its first day")?,
        end: end(&wire.range)?,
        zone: own_zone.or_else(|| start_zone.cloned()).unwrap_or(Zone::Utc),
    })
}

fn date(text: Option<&Text<'_>>) -> Option<String> {
    time::date_part(text?.as_str())
}

fn end(range: &WireRange<'_>) -> Result<RecurrenceEnd, String> {
    match range.kind {
        Some(RangeType::EndDate) => {
            date(range.end_date.as_ref()).map(RecurrenceEnd::Until).ok_or_else(|| "a series without its end".to_owned())
        }
        Some(RangeType::Numbered) => range
            .number_of_occurrences
            .and_then(|n| u32::try_from(n).ok())
            .map(RecurrenceEnd::Count)
            .ok_or_else(|| "a series without its number of occurrences".to_owned()),
        Some(RangeType::NoEnd) | None => Ok(RecurrenceEnd::Never),
        Some(RangeType::Other) => Err("a series with an unknown kind of end".to_owned()),
    }
}

fn pattern(wire: &WirePattern<'_>) -> Option<RecurrencePattern> {
    let interval = u32::try_from(wire.interval.unwrap_or(1)).ok().filter(|i| *i > 0)?;
    let day = || wire.day_of_month.and_then(|d| u8::try_from(d).ok()).filter(|d| (1..=31).contains(d));
    let month = || wire.month.and_then(|m| u8::try_from(m).ok()).filter(|m| (1..=12).contains(m));
    let kind = wire.kind.as_str().to_ascii_lowercase();
    Some(match kind.as_str() {
        "daily" => RecurrencePattern::Daily(DailyPattern { interval }),
        "weekly" => RecurrencePattern::Weekly(WeeklyPattern {
            interval,
            days: days(wire)?,
            // Graph's default.
            week_start: wire.first_day_of_week.map_or(Some(Weekday::Sunday), weekday)?,
        }),
        "absolutemonthly" => RecurrencePattern::Monthly(MonthlyPattern { interval, day: day()? }),
        "relativemonthly" => RecurrencePattern::MonthlyNth(MonthlyNthPattern { interval, nth: nth(wire.index)?, days: days(wire)? }),
        "absoluteyearly" => RecurrencePattern::Yearly(YearlyPattern { interval, month: month()?, day: day()? }),
        "relativeyearly" => {
            RecurrencePattern::YearlyNth(YearlyNthPattern { interval, month: month()?, nth: nth(wire.index)?, days: days(wire)? })
        }
        _ => return None,
    })
}

/// Graph's default is the first.
fn nth(index: Option<WeekIndex>) -> Option<u8> {
    match index {
        Some(WeekIndex::First) | None => Some(1),
        Some(WeekIndex::Second) => Some(2),
        Some(WeekIndex::Third) => Some(3),
        Some(WeekIndex::Fourth) => Some(4),
        Some(WeekIndex::Last) => Some(5),
        Some(WeekIndex::Other) => None,
    }
}

fn days(wire: &WirePattern<'_>) -> Option<Vec<Weekday>> {
    let days: Option<Vec<Weekday>> = wire.days_of_week.as_ref()?.iter().copied().map(weekday).collect();
    days.filter(|d| !d.is_empty())
}

fn weekday(day: Day) -> Option<Weekday> {
    match day {
        Day::Monday => Some(Weekday::Monday),
        Day::Tuesday => Some(Weekday::Tuesday),
        Day::Wednesday => Some(Weekday::Wednesday),
        Day::Thursday => Some(Weekday::Thursday),
        Day::Friday => Some(Weekday::Friday),
        Day::Saturday => Some(Weekday::Saturday),
        Day::Sunday => Some(Weekday::Sunday),
        Day::Other => None,
    }
}
