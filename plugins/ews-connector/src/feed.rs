//! The feed: the whole window at each call, and what differs from the last one (SEMANTICS C-08).
//!
//! EWS has no cursor over a window with series expanded. So a cursor holds what the window held: ids with 64 bits of what
//! their versions hash to. Where that would be too long for a cursor, it holds one hash of everything, and any change is
//! answered `cursor-expired`: the host reads the window again beside its mirror and loses nothing (SEMANTICS C-06).
//!
//! A window with more than a search gives is read in parts ([`window`]). The first read answers one part a page.

mod cursor;
mod window;

use std::collections::HashSet;

use calport_sdk::common::{Error, ErrorKind, Window};
use calport_sdk::{error, paging};

use crate::bindings::exports::calport::connector::calendar::{Change, ChangePage, FeedEnd, IdPage, IdVersion};
use crate::client::Client;
use crate::series;
use cursor::{Listing, Stand};
use window::{Found, Place};

/// The format of cursors. It rises when older ones cannot be read any more.
pub const CURSOR_FORMAT: u32 = 1;

/// Changes in the window since the cursor; without one, all, a part of the window a page.
///
/// # Errors
/// `cursor-expired` for a cursor of another format, or when more changed than a cursor or a page can tell; and those of any read.
pub fn changes(client: &Client, mailbox: &str, calendar: Option<&str>, window: Window, cursor: Option<&str>) -> Result<ChangePage, Error> {
    let reader = Reader { client, mailbox, calendar, window };
    match cursor.map(|cursor| paging::place(CURSOR_FORMAT, cursor).and_then(Stand::read)).transpose()? {
        None => reader.first_read(Place::first(window), None),
        Some(Stand::Part { at, digest }) => reader.first_read(at, Some(&digest)),
        Some(Stand::Digest(digest)) => reader.unless_changed(&digest),
        Some(Stand::Ids(known)) => reader.since(&known),
    }
}

/// Ids and versions of all in the window, a part of it in each page.
///
/// # Errors
/// Those of any read.
pub fn ids(client: &Client, mailbox: &str, calendar: Option<&str>, window: Window, next: Option<&str>) -> Result<IdPage, Error> {
    let mut at = match next.map(|cursor| paging::place(CURSOR_FORMAT, cursor).and_then(Stand::read)).transpose()? {
        None => Place::first(window),
        Some(Stand::Part { at, .. }) => at,
        Some(_) => return Err(error::mailbox(ErrorKind::CursorExpired, "the cursor is not one of a list of ids")),
    };
    let reader = Reader { client, mailbox, calendar, window };
    let Found { items, unreadable } = reader.part(&mut at)?;
    let mut ids = Vec::with_capacity(items.len());
    for item in items {
        if item.kind == calport_ews_protocol::item::event::EventKind::Master {
            // The server does not expand series: what stands in the window are the occurrences.
            let occurrences = series::instances(client, mailbox, &item.id.id, window)?;
            ids.extend(occurrences.into_iter().map(|one| IdVersion { id: one.id, version: one.version }));
        } else {
            ids.push(IdVersion { id: item.id.id, version: item.id.change_key });
        }
    }
    ids.extend(unreadable.into_iter().filter(|(id, _)| !id.is_empty()).map(|(id, _)| IdVersion { id, version: String::new() }));
    let next = at.left(window).then(|| paging::cursor(CURSOR_FORMAT, &cursor::of_part(&at, "")));
    Ok(IdPage { ids, next })
}

/// One read of a window.
struct Reader<'a> {
    client: &'a Client,
    mailbox: &'a str,
    calendar: Option<&'a str>,
    window: Window,
}

impl Reader<'_> {
    fn part(&self, at: &mut Place) -> Result<Found, Error> {
        window::part(self.client, self.mailbox, self.calendar, self.window, at)
    }

    /// A part of the window with all that is in it. `before` is the digest of the parts before it.
    fn first_read(&self, mut at: Place, before: Option<&str>) -> Result<ChangePage, Error> {
        let Found { items, mut unreadable } = self.part(&mut at)?;
        let listing = Listing::of(&items, &unreadable);
        let (events, aside) = series::listed(self.client, self.mailbox, items)?;
        let digest = || listing.digest(before.unwrap_or_default());
        let end = match before {
            _ if at.left(self.window) => FeedEnd::More(cursor(&cursor::of_part(&at, &digest()))),
            None => FeedEnd::Done(cursor(&listing.place(&aside))),
            Some(_) => FeedEnd::Done(cursor(&cursor::of_digest(&digest()))),
        };
        unreadable.extend(aside);
        let changes = events.into_iter().map(Change::Upsert).collect();
        Ok(ChangePage { changes, end, unreadable })
    }

    /// Nothing, unless anything changed.
    fn unless_changed(&self, digest: &str) -> Result<ChangePage, Error> {
        let (mut at, mut now) = (Place::first(self.window), String::new());
        let mut unreadable = Vec::new();
        while at.left(self.window) {
            let found = self.part(&mut at)?;
            now = Listing::of(&found.items, &found.unreadable).digest(&now);
            unreadable.extend(found.unreadable);
        }
        if now != digest {
            return Err(too_much_changed());
        }
        Ok(ChangePage { changes: Vec::new(), end: FeedEnd::Done(cursor(&cursor::of_digest(&now))), unreadable })
    }

    /// What differs from what was known.
    fn since(&self, known: &cursor::Known) -> Result<ChangePage, Error> {
        let mut at = Place::first(self.window);
        let Found { items, mut unreadable } = self.part(&mut at)?;
        if at.left(self.window) {
            // What fitted into one part did not grow to several by a change or two.
            return Err(too_much_changed());
        }
        let listing = Listing::of(&items, &unreadable);
        // What cannot be read is still there.
        let there: HashSet<&str> = listing.ids().collect();
        let mut removed: Vec<String> = known.keys().filter(|id| !there.contains(id.as_str())).cloned().collect();
        removed.sort_unstable();
        let changed = items.into_iter().filter(|item| known.get(&item.id.id) != Some(&cursor::version(item))).collect();
        let (events, aside) = series::listed(self.client, self.mailbox, changed)?;
        let end = FeedEnd::Done(cursor(&listing.place(&aside)));
        unreadable.extend(aside);
        let changes = events.into_iter().map(Change::Upsert).chain(removed.into_iter().map(Change::Removed)).collect();
        Ok(ChangePage { changes, end, unreadable })
    }
}

fn cursor(place: &str) -> String {
    paging::cursor(CURSOR_FORMAT, place)
}

fn too_much_changed() -> Error {
    let message =
        "reading the calendar: it has changed, and it is too large for a cursor that names what changed; the window is read again";
    error::mailbox(ErrorKind::CursorExpired, message)
}

#[cfg(test)]
mod tests;
