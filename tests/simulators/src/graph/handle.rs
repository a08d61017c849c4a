//! The simulator as tests hold it: start, seed, change, break, count, stop.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::config::{Config, User};
use super::draft::EventDraft;
use super::fields::Writer;
use super::http::{Prefer, Refusal};
use super::ids::{ItemId, calendar_id};
use super::log::{Deliveries, Mail, Seen};
use super::notify::Notifier;
use super::render::{View, into_map};
use super::shared::Shared;
use super::state::{Happened, State};
use super::{events, mailbox, server, subscriptions};
use crate::clock::Clock;
use crate::fault::{Faults, Rule};
use crate::serve::{self, Running};

/// Why the simulator did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address could not be bound or served.
    #[error("the simulator cannot listen: {0}; choose another address or let it choose with port 0")]
    Listen(#[from] std::io::Error),
    /// The client for notifications could not be built.
    #[error("the simulator cannot send notifications: {0}")]
    Notifier(#[from] reqwest::Error),
    /// The simulated service refuses the change, in its own words.
    #[error("the simulated service refuses: {0}")]
    Refused(String),
}

impl From<Refusal> for SimulatorError {
    fn from(r: Refusal) -> Self {
        Self::Refused(r.to_string())
    }
}

type Done<T> = Result<T, SimulatorError>;

/// A lifecycle event of subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// The application must reauthorize or renew.
    ReauthorizationRequired,
    /// The subscription is gone.
    SubscriptionRemoved,
    /// Notifications were lost.
    Missed,
}

impl Lifecycle {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ReauthorizationRequired => "reauthorizationRequired",
            Self::SubscriptionRemoved => "subscriptionRemoved",
            Self::Missed => "missed",
        }
    }
}

/// Counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests by operation.
    pub operations: BTreeMap<String, u64>,
    /// Requests by mailbox (principal name) and operation.
    pub mailboxes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Most requests seen at once, by mailbox (principal name).
    pub peak: BTreeMap<String, u32>,
    /// Mails the real service would have sent because of the application, to attendees and by `sendMail`, one per recipient.
    pub mails_sent: u64,
    /// Those of them that went to attendees of meetings.
    pub attendee_mails: u64,
    /// Subscriptions alive.
    pub subscriptions: usize,
    /// Notification items and POSTs.
    pub notifications: Deliveries,
}

/// Settings before the start.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    config: Config,
    clock: Option<Clock>,
    users: Vec<User>,
}

impl Builder {
    /// Replaces all settings.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Changes settings in place.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// The clock to live by; default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A person from the start.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Starts the simulator on the current tokio runtime.
    ///
    /// # Errors
    /// The address is taken, or two users share a name.
    pub async fn start(self) -> Done<Simulator> {
        let listener = serve::bind(self.config.listen).await?;
        let clock = self.clock.unwrap_or_else(Clock::system);
        let mut state = State::new(self.config);
        for user in self.users {
            state.add_user(user)?;
        }
        let stop = tokio_util::sync::CancellationToken::new();
        let notifier = Notifier::new(stop.clone())?;
        let shared = Arc::new_cyclic(|me| Shared::new(state, clock, notifier, me.clone()));
        let running = serve::start(listener, server::router(Arc::clone(&shared)))?;
        Ok(Simulator { shared, running, notifications: stop.drop_guard() })
    }
}

/// A running simulator. Dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    running: Running,
    notifications: tokio_util::sync::DropGuard,
}

