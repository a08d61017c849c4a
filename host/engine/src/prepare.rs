//! Before a mailbox is read: its zone, and a subscription (SEMANTICS C-02, C-10, C-11, R-05).

use std::time::Duration;

use calport_model::descriptor::Capability;
use calport_model::directory::MailboxInfo;
use calport_model::notification::{Hint, HintKind, HookRequest, Renewal, Subscription, SubscriptionRequest, Topic};
use calport_model::{ConnectorApi, ConnectorError, ErrorKind};
use calport_store::{FeedKey, Store, StoreError, StoredSubscription};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::connection::{Class, Work};
use crate::secrets::new_secret;
use crate::wheel::Timer;

/// How long after a failed preparation it is tried again; meanwhile the mailbox is polled.
const RETRY: Duration = Duration::from_secs(60);
/// How soon stored hook requests are read again after that failed.
const HOOKS_RETRY: Duration = Duration::from_secs(5);
/// How often it is looked whether hook requests lie there of which nobody told.
const HOOKS_SWEEP: Duration = Duration::from_secs(30);
/// Hook requests read in one call.
const HOOKS: u32 = 500;

/// What became of preparing a mailbox.
pub(crate) struct Prepared {
    pub key: FeedKey,
    pub info: Option<Result<MailboxInfo, ConnectorError>>,
    pub subscription: Option<Result<StoredSubscription, (ConnectorError, String)>>,
}

/// What a preparation needs to know.
pub(crate) struct PrepareOrder {
    pub hook_url: Option<String>,
    pub expires: Timestamp,
    pub now: Timestamp,
    pub mailboxes: Vec<(FeedKey, Option<String>)>,
}

