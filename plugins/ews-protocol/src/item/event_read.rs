//! From `t:CalendarItem` to an appointment.
//!
//! Values of single fields are collected first, in whatever order they come; then times become dates or instants, which
//! needs the zone. An item without id, start or end, with an end before its start, or of an unknown type is set aside.

use calport_sdk::common::{DateSpan, Importance, Moment, OriginalStart, Sensitivity, Span, TextBody, TimedSpan, Zone};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::event::{Attendee, AttendeeRole, CalendarItem, EventKind, ModifiedOccurrence, Response, ShowAs};
use super::{Detail, Item, ItemId, PathOf, of_other_kind, people, read_body, read_extended};
use crate::error::{ReadError, Unreadable};
use crate::path::{ExtendedField, Path};
use crate::recurrence::{self, Recurrence};
use crate::value::{self, When};
use crate::version::ServerVersion;
use crate::words;
use crate::xml::{Element, Scanner};
use crate::zone::{Definition, Zones, read_definition};

/// Half a day: the midnight nearest to a time is the one of the date twelve hours later.
const HALF_DAY: SignedDuration = SignedDuration::from_hours(12);

/// Of `AppointmentState` (MS-OXOCAL, PidLidAppointmentStateFlags): received from an organizer; cancelled.
const STATE_RECEIVED: u32 = 2;
const STATE_CANCELLED: u32 = 4;

const LISTED: [&str; 20] = [
    "item:Subject",
    "item:Sensitivity",
    "item:Categories",
    "item:Importance",
    "item:DateTimeCreated",
    "item:ReminderIsSet",
    "item:ReminderMinutesBeforeStart",
    "calendar:Start",
    "calendar:End",
    "calendar:OriginalStart",
    "calendar:IsAllDayEvent",
    "calendar:LegacyFreeBusyStatus",
    "calendar:Location",
    "calendar:IsMeeting",
    "calendar:IsCancelled",
    "calendar:CalendarItemType",
    "calendar:MyResponseType",
    "calendar:Organizer",
    "calendar:AppointmentState",
    "calendar:TimeZone",
];

/// A search answers `ErrorInvalidPropertyRequest` to these.
const WHOLE: [&str; 6] = [
    "calendar:RequiredAttendees",
    "calendar:OptionalAttendees",
    "calendar:Resources",
    "calendar:Recurrence",
    "calendar:ModifiedOccurrences",
    "calendar:DeletedOccurrences",
];

impl Item for CalendarItem {
    fn paths(detail: Detail, version: ServerVersion) -> Vec<PathOf> {
        let mut fields: Vec<&'static str> = LISTED.to_vec();
        if version >= ServerVersion::Exchange2007Sp1 {
            fields.extend(["item:LastModifiedTime", "calendar:UID", "calendar:RecurrenceId"]);
        }
        if version >= ServerVersion::Exchange2010 {
            fields.extend(["calendar:StartTimeZone", "calendar:EndTimeZone"]);
        }
        if version >= ServerVersion::Exchange2013 {
            fields.push("calendar:IsOrganizer");
        }
        if detail != Detail::Listed {
            fields.extend(WHOLE);
            if version >= ServerVersion::Exchange2013 {
                fields.push("calendar:JoinOnlineMeetingUrl");
            }
            // Zones are named since Exchange 2010 only; before, meetings have one of their own.
            if version < ServerVersion::Exchange2010 {
                fields.push("calendar:MeetingTimeZone");
            }
        }
        if detail == Detail::WithBody {
            fields.push("item:Body");
        }
        let extended = [ExtendedField::Tag, ExtendedField::Operation].map(Path::Extended);
        fields.into_iter().map(Path::Field).chain(extended).map(PathOf).collect()
    }

    fn read(xml: &mut Scanner<'_>, element: &Element<'_>) -> Result<Result<Self, Unreadable>, ReadError> {
        if element.name() != "CalendarItem" {
            return of_other_kind(xml, element, "an appointment").map(Err);
        }
        let mut raw = Raw::default();
        xml.children(|xml, field| raw.read_field(xml, field))?;
        let id = raw.id.id.clone();
        Ok(raw.finish(&mut xml.zones).map_err(|reason| Unreadable { id, reason }))
    }
}

