//! The days of a series, for servers that do not expand series in a window, and for naming one occurrence by its number.

use calport_sdk::common::Weekday;
use jiff::Span;
use jiff::civil::{self, Date};

use super::{Pattern, Recurrence, RecurrenceEnd};

/// A day of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesDay {
    /// Counted from 1 by the pattern, as `OccurrenceItemId` counts: deleted and moved occurrences keep their numbers.
    pub index: u32,
    /// The day in the series' zone.
    pub day: Date,
}

impl Recurrence {
    /// The days, first to last. Empty for a pattern that has none: one that was not understood, a task that comes again
    /// after it was completed, a first day that is no date. An endless series ends with the year 9999.
    pub fn days(&self) -> impl Iterator<Item = SeriesDay> + '_ {
        let start: Option<Date> = self.start.parse().ok();
        let until: Option<Date> = match &self.end {
            RecurrenceEnd::Until(day) => day.parse().ok(),
            RecurrenceEnd::Never | RecurrenceEnd::Count(_) => Some(Date::MAX),
        };
        let count = if let RecurrenceEnd::Count(count) = self.end { count } else { u32::MAX };
        let (first, last) = start.zip(until).unwrap_or((Date::MAX, Date::MIN));
        let days = (0_i32..).map_while(move |n| self.pattern.days_of(first, n)).flatten();
        let days = days.skip_while(move |day| *day < first).take_while(move |day| *day <= last);
        (1..=count).zip(days).map(|(index, day)| SeriesDay { index, day })
    }
}

impl Pattern {
    /// The days of the nth period (day, week, month or year) that the pattern looks at, counted from the one that holds
    /// the first day. `None` where the calendar ends, and for patterns without days.
    fn days_of(&self, first: Date, n: i32) -> Option<Vec<Date>> {
        let step = |interval: u32| i32::try_from(interval).ok().filter(|i| *i > 0)?.checked_mul(n);
        let month = |interval: u32| first.first_of_month().checked_add(Span::new().try_months(step(interval)?).ok()?).ok();
        match self {
            Self::Daily { interval } => Some(vec![first.checked_add(Span::new().try_days(step(*interval)?).ok()?).ok()?]),
            Self::Weekly { interval, days, week_start } => {
                let week_start = civil_day(week_start.unwrap_or(Weekday::Sunday));
                let into_week = i32::from(first.weekday().since(week_start));
                let offset = step(*interval)?.checked_mul(7)?.checked_sub(into_week)?;
                let monday = first.checked_add(Span::new().try_days(offset).ok()?).ok()?;
                let wanted: Vec<civil::Weekday> = days.iter().copied().map(civil_day).collect();
                if wanted.is_empty() {
                    return None;
                }
                let week = (0..7).map(|day| monday.checked_add(Span::new().days(day)).ok()).collect::<Option<Vec<_>>>()?;
                Some(week.into_iter().filter(|day| wanted.contains(&day.weekday())).collect())
            }
            Self::Monthly { interval, day } => Some(vec![clamped(month(*interval)?, *day)?]),
            Self::MonthlyNth { interval, nth, days } => nth_of(month(*interval)?, *nth, days).map(|day| vec![day]),
            Self::Yearly { month, day } => Some(vec![clamped(year(first, *month, n)?, *day)?]),
            Self::YearlyNth { month, nth, days } => nth_of(year(first, *month, n)?, *nth, days).map(|day| vec![day]),
            Self::Regenerating { .. } | Self::Unreadable(_) => None,
        }
    }
}

/// The first day of a month, so many years after that of the first day.
fn year(first: Date, month: u8, n: i32) -> Option<Date> {
    let year = i16::try_from(i32::from(first.year()).checked_add(n)?).ok()?;
    Date::new(year, i8::try_from(month).ok()?, 1).ok()
}

/// A day of a month, or its last one.
fn clamped(month: Date, day: u8) -> Option<Date> {
    let day = i8::try_from(day).ok()?.min(month.days_in_month());
    Date::new(month.year(), month.month(), day).ok()
}

/// The nth of these weekdays in a month; 5 is the last, and so is a number that the month does not have.
fn nth_of(month: Date, nth: u8, days: &[Weekday]) -> Option<Date> {
    let wanted: Vec<civil::Weekday> = days.iter().copied().map(civil_day).collect();
    let fitting = (1..=month.days_in_month()).filter_map(|day| Date::new(month.year(), month.month(), day).ok());
    let fitting: Vec<Date> = fitting.filter(|day| wanted.contains(&day.weekday())).collect();
    let index = usize::from(nth).checked_sub(1)?;
    if nth >= 5 { fitting.last().copied() } else { fitting.get(index).or(fitting.last()).copied() }
}

