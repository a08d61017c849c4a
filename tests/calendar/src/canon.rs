//! Events as one line of text, the same whichever connector read them.
//!
//! `START to END | SUBJECT | KIND | SHOW-AS AND WHAT ELSE IS NOT THE DEFAULT`. Times are instants in UTC, or dates. Not part of a
//! line: ids, versions, the `uid`, when it was made, and the zones of start and end of anything but a master.

use calport_model::zone::{Resolved, resolve};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use crate::case::Series;
use crate::sandbox::calendar::{
    Attendee, AttendeeRole, Event, EventDetail, EventKind, EventTime, Recurrence, RecurrenceEnd, RecurrencePattern,
};
use crate::sandbox::calendar::{Response, SeriesPlace, ShowAs};
use crate::sandbox::common::{Importance, Moment, OriginalStart, Sensitivity, Span, Weekday, YearlyTransition, Zone, ZoneDefinition};

/// Minutes before the start at which servers remind the owner where nobody says otherwise.
const DEFAULT_REMINDER: u32 = 15;

/// What a reader saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// A line for each event in the window, in order.
    pub window: Vec<String>,
    /// The series, in order.
    pub series: Vec<Series>,
}

/// An event in a window, or an exception.
#[must_use]
pub fn line(event: &Event, owner: &str) -> String {
    told(event, owner, true)
}

/// The same without what feeds need not have: the text and who is invited.
#[must_use]
pub fn short(event: &Event, owner: &str) -> String {
    told(event, owner, false)
}

fn told(event: &Event, owner: &str, whole: bool) -> String {
    let kind = match &event.kind {
        EventKind::Single => "single".to_owned(),
        EventKind::Master => "series".to_owned(),
        EventKind::Occurrence(place) => format!("occurrence of {}", stood(place, &event.time.span)),
        EventKind::Exception(place) => format!("exception of {}", stood(place, &event.time.span)),
    };
    format!(
        "{}{} | {} | {kind} | {}",
        when(&event.time.span, &TimeZone::UTC),
        two_zones(&event.time),
        event.subject,
        rest(event, owner, whole)
    )
}

/// A series with what differs from it.
#[must_use]
pub fn series(detail: &EventDetail, owner: &str) -> Series {
    let event = &detail.event;
    let zone = event.time.recurrence.as_ref().map_or(TimeZone::UTC, |r| rules(&r.zone));
    let repeats = event.time.recurrence.as_ref().map_or_else(|| "no recurrence".to_owned(), recurrence);
    let times = format!("{}{}", when(&event.time.span, &zone), entered(&event.time));
    let mut exceptions: Vec<String> = detail.exceptions.iter().map(|e| line(e, owner)).collect();
    let mut deleted: Vec<String> = detail.cancelled.iter().map(original).collect();
    exceptions.sort_unstable();
    deleted.sort_unstable();
    Series { master: format!("{times} | {} | {repeats} | {}", event.subject, rest(event, owner, true)), exceptions, deleted }
}

/// Show-as, and what is not the default.
fn rest(event: &Event, owner: &str, whole: bool) -> String {
    let mut words = vec![show_as(event.show_as).to_owned()];
    let mut add = |word: &str| words.push(word.to_owned());
    match event.sensitivity {
        Sensitivity::Normal => {}
        Sensitivity::Personal => add("personal"),
        Sensitivity::Private => add("private"),
        Sensitivity::Confidential => add("confidential"),
    }
    match event.importance {
        Importance::Normal => {}
        Importance::Low => add("unimportant"),
        Importance::High => add("important"),
    }
    match event.response {
        // The owner's own, whether or not a server calls the owner of a plain appointment its organizer.
        Response::Organizer | Response::None if event.is_organizer => {}
        other => add(response(other)),
    }
    if event.cancelled {
        add("cancelled");
    }
    if let Some(place) = &event.location {
        add(&format!("at {}", place.name));
    }
    if !event.categories.is_empty() {
        add(&format!("in {}", event.categories.join(" and ")));
    }
    match event.reminder {
        Some(DEFAULT_REMINDER) => {}
        Some(minutes) => add(&format!("reminder {minutes}")),
        None => add("no reminder"),
    }
    if let Some(body) = event.body.as_ref().map(|b| b.content.trim()).filter(|b| whole && !b.is_empty()) {
        add(&format!("text {body:?}"));
    }
    if !event.is_organizer {
        add(&format!("by {}", event.organizer.as_ref().map_or("nobody", |who| &who.address)));
    } else if let Some(who) = event.organizer.as_ref().filter(|who| !who.address.is_empty() && !who.address.eq_ignore_ascii_case(owner)) {
        add(&format!("as {}", who.address));
    }
    let mut invited: Vec<String> = event.attendees.iter().filter(|_| whole).map(attendee).collect();
    invited.sort_unstable();
    invited.iter().for_each(|one| add(one));
    words.join(", ")
}

