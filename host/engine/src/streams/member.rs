//! Who belongs to which group, and the subscriptions of members.

use std::sync::Arc;

use calport_model::notification::{Subscription, SubscriptionGroup, SubscriptionRequest, Topic};
use calport_model::{ConnectorError, ErrorKind};
use calport_store::{FeedKey, StoredSubscription};
use jiff::Timestamp;

use super::{GATHER, Group, Role};
use crate::actor::Engine;
use crate::backoff;
use crate::connection::{Class, Work};
use crate::feed::BLOCKED_RETRY;
use crate::prepare::RETRY;
use crate::wheel::Timer;

impl Engine {
    /// The connection works and is told in streams, or not at all: what another way or an earlier run left is ended. Streams
    /// end with the host, so no subscription of an earlier run is counted on (SEMANTICS R-05).
    pub(crate) async fn end_leftovers(&mut self, id: &str) {
        let mut left = Vec::new();
        for key in &self.ungrouped(id) {
            left.extend(self.forget_subscription(key).await);
        }
        self.end_subscriptions(id, left);
    }

    fn ungrouped(&self, id: &str) -> Vec<FeedKey> {
        let here = self.feeds.iter().filter(|(key, _)| key.connection == id);
        here.filter(|(_, entry)| entry.group.is_none()).map(|(key, _)| key.clone()).collect()
    }

    /// The connection works: every mailbox gets into a group.
    pub(crate) fn begin_streams(&mut self, id: &str) {
        for key in self.ungrouped(id) {
            self.prepare_due(&key);
        }
    }

    /// Ends subscriptions at the other side, in batches.
    fn end_subscriptions(&mut self, connection: &str, ids: Vec<String>) {
        let Some(connection) = self.connections.get_mut(connection) else { return };
        let batch = connection.plan.api.descriptor().feed.as_ref().map_or(1, |feed| feed.batch_size.max(1));
        for ids in ids.chunks(batch) {
            connection.push(Class::Reconcile, Work::Unsubscribe(ids.to_vec()));
        }
    }

    /// Forgets a mailbox's subscription; gives its id.
    async fn forget_subscription(&mut self, key: &FeedKey) -> Option<String> {
        let entry = self.feeds.get_mut(key)?;
        (entry.covered, entry.heard) = (None, None);
        let old = entry.subscription.take()?;
        self.touch_group_of(key);
        self.by_subscription.remove(&(key.connection.clone(), old.id.clone()));
        self.secrets.remove(&key.connection, &old.secret);
        if let Err(error) = self.store.remove_subscription(&key.connection, &old.id).await {
            tracing::error!(code = "store-failed", %error, "an old subscription could not be removed");
        }
        Some(old.id)
    }

    /// Puts a mailbox into a group of its affinity that has room, and subscribes it.
    pub(crate) fn join_group(&mut self, key: &FeedKey, affinity: String) {
        let now = self.clock.now();
        let Some(entry) = self.feeds.get_mut(key) else { return };
        if entry.subscription.is_some() {
            return self.begin_reading(key, now);
        }
        let (before, complete) = (entry.group.take(), entry.feed.complete);
        let Some(connection) = self.connections.get_mut(&key.connection) else { return };
        let profile = connection.plan.api.descriptor().streams;
        let most = profile.map_or(1, |profile| profile.members).min(connection.plan.stream_members).max(1);
        let streams = &mut connection.streams;
        let stays =
            before.clone().filter(|name| streams.groups.get(name).is_some_and(|g| g.affinity == affinity && g.members.contains(key)));
        let room = || streams.groups.iter().find(|(_, g)| g.affinity == affinity && g.members.len() < most).map(|(name, _)| name.clone());
        let name = match stays.or_else(room) {
            Some(name) => name,
            None => {
                streams.named += 1;
                Arc::from(format!("streams-{}", streams.named))
            }
        };
        // The place of a mailbox that has moved is given up.
        if let Some(left) = before.filter(|left| *left != name)
            && let Some(group) = streams.group_mut(&left)
        {
            group.members.remove(key);
            if group.members.is_empty() {
                streams.groups.remove(&left);
            }
        }
        let group = streams.groups.entry(name.clone()).or_insert_with(|| Group { affinity, ..Group::default() });
        group.members.insert(key.clone());
        group.pending += 1;
        group.touched = true;
        let class = if complete { Class::Renewal } else { Class::First };
        connection.push(class, Work::Subscribe(name.clone(), vec![key.clone()]));
        if let Some(entry) = self.feeds.get_mut(key) {
            entry.group = Some(name);
            entry.preparing = true;
        }
    }

    /// What to ask for members of a group. Its anchor is the first by alphabet of those who are there now (SEMANTICS B-32).
    pub(crate) fn subscribe_requests(&mut self, connection: &str, name: &str, keys: &[FeedKey]) -> Vec<SubscriptionRequest> {
        let expires = backoff::after(self.clock.now(), self.settings.subscription);
        let first = self.group(connection, name).and_then(|group| group.members.first()).map(|key| key.mailbox.clone());
        let anchor = self.group_mut(connection, name).and_then(|group| {
            group.anchor = group.anchor.take().or(first);
            group.anchor.clone()
        });
        keys.iter()
            .map(|key| SubscriptionRequest {
                mailbox: Some(key.mailbox.clone()),
                topic: Topic::Events,
                notification_url: None,
                group: Some(SubscriptionGroup { name: name.to_owned(), anchor: anchor.clone().unwrap_or_else(|| key.mailbox.clone()) }),
                lifecycle_url: None,
                secret: String::new(),
                expires,
            })
            .collect()
    }

