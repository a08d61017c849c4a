//! From fields to the properties of `t:CalendarItem`.
//!
//! Only what is named is written (SEMANTICS B-36, B-37): a change of the subject holds the subject and nothing else. Times
//! go out as instants beside the zone in which they were entered (SEMANTICS B-21).

use calport_sdk::common::{Importance, Moment, Sensitivity, Span, TextBody, TimedSpan, Zone};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::event::{Attendee, AttendeeRole, CalendarItem, ShowAs};
use super::{Draft, Property, Writing, people};
use crate::error::WriteError;
use crate::path::{ExtendedField, Path};
use crate::recurrence::{self, Recurrence};
use crate::soap::{Gaps, write_zone};
use crate::value;
use crate::version::ServerVersion;
use crate::words;
use crate::xml::Writer;
use crate::zone;

/// A field of an appointment with a new value.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a change has a handful of fields, and they live for one call")]
pub enum EventField {
    /// When it takes place, with zones and series.
    Time(EventTime),
    /// The subject.
    Subject(String),
    /// The body; none clears it.
    Body(Option<TextBody>),
    /// Where it takes place; empty clears it.
    Location(String),
    /// Whether the time counts as taken.
    ShowAs(ShowAs),
    /// Who may see it.
    Sensitivity(Sensitivity),
    /// How important it is.
    Importance(Importance),
    /// All categories it shall have.
    Categories(Vec<String>),
    /// All attendees it shall have.
    Attendees(Vec<Attendee>),
    /// Minutes before the start; none removes the reminder.
    Reminder(Option<u32>),
    /// The tag to find it by.
    Tag(String),
    /// The operation that makes it (SEMANTICS S-14).
    Operation(String),
}

/// When an appointment takes place. One atomic field (SEMANTICS S-05).
#[derive(Debug, Clone, PartialEq)]
pub struct EventTime {
    /// From when to when.
    pub span: Span,
    /// The zone of the start; for whole days, the zone whose midnights they begin at. Absent: UTC.
    pub start_zone: Option<Zone>,
    /// The zone of the end; absent: that of the start.
    pub end_zone: Option<Zone>,
    /// The series, for a master only.
    pub recurrence: Option<Recurrence>,
}

/// Places in the schema's sequence, with gaps.
mod order {
    pub const SUBJECT: u16 = 10;
    pub const SENSITIVITY: u16 = 11;
    pub const BODY: u16 = 12;
    pub const CATEGORIES: u16 = 13;
    pub const IMPORTANCE: u16 = 14;
    pub const REMINDER_SET: u16 = 15;
    pub const REMINDER: u16 = 16;
    pub const EXTENDED: u16 = 20;
    pub const START: u16 = 30;
    pub const END: u16 = 31;
    pub const ALL_DAY: u16 = 32;
    pub const SHOW_AS: u16 = 33;
    pub const LOCATION: u16 = 34;
    pub const REQUIRED: u16 = 35;
    pub const OPTIONAL: u16 = 36;
    pub const RESOURCES: u16 = 37;
    pub const RECURRENCE: u16 = 40;
    pub const MEETING_ZONE: u16 = 41;
    pub const START_ZONE: u16 = 42;
    pub const END_ZONE: u16 = 43;
}

impl Draft for CalendarItem {
    type Field = EventField;
    const ELEMENT: &'static str = "t:CalendarItem";
    const INVITES: bool = true;

