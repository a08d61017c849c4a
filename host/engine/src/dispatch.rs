//! From queues to jobs, and from finished jobs back into the table.

use std::sync::Arc;
use std::time::Duration;

use calport_model::descriptor::CheckReport;
use calport_model::notification::{Hint, Subscription};
use calport_model::presence::{PresenceReading, PresenceReceipt};
use calport_model::{Absence, ConnectorError};
use calport_store::{Feed, FeedKey, PersonRow, PresenceRow};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::calls::CallAnswers;
use crate::compute::{Computed, compute};
use crate::connection::{Health, Work};
use crate::current::{CurrentOrder, Stepped, carry_out};
use crate::gaps;
use crate::hooks::{HookError, read_hooks};
use crate::people::resolve_people;
use crate::prepare::{Prepared, prepare};
use crate::publish::publish;
use crate::sync::{SyncError, SyncOutcome, sync_feed};

/// Computations under way at a time: as many as there are cores on a small host.
const MOST_COMPUTING: usize = 2;

/// A window with less than this ahead is read anew (SEMANTICS C-03), the mailboxes spread over the time below.
const ROLL_BEFORE: Duration = Duration::from_secs(14 * 86_400);
/// Over how long the mailboxes' rolls are spread.
const ROLL_SPREAD: Duration = Duration::from_secs(7 * 86_400);

/// Whether the whole window is to be read and compared (FEATURES C09). Each mailbox has its place in the last seventh of the
/// interval, so that they do not all come at once.
fn full_read_due(feed: &Feed, interval: Duration, now: Timestamp) -> bool {
    let early = backoff::place(&feed.key, interval / 7);
    feed.complete && feed.full_read.is_none_or(|at| backoff::between(at, now) + early >= interval)
}

type Answers<T> = Result<Vec<Result<T, ConnectorError>>, ConnectorError>;

/// The result of a job.
pub(crate) enum Done {
    Nothing,
    /// With the time at which it began.
    Checked(String, Timestamp, Result<CheckReport, ConnectorError>),
    Inventory(String, Result<Vec<Subscription>, ConnectorError>),
    Resolved(String, Vec<String>, Result<Vec<PersonRow>, ConnectorError>),
    Prepared(String, Vec<FeedKey>, Result<Vec<Prepared>, ConnectorError>),
    Subscribed(String, Arc<str>, Vec<FeedKey>, Answers<Subscription>),
    Renewed(String, Vec<String>, Answers<Subscription>),
    Absences(String, Vec<FeedKey>, Answers<Absence>),
    Hooks(String, Result<(Vec<Hint>, Option<i64>), HookError>),
    Synced(FeedKey, Result<SyncOutcome, SyncError>, Option<Box<Feed>>, Option<String>),
    Computed(Vec<Computed>),
    Published(String, Vec<PresenceRow>, Vec<Result<PresenceReceipt, ConnectorError>>),
    Unsubscribed(String),
    SinkRead(String, Timestamp, Vec<String>, Answers<PresenceReading>),
    Calls(String, CallAnswers),
    Current(String, CurrentOrder, Result<Stepped, ConnectorError>),
    Alerted(Vec<String>, usize, Result<(), ConnectorError>),
}

impl Engine {
    /// Starts whatever may start now.
    pub(crate) fn dispatch(&mut self) {
        let now = self.clock.now();
        let ids: Vec<String> = self.connections.keys().cloned().collect();
        for id in &ids {
            self.check_if_due(id, now);
            self.read_hooks_if_waiting(id, now);
            self.watch_sink(id, now);
            self.ask_calls(id, now);
            self.drive_streams(id, now);
            while let Some(work) = self.connections.get_mut(id).and_then(|c| c.take(now)) {
                self.start_work(id, work);
            }
            while let Some(rows) = self.take_batch(id, now) {
                let Some(connection) = self.connections.get(id) else { break };
                let (store, api, clock, id) = (self.store.clone(), connection.plan.api.clone(), self.clock.clone(), id.clone());
                self.jobs.spawn(async move {
                    let (rows, answers) = publish(&store, api.as_ref(), &id, rows, clock.as_ref()).await;
                    Done::Published(id, rows, answers)
                });
            }
        }
        while self.computing < MOST_COMPUTING && !self.compute.is_empty() {
            let orders = self.compute_orders();
            if orders.is_empty() {
                continue;
            }
            self.computing += 1;
            let store = self.store.clone();
            self.jobs.spawn(async move { Done::Computed(compute(&store, orders, now).await) });
        }
    }