/// Asks for zones and subscribes; a secret is given for each mailbox that wants a subscription.
pub(crate) async fn prepare(api: &dyn ConnectorApi, order: PrepareOrder) -> Result<Vec<Prepared>, ConnectorError> {
    let mut prepared: Vec<Prepared> =
        order.mailboxes.iter().map(|(key, _)| Prepared { key: key.clone(), info: None, subscription: None }).collect();
    let infos = api.mailbox_infos(order.mailboxes.iter().map(|(key, _)| key.mailbox.clone()).collect()).await?;
    for (entry, info) in prepared.iter_mut().zip(infos) {
        entry.info = Some(info);
    }
    let Some(hook_url) = order.hook_url else { return Ok(prepared) };
    let wanted: Vec<(FeedKey, String)> =
        order.mailboxes.into_iter().filter_map(|(key, secret)| secret.map(|secret| (key, secret))).collect();
    let requests = wanted
        .iter()
        .map(|(key, secret)| SubscriptionRequest {
            mailbox: Some(key.mailbox.clone()),
            topic: Topic::Events,
            notification_url: Some(hook_url.clone()),
            lifecycle_url: Some(format!("{hook_url}/lifecycle")),
            secret: secret.clone(),
            expires: order.expires,
        })
        .collect();
    let answers = api.subscribe(requests).await?;
    for ((key, secret), answer) in wanted.into_iter().zip(answers) {
        let stored = match answer {
            Ok(subscription) => Ok(StoredSubscription {
                connection: key.connection.clone(),
                id: subscription.id,
                mailbox: key.mailbox.clone(),
                secret,
                granted_at: order.now,
                expires: subscription.expires,
            }),
            Err(error) => Err((error, secret)),
        };
        if let Some(entry) = prepared.iter_mut().find(|p| p.key == key) {
            entry.subscription = Some(stored);
        }
    }
    Ok(prepared)
}

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
    /// A mailbox needs its zone or a subscription.
    pub(crate) fn prepare_due(&mut self, key: &FeedKey) {
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if entry.preparing {
            return;
        }
        entry.preparing = true;
        if let Some(connection) = self.connections.get_mut(&key.connection) {
            connection.push(Class::First, Work::Prepare(vec![key.clone()]));
        }
    }

    /// What to ask for a batch of mailboxes. Secrets are known before the other side can use them (SEMANTICS C-02).
    pub(crate) fn prepare_order(&mut self, connection: &str, keys: &[FeedKey]) -> PrepareOrder {
        let now = self.clock.now();
        let hook_url = self.connections.get(connection).filter(|c| c.uses_hooks()).and_then(|c| c.plan.hook_url.clone());
        let mailboxes = keys
            .iter()
            .map(|key| {
                let wants = hook_url.is_some() && self.feeds.get(key).is_some_and(|e| e.subscription.is_none());
                let secret = wants.then(new_secret);
                if let Some(secret) = &secret {
                    self.secrets.add(connection, secret);
                }
                (key.clone(), secret)
            })
            .collect();
        PrepareOrder { hook_url, expires: backoff::after(now, self.settings.subscription), now, mailboxes }
    }

    /// Mailboxes were prepared, or could not be.
    pub(crate) async fn mailboxes_prepared(&mut self, connection: &str, keys: Vec<FeedKey>, result: Result<Vec<Prepared>, ConnectorError>) {
        let now = self.clock.now();
        for key in &keys {
            if let Some(entry) = self.feeds.get_mut(key) {
                entry.preparing = false;
            }
        }
        let prepared = match result {
            Ok(prepared) => prepared,
            Err(error) => {
                self.connection_failed(connection, &error, now);
                for key in keys {
                    self.wheel.set(backoff::after(now, backoff::jitter(RETRY)), Timer::Prepare(key));
                }
                return;
            }
        };
        for one in prepared {
            self.mailbox_prepared(one, now).await;
        }
    }

    async fn mailbox_prepared(&mut self, one: Prepared, now: Timestamp) {
        let key = one.key;
        match one.info {
            Some(Ok(info)) => self.take_info(&key, info).await,
            Some(Err(error)) => {
                let level_is_server = error.kind == ErrorKind::Unsupported;
                if !level_is_server {
                    tracing::warn!(
                        code = error.kind.code(),
                        connection = key.connection,
                        mailbox = key.mailbox,
                        "the mailbox's zone could not be read; the host's is used: {}",
                        error.message
                    );
                }
            }
            None => {}
        }
        match one.subscription {
            Some(Ok(subscription)) => self.take_subscription(&key, subscription, now).await,
            Some(Err((error, secret))) => {
                self.secrets.remove(&key.connection, &secret);
                tracing::warn!(
                    code = error.kind.code(),
                    connection = key.connection,
                    mailbox = key.mailbox,
                    "no subscription; the mailbox is polled until there is one: {}",
                    error.message
                );
                self.wheel.set(backoff::after(now, backoff::jitter(RETRY)), Timer::Prepare(key.clone()));
            }
            None => {}
        }
        if let Some(entry) = self.feeds.get_mut(&key) {
            let first = !entry.prepared;
            entry.prepared = true;
            if first || entry.feed.dirty || !entry.feed.complete {
                let class = if entry.feed.complete { Class::Live } else { Class::First };
                self.schedule(&key, now, class);
            }
        }
        self.absence_wanted(&key, now);
    }

    async fn take_info(&mut self, key: &FeedKey, info: MailboxInfo) {
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if entry.feed.zone == info.zone && entry.feed.language == info.language {
            return;
        }
        entry.feed.zone.clone_from(&info.zone);
        entry.feed.language.clone_from(&info.language);
        let people = entry.people.clone();
        if let Some(zone) = &info.zone
            && calport_model::zone::resolve(zone).is_assumed()
        {
            tracing::warn!(
                code = "zone-assumed",
                connection = key.connection,
                mailbox = key.mailbox,
                zone,
                "the mailbox's zone is not known; the host's zone is used for whole days"
            );
        }
        if let Err(error) = self.store.set_mailbox_info(key, info.zone.as_deref(), info.language.as_deref()).await {
            tracing::error!(code = "store-failed", %error, "a mailbox's zone could not be stored");
        }
        for person in people {
            self.recompute(&person);
        }
    }

    /// A subscription is there: kept, and renewed at half of its life (SEMANTICS C-10).
    pub(crate) async fn take_subscription(&mut self, key: &FeedKey, subscription: StoredSubscription, now: Timestamp) {
        tracing::info!(
            code = "subscribed",
            connection = key.connection,
            mailbox = key.mailbox,
            expires = subscription.expires.map(|t| t.to_string()),
            "Subscribing to availability of user: {}",
            key.mailbox
        );
        if let Err(error) = self.store.set_subscription(&subscription).await {
            tracing::error!(code = "store-failed", %error, "a subscription could not be stored");
        }
        self.plan_renewal(key, subscription, now);
    }

    /// Takes a subscription into the table and sets its renewal.
    pub(crate) fn plan_renewal(&mut self, key: &FeedKey, subscription: StoredSubscription, now: Timestamp) {
        self.by_subscription.insert((key.connection.clone(), subscription.id.clone()), key.clone());
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if let Some(old) = entry.subscription.take()
            && old.id != subscription.id
        {
            self.by_subscription.remove(&(key.connection.clone(), old.id));
            self.secrets.remove(&key.connection, &old.secret);
        }
        if let Some(expires) = subscription.expires {
            let half = backoff::jitter(backoff::between(subscription.granted_at, expires) / 2);
            let at = backoff::after(subscription.granted_at, half).max(now);
            entry.renew_at = Some(at);
            self.wheel.set(at, Timer::Renew(key.connection.clone(), subscription.id.clone()));
        }
        if let Some(entry) = self.feeds.get_mut(key) {
            entry.subscription = Some(subscription);
        }
    }

    /// A subscription is to be renewed.
    pub(crate) fn renew_due(&mut self, connection: &str, id: &str, now: Timestamp) {
        let Some(key) = self.by_subscription.get(&(connection.to_owned(), id.to_owned())) else { return };
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if entry.renew_at.is_none_or(|at| at > now) {
            return;
        }
        entry.renew_at = None;
        if let Some(connection) = self.connections.get_mut(connection) {
            connection.push(Class::Renewal, Work::Renew(vec![id.to_owned()]));
        }
    }

    /// What to ask for renewing.
    pub(crate) fn renewals(&self, ids: &[String]) -> Vec<Renewal> {
        let expires = backoff::after(self.clock.now(), self.settings.subscription);
        ids.iter().map(|id| Renewal { id: id.clone(), expires }).collect()
    }

    /// Renewals were answered.
    pub(crate) async fn renewed(
        &mut self,
        connection: &str,
        ids: Vec<String>,
        result: Result<Vec<Result<Subscription, ConnectorError>>, ConnectorError>,
    ) {
        let now = self.clock.now();
        let answers = match result {
            Ok(answers) => answers,
            Err(error) => {
                self.connection_failed(connection, &error, now);
                ids.iter().map(|_| Err(error.clone())).collect()
            }
        };
        for (id, answer) in ids.into_iter().zip(answers) {
            let Some(key) = self.by_subscription.get(&(connection.to_owned(), id.clone())).cloned() else { continue };
            let Some(old) = self.feeds.get(&key).and_then(|e| e.subscription.clone()) else { continue };
            match answer {
                Ok(subscription) => {
                    let renewed = StoredSubscription { granted_at: now, expires: subscription.expires, ..old };
                    if let Err(error) = self.store.set_subscription(&renewed).await {
                        tracing::error!(code = "store-failed", %error, "a renewed subscription could not be stored");
                    }
                    self.plan_renewal(&key, renewed, now);
                }
                Err(error) if error.kind == ErrorKind::NotFound => self.subscription_lost(&key, now).await,
                Err(error) => self.renewal_failed(&key, &old, &error, now),
            }
        }
    }

    fn renewal_failed(&mut self, key: &FeedKey, old: &StoredSubscription, error: &ConnectorError, now: Timestamp) {
        let late = old.expires.is_some_and(|expires| {
            let life = backoff::between(old.granted_at, expires);
            backoff::between(old.granted_at, now) > life.mul_f64(0.8)
        });
        if late {
            tracing::error!(
                code = "renewal-late",
                connection = key.connection,
                mailbox = key.mailbox,
                "a subscription is in the last fifth of its life and cannot be renewed: {}",
                error.message
            );
        }
        let at = backoff::after(now, backoff::jitter(RETRY));
        if let Some(entry) = self.feeds.get_mut(key) {
            entry.renew_at = Some(at);
        }
        self.wheel.set(at, Timer::Renew(key.connection.clone(), old.id.clone()));
    }

    /// A subscription is gone: make another, then read by the cursor (SEMANTICS B-29).
    pub(crate) async fn subscription_lost(&mut self, key: &FeedKey, now: Timestamp) {
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if let Some(old) = entry.subscription.take() {
            self.by_subscription.remove(&(key.connection.clone(), old.id.clone()));
            self.secrets.remove(&key.connection, &old.secret);
            if let Err(error) = self.store.remove_subscription(&key.connection, &old.id).await {
                tracing::error!(code = "store-failed", %error, "a lost subscription could not be removed");
            }
        }
        tracing::warn!(
            code = "subscription-lost",
            connection = key.connection,
            mailbox = key.mailbox,
            "the subscription is gone; a new one is made"
        );
        if let Some(entry) = self.feeds.get_mut(key) {
            entry.feed.dirty = true;
        }
        self.prepare_due(key);
        self.notice(key, now);
    }

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
        let mut dirty = std::collections::BTreeSet::new();
        let mut lost = std::collections::BTreeSet::new();
        for hint in hints {
            let key = match self.by_subscription.get(&(connection.to_owned(), hint.subscription.clone())) {
                Some(key) => key.clone(),
                None => match hint.mailbox {
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
                HintKind::PresenceChanged(_) | HintKind::Heartbeat => {}
            }
        }
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

    /// The live subscriptions of a connection are known: what is missing is made again, what is alive stays (SEMANTICS R-05).
    pub(crate) async fn inventory_taken(&mut self, connection: &str, result: Result<Vec<Subscription>, ConnectorError>) {
        let now = self.clock.now();
        let live = match result {
            Ok(live) => live,
            Err(error) => {
                self.connection_failed(connection, &error, now);
                tracing::warn!(code = error.kind.code(), connection, "live subscriptions could not be listed: {}", error.message);
                return;
            }
        };
        let live: std::collections::HashMap<String, Option<Timestamp>> = live.into_iter().map(|s| (s.id, s.expires)).collect();
        let known: Vec<(FeedKey, StoredSubscription)> = self
            .feeds
            .iter()
            .filter(|(key, _)| key.connection == connection)
            .filter_map(|(key, entry)| Some((key.clone(), entry.subscription.clone()?)))
            .collect();
        for (key, subscription) in known {
            match live.get(&subscription.id) {
                Some(expires) => self.plan_renewal(&key, StoredSubscription { expires: *expires, ..subscription }, now),
                None => self.subscription_lost(&key, now).await,
            }
        }
        let missing: Vec<FeedKey> = self
            .feeds
            .iter()
            .filter(|(key, entry)| key.connection == connection && entry.subscription.is_none())
            .map(|(key, _)| key.clone())
            .collect();
        for key in missing {
            self.prepare_due(&key);
        }
    }

    /// Whether automatic replies of a connection can be read.
    pub(crate) fn reads_absences(&self, connection: &str) -> bool {
        self.connections.get(connection).is_some_and(|c| c.has(Capability::Absence))
    }
}
