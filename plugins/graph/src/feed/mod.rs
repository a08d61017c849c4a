//! The feed of a mailbox: `calendarView/delta` over a window, then its links.
//!
//! The cursor is Graph's own link with the number of its format in front. `$select` is not allowed here, so bodies
//! come along and are skipped. A removal may mean that the event left the window (SEMANTICS B-07): the host confirms.

pub mod complete;
pub mod page;

use std::collections::HashMap;

use calport_sdk::common::{Cursor, Error, ItemId, Window};
use calport_sdk::{debug, error, paging, request, time};

use self::complete::{Fetched, complete_all, missing};
use self::page::Page;
use crate::bindings::exports::calport::connector::calendar::{Change, ChangePage, FeedEnd};
use crate::client::{Client, IMMUTABLE_IDS, UTC_AND_TEXT, calendar_path};
use crate::convert;
use crate::failure::Purpose;
use crate::wire::event::WireEvent;

/// The number of the cursors' format.
pub const CURSOR_FORMAT: u32 = 1;

/// The parameters of a window: `startDateTime` and `endDateTime` in UTC.
///
/// # Errors
/// `invalid` for instants that no calendar has.
pub fn window_bounds(window: Window) -> Result<(String, String), Error> {
    let text = |instant| time::to_rfc3339(instant).ok_or_else(|| error::invalid("window", "a year out of range"));
    Ok((text(window.start)?, text(window.end)?))
}

/// A page of changes (SEMANTICS C-03, C-05, C-06).
///
/// # Errors
/// `cursor-expired` when Graph has forgotten the cursor, and those of any read.
pub fn changes(
    client: &Client,
    mailbox: &str,
    calendar: Option<&str>,
    window: Window,
    cursor: Option<&Cursor>,
) -> Result<ChangePage, Error> {
    let builder = match cursor {
        Some(cursor) => request::get(paging::place(CURSOR_FORMAT, cursor)?),
        None => {
            let (start, end) = window_bounds(window)?;
            request::get(client.url(&format!("{}/calendarView/delta", calendar_path(mailbox, calendar))))
                .query("startDateTime", start)
                .query("endDateTime", end)
        }
    };
    let prefer = format!("{IMMUTABLE_IDS}, {UTC_AND_TEXT}, odata.maxpagesize={}", client.settings.page_size);
    let purpose = Purpose { doing: "reading changes of the calendar", permission: "Calendars.Read", mailbox: Some(mailbox) };
    let response = client.send(builder.header("prefer", prefer), &purpose)?;
    let page = page::parse_answer(&response)?;
    let missing = missing(&page.items);
    if missing.is_empty() {
        return finish(page, &HashMap::new(), client.settings.read_bodies);
    }
    debug!("the page lacks {} events that others build on; reading them", missing.len(); "mailbox" => mailbox);
    let fetched = Fetched::read(client, mailbox, missing)?;
    finish(page, &fetched.events()?, client.settings.read_bodies)
}

/// A page of changes from its bytes, for one that needs nothing else to be read. Pure: what the benchmark measures.
///
/// # Errors
/// `protocol` when it is no page of a feed. A single unreadable event is no error.
pub fn read_page(body: &[u8], bodies: bool) -> Result<ChangePage, Error> {
    finish(page::parse(body)?, &HashMap::new(), bodies)
}

/// A page of changes, completed from events that were fetched for it.
fn finish<'a>(page: Page<'a>, fetched: &HashMap<ItemId, WireEvent<'a>>, bodies: bool) -> Result<ChangePage, Error> {
    let end = match (page.next, page.delta) {
        (Some(link), _) => FeedEnd::More(paging::cursor(CURSOR_FORMAT, &link)),
        (None, Some(link)) => FeedEnd::Done(paging::cursor(CURSOR_FORMAT, &link)),
        (None, None) => return Err(error::protocol("a page with a nextLink or a deltaLink", "a page without either")),
    };
    let (whole, gone) = complete_all(page.items, fetched);
    let mut unreadable = page.unreadable;
    unreadable.extend(gone);
    let mut changes = Vec::with_capacity(whole.len());
    for item in whole {
        if item.removed.is_some() {
            changes.push(Change::Removed(item.id));
            continue;
        }
        match convert::event(item, bodies) {
            Ok(event) => changes.push(Change::Upsert(event)),
            Err(refusal) => unreadable.push(refusal),
        }
    }
    Ok(ChangePage { changes, end, unreadable })
}

#[cfg(test)]
mod tests;
