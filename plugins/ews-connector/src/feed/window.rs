//! Searching a window: in one go where the server allows it, else in parts.
//!
//! A part is cut in half while the server gives only some of it, refuses it for its length, or answers what cannot be read:
//! that leaves aside an hour of the calendar at most, and the rest goes on.

use std::collections::HashSet;

use calport_ews_protocol::FailureKind;
use calport_ews_protocol::item::event::{CalendarItem, EventKind};
use calport_ews_protocol::operation::{FindItem, Page, View};
use calport_sdk::common::{Error, ErrorKind, Instant, ItemId, Window};
use calport_sdk::error;

use crate::client::{Client, Refusal};
use crate::failure;

/// Items of one search; servers give no more.
const MOST_FOUND: u32 = 1000;

/// The shortest part.
const SHORTEST_MS: i64 = 3_600_000;

/// Searches for one part. A year is cut down to an hour by 14 of them.
const MOST_SEARCHES: usize = 40;

/// Pages of a whole calendar.
const MOST_PAGES: usize = 20;

/// What a part holds.
#[derive(Default)]
pub struct Found {
    /// The items, each once.
    pub items: Vec<CalendarItem>,
    /// What was set aside: ids, where there are any, with reasons.
    pub unreadable: Vec<(ItemId, String)>,
}

/// Where the next part begins, and how long it may be. The parts of a window follow from what is in it: the same calendar has
/// the same parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The first instant of the part.
    pub start: Instant,
    /// Milliseconds to try.
    pub length: i64,
}

impl Place {
    /// The beginning of a window, and all of it.
    pub fn first(window: Window) -> Self {
        Self { start: window.start, length: window.end.saturating_sub(window.start).max(1) }
    }

    /// Whether anything of the window is left.
    pub fn left(self, window: Window) -> bool {
        self.start < window.end
    }
}

/// Everything that overlaps the next part of a window; `at` moves behind it.
///
/// # Errors
/// Those of any read, and `refused("too-many-events")` for an hour that is too full.
pub fn part(client: &Client, mailbox: &str, calendar: Option<&str>, window: Window, at: &mut Place) -> Result<Found, Error> {
    let first = at.start == window.start;
    let mut found = Found::default();
    for _ in 0..MOST_SEARCHES {
        let end = at.start.saturating_add(at.length).min(window.end);
        let tried = Window { start: at.start, end };
        let length = end.saturating_sub(at.start);
        match search(client, mailbox, calendar, tried)? {
            Searched::All(page) => found.take(page),
            Searched::Unreadable(why) if length <= SHORTEST_MS => {
                let from = calport_sdk::time::to_rfc3339(at.start).unwrap_or_default();
                found
                    .unreadable
                    .push((String::new(), format!("the calendar from {from} for {} minutes: {}", length / 60_000, why.message)));
            }
            Searched::Some if length <= SHORTEST_MS => return Err(too_many()),
            Searched::Some | Searched::Unreadable(_) => {
                at.length = length / 2;
                continue;
            }
        }
        *at = Place { start: end, length: at.length.saturating_mul(2) };
        if found.items.iter().any(|item| item.kind == EventKind::Master) {
            client.saw_a_master();
        }
        if first && client.expands_here() {
            masters(client, mailbox, calendar, &mut found)?;
        }
        return Ok(found);
    }
    Err(too_many())
}

impl Found {
    fn take(&mut self, page: Page<CalendarItem>) {
        let mut seen: HashSet<String> = self.items.iter().map(|item| item.id.id.clone()).collect();
        self.items.extend(page.items.into_iter().filter(|item| seen.insert(item.id.id.clone())));
        for aside in page.unreadable {
            if aside.id.is_empty() || seen.insert(aside.id.clone()) {
                self.unreadable.push((aside.id, aside.reason));
            }
        }
    }
}

/// What a search came to.
enum Searched {
    All(Page<CalendarItem>),
    /// There is more, or the server found it too long.
    Some,
    /// An answer that cannot be read.
    Unreadable(Error),
}

fn search(client: &Client, mailbox: &str, calendar: Option<&str>, part: Window) -> Result<Searched, Error> {
    let purpose = client.reading("reading the calendar", mailbox);
    let view = View::Window { start: part.start, end: part.end, max: MOST_FOUND };
    let answer = match client.ask(&FindItem::<CalendarItem>::new(client.calendar(mailbox, calendar), view), &purpose) {
        Ok(answer) => answer.single(),
        Err(Refusal::Unreadable(why)) => return Ok(Searched::Unreadable(why)),
        Err(Refusal::Other(why)) => return Err(why),
    };
    match answer {
        // A server that gives as many as were asked for and says that these were all may not have counted.
        Ok(page) if page.last && page.items.len() < MOST_FOUND as usize => Ok(Searched::All(page)),
        Ok(_) => Ok(Searched::Some),
        Err(refused) if refused.kind() == FailureKind::TooMuch => Ok(Searched::Some),
        Err(refused) => Err(failure::of_failure(&refused, &purpose)),
    }
}

/// The masters of all series: a window of a server that does not expand them leaves out those that began before it
/// (SEMANTICS B-15).
fn masters(client: &Client, mailbox: &str, calendar: Option<&str>, found: &mut Found) -> Result<(), Error> {
    let purpose = client.reading("reading the series of the calendar", mailbox);
    let mut offset = 0;
    for _ in 0..MOST_PAGES {
        let search = FindItem::<CalendarItem>::new(client.calendar(mailbox, calendar), View::Pages { offset, max: MOST_FOUND });
        let mut page = client.single(&search, &purpose)?;
        page.items.retain(|item| item.kind == EventKind::Master);
        let (last, next) = (page.last, page.next_offset);
        found.take(page);
        match next.filter(|next| *next > offset && !last) {
            Some(next) => offset = next,
            None => return Ok(()),
        }
    }
    Err(error::protocol(format!("at most {MOST_PAGES} pages of a calendar"), "yet another page"))
}

fn too_many() -> Error {
    let message = format!(
        "reading the calendar: more than {MOST_FOUND} events within an hour, or nothing that can be read in {MOST_SEARCHES} searches"
    );
    error::mailbox(ErrorKind::Refused("too-many-events".to_owned()), message)
}
