//! From an appointment of EWS to the package's event, and from its fields to those of EWS.
//!
//! EWS does not name the master of an occurrence: whoever converts one has looked it up. An address of a room and the
//! product of an online meeting have no place in EWS.

use calport_ews_protocol::item::event as ews;
use calport_ews_protocol::item::event_write as fields;
use calport_ews_protocol::recurrence as series;
use calport_sdk::common::{Error, ItemId, Span, Weekday, Zone};
use calport_sdk::error;

use crate::bindings::exports::calport::connector::calendar::{
    Attendee, AttendeeRole, DailyPattern, Event, EventField, EventKind, EventTime, Location, MonthlyNthPattern, MonthlyPattern,
    OnlineMeeting, Recurrence, RecurrenceEnd, RecurrencePattern, Response, SeriesPlace, ShowAs, WeeklyPattern, YearlyNthPattern,
    YearlyPattern,
};

/// The event. `master` is the id of its series, for occurrences and exceptions only.
///
/// # Errors
/// Why it cannot be used: an occurrence without its master.
pub fn event(item: ews::CalendarItem, master: Option<ItemId>, body: bool) -> Result<Event, (ItemId, String)> {
    let kind = match (item.kind, master) {
        (ews::EventKind::Single, _) => EventKind::Single,
        (ews::EventKind::Master, _) => EventKind::Master,
        (ews::EventKind::Occurrence(original), Some(master)) => EventKind::Occurrence(SeriesPlace { master, original }),
        (ews::EventKind::Exception(original), Some(master)) => EventKind::Exception(SeriesPlace { master, original: Some(original) }),
        (_, None) => return Err((item.id.id, "an occurrence whose series master is not found".to_owned())),
    };
    let recurrence = item.recurrence.map(|r| recurrence(r, item.start_zone.as_ref()));
    Ok(Event {
        id: item.id.id,
        version: item.id.change_key,
        uid: item.uid,
        owner: None,
        kind,
        time: EventTime { span: item.span, start_zone: item.start_zone, end_zone: item.end_zone, recurrence },
        subject: item.subject,
        body: item.body.filter(|_| body),
        location: Some(item.location).filter(|l| !l.is_empty()).map(|name| Location { name, address: String::new() }),
        show_as: show_as(item.show_as),
        sensitivity: item.sensitivity,
        importance: item.importance,
        categories: item.categories,
        organizer: item.organizer,
        is_organizer: item.is_organizer,
        attendees: item.attendees.into_iter().map(attendee).collect(),
        response: response(item.response),
        cancelled: item.cancelled,
        online_meeting: Some(item.join_url).filter(|u| !u.is_empty()).map(|url| OnlineMeeting { url, provider: String::new() }),
        reminder: item.reminder,
        tag: item.tag,
        created: item.created,
        modified: item.modified,
        extra: Vec::new(),
    })
}

fn show_as(value: ews::ShowAs) -> ShowAs {
    match value {
        ews::ShowAs::Free => ShowAs::Free,
        ews::ShowAs::Tentative => ShowAs::Tentative,
        ews::ShowAs::Busy => ShowAs::Busy,
        ews::ShowAs::OutOfOffice => ShowAs::OutOfOffice,
        ews::ShowAs::WorkingElsewhere => ShowAs::WorkingElsewhere,
        ews::ShowAs::NoData => ShowAs::NoData,
    }
}

fn response(value: ews::Response) -> Response {
    match value {
        ews::Response::None => Response::None,
        ews::Response::Organizer => Response::Organizer,
        ews::Response::Accepted => Response::Accepted,
        ews::Response::Tentative => Response::Tentative,
        ews::Response::Declined => Response::Declined,
    }
}

fn attendee(value: ews::Attendee) -> Attendee {
    let role = match value.role {
        ews::AttendeeRole::Required => AttendeeRole::Required,
        ews::AttendeeRole::Optional => AttendeeRole::Optional,
        ews::AttendeeRole::Equipment => AttendeeRole::Equipment,
    };
    Attendee { who: value.who, role, response: response(value.response) }
}

fn recurrence(value: series::Recurrence, start_zone: Option<&Zone>) -> Recurrence {
    use series::Pattern as P;
    let pattern = match value.pattern {
        P::Daily { interval } => RecurrencePattern::Daily(DailyPattern { interval }),
        P::Weekly { interval, days, week_start } => {
            // Servers that do not tell it count weeks from Sunday.
            RecurrencePattern::Weekly(WeeklyPattern { interval, days, week_start: week_start.unwrap_or(Weekday::Sunday) })
        }
        P::Monthly { interval, day } => RecurrencePattern::Monthly(MonthlyPattern { interval, day }),
        P::MonthlyNth { interval, nth, days } => RecurrencePattern::MonthlyNth(MonthlyNthPattern { interval, nth, days }),
        P::Yearly { month, day } => RecurrencePattern::Yearly(YearlyPattern { interval: 1, month, day }),
        P::YearlyNth { month, nth, days } => RecurrencePattern::YearlyNth(YearlyNthPattern { interval: 1, month, nth, days }),
        P::Regenerating { .. } => RecurrencePattern::Unreadable("regenerating".to_owned()),
        P::Unreadable(name) => RecurrencePattern::Unreadable(name),
    };
    let end = match value.end {
        series::RecurrenceEnd::Never => RecurrenceEnd::Never,
        series::RecurrenceEnd::Until(day) => RecurrenceEnd::Until(day),
        series::RecurrenceEnd::Count(count) => RecurrenceEnd::Count(count),
    };
    Recurrence { pattern, start: value.start, end, zone: start_zone.cloned().unwrap_or(Zone::Utc) }
}

