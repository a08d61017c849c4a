//! Zones as EWS writes them: Windows names, whole definitions in a request or an answer, and the older `MeetingTimeZone`.
//!
//! A name that is known rules; a definition under any other name is turned into rules of its own (one pair of changes a year, the
//! last group of the definition), which is how the shared state keeps it too.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::soap::Trouble;
use super::time::{bad_zone, bias};
use super::version::Version;
use super::xml::Element;
use crate::graph::zones::Zone;

/// What Graph calls a zone that its author made.
const CUSTOM: &str = "tzone://Microsoft/Custom";
/// What EWS calls it.
const CUSTOMIZED: &str = "Customized Time Zone";

pub(crate) const DAYS: [(&str, Weekday); 7] = [
    ("Sunday", Weekday::Sunday),
    ("Monday", Weekday::Monday),
    ("Tuesday", Weekday::Tuesday),
    ("Wednesday", Weekday::Wednesday),
    ("Thursday", Weekday::Thursday),
    ("Friday", Weekday::Friday),
    ("Saturday", Weekday::Saturday),
];
const NTH: [(&str, i8); 5] = [("First", 1), ("Second", 2), ("Third", 3), ("Fourth", 4), ("Last", 5)];
/// Months by English name.
pub(crate) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// A change of the clocks that comes every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub month: i8,
    /// 1 to 5; 5 is the last.
    pub nth: i8,
    pub day: Weekday,
    /// Seconds after local midnight.
    pub at: i64,
    /// Offset from UTC afterwards, in seconds.
    pub offset: i64,
}

/// Reads a `TimeZoneDefinition`, `StartTimeZone` or `EndTimeZone`.
///
/// # Errors
/// `ErrorTimeZone` for a zone that is neither known nor defined.
pub(crate) fn read(definition: &Element) -> Result<Zone, Trouble> {
    let id = definition.attribute("Id").unwrap_or_default();
    if let Some(zone) = known(id) {
        return Ok(zone);
    }
    let rules = defined(definition).ok_or_else(|| bad_zone(id))?;
    Ok(Zone { name: CUSTOM.to_owned(), rules })
}

/// A zone by its Windows name. The service knows no IANA names.
pub(crate) fn known(id: &str) -> Option<Zone> {
    if id.contains('/') && id != "tzone://Microsoft/Utc" {
        return None;
    }
    Zone::read(id).ok()
}

/// The 2007 form: a name, or an offset with two changes a year.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_meeting(zone: &Element) -> Result<Zone, Trouble> {
    let name = zone.attribute("TimeZoneName").unwrap_or_default();
    if let Some(zone) = known(name) {
        return Ok(zone);
    }
    let defined = || {
        // This form counts its biases the same way: UTC is local time plus bias.
        let base = bias(zone.value("BaseOffset")?)?;
        let change = |which: &str| {
            let part = zone.child(which)?;
            let yearly = part.child("RelativeYearlyRecurrence")?;
            let word = |name: &str| yearly.value(name);
            let time: jiff::civil::Time = part.value("Time")?.get(..8)?.parse().ok()?;
            Some(Change {
                month: month(word("Month")?)?,
                nth: NTH.iter().find(|(n, _)| Some(*n) == word("DayOfWeekIndex"))?.1,
                day: DAYS.iter().find(|(n, _)| Some(*n) == word("DaysOfWeek"))?.1,
                at: i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60,
                offset: -(base + bias(part.value("Offset")?)?),
            })
        };
        match (change("Standard"), change("Daylight")) {
            (Some(standard), Some(daylight)) => posix(standard.offset, Some((standard, daylight))),
            _ => posix(-base, None),
        }
    };
    let rules = defined().ok_or_else(|| bad_zone(name))?;
    Ok(Zone { name: CUSTOM.to_owned(), rules })
}

/// The number of a month.
pub(crate) fn month(name: &str) -> Option<i8> {
    let at = MONTHS.iter().position(|m| *m == name)?;
    i8::try_from(at + 1).ok()
}

fn defined(definition: &Element) -> Option<TimeZone> {
    let periods = definition.child("Periods")?;
    let offset = |id: &str| {
        let period = periods.all("Period").find(|p| p.attribute("Id") == Some(id))?;
        bias(period.attribute("Bias")?).map(|b| -b)
    };
    let to = |e: &Element, kind: &str| e.child("To").filter(|t| t.attribute("Kind") == Some(kind)).map(|t| t.text.trim().to_owned());
    let last = definition.child("Transitions")?.children.last()?;
    if let Some(period) = to(last, "Period") {
        return posix(offset(&period)?, None);
    }
    let group = to(last, "Group")?;
    let group = definition.child("TransitionsGroups")?.all("TransitionsGroup").find(|g| g.attribute("Id") == Some(&group))?;
    let mut changes = Vec::new();
    for change in group.all("RecurringDayTransition") {
        let nth: i8 = change.value("Occurrence")?.parse().ok()?;
        changes.push(Change {
            month: change.value("Month")?.parse().ok()?,
            nth: if nth < 0 { 5 } else { nth },
            day: DAYS.iter().find(|(n, _)| Some(*n) == change.value("DayOfWeek"))?.1,
            at: bias(change.value("TimeOffset")?)?,
            offset: offset(&to(change, "Period")?)?,
        });
    }
    match changes.as_slice() {
        [a, b] => {
            let (standard, daylight) = if a.offset < b.offset { (*a, *b) } else { (*b, *a) };
            posix(standard.offset, Some((standard, daylight)))
        }
        _ => {
            let only = group.children.first().and_then(|t| to(t, "Period"))?;
            posix(offset(&only)?, None)
        }
    }
}

