//! From the package's fields to the members of Graph's event.

use calport_sdk::common::{Error, Importance, Moment, Sensitivity, Span, TextFormat, Weekday, Zone};
use calport_sdk::error;
use serde_json::{Map, Value, json};

use crate::absence::wire_time;
use crate::bindings::exports::calport::connector::calendar::{
    Attendee, AttendeeRole, EventField, EventTime, Recurrence, RecurrenceEnd, RecurrencePattern, Response, ShowAs,
};

/// An answer to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Accepted.
    Accept,
    /// Tentatively accepted.
    Tentative,
    /// Declined.
    Decline,
}

impl Answer {
    /// The action's name in the URL.
    pub fn action(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Tentative => "tentativelyAccept",
            Self::Decline => "decline",
        }
    }
}

/// What is sent: the members of a PATCH or POST, and an answer, which is an action of its own.
#[derive(Debug, Default)]
pub struct Patch {
    /// Members of the event.
    pub members: Map<String, Value>,
    /// The owner's answer.
    pub answer: Option<Answer>,
    attendees: bool,
    told: Told,
}

/// Who is told of a change, and by whom.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Nobody: show-as, categories and reminder are the owner's own.
    #[default]
    Nobody,
    /// The attendees, if the owner is the organizer. An attendee may make their own copy private (SEMANTICS B-14).
    OfOrganizer,
    /// Everybody else: it is content of the meeting.
    OfContent,
}

impl Patch {
    /// From fields.
    ///
    /// # Errors
    /// `invalid` for a value that Graph cannot hold.
    pub fn of(fields: &[EventField]) -> Result<Self, Error> {
        let mut patch = Self::default();
        for field in fields {
            patch.add(field)?;
        }
        Ok(patch)
    }

    /// Whether attendees are named.
    pub fn has_attendees(&self) -> bool {
        self.attendees
    }

    /// Who is told of such a change.
    pub fn told(&self) -> Told {
        self.told
    }

    fn set(&mut self, member: &str, value: impl Into<Value>) {
        self.members.insert(member.to_owned(), value.into());
    }

    fn add(&mut self, field: &EventField) -> Result<(), Error> {
        match field {
            EventField::Time(time) => {
                self.told = Told::OfContent;
                self.time(time)?;
            }
            EventField::Subject(subject) => {
                self.told = Told::OfContent;
                self.set("subject", subject.as_str());
            }
            EventField::Body(body) => {
                self.told = Told::OfContent;
                let (format, content) = body.as_ref().map_or((TextFormat::Plain, ""), |b| (b.format, &b.content));
                let content_type = if format == TextFormat::Html { "html" } else { "text" };
                self.set("body", json!({ "contentType": content_type, "content": content }));
            }
            EventField::Location(location) => {
                self.told = Told::OfContent;
                self.set(
                    "location",
                    match location {
                        None => json!({ "displayName": "" }),
                        Some(l) if l.address.is_empty() => json!({ "displayName": l.name }),
                        Some(l) => json!({ "displayName": l.name, "locationEmailAddress": l.address }),
                    },
                );
            }
            EventField::ShowAs(show_as) => self.set("showAs", show_as_word(*show_as)?),
            EventField::Sensitivity(sensitivity) => {
                self.told = self.told.max(Told::OfOrganizer);
                self.set("sensitivity", sensitivity_word(*sensitivity));
            }
            EventField::Importance(importance) => {
                self.told = Told::OfContent;
                self.set("importance", importance_word(*importance));
            }
            EventField::Categories(categories) => self.set("categories", categories.clone()),
            EventField::Attendees(attendees) => {
                self.told = Told::OfContent;
                self.attendees = !attendees.is_empty();
                self.set("attendees", attendees.iter().map(attendee).collect::<Vec<Value>>());
            }
            EventField::Response(response) => self.answer = Some(answer(*response)?),
            EventField::Reminder(reminder) => {
                self.set("isReminderOn", reminder.is_some());
                if let Some(minutes) = reminder {
                    self.set("reminderMinutesBeforeStart", *minutes);
                }
            }
            EventField::Extra((name, _)) => {
                return Err(error::invalid(format!("extra.{name}"), "this connector has no such value"));
            }
        }
        Ok(())
    }

    fn time(&mut self, time: &EventTime) -> Result<(), Error> {
        let zone_name = |zone: Option<&Zone>| match zone {
            Some(Zone::Named(name)) => Ok(name.clone()),
            Some(Zone::Utc) | None => Ok("UTC".to_owned()),
            Some(Zone::Custom(_) | Zone::Floating) => Err(error::invalid("time", "Graph takes zones by name only")),
        };
        match &time.span {
            Span::Timed(span) => {
                self.set("isAllDay", false);
                self.set("start", in_zone(&span.start, time.start_zone.as_ref())?);
                self.set("end", in_zone(&span.end, time.end_zone.as_ref())?);
            }
            Span::AllDay(span) => {
                self.set("isAllDay", true);
                let start_zone = zone_name(time.start_zone.as_ref())?;
                self.set("start", json!({ "dateTime": format!("{}T00:00:00", span.start), "timeZone": start_zone }));
                self.set("end", json!({ "dateTime": format!("{}T00:00:00", span.end), "timeZone": start_zone }));
            }
        }
        if let Some(recurrence) = &time.recurrence {
            self.set("recurrence", recurrence_value(recurrence, &zone_name(Some(&recurrence.zone))?)?);
        }
        Ok(())
    }
}

