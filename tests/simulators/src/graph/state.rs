//! Everything the tenant holds, and the three ways of changing it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::config::{Config, User};
use super::event::Event;
use super::fields::{Fields, Writer};
use super::http::Refusal;
use super::ids::ItemId;
use super::journal::{Entry, Journal};
use super::log::{Log, Mail};
use super::oauth::Token;
use super::render::{change_key, etag, instant, into_map};
use super::subscriptions::Subscription;
use super::throttle::Throttle;

/// A calendar of a mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    pub name: String,
    /// Deleted; its number is never used again.
    pub gone: bool,
}

/// An event that is no longer in a calendar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tombstone {
    pub key: u64,
    pub calendar: u32,
    pub change: u64,
    /// When it left.
    pub at: Timestamp,
}

/// A mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    pub user: User,
    /// What a client has set of `mailboxSettings`.
    pub settings: Map<String, Value>,
    pub calendars: Vec<Calendar>,
    pub categories: Vec<Value>,
    pub events: BTreeMap<u64, Event>,
    pub tombstones: Vec<Tombstone>,
    /// Number of the latest change.
    pub change: u64,
    /// Delta tokens of an older generation are expired.
    pub generation: u64,
    pub next_key: u64,
    /// By `transactionId`: the event it made, and what was sent then.
    pub transactions: HashMap<String, (u64, Map<String, Value>)>,
    /// An access policy keeps the application out.
    pub denied: bool,
}

impl Mailbox {
    fn new(user: User) -> Self {
        Self {
            user,
            settings: Map::new(),
            calendars: vec![Calendar { name: "Calendar".to_owned(), gone: false }],
            categories: Vec::new(),
            events: BTreeMap::new(),
            tombstones: Vec::new(),
            change: 0,
            generation: 1,
            next_key: 1,
            transactions: HashMap::new(),
            denied: false,
        }
    }

    fn bump(&mut self) -> u64 {
        self.change += 1;
        self.change
    }

    /// The event an id names, if it is there under that id.
    ///
    /// # Errors
    /// 404 also for an id of the usual form whose event is now in another calendar.
    pub fn event(&self, index: u32, id: &ItemId) -> Result<&Event, Refusal> {
        let here = |e: &&Event| id.mailbox == index && id.calendar.is_none_or(|c| c == e.calendar);
        self.events.get(&id.key).filter(here).ok_or_else(Refusal::item_not_found)
    }
}

/// What happened, as subscriptions word it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Created,
    Updated,
    Deleted,
}

