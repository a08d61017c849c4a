//! What a client sends of a calendar item, as fields of the shared state.
//!
//! The order of the schema is demanded, read-only properties are refused. Times are taken on the clock of the zone that stands beside
//! them, else of the item's own zone, else of the request's, else UTC.

use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};

use super::words::{IMPORTANCE, SENSITIVITY, SHOW_AS, graph};
use super::{extended, people, recurrence};
use crate::ews::soap::{Fault, Stop, Trouble};
use crate::ews::time::Written;
use crate::ews::xml::Element;
use crate::ews::zone;
use crate::graph::event::When;
use crate::graph::fields::{Fields, Local};
use crate::graph::http::Refusal;
use crate::graph::zones::Zone;

/// The parts of a calendar item in the order of the schema; `true` for those a client may set.
const ORDER: &[(&str, bool)] = &[
    ("MimeContent", false),
    ("ItemId", false),
    ("ParentFolderId", false),
    ("ItemClass", true),
    ("Subject", true),
    ("Sensitivity", true),
    ("Body", true),
    ("Attachments", false),
    ("DateTimeReceived", false),
    ("Size", false),
    ("Categories", true),
    ("Importance", true),
    ("InReplyTo", true),
    ("IsSubmitted", false),
    ("IsDraft", false),
    ("IsFromMe", false),
    ("IsResend", false),
    ("IsUnmodified", false),
    ("InternetMessageHeaders", false),
    ("DateTimeSent", false),
    ("DateTimeCreated", false),
    ("ResponseObjects", false),
    ("ReminderDueBy", true),
    ("ReminderIsSet", true),
    ("ReminderNextTime", false),
    ("ReminderMinutesBeforeStart", true),
    ("DisplayCc", false),
    ("DisplayTo", false),
    ("HasAttachments", false),
    ("ExtendedProperty", true),
    ("Culture", true),
    ("EffectiveRights", false),
    ("LastModifiedName", false),
    ("LastModifiedTime", false),
    ("IsAssociated", false),
    ("Flag", true),
    ("UID", true),
    ("RecurrenceId", false),
    ("DateTimeStamp", false),
    ("Start", true),
    ("End", true),
    ("OriginalStart", false),
    ("IsAllDayEvent", true),
    ("LegacyFreeBusyStatus", true),
    ("Location", true),
    ("When", true),
    ("IsMeeting", false),
    ("IsCancelled", false),
    ("IsRecurring", false),
    ("MeetingRequestWasSent", false),
    ("IsResponseRequested", true),
    ("CalendarItemType", false),
    ("MyResponseType", false),
    ("Organizer", false),
    ("RequiredAttendees", true),
    ("OptionalAttendees", true),
    ("Resources", true),
    ("ConflictingMeetingCount", false),
    ("AdjacentMeetingCount", false),
    ("Duration", false),
    ("TimeZone", false),
    ("AppointmentReplyTime", false),
    ("AppointmentSequenceNumber", false),
    ("AppointmentState", false),
    ("Recurrence", true),
    ("FirstOccurrence", false),
    ("LastOccurrence", false),
    ("ModifiedOccurrences", false),
    ("DeletedOccurrences", false),
    ("MeetingTimeZone", true),
    ("StartTimeZone", true),
    ("EndTimeZone", true),
    ("ConferenceType", true),
    ("AllowNewTimeProposal", true),
    ("IsOnlineMeeting", true),
    ("MeetingWorkspaceUrl", true),
    ("NetShowUrl", true),
    ("EnhancedLocation", true),
    ("StartTimeZoneId", true),
    ("EndTimeZoneId", true),
];

/// Longest event in days; five years.
const LONGEST: i64 = 5 * 366;

/// What the item is before it is changed.
pub(crate) struct Before<'a> {
    pub when: &'a When,
    pub attendees: Option<&'a Value>,
    pub extended: Option<&'a Value>,
}

/// Refuses parts that the schema does not know, or in another order.
///
/// # Errors
/// `ErrorSchemaValidation`.
pub(crate) fn in_order(item: &Element) -> Result<(), Fault> {
    let mut reached = 0;
    for child in &item.children {
        let at = ORDER.iter().position(|(n, _)| *n == child.local());
        match at {
            Some(at) if at > reached || at == 0 || (at == reached && child.local() == "ExtendedProperty") => reached = at,
            _ => return Err(Fault::schema(format!("The element 'CalendarItem' has invalid child element '{}'.", child.local()))),
        }
    }
    Ok(())
}