impl Simulator {
    /// Settings for a simulator.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Origin without a trailing slash; the service is below `/v1.0`, tokens below `/{tenant}/oauth2/v2.0/token`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// Address of the token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.base_url(), self.config().tenant)
    }

    /// The settings in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.shared.lock().config.clone()
    }

    /// Changes settings while running (not the address).
    pub fn configure(&self, change: impl FnOnce(&mut Config)) {
        change(&mut self.shared.lock().config);
    }

    /// The clock, to be moved.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.clock.clone()
    }

    /// The fault rules.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// Adds a fault rule.
    pub fn fault(&self, rule: Rule) {
        self.shared.faults.add(rule);
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// What another front door on the same mailboxes works on.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Adds a person and gives the directory id.
    ///
    /// # Errors
    /// A name or address is taken.
    pub fn add_user(&self, user: User) -> Done<String> {
        Ok(self.shared.lock().add_user(user)?)
    }

    /// Adds `mailboxes` people `user00000@example.test`… with `events` half-hour events each, one an hour from `from`.
    ///
    /// # Errors
    /// A name is taken.
    pub fn stress(&self, mailboxes: u32, events: u32, from: Timestamp) -> Done<()> {
        Ok(self.shared.lock().stress(mailboxes, events, from)?)
    }

    /// Adds an event to the primary calendar as its owner would; gives the usual id.
    ///
    /// # Errors
    /// The service's refusal.
    pub fn add_event(&self, user: &str, event: EventDraft) -> Done<String> {
        Ok(self.shared.lock().create(user, 0, event.into_body(), Writer::Person, self.now())?.text())
    }

    /// Adds a calendar to a mailbox; gives its id.
    ///
    /// # Errors
    /// The mailbox does not exist.
    pub fn add_calendar(&self, user: &str, name: &str) -> Done<String> {
        let mut state = self.shared.lock();
        let number = state.add_calendar(user, name)?;
        Ok(calendar_id(state.mailbox(user)?.0, number))
    }

    /// Changes an event, series or occurrence as its owner would.
    ///
    /// # Errors
    /// The service's refusal.
    pub fn update_event(&self, user: &str, id: &str, patch: EventDraft) -> Done<()> {
        Ok(self.shared.lock().update(user, &ItemId::read(id)?, patch.into_body(), None, Writer::Person, self.now())?)
    }

    /// Deletes an event or series, or cancels an occurrence by its id.
    ///
    /// # Errors
    /// The service's refusal.
    pub fn delete_event(&self, user: &str, id: &str) -> Done<()> {
        Ok(self.shared.lock().delete(user, &ItemId::read(id)?, None, Writer::Person, self.now())?)
    }

    /// The id of the occurrence of a series with this original start (local time of the series, `2026-03-02T09:00:00`).
    ///
    /// # Errors
    /// The series has no such occurrence.
    pub fn occurrence_id(&self, user: &str, series: &str, original_start: &str) -> Done<String> {
        let local: jiff::civil::DateTime =
            original_start.parse().map_err(|_| SimulatorError::Refused(format!("'{original_start}' is no local time")))?;
        let state = self.shared.lock();
        let (index, mailbox) = state.mailbox(user)?;
        let id = ItemId::read(series)?;
        let instance = mailbox.event(index, &id)?.occurrence(local).ok_or_else(Refusal::item_not_found)?;
        Ok(ItemId { occurrence: Some(instance.original_at.as_second()), ..id }.text())
    }

    /// Cancels the occurrence of a series with this original start (local time of the series).
    ///
    /// # Errors
    /// The series has no such occurrence.
    pub fn delete_occurrence(&self, user: &str, series: &str, original_start: &str) -> Done<()> {
        let id = self.occurrence_id(user, series, original_start)?;
        self.delete_event(user, &id)
    }

    /// Moves an event to another calendar of its mailbox; gives its new usual id.
    ///
    /// # Errors
    /// Event or calendar do not exist.
    pub fn move_event(&self, user: &str, id: &str, calendar: &str) -> Done<String> {
        let mut state = self.shared.lock();
        let (index, mailbox) = state.mailbox(user)?;
        let number = super::route::CalendarRef::Id(calendar.to_owned()).number(index, mailbox)?;
        Ok(state.relocate(user, &ItemId::read(id)?, number, self.now())?.text())
    }

    /// An event as the service gives it (UTC, usual ids).
    ///
    /// # Errors
    /// It does not exist.
    pub fn event(&self, user: &str, id: &str) -> Done<Value> {
        let state = self.shared.lock();
        let (index, mailbox) = state.mailbox(user)?;
        let prefer = Prefer::read(&axum::http::HeaderMap::new())?;
        let view = View::new(index, mailbox.user.owner(), &prefer);
        Ok(Value::Object(events::show(mailbox, index, &ItemId::read(id)?, &view)?))
    }

    /// Every event of a mailbox as the service gives it (UTC, usual ids), masters of series in place of their occurrences.
    ///
    /// # Errors
    /// The mailbox does not exist.
    pub fn events(&self, user: &str) -> Done<Vec<Value>> {
        let state = self.shared.lock();
        let (index, mailbox) = state.mailbox(user)?;
        let prefer = Prefer::read(&axum::http::HeaderMap::new())?;
        let view = View::new(index, mailbox.user.owner(), &prefer);
        Ok(mailbox.events.values().map(|event| Value::Object(view.whole(event, None))).collect())
    }

    /// Sets automatic replies (Graph's `automaticRepliesSetting`) as the owner would; `None` switches them off. Nobody is notified.
    ///
    /// # Errors
    /// The mailbox does not exist, or the setting is not one.
    pub fn set_automatic_replies(&self, user: &str, replies: Option<Value>) -> Done<()> {
        let replies = match replies {
            Some(mut value) => {
                mailbox::replies(&mut value)?;
                Some(Value::Object(into_map(value)))
            }
            None => None,
        };
        Ok(self.shared.lock().set_automatic_replies(user, replies)?)
    }

    /// Keeps the application out of a mailbox by policy, or lets it in again.
    ///
    /// # Errors
    /// The user does not exist.
    pub fn deny_mailbox(&self, user: &str, denied: bool) -> Done<()> {
        let mut state = self.shared.lock();
        let (index, _) = state.user(user)?;
        if let Some(mailbox) = state.mailboxes.get_mut(index as usize) {
            mailbox.denied = denied;
        }
        Ok(())
    }

    /// Makes all access tokens invalid.
    pub fn expire_tokens(&self) {
        self.shared.lock().tokens.clear();
    }

    /// Makes all delta tokens of one mailbox (or all) expire: 410 at their next use.
    pub fn expire_delta(&self, user: Option<&str>) {
        self.shared.lock().expire_delta(user);
    }

    /// Loses the next `n` notifications, silently.
    pub fn drop_notifications(&self, n: u32) {
        self.shared.lock().drop_notifications = n;
    }

    /// Sends the next `n` notifications twice.
    pub fn double_notifications(&self, n: u32) {
        self.shared.lock().double_notifications = n;
    }

    /// Notifies a mailbox's subscriptions `times` times of the same change of the same event, though nothing changed.
    ///
    /// # Errors
    /// The event does not exist.
    pub fn notify(&self, user: &str, id: &str, times: u32) -> Done<()> {
        let mut state = self.shared.lock();
        let (index, mailbox) = state.mailbox(user)?;
        let id = ItemId::read(id)?;
        mailbox.event(index, &id)?;
        for _ in 0..times {
            state.happened(index, id, Happened::Updated, self.now());
        }
        Ok(())
    }

    /// Posts a lifecycle event for the subscriptions of one mailbox (or all) that have a lifecycle address; gives their number.
    pub fn lifecycle(&self, user: Option<&str>, event: Lifecycle) -> usize {
        let mut state = self.shared.lock();
        let index = user.map(|u| state.user(u).map(|(i, _)| i).ok());
        subscriptions::lifecycle(&mut state, event.word(), |s| index.is_none_or(|i| i == Some(s.mailbox)))
    }

    /// Subscriptions alive, as the service shows them.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Value> {
        let (state, now) = (self.shared.lock(), self.now());
        state.subscriptions.values().filter(|s| s.expires > now).map(|s| Value::Object(s.render(&state.config.client_id))).collect()
    }

    /// Mails the real service would have sent because of the application, to attendees and by `sendMail`, one per recipient.
    #[must_use]
    pub fn mails_sent(&self) -> u64 {
        self.shared.lock().mails_sent()
    }

    /// Those of them that went to attendees of meetings.
    #[must_use]
    pub fn attendee_mails(&self) -> u64 {
        self.shared.lock().attendee_mails
    }

    /// The messages that the application sent by `sendMail`, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Mail> {
        self.shared.lock().sent.clone()
    }

    /// How often an operation was requested, on one mailbox or on all.
    #[must_use]
    pub fn count(&self, operation: &str, user: Option<&str>) -> u64 {
        self.shared.lock().count(operation, user)
    }

    /// Most requests seen at once on a mailbox.
    #[must_use]
    pub fn peak(&self, user: &str) -> u32 {
        let state = self.shared.lock();
        state.user(user).ok().and_then(|(i, _)| state.throttle.peak.get(&i).copied()).unwrap_or(0)
    }

    /// All counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.lock().stats(self.now())
    }

    /// What became of notifications.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries {
        self.shared.lock().log.notifications
    }

    /// The requests seen, oldest first (the latest 20,000).
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.lock().log.seen.iter().cloned().collect()
    }

    /// Forgets requests and counters (not the mails).
    pub fn reset_log(&self) {
        self.shared.lock().reset_log();
    }

    /// Stops the simulator: its listener and all connections close.
    pub fn stop(self) {
        self.running.stop();
        drop(self.notifications);
    }
}