fn attendee(one: &Attendee) -> String {
    let role = match one.role {
        AttendeeRole::Required => "required",
        AttendeeRole::Optional => "optional",
        AttendeeRole::Equipment => "equipment",
    };
    format!("with {} {role} {}", one.who.address.to_lowercase(), response(one.response))
}

fn response(value: Response) -> &'static str {
    match value {
        Response::None => "unanswered",
        Response::Organizer => "organizer",
        Response::Accepted => "accepted",
        Response::Tentative => "tentatively accepted",
        Response::Declined => "declined",
    }
}

fn show_as(value: ShowAs) -> &'static str {
    match value {
        ShowAs::Free => "free",
        ShowAs::Tentative => "tentative",
        ShowAs::Busy => "busy",
        ShowAs::OutOfOffice => "oof",
        ShowAs::WorkingElsewhere => "working elsewhere",
        ShowAs::NoData => "no data",
    }
}

/// The original start as it is written here: an instant or a date.
#[must_use]
pub fn stood(place: &SeriesPlace, span: &Span) -> String {
    match (&place.original, span) {
        (Some(at), _) => original(at),
        (None, Span::Timed(timed)) => clock(instant(&timed.start), &TimeZone::UTC),
        (None, Span::AllDay(days)) => days.start.clone(),
    }
}

fn original(at: &OriginalStart) -> String {
    match at {
        OriginalStart::Timed(moment) => clock(instant(moment), &TimeZone::UTC),
        OriginalStart::Day(day) => day.clone(),
    }
}

fn when(span: &Span, zone: &TimeZone) -> String {
    match span {
        Span::Timed(timed) => format!("{} to {}", clock(instant(&timed.start), zone), clock(instant(&timed.end), zone)),
        Span::AllDay(days) => format!("{} to {}", days.start, days.end),
    }
}

/// An instant on a clock, to the second only where it has seconds.
fn clock(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    let form = if local.second() == 0 && local.subsec_nanosecond() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S%.f" };
    let mark = if *zone == TimeZone::UTC { "Z" } else { "" };
    format!("{}{mark}", local.strftime(form))
}

/// The instant of a moment.
#[must_use]
pub fn instant(moment: &Moment) -> Timestamp {
    match moment {
        Moment::At(ms) => Timestamp::from_millisecond(*ms).unwrap(),
        Moment::Wall(wall) => rules(&wall.zone).to_timestamp(wall.local.parse::<civil::DateTime>().unwrap()).unwrap(),
    }
}

/// The zones of a master's start and end, where they differ from that of the series.
fn entered(time: &EventTime) -> String {
    let series = time.recurrence.as_ref().map(|r| zone_name(&r.zone));
    let other = |zone: Option<&Zone>| zone.map(zone_name).filter(|name| Some(name) != series.as_ref());
    match (other(time.start_zone.as_ref()), other(time.end_zone.as_ref()), &time.span) {
        (_, _, Span::AllDay(_)) | (None, None, _) => String::new(),
        (start, end, _) => format!(" (entered in {start:?} and {end:?})"),
    }
}

/// The zones of start and end, where they differ.
fn two_zones(time: &EventTime) -> String {
    match (&time.span, time.start_zone.as_ref().map(zone_name), time.end_zone.as_ref().map(zone_name)) {
        (Span::Timed(_), Some(start), Some(end)) if start != end => format!(", entered in {start} and {end}"),
        _ => String::new(),
    }
}