/// The times that were written, until all zones are known.
#[derive(Default)]
struct Times {
    start: Option<Written>,
    end: Option<Written>,
    start_zone: Option<Zone>,
    end_zone: Option<Zone>,
}

/// Reads the parts of an item that are set, and the paths of those that are taken away.
///
/// # Errors
/// Read-only parts, values out of the schema, times that do not fit.
pub(crate) fn read(set: &[&Element], gone: &[&Element], before: Option<&Before<'_>>, request: Option<&Zone>) -> Result<Fields, Stop> {
    let mut fields = Fields::default();
    let mut times = Times::default();
    let mut people: Vec<(&str, Vec<Value>)> = Vec::new();
    for element in set {
        match ORDER.iter().find(|(n, _)| *n == element.local()) {
            None => {
                return Err(Fault::schema(format!("The element 'CalendarItem' has invalid child element '{}'.", element.local())).into());
            }
            Some((_, false)) => return Err(Trouble::new("ErrorInvalidPropertySet", "Set action is invalid for property.").into()),
            Some(_) => {}
        }
        match attendee_kind(element.local()) {
            Some(kind) => people.push((kind, people::read(element, kind)?)),
            None => one(element, &mut fields, &mut times)?,
        }
    }
    let properties = extended::read(set.iter().copied().filter(|e| e.local() == "ExtendedProperty"))?;
    if !properties.is_empty() {
        fields.props.push(("singleValueExtendedProperties", Some(Value::Array(properties))));
    }
    for path in gone {
        take_away(path, &mut fields, &mut people, before)?;
    }
    if !people.is_empty() {
        fields.props.push(("attendees", Some(attendees(&people, before))));
    }
    place(&mut fields, &times, before, request)?;
    Ok(fields)
}

fn attendee_kind(name: &str) -> Option<&'static str> {
    match name {
        "RequiredAttendees" => Some("required"),
        "OptionalAttendees" => Some("optional"),
        "Resources" => Some("resource"),
        _ => None,
    }
}

/// All attendees after a change of some kinds of them.
fn attendees(changed: &[(&str, Vec<Value>)], before: Option<&Before<'_>>) -> Value {
    let kind = |p: &Value| p.get("type").and_then(Value::as_str).unwrap_or("required").to_owned();
    let old = before.and_then(|b| b.attendees).and_then(Value::as_array).cloned().unwrap_or_default();
    let same = |p: &Value| people::name_and_address(p).1.to_lowercase();
    let mut all: Vec<Value> = old.iter().filter(|p| !changed.iter().any(|(k, _)| *k == kind(p))).cloned().collect();
    for (_, people) in changed {
        // Who was there already keeps the response.
        all.extend(people.iter().map(|p| old.iter().find(|o| same(o) == same(p) && kind(o) == kind(p)).unwrap_or(p).clone()));
    }
    Value::Array(all)
}

fn flag(element: &Element) -> Result<Option<Value>, Fault> {
    match element.text.trim() {
        "true" | "1" => Ok(Some(json!(true))),
        "false" | "0" => Ok(Some(json!(false))),
        other => Err(Fault::schema(format!("The '{}' element is invalid - The value '{other}' is invalid.", element.local()))),
    }
}

fn word(table: &'static [(&'static str, &'static str)], element: &Element) -> Result<Option<Value>, Fault> {
    let text = element.text.trim();
    let found = graph(table, text)
        .ok_or_else(|| Fault::schema(format!("The '{}' element is invalid - The value '{text}' is invalid.", element.local())))?;
    Ok(Some(json!(found)))
}

