//! From Graph's event to the package's.
//!
//! * Times come in UTC because every request asks for it; a server that answers in another zone all the same is
//!   believed, and its wall times are handed on with that zone's name.
//! * All-day events are dates: their midnights are never converted (SEMANTICS B-20).
//! * A show-as that is unknown or absent is `no-data`, never `busy` and never `free` (SEMANTICS P-03).

pub mod recurrence;

use calport_sdk::common::{
    DateSpan, Importance, ItemId, OriginalStart, Participant, Sensitivity, Span, TextBody, TextFormat, TimedSpan, Version,
};
use calport_sdk::{time, zone};

use crate::bindings::exports::calport::connector::calendar::{
    Attendee, AttendeeRole, Event, EventKind, EventTime, Location, OnlineMeeting, Response, SeriesPlace, ShowAs,
};
use crate::wire::event::{WireAddress, WireAttendee, WireBody, WireEvent, WireLocation, WireTime};
use crate::wire::text::Text;
use crate::wire::words;

/// What an event's version is: the etag, which sparse occurrences have too. An etag is a change key in quotes.
pub fn version(etag: Option<String>, change_key: Option<&str>) -> Version {
    etag.unwrap_or_else(|| change_key.map(|key| format!("W/\"{key}\"")).unwrap_or_default())
}

/// The event, or its id with why it cannot be read. The reason names members, never their values.
///
/// # Errors
/// When it has no start or end, or an occurrence lacks its master, or an exception its original start.
pub fn event(mut wire: WireEvent<'_>, bodies: bool) -> Result<Event, (ItemId, String)> {
    match facts(&mut wire) {
        Ok((kind, time)) => Ok(with_facts(wire, kind, time, bodies)),
        Err(reason) => Err((wire.id, reason)),
    }
}

/// What an event cannot do without.
fn facts(wire: &mut WireEvent<'_>) -> Result<(EventKind, EventTime), String> {
    let all_day = wire.is_all_day.unwrap_or(false);
    let span = span(wire.start.as_ref(), wire.end.as_ref(), all_day)?;
    let original = match &wire.original_start {
        Some(text) => Some(original_start(text.as_str(), all_day)?),
        None => None,
    };
    let kind = kind(wire.kind, wire.series_master_id.take(), original)?;
    let start_zone = wire.original_start_time_zone.as_ref().and_then(|z| zone::named(z.as_str()));
    let recurrence = match (&kind, &wire.recurrence) {
        (EventKind::Master, Some(r)) => Some(recurrence::read(r, start_zone.as_ref())?),
        (EventKind::Master, None) => return Err("a series master without recurrence".to_owned()),
        _ => None,
    };
    let time =
        EventTime { span, end_zone: wire.original_end_time_zone.as_ref().and_then(|z| zone::named(z.as_str())), start_zone, recurrence };
    Ok((kind, time))
}

fn with_facts(wire: WireEvent<'_>, kind: EventKind, time: EventTime, bodies: bool) -> Event {
    let body = if bodies { wire.body.and_then(|raw| serde_json::from_slice(raw.get().as_bytes()).ok()).map(body) } else { None };
    let reminder =
        if wire.is_reminder_on.unwrap_or(false) { wire.reminder_minutes_before_start.and_then(|m| u32::try_from(m).ok()) } else { None };
    let join_url = wire.online_meeting.and_then(|m| m.join_url).or(wire.online_meeting_url).filter(|u| !u.is_empty());
    let provider = wire.online_meeting_provider.filter(|p| p != "unknown").unwrap_or_default();
    Event {
        version: version(wire.etag, wire.change_key.as_ref().map(Text::as_str)),
        id: wire.id,
        uid: wire.uid.unwrap_or_default(),
        owner: None,
        kind,
        time,
        subject: wire.subject.unwrap_or_default(),
        body,
        location: wire.location.and_then(location),
        show_as: show_as(wire.show_as),
        sensitivity: sensitivity(wire.sensitivity),
        importance: importance(wire.importance),
        categories: wire.categories.unwrap_or_default(),
        organizer: wire.organizer.and_then(|o| o.email_address).map(participant),
        is_organizer: wire.is_organizer.unwrap_or(false),
        attendees: wire.attendees.unwrap_or_default().into_iter().map(attendee).collect(),
        response: response(wire.response_status.and_then(|s| s.response)),
        cancelled: wire.is_cancelled.unwrap_or(false),
        online_meeting: join_url.map(|url| OnlineMeeting { url, provider }),
        reminder,
        tag: None,
        created: wire.created_date_time.and_then(|t| time::instant(t.as_str())),
        modified: wire.last_modified_date_time.and_then(|t| time::instant(t.as_str())),
        extra: Vec::new(),
    }
}

