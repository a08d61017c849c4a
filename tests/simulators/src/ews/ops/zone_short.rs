//! `t:TimeZone`, the short form that free/busy has for zones: minutes west of UTC and two changes of clocks.

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::ews::xml::Element;
use crate::ews::zone::{Change, DAYS, posix, year};
use crate::graph::zones::Zone;

const MINUTE: i64 = 60;

/// Reads the form as a zone to compute with; `None` for what is none.
pub(crate) fn read(element: &Element) -> Option<TimeZone> {
    let bias: i64 = element.value("Bias")?.parse().ok()?;
    let standard = change(element.child("StandardTime")?, bias)?;
    let daylight = change(element.child("DaylightTime")?, bias)?;
    posix(standard.offset, (standard.offset != daylight.offset).then_some((standard, daylight)))
}

fn change(element: &Element, base: i64) -> Option<Change> {
    let number = |name: &str| element.value(name)?.parse::<i8>().ok();
    let time: Time = element.value("Time")?.parse().ok()?;
    let bias: i64 = element.value("Bias")?.parse().ok()?;
    Some(Change {
        month: number("Month").filter(|m| (1..=12).contains(m))?,
        nth: number("DayOrder").filter(|n| (1..=5).contains(n))?,
        day: DAYS.iter().find(|(word, _)| element.value("DayOfWeek") == Some(word))?.1,
        at: i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second()),
        offset: -base.checked_add(bias)?.checked_mul(MINUTE)?,
    })
}

/// A zone in this form, as it is in the year of `at`. One without summer time has two changes that change nothing.
pub(crate) fn element(zone: &Zone, at: Timestamp) -> Element {
    let (now, changes) = year(zone, at);
    let (standard, daylight) = match changes.as_slice() {
        [a, b] if a.offset < b.offset => (*a, *b),
        [a, b] => (*b, *a),
        _ => {
            let nothing = |month| Change { month, nth: 1, day: Weekday::Sunday, at: 2 * 3_600, offset: now };
            (nothing(11), nothing(3))
        }
    };
    let part = |name: &str, c: Change| {
        Element::new(name)
            .with_text("t:Bias", (standard.offset - c.offset) / MINUTE)
            .with_text("t:Time", format!("{:02}:{:02}:{:02}", c.at / 3_600, c.at / 60 % 60, c.at % 60))
            .with_text("t:DayOrder", c.nth)
            .with_text("t:Month", c.month)
            .with_text("t:DayOfWeek", DAYS.iter().find(|(_, day)| *day == c.day).map_or("Sunday", |(word, _)| word))
    };
    Element::new("t:TimeZone")
        .with_text("t:Bias", -standard.offset / MINUTE)
        .with(part("t:StandardTime", standard))
        .with(part("t:DaylightTime", daylight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b55_the_short_form_computes_as_the_zone_itself() {
        for (name, bias) in [
            ("W. Europe Standard Time", "-60"),
            ("Eastern Standard Time", "300"),
            ("AUS Eastern Standard Time", "-600"),
            ("India Standard Time", "-330"),
            ("UTC", "0"),
        ] {
            let zone = Zone::read(name).unwrap();
            let written = element(&zone, "2026-06-01T00:00:00Z".parse().unwrap());
            assert_eq!(written.value("Bias"), Some(bias), "{name}");
            let read = read(&written).unwrap();
            for hour in 0..(365 * 24) {
                let at = Timestamp::from_second(1_767_225_600 + hour * 3_600).unwrap();
                assert_eq!(read.to_offset(at), zone.rules.to_offset(at), "{name} {at}");
            }
        }
    }
}
