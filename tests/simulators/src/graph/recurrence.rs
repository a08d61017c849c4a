//! Recurrence as the service has it: six patterns, three ranges, expanded by date in the series' own zone.
//!
//! A day of the month that a month lacks falls on its last day, as Exchange does. Expansion yields dates only; the time of day and the
//! zone belong to the event.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde_json::{Map, Value, json};

use super::http::Refusal;
use super::render::put;

/// Longest expansion from the start of a series, in periods; a daily series of 90 years stays below it.
const MAX_PERIODS: i64 = 33_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Every {
    Day,
    Week,
    MonthDay,
    MonthWeekday,
    YearDay,
    YearWeekday,
}

/// How a series repeats and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recurrence {
    every: Every,
    interval: i64,
    days: Vec<Weekday>,
    first_day: Weekday,
    day_of_month: i8,
    month: i8,
    /// 0 to 3 for first to fourth, -1 for last.
    index: i8,
    /// First date of the series.
    pub start: Date,
    until: Option<Date>,
    count: Option<u32>,
    /// `recurrenceTimeZone` as written.
    pub zone: Option<String>,
}

const DAYS: [(&str, Weekday); 7] = [
    ("sunday", Weekday::Sunday),
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
];
const KINDS: [(&str, Every); 6] = [
    ("daily", Every::Day),
    ("weekly", Every::Week),
    ("absoluteMonthly", Every::MonthDay),
    ("relativeMonthly", Every::MonthWeekday),
    ("absoluteYearly", Every::YearDay),
    ("relativeYearly", Every::YearWeekday),
];
const INDEXES: [(&str, i8); 5] = [("first", 0), ("second", 1), ("third", 2), ("fourth", 3), ("last", -1)];

fn named<T: Copy>(table: &[(&str, T)], value: Option<&Value>) -> Option<T> {
    let text = value?.as_str()?;
    table.iter().find(|(n, _)| n.eq_ignore_ascii_case(text)).map(|(_, t)| *t)
}

fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, t)| t == value).map_or("", |(n, _)| n)
}

fn refuse(what: &str) -> Refusal {
    Refusal::bad("ErrorPropertyValidationFailure", format!("At least one property failed validation: recurrence, {what}."))
}

/// A whole number in `low..=high`; absent or (as the service itself writes) 0: `absent`.
fn number(map: &Map<String, Value>, name: &str, low: i64, high: i64, absent: Option<i64>) -> Result<i64, Refusal> {
    let value = map.get(name).filter(|v| !v.is_null() && v.as_i64() != Some(0));
    let number = match value {
        None => absent,
        Some(v) => v.as_i64().filter(|n| (low..=high).contains(n)),
    };
    number.ok_or_else(|| refuse(&format!("{name} must be {low} to {high}")))
}

impl Recurrence {
    /// Reads a `patternedRecurrence`; `start` is the event's first local date, used where the range names none.
    ///
    /// # Errors
    /// 400 with the property that does not fit its pattern or range.
    pub fn read(value: &Value, start: Date) -> Result<Self, Refusal> {
        let empty = Map::new();
        let pattern = value.get("pattern").and_then(Value::as_object).ok_or_else(|| refuse("pattern is missing"))?;
        let range = value.get("range").and_then(Value::as_object).unwrap_or(&empty);
        let every = named(&KINDS, pattern.get("type")).ok_or_else(|| refuse("pattern.type is unknown"))?;
        let mut days = Vec::new();
        for day in pattern.get("daysOfWeek").and_then(Value::as_array).into_iter().flatten() {
            days.push(named(&DAYS, Some(day)).ok_or_else(|| refuse("daysOfWeek has an unknown day"))?);
        }
        if matches!(every, Every::Week | Every::MonthWeekday | Every::YearWeekday) && days.is_empty() {
            return Err(refuse("daysOfWeek is required for this pattern"));
        }
        let by_day = matches!(every, Every::MonthDay | Every::YearDay);
        let yearly = matches!(every, Every::YearDay | Every::YearWeekday);
        let day_of_month = number(pattern, "dayOfMonth", 1, 31, (!by_day).then_some(0))?;
        let month = number(pattern, "month", 1, 12, (!yearly).then_some(0))?;
        let begin = match range.get("startDate").and_then(Value::as_str) {
            Some(text) => text.parse().map_err(|_| refuse("range.startDate is not a date"))?,
            None => start,
        };
        let kind = range.get("type").and_then(Value::as_str).unwrap_or("noEnd").to_ascii_lowercase();
        let (until, count) = match kind.as_str() {
            "noend" => (None, None),
            "enddate" => {
                let end: Option<Date> = range.get("endDate").and_then(Value::as_str).and_then(|t| t.parse().ok());
                (Some(end.filter(|e| *e >= begin).ok_or_else(|| refuse("range.endDate is missing or before the start"))?), None)
            }
            "numbered" => (None, u32::try_from(number(range, "numberOfOccurrences", 1, 9_999, None)?).ok()),
            _ => return Err(refuse("range.type is unknown")),
        };
        Ok(Self {
            every,
            interval: number(pattern, "interval", 1, 999, Some(1))?,
            days,
            first_day: named(&DAYS, pattern.get("firstDayOfWeek")).unwrap_or(Weekday::Sunday),
            day_of_month: i8::try_from(day_of_month).unwrap_or_default(),
            month: i8::try_from(month).unwrap_or_default(),
            index: named(&INDEXES, pattern.get("index")).unwrap_or_default(),
            start: begin,
            until,
            count,
            zone: range.get("recurrenceTimeZone").and_then(Value::as_str).filter(|z| !z.is_empty()).map(str::to_owned),
        })
    }

