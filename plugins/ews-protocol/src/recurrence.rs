//! Series: every `t:RecurrenceType` and `t:TaskRecurrenceType`, read and written without loss (SEMANTICS B-18).

mod expand;

use calport_sdk::common::{Date, Weekday};

use crate::error::{ReadError, WriteError};
use crate::value;
use crate::words;
use crate::xml::scan::shortened;
use crate::xml::{Scanner, Writer};

pub use expand::SeriesDay;

/// A series. Its zone is that of the item's start.
#[derive(Debug, Clone, PartialEq)]
pub struct Recurrence {
    /// On which days.
    pub pattern: Pattern,
    /// The first day, `YYYY-MM-DD`, in the series' zone.
    pub start: Date,
    /// When it ends.
    pub end: RecurrenceEnd,
}

/// On which days a series has occurrences. Intervals are 1 to 999; EWS has none for years.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// Every so many days.
    Daily {
        /// Days.
        interval: u32,
    },
    /// On days of the week.
    Weekly {
        /// Weeks.
        interval: u32,
        /// The days, at least one.
        days: Vec<Weekday>,
        /// The day on which a week begins; servers before Exchange 2010 SP1 do not tell it.
        week_start: Option<Weekday>,
    },
    /// On a day of the month.
    Monthly {
        /// Months.
        interval: u32,
        /// 1 to 31; in shorter months the last day.
        day: u8,
    },
    /// On the nth such day of the month.
    MonthlyNth {
        /// Months.
        interval: u32,
        /// 1 to 4, or 5 for the last.
        nth: u8,
        /// One day, Monday to Friday, Saturday and Sunday, or all seven: EWS has no other sets.
        days: Vec<Weekday>,
    },
    /// On a day of the year.
    Yearly {
        /// 1 (January) to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
    },
    /// On the nth such day of a month.
    YearlyNth {
        /// 1 (January) to 12.
        month: u8,
        /// 1 to 4, or 5 for the last.
        nth: u8,
        /// As in [`Pattern::MonthlyNth`].
        days: Vec<Weekday>,
    },
    /// Of tasks only: again so long after the last one was completed.
    Regenerating {
        /// Units.
        interval: u32,
        /// The unit.
        unit: Regeneration,
    },
    /// A pattern that cannot be read, by the name of its element. It is never written (SEMANTICS B-18).
    Unreadable(String),
}

/// The unit of a task that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regeneration {
    /// Days.
    Daily,
    /// Weeks.
    Weekly,
    /// Months.
    Monthly,
    /// Years.
    Yearly,
}

/// When a series ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecurrenceEnd {
    /// Never.
    Never,
    /// With the last occurrence on or before this day.
    Until(Date),
    /// After so many occurrences.
    Count(u32),
}

#[derive(Default)]
struct Parts {
    interval: Option<u32>,
    days: Option<Vec<Weekday>>,
    week_start: Option<Weekday>,
    day: Option<u8>,
    nth: Option<u8>,
    month: Option<u8>,
}

/// Reads the recurrence that was opened last, or says what it lacks.
///
/// # Errors
/// Where the XML ends or breaks.
pub(crate) fn read(xml: &mut Scanner<'_>) -> Result<Result<Recurrence, String>, ReadError> {
    let mut pattern = None;
    let mut range = None;
    xml.children(|xml, element| {
        let name = element.name();
        match name {
            "NoEndRecurrence" | "EndDateRecurrence" | "NumberedRecurrence" => range = Some(read_range(xml, name)?),
            _ => {
                let parts = read_parts(xml)?;
                pattern = Some(pattern_of(name, parts).unwrap_or_else(|| Pattern::Unreadable(shortened(name))));
            }
        }
        Ok(())
    })?;
    Ok(match (pattern, range) {
        (_, Some(Err(reason))) => Err(reason),
        (Some(pattern), Some(Ok((start, end)))) => Ok(Recurrence { pattern, start, end }),
        (None, _) => Err("a series without its pattern".to_owned()),
        (_, None) => Err("a series without its range".to_owned()),
    })
}

fn read_range(xml: &mut Scanner<'_>, name: &str) -> Result<Result<(Date, RecurrenceEnd), String>, ReadError> {
    let (mut start, mut until, mut count) = (None, None, None);
    xml.children(|xml, part| {
        match part.name() {
            "StartDate" => start = value::date(&xml.text()?),
            "EndDate" => until = value::date(&xml.text()?),
            "NumberOfOccurrences" => count = xml.text()?.trim().parse::<u32>().ok(),
            _ => {}
        }
        Ok(())
    })?;
    let end = match name {
        "EndDateRecurrence" => until.map(|date| RecurrenceEnd::Until(date.to_string())),
        "NumberedRecurrence" => count.map(RecurrenceEnd::Count),
        _ => Some(RecurrenceEnd::Never),
    };
    Ok(match (start, end) {
        (Some(start), Some(end)) => Ok((start.to_string(), end)),
        (None, _) => Err("a series without its first day".to_owned()),
        (_, None) => Err("a series without its end".to_owned()),
    })
}