const fn civil_day(day: Weekday) -> civil::Weekday {
    match day {
        Weekday::Monday => civil::Weekday::Monday,
        Weekday::Tuesday => civil::Weekday::Tuesday,
        Weekday::Wednesday => civil::Weekday::Wednesday,
        Weekday::Thursday => civil::Weekday::Thursday,
        Weekday::Friday => civil::Weekday::Friday,
        Weekday::Saturday => civil::Weekday::Saturday,
        Weekday::Sunday => civil::Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(pattern: Pattern, start: &str, end: RecurrenceEnd) -> Vec<String> {
        let series = Recurrence { pattern, start: start.into(), end };
        series.days().take(4).map(|one| format!("{} {}", one.index, one.day)).collect()
    }

    const TUESDAY: Weekday = Weekday::Tuesday;

    #[test]
    fn every_pattern_has_its_days() {
        let endless = |pattern, start: &str| days(pattern, start, RecurrenceEnd::Never);
        assert_eq!(
            endless(Pattern::Daily { interval: 10 }, "2026-02-20"),
            ["1 2026-02-20", "2 2026-03-02", "3 2026-03-12", "4 2026-03-22"]
        );
        let monthly = Pattern::Monthly { interval: 1, day: 31 };
        assert_eq!(endless(monthly, "2026-01-31"), ["1 2026-01-31", "2 2026-02-28", "3 2026-03-31", "4 2026-04-30"]);
        let last = Pattern::MonthlyNth { interval: 2, nth: 5, days: vec![TUESDAY] };
        assert_eq!(endless(last, "2026-01-01"), ["1 2026-01-27", "2 2026-03-31", "3 2026-05-26", "4 2026-07-28"]);
        let leap = Pattern::Yearly { month: 2, day: 29 };
        assert_eq!(endless(leap, "2024-02-29"), ["1 2024-02-29", "2 2025-02-28", "3 2026-02-28", "4 2027-02-28"]);
        let workday = Pattern::YearlyNth { month: 5, nth: 1, days: super::super::WORKDAYS.to_vec() };
        assert_eq!(endless(workday, "2026-05-02"), ["1 2027-05-03", "2 2028-05-01", "3 2029-05-01", "4 2030-05-01"]);
    }

    #[test]
    fn the_first_day_of_the_week_decides_about_every_second_week() {
        // RFC 5545, 3.8.5.3, has the same example: the two answers differ.
        let weekly = |week_start| Pattern::Weekly { interval: 2, days: vec![TUESDAY, Weekday::Sunday], week_start: Some(week_start) };
        let end = || RecurrenceEnd::Count(4);
        let monday = days(weekly(Weekday::Monday), "1997-08-05", end());
        assert_eq!(monday, ["1 1997-08-05", "2 1997-08-10", "3 1997-08-19", "4 1997-08-24"]);
        let sunday = days(weekly(Weekday::Sunday), "1997-08-05", end());
        assert_eq!(sunday, ["1 1997-08-05", "2 1997-08-17", "3 1997-08-19", "4 1997-08-31"]);
        let untold = Pattern::Weekly { interval: 2, days: vec![TUESDAY, Weekday::Sunday], week_start: None };
        assert_eq!(days(untold, "1997-08-05", end()), sunday, "Sunday is the servers' default");
    }

    #[test]
    fn series_end_and_what_has_no_days_has_none() {
        let daily = || Pattern::Daily { interval: 1 };
        assert_eq!(days(daily(), "2026-01-01", RecurrenceEnd::Count(1)), ["1 2026-01-01"]);
        assert_eq!(days(daily(), "2026-01-01", RecurrenceEnd::Until("2026-01-02".into())), ["1 2026-01-01", "2 2026-01-02"]);
        assert_eq!(days(daily(), "2026-01-01", RecurrenceEnd::Until("2025-01-01".into())), Vec::<String>::new());
        assert_eq!(days(Pattern::Unreadable("x".into()), "2026-01-01", RecurrenceEnd::Never), Vec::<String>::new());
        assert_eq!(days(Pattern::Daily { interval: 0 }, "2026-01-01", RecurrenceEnd::Never), Vec::<String>::new());
        assert_eq!(days(daily(), "soon", RecurrenceEnd::Never), Vec::<String>::new());
        let endless = Recurrence { pattern: daily(), start: "9999-12-30".into(), end: RecurrenceEnd::Never };
        assert_eq!(endless.days().count(), 2);
    }
}