/// The name of a zone as IANA's, whatever the server calls it.
fn zone_name(zone: &Zone) -> String {
    let known = |name: &str| match resolve(name) {
        Resolved::Known(zone) => zone.iana_name().unwrap_or("?").to_owned(),
        Resolved::Assumed => format!("unknown zone {name}"),
    };
    match zone {
        Zone::Utc => "UTC".to_owned(),
        Zone::Named(name) => known(name),
        Zone::Custom(definition) => by_rules(definition).map_or_else(|| format!("rules of {}", definition.name), str::to_owned),
        Zone::Floating => "no zone".to_owned(),
    }
}

/// The zone among those of the cases that has these rules, whatever its definition is called. Days of 2026 are compared.
fn by_rules(definition: &ZoneDefinition) -> Option<&'static str> {
    const ZONES: [&str; 11] = [
        "Europe/Berlin",
        "America/New_York",
        "America/Chicago",
        "America/Los_Angeles",
        "America/St_Johns",
        "Australia/Sydney",
        "Pacific/Auckland",
        "Pacific/Honolulu",
        "Asia/Kathmandu",
        "UTC",
        "Asia/Tokyo",
    ];
    let west = |minutes: i32| format!("{}{}:{:02}", if minutes > 0 { "-" } else { "" }, minutes.abs() / 60, minutes.abs() % 60);
    let at = |t: &YearlyTransition| {
        format!("M{}.{}.{}/{}:{:02}", t.month, t.occurrence, (t.weekday as u8 + 1) % 7, t.minute / 60, t.minute % 60)
    };
    let standard = west(definition.standard_offset);
    let text = match &definition.daylight {
        None => format!("<STD>{standard}"),
        Some(summer) => format!("<STD>{standard}<DST>{},{},{}", west(summer.offset), at(&summer.begins), at(&summer.ends)),
    };
    let own = TimeZone::posix(&text).unwrap();
    let begin: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    let days: Vec<Timestamp> = (0..365).map(|day| begin + jiff::SignedDuration::from_hours(24 * day)).collect();
    ZONES.into_iter().find(|name| {
        let zone = TimeZone::get(name).unwrap();
        days.iter().all(|day| zone.to_offset(*day) == own.to_offset(*day))
    })
}

fn rules(zone: &Zone) -> TimeZone {
    TimeZone::get(&zone_name(zone)).unwrap_or(TimeZone::UTC)
}

fn recurrence(value: &Recurrence) -> String {
    let end = match &value.end {
        RecurrenceEnd::Never => "without end".to_owned(),
        RecurrenceEnd::Until(day) => format!("until {day}"),
        RecurrenceEnd::Count(count) => format!("{count} times"),
    };
    format!("{} from {} {end} in {}", pattern(&value.pattern), value.start, zone_name(&value.zone))
}

fn pattern(value: &RecurrencePattern) -> String {
    use RecurrencePattern as P;
    let nth = |n: u8| ["?", "first", "second", "third", "fourth", "last"].get(usize::from(n)).copied().unwrap_or("?");
    match value {
        P::Daily(p) => format!("every {} days", p.interval),
        // Where weeks begin says nothing when each of them is meant.
        P::Weekly(p) if p.interval == 1 => format!("every 1 weeks on {}", days(&p.days)),
        P::Weekly(p) => format!("every {} weeks from {} on {}", p.interval, days(&[p.week_start]), days(&p.days)),
        P::Monthly(p) => format!("every {} months on day {}", p.interval, p.day),
        P::MonthlyNth(p) => format!("every {} months on the {} {}", p.interval, nth(p.nth), days(&p.days)),
        P::Yearly(p) => format!("every {} years in month {} on day {}", p.interval, p.month, p.day),
        P::YearlyNth(p) => format!("every {} years in month {} on the {} {}", p.interval, p.month, nth(p.nth), days(&p.days)),
        P::Rrule(text) => format!("by the rule {text}"),
        P::Unreadable(text) => format!("unreadable {text}"),
    }
}

/// Days of the week, from Monday on.
fn days(list: &[Weekday]) -> String {
    let mut list: Vec<Weekday> = list.to_vec();
    list.sort_unstable_by_key(|day| *day as u8);
    list.iter().map(|day| format!("{day:?}").trim_start_matches("Weekday::").to_lowercase()).collect::<Vec<_>>().join("+")
}
