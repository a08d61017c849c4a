//! Completing sparse items.
//!
//! A feed gives an occurrence of a series with little more than id, start and end; the rest is its master's. An item
//! that was only changed in part comes with its changed members alone. Both are completed before the host sees them:
//! occurrences from their master (in the page, else fetched, each once per call), others by reading them whole.

use std::collections::{BTreeSet, HashMap};

use calport_sdk::common::{Error, ErrorKind, ErrorScope, ItemId};
use calport_sdk::http::Response;

use crate::batch::Part;
use crate::client::{Client, IMMUTABLE_IDS, UTC_AND_TEXT, event_path};
use crate::events::event_select;
use crate::failure::Purpose;
use crate::wire::event::WireEvent;
use crate::wire::words::EventType;

/// Whether an item is an occurrence that lacks what its master has.
pub fn is_sparse(item: &WireEvent<'_>) -> bool {
    item.removed.is_none() && item.kind == Some(EventType::Occurrence) && (item.show_as.is_none() || item.subject.is_none())
}

/// Whether an item must be read whole: it lacks its time or its show-as, or is an exception that does not say where
/// it stood.
pub fn is_partial(item: &WireEvent<'_>) -> bool {
    if item.removed.is_some() || is_sparse(item) && item.start.is_some() && item.end.is_some() {
        return false;
    }
    let no_time = item.start.is_none() || item.end.is_none();
    let no_place = item.kind == Some(EventType::Exception) && item.original_start.is_none();
    no_time || no_place || item.show_as.is_none()
}

macro_rules! take_from {
    ($item:ident, $master:ident: $($field:ident),+ $(,)?) => {
        $(if $item.$field.is_none() { $item.$field.clone_from(&$master.$field); })+
    };
}

/// Gives an occurrence all that it lacks and its master has. Identity, version and times stay its own.
pub fn complete<'a>(item: &mut WireEvent<'a>, master: &WireEvent<'a>) {
    take_from!(item, master:
        is_all_day, original_start_time_zone, original_end_time_zone, uid, subject, body, location, show_as, sensitivity,
        importance, categories, organizer, is_organizer, attendees, response_status, is_cancelled, online_meeting,
        online_meeting_url, online_meeting_provider, is_reminder_on, reminder_minutes_before_start, created_date_time,
        last_modified_date_time,
    );
}

/// What a page lacks: items to be read whole, and masters.
pub fn missing(items: &[WireEvent<'_>]) -> BTreeSet<ItemId> {
    let whole: HashMap<&str, &WireEvent<'_>> =
        items.iter().filter(|i| i.removed.is_none() && !is_partial(i)).map(|i| (i.id.as_str(), i)).collect();
    let mut ids = BTreeSet::new();
    for item in items {
        if is_partial(item) {
            ids.insert(item.id.clone());
        } else if is_sparse(item)
            && let Some(master) = &item.series_master_id
            && !whole.contains_key(master.as_str())
        {
            ids.insert(master.clone());
        }
    }
    ids
}

/// The answers for what was missing.
#[derive(Debug)]
pub struct Fetched {
    answers: HashMap<ItemId, Response>,
}

impl Fetched {
    /// Reads what is missing. Items that do not exist any more are left out.
    ///
    /// # Errors
    /// The first error other than `not-found` of an item: without the rest the page would be wrong, so it is read again.
    pub fn read(client: &Client, mailbox: &str, missing: BTreeSet<ItemId>) -> Result<Self, Error> {
        let select = event_select(client.settings.read_bodies);
        let prefer = format!("{IMMUTABLE_IDS}, {UTC_AND_TEXT}");
        let ids: Vec<ItemId> = missing.into_iter().collect();
        let parts: Vec<Part> =
            ids.iter().map(|id| Part::get(Some(mailbox), format!("{}?$select={select}", event_path(mailbox, id)), &prefer)).collect();
        let purpose = Purpose { doing: "reading the master of a series", permission: "Calendars.Read", mailbox: Some(mailbox) };
        let mut answers = HashMap::new();
        for (id, answer) in ids.into_iter().zip(client.batch(&parts, &purpose)) {
            match answer {
                Ok(response) => {
                    answers.insert(id, response);
                }
                Err(e) if e.kind == ErrorKind::NotFound && e.scope == ErrorScope::Item => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Self { answers })
    }

    /// The events that were read, by their ids.
    ///
    /// # Errors
    /// `protocol` for an answer that is no event.
    pub fn events(&self) -> Result<HashMap<ItemId, WireEvent<'_>>, Error> {
        let mut events = HashMap::with_capacity(self.answers.len());
        for (id, response) in &self.answers {
            let event = serde_json::from_slice::<WireEvent<'_>>(&response.body)
                .map_err(|e| calport_sdk::http::not_json(response, &e, "an event"))?;
            events.insert(id.clone(), event);
        }
        Ok(events)
    }
}

/// Completes a page; what cannot be completed is set aside with its reason.
pub fn complete_all<'a>(
    items: Vec<WireEvent<'a>>,
    fetched: &HashMap<ItemId, WireEvent<'a>>,
) -> (Vec<WireEvent<'a>>, Vec<(ItemId, String)>) {
    let wanted: BTreeSet<&str> = items.iter().filter(|i| is_sparse(i)).filter_map(|i| i.series_master_id.as_deref()).collect();
    let masters: HashMap<ItemId, WireEvent<'a>> = items
        .iter()
        .filter(|i| wanted.contains(i.id.as_str()) && i.removed.is_none() && !is_partial(i))
        .map(|i| (i.id.clone(), i.clone()))
        .collect();
    let mut whole = Vec::with_capacity(items.len());
    let mut unreadable = Vec::new();
    for mut item in items {
        if is_partial(&item) {
            match fetched.get(&item.id) {
                Some(read) => whole.push(read.clone()),
                None => unreadable.push((item.id, "it does not exist any more".to_owned())),
            }
        } else if is_sparse(&item) {
            let master = item.series_master_id.as_ref().and_then(|m| masters.get(m).or_else(|| fetched.get(m)));
            match master {
                Some(master) => {
                    complete(&mut item, master);
                    whole.push(item);
                }
                None => unreadable.push((item.id, "the master of its series does not exist any more".to_owned())),
            }
        } else {
            whole.push(item);
        }
    }
    (whole, unreadable)
}