fn one(element: &Element, fields: &mut Fields, times: &mut Times) -> Result<(), Stop> {
    let text = || Some(json!(element.text));
    let (name, value) = match element.local() {
        "Subject" => ("subject", text()),
        "Sensitivity" => ("sensitivity", word(SENSITIVITY, element)?),
        "Importance" => ("importance", word(IMPORTANCE, element)?),
        "LegacyFreeBusyStatus" => ("showAs", word(SHOW_AS, element)?),
        "Body" => {
            let kind = match element.attribute("BodyType") {
                Some("HTML") => "html",
                Some("Text") => "text",
                _ => return Err(Fault::schema("The required attribute 'BodyType' is missing.").into()),
            };
            ("body", Some(json!({"contentType": kind, "content": element.text})))
        }
        "Categories" => ("categories", Some(json!(element.all("String").map(|c| c.text.as_str()).collect::<Vec<_>>()))),
        "ReminderIsSet" => ("isReminderOn", flag(element)?),
        "ReminderMinutesBeforeStart" => {
            let minutes: i64 =
                element.text.trim().parse().map_err(|_| Fault::schema("The 'ReminderMinutesBeforeStart' element is invalid."))?;
            ("reminderMinutesBeforeStart", Some(json!(minutes)))
        }
        "Location" => ("location", Some(json!({"displayName": element.text}))),
        "EnhancedLocation" => ("location", Some(json!({"displayName": element.value("DisplayName").unwrap_or_default()}))),
        "IsResponseRequested" => ("responseRequested", flag(element)?),
        "AllowNewTimeProposal" => ("allowNewTimeProposals", flag(element)?),
        "IsOnlineMeeting" => ("isOnlineMeeting", flag(element)?),
        "UID" => ("iCalUId", text()),
        "IsAllDayEvent" => {
            fields.all_day = flag(element)?.and_then(|f| f.as_bool());
            return Ok(());
        }
        "Recurrence" => {
            fields.recurrence = Some(Some(recurrence::read(element)?));
            return Ok(());
        }
        other => return timed(other, element, times),
    };
    fields.props.push((name, value));
    Ok(())
}

/// Times and zones; what is left has no effect on what is kept.
fn timed(name: &str, element: &Element, times: &mut Times) -> Result<(), Stop> {
    match name {
        "Start" => times.start = Some(Written::read(&element.text)?),
        "End" => times.end = Some(Written::read(&element.text)?),
        "StartTimeZone" => times.start_zone = Some(zone::read(element)?),
        "EndTimeZone" => times.end_zone = Some(zone::read(element)?),
        "MeetingTimeZone" if times.start_zone.is_none() => times.start_zone = Some(zone::read_meeting(element)?),
        "StartTimeZoneId" => times.start_zone = Some(named(element)?),
        "EndTimeZoneId" => times.end_zone = Some(named(element)?),
        _ => {}
    }
    Ok(())
}

fn named(element: &Element) -> Result<Zone, Trouble> {
    let name = element.text.trim();
    zone::known(name).ok_or_else(|| crate::ews::time::bad_zone(name))
}

fn take_away(path: &Element, fields: &mut Fields, people: &mut Vec<(&str, Vec<Value>)>, before: Option<&Before<'_>>) -> Result<(), Stop> {
    if path.local() == "ExtendedFieldURI" {
        let id = extended::id(path)?;
        let old = before.and_then(|b| b.extended).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let left: Vec<Value> = old.iter().filter(|p| !crate::graph::render::same_property(p, &id)).cloned().collect();
        fields.props.push(("singleValueExtendedProperties", None));
        fields.props.push(("singleValueExtendedProperties", Some(Value::Array(left))));
        return Ok(());
    }
    let uri = path.attribute("FieldURI").unwrap_or_default();
    if let Some(kind) = uri.strip_prefix("calendar:").and_then(attendee_kind) {
        people.push((kind, Vec::new()));
        return Ok(());
    }
    let name = match uri {
        "item:Subject" => "subject",
        "item:Body" => "body",
        "item:Categories" => "categories",
        "calendar:Location" => "location",
        "calendar:EnhancedLocation" => "location",
        "item:ReminderMinutesBeforeStart" => "reminderMinutesBeforeStart",
        "calendar:Recurrence" => {
            fields.recurrence = Some(None);
            return Ok(());
        }
        // Not kept, so there is nothing to take away.
        "item:InReplyTo"
        | "item:Culture"
        | "item:ReminderDueBy"
        | "calendar:When"
        | "calendar:MeetingWorkspaceUrl"
        | "calendar:NetShowUrl" => {
            return Ok(());
        }
        _ => return Err(Trouble::new("ErrorInvalidPropertyDelete", "Delete action is invalid for property.").into()),
    };
    fields.props.push((name, None));
    Ok(())
}