fn span(start: Option<&WireTime<'_>>, end: Option<&WireTime<'_>>, all_day: bool) -> Result<Span, String> {
    let start = start.ok_or("no start")?;
    let end = end.ok_or("no end")?;
    if all_day {
        let date = |t: &WireTime<'_>| time::date_part(t.date_time.as_str());
        let start = date(start).ok_or("a start that is no date")?;
        let end = date(end).ok_or("an end that is no date")?;
        return Ok(Span::AllDay(DateSpan { start, end }));
    }
    let moment = |t: &WireTime<'_>| {
        // Graph's default is UTC, and so is what was asked for.
        time::moment(t.date_time.as_str(), t.time_zone.as_ref().map_or("UTC", Text::as_str))
    };
    let start = moment(start).ok_or("a start that is no time")?;
    let end = moment(end).ok_or("an end that is no time")?;
    Ok(Span::Timed(TimedSpan { start, end }))
}

/// The original start, which Graph gives as an instant even for all-day events: the midnight of the mailbox then.
fn original_start(text: &str, all_day: bool) -> Result<OriginalStart, String> {
    let instant = time::instant(text).ok_or("an original start that is no time")?;
    if !all_day {
        return Ok(OriginalStart::Timed(calport_sdk::common::Moment::At(instant)));
    }
    time::nearest_utc_date(instant).map(OriginalStart::Day).ok_or_else(|| "an original start out of range".to_owned())
}

fn kind(kind: Option<words::EventType>, master: Option<String>, original: Option<OriginalStart>) -> Result<EventKind, String> {
    let master = master.filter(|m| !m.is_empty());
    match (kind, master) {
        (Some(words::EventType::Master), _) => Ok(EventKind::Master),
        (Some(words::EventType::Occurrence), Some(master)) => Ok(EventKind::Occurrence(SeriesPlace { master, original })),
        (Some(words::EventType::Exception), Some(master)) if original.is_some() => {
            Ok(EventKind::Exception(SeriesPlace { master, original }))
        }
        (Some(words::EventType::Exception), Some(_)) => Err("an exception without its original start".to_owned()),
        (Some(words::EventType::Occurrence | words::EventType::Exception), None) => {
            Err("an occurrence that names no series master".to_owned())
        }
        (Some(words::EventType::Other), _) => Err("an event of an unknown type".to_owned()),
        (Some(words::EventType::Single) | None, _) => Ok(EventKind::Single),
    }
}

fn body(wire: WireBody) -> TextBody {
    let html = wire.content_type.is_some_and(|t| t.eq_ignore_ascii_case("html"));
    let format = if html { TextFormat::Html } else { TextFormat::Plain };
    TextBody { format, content: wire.content.unwrap_or_default() }
}

fn location(wire: WireLocation) -> Option<Location> {
    let name = wire.display_name.unwrap_or_default();
    let address = wire.location_email_address.unwrap_or_default();
    (!name.is_empty() || !address.is_empty()).then_some(Location { name, address })
}

/// Whether the time counts as taken (SEMANTICS P-03).
pub fn show_as(wire: Option<words::FreeBusy>) -> ShowAs {
    match wire {
        Some(words::FreeBusy::Free) => ShowAs::Free,
        Some(words::FreeBusy::Tentative) => ShowAs::Tentative,
        Some(words::FreeBusy::Taken) => ShowAs::Busy,
        Some(words::FreeBusy::OutOfOffice) => ShowAs::OutOfOffice,
        Some(words::FreeBusy::WorkingElsewhere) => ShowAs::WorkingElsewhere,
        Some(words::FreeBusy::Unknown | words::FreeBusy::Other) | None => ShowAs::NoData,
    }
}

/// A sensitivity that this version does not know is taken for private: masking too much harms less.
fn sensitivity(wire: Option<words::Sensitivity>) -> Sensitivity {
    match wire {
        Some(words::Sensitivity::Normal) | None => Sensitivity::Normal,
        Some(words::Sensitivity::Personal) => Sensitivity::Personal,
        Some(words::Sensitivity::Confidential) => Sensitivity::Confidential,
        Some(words::Sensitivity::Private | words::Sensitivity::Other) => Sensitivity::Private,
    }
}

fn importance(wire: Option<words::Importance>) -> Importance {
    match wire {
        Some(words::Importance::Low) => Importance::Low,
        Some(words::Importance::High) => Importance::High,
        Some(words::Importance::Normal | words::Importance::Other) | None => Importance::Normal,
    }
}

fn response(wire: Option<words::Response>) -> Response {
    match wire {
        Some(words::Response::Organizer) => Response::Organizer,
        Some(words::Response::Accepted) => Response::Accepted,
        Some(words::Response::Tentative) => Response::Tentative,
        Some(words::Response::Declined) => Response::Declined,
        Some(words::Response::None | words::Response::NotResponded | words::Response::Other) | None => Response::None,
    }
}

fn participant(wire: WireAddress) -> Participant {
    Participant { name: wire.name.unwrap_or_default(), address: wire.address.unwrap_or_default() }
}

fn attendee(wire: WireAttendee) -> Attendee {
    let role = match wire.kind {
        Some(words::AttendeeType::Optional) => AttendeeRole::Optional,
        Some(words::AttendeeType::Resource) => AttendeeRole::Equipment,
        Some(words::AttendeeType::Required | words::AttendeeType::Other) | None => AttendeeRole::Required,
    };
    Attendee { who: participant(wire.email_address.unwrap_or_default()), role, response: response(wire.status.and_then(|s| s.response)) }
}

#[cfg(test)]
mod tests;