    /// The `patternedRecurrence` as the service writes it: every property present.
    pub fn render(&self, zone: &str) -> Value {
        let (kind, end) = match (self.until, self.count) {
            (Some(until), _) => ("endDate", until.to_string()),
            (None, Some(_)) => ("numbered", "0001-01-01".to_owned()),
            (None, None) => ("noEnd", "0001-01-01".to_owned()),
        };
        let mut pattern = json!({
            "type": name_of(&KINDS, &self.every), "interval": self.interval, "month": self.month, "dayOfMonth": self.day_of_month,
            "firstDayOfWeek": name_of(&DAYS, &self.first_day), "index": name_of(&INDEXES, &self.index),
        });
        if !self.days.is_empty() {
            let days: Vec<&str> = self.days.iter().map(|d| name_of(&DAYS, d)).collect();
            put(&mut pattern, "daysOfWeek", json!(days));
        }
        json!({
            "pattern": pattern,
            "range": {"type": kind, "startDate": self.start.to_string(), "endDate": end,
                "recurrenceTimeZone": self.zone.as_deref().unwrap_or(zone), "numberOfOccurrences": self.count.unwrap_or(0)},
        })
    }

    /// The dates of the series from its start up to and including `last`.
    pub fn dates(&self, last: Date) -> Vec<Date> {
        let last = self.until.map_or(last, |u| u.min(last));
        let most = self.count.map_or(usize::MAX, |c| usize::try_from(c).unwrap_or(usize::MAX));
        let mut out = Vec::new();
        for period in 0..MAX_PERIODS {
            let Some((begin, dates)) = self.period(period) else { return out };
            if begin > last {
                return out;
            }
            for date in dates {
                if date > last || out.len() >= most {
                    return out;
                }
                if date >= self.start {
                    out.push(date);
                }
            }
        }
        out
    }

    /// The first date of the series; none if it has no occurrence at all.
    pub fn first(&self) -> Option<Date> {
        // Twelve years reach a relative yearly pattern and every leap day.
        let reach = self.start.saturating_add(12.years());
        self.dates(reach).into_iter().next()
    }

    /// Begin and dates (ascending) of the n-th period.
    fn period(&self, n: i64) -> Option<(Date, Vec<Date>)> {
        let step = n.checked_mul(self.interval)?;
        match self.every {
            Every::Day => {
                let date = self.start.checked_add(step.days()).ok()?;
                Some((date, vec![date]))
            }
            Every::Week => {
                let back = i64::from(self.start.weekday().since(self.first_day));
                let week = self.start.checked_sub(back.days()).ok()?.checked_add(step.weeks()).ok()?;
                let dates = (0..7).filter_map(|d| week.checked_add(i64::from(d).days()).ok()).filter(|d| self.days.contains(&d.weekday()));
                Some((week, dates.collect()))
            }
            Every::MonthDay | Every::MonthWeekday => {
                let month = self.start.first_of_month().checked_add(step.months()).ok()?;
                Some((month, self.in_month(month).into_iter().collect()))
            }
            Every::YearDay | Every::YearWeekday => {
                let year = self.start.first_of_year().checked_add(step.years()).ok()?;
                let month = year.checked_add((i64::from(self.month) - 1).months()).ok()?;
                Some((year, self.in_month(month).into_iter().collect()))
            }
        }
    }