#[derive(Default)]
struct Raw {
    id: ItemId,
    uid: String,
    kind: Option<String>,
    start: Time,
    end: Time,
    original: Time,
    recurrence_id: Time,
    all_day: bool,
    start_definition: Option<Definition>,
    end_definition: Option<Definition>,
    meeting_zone: Option<String>,
    /// Exchange 2007 names the zone for people, sometimes by its real name.
    zone_text: String,
    recurrence: Option<Result<Recurrence, String>>,
    first: Option<RawOccurrence>,
    modified_occurrences: Vec<RawOccurrence>,
    deleted_occurrences: Vec<Time>,
    subject: String,
    body: Option<TextBody>,
    location: String,
    show_as: Option<ShowAs>,
    sensitivity: Option<Sensitivity>,
    importance: Option<Importance>,
    categories: Vec<String>,
    organizer: Option<calport_sdk::common::Participant>,
    is_organizer: Option<bool>,
    attendees: Vec<Attendee>,
    response: Option<Response>,
    cancelled: bool,
    state: Option<u32>,
    join_url: String,
    reminder_set: bool,
    reminder: Option<u32>,
    tag: Option<String>,
    operation: Option<String>,
    created: Option<i64>,
    modified: Option<i64>,
}

/// A time that was absent, readable or not.
#[derive(Default, Clone, Copy)]
enum Time {
    #[default]
    Absent,
    Read(When),
    Wrong,
}

impl Time {
    fn of(text: &str) -> Self {
        match text.trim() {
            "" => Self::Absent,
            text => value::date_time(text).map_or(Self::Wrong, Self::Read),
        }
    }

    fn needed(self, what: &str) -> Result<When, String> {
        match self {
            Self::Read(when) => Ok(when),
            Self::Absent => Err(format!("no {what}")),
            Self::Wrong => Err(format!("a time that cannot be read: {what}")),
        }
    }

    fn is_present(self) -> bool {
        !matches!(self, Self::Absent)
    }
}

#[derive(Default)]
struct RawOccurrence {
    id: ItemId,
    start: Time,
    end: Time,
    original: Time,
}

