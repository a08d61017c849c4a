//! Which item a write is aimed at.

use calport_sdk::common::{Error, ErrorKind, ItemId, Moment, OriginalStart, Span, Window};
use calport_sdk::{error, request, time};

use crate::bindings::exports::calport::connector::calendar::{Event, EventKind, OccurrenceRef, WriteTarget};
use crate::client::{Client, IMMUTABLE_IDS, UTC_AND_TEXT, event_path};
use crate::events::{differences, event_select, instances, read_event};
use crate::failure::Purpose;
use crate::feed::page::parse_answer;

/// An occurrence is looked for among the instances from two days before to two days after its day: more than any two
/// zones are apart.
const AROUND_MS: i64 = 172_800_000;

/// The id of the target.
///
/// # Errors
/// `not-found` when the series has no such occurrence, and those of any read.
pub fn id(client: &Client, mailbox: &str, target: &WriteTarget) -> Result<ItemId, Error> {
    match target {
        WriteTarget::Item(id) => Ok(id.clone()),
        WriteTarget::Occurrence(place) => occurrence(client, mailbox, place),
    }
}

fn occurrence(client: &Client, mailbox: &str, place: &OccurrenceRef) -> Result<ItemId, Error> {
    let missing = || error::item(ErrorKind::NotFound, "finding an occurrence: the series has none that stood at this original start");
    let out_of_range = || error::invalid("original", "it is no date or time");
    let around = match &place.original {
        OriginalStart::Timed(Moment::At(instant)) => *instant,
        OriginalStart::Timed(Moment::Wall(wall)) => time::utc_wall(&wall.local).ok_or_else(out_of_range)?,
        OriginalStart::Day(day) => time::utc_wall(&format!("{day}T00:00:00")).ok_or_else(out_of_range)?,
    };
    let window = Window { start: around.saturating_sub(AROUND_MS), end: around.saturating_add(AROUND_MS) };
    if let OriginalStart::Timed(Moment::Wall(wall)) = &place.original
        && let calport_sdk::common::Zone::Named(zone) = &wall.zone
    {
        return by_wall_time(client, mailbox, &place.master, window, &wall.local, zone)?.ok_or_else(missing);
    }
    let stood = |e: &Event| stood_at(e).as_ref() == Some(&normal(&place.original));
    if let Some(found) = instances(client, mailbox, &place.master, window)?.into_iter().find(stood) {
        return Ok(found.id);
    }
    // It was moved further than the window reaches.
    let purpose = Purpose { doing: "reading a series", permission: "Calendars.Read", mailbox: Some(mailbox) };
    let builder = request::get(client.url(&event_path(mailbox, &place.master)))
        .query("$select", event_select(false))
        .header("prefer", format!("{IMMUTABLE_IDS}, {UTC_AND_TEXT}"));
    let master = read_event(&client.send(builder, &purpose)?, false)?;
    let (exceptions, _) = differences(client, mailbox, &master)?;
    exceptions.into_iter().find(stood).map(|e| e.id).ok_or_else(missing)
}

/// UTC wall times as instants, so that both spellings of one moment are equal.
fn normal(original: &OriginalStart) -> OriginalStart {
    match original {
        OriginalStart::Timed(Moment::Wall(wall)) => {
            time::utc_wall(&wall.local).map_or_else(|| original.clone(), |i| OriginalStart::Timed(Moment::At(i)))
        }
        _ => original.clone(),
    }
}

/// Where an instance stood before it was moved: its start, if it never was.
fn stood_at(event: &Event) -> Option<OriginalStart> {
    let (EventKind::Occurrence(place) | EventKind::Exception(place)) = &event.kind else { return None };
    let start = || match &event.time.span {
        Span::Timed(span) => OriginalStart::Timed(span.start.clone()),
        Span::AllDay(span) => OriginalStart::Day(span.start.clone()),
    };
    Some(place.original.clone().unwrap_or_else(start))
}

/// An occurrence that was never moved, by its wall time in a zone that only the server can read.
fn by_wall_time(client: &Client, mailbox: &str, master: &str, window: Window, local: &str, zone: &str) -> Result<Option<ItemId>, Error> {
    let (start, end) = crate::feed::window_bounds(window)?;
    let builder = request::get(client.url(&format!("{}/instances", event_path(mailbox, master))))
        .query("startDateTime", start)
        .query("endDateTime", end)
        .query("$select", "id,type,seriesMasterId,start,end")
        .header("prefer", format!("{IMMUTABLE_IDS}, outlook.timezone=\"{zone}\""));
    let purpose = Purpose { doing: "finding an occurrence", permission: "Calendars.Read", mailbox: Some(mailbox) };
    let response = client.send(builder, &purpose)?;
    let page = parse_answer(&response)?;
    let wanted = time::utc_wall(local);
    let same = |t: &str| wanted.is_some() && time::utc_wall(t) == wanted;
    let found = page.items.into_iter().find(|i| i.start.as_ref().is_some_and(|s| same(s.date_time.as_str())));
    Ok(found.map(|i| i.id))
}