    fn in_month(&self, month: Date) -> Option<Date> {
        if matches!(self.every, Every::MonthDay | Every::YearDay) {
            return month.with().day(self.day_of_month.min(month.days_in_month())).build().ok();
        }
        let matching: Vec<Date> = (0..i64::from(month.days_in_month()))
            .filter_map(|d| month.checked_add(d.days()).ok())
            .filter(|d| self.days.contains(&d.weekday()))
            .collect();
        match usize::try_from(self.index) {
            Ok(nth) => matching.get(nth).copied(),
            Err(_) => matching.last().copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(pattern: Value, range: Value, last: &str) -> Vec<String> {
        let start = range["startDate"].as_str().unwrap().parse().unwrap();
        let rule = Recurrence::read(&json!({"pattern": pattern, "range": range}), start).unwrap();
        let again = Recurrence::read(&rule.render("UTC"), start).unwrap();
        let dates = rule.dates(last.parse().unwrap());
        assert_eq!(again.dates(last.parse().unwrap()), dates, "what is rendered means the same");
        dates.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_pattern_gives_its_dates() {
        let no_end = |s: &str| json!({"type": "noEnd", "startDate": s});
        let numbered = |s: &str, n: u32| json!({"type": "numbered", "startDate": s, "numberOfOccurrences": n});
        assert_eq!(
            dates(json!({"type": "daily", "interval": 3}), numbered("2026-02-26", 3), "2030-01-01"),
            ["2026-02-26", "2026-03-01", "2026-03-04"]
        );
        assert_eq!(
            dates(
                json!({"type": "Weekly", "interval": 2, "daysOfWeek": ["Monday", "friday"], "firstDayOfWeek": "monday"}),
                json!({"type": "endDate", "startDate": "2026-01-07", "endDate": "2026-01-23"}),
                "2030-01-01"
            ),
            ["2026-01-09", "2026-01-19", "2026-01-23"]
        );
        assert_eq!(
            dates(json!({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31}), no_end("2026-01-31"), "2026-04-30"),
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
        );
        assert_eq!(
            dates(
                json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["tuesday"], "index": "second"}),
                no_end("2026-01-01"),
                "2026-03-31"
            ),
            ["2026-01-13", "2026-02-10", "2026-03-10"]
        );
        assert_eq!(
            dates(
                json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["monday","tuesday","wednesday","thursday","friday"], "index": "last"}),
                no_end("2026-01-01"),
                "2026-02-28"
            ),
            ["2026-01-30", "2026-02-27"]
        );
        assert_eq!(
            dates(json!({"type": "absoluteYearly", "interval": 1, "dayOfMonth": 29, "month": 2}), numbered("2027-03-01", 2), "2040-01-01"),
            ["2028-02-29", "2029-02-28"]
        );
        assert_eq!(
            dates(
                json!({"type": "relativeYearly", "interval": 1, "daysOfWeek": ["thursday"], "index": "fourth", "month": 11}),
                no_end("2025-12-01"),
                "2027-12-31"
            ),
            ["2026-11-26", "2027-11-25"]
        );
    }

    #[test]
    fn a_pattern_that_lacks_what_it_needs_is_refused() {
        for bad in [
            json!({"type": "weekly"}),
            json!({"type": "hourly"}),
            json!({"type": "absoluteMonthly"}),
            json!({"type": "absoluteYearly", "dayOfMonth": 3}),
            json!({"type": "daily", "interval": -1}),
        ] {
            assert!(
                Recurrence::read(&json!({"pattern": bad, "range": {"type": "noEnd"}}), "2026-01-01".parse().unwrap()).is_err(),
                "{bad}"
            );
        }
        let range = json!({"type": "endDate", "startDate": "2026-01-02", "endDate": "2026-01-01"});
        assert!(Recurrence::read(&json!({"pattern": {"type": "daily"}, "range": range}), "2026-01-01".parse().unwrap()).is_err());
    }
}