impl Happened {
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// The tenant.
#[derive(Debug)]
pub(crate) struct State {
    pub config: Config,
    pub mailboxes: Vec<Mailbox>,
    pub by_name: HashMap<String, u32>,
    pub tokens: HashMap<String, Token>,
    pub subscriptions: BTreeMap<String, Subscription>,
    pub log: Log,
    pub throttle: Throttle,
    /// Messages to attendees that the service would have sent because of the application, one per recipient.
    pub attendee_mails: u64,
    /// Messages that the application sent.
    pub sent: Vec<Mail>,
    pub drop_notifications: u32,
    pub double_notifications: u32,
    /// Events to be notified of, filled while the state is locked and emptied by whoever locked it.
    pub outbox: Vec<(String, Value)>,
    /// What happened, for whoever is told over another door.
    pub journal: Journal,
}

impl State {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            mailboxes: Vec::new(),
            by_name: HashMap::new(),
            tokens: HashMap::new(),
            subscriptions: BTreeMap::new(),
            log: Log::default(),
            throttle: Throttle::default(),
            attendee_mails: 0,
            sent: Vec::new(),
            drop_notifications: 0,
            double_notifications: 0,
            outbox: Vec::new(),
            journal: Journal::default(),
        }
    }

    /// Adds a person; one whose name is taken replaces nothing and is refused.
    ///
    /// # Errors
    /// 400 `Request_BadRequest` for a name or address that is in use.
    pub fn add_user(&mut self, user: User) -> Result<String, Refusal> {
        let user = user.complete();
        let names: BTreeSet<String> = user.names().into_iter().collect();
        if let Some(taken) = names.iter().find(|n| self.by_name.contains_key(*n)) {
            return Err(Refusal::bad("Request_BadRequest", format!("Another object with the same value for property exists: {taken}.")));
        }
        let index = u32::try_from(self.mailboxes.len()).map_err(|_| Refusal::bad("Request_BadRequest", "Too many users."))?;
        self.by_name.extend(names.into_iter().map(|n| (n, index)));
        let id = user.id.clone();
        self.mailboxes.push(Mailbox::new(user));
        Ok(id)
    }

    /// The directory entry behind an id, principal name or address.
    ///
    /// # Errors
    /// 404 `Request_ResourceNotFound`.
    pub fn user(&self, name: &str) -> Result<(u32, &Mailbox), Refusal> {
        let missing = || {
            Refusal::new(
                404,
                "Request_ResourceNotFound",
                format!("Resource '{name}' does not exist or one of its queried reference-property objects are not present."),
            )
        };
        let index = *self.by_name.get(&name.to_lowercase()).ok_or_else(missing)?;
        self.mailboxes.get(index as usize).map(|m| (index, m)).ok_or_else(missing)
    }

    /// The mailbox behind a name, for the Outlook part of the service.
    ///
    /// # Errors
    /// 404 `ErrorInvalidUser` or `MailboxNotEnabledForRESTAPI`, 403 if a policy keeps the application out.
    pub fn mailbox(&self, name: &str) -> Result<(u32, &Mailbox), Refusal> {
        let (index, mailbox) =
            self.user(name).map_err(|_| Refusal::new(404, "ErrorInvalidUser", format!("The requested user '{name}' is invalid.")))?;
        if !mailbox.user.mailbox {
            return Err(Refusal::new(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
            ));
        }
        if mailbox.denied {
            return Err(Refusal::new(
                403,
                "ErrorAccessDenied",
                "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.",
            ));
        }
        Ok((index, mailbox))
    }

    /// As [`State::mailbox`], to be changed.
    pub fn mailbox_mut(&mut self, name: &str) -> Result<(u32, &mut Mailbox), Refusal> {
        let (index, _) = self.mailbox(name)?;
        let missing = || Refusal::new(404, "ErrorInvalidUser", format!("The requested user '{name}' is invalid."));
        self.mailboxes.get_mut(index as usize).map(|m| (index, m)).ok_or_else(missing)
    }

    /// Creates an event; the second creation with one `transactionId` gives the first event again.
    ///
    /// # Errors
    /// As the fields and the mailbox demand, and 409 `ErrorDuplicateTransactionId` for an id that made a different event.
    pub fn create(
        &mut self,
        user: &str,
        calendar: u32,
        body: Map<String, Value>,
        writer: Writer,
        now: Timestamp,
    ) -> Result<ItemId, Refusal> {
        let fields = Fields::read(body.clone(), writer)?;
        let (index, mailbox) = self.mailbox_mut(user)?;
        let transaction =
            fields.props.iter().find(|(n, _)| *n == "transactionId").and_then(|(_, v)| v.as_ref()?.as_str()).map(str::to_owned);
        let id = |key| ItemId { mailbox: index, calendar: Some(calendar), key, occurrence: None };
        let before = transaction.as_ref().and_then(|t| mailbox.transactions.get(t)).filter(|(k, _)| mailbox.events.contains_key(k));
        if let Some((key, sent)) = before {
            if *sent == body {
                return Ok(id(*key));
            }
            let text = "The TransactionId specified in the request has already been used to create a different event.";
            return Err(Refusal::new(409, "ErrorDuplicateTransactionId", text));
        }
        let (made, told) = self.insert(index, calendar, &fields, now)?;
        if let Some(mailbox) = self.mailboxes.get_mut(index as usize) {
            mailbox.transactions.extend(transaction.map(|t| (t, (made.key, body))));
        }
        self.mail(writer, told);
        Ok(made)
    }

    /// Puts a new event into a mailbox; gives its id and how many attendees it would be told to.
    ///
    /// # Errors
    /// 400 where times, zones or recurrence do not fit.
    pub fn insert(&mut self, index: u32, calendar: u32, fields: &Fields, now: Timestamp) -> Result<(ItemId, usize), Refusal> {
        let mailbox = self.mailboxes.get_mut(index as usize).ok_or_else(Refusal::item_not_found)?;
        let (key, change) = (mailbox.next_key, mailbox.change + 1);
        let uid = format!("{:016X}000000000000000010000000{:016X}{:016X}", now.as_millisecond(), u64::from(index), key);
        let event = Event::create(key, calendar, uid, fields, now, change)?;
        let told = if event.is_organizer() { event.told(None) } else { 0 };
        mailbox.next_key += 1;
        mailbox.bump();
        mailbox.events.insert(key, event);
        let id = ItemId { mailbox: index, calendar: Some(calendar), key, occurrence: None };
        self.happened(index, id, Happened::Created, now);
        Ok((id, told))
    }

    /// Changes an event, a series or an occurrence. `expected` is the `If-Match` of the request.
    ///
    /// # Errors
    /// 404, 412 for another state of the item, 400 as for creation.
    pub fn update(
        &mut self,
        user: &str,
        id: &ItemId,
        body: Map<String, Value>,
        expected: Option<&str>,
        writer: Writer,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let fields = Fields::read(body, writer)?;
        let (index, mailbox) = self.mailbox(user)?;
        let event = mailbox.event(index, id)?;
        if writer == Writer::App && original(event, id)?.is_some_and(|at| event.crosses_neighbour(at, &fields)) {
            let text = "Modified occurrence is crossing or overlapping adjacent occurrence.";
            return Err(Refusal::bad("ErrorOccurrenceCrossingBoundary", text));
        }
        let told = self.change(index, id, &fields, expected, now)?;
        self.mail(writer, if fields.is_mailed() { told } else { 0 });
        Ok(())
    }

    /// As [`State::update`] with fields already read; gives how many attendees it concerns.
    ///
    /// # Errors
    /// As for [`State::update`].
    pub fn change(&mut self, index: u32, id: &ItemId, fields: &Fields, expected: Option<&str>, now: Timestamp) -> Result<usize, Refusal> {
        let mailbox = self.mailboxes.get_mut(index as usize).ok_or_else(Refusal::item_not_found)?;
        unchanged(index, mailbox.event(index, id)?, id, expected)?;
        let change = mailbox.change + 1;
        let event = mailbox.events.get_mut(&id.key).ok_or_else(Refusal::item_not_found)?;
        let at = original(event, id)?;
        let before = event.told(at);
        match at {
            Some(at) => event.update_occurrence(at, fields, now, change)?,
            None => event.update(fields, now, change)?,
        }
        let told = if event.is_organizer() { before.max(event.told(at)) } else { 0 };
        let id = ItemId { calendar: Some(event.calendar), ..*id };
        mailbox.bump();
        self.happened(index, id, Happened::Updated, now);
        Ok(told)
    }

    /// Deletes an event or series, or cancels an occurrence.
    ///
    /// # Errors
    /// 404, 412 for another state of the item.
    pub fn delete(&mut self, user: &str, id: &ItemId, expected: Option<&str>, writer: Writer, now: Timestamp) -> Result<(), Refusal> {
        let (index, _) = self.mailbox(user)?;
        let told = self.remove(index, id, expected, now)?;
        self.mail(writer, told);
        Ok(())
    }

    /// As [`State::delete`]; gives how many attendees it concerns.
    ///
    /// # Errors
    /// As for [`State::delete`].
    pub fn remove(&mut self, index: u32, id: &ItemId, expected: Option<&str>, now: Timestamp) -> Result<usize, Refusal> {
        let mailbox = self.mailboxes.get_mut(index as usize).ok_or_else(Refusal::item_not_found)?;
        unchanged(index, mailbox.event(index, id)?, id, expected)?;
        let change = mailbox.change + 1;
        let event = mailbox.events.get_mut(&id.key).ok_or_else(Refusal::item_not_found)?;
        let at = original(event, id)?;
        let told = if event.is_organizer() { event.told(at) } else { 0 };
        let calendar = event.calendar;
        let (gone, happened) = match at {
            Some(at) => {
                event.cancel_occurrence(at, now, change)?;
                (ItemId { calendar: Some(calendar), occurrence: None, ..*id }, Happened::Updated)
            }
            None => {
                mailbox.events.remove(&id.key);
                mailbox.tombstones.push(Tombstone { key: id.key, calendar, change, at: now });
                (ItemId { calendar: Some(calendar), ..*id }, Happened::Deleted)
            }
        };
        mailbox.bump();
        self.happened(index, gone, happened, now);
        Ok(told)
    }

    /// Moves an event to another calendar of its mailbox, as a person can: its usual id changes, its immutable id stays.
    ///
    /// # Errors
    /// 404 for the event or the calendar.
    pub fn relocate(&mut self, user: &str, id: &ItemId, calendar: u32, now: Timestamp) -> Result<ItemId, Refusal> {
        let (index, mailbox) = self.mailbox_mut(user)?;
        mailbox.event(index, id)?;
        mailbox.calendars.get(calendar as usize).filter(|c| !c.gone).ok_or_else(Refusal::item_not_found)?;
        let change = mailbox.bump();
        let event = mailbox.events.get_mut(&id.key).ok_or_else(Refusal::item_not_found)?;
        let from = std::mem::replace(&mut event.calendar, calendar);
        (event.change, event.entered) = (change, change);
        mailbox.tombstones.push(Tombstone { key: id.key, calendar: from, change, at: now });
        let moved = ItemId { calendar: Some(calendar), occurrence: None, ..*id };
        self.happened(index, ItemId { calendar: Some(from), ..moved }, Happened::Deleted, now);
        self.happened(index, moved, Happened::Created, now);
        Ok(moved)
    }

    /// Messages of both kinds, one per recipient.
    pub fn mails_sent(&self) -> u64 {
        self.attendee_mails + self.sent.iter().map(|m| m.recipients.len() as u64).sum::<u64>()
    }

    fn mail(&mut self, writer: Writer, mails: usize) {
        if writer == Writer::App {
            self.attendee_mails += mails as u64;
        }
    }

    /// Tells the mailbox's subscriptions.
    pub fn happened(&mut self, index: u32, id: ItemId, what: Happened, now: Timestamp) {
        self.journal.add(Entry { id, what, at: now });
        let Some(mailbox) = self.mailboxes.get(index as usize) else { return };
        let (user, change) = (mailbox.user.id.clone(), mailbox.change);
        let tag = etag(&change_key(index, id.key, change));
        let mut out = Vec::new();
        for sub in self.subscriptions.values().filter(|s| s.mailbox == index && s.expires > now && s.wants(what)) {
            if self.drop_notifications > 0 {
                self.drop_notifications -= 1;
                continue;
            }
            let id = if sub.immutable { ItemId { calendar: None, ..id }.text() } else { id.text() };
            let path = format!("Users/{user}/Events/{id}");
            let item = json!({
                "subscriptionId": sub.id, "subscriptionExpirationDateTime": instant(sub.expires), "changeType": what.word(),
                "resource": path, "clientState": sub.client_state, "tenantId": self.config.tenant,
                "resourceData": {"@odata.type": "#Microsoft.Graph.Event", "@odata.id": path, "@odata.etag": tag, "id": id},
            });
            if self.double_notifications > 0 {
                self.double_notifications -= 1;
                out.push((sub.notification_url.clone(), item.clone()));
            }
            out.push((sub.notification_url.clone(), item));
        }
        self.outbox.extend(out);
    }

    /// Adds a calendar to a mailbox and gives its number.
    ///
    /// # Errors
    /// 404 for the mailbox.
    pub fn add_calendar(&mut self, user: &str, name: &str) -> Result<u32, Refusal> {
        let (_, mailbox) = self.mailbox_mut(user)?;
        mailbox.calendars.push(Calendar { name: name.to_owned(), gone: false });
        u32::try_from(mailbox.calendars.len() - 1).map_err(|_| Refusal::item_not_found())
    }

    /// Deletes a calendar other than the primary one, with all that is in it.
    ///
    /// # Errors
    /// 404 for the mailbox or the calendar.
    pub fn remove_calendar(&mut self, user: &str, number: u32, now: Timestamp) -> Result<(), Refusal> {
        let (_, mailbox) = self.mailbox_mut(user)?;
        let calendar = mailbox.calendars.get_mut(number as usize).filter(|c| number != 0 && !c.gone);
        calendar.ok_or_else(Refusal::item_not_found)?.gone = true;
        let inside: Vec<u64> = mailbox.events.values().filter(|e| e.calendar == number).map(|e| e.key).collect();
        for key in inside {
            mailbox.events.remove(&key);
            let change = mailbox.bump();
            mailbox.tombstones.push(Tombstone { key, calendar: number, change, at: now });
        }
        Ok(())
    }

    /// Automatic replies as the owner sets them; `None`: switched off.
    ///
    /// # Errors
    /// 404 for the mailbox.
    pub fn set_automatic_replies(&mut self, user: &str, replies: Option<Value>) -> Result<(), Refusal> {
        let (_, mailbox) = self.mailbox_mut(user)?;
        match replies {
            Some(value) => mailbox.settings.insert("automaticRepliesSetting".to_owned(), Value::Object(into_map(value))),
            None => mailbox.settings.remove("automaticRepliesSetting"),
        };
        Ok(())
    }
}

