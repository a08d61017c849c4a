//! Times as the texts of `explain` and `preview` write them: in the person's zone, as short as they are clear.

use jiff::fmt::temporal::{DateTimeParser, DateTimePrinter};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

static PRINTER: DateTimePrinter = DateTimePrinter::new();
static PARSER: DateTimeParser = DateTimeParser::new();

/// The name of a zone; the offset of one that has none.
pub fn zone_name(zone: &TimeZone) -> String {
    PRINTER.time_zone_to_string(zone).unwrap_or_else(|_| "UTC".to_owned())
}

/// The zone of a name that [`zone_name`] gave.
pub fn zone_of(name: &str) -> TimeZone {
    PARSER.parse_time_zone(name).unwrap_or(TimeZone::UTC)
}

/// Writes times for readers who think of one moment.
#[derive(Clone, Debug)]
pub struct Local {
    zone: TimeZone,
    today: civil::Date,
}

impl Local {
    /// Times in a zone; those on the day of `at` are written without their day.
    pub fn new(zone: TimeZone, at: Timestamp) -> Self {
        let today = zone.to_datetime(at).date();
        Self { zone, today }
    }

    /// Day, year and time.
    pub fn full(&self, at: Timestamp) -> String {
        let local = self.zone.to_datetime(at);
        format!("{} {}", local.strftime("%a %-d %b %Y"), clock(local))
    }

    /// The time; with the day where it is another one, with the year where that is.
    pub fn when(&self, at: Timestamp) -> String {
        let local = self.zone.to_datetime(at);
        if local.date() == self.today { clock(local) } else { format!("{} {}", self.day(local.date()), clock(local)) }
    }

    /// A day, with the year where it is another one.
    pub fn day(&self, day: civil::Date) -> String {
        let format = if day.year() == self.today.year() { "%a %-d %b" } else { "%a %-d %b %Y" };
        day.strftime(format).to_string()
    }

    /// The day of an instant.
    pub fn day_of(&self, at: Timestamp) -> civil::Date {
        self.zone.to_datetime(at).date()
    }

    /// The end of what began at `start`: its time, with the day where it is another one. Midnight is 24:00 of the day before.
    pub fn end_of(&self, start: Timestamp, end: Timestamp) -> String {
        let local = self.zone.to_datetime(end);
        let day = self.day_of(start);
        let midnight_after = local.time() == civil::Time::midnight() && day.tomorrow().is_ok_and(|next| next == local.date());
        match (local.date() == day, midnight_after) {
            (true, _) => clock(local),
            (false, true) => "24:00".to_owned(),
            (false, false) => format!("{} {}", self.day(local.date()), clock(local)),
        }
    }

    /// The time alone.
    pub fn time(&self, at: Timestamp) -> String {
        clock(self.zone.to_datetime(at))
    }

    /// A stretch of time.
    pub fn span(&self, start: Timestamp, end: Timestamp) -> String {
        format!("{}–{}", self.when(start), self.end_of(start, end))
    }

    /// A stretch of whole days.
    pub fn days(&self, first: civil::Date, last: civil::Date) -> String {
        if first == last {
            return format!("all day {}", self.day(first));
        }
        format!("all day {} to {}", self.day(first), self.day(last))
    }
}

fn clock(local: civil::DateTime) -> String {
    local.strftime(if local.second() == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string()
}

/// How long ago, in the largest unit that fits.
pub fn age(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn feat_x06_times_are_as_short_as_they_are_clear() {
        let local = Local::new(TimeZone::get("Europe/Berlin").unwrap(), at("2026-11-23T09:15:00Z"));
        assert_eq!(local.full(at("2026-11-23T09:15:07Z")), "Mon 23 Nov 2026 10:15:07");
        assert_eq!(local.when(at("2026-11-23T09:15:00.9Z")), "10:15");
        assert_eq!(local.when(at("2026-11-23T23:15:00Z")), "Tue 24 Nov 00:15");
        assert_eq!(local.when(at("2027-01-01T09:00:00Z")), "Fri 1 Jan 2027 10:00");
        assert_eq!(local.span(at("2026-11-23T08:00:00Z"), at("2026-11-23T09:30:00Z")), "09:00–10:30");
        assert_eq!(local.span(at("2026-11-23T08:00:00Z"), at("2026-11-23T23:00:00Z")), "09:00–24:00");
        assert_eq!(local.span(at("2026-11-22T08:00:00Z"), at("2026-11-22T09:00:00Z")), "Sun 22 Nov 09:00–10:00");
        assert_eq!(local.span(at("2026-11-22T08:00:00Z"), at("2026-11-24T09:00:00Z")), "Sun 22 Nov 09:00–Tue 24 Nov 10:00");
        let day = |text: &str| text.parse().unwrap();
        assert_eq!(local.days(day("2026-11-23"), day("2026-11-23")), "all day Mon 23 Nov");
        assert_eq!(local.days(day("2026-12-31"), day("2027-01-02")), "all day Thu 31 Dec to Sat 2 Jan 2027");
    }

    #[test]
    fn feat_x06_a_zone_goes_by_its_name_or_its_offset() {
        let fixed = TimeZone::fixed(jiff::tz::Offset::from_seconds(-12_600).unwrap());
        for (zone, name) in [(TimeZone::get("Europe/Berlin").unwrap(), "Europe/Berlin"), (TimeZone::UTC, "UTC"), (fixed, "-03:30")] {
            assert_eq!(zone_name(&zone), name);
            assert_eq!(zone_of(name), zone);
        }
        assert_eq!(zone_of("nowhere"), TimeZone::UTC);
    }

    #[test]
    fn feat_x06_ages_are_in_the_largest_unit_that_fits() {
        let from = at("2026-11-23T09:15:00Z");
        let after = |seconds: i64| age(from, from + jiff::SignedDuration::from_secs(seconds));
        assert_eq!(
            [-5, 0, 119, 120, 7199, 7200, 172_799, 172_800].map(after),
            ["0 s", "0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]
        );
    }
}