    fn properties(fields: &[EventField], writing: Writing, gaps: &mut Gaps) -> Result<Vec<Property>, WriteError> {
        let mut out = Vec::new();
        for field in fields {
            match field {
                EventField::Time(time) => write_time(time, writing, gaps, &mut out)?,
                EventField::Subject(text) => out.push(Property::text(order::SUBJECT, "item:Subject", "t:Subject", text)),
                EventField::Body(body) => out.push(Property::body(order::BODY, body.as_ref())),
                EventField::Location(text) => {
                    out.push(Property::text_or_removed(order::LOCATION, "calendar:Location", "t:Location", text));
                }
                EventField::ShowAs(value) => {
                    if let Some(word) = show_as_word(*value, gaps)? {
                        out.push(Property::text(order::SHOW_AS, "calendar:LegacyFreeBusyStatus", "t:LegacyFreeBusyStatus", word));
                    }
                }
                EventField::Sensitivity(value) => out.push(sensitivity(order::SENSITIVITY, *value)),
                EventField::Importance(value) => out.push(importance(order::IMPORTANCE, *value)),
                EventField::Categories(list) => out.push(Property::categories(order::CATEGORIES, list)),
                EventField::Attendees(attendees) => write_attendees(attendees, &mut out)?,
                EventField::Reminder(minutes) => write_reminder(*minutes, &mut out)?,
                EventField::Tag(tag) => out.push(Property::extended(order::EXTENDED, ExtendedField::Tag, tag)),
                EventField::Operation(id) => out.push(Property::extended(order::EXTENDED, ExtendedField::Operation, id)),
            }
        }
        Ok(out)
    }
}

/// `item:Sensitivity`.
pub(super) fn sensitivity(order: u16, value: Sensitivity) -> Property {
    Property::text(order, "item:Sensitivity", "t:Sensitivity", words::sensitivity_word(value))
}

/// `item:Importance`.
pub(super) fn importance(order: u16, value: Importance) -> Property {
    Property::text(order, "item:Importance", "t:Importance", words::importance_word(value))
}

fn show_as_word(value: ShowAs, gaps: &mut Gaps) -> Result<Option<&'static str>, WriteError> {
    Ok(Some(match value {
        ShowAs::Free => "Free",
        ShowAs::Tentative => "Tentative",
        ShowAs::Busy => "Busy",
        ShowAs::OutOfOffice => "OOF",
        ShowAs::WorkingElsewhere => {
            let has = gaps.has(ServerVersion::Exchange2013, "show-as `working elsewhere`: Exchange 2013 or later");
            return Ok(has.then_some("WorkingElsewhere"));
        }
        ShowAs::NoData => return Err(WriteError::invalid("show-as", "`no data` is nothing that can be stored")),
    }))
}

fn write_reminder(minutes: Option<u32>, out: &mut Vec<Property>) -> Result<(), WriteError> {
    /// Of the schema: five years.
    const MOST: u32 = 2_629_800;
    let is_set = if minutes.is_some() { "true" } else { "false" };
    out.push(Property::text(order::REMINDER_SET, "item:ReminderIsSet", "t:ReminderIsSet", is_set));
    if let Some(minutes) = minutes {
        if minutes > MOST {
            return Err(WriteError::invalid("reminder", "more minutes than the server can hold"));
        }
        let (uri, element) = ("item:ReminderMinutesBeforeStart", "t:ReminderMinutesBeforeStart");
        out.push(Property::text(order::REMINDER, uri, element, &minutes.to_string()));
    }
    Ok(())
}

fn write_attendees(attendees: &[Attendee], out: &mut Vec<Property>) -> Result<(), WriteError> {
    for (role, order, uri, element) in [
        (AttendeeRole::Required, order::REQUIRED, "calendar:RequiredAttendees", "t:RequiredAttendees"),
        (AttendeeRole::Optional, order::OPTIONAL, "calendar:OptionalAttendees", "t:OptionalAttendees"),
        (AttendeeRole::Equipment, order::RESOURCES, "calendar:Resources", "t:Resources"),
    ] {
        let of_role: Vec<&Attendee> = attendees.iter().filter(|attendee| attendee.role == role).collect();
        let path = Path::Field(uri);
        out.push(if of_role.is_empty() {
            Property::removed(order, path)
        } else {
            Property::set(order, path, |xml| {
                xml.element(element, |xml| {
                    of_role.iter().try_for_each(|one| xml.element("t:Attendee", |xml| people::write(xml, &one.who, "attendees")))
                })
            })?
        });
    }
    Ok(())
}

