//! Series: the master of an occurrence, and the occurrences of a master.

use std::collections::{HashMap, HashSet};

use calport_ews_protocol::item::event::{CalendarItem, EventKind, ShowAs};
use calport_ews_protocol::item::{Detail, ItemId as EwsId, Target};
use calport_ews_protocol::operation::GetItem;
use calport_sdk::common::{Error, ErrorKind, ErrorScope, Instant, ItemId, Moment, Span, Window};
use calport_sdk::{error, warn};

use crate::bindings::exports::calport::connector::calendar::Event;
use crate::client::{Client, Refusal};
use crate::convert;
use crate::failure;

/// Items in one `GetItem` (SEMANTICS C-08).
const BATCH: usize = 10;

/// A window reaches this far around it where whole days are compared with it: more than any zone is away from UTC.
const DAY_MS: i64 = 86_400_000;

/// Items, in the order asked, each with its own result.
///
/// # Errors
/// When a request as a whole is refused.
pub fn get(
    client: &Client,
    mailbox: &str,
    targets: &[Target],
    detail: Detail,
    doing: &str,
) -> Result<Vec<Result<CalendarItem, Error>>, Error> {
    let mut all = Vec::with_capacity(targets.len());
    for batch in targets.chunks(BATCH) {
        match get_batch(client, mailbox, batch, detail, doing) {
            Ok(answers) => all.extend(answers),
            // One item that cannot be read spoils the answer of all: each by itself then.
            Err(Refusal::Unreadable(_)) if batch.len() > 1 => {
                for target in batch {
                    match get_batch(client, mailbox, std::slice::from_ref(target), detail, doing) {
                        Ok(answers) => all.extend(answers),
                        Err(Refusal::Unreadable(error)) => all.push(Err(with_item_scope(error))),
                        Err(Refusal::Other(error)) => return Err(error),
                    }
                }
            }
            Err(Refusal::Unreadable(error)) => all.push(Err(with_item_scope(error))),
            Err(Refusal::Other(error)) => return Err(error),
        }
    }
    Ok(all)
}

/// One result for each target.
fn get_batch(
    client: &Client,
    mailbox: &str,
    batch: &[Target],
    detail: Detail,
    doing: &str,
) -> Result<Vec<Result<CalendarItem, Error>>, Refusal> {
    let purpose = client.reading(doing, mailbox);
    let answer = client.ask(&GetItem::<CalendarItem>::new(batch.to_vec(), detail), &purpose).map_err(|refusal| match refusal {
        Refusal::Other(error) => Refusal::Other(not_of_item(error)),
        unreadable @ Refusal::Unreadable(_) => unreadable,
    })?;
    let mut parts = answer.parts.into_iter();
    let mut result = || match parts.next() {
        None => Err(error::item(ErrorKind::Unavailable, format!("{doing}: the server left an item of a batch without an answer"))),
        Some(Err(refused)) => Err(not_of_item(failure::of_failure(&refused, &purpose))),
        Some(Ok(mut items)) => match (items.items.pop(), items.unreadable.pop()) {
            (Some(item), _) => Ok(item),
            (None, Some(unreadable)) => Err(with_item_scope(error::protocol("an appointment", unreadable.reason))),
            (None, None) => Err(error::item(ErrorKind::NotFound, format!("{doing}: the server gave no item"))),
        },
    };
    let results: Vec<Result<CalendarItem, Error>> = batch.iter().map(|_| result()).collect();
    // What stops the connection or the mailbox stops the others, too (SEMANTICS B-44).
    match results.iter().find_map(|one| one.as_ref().err().filter(|e| stops(e))) {
        Some(error) => Err(error.clone().into()),
        None => Ok(results),
    }
}

/// That the mailbox is not found says nothing about its items: whoever asked for them must not take them for deleted.
fn not_of_item(error: Error) -> Error {
    if error.kind == ErrorKind::NotFound && error.scope != ErrorScope::Item {
        return Error { kind: ErrorKind::Unavailable, ..error };
    }
    error
}