/// Rules from an offset and the two changes of a year.
pub(crate) fn posix(standard: i64, changes: Option<(Change, Change)>) -> Option<TimeZone> {
    // POSIX counts westwards.
    let clock = |seconds: i64| {
        let sign = if seconds < 0 { "-" } else { "" };
        format!("{sign}{:02}:{:02}:{:02}", seconds.abs() / 3_600, seconds.abs() / 60 % 60, seconds.abs() % 60)
    };
    let rule = |c: &Change| format!("M{}.{}.{}/{}", c.month, c.nth, c.day.to_sunday_zero_offset(), clock(c.at));
    let text = match changes {
        None => format!("<STD>{}", clock(-standard)),
        Some((std, dst)) => format!("<STD>{}<DST>{},{},{}", clock(-standard), clock(-dst.offset), rule(&dst), rule(&std)),
    };
    TimeZone::posix(&text).ok()
}

/// The Windows name of a zone; for one that its author made the word that EWS uses.
pub(crate) fn windows_name(zone: &str) -> String {
    if zone == CUSTOM {
        return CUSTOMIZED.to_owned();
    }
    let iana = zone.contains('/').then(|| zone.parse::<chrono_tz::Tz>().ok()).flatten();
    let windows = iana.and_then(|z| windows_timezones::WindowsTimezone::try_from(z).ok());
    windows.map_or_else(|| if zone.eq_ignore_ascii_case("etc/utc") { "UTC".to_owned() } else { zone.to_owned() }, |w| w.name().to_owned())
}

/// `StartTimeZone` or `EndTimeZone`. Exchange 2010 writes the whole definition, later versions the names.
pub(crate) fn element(name: &str, zone: &Zone, at: Timestamp, version: Version, inline: bool) -> Element {
    let windows = windows_name(&zone.name);
    let id = if inline { CUSTOMIZED.to_owned() } else { windows.clone() };
    let out = Element::new(name).attr("Name", shown_name(zone, &windows, at)).attr("Id", &id);
    if version < Version::Exchange2013 || id == CUSTOMIZED { out.with_all(definition(zone, at)) } else { out }
}

/// The name people see.
pub(crate) fn shown_name(zone: &Zone, windows: &str, at: Timestamp) -> String {
    let minutes = standard(zone, at).div_euclid(60);
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("(UTC{sign}{:02}:{:02}) {windows}", minutes.abs() / 60, minutes.abs() % 60)
}

fn standard(zone: &Zone, at: Timestamp) -> i64 {
    let (now, changes) = year(zone, at);
    changes.iter().map(|c| c.offset).min().unwrap_or(now)
}

/// The offset at a time and the changes of that year.
pub(crate) fn year(zone: &Zone, at: Timestamp) -> (i64, Vec<Change>) {
    let local = zone.local(at);
    let first = local.date().first_of_year();
    let midnight = jiff::civil::Time::midnight();
    let begin = zone.instant(first.to_datetime(midnight));
    let end = zone.instant(first.saturating_add(1.year()).to_datetime(midnight));
    let changes = zone.rules.following(begin).take_while(|t| t.timestamp() < end).take(8);
    let offset = |t: Timestamp| i64::from(zone.rules.to_offset(t).seconds());
    let all = changes.map(|t| {
        let before = t.timestamp().saturating_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(begin);
        // The clock that the change is announced on is the one before it.
        let civil = zone.rules.to_offset(before).to_datetime(t.timestamp());
        let date = civil.date();
        let at = i64::from(civil.hour()) * 3_600 + i64::from(civil.minute()) * 60 + i64::from(civil.second());
        Change { month: date.month(), nth: nth(date), day: date.weekday(), at, offset: i64::from(t.offset().seconds()) }
    });
    (offset(at), all.collect())
}

fn nth(date: Date) -> i8 {
    if date.day() + 7 > date.days_in_month() { 5 } else { (date.day() - 1) / 7 + 1 }
}

fn duration(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    format!("{sign}PT{}H{}M", seconds.abs() / 3_600, seconds.abs() / 60 % 60)
}