/// The original start an occurrence id stands for, on its series' clock.
pub(crate) fn original(event: &Event, id: &ItemId) -> Result<Option<jiff::civil::DateTime>, Refusal> {
    let Some(seconds) = id.occurrence else { return Ok(None) };
    let at = Timestamp::from_second(seconds).map_err(|_| Refusal::item_not_found())?;
    let local = event.when.zone.local(at);
    // A start in the gap of the spring stands on no clock: it is the one whose instant this is.
    let start = local.date().to_datetime(event.when.start.time());
    Ok(Some(if event.when.zone.instant(start) == at { start } else { local }))
}

/// `If-Match`: the etag of the item as it is now, or `*`.
fn unchanged(index: u32, event: &Event, id: &ItemId, expected: Option<&str>) -> Result<(), Refusal> {
    let Some(expected) = expected.filter(|e| *e != "*") else { return Ok(()) };
    let exception = original(event, id)?.and_then(|o| event.series.as_ref()?.exceptions.get(&o));
    let now = etag(&change_key(index, event.key, event.version(exception).0));
    let plain = |t: &str| t.trim_start_matches("W/").trim_matches('"').to_owned();
    if plain(&now) == plain(expected) {
        return Ok(());
    }
    Err(Refusal::new(
        412,
        "ErrorIrresolvableConflict",
        "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
    ))
}