    /// Members were subscribed, or could not be.
    pub(crate) async fn subscribed(
        &mut self,
        connection: &str,
        name: &Arc<str>,
        keys: Vec<FeedKey>,
        result: Result<Vec<Result<Subscription, ConnectorError>>, ConnectorError>,
    ) {
        let now = self.clock.now();
        if let Some(group) = self.group_mut(connection, name) {
            group.pending = group.pending.saturating_sub(keys.len());
        }
        let answers = match result {
            Ok(answers) => answers,
            Err(error) => {
                self.connection_failed(connection, &error, now);
                keys.iter().map(|_| Err(error.clone())).collect()
            }
        };
        let mut unwanted = Vec::new();
        for (key, answer) in keys.into_iter().zip(answers) {
            let ours = self.feeds.get_mut(&key).filter(|entry| entry.group.as_ref() == Some(name));
            let Some(entry) = ours else {
                // It left the group meanwhile.
                unwanted.extend(answer.ok().map(|subscription| subscription.id));
                continue;
            };
            entry.preparing = false;
            match answer {
                Ok(granted) => self.member_subscribed(&key, name, granted, now).await,
                Err(error) => self.member_refused(&key, name, &error, now).await,
            }
        }
        self.end_subscriptions(connection, unwanted);
    }

    async fn member_subscribed(&mut self, key: &FeedKey, name: &Arc<str>, granted: Subscription, now: Timestamp) {
        let subscription = StoredSubscription {
            connection: key.connection.clone(),
            id: granted.id,
            mailbox: key.mailbox.clone(),
            secret: String::new(),
            granted_at: now,
            expires: granted.expires,
        };
        self.take_subscription(key, subscription, now).await;
        if let Some(connection) = self.connections.get_mut(&key.connection) {
            connection.streams.trouble = None;
        }
        let Some(group) = self.group_mut(&key.connection, name) else { return };
        let live = group.with(Role::Live).is_some();
        let refused = group.trouble.is_some();
        if !refused && !live {
            let latest = backoff::after(*group.gathering.get_or_insert(now), GATHER.1);
            group.open_at = Some(if group.pending == 0 { backoff::after(now, GATHER.0).min(latest) } else { latest });
        }
        // Who joins a stream that lives, or that cannot be opened for now, is read at once; the others when it is confirmed.
        if live || refused {
            self.begin_reading(key, now);
        }
    }

    /// A member has no subscription: it is polled, and asked for again later.
    async fn member_refused(&mut self, key: &FeedKey, name: &Arc<str>, error: &ConnectorError, now: Timestamp) {
        tracing::warn!(
            code = error.kind.code(),
            connection = key.connection,
            mailbox = key.mailbox,
            "no subscription; the mailbox is polled until there is one: {}",
            error.message
        );
        let is_anchor = self.group(&key.connection, name).is_some_and(|group| group.anchor.as_ref() == Some(&key.mailbox));
        if let Some(streams) = self.connections.get_mut(&key.connection).map(|c| &mut c.streams) {
            if error.kind == ErrorKind::Unsupported {
                streams.refused = true;
            }
            if matches!(error.kind, ErrorKind::Unsupported | ErrorKind::Throttled(_)) {
                streams.trouble = Some(error.message.clone());
            }
        }
        let wait = match &error.kind {
            ErrorKind::Throttled(wait) => wait.unwrap_or(BLOCKED_RETRY / 3),
            _ if error.is_transient() => RETRY,
            _ => BLOCKED_RETRY,
        };
        self.wheel.set(backoff::after(now, backoff::jitter(wait)), Timer::Prepare(key.clone()));
        if let Some(entry) = self.feeds.get_mut(key) {
            entry.group = None;
        }
        self.leave_group(key, name).await;
        if is_anchor && !error.is_transient() {
            self.dissolve_group(&key.connection, name).await;
        }
        self.begin_reading(key, now);
        self.rest_reads(std::slice::from_ref(key), now);
    }

    /// A mailbox is no longer a member.
    pub(crate) async fn leave_group(&mut self, key: &FeedKey, name: &Arc<str>) {
        let Some(streams) = self.connections.get_mut(&key.connection).map(|c| &mut c.streams) else { return };
        let Some(group) = streams.group_mut(name) else { return };
        group.members.remove(key);
        if group.members.is_empty() {
            streams.groups.remove(name);
        } else if group.anchor.as_ref() == Some(&key.mailbox) && !self.feeds.contains_key(key) {
            // Without its anchor requests of the group might be led elsewhere: it is made anew.
            self.dissolve_group(&key.connection, name).await;
        }
    }

    /// Gives up the groups of connections that do not use streams any more.
    pub(crate) async fn leave_unused_streams(&mut self) {
        let unused: Vec<(String, Arc<str>)> = self
            .connections
            .iter()
            .filter(|(_, connection)| !connection.uses_streams() && !connection.streams.refused)
            .flat_map(|(id, connection)| connection.streams.groups.keys().map(|name| (id.clone(), name.clone())))
            .collect();
        for (id, name) in unused {
            self.dissolve_group(&id, &name).await;
        }
    }

    /// Gives a group up: its members are subscribed anew in another one.
    async fn dissolve_group(&mut self, connection: &str, name: &Arc<str>) {
        let Some(group) = self.connections.get_mut(connection).and_then(|c| c.streams.groups.remove(name)) else { return };
        let mut ended = Vec::new();
        for key in &group.members {
            ended.extend(self.forget_subscription(key).await);
            if let Some(entry) = self.feeds.get_mut(key) {
                entry.group = None;
                // An answer that is still to come finds that the mailbox has left.
                entry.preparing = false;
            }
        }
        self.end_subscriptions(connection, ended);
        for key in &group.members {
            self.prepare_due(key);
        }
    }
}