fn write_time(time: &EventTime, writing: Writing, gaps: &mut Gaps, out: &mut Vec<Property>) -> Result<(), WriteError> {
    let utc = Zone::Utc;
    let start_zone = time.start_zone.as_ref().unwrap_or(&utc);
    let end_zone = time.end_zone.as_ref().unwrap_or(start_zone);
    let (start, end, all_day) = match &time.span {
        Span::Timed(TimedSpan { start, end }) => (instant_of(start)?, instant_of(end)?, false),
        // Whole days have one zone: that of the start.
        Span::AllDay(days) => (midnight(&days.start, start_zone)?, midnight(&days.end, start_zone)?, true),
    };
    if end < start || (all_day && end == start) {
        return Err(WriteError::invalid("time", "the end lies before the start"));
    }
    let text = |ms: i64| value::utc_text(ms).ok_or(WriteError::invalid("time", "a time out of range"));
    out.push(Property::text(order::START, "calendar:Start", "t:Start", &text(start)?));
    out.push(Property::text(order::END, "calendar:End", "t:End", &text(end)?));
    out.push(Property::text(order::ALL_DAY, "calendar:IsAllDayEvent", "t:IsAllDayEvent", if all_day { "true" } else { "false" }));
    if let Some(recurrence) = &time.recurrence {
        let rules = recurrence::Rules { regenerating: false, week_start: gaps.version >= ServerVersion::Exchange2010Sp1 };
        out.push(Property::set(order::RECURRENCE, Path::Field("calendar:Recurrence"), |xml| recurrence::write(xml, recurrence, rules))?);
    }
    if gaps.version >= ServerVersion::Exchange2010 {
        let zone =
            |order, uri, element: &str, zone| Property::set(order, Path::Field(uri), |xml: &mut Writer| write_zone(xml, element, zone));
        out.push(zone(order::START_ZONE, "calendar:StartTimeZone", "t:StartTimeZone", start_zone)?);
        let end_zone = if all_day { start_zone } else { end_zone };
        out.push(zone(order::END_ZONE, "calendar:EndTimeZone", "t:EndTimeZone", end_zone)?);
    } else if writing == Writing::New || time.recurrence.is_some() {
        write_old_zone(start_zone, gaps, out);
    }
    Ok(())
}

/// Exchange 2007 has one zone for a meeting, and only by name.
fn write_old_zone(zone: &Zone, gaps: &mut Gaps, out: &mut Vec<Property>) {
    let name = match zone {
        Zone::Utc => "UTC",
        Zone::Named(name) => zone::wire_name(name),
        Zone::Custom(_) | Zone::Floating => {
            gaps.has(ServerVersion::Exchange2010, "a zone given by its rules: Exchange 2010 or later");
            return;
        }
    };
    let mut xml = Writer::fragment();
    xml.empty("t:MeetingTimeZone", &[("TimeZoneName", name)]);
    out.push(Property { order: order::MEETING_ZONE, path: Path::Field("calendar:MeetingTimeZone"), xml: Some(xml.into_bytes()) });
}

/// The zone to compute with.
fn known(zone: &Zone) -> Result<TimeZone, WriteError> {
    zone::to_time_zone(zone).ok_or(WriteError::invalid("time.zone", "nobody knows this zone, so its wall time has no instant"))
}

/// The instant of a moment.
pub(crate) fn instant_of(moment: &Moment) -> Result<i64, WriteError> {
    match moment {
        Moment::At(instant) => Ok(*instant),
        Moment::Wall(wall) => {
            let local: DateTime = wall.local.parse().map_err(|_| WriteError::invalid("time", "a wall time that is none"))?;
            instant(local, &known(&wall.zone)?)
        }
    }
}

fn instant(local: DateTime, zone: &TimeZone) -> Result<i64, WriteError> {
    let found = zone.to_ambiguous_timestamp(local).compatible().map(Timestamp::as_millisecond);
    found.map_err(|_| WriteError::invalid("time", "a time out of range"))
}

/// The first moment of a day; in some zones that is one o'clock on the day when summer time begins. The day is that of
/// the zone as the server is told it: its name there may stand for another place with another past (SEMANTICS B-20).
fn midnight(day: &str, zone: &Zone) -> Result<i64, WriteError> {
    let date: Date = day.parse().map_err(|_| WriteError::invalid("time", "a day that is no date"))?;
    let told = match zone {
        Zone::Named(name) => Zone::Named(zone::wire_name(name).to_owned()),
        other => other.clone(),
    };
    instant(date.to_datetime(jiff::civil::Time::midnight()), &known(&told)?)
}
