//! Reading events otherwise than by the feed: calendars, instances of a series, events by id, ids for comparing.

use calport_sdk::common::{Cursor, Error, ErrorScope, ItemId, OriginalStart, Span, Version, Window, Zone};
use calport_sdk::http::{Response, ResponseExt, not_json};
use calport_sdk::{error, paging, request, time, warn};
use serde::Deserialize;

use crate::batch::Part;
use crate::bindings::exports::calport::connector::calendar::{CalendarInfo, Event, EventDetail, EventKind, IdPage, IdVersion, MailboxInfo};
use crate::client::{Client, Collection, IMMUTABLE_IDS, UTC_AND_TEXT, calendar_path, event_path, user_path};
use crate::convert;
use crate::failure::Purpose;
use crate::feed::page::parse_answer;
use crate::feed::{CURSOR_FORMAT, window_bounds};
use crate::wire::event::{WireEvent, WireTime};
use crate::wire::text::Text;

/// Members of an event that are read, except the body.
const EVENT_MEMBERS: &str = "id,changeKey,type,seriesMasterId,start,end,isAllDay,originalStart,originalStartTimeZone,\
originalEndTimeZone,recurrence,iCalUId,subject,location,showAs,sensitivity,importance,categories,organizer,isOrganizer,\
attendees,responseStatus,isCancelled,onlineMeeting,onlineMeetingUrl,onlineMeetingProvider,isReminderOn,\
reminderMinutesBeforeStart,createdDateTime,lastModifiedDateTime";

/// Pages of one list after which a server is taken to be broken; at the smallest page size still 10,000 items.
const MAX_PAGES: usize = 10_000;

/// The `$select` of an event.
pub fn event_select(bodies: bool) -> String {
    if bodies { format!("{EVENT_MEMBERS},body") } else { EVENT_MEMBERS.to_owned() }
}

