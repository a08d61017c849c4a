//! Stored requests of servers: read, and taken over as hints when to look (SEMANTICS C-04, C-11).

use std::collections::BTreeSet;
use std::time::Duration;

use calport_model::notification::{Hint, HintKind, HookRequest};
use calport_model::{ConnectorApi, ConnectorError};
use calport_store::{FeedKey, Store, StoreError, StoredSubscription};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::connection::{Class, Connection, Work};
use crate::wheel::Timer;

/// How soon stored hook requests are read again after that failed.
const HOOKS_RETRY: Duration = Duration::from_secs(5);
/// How often it is looked whether hook requests lie there of which nobody told.
const HOOKS_SWEEP: Duration = Duration::from_secs(30);
/// Hook requests read in one call.
const HOOKS: u32 = 500;

/// Reads stored hook requests: the hints, and the number up to which they are taken over.
pub(crate) async fn read_hooks(store: &Store, api: &dyn ConnectorApi, connection: &str) -> Result<(Vec<Hint>, Option<i64>), HookError> {
    let stored = store.hooks(connection, HOOKS).await?;
    let Some(last) = stored.last().map(|h| h.number) else { return Ok((Vec::new(), None)) };
    let requests: Vec<HookRequest> = stored.into_iter().map(|h| h.request).collect();
    let mut hints = Vec::new();
    for answer in api.read_hooks(requests).await? {
        match answer {
            Ok(more) => hints.extend(more),
            Err(error) => {
                tracing::warn!(
                    code = "hook-unreadable",
                    connection,
                    "a notification could not be read and is set aside: {}",
                    error.message
                );
            }
        }
    }
    Ok((hints, Some(last)))
}

/// Why hook requests could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    /// The connector.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Looks for stored hook requests of which no word came: a full inbox, or a sender that hung up while its request was stored.
    pub(crate) fn sweep_hooks(&mut self, connection: &str, now: Timestamp) {
        let Some(state) = self.connections.get_mut(connection) else { return };
        state.hooks_waiting = true;
        self.wheel.set(backoff::after(now, HOOKS_SWEEP), Timer::HookSweep(connection.to_owned()));
    }

    /// Stored hook requests of a connection are to be read.
    pub(crate) fn hooks_due(&mut self, connection: &str) {
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.hooks_waiting = true;
        }
    }

    /// Stored hook requests were read.
    pub(crate) async fn hooks_read(&mut self, connection: &str, result: Result<(Vec<Hint>, Option<i64>), HookError>) {
        let now = self.clock.now();
        if let Some(state) = self.connections.get_mut(connection) {
            state.hooks_busy = false;
        }
        let (hints, last) = match result {
            Ok(read) => read,
            Err(HookError::Connector(error)) => {
                self.connection_failed(connection, &error, now);
                tracing::warn!(code = error.kind.code(), connection, "stored notifications could not be read yet: {}", error.message);
                self.wheel.set(backoff::after(now, HOOKS_RETRY), Timer::Hooks(connection.to_owned()));
                return;
            }
            Err(HookError::Store(error)) => {
                tracing::error!(code = "store-failed", %error, "stored notifications could not be read");
                self.wheel.set(backoff::after(now, HOOKS_RETRY), Timer::Hooks(connection.to_owned()));
                return;
            }
        };
        let Some(last) = last else { return };
        self.hear_hooks(connection, &hints, now);
        let (dirty, lost) = self.sort_hints(connection, hints);
        let keys: Vec<FeedKey> = dirty.iter().chain(&lost).cloned().collect();
        let stored = async {
            self.store.mark_dirty(&keys).await?;
            self.store.remove_hooks(connection, last).await
        };
        if let Err(error) = stored.await {
            tracing::error!(code = "store-failed", %error, "notifications could not be taken over; they are read again");
            return;
        }
        if let Some(state) = self.connections.get_mut(connection) {
            state.hooks_waiting = true;
        }
        for key in dirty {
            self.notice(&key, now);
        }
        for key in lost {
            self.subscription_lost(&key, now).await;
        }
    }

    /// Takes signs of life of subscriptions: each is good for as long again as it was granted for.
    fn hear_hooks(&mut self, connection: &str, hints: &[Hint], now: Timestamp) {
        if !self.connections.get(connection).is_some_and(Connection::hears_hooks) {
            return;
        }
        for hint in hints.iter().filter(|hint| hint.kind == HintKind::Heartbeat) {
            let Some(key) = self.by_subscription.get(&(connection.to_owned(), hint.subscription.clone())).cloned() else { continue };
            if let Some(state) = self.connections.get_mut(connection) {
                state.untold = None;
            }
            let Some(entry) = self.feeds.get_mut(&key) else { continue };
            let Some(subscription) = entry.subscription.clone() else { continue };
            entry.heard = Some(now);
            entry.covered.get_or_insert(subscription.granted_at);
            if let Some(expires) = subscription.expires {
                let life = backoff::between(subscription.granted_at, expires);
                let again = StoredSubscription { granted_at: now, expires: Some(backoff::after(now, life)), ..subscription };
                self.plan_renewal(&key, again, now);
            }
        }
    }

    /// What hints mean: the mailboxes to read, and those whose subscription is gone. Renewals are queued.
    pub(crate) fn sort_hints(&mut self, connection: &str, hints: Vec<Hint>) -> (BTreeSet<FeedKey>, BTreeSet<FeedKey>) {
        let (mut dirty, mut lost) = (BTreeSet::new(), BTreeSet::new());
        for hint in hints {
            let key = match self.by_subscription.get(&(connection.to_owned(), hint.subscription.clone())) {
                Some(key) => key.clone(),
                None => match hint.mailbox {
                    // An id that is not known any more says nothing about the one that took its place.
                    Some(_) if hint.kind == HintKind::SubscriptionRemoved && !hint.subscription.is_empty() => continue,
                    Some(mailbox) if self.feeds.contains_key(&FeedKey::new(connection, mailbox.clone())) => {
                        FeedKey::new(connection, mailbox)
                    }
                    None if hint.kind == HintKind::Resync && hint.subscription.is_empty() => {
                        dirty.extend(self.feeds.keys().filter(|key| key.connection == connection).cloned());
                        continue;
                    }
                    _ => continue,
                },
            };
            match hint.kind {
                HintKind::Changed | HintKind::Resync => {
                    dirty.insert(key);
                }
                HintKind::SubscriptionRemoved => {
                    lost.insert(key);
                }
                HintKind::Reauthorise => {
                    if let Some(connection) = self.connections.get_mut(connection) {
                        connection.push(Class::Renewal, Work::Renew(vec![hint.subscription]));
                    }
                }
                HintKind::PresenceChanged(_) | HintKind::Heartbeat | HintKind::Closed => {}
            }
        }
        (dirty, lost)
    }
}