fn read_parts(xml: &mut Scanner<'_>) -> Result<Parts, ReadError> {
    let mut parts = Parts::default();
    xml.children(|xml, part| {
        match part.name() {
            "Interval" => parts.interval = xml.text()?.trim().parse().ok(),
            "DaysOfWeek" => parts.days = days(&xml.text()?),
            "FirstDayOfWeek" => parts.week_start = words::weekday(xml.text()?.trim()),
            "DayOfMonth" => parts.day = xml.text()?.trim().parse().ok(),
            "DayOfWeekIndex" => parts.nth = nth(xml.text()?.trim()),
            "Month" => parts.month = words::month(xml.text()?.trim()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(parts)
}

fn pattern_of(name: &str, parts: Parts) -> Option<Pattern> {
    let interval = parts.interval.unwrap_or(1);
    let day = || parts.day.filter(|day| (1..=31).contains(day));
    if interval == 0 {
        return None;
    }
    let unit = match name {
        "DailyRegeneration" => Some(Regeneration::Daily),
        "WeeklyRegeneration" => Some(Regeneration::Weekly),
        "MonthlyRegeneration" => Some(Regeneration::Monthly),
        "YearlyRegeneration" => Some(Regeneration::Yearly),
        _ => None,
    };
    if let Some(unit) = unit {
        return Some(Pattern::Regenerating { interval, unit });
    }
    Some(match name {
        "DailyRecurrence" => Pattern::Daily { interval },
        "WeeklyRecurrence" => Pattern::Weekly { interval, days: parts.days?, week_start: parts.week_start },
        "AbsoluteMonthlyRecurrence" => Pattern::Monthly { interval, day: day()? },
        "RelativeMonthlyRecurrence" => Pattern::MonthlyNth { interval, nth: parts.nth?, days: parts.days? },
        "AbsoluteYearlyRecurrence" => Pattern::Yearly { month: parts.month?, day: day()? },
        "RelativeYearlyRecurrence" => Pattern::YearlyNth { month: parts.month?, nth: parts.nth?, days: parts.days? },
        _ => return None,
    })
}

const INDICES: [&str; 5] = ["First", "Second", "Third", "Fourth", "Last"];

fn nth(word: &str) -> Option<u8> {
    let index = INDICES.iter().position(|name| name.eq_ignore_ascii_case(word))?;
    u8::try_from(index + 1).ok()
}

const WORKDAYS: [Weekday; 5] = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
const WEEKEND: [Weekday; 2] = [Weekday::Saturday, Weekday::Sunday];

/// Days of a list, groups of days resolved. `None` when there is none, or one that is unknown.
fn days(text: &str) -> Option<Vec<Weekday>> {
    let mut days = Vec::new();
    for word in text.split_ascii_whitespace() {
        match word {
            "Day" => days.extend(words::WEEKDAYS.map(|(day, _)| day)),
            "Weekday" => days.extend(WORKDAYS),
            "WeekendDay" => days.extend(WEEKEND),
            word => days.push(words::weekday(word)?),
        }
    }
    (!days.is_empty()).then_some(days)
}

/// The one word that EWS has for a set of days.
fn group(days: &[Weekday]) -> Option<&'static str> {
    let same = |set: &[Weekday]| days.len() == set.len() && set.iter().all(|day| days.contains(day));
    match days {
        [day] => Some(words::weekday_name(*day)),
        _ if same(&WORKDAYS) => Some("Weekday"),
        _ if same(&WEEKEND) => Some("WeekendDay"),
        _ if same(&words::WEEKDAYS.map(|(day, _)| day)) => Some("Day"),
        _ => None,
    }
}

const FIELD: &str = "time.recurrence";

fn checked<T: PartialOrd + std::fmt::Display>(
    value: &T,
    range: std::ops::RangeInclusive<T>,
    why: &'static str,
) -> Result<String, WriteError> {
    if range.contains(value) { Ok(value.to_string()) } else { Err(WriteError::invalid(FIELD, why)) }
}

fn interval_text(interval: u32) -> Result<String, WriteError> {
    checked(&interval, 1..=999, "an interval is 1 to 999")
}

fn nth_word(nth: u8) -> Result<&'static str, WriteError> {
    let index = usize::from(nth).checked_sub(1);
    index.and_then(|i| INDICES.get(i)).copied().ok_or(WriteError::invalid(FIELD, "the nth day of a month is 1 to 5"))
}

fn month_word(month: u8) -> Result<&'static str, WriteError> {
    let index = usize::from(month).checked_sub(1);
    index.and_then(|i| words::MONTHS.get(i)).copied().ok_or(WriteError::invalid(FIELD, "a month is 1 to 12"))
}

fn group_word(days: &[Weekday]) -> Result<&'static str, WriteError> {
    group(days).ok_or(WriteError::invalid(FIELD, "EWS has no such set of days for the nth day of a month"))
}

