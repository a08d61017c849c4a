//! The streams of the calendar in memory: what happened to a mailbox is told by every stream with its subscription.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use calport_model::descriptor::StreamProfile;
use calport_model::notification::{Hint, HintKind, Subscription, SubscriptionRequest, WaitResult};
use calport_model::{ConnectorError, ErrorKind, ErrorScope, Items};
use tokio::sync::Notify;

use super::{Calendar, failure};

/// An open stream.
#[derive(Default)]
pub struct Open {
    pub ids: BTreeSet<String>,
    told: Vec<Hint>,
    end: Option<ConnectorError>,
    pub waits: usize,
}

/// The line to the server.
pub struct Line {
    pub profile: StreamProfile,
    /// Subscription to mailbox.
    pub subscriptions: BTreeMap<String, String>,
    /// Group and anchor of each request for a subscription.
    pub asked: Vec<(String, String, String)>,
    pub streams: BTreeMap<String, Open>,
    /// How many subscriptions each stream that was opened had.
    pub opened: Vec<usize>,
    /// The most streams at once.
    pub most: usize,
    /// Why a stream cannot be opened.
    pub refuse: Option<ConnectorError>,
    /// Why mailboxes cannot be subscribed.
    pub refuse_subscription: BTreeMap<String, ConnectorError>,
    /// Nothing is told any more, and the streams stay open.
    pub silent: bool,
    /// Streams are confirmed and end in the same breath.
    pub ends_at_once: bool,
    made: usize,
    woken: Arc<Notify>,
}

impl Line {
    pub fn new(profile: StreamProfile) -> Self {
        Self {
            profile,
            subscriptions: BTreeMap::new(),
            asked: Vec::new(),
            streams: BTreeMap::new(),
            opened: Vec::new(),
            most: usize::MAX,
            refuse: None,
            refuse_subscription: BTreeMap::new(),
            silent: false,
            ends_at_once: false,
            made: 0,
            woken: Arc::default(),
        }
    }

    pub fn subscribe(&mut self, requests: &[SubscriptionRequest]) -> Option<Result<Items<Subscription>, ConnectorError>> {
        let mut grant = |r: &SubscriptionRequest| {
            let (mailbox, group) = (r.mailbox.clone().unwrap(), r.group.clone().unwrap());
            if let Some(error) = self.refuse_subscription.get(&mailbox) {
                return Err(error.clone());
            }
            self.made += 1;
            let id = format!("s{}", self.made);
            self.subscriptions.insert(id.clone(), mailbox.clone());
            self.asked.push((mailbox.clone(), group.name, group.anchor));
            Ok(Subscription { id, mailbox: Some(mailbox), expires: None })
        };
        requests.iter().all(|r| r.group.is_some()).then(|| Ok(requests.iter().map(&mut grant).collect()))
    }

    /// Tells every stream that has a subscription of the mailbox.
    pub fn changed(&mut self, mailbox: &str) {
        if self.silent {
            return;
        }
        for (id, _) in self.subscriptions.iter().filter(|(_, m)| *m == mailbox) {
            let hint = Hint { subscription: id.clone(), mailbox: Some(mailbox.into()), kind: HintKind::Changed };
            self.streams.values_mut().filter(|s| s.ids.contains(id)).for_each(|s| s.told.push(hint.clone()));
        }
        self.woken.notify_waiters();
    }

    /// Says something on every stream.
    pub fn say(&mut self, kind: &HintKind) {
        if !self.silent {
            let hint = Hint { subscription: String::new(), mailbox: None, kind: kind.clone() };
            self.streams.values_mut().for_each(|s| s.told.push(hint.clone()));
        }
        self.woken.notify_waiters();
    }

    /// A subscription is gone at the server.
    pub fn lose(&mut self, mailbox: &str) {
        let ids: Vec<String> = self.subscriptions.iter().filter(|(_, m)| *m == mailbox).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.subscriptions.remove(&id);
            let hint = Hint { subscription: id.clone(), mailbox: None, kind: HintKind::SubscriptionRemoved };
            self.streams.values_mut().filter(|s| s.ids.contains(&id)).for_each(|s| s.told.push(hint.clone()));
        }
        self.woken.notify_waiters();
    }

    /// The connections break.
    pub fn cut(&mut self) {
        self.streams.values_mut().for_each(|s| s.end = Some(failure(ErrorKind::Unavailable, ErrorScope::Connection)));
        self.woken.notify_waiters();
    }

    /// The connection of the stream that was opened first breaks.
    pub fn cut_oldest(&mut self) {
        let oldest = self.streams.keys().min_by_key(|id| (id.len(), (*id).clone())).cloned().unwrap();
        self.streams.get_mut(&oldest).unwrap().end = Some(failure(ErrorKind::Unavailable, ErrorScope::Connection));
        self.woken.notify_waiters();
    }

    fn open(&mut self, stream: &str, ids: &[String]) -> Result<(), ConnectorError> {
        if let Some(error) = &self.refuse {
            return Err(error.clone());
        }
        if self.streams.len() >= self.most {
            return Err(failure(ErrorKind::Throttled(None), ErrorScope::Connection));
        }
        let hint = |subscription: String, kind| Hint { subscription, mailbox: None, kind };
        let mut told = Vec::new();
        if !self.silent {
            told.push(hint(String::new(), HintKind::Heartbeat));
            let gone = ids.iter().filter(|id| !self.subscriptions.contains_key(*id));
            told.extend(gone.map(|id| hint(id.clone(), HintKind::SubscriptionRemoved)));
        }
        if self.ends_at_once {
            told.push(hint(String::new(), HintKind::Closed));
        }
        self.opened.push(ids.len());
        self.streams.insert(stream.to_owned(), Open { ids: ids.iter().cloned().collect(), told, ..Open::default() });
        Ok(())
    }

    pub async fn wait(calendar: &Calendar, stream: String, ids: Vec<String>) -> Result<WaitResult, ConnectorError> {
        loop {
            let woken = {
                let mut state = calendar.state.lock().unwrap();
                let Some(line) = &mut state.line else { return Err(failure(ErrorKind::Unsupported, ErrorScope::Connection)) };
                if !line.streams.contains_key(&stream) {
                    line.open(&stream, &ids)?;
                }
                let open = line.streams.get_mut(&stream).unwrap();
                open.waits += 1;
                if let Some(error) = open.end.take() {
                    line.streams.remove(&stream);
                    return Err(error);
                }
                let hints = std::mem::take(&mut open.told);
                if !hints.is_empty() {
                    return Ok(WaitResult { hints, cursor: None });
                }
                let mut woken = Box::pin(line.woken.clone().notified_owned());
                woken.as_mut().enable();
                woken
            };
            woken.await;
        }
    }
}
