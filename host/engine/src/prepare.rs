//! Before a mailbox is read: its zone, and a subscription (SEMANTICS C-02, C-10, C-11, R-05).

use std::time::Duration;

use calport_model::descriptor::{Capability, HookSecret};
use calport_model::directory::MailboxInfo;
use calport_model::notification::{Renewal, Subscription, SubscriptionRequest, Topic};
use calport_model::{ConnectorApi, ConnectorError, ErrorKind};
use calport_store::{FeedKey, StoredSubscription};
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::connection::{Class, Connection, Work};
use crate::feed::BLOCKED_RETRY;
use crate::secrets::new_secret;
use crate::wheel::Timer;

/// How long after a failed preparation it is tried again; meanwhile the mailbox is polled.
pub(crate) const RETRY: Duration = Duration::from_secs(60);
/// How long the reading of a mailbox waits for a new subscription in place of a lost one.
const SUBSCRIBED_AGAIN: Duration = Duration::from_secs(5);

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
    let parameter = api.descriptor().hook.as_ref().and_then(|hook| match &hook.secret {
        HookSecret::Query(name) => Some(name.clone()),
        _ => None,
    });
    let url = |path: &str, secret: &str| {
        let query = parameter.as_ref().map_or_else(String::new, |name| format!("?{name}={secret}"));
        format!("{hook_url}{path}{query}")
    };
    let wanted: Vec<(FeedKey, String)> =
        order.mailboxes.into_iter().filter_map(|(key, secret)| secret.map(|secret| (key, secret))).collect();
    let requests = wanted
        .iter()
        .map(|(key, secret)| SubscriptionRequest {
            mailbox: Some(key.mailbox.clone()),
            topic: Topic::Events,
            notification_url: Some(url("", secret)),
            group: None,
            lifecycle_url: Some(url("/lifecycle", secret)),
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
        let mut affinity = None;
        match one.info {
            Some(Ok(info)) => {
                affinity = Some(info.affinity.clone());
                self.take_info(&key, info).await;
            }
            Some(Err(error)) => {
                // Where nothing is known of mailboxes there are no groups either.
                affinity = (error.kind == ErrorKind::Unsupported).then(String::new);
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
                if let Some(connection) = self.connections.get_mut(&key.connection) {
                    connection.untold = Some(error.message.clone());
                }
                tracing::warn!(
                    code = error.kind.code(),
                    connection = key.connection,
                    mailbox = key.mailbox,
                    "no subscription; the mailbox is polled until there is one: {}",
                    error.message
                );
                let wait = if error.kind == ErrorKind::Unsupported { BLOCKED_RETRY } else { RETRY };
                self.wheel.set(backoff::after(now, backoff::jitter(wait)), Timer::Prepare(key.clone()));
            }
            None => {}
        }
        if self.connections.get(&key.connection).is_some_and(Connection::uses_streams) {
            match affinity {
                // Its first read comes after its subscription (SEMANTICS C-02).
                Some(affinity) => return self.join_group(&key, affinity),
                None => self.wheel.set(backoff::after(now, backoff::jitter(RETRY)), Timer::Prepare(key.clone())),
            }
        }
        self.begin_reading(&key, now);
    }

    /// All that comes before the first read was done, or could not be.
    pub(crate) fn begin_reading(&mut self, key: &FeedKey, now: Timestamp) {
        if let Some(entry) = self.feeds.get_mut(key) {
            let first = !entry.prepared;
            entry.prepared = true;
            if first || entry.feed.dirty || !entry.feed.complete {
                let class = if entry.feed.complete { Class::Live } else { Class::First };
                self.schedule(key, now, class);
            }
        }
        self.absence_wanted(key, now);
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
        self.touch_group_of(key);
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
                Err(error) if error.kind == ErrorKind::NotFound => {
                    self.note_unheard(&key);
                    self.subscription_lost(&key, now).await;
                }
                Err(error) => self.renewal_failed(&key, &old, &error, now),
            }
        }
    }

    /// A subscription is over of which nothing was ever heard: the other side does not get through.
    fn note_unheard(&mut self, key: &FeedKey) {
        let Some(connection) = self.connections.get_mut(&key.connection).filter(|c| c.hears_hooks()) else { return };
        if self.feeds.get(key).is_some_and(|entry| entry.covered.is_none()) {
            let why = "the server has sent nothing since it was subscribed; see whether it reaches `public_url` of [hooks] and trusts its \
                       certificate, or choose another way with `notify`";
            connection.untold = Some(why.to_owned());
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
        if self.feeds.contains_key(key) {
            let (connection, mailbox) = (&key.connection, &key.mailbox);
            tracing::warn!(code = "subscription-lost", connection, mailbox, "the subscription is gone; a new one is made");
        }
        self.subscribe_again(key, now).await;
    }

    /// Makes another subscription, then reads by the cursor.
    async fn subscribe_again(&mut self, key: &FeedKey, now: Timestamp) {
        self.touch_group_of(key);
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if let Some(old) = entry.subscription.take() {
            self.by_subscription.remove(&(key.connection.clone(), old.id.clone()));
            self.secrets.remove(&key.connection, &old.secret);
            if let Err(error) = self.store.remove_subscription(&key.connection, &old.id).await {
                tracing::error!(code = "store-failed", %error, "a lost subscription could not be removed");
            }
        }
        if let Some(entry) = self.feeds.get_mut(key) {
            entry.feed.dirty = true;
            (entry.covered, entry.heard) = (None, None);
        }
        self.prepare_due(key);
        // It is read as soon as it is subscribed again, or a little later if that takes its time.
        self.schedule(key, backoff::after(now, SUBSCRIBED_AGAIN), Class::Live);
    }

    /// The live subscriptions of a connection are known: what is missing is made again, what is alive stays (SEMANTICS R-05).
    pub(crate) async fn inventory_taken(&mut self, connection: &str, result: Result<Vec<Subscription>, ConnectorError>) {
        let now = self.clock.now();
        let (live, listed) = match result {
            Ok(live) => (live, true),
            // A server that cannot list them: none of an earlier run is counted on.
            Err(error) if error.kind == ErrorKind::Unsupported => (Vec::new(), false),
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
            if !listed && self.feeds.get(&key).is_some_and(|entry| entry.renew_at.is_some()) {
                // One of this run: its renewal shows whether it lives.
                continue;
            }
            match live.get(&subscription.id) {
                Some(expires) => self.plan_renewal(&key, StoredSubscription { expires: *expires, ..subscription }, now),
                None if listed => self.subscription_lost(&key, now).await,
                None => self.subscribe_again(&key, now).await,
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