/// A moment in the zone in which it was entered. Graph takes the zone of a start from its wall time, so an instant
/// beside a named zone would lose that zone: the host gives a wall time then (SEMANTICS B-21).
fn in_zone(moment: &Moment, zone: Option<&Zone>) -> Result<Value, Error> {
    match (moment, zone) {
        (Moment::At(_), Some(zone)) if *zone != Zone::Utc => {
            Err(error::invalid("time", "an instant beside a named zone; Graph needs the wall time in that zone"))
        }
        _ => wire_time(moment),
    }
}

fn show_as_word(show_as: ShowAs) -> Result<&'static str, Error> {
    Ok(match show_as {
        ShowAs::Free => "free",
        ShowAs::Tentative => "tentative",
        ShowAs::Busy => "busy",
        ShowAs::OutOfOffice => "oof",
        ShowAs::WorkingElsewhere => "workingElsewhere",
        ShowAs::NoData => return Err(error::invalid("show-as", "`no-data` is nothing that can be stored")),
    })
}

fn sensitivity_word(sensitivity: Sensitivity) -> &'static str {
    match sensitivity {
        Sensitivity::Normal => "normal",
        Sensitivity::Personal => "personal",
        Sensitivity::Private => "private",
        Sensitivity::Confidential => "confidential",
    }
}

fn importance_word(importance: Importance) -> &'static str {
    match importance {
        Importance::Low => "low",
        Importance::Normal => "normal",
        Importance::High => "high",
    }
}

fn attendee(attendee: &Attendee) -> Value {
    let role = match attendee.role {
        AttendeeRole::Required => "required",
        AttendeeRole::Optional => "optional",
        AttendeeRole::Equipment => "resource",
    };
    json!({ "type": role, "emailAddress": { "name": attendee.who.name, "address": attendee.who.address } })
}

fn answer(response: Response) -> Result<Answer, Error> {
    match response {
        Response::Accepted => Ok(Answer::Accept),
        Response::Tentative => Ok(Answer::Tentative),
        Response::Declined => Ok(Answer::Decline),
        Response::None | Response::Organizer => {
            Err(error::invalid("response", "an invitation is accepted, tentatively accepted or declined"))
        }
    }
}

fn recurrence_value(recurrence: &Recurrence, zone: &str) -> Result<Value, Error> {
    let mut range = json!({ "startDate": recurrence.start, "recurrenceTimeZone": zone });
    if let Some(range) = range.as_object_mut() {
        let kind = match &recurrence.end {
            RecurrenceEnd::Never => "noEnd",
            RecurrenceEnd::Until(date) => {
                range.insert("endDate".to_owned(), date.as_str().into());
                "endDate"
            }
            RecurrenceEnd::Count(count) => {
                range.insert("numberOfOccurrences".to_owned(), (*count).into());
                "numbered"
            }
        };
        range.insert("type".to_owned(), kind.into());
    }
    Ok(json!({ "pattern": pattern(&recurrence.pattern)?, "range": range }))
}

fn pattern(pattern: &RecurrencePattern) -> Result<Value, Error> {
    Ok(match pattern {
        RecurrencePattern::Daily(p) => json!({ "type": "daily", "interval": p.interval }),
        RecurrencePattern::Weekly(p) => json!({
            "type": "weekly", "interval": p.interval, "daysOfWeek": days(&p.days),
            "firstDayOfWeek": day(p.week_start),
        }),
        RecurrencePattern::Monthly(p) => {
            json!({ "type": "absoluteMonthly", "interval": p.interval, "dayOfMonth": p.day })
        }
        RecurrencePattern::MonthlyNth(p) => json!({
            "type": "relativeMonthly", "interval": p.interval, "index": index(p.nth)?, "daysOfWeek": days(&p.days),
        }),
        RecurrencePattern::Yearly(p) => json!({
            "type": "absoluteYearly", "interval": p.interval, "month": p.month, "dayOfMonth": p.day,
        }),
        RecurrencePattern::YearlyNth(p) => json!({
            "type": "relativeYearly", "interval": p.interval, "month": p.month, "index": index(p.nth)?,
            "daysOfWeek": days(&p.days),
        }),
        RecurrencePattern::Rrule(_) | RecurrencePattern::Unreadable(_) => {
            return Err(error::invalid("time.recurrence", "Graph cannot store this pattern"));
        }
    })
}

fn index(nth: u8) -> Result<&'static str, Error> {
    match nth {
        1 => Ok("first"),
        2 => Ok("second"),
        3 => Ok("third"),
        4 => Ok("fourth"),
        5 => Ok("last"),
        _ => Err(error::invalid("time.recurrence.nth", "it is 1 to 5")),
    }
}

fn days(days: &[Weekday]) -> Vec<&'static str> {
    days.iter().copied().map(day).collect()
}

fn day(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}
