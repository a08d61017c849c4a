//! `t:RecurrenceType` beside Graph's `patternedRecurrence`, both ways.

use serde_json::{Map, Value, json};

use super::words::{DAYS, INDEXES, ews, graph};
use crate::ews::soap::Trouble;
use crate::ews::time::date;
use crate::ews::version::Version;
use crate::ews::xml::Element;
use crate::ews::zone::{MONTHS, month};

const GROUPS: [(&str, &[&str]); 3] = [
    ("Day", &["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]),
    ("Weekday", &["monday", "tuesday", "wednesday", "thursday", "friday"]),
    ("WeekendDay", &["sunday", "saturday"]),
];

fn invalid() -> Trouble {
    Trouble::new("ErrorCalendarInvalidRecurrence", "The specified recurrence cannot be created.")
}

/// Reads a `t:Recurrence` as Graph's JSON.
///
/// # Errors
/// `ErrorCalendarInvalidRecurrence`.
pub(crate) fn read(recurrence: &Element) -> Result<Value, Trouble> {
    let [pattern, range] = recurrence.children.as_slice() else { return Err(invalid()) };
    let mut out = Map::new();
    let kind = match pattern.local() {
        "DailyRecurrence" => "daily",
        "WeeklyRecurrence" => "weekly",
        "AbsoluteMonthlyRecurrence" => "absoluteMonthly",
        "RelativeMonthlyRecurrence" => "relativeMonthly",
        "AbsoluteYearlyRecurrence" => "absoluteYearly",
        "RelativeYearlyRecurrence" => "relativeYearly",
        _ => return Err(invalid()),
    };
    out.insert("type".to_owned(), json!(kind));
    if !kind.ends_with("Yearly") {
        let interval: i64 = pattern.value("Interval").and_then(|i| i.parse().ok()).filter(|i| (1..=999).contains(i)).ok_or_else(invalid)?;
        out.insert("interval".to_owned(), json!(interval));
    }
    if let Some(text) = pattern.value("DaysOfWeek") {
        out.insert("daysOfWeek".to_owned(), json!(days(text).ok_or_else(invalid)?));
    }
    if let Some(text) = pattern.value("FirstDayOfWeek") {
        out.insert("firstDayOfWeek".to_owned(), json!(graph(DAYS, text).ok_or_else(invalid)?));
    }
    if let Some(text) = pattern.value("DayOfWeekIndex") {
        out.insert("index".to_owned(), json!(graph(INDEXES, text).ok_or_else(invalid)?));
    }
    if let Some(text) = pattern.value("DayOfMonth") {
        out.insert("dayOfMonth".to_owned(), json!(text.parse::<u8>().map_err(|_| invalid())?));
    }
    if let Some(text) = pattern.value("Month") {
        out.insert("month".to_owned(), json!(month(text).ok_or_else(invalid)?));
    }
    Ok(json!({"pattern": out, "range": read_range(range)?}))
}

fn read_range(range: &Element) -> Result<Value, Trouble> {
    let day = |name: &str| range.value(name).and_then(date).map(|d| d.to_string()).ok_or_else(invalid);
    let start = day("StartDate")?;
    Ok(match range.local() {
        "NoEndRecurrence" => json!({"type": "noEnd", "startDate": start}),
        "EndDateRecurrence" => json!({"type": "endDate", "startDate": start, "endDate": day("EndDate")?}),
        "NumberedRecurrence" => {
            let count: u32 = range.value("NumberOfOccurrences").and_then(|n| n.parse().ok()).ok_or_else(invalid)?;
            json!({"type": "numbered", "startDate": start, "numberOfOccurrences": count})
        }
        _ => return Err(invalid()),
    })
}

fn days(text: &str) -> Option<Vec<&'static str>> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        match GROUPS.iter().find(|(n, _)| *n == word) {
            Some((_, all)) => out.extend_from_slice(all),
            None => out.push(graph(DAYS, word)?),
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Days of a relative pattern: one day, or the word for a group of them.
fn group(days: &[&str]) -> String {
    let same = |all: &&[&str]| all.len() == days.len() && all.iter().all(|d| days.contains(d));
    match GROUPS.iter().find(|(_, all)| same(all)) {
        Some((name, _)) => (*name).to_owned(),
        None => days.first().and_then(|d| ews(DAYS, d)).unwrap_or("Day").to_owned(),
    }
}

/// `t:Recurrence` for Graph's JSON; `suffix` is what the service writes behind its dates.
pub(crate) fn write(recurrence: &Value, suffix: &str, version: Version) -> Element {
    let text = |path: &str| recurrence.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let number = |path: &str| recurrence.pointer(path).and_then(Value::as_i64).unwrap_or_default();
    let days: Vec<&str> =
        recurrence.pointer("/pattern/daysOfWeek").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let interval = Element::of("t:Interval", number("/pattern/interval").max(1));
    let day = Element::of("t:DayOfMonth", number("/pattern/dayOfMonth"));
    let month = usize::try_from(number("/pattern/month") - 1).ok().and_then(|m| MONTHS.get(m)).copied().unwrap_or("January");
    let month = Element::of("t:Month", month);
    let index = Element::of("t:DayOfWeekIndex", ews(INDEXES, text("/pattern/index")).unwrap_or("First"));
    let one_day = Element::of("t:DaysOfWeek", group(&days));
    let pattern = match text("/pattern/type") {
        "daily" => Element::new("t:DailyRecurrence").with(interval),
        "weekly" => {
            let all: Vec<&str> = days.iter().filter_map(|d| ews(DAYS, d)).collect();
            let first = (version >= Version::Exchange2010Sp1).then(|| ews(DAYS, text("/pattern/firstDayOfWeek")).unwrap_or("Sunday"));
            Element::new("t:WeeklyRecurrence")
                .with(interval)
                .with_text("t:DaysOfWeek", all.join(" "))
                .with(first.map(|f| Element::of("t:FirstDayOfWeek", f)))
        }
        "absoluteMonthly" => Element::new("t:AbsoluteMonthlyRecurrence").with(interval).with(day),
        "relativeMonthly" => Element::new("t:RelativeMonthlyRecurrence").with(interval).with(one_day).with(index),
        "absoluteYearly" => Element::new("t:AbsoluteYearlyRecurrence").with(day).with(month),
        _ => Element::new("t:RelativeYearlyRecurrence").with(one_day).with(index).with(month),
    };
    let start = Element::of("t:StartDate", format!("{}{suffix}", text("/range/startDate")));
    let range = match text("/range/type") {
        "endDate" => Element::new("t:EndDateRecurrence").with(start).with_text("t:EndDate", format!("{}{suffix}", text("/range/endDate"))),
        "numbered" => {
            Element::new("t:NumberedRecurrence").with(start).with_text("t:NumberOfOccurrences", number("/range/numberOfOccurrences"))
        }
        _ => Element::new("t:NoEndRecurrence").with(start),
    };
    Element::new("t:Recurrence").with(pattern).with(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b18_every_pattern_and_range_comes_back_as_it_went() {
        let range = json!({"type": "numbered", "startDate": "2026-01-05", "numberOfOccurrences": 7});
        for (pattern, range) in [
            (json!({"type": "daily", "interval": 3}), json!({"type": "noEnd", "startDate": "2026-01-05"})),
            (json!({"type": "weekly", "interval": 2, "daysOfWeek": ["monday", "friday"], "firstDayOfWeek": "monday"}), range.clone()),
            (
                json!({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31}),
                json!({"type": "endDate", "startDate": "2026-01-05", "endDate": "2026-12-31"}),
            ),
            (json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["tuesday"], "index": "second"}), range.clone()),
            (
                json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"], "index": "last"}),
                range.clone(),
            ),
            (json!({"type": "absoluteYearly", "dayOfMonth": 29, "month": 2}), range.clone()),
            (json!({"type": "relativeYearly", "daysOfWeek": ["sunday", "saturday"], "index": "fourth", "month": 11}), range.clone()),
        ] {
            let whole = json!({"pattern": pattern, "range": range});
            assert_eq!(read(&write(&whole, "+01:00", Version::Online)).unwrap(), whole);
        }
        assert!(read(&Element::new("t:Recurrence")).is_err());
    }
}
