//! Reading otherwise than by the feed: calendars, zones of mailboxes, events by id, and the probe whether anything changed.

use std::collections::HashMap;

use calport_ews_protocol::item::event::{CalendarItem, EventKind};
use calport_ews_protocol::item::{ItemId as EwsId, Target};
use calport_ews_protocol::operation::{
    FolderInfo, GetFolder, GetUserConfiguration, HierarchyChange, SyncFolderHierarchy, WellKnownConfiguration,
};
use calport_sdk::common::{Error, ErrorKind, ErrorScope, ItemId};
use calport_sdk::{error, warn};

use crate::bindings::exports::calport::connector::calendar::{CalendarInfo, Event, EventDetail, MailboxInfo};
use crate::client::Client;
use crate::flavour::Access;
use crate::{convert, series};

/// More pages of folders than this are taken for a server that never ends.
const MAX_PAGES: usize = 100;

/// The kind of folder that holds appointments.
const CALENDAR_FOLDER: &str = "CalendarFolder";

/// What is known about the default calendar of a mailbox.
///
/// # Errors
/// Those of any read.
pub fn default_calendar(client: &Client, mailbox: &str) -> Result<FolderInfo, Error> {
    let read = GetFolder { folders: vec![client.calendar(mailbox, None)] };
    let folders = client.single(&read, &client.reading("reading the calendar folder", mailbox))?;
    let missing = || error::mailbox(ErrorKind::NotFound, "reading the calendar folder: the mailbox has none");
    folders.folders.into_iter().next().ok_or_else(missing)
}

/// The calendars of a mailbox.
///
/// # Errors
/// Those of any read.
pub fn calendars(client: &Client, mailbox: &str) -> Result<Vec<CalendarInfo>, Error> {
    let default = default_calendar(client, mailbox)?;
    let purpose = client.reading("listing calendars", mailbox);
    let mut list = Vec::new();
    let mut state = None;
    for _ in 0..MAX_PAGES {
        let page = match client.single(&SyncFolderHierarchy { mailbox: client.owner(mailbox), state }, &purpose) {
            // Who shares a calendar need not show what else there is.
            Err(e) if client.manner.access == Access::Sharing && e.kind == ErrorKind::Forbidden => {
                return Ok(vec![calendar_info(default, true)]);
            }
            page => page?,
        };
        for change in page.changes {
            if let HierarchyChange::Upsert(info) = change
                && info.kind == CALENDAR_FOLDER
            {
                let is_default = info.id.id == default.id.id;
                list.push(calendar_info(info, is_default));
            }
        }
        if page.last {
            return Ok(list);
        }
        state = Some(page.state);
    }
    Err(error::protocol(format!("at most {MAX_PAGES} pages of folders"), "yet another page"))
}

fn calendar_info(info: FolderInfo, default: bool) -> CalendarInfo {
    CalendarInfo { id: info.id.id, name: info.name, default, writable: info.writable.unwrap_or_default(), owner_address: String::new() }
}

/// The zone of a mailbox, as the web client keeps it; absent where nobody ever signed in there.
///
/// # Errors
/// Those of any read.
pub fn mailbox_info(client: &Client, mailbox: &str) -> Result<MailboxInfo, Error> {
    let read = GetUserConfiguration { configuration: WellKnownConfiguration::WebOptions, mailbox: client.owner(mailbox) };
    let zone = match client.single(&read, &client.reading("reading the zone of a mailbox", mailbox)) {
        Ok(options) => options.value("timezone").map(str::to_owned).filter(|zone| !zone.is_empty()),
        // The root of a mailbox is rarely shared.
        Err(e) if client.manner.access == Access::Sharing && e.kind == ErrorKind::Forbidden => None,
        Err(e) if e.scope == ErrorScope::Item && matches!(e.kind, ErrorKind::NotFound | ErrorKind::Unsupported) => None,
        Err(e) => return Err(e),
    };
    Ok(MailboxInfo { zone, language: None, affinity: String::new() })
}

/// A value that differs when anything in the calendar changed (SEMANTICS C-12).
///
/// # Errors
/// `unsupported` where the server tells neither number, and those of any read.
pub fn probe(client: &Client, mailbox: &str) -> Result<String, Error> {
    let folder = default_calendar(client, mailbox)?;
    match (folder.changed, folder.deleted) {
        (Some(changed), Some(deleted)) => Ok(format!("{changed}:{deleted}")),
        _ => Err(error::unsupported("the server does not tell when a folder was changed; the window is read instead")),
    }
}

/// Events by id, in the order asked; masters with what differs from them.
pub fn get_events(client: &Client, mailbox: &str, ids: &[ItemId]) -> Vec<Result<EventDetail, Error>> {
    details(client, mailbox, ids).unwrap_or_else(|e| ids.iter().map(|_| Err(e.clone())).collect())
}

fn details(client: &Client, mailbox: &str, ids: &[ItemId]) -> Result<Vec<Result<EventDetail, Error>>, Error> {
    let targets: Vec<Target> = ids.iter().map(|id| Target::Item(EwsId::unversioned(id.clone()))).collect();
    let answers = series::get(client, mailbox, &targets, series::detail(client), "reading an event")?;
    // The masters of all occurrences are looked up together.
    let found = answers.iter().filter_map(|answer| answer.as_ref().ok()).filter(|item| item.kind != EventKind::Master).cloned();
    let (events, unreadable) = series::events(client, mailbox, found.collect())?;
    let events: HashMap<ItemId, Event> = events.into_iter().map(|event| (event.id.clone(), event)).collect();
    let unreadable: HashMap<ItemId, String> = unreadable.into_iter().collect();
    let one = |item: CalendarItem| match events.get(&item.id.id) {
        _ if item.kind == EventKind::Master => with_exceptions(client, mailbox, item),
        Some(event) => Ok(EventDetail { event: event.clone(), exceptions: Vec::new(), cancelled: Vec::new() }),
        None => Err(of_item(unreadable.get(&item.id.id).cloned().unwrap_or_default())),
    };
    Ok(answers.into_iter().map(|answer| one(answer?)).collect())
}

fn with_exceptions(client: &Client, mailbox: &str, master: CalendarItem) -> Result<EventDetail, Error> {
    let targets: Vec<Target> = master.modified_occurrences.iter().map(|one| Target::Item(EwsId::unversioned(one.id.id.clone()))).collect();
    let (id, bodies) = (master.id.id.clone(), client.settings.read_bodies);
    let mut exceptions = Vec::new();
    for answer in series::get(client, mailbox, &targets, series::detail(client), "reading the exceptions of a series")? {
        let exception = match answer {
            Ok(exception) => convert::event(exception, Some(id.clone()), bodies).map_err(|(_, why)| why),
            Err(e) if series::is_of_item(&e) => Err(e.message),
            Err(e) => return Err(e),
        };
        match exception {
            Ok(event) => exceptions.push(event),
            Err(why) => warn!("an exception cannot be read: {}", why; "mailbox" => mailbox, "event" => id),
        }
    }
    let cancelled = master.deleted_occurrences.clone();
    let event = convert::event(master, None, bodies).map_err(|(_, why)| of_item(why))?;
    Ok(EventDetail { event, exceptions, cancelled })
}

fn of_item(why: String) -> Error {
    Error { scope: ErrorScope::Item, ..error::protocol("an event", why) }
}