fn reading<'a>(doing: &'static str, mailbox: &'a str) -> Purpose<'a> {
    Purpose { doing, permission: "Calendars.Read", mailbox: Some(mailbox) }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCalendar {
    id: String,
    name: Option<String>,
    is_default_calendar: Option<bool>,
    can_edit: Option<bool>,
    owner: Option<WireOwner>,
}

#[derive(Deserialize)]
struct WireOwner {
    address: Option<String>,
}

/// The calendars of a mailbox.
///
/// # Errors
/// Those of any read.
pub fn calendars(client: &Client, mailbox: &str) -> Result<Vec<CalendarInfo>, Error> {
    let first = |url: &str| request::get(url).query("$select", "id,name,isDefaultCalendar,canEdit,owner");
    let path = format!("{}/calendars", user_path(mailbox));
    let purpose = reading("listing calendars", mailbox);
    let list: Vec<WireCalendar> = client.collect(first, &path, &purpose, IMMUTABLE_IDS)?;
    let info = |c: WireCalendar| CalendarInfo {
        id: c.id,
        name: c.name.unwrap_or_default(),
        default: c.is_default_calendar.unwrap_or(false),
        writable: c.can_edit.unwrap_or(false),
        owner_address: c.owner.and_then(|o| o.address).unwrap_or_default(),
    };
    Ok(list.into_iter().map(info).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMailbox {
    time_zone: Option<String>,
    language: Option<WireLanguage>,
}

#[derive(Deserialize)]
struct WireLanguage {
    locale: Option<String>,
}

/// Zone and language of mailboxes, in the order asked. Graph has no groups of mailboxes.
pub fn mailbox_infos(client: &Client, mailboxes: &[String]) -> Vec<Result<MailboxInfo, Error>> {
    let read = |answer: Result<Response, Error>| {
        let wire: WireMailbox = answer?.json("mailbox settings")?;
        Ok(MailboxInfo {
            zone: wire.time_zone.filter(|z| !z.is_empty()),
            language: wire.language.and_then(|l| l.locale).filter(|l| !l.is_empty()),
            affinity: String::new(),
        })
    };
    client.mailbox_settings(mailboxes).into_iter().map(read).collect()
}

impl Client {
    /// The settings of mailboxes as Graph gives them, in the order asked.
    pub fn mailbox_settings(&self, mailboxes: &[String]) -> Vec<Result<Response, Error>> {
        let parts: Vec<Part> = mailboxes.iter().map(|m| Part::get(Some(m), format!("{}/mailboxSettings", user_path(m)), "")).collect();
        let purpose = Purpose { doing: "reading mailbox settings", permission: "MailboxSettings.Read", mailbox: None };
        self.batch(&parts, &purpose)
    }
}

/// The occurrences and exceptions of a series in a window (SEMANTICS C-07).
///
/// # Errors
/// `not-found` when the series is gone, and those of any read. An instance that cannot be read is logged and left out.
pub fn instances(client: &Client, mailbox: &str, master: &str, window: Window) -> Result<Vec<Event>, Error> {
    let (start, end) = window_bounds(window)?;
    let select = event_select(client.settings.read_bodies);
    let prefer = format!("{IMMUTABLE_IDS}, {UTC_AND_TEXT}, odata.maxpagesize={}", client.settings.page_size);
    let purpose = reading("reading the instances of a series", mailbox);
    paging::all_pages(MAX_PAGES, |link| {
        let builder = match link {
            Some(link) => request::get(link),
            None => request::get(client.url(&format!("{}/instances", event_path(mailbox, master))))
                .query("startDateTime", &start)
                .query("endDateTime", &end)
                .query("$select", &select),
        };
        let response = client.send(builder.header("prefer", &prefer), &purpose)?;
        let page = parse_answer(&response)?;
        let mut events = Vec::with_capacity(page.items.len());
        for (id, reason) in page.unreadable {
            warn!("an instance of a series cannot be read: {}", reason; "mailbox" => mailbox, "event" => id);
        }
        for item in page.items {
            match convert::event(item, client.settings.read_bodies) {
                Ok(event) => events.push(event),
                Err((id, reason)) => {
                    warn!("an instance of a series cannot be read: {}", reason; "mailbox" => mailbox, "event" => id);
                }
            }
        }
        Ok((events, page.next))
    })
}

/// Ids and versions of all in a window, page by page.
///
/// # Errors
/// Those of any read.
pub fn ids(client: &Client, mailbox: &str, calendar: Option<&str>, window: Window, next: Option<&Cursor>) -> Result<IdPage, Error> {
    let builder = match next {
        Some(cursor) => request::get(paging::place(CURSOR_FORMAT, cursor)?),
        None => {
            let (start, end) = window_bounds(window)?;
            request::get(client.url(&format!("{}/calendarView", calendar_path(mailbox, calendar))))
                .query("startDateTime", start)
                .query("endDateTime", end)
                .query("$select", "id,changeKey")
        }
    };
    let prefer = format!("{IMMUTABLE_IDS}, odata.maxpagesize={}", client.settings.page_size);
    let response = client.send(builder.header("prefer", prefer), &reading("listing the calendar's ids", mailbox))?;
    let page: Collection<WireVersion> = response.json("a page of ids")?;
    Ok(IdPage {
        ids: page.value.into_iter().map(|v| IdVersion { id: v.id, version: convert::version(v.etag, v.change_key.as_deref()) }).collect(),
        next: page.next.map(|link| paging::cursor(CURSOR_FORMAT, &link)),
    })
}

/// An id with what its version is made of.
#[derive(Debug, Deserialize)]
pub struct WireVersion {
    id: ItemId,
    #[serde(rename = "@odata.etag")]
    etag: Option<Version>,
    #[serde(rename = "changeKey")]
    change_key: Option<String>,
}

/// Events by id, in the order asked; masters with what differs from them.
pub fn get_events(client: &Client, mailbox: &str, ids: &[ItemId]) -> Vec<Result<EventDetail, Error>> {
    let select = event_select(client.settings.read_bodies);
    let prefer = format!("{IMMUTABLE_IDS}, {UTC_AND_TEXT}");
    let parts: Vec<Part> =
        ids.iter().map(|id| Part::get(Some(mailbox), format!("{}?$select={select}", event_path(mailbox, id)), &prefer)).collect();
    let purpose = reading("reading an event", mailbox);
    client.batch(&parts, &purpose).into_iter().map(|answer| detail(client, mailbox, &answer?)).collect()
}

fn detail(client: &Client, mailbox: &str, response: &Response) -> Result<EventDetail, Error> {
    let event = read_event(response, client.settings.read_bodies)?;
    if event.kind != EventKind::Master {
        return Ok(EventDetail { event, exceptions: Vec::new(), cancelled: Vec::new() });
    }
    let (exceptions, cancelled) = differences(client, mailbox, &event)?;
    Ok(EventDetail { event, exceptions, cancelled })
}

/// An event from an answer.
///
/// # Errors
/// `protocol`, reaching the one item.
pub fn read_event(response: &Response, bodies: bool) -> Result<Event, Error> {
    let unreadable = |mut e: Error| {
        e.scope = ErrorScope::Item;
        e
    };
    let wire: WireEvent<'_> = serde_json::from_slice(&response.body).map_err(|e| unreadable(not_json(response, &e, "an event")))?;
    convert::event(wire, bodies).map_err(|(_, reason)| unreadable(error::protocol("an event", reason)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct WireDifferences<'a> {
    #[serde(default)]
    exception_occurrences: Option<Vec<WireEvent<'a>>>,
    #[serde(default)]
    cancelled_occurrences: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WireStart<'a> {
    #[serde(bound(deserialize = "'de: 'a"))]
    start: WireTime<'a>,
}

/// Exceptions and deleted occurrences of a series.
pub fn differences(client: &Client, mailbox: &str, master: &Event) -> Result<(Vec<Event>, Vec<OriginalStart>), Error> {
    let url = client.url(&event_path(mailbox, &master.id));
    let bodies = client.settings.read_bodies;
    let expand = format!("exceptionOccurrences($select={})", event_select(bodies));
    let builder = request::get(&url)
        .query("$select", "id,cancelledOccurrences")
        .query("$expand", expand)
        .header("prefer", format!("{IMMUTABLE_IDS}, {UTC_AND_TEXT}"));
    let response = client.send(builder, &reading("reading the exceptions of a series", mailbox))?;
    let wire: WireDifferences<'_> =
        serde_json::from_slice(&response.body).map_err(|e| not_json(&response, &e, "the exceptions of a series"))?;
    let mut exceptions = Vec::new();
    for item in wire.exception_occurrences.unwrap_or_default() {
        match convert::event(item, bodies) {
            Ok(event) => exceptions.push(event),
            Err((id, why)) => warn!("an exception cannot be read: {}", why; "mailbox" => mailbox, "event" => id),
        }
    }
    let dates: Vec<String> = wire.cancelled_occurrences.unwrap_or_default().iter().filter_map(|oid| cancelled_date(oid)).collect();
    let cancelled = cancelled_starts(client, mailbox, master, dates)?;
    Ok((exceptions, cancelled))
}

/// The date at the end of `OID.{id}.{date}`.
fn cancelled_date(oid: &str) -> Option<String> {
    time::date_part(oid.rsplit('.').next()?)
}

/// Where deleted occurrences stood. Graph names only their days; the time of day is the master's, in the series' zone.
fn cancelled_starts(client: &Client, mailbox: &str, master: &Event, dates: Vec<String>) -> Result<Vec<OriginalStart>, Error> {
    let all_day = matches!(master.time.span, Span::AllDay(_));
    let series_zone = master.time.recurrence.as_ref().map(|r| &r.zone);
    let name = match series_zone {
        _ if dates.is_empty() || all_day => return Ok(dates.into_iter().map(OriginalStart::Day).collect()),
        Some(Zone::Named(name)) => name.as_str(),
        _ => "UTC",
    };
    let builder = request::get(client.url(&event_path(mailbox, &master.id)))
        .query("$select", "id,start")
        .header("prefer", format!("{IMMUTABLE_IDS}, outlook.timezone=\"{name}\""));
    let response = client.send(builder, &reading("reading the start of a series in its zone", mailbox))?;
    let wire: WireStart<'_> = serde_json::from_slice(&response.body).map_err(|e| not_json(&response, &e, "the start of a series"))?;
    let answered = wire.start.time_zone.as_ref().map_or("UTC", Text::as_str);
    let clock = wire.start.date_time.as_str().split_once('T').map_or("00:00:00", |(_, clock)| clock);
    let start = |date: String| time::moment(&format!("{date}T{clock}"), answered).map(OriginalStart::Timed);
    let starts: Option<Vec<OriginalStart>> = dates.into_iter().map(start).collect();
    starts.ok_or_else(|| error::protocol("the start of a series", "a start that is no time"))
}

#[cfg(test)]
mod tests;