/// What a write holds: the fields of an item, and an answer to an invitation, which is an operation of its own.
#[derive(Debug, Default)]
pub struct Patch {
    /// Fields of the item.
    pub fields: Vec<fields::EventField>,
    /// The owner's answer.
    pub answer: Option<calport_ews_protocol::operation::Invitation>,
    /// Whether somebody is invited.
    pub invites: bool,
}

impl Patch {
    /// From the package's fields.
    ///
    /// # Errors
    /// `invalid` for a value that EWS cannot hold.
    pub fn of(given: &[EventField]) -> Result<Self, Error> {
        let mut patch = Self::default();
        for field in given {
            patch.add(field)?;
        }
        Ok(patch)
    }

    fn add(&mut self, field: &EventField) -> Result<(), Error> {
        use fields::EventField as F;
        let written = match field {
            EventField::Time(time) => F::Time(event_time(time)?),
            EventField::Subject(text) => F::Subject(text.clone()),
            EventField::Body(body) => F::Body(body.clone()),
            EventField::Location(location) => F::Location(location.as_ref().map(|l| l.name.clone()).unwrap_or_default()),
            EventField::ShowAs(value) => F::ShowAs(stored_show_as(*value)?),
            EventField::Sensitivity(value) => F::Sensitivity(*value),
            EventField::Importance(value) => F::Importance(*value),
            EventField::Categories(names) => F::Categories(names.clone()),
            EventField::Attendees(list) => {
                self.invites = !list.is_empty();
                F::Attendees(list.iter().map(stored_attendee).collect())
            }
            EventField::Reminder(minutes) => F::Reminder(*minutes),
            EventField::Response(value) => {
                self.answer = Some(invitation(*value)?);
                return Ok(());
            }
            EventField::Extra((name, _)) => return Err(error::invalid(format!("extra.{name}"), "this connector has no such value")),
        };
        self.fields.push(written);
        Ok(())
    }
}

fn stored_show_as(value: ShowAs) -> Result<ews::ShowAs, Error> {
    Ok(match value {
        ShowAs::Free => ews::ShowAs::Free,
        ShowAs::Tentative => ews::ShowAs::Tentative,
        ShowAs::Busy => ews::ShowAs::Busy,
        ShowAs::OutOfOffice => ews::ShowAs::OutOfOffice,
        ShowAs::WorkingElsewhere => ews::ShowAs::WorkingElsewhere,
        ShowAs::NoData => return Err(error::invalid("show-as", "`no-data` is nothing that can be stored")),
    })
}

fn stored_attendee(value: &Attendee) -> ews::Attendee {
    let role = match value.role {
        AttendeeRole::Required => ews::AttendeeRole::Required,
        AttendeeRole::Optional => ews::AttendeeRole::Optional,
        AttendeeRole::Equipment => ews::AttendeeRole::Equipment,
    };
    ews::Attendee { who: value.who.clone(), role, response: ews::Response::None }
}

fn invitation(value: Response) -> Result<calport_ews_protocol::operation::Invitation, Error> {
    use calport_ews_protocol::operation::Invitation;
    match value {
        Response::Accepted => Ok(Invitation::Accept),
        Response::Tentative => Ok(Invitation::Tentative),
        Response::Declined => Ok(Invitation::Decline),
        Response::None | Response::Organizer => {
            Err(error::invalid("response", "an invitation is accepted, tentatively accepted or declined"))
        }
    }
}

fn event_time(time: &EventTime) -> Result<fields::EventTime, Error> {
    let series_zone = time.recurrence.as_ref().map(|r| r.zone.clone());
    if let (Some(series), Some(start)) = (&series_zone, &time.start_zone)
        && series != start
        && matches!(time.span, Span::Timed(_))
    {
        return Err(error::invalid("time.recurrence.zone", "EWS repeats a series in the zone of its start; another one cannot be stored"));
    }
    Ok(fields::EventTime {
        span: time.span.clone(),
        start_zone: time.start_zone.clone().or(series_zone),
        end_zone: time.end_zone.clone(),
        recurrence: time.recurrence.as_ref().map(stored_recurrence).transpose()?,
    })
}

fn stored_recurrence(value: &Recurrence) -> Result<series::Recurrence, Error> {
    use series::Pattern as P;
    let every_year = |interval: u32| match interval {
        1 => Ok(()),
        _ => Err(error::invalid("time.recurrence.interval", "EWS repeats every year only")),
    };
    let pattern = match &value.pattern {
        RecurrencePattern::Daily(p) => P::Daily { interval: p.interval },
        RecurrencePattern::Weekly(p) => P::Weekly { interval: p.interval, days: p.days.clone(), week_start: Some(p.week_start) },
        RecurrencePattern::Monthly(p) => P::Monthly { interval: p.interval, day: p.day },
        RecurrencePattern::MonthlyNth(p) => P::MonthlyNth { interval: p.interval, nth: p.nth, days: p.days.clone() },
        RecurrencePattern::Yearly(p) => {
            every_year(p.interval)?;
            P::Yearly { month: p.month, day: p.day }
        }
        RecurrencePattern::YearlyNth(p) => {
            every_year(p.interval)?;
            P::YearlyNth { month: p.month, nth: p.nth, days: p.days.clone() }
        }
        RecurrencePattern::Rrule(_) | RecurrencePattern::Unreadable(_) => {
            return Err(error::invalid("time.recurrence", "EWS cannot store this pattern"));
        }
    };
    let end = match &value.end {
        RecurrenceEnd::Never => series::RecurrenceEnd::Never,
        RecurrenceEnd::Until(day) => series::RecurrenceEnd::Until(day.clone()),
        RecurrenceEnd::Count(count) => series::RecurrenceEnd::Count(*count),
    };
    Ok(series::Recurrence { pattern, start: value.start.clone(), end })
}
