//! Steps as a connector does them: a case's fields in the words of the package `wit/`.

use jiff::civil;

use crate::case::{Fields, Repeat};
use crate::sandbox::calendar::{
    Attendee, AttendeeMail, AttendeeRole, DailyPattern, EventDraft, EventField, EventTime, Location, MonthlyNthPattern, MonthlyPattern,
    OccurrenceRef, Recurrence, RecurrenceEnd, RecurrencePattern, Response, ShowAs, WeeklyPattern, WriteTarget, YearlyNthPattern,
    YearlyPattern,
};
use crate::sandbox::common::{
    DateSpan, Importance, Moment, OriginalStart, Participant, Sensitivity, Span, TextBody, TextFormat, TimedSpan, Weekday, Zone, ZonedTime,
};

/// A new event that can be found by a tag.
#[must_use]
pub fn draft(set: &Fields, mailbox_zone: &str, tag: &str) -> EventDraft {
    EventDraft {
        operation: format!("operation-{tag}"),
        tag: Some(tag.to_owned()),
        fields: fields(set, mailbox_zone),
        mail: AttendeeMail::Never,
    }
}

/// What is set.
#[must_use]
pub fn fields(set: &Fields, mailbox_zone: &str) -> Vec<EventField> {
    let only_people = set.organizer.is_some() || set.response.is_some() || set.cancelled.is_some();
    assert!(!only_people, "only a person may do this: mark the step `by_a_person = true`");
    let mut fields: Vec<EventField> = time(set, mailbox_zone).map(EventField::Time).into_iter().collect();
    fields.extend(set.subject.clone().map(EventField::Subject));
    fields.extend(set.show.as_deref().map(show_as).map(EventField::ShowAs));
    fields.extend(set.sensitivity.as_deref().map(sensitivity).map(EventField::Sensitivity));
    fields.extend(set.importance.as_deref().map(importance).map(EventField::Importance));
    fields.extend(set.categories.clone().map(EventField::Categories));
    fields.extend(set.reminder.map(|minutes| EventField::Reminder(u32::try_from(minutes).ok())));
    let invited = |address: &String| Attendee {
        who: Participant { name: String::new(), address: address.clone() },
        role: AttendeeRole::Required,
        response: Response::None,
    };
    fields.extend(set.attendees.as_ref().map(|list| EventField::Attendees(list.iter().map(invited).collect())));
    let place = |name: &String| Location { name: name.clone(), address: String::new() };
    fields.extend(set.location.as_ref().map(|name| EventField::Location(Some(name).filter(|n| !n.is_empty()).map(place))));
    let plain = |content: &String| TextBody { format: TextFormat::Plain, content: content.clone() };
    fields.extend(set.body.as_ref().map(|text| EventField::Body(Some(text).filter(|t| !t.is_empty()).map(plain))));
    fields
}

/// The target of a step: the event, or the occurrence that stood there on the clock of its zone.
#[must_use]
pub fn target(id: &str, occurrence: Option<&String>, series_zone: &str) -> WriteTarget {
    let Some(stood) = occurrence else { return WriteTarget::Item(id.to_owned()) };
    let original = if stood.contains('T') {
        let local: civil::DateTime = stood.parse().unwrap();
        let at = calport_model::zone::resolve(series_zone).zone().to_timestamp(local).unwrap();
        // As the host names it: by the instant.
        OriginalStart::Timed(Moment::At(at.as_millisecond()))
    } else {
        OriginalStart::Day(stood.clone())
    };
    WriteTarget::Occurrence(OccurrenceRef { master: id.to_owned(), original })
}

fn time(set: &Fields, mailbox_zone: &str) -> Option<EventTime> {
    let zone = Zone::Named(set.zone.as_deref().unwrap_or(mailbox_zone).to_owned());
    let end_zone = set.end_zone.clone().map_or_else(|| zone.clone(), Zone::Named);
    let wall = |local: &String, zone: &Zone| Moment::Wall(ZonedTime { local: format!("{local}:00"), zone: zone.clone() });
    let (span, first) = match (&set.start, &set.end, &set.days) {
        (Some(start), Some(end), None) => {
            (Span::Timed(TimedSpan { start: wall(start, &zone), end: wall(end, &end_zone) }), start[..10].to_owned())
        }
        (None, None, Some([first, after])) => (Span::AllDay(DateSpan { start: first.clone(), end: after.clone() }), first.clone()),
        (None, None, None) if set.repeat.is_none() => return None,
        _ => panic!("a step has `start` with `end`, or `days`; `repeat` comes with one of them"),
    };
    let recurrence = set.repeat.as_ref().map(|repeat| recurrence(repeat, first, zone.clone()));
    Some(EventTime { span, start_zone: Some(zone), end_zone: Some(end_zone), recurrence })
}

fn recurrence(repeat: &Repeat, first: String, zone: Zone) -> Recurrence {
    let interval = repeat.interval;
    let days = || repeat.days.iter().map(|day| weekday(day)).collect::<Vec<_>>();
    let (day, month, nth) = (|| repeat.day.expect("day"), || repeat.month.expect("month"), || repeat.nth.expect("nth"));
    let pattern = match repeat.every.as_str() {
        "daily" => RecurrencePattern::Daily(DailyPattern { interval }),
        "weekly" => RecurrencePattern::Weekly(WeeklyPattern { interval, days: days(), week_start: weekday(&repeat.week_from) }),
        "monthly" => RecurrencePattern::Monthly(MonthlyPattern { interval, day: day() }),
        "monthlyNth" => RecurrencePattern::MonthlyNth(MonthlyNthPattern { interval, nth: nth(), days: days() }),
        "yearly" => RecurrencePattern::Yearly(YearlyPattern { interval, month: month(), day: day() }),
        "yearlyNth" => RecurrencePattern::YearlyNth(YearlyNthPattern { interval, month: month(), nth: nth(), days: days() }),
        other => panic!("`every = {other:?}` is no pattern"),
    };
    let end = match (&repeat.until, repeat.count) {
        (Some(day), _) => RecurrenceEnd::Until(day.clone()),
        (None, Some(count)) => RecurrenceEnd::Count(count),
        (None, None) => RecurrenceEnd::Never,
    };
    Recurrence { pattern, start: repeat.first.clone().unwrap_or(first), end, zone }
}

fn weekday(name: &str) -> Weekday {
    match name {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        other => panic!("`{other}` is no day of the week"),
    }
}

fn show_as(word: &str) -> ShowAs {
    match word {
        "free" => ShowAs::Free,
        "tentative" => ShowAs::Tentative,
        "busy" => ShowAs::Busy,
        "oof" => ShowAs::OutOfOffice,
        "workingElsewhere" => ShowAs::WorkingElsewhere,
        other => panic!("`{other}` cannot be written as a show-as"),
    }
}

fn sensitivity(word: &str) -> Sensitivity {
    match word {
        "normal" => Sensitivity::Normal,
        "personal" => Sensitivity::Personal,
        "private" => Sensitivity::Private,
        "confidential" => Sensitivity::Confidential,
        other => panic!("`{other}` is no sensitivity"),
    }
}

fn importance(word: &str) -> Importance {
    match word {
        "low" => Importance::Low,
        "normal" => Importance::Normal,
        "high" => Importance::High,
        other => panic!("`{other}` is no importance"),
    }
}