/// Whether an error of one item is about all of them.
fn stops(error: &Error) -> bool {
    error.scope == ErrorScope::Connection || matches!(error.kind, ErrorKind::Throttled(_) | ErrorKind::Moved(_))
}

fn with_item_scope(error: Error) -> Error {
    Error { scope: ErrorScope::Item, ..error }
}

/// One item.
///
/// # Errors
/// Those of any read; `not-found` when it is gone.
pub fn get_one(client: &Client, mailbox: &str, target: Target, detail: Detail, doing: &str) -> Result<CalendarItem, Error> {
    let missing = || error::item(ErrorKind::NotFound, format!("{doing}: the server gave no item"));
    get(client, mailbox, &[target], detail, doing)?.pop().unwrap_or_else(|| Err(missing()))
}

/// Events, and the ids of what was set aside with the reasons.
pub type Turned = (Vec<Event>, Vec<(ItemId, String)>);

/// Turns what a search found into events. A search gives series without their patterns, nothing of bodies and attendees, and of an
/// organizer the name only: where more is wanted, the items are read again.
///
/// # Errors
/// As [`events`].
pub fn listed(client: &Client, mailbox: &str, items: Vec<CalendarItem>) -> Result<Turned, Error> {
    let bodies = client.settings.read_bodies;
    let (short, mut whole): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| bodies || item.kind == EventKind::Master || lacks_organizer(item));
    let mut unreadable = Vec::new();
    let targets: Vec<Target> = short.iter().map(|item| Target::Item(EwsId::unversioned(item.id.id.clone()))).collect();
    for (item, answer) in short.into_iter().zip(get(client, mailbox, &targets, detail(client), "reading events whole")?) {
        match answer {
            Ok(item) => whole.push(item),
            // Gone since it was found: the next read tells.
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) if is_of_item(&e) => unreadable.push((item.id.id, e.message)),
            Err(e) => return Err(e),
        }
    }
    let (events, aside) = events(client, mailbox, whole)?;
    unreadable.extend(aside);
    Ok((events, unreadable))
}

/// Whether presence depends on who invited, and that is not known: a tentative appointment may count because of its organizer's
/// address (SEMANTICS P-05).
fn lacks_organizer(item: &CalendarItem) -> bool {
    let known = item.organizer.as_ref().is_some_and(|organizer| !organizer.address.is_empty());
    item.show_as == ShowAs::Tentative && !item.is_organizer && !known
}

/// How much of an item is read where all of it is wanted.
pub const fn detail(client: &Client) -> Detail {
    if client.settings.read_bodies { Detail::WithBody } else { Detail::Whole }
}

/// Turns items into events. The masters of occurrences are looked up, once for each series; what cannot be read is returned beside
/// them with its reason.
///
/// # Errors
/// When a master cannot be looked up now: the page is read again then (SEMANTICS C-05).
pub fn events(client: &Client, mailbox: &str, items: Vec<CalendarItem>) -> Result<Turned, Error> {
    let (masters, alone) = masters_of(client, mailbox, &items)?;
    let (mut events, mut unreadable) = (Vec::with_capacity(items.len()), Vec::new());
    for mut item in items {
        let key = series_key(&item);
        let master = masters.get(&key).cloned();
        if alone.contains(&key) {
            item.kind = EventKind::Single;
        }
        match convert::event(item, master, client.settings.read_bodies) {
            Ok(event) => events.push(event),
            Err(aside) => unreadable.push(aside),
        }
    }
    Ok((events, unreadable))
}