/// Puts the times on the clocks of their zones.
fn place(fields: &mut Fields, times: &Times, before: Option<&Before<'_>>, request: Option<&Zone>) -> Result<(), Stop> {
    let own = before.map(|b| b.when);
    let zone = times.start_zone.clone().or_else(|| own.map(|w| w.zone.clone())).or_else(|| request.cloned()).unwrap_or_else(Zone::utc);
    let end_zone = times.end_zone.clone().unwrap_or_else(|| match own {
        Some(w) if times.start_zone.is_none() => Zone::read(&w.end_zone).unwrap_or_else(|_| zone.clone()),
        _ => zone.clone(),
    });
    let all_day = fields.all_day.unwrap_or_else(|| own.is_some_and(|w| w.all_day));
    let start = match (times.start, own) {
        (Some(written), _) => Some(written.local(&zone)),
        // Another zone alone: the same instant on another clock.
        (None, Some(w)) if times.start_zone.is_some() || (fields.all_day == Some(true) && !w.all_day) => {
            Some(if w.all_day { w.start } else { zone.local(w.starts()) })
        }
        (None, Some(_)) => None,
        (None, None) => return Err(Trouble::new("ErrorRequiredPropertyMissing", "Required property is missing: Start.").into()),
    };
    let end = match (times.end, own) {
        (Some(written), _) => Some(written.local(&end_zone)),
        (None, Some(w)) if times.start_zone.is_some() || times.end_zone.is_some() || (fields.all_day == Some(true) && !w.all_day) => {
            Some(if w.all_day { w.end } else { end_zone.local(w.ends()) })
        }
        (None, Some(_)) => None,
        (None, None) => start.map(|s| if all_day { s.saturating_add(1.day()) } else { s.saturating_add(30.minutes()) }),
    };
    let (start, end) = if all_day { (start.map(floor), end.map(ceiling)) } else { (start, end) };
    fields.start = start.map(|time| Local { time, zone: zone.clone() });
    // A range of dates has one zone.
    fields.end = end.map(|time| Local { time, zone: if all_day { zone.clone() } else { end_zone.clone() } });
    checked(fields, own)
}

fn checked(fields: &Fields, own: Option<&When>) -> Result<(), Stop> {
    let instant = |l: &Local| l.zone.instant(l.time);
    let start = fields.start.as_ref().map(instant).or_else(|| own.map(When::starts));
    let end = fields.end.as_ref().map(instant).or_else(|| own.map(When::ends));
    let (Some(start), Some(end)) = (start, end) else { return Ok(()) };
    if end < start {
        return Err(Trouble::new("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate").into());
    }
    if end.duration_since(start) > SignedDuration::from_hours(24 * LONGEST) {
        return Err(Trouble::new("ErrorCalendarDurationIsTooLong", "The specified duration is too long.").into());
    }
    Ok(())
}

fn floor(at: DateTime) -> DateTime {
    at.date().to_datetime(Time::midnight())
}

fn ceiling(at: DateTime) -> DateTime {
    if at == floor(at) { at } else { floor(at).saturating_add(1.day()) }
}

/// A refusal of the shared state in the words of EWS.
pub(crate) fn trouble(refusal: Refusal) -> Trouble {
    match (refusal.status, refusal.code.as_str()) {
        (404, _) => Trouble::item_not_found(),
        (412, _) => crate::ews::fault::trouble("ErrorIrresolvableConflict"),
        (_, "TimeZoneNotSupportedException") => Trouble::new("ErrorTimeZone", refusal.message),
        _ if refusal.message.contains("the end is before") => {
            Trouble::new("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate")
        }
        _ if refusal.message.contains("recurrence has no occurrence") => {
            Trouble::new("ErrorRecurrenceHasNoOccurrence", "The recurrence pattern has no valid occurrences in the specified range.")
        }
        _ if refusal.message.contains("recurrence") => {
            Trouble::new("ErrorCalendarInvalidRecurrence", "The specified recurrence cannot be created.")
        }
        (_, code) if code.starts_with("Error") => Trouble::new(code, refusal.message),
        _ => Trouble::new("ErrorCalendarInvalidPropertyValue", refusal.message),
    }
}