/// Periods, groups and transitions of a zone, as they are in the year of `at`.
pub(crate) fn definition(zone: &Zone, at: Timestamp) -> Vec<Element> {
    let (now, changes) = year(zone, at);
    let [first, second] = changes.as_slice() else {
        let period = period("trule:Std", "Standard", now);
        let to = Element::new("t:Transition").with(to("Group", "0"));
        let group =
            Element::new("t:TransitionsGroup").attr("Id", "0").with(Element::new("t:Transition").with(self::to("Period", "trule:Std")));
        return vec![
            Element::new("t:Periods").with(period),
            Element::new("t:TransitionsGroups").with(group),
            Element::new("t:Transitions").with(to),
        ];
    };
    let low = first.offset.min(second.offset);
    let id = |c: &Change| if c.offset == low { "trule:Std" } else { "trule:Dlt" };
    let recurring = |c: &Change| {
        let day = DAYS.iter().find(|(_, d)| *d == c.day).map_or("Sunday", |(n, _)| n);
        Element::new("t:RecurringDayTransition")
            .with(to("Period", id(c)))
            .with_text("t:TimeOffset", duration(c.at))
            .with_text("t:Month", c.month)
            .with_text("t:DayOfWeek", day)
            .with_text("t:Occurrence", if c.nth == 5 { -1 } else { c.nth })
    };
    let periods = [first, second].map(|c| period(id(c), if c.offset == low { "Standard" } else { "Daylight" }, c.offset));
    vec![
        Element::new("t:Periods").with_all(periods),
        Element::new("t:TransitionsGroups")
            .with(Element::new("t:TransitionsGroup").attr("Id", "0").with_all([recurring(first), recurring(second)])),
        Element::new("t:Transitions").with(Element::new("t:Transition").with(to("Group", "0"))),
    ]
}

fn period(id: &str, name: &str, offset: i64) -> Element {
    Element::new("t:Period").attr("Bias", duration(-offset)).attr("Name", name).attr("Id", id)
}

fn to(kind: &str, text: &str) -> Element {
    Element::of("t:To", text).attr("Kind", kind)
}

/// The 2007 form of a zone.
pub(crate) fn meeting(zone: &Zone, at: Timestamp) -> Element {
    let windows = windows_name(&zone.name);
    let base = standard(zone, at);
    let out = Element::new("t:MeetingTimeZone").attr("TimeZoneName", windows).with_text("t:BaseOffset", duration(-base));
    let (_, changes) = year(zone, at);
    let [first, second] = changes.as_slice() else { return out };
    let (std, dst) = if first.offset == base { (first, second) } else { (second, first) };
    let part = |name: &str, c: &Change| {
        let yearly = Element::new("t:RelativeYearlyRecurrence")
            .with_text("t:DaysOfWeek", DAYS.iter().find(|(_, d)| *d == c.day).map_or("Sunday", |(n, _)| n))
            .with_text("t:DayOfWeekIndex", NTH.iter().find(|(_, n)| *n == c.nth).map_or("Last", |(n, _)| n))
            .with_text("t:Month", usize::try_from(c.month - 1).ok().and_then(|m| MONTHS.get(m)).copied().unwrap_or("January"));
        Element::new(name)
            .with_text("t:Offset", duration(base - c.offset))
            .with(yearly)
            .with_text("t:Time", format!("{:02}:{:02}:{:02}", c.at / 3_600, c.at / 60 % 60, c.at % 60))
    };
    out.with(part("t:Standard", std)).with(part("t:Daylight", dst))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b55_a_definition_written_is_read_with_the_same_rules() {
        for name in [
            "W. Europe Standard Time",
            "Pacific Standard Time",
            "India Standard Time",
            "UTC",
            "AUS Eastern Standard Time",
            "Newfoundland Standard Time",
        ] {
            let zone = Zone::read(name).unwrap();
            let at: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
            let mut written = element("t:StartTimeZone", &zone, at, Version::Online, true);
            written.attributes.clear();
            let read = read(&written.attr("Id", CUSTOMIZED)).unwrap();
            let meeting = read_meeting(&{
                let mut m = meeting(&zone, at);
                m.attributes.clear();
                m
            })
            .unwrap();
            for hour in 0..(365 * 24) {
                let t = Timestamp::from_second(1_767_225_600 + hour * 3_600).unwrap();
                assert_eq!(zone.local(t), read.local(t), "{name} {t}");
                assert_eq!(zone.local(t), meeting.local(t), "{name} {t} in the 2007 form");
            }
            assert_eq!(windows_name(CUSTOM), CUSTOMIZED);
        }
        assert_eq!(windows_name("Europe/Berlin"), "W. Europe Standard Time");
        assert!(read(&Element::new("t:StartTimeZone").attr("Id", "Europe/Berlin")).is_err(), "the service knows Windows names only");
    }
}