/// The ids of the masters, by what the parts of a series share, and the series whose master may not be seen or cannot be read: their
/// occurrences stand alone, because time is taken by them all the same.
fn masters_of(client: &Client, mailbox: &str, items: &[CalendarItem]) -> Result<(HashMap<String, ItemId>, HashSet<String>), Error> {
    let of_master = |item: &CalendarItem| (series_key(item), item.id.id.clone());
    let mut masters: HashMap<String, ItemId> = items.iter().filter(|item| item.kind == EventKind::Master).map(of_master).collect();
    let mut wanted: Vec<(String, Target)> = Vec::new();
    let mut asked: HashSet<String> = HashSet::new();
    for item in items.iter().filter(|item| matches!(item.kind, EventKind::Occurrence(_) | EventKind::Exception(_))) {
        let key = series_key(item);
        if !masters.contains_key(&key) && asked.insert(key.clone()) {
            wanted.push((key, Target::MasterOf(EwsId::unversioned(item.id.id.clone()))));
        }
    }
    let targets: Vec<Target> = wanted.iter().map(|(_, target)| target.clone()).collect();
    let found = get(client, mailbox, &targets, Detail::Listed, "reading the master of a series")?;
    let mut alone = HashSet::new();
    for ((key, _), answer) in wanted.into_iter().zip(found) {
        match answer {
            Ok(master) => {
                masters.insert(key, master.id.id);
            }
            // Deleted since the occurrence was found.
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) if is_of_item(&e) => {
                warn!("the master of a series cannot be read; its occurrences count as single events: {}", e.message; "mailbox" => mailbox);
                alone.insert(key);
            }
            Err(e) => return Err(e),
        }
    }
    Ok((masters, alone))
}

/// What all parts of a series share: the `uid`; where the server tells none, an occurrence stands for itself.
fn series_key(item: &CalendarItem) -> String {
    if item.uid.is_empty() { format!("\n{}", item.id.id) } else { item.uid.clone() }
}

/// Whether an error says that one item cannot be had, now or later.
pub fn is_of_item(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Protocol(_) | ErrorKind::Refused(_) | ErrorKind::Forbidden)
}

/// The occurrences and exceptions of a series that overlap the window (SEMANTICS C-07, B-15). They are computed from the
/// master and then read one by one, so that a server which expands nothing by itself is read as well. One that cannot be read
/// is logged and left out.
///
/// # Errors
/// `not-found` when the series is gone, and those of any read.
pub fn instances(client: &Client, mailbox: &str, master: &str, window: Window) -> Result<Vec<Event>, Error> {
    let doing = "reading the occurrences of a series";
    let series = get_one(client, mailbox, Target::Item(EwsId::unversioned(master)), Detail::Whole, doing)?;
    let mut targets: Vec<Target> = series
        .occurrences(window.start, window.end)
        .map(|one| Target::Occurrence { master: EwsId::unversioned(master), index: one.index })
        .collect();
    let moved = series.modified_occurrences.iter().filter(|one| overlaps(&one.span, window));
    targets.extend(moved.map(|one| Target::Item(EwsId::unversioned(one.id.id.clone()))));
    let mut events = Vec::with_capacity(targets.len());
    for answer in get(client, mailbox, &targets, detail(client), doing)? {
        let event = match answer {
            Ok(item) => convert::event(item, Some(master.to_owned()), client.settings.read_bodies).map_err(|(_, why)| why),
            Err(e) if e.kind == ErrorKind::NotFound => continue,
            Err(e) if is_of_item(&e) => Err(e.message),
            Err(e) => return Err(e),
        };
        match event {
            Ok(event) => events.push(event),
            Err(why) => warn!("an occurrence of a series cannot be read: {}", why; "mailbox" => mailbox, "event" => master),
        }
    }
    Ok(events)
}

/// Whether a span may overlap the window; whole days are taken generously, because their zone is the host's matter.
fn overlaps(span: &Span, window: Window) -> bool {
    let day = |date: &str| calport_sdk::time::utc_wall(&format!("{date}T00:00:00"));
    let (start, end): (Option<Instant>, Option<Instant>) = match span {
        Span::Timed(timed) => match (&timed.start, &timed.end) {
            (Moment::At(start), Moment::At(end)) => (Some(*start), Some(*end)),
            _ => (None, None),
        },
        Span::AllDay(days) => (day(&days.start).map(|d| d - DAY_MS), day(&days.end).map(|d| d + DAY_MS)),
    };
    start.is_none_or(|start| start < window.end) && end.is_none_or(|end| end > window.start)
}