impl RawOccurrence {
    fn read(xml: &mut Scanner<'_>) -> Result<Self, ReadError> {
        let mut one = Self::default();
        xml.children(|xml, part| {
            match part.name() {
                "ItemId" => one.id = ItemId::read(part),
                "Start" => one.start = Time::of(&xml.text()?),
                "End" => one.end = Time::of(&xml.text()?),
                "OriginalStart" => one.original = Time::of(&xml.text()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(one)
    }
}

impl Raw {
    fn read_field(&mut self, xml: &mut Scanner<'_>, field: &Element<'_>) -> Result<(), ReadError> {
        match field.name() {
            "ItemId" => self.id = ItemId::read(field),
            "Subject" => self.subject = xml.text()?.into_owned(),
            "Sensitivity" => self.sensitivity = Some(words::sensitivity(xml.text()?.trim())),
            "Body" => self.body = Some(read_body(xml, field)?),
            "Categories" => self.categories = xml.texts("String")?,
            "Importance" => self.importance = Some(words::importance(xml.text()?.trim())),
            "DateTimeCreated" => self.created = instant(&xml.text()?),
            "LastModifiedTime" => self.modified = instant(&xml.text()?),
            "ReminderIsSet" => self.reminder_set = value::boolean(&xml.text()?).unwrap_or_default(),
            "ReminderMinutesBeforeStart" => self.reminder = xml.text()?.trim().parse().ok(),
            "ExtendedProperty" => read_extended(xml, |field, value| match field {
                ExtendedField::Tag => self.tag = Some(value),
                ExtendedField::Operation => self.operation = Some(value),
                _ => {}
            })?,
            "Location" => self.location = xml.text()?.into_owned(),
            "LegacyFreeBusyStatus" => self.show_as = Some(ShowAs::of(&xml.text()?)),
            "IsCancelled" => self.cancelled = value::boolean(&xml.text()?).unwrap_or_default(),
            "AppointmentState" => self.state = xml.text()?.trim().parse().ok(),
            "MyResponseType" => self.response = Some(Response::of(&xml.text()?)),
            "Organizer" => self.organizer = people::read_within(xml)?,
            "IsOrganizer" => self.is_organizer = value::boolean(&xml.text()?),
            "RequiredAttendees" => self.read_attendees(xml, AttendeeRole::Required)?,
            "OptionalAttendees" => self.read_attendees(xml, AttendeeRole::Optional)?,
            "Resources" => self.read_attendees(xml, AttendeeRole::Equipment)?,
            "JoinOnlineMeetingUrl" => self.join_url = xml.word()?,
            _ => return self.read_time(xml, field),
        }
        Ok(())
    }

    fn read_time(&mut self, xml: &mut Scanner<'_>, field: &Element<'_>) -> Result<(), ReadError> {
        match field.name() {
            "UID" => self.uid = xml.word()?,
            "CalendarItemType" => self.kind = Some(xml.word()?),
            "Start" => self.start = Time::of(&xml.text()?),
            "End" => self.end = Time::of(&xml.text()?),
            "OriginalStart" => self.original = Time::of(&xml.text()?),
            "RecurrenceId" => self.recurrence_id = Time::of(&xml.text()?),
            "IsAllDayEvent" => self.all_day = value::boolean(&xml.text()?).unwrap_or_default(),
            "StartTimeZone" => self.start_definition = Some(read_definition(xml, field)?),
            "EndTimeZone" => self.end_definition = Some(read_definition(xml, field)?),
            "MeetingTimeZone" => self.meeting_zone = field.attribute("TimeZoneName"),
            "TimeZone" => self.zone_text = xml.word()?,
            "Recurrence" => self.recurrence = Some(recurrence::read(xml)?),
            "FirstOccurrence" => self.first = Some(RawOccurrence::read(xml)?),
            "ModifiedOccurrences" => xml.children(|xml, _| {
                self.modified_occurrences.push(RawOccurrence::read(xml)?);
                Ok(())
            })?,
            "DeletedOccurrences" => xml.children(|xml, _| {
                self.deleted_occurrences.push(RawOccurrence::read(xml)?.start);
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    }

    fn read_attendees(&mut self, xml: &mut Scanner<'_>, role: AttendeeRole) -> Result<(), ReadError> {
        xml.children(|xml, _| {
            let (mut who, mut response) = (None, Response::None);
            xml.children(|xml, part| {
                match part.name() {
                    "Mailbox" => who = Some(people::read(xml)?),
                    "ResponseType" => response = Response::of(&xml.text()?),
                    _ => {}
                }
                Ok(())
            })?;
            self.attendees.extend(who.map(|who| Attendee { who, role, response }));
            Ok(())
        })
    }

    fn finish(self, zones: &mut Zones) -> Result<CalendarItem, String> {
        if self.id.id.is_empty() {
            return Err("an appointment without an id".to_owned());
        }
        let first = self.first.as_ref();
        let start = if self.start.is_present() { self.start } else { first.map_or(Time::Absent, |f| f.start) }.needed("start")?;
        let end = if self.end.is_present() { self.end } else { first.map_or(Time::Absent, |f| f.end) }.needed("end")?;
        let start_zone = self.start_zone(zones, start.utc());
        let end_zone = self.end_definition.as_ref().and_then(|d| zones.meant(d, end.utc())).or_else(|| start_zone.clone());
        // Timed items carry instants: their zone is looked up only where a wall time needs it.
        let walls = [Some(start), Some(end)].into_iter().flatten().any(|when| matches!(when, When::Wall(_)));
        let zone = if self.all_day || walls { start_zone.as_ref().and_then(|zone| zones.time_zone(zone)) } else { None };
        let times = Times { all_day: self.all_day, zone: zone.unwrap_or(TimeZone::UTC) };
        let span = times.span(start, end)?;
        let kind = self.kind(&times)?;
        let recurrence = if kind == EventKind::Master { self.recurrence.transpose()? } else { None };
        let modified_occurrences = self.modified_occurrences.iter().map(|one| times.occurrence(one)).collect::<Result<Vec<_>, _>>()?;
        let deleted_occurrences =
            self.deleted_occurrences.iter().map(|start| times.original(start.needed("deleted occurrence")?)).collect::<Result<_, _>>()?;
        let response = self.response.unwrap_or(Response::None);
        let received = self.state.map(|state| state & STATE_RECEIVED != 0);
        Ok(CalendarItem {
            id: self.id,
            uid: self.uid,
            kind,
            span,
            start_zone,
            end_zone,
            recurrence,
            modified_occurrences,
            deleted_occurrences,
            subject: self.subject,
            body: self.body,
            location: self.location,
            show_as: self.show_as.unwrap_or(ShowAs::NoData),
            sensitivity: self.sensitivity.unwrap_or(Sensitivity::Normal),
            importance: self.importance.unwrap_or(Importance::Normal),
            categories: self.categories,
            organizer: self.organizer,
            is_organizer: self.is_organizer.or(received.map(|r| !r)).unwrap_or(response == Response::Organizer),
            attendees: self.attendees,
            response,
            cancelled: self.cancelled || self.state.is_some_and(|state| state & STATE_CANCELLED != 0),
            join_url: self.join_url,
            reminder: self.reminder.filter(|_| self.reminder_set),
            tag: self.tag,
            operation: self.operation,
            created: self.created,
            modified: self.modified,
        })
    }

    fn start_zone(&self, zones: &mut Zones, at: Option<i64>) -> Option<Zone> {
        if let Some(definition) = &self.start_definition {
            return zones.meant(definition, at);
        }
        // Names for people are no names of zones: they are handed on only where they happen to be both.
        let text = Some(self.zone_text.as_str()).filter(|text| zones.resolve(text).is_some());
        self.meeting_zone.as_deref().or(text).and_then(calport_sdk::zone::named)
    }

    fn kind(&self, times: &Times) -> Result<EventKind, String> {
        let original = if self.original.is_present() { self.original } else { self.recurrence_id };
        let original = || original.needed("original start").and_then(|when| times.original(when));
        Ok(match self.kind.as_deref() {
            None | Some("Single") => EventKind::Single,
            Some("RecurringMaster") => EventKind::Master,
            Some("Occurrence") => EventKind::Occurrence(original().ok()),
            Some("Exception") => EventKind::Exception(original()?),
            Some(_) => return Err("an appointment of an unknown type".to_owned()),
        })
    }
}

fn instant(text: &str) -> Option<i64> {
    value::date_time(text).and_then(When::utc)
}

/// How times of one item are to be understood.
struct Times {
    all_day: bool,
    zone: TimeZone,
}

impl Times {
    fn instant(&self, when: When) -> Result<i64, String> {
        when.instant(&self.zone).ok_or_else(|| "a time out of range".to_owned())
    }

    /// The date that begins at the midnight nearest to a time in the item's zone. A day may begin at one o'clock, and an
    /// item that was made elsewhere is off by the difference of zones.
    fn day(&self, when: When) -> Result<jiff::civil::Date, String> {
        let out_of_range = || "a day out of range".to_owned();
        let time = Timestamp::from_millisecond(self.instant(when)?).map_err(|_| out_of_range())?;
        let noon = self.zone.to_datetime(time).checked_add(HALF_DAY).map_err(|_| out_of_range())?;
        Ok(noon.date())
    }

    fn span(&self, start: When, end: When) -> Result<Span, String> {
        const BACKWARDS: &str = "an end before its start";
        if self.all_day {
            let (start, mut end) = (self.day(start)?, self.day(end)?);
            if end < start {
                return Err(BACKWARDS.to_owned());
            }
            if end == start {
                end = start.tomorrow().map_err(|_| "a day out of range".to_owned())?;
            }
            return Ok(Span::AllDay(DateSpan { start: start.to_string(), end: end.to_string() }));
        }
        let (start, end) = (self.instant(start)?, self.instant(end)?);
        if end < start {
            return Err(BACKWARDS.to_owned());
        }
        Ok(Span::Timed(TimedSpan { start: Moment::At(start), end: Moment::At(end) }))
    }

    fn original(&self, when: When) -> Result<OriginalStart, String> {
        if self.all_day {
            return Ok(OriginalStart::Day(self.day(when)?.to_string()));
        }
        Ok(OriginalStart::Timed(Moment::At(self.instant(when)?)))
    }

    fn occurrence(&self, one: &RawOccurrence) -> Result<ModifiedOccurrence, String> {
        let what = "occurrence of the series";
        Ok(ModifiedOccurrence {
            id: one.id.clone(),
            span: self.span(one.start.needed(what)?, one.end.needed(what)?)?,
            original: self.original(one.original.needed(what)?)?,
        })
    }
}