/// Which recurrences a kind of item takes, and whether the server knows the first day of the week.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// Tasks come again after they were completed.
    pub regenerating: bool,
    /// From Exchange 2010 SP1 on.
    pub week_start: bool,
}

/// Writes `t:Recurrence`.
///
/// # Errors
/// `Invalid` for a pattern that EWS, or this kind of item, cannot hold.
pub(crate) fn write(xml: &mut Writer, recurrence: &Recurrence, rules: Rules) -> Result<(), WriteError> {
    let date = |text: &str| {
        let date = value::date(text).filter(|date| date.to_string() == text);
        date.map(|d| d.to_string()).ok_or(WriteError::invalid(FIELD, "a day of the series is no date"))
    };
    xml.element("t:Recurrence", |xml| {
        write_pattern(xml, &recurrence.pattern, rules)?;
        let start = date(&recurrence.start)?;
        let (name, end) = match &recurrence.end {
            RecurrenceEnd::Never => ("t:NoEndRecurrence", None),
            RecurrenceEnd::Until(day) => ("t:EndDateRecurrence", Some(("t:EndDate", date(day)?))),
            RecurrenceEnd::Count(count) => {
                let count = checked(count, 1..=999, "a series has 1 to 999 occurrences, or no end")?;
                ("t:NumberedRecurrence", Some(("t:NumberOfOccurrences", count)))
            }
        };
        xml.element(name, |xml| {
            xml.text("t:StartDate", &start);
            if let Some((name, value)) = &end {
                xml.text(name, value);
            }
            Ok(())
        })
    })
}

fn write_pattern(xml: &mut Writer, pattern: &Pattern, rules: Rules) -> Result<(), WriteError> {
    let parts: (&str, Vec<(&str, String)>) = match pattern {
        Pattern::Daily { interval } => ("t:DailyRecurrence", vec![("t:Interval", interval_text(*interval)?)]),
        Pattern::Weekly { interval, days, week_start } => {
            if days.is_empty() {
                return Err(WriteError::invalid(FIELD, "a weekly series has at least one day"));
            }
            let names: Vec<&str> = days.iter().map(|day| words::weekday_name(*day)).collect();
            let mut parts = vec![("t:Interval", interval_text(*interval)?), ("t:DaysOfWeek", names.join(" "))];
            if let Some(day) = week_start.filter(|_| rules.week_start) {
                parts.push(("t:FirstDayOfWeek", words::weekday_name(day).to_owned()));
            }
            ("t:WeeklyRecurrence", parts)
        }
        Pattern::Monthly { interval, day } => {
            let day = checked(day, 1..=31, "a day of the month is 1 to 31")?;
            ("t:AbsoluteMonthlyRecurrence", vec![("t:Interval", interval_text(*interval)?), ("t:DayOfMonth", day)])
        }
        Pattern::MonthlyNth { interval, nth, days } => (
            "t:RelativeMonthlyRecurrence",
            vec![
                ("t:Interval", interval_text(*interval)?),
                ("t:DaysOfWeek", group_word(days)?.to_owned()),
                ("t:DayOfWeekIndex", nth_word(*nth)?.to_owned()),
            ],
        ),
        Pattern::Yearly { month, day } => {
            let day = checked(day, 1..=31, "a day of the month is 1 to 31")?;
            ("t:AbsoluteYearlyRecurrence", vec![("t:DayOfMonth", day), ("t:Month", month_word(*month)?.to_owned())])
        }
        Pattern::YearlyNth { month, nth, days } => (
            "t:RelativeYearlyRecurrence",
            vec![
                ("t:DaysOfWeek", group_word(days)?.to_owned()),
                ("t:DayOfWeekIndex", nth_word(*nth)?.to_owned()),
                ("t:Month", month_word(*month)?.to_owned()),
            ],
        ),
        Pattern::Regenerating { interval, unit } if rules.regenerating => {
            let name = match unit {
                Regeneration::Daily => "t:DailyRegeneration",
                Regeneration::Weekly => "t:WeeklyRegeneration",
                Regeneration::Monthly => "t:MonthlyRegeneration",
                Regeneration::Yearly => "t:YearlyRegeneration",
            };
            (name, vec![("t:Interval", interval_text(*interval)?)])
        }
        Pattern::Regenerating { .. } => return Err(WriteError::invalid(FIELD, "only tasks come again after they were completed")),
        Pattern::Unreadable(_) => return Err(WriteError::invalid(FIELD, "a pattern that was not understood is never written")),
    };
    xml.element(parts.0, |xml| {
        for (name, value) in &parts.1 {
            xml.text(name, value);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