    fn check_if_due(&mut self, id: &str, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let due = match &connection.health {
            Health::Unchecked => true,
            Health::Online => false,
            Health::Offline { next_try, .. } => *next_try <= now,
        };
        if !due || connection.checking || !connection.plan.active {
            return;
        }
        connection.checking = true;
        let name = connection.plan.api.descriptor().display_name.clone();
        if matches!(connection.health, Health::Unchecked) {
            tracing::info!(code = "starting", connection = id, "Starting {name}");
            tracing::info!(code = "url", connection = id, "Using {name} URL: {}", connection.plan.url);
        }
        let (api, id) = (connection.plan.api.clone(), id.to_owned());
        self.jobs.spawn(async move { Done::Checked(id, now, api.check().await) });
    }

    fn read_hooks_if_waiting(&mut self, id: &str, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if !connection.hooks_waiting || connection.hooks_busy || !connection.is_open(now) {
            return;
        }
        connection.hooks_waiting = false;
        if connection.uses_hooks() {
            connection.hooks_busy = true;
            self.start_work(id, Work::Hooks);
        }
    }

    fn start_work(&mut self, id: &str, work: Work) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.in_flight += 1;
        let (api, store, id, now) = (connection.plan.api.clone(), self.store.clone(), id.to_owned(), self.clock.now());
        match work {
            Work::Sync(key) => self.start_sync(key),
            Work::Prepare(keys) => {
                let order = self.prepare_order(&id, &keys);
                self.jobs.spawn(async move { Done::Prepared(id, keys, prepare(api.as_ref(), order).await) });
            }
            Work::Subscribe(group, keys) => {
                let requests = self.subscribe_requests(&id, &group, &keys);
                self.jobs.spawn(async move { Done::Subscribed(id, group, keys, api.subscribe(requests).await) });
            }
            Work::Renew(ids) => {
                let renewals = self.renewals(&ids);
                self.jobs.spawn(async move { Done::Renewed(id, ids, api.renew(renewals).await) });
            }
            Work::Absences(keys) => {
                let mailboxes = keys.iter().map(|k| k.mailbox.clone()).collect();
                self.jobs.spawn(async move { Done::Absences(id, keys, api.read_absences(mailboxes).await) });
            }
            Work::Resolve(people) => {
                let plans: Vec<_> = people.iter().filter_map(|id| self.wanted_match(id)).collect();
                self.jobs.spawn(async move {
                    let rows = resolve_people(api.as_ref(), &plans, now).await;
                    Done::Resolved(id, people, rows)
                });
            }
            Work::Inventory => {
                self.jobs.spawn(async move { Done::Inventory(id, api.live_subscriptions().await) });
            }
            Work::Unsubscribe(ids) => {
                self.jobs.spawn(async move {
                    if let Err(error) = api.unsubscribe(ids).await {
                        tracing::warn!(
                            code = error.kind.code(),
                            connection = id,
                            "subscriptions could not be ended; they lapse by themselves: {}",
                            error.message
                        );
                    }
                    Done::Unsubscribed(id)
                });
            }
            Work::Current(order) => {
                self.jobs.spawn(async move {
                    let result = carry_out(api.as_ref(), &order).await;
                    Done::Current(id, *order, result)
                });
            }
            Work::Hooks => {
                self.jobs.spawn(async move {
                    let read = read_hooks(&store, api.as_ref(), &id).await;
                    Done::Hooks(id, read)
                });
            }
        }
    }

    fn start_sync(&mut self, key: FeedKey) {
        let now = self.clock.now();
        let window = self.window(now);
        let (Some(connection), Some(entry)) = (self.connections.get_mut(&key.connection), self.feeds.get_mut(&key)) else {
            if let Some(connection) = self.connections.get_mut(&key.connection) {
                connection.in_flight -= 1;
            }
            return;
        };
        let zone = match entry.feed.zone.as_deref().map(calport_model::zone::resolve) {
            Some(calport_model::zone::Resolved::Known(zone)) => zone,
            _ => self.settings.zone.clone(),
        };
        let (store, api, mut feed) = (self.store.clone(), connection.plan.api.clone(), entry.feed.clone());
        let rolls = backoff::between(now, feed.window.end) < ROLL_BEFORE + backoff::place(&key, ROLL_SPREAD);
        let full = rolls || std::mem::take(&mut entry.full) || full_read_due(&feed, self.settings.full_read, now);
        if full {
            feed.cursor = None;
        }
        let probed = entry.routine.filter(|_| !full).map(|_| entry.probe.clone());
        self.jobs.spawn(async move {
            // Taken before the read: what comes in between shows at the next one.
            let probe = if probed.is_some() { gaps::probe(api.as_ref(), &key.mailbox).await } else { None };
            let result = if probe.is_some() && probed == Some(probe.clone()) {
                store.set_verified(&key, now).await.map(|()| SyncOutcome::default()).map_err(SyncError::from)
            } else {
                sync_feed(&store, api.as_ref(), &feed, window, &zone, now).await
            };
            let feed = store.feed(&key).await.ok().flatten().map(Box::new);
            Done::Synced(key, result, feed, probe)
        });
    }

    /// Takes a job's result in.
    pub(crate) async fn finish(&mut self, done: Done) {
        let connection = match &done {
            Done::Inventory(id, _)
            | Done::Resolved(id, ..)
            | Done::Prepared(id, ..)
            | Done::Renewed(id, ..)
            | Done::Subscribed(id, ..)
            | Done::Absences(id, ..)
            | Done::Hooks(id, _)
            | Done::Current(id, ..)
            | Done::Unsubscribed(id) => Some(id.clone()),
            Done::Synced(key, ..) => Some(key.connection.clone()),
            Done::Nothing
            | Done::Checked(..)
            | Done::Computed(_)
            | Done::Published(..)
            | Done::SinkRead(..)
            | Done::Calls(..)
            | Done::Alerted(..) => None,
        };
        if let Some(connection) = connection.and_then(|id| self.connections.get_mut(&id)) {
            connection.in_flight = connection.in_flight.saturating_sub(1);
        }
        match done {
            Done::Nothing | Done::Unsubscribed(_) => {}
            Done::Checked(id, began, result) => self.checked(&id, began, result).await,
            Done::Inventory(id, result) => self.inventory_taken(&id, result).await,
            Done::Resolved(id, people, result) => self.people_resolved(&id, people, result).await,
            Done::Prepared(id, keys, result) => self.mailboxes_prepared(&id, keys, result).await,
            Done::Subscribed(id, group, keys, result) => self.subscribed(&id, &group, keys, result).await,
            Done::Renewed(id, ids, result) => self.renewed(&id, ids, result).await,
            Done::Absences(id, keys, result) => self.absences_read(&id, keys, result).await,
            Done::Hooks(id, result) => self.hooks_read(&id, result).await,
            Done::Synced(key, result, feed, probe) => self.feed_read(&key, result, feed.map(|f| *f), probe),
            Done::SinkRead(sink, began, users, result) => self.sink_read(&sink, began, users, result).await,
            Done::Calls(sink, result) => self.calls_read(&sink, result),
            Done::Current(id, order, result) => self.current_written(&id, order, result).await,
            Done::Alerted(told, over, result) => self.alerted(told, over, result),
            Done::Computed(results) => self.computed(results).await,
            Done::Published(sink, rows, answers) => self.published(&sink, rows, answers),
        }
    }
}
