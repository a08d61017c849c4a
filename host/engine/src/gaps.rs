//! Gaps: changes that a routine read finds and nobody had told of (SEMANTICS C-13), and the probes that spare most of
//! these reads (C-12).
//!
//! A connection of which too much is missed is not believed for a day: its mailboxes are polled, and the status and the alert
//! mail say so.

use std::time::Duration;

use calport_model::ConnectorApi;
use calport_store::FeedKey;
use jiff::Timestamp;

use crate::actor::Engine;
use crate::backoff;
use crate::connection::Class;
use crate::feed::FeedEntry;
use crate::sync::SyncOutcome;
use crate::wheel::Timer;

/// How long a change may be there before it is told of.
const GRACE: Duration = Duration::from_secs(180);
/// How long changes are counted, and how long a connection is not believed.
const DAY: Duration = Duration::from_secs(86_400);
/// One missed change in so many is too much.
const SHARE: u32 = 50;
/// Fewer missed changes in a day are no pattern.
const LEAST: u32 = 3;

/// What was told and what was missed of a connection.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    began: Option<Timestamp>,
    told: u32,
    missed: u32,
    /// Changes missed since the start.
    pub total: u64,
    until: Option<Timestamp>,
}

impl Gaps {
    fn roll(&mut self, now: Timestamp) {
        if self.began.is_none_or(|began| backoff::between(began, now) >= DAY) {
            (self.began, self.told, self.missed) = (Some(now), 0, 0);
        }
    }

    /// A change was told.
    pub fn told(&mut self, now: Timestamp) {
        self.roll(now);
        self.told = self.told.saturating_add(1);
    }

    /// A change was not told; whether the connection is not believed from now on.
    fn missed(&mut self, now: Timestamp) -> bool {
        self.roll(now);
        self.missed = self.missed.saturating_add(1);
        self.total += 1;
        let too_many = self.missed >= LEAST && self.missed.saturating_mul(SHARE) > self.told.saturating_add(self.missed);
        if !too_many || self.until(now).is_some() {
            return false;
        }
        self.until = Some(backoff::after(now, DAY));
        true
    }

    /// Until when the connection is not believed, if it is so now.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|at| *at > now)
    }

    /// The reason, for people.
    pub fn reason(&self, now: Timestamp) -> Option<String> {
        let until = self.until(now)?;
        let all = self.told.saturating_add(self.missed);
        Some(format!(
            "{} of {all} changes of a day were found by routine reads although the server should have told of them, so mailboxes are polled \
             until {until}. Look at what stands between the server and Calport: proxies, load balancers, the server's own log",
            self.missed
        ))
    }
}

/// The probe of a mailbox; `None` where there is none, and then the mailbox is read.
pub(crate) async fn probe(api: &dyn ConnectorApi, mailbox: &str) -> Option<String> {
    api.probe(vec![mailbox.to_owned()]).await.ok()?.into_iter().next()?.ok()
}

impl Engine {
    /// Whether changes of a mailbox are told of, and the connection is believed.
    pub(crate) fn is_told(&self, key: &FeedKey, now: Timestamp) -> bool {
        let Some(connection) = self.connections.get(&key.connection) else { return false };
        let hears = connection.hears_hooks();
        // A subscription tells nothing while its stream is not open, or before its first sign of life.
        let told = |e: &FeedEntry| e.subscription.is_some() && (e.covered.is_some() || (e.group.is_none() && !hears));
        connection.gaps.until(now).is_none() && self.feeds.get(key).is_some_and(|entry| told(entry))
    }

    /// Whether the read that begins is one that should find nothing new.
    pub(crate) fn is_routine(&self, key: &FeedKey, now: Timestamp) -> bool {
        let quiet = |entry: &FeedEntry| entry.class == Class::Reconcile && !entry.feed.dirty && entry.feed.complete;
        self.is_told(key, now) && self.feeds.get(key).is_some_and(|entry| quiet(entry))
    }

    /// A routine read that began then found something: whether it is told of is seen a little later.
    pub(crate) fn routine_read(&mut self, key: &FeedKey, began: Timestamp, outcome: &SyncOutcome) {
        if outcome.reset || outcome.upserts + outcome.removed == 0 {
            return;
        }
        if let Some(entry) = self.feeds.get_mut(key) {
            entry.gap = Some(began);
            self.wheel.set(backoff::after(began, GRACE), Timer::Gap(key.clone()));
        }
    }

    /// It is seen whether a change was told of after all.
    pub(crate) fn gap_due(&mut self, key: &FeedKey, now: Timestamp) {
        let Some(entry) = self.feeds.get_mut(key) else { return };
        let Some(began) = entry.gap.filter(|began| backoff::after(*began, GRACE) <= now) else { return };
        entry.gap = None;
        if entry.last_notice.is_some_and(|notice| notice >= began) {
            return;
        }
        let (id, mailbox) = (&key.connection, &key.mailbox);
        tracing::warn!(code = "missed-notification", connection = id, mailbox, "a change was found that nothing had told of");
        let Some(connection) = self.connections.get_mut(id) else { return };
        if !connection.gaps.missed(now) {
            return;
        }
        let reason = connection.gaps.reason(now).unwrap_or_default();
        tracing::error!(code = "notifications-unreliable", connection = id, "{reason}");
        let keys: Vec<FeedKey> = self.feeds.keys().filter(|key| key.connection == *id).cloned().collect();
        self.rest_reads(&keys, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(hours)
    }

    #[test]
    fn c13_more_than_one_missed_change_in_fifty_is_too_much_for_a_day() {
        let mut gaps = Gaps::default();
        (0..147).for_each(|_| gaps.told(at(1)));
        assert!(!gaps.missed(at(2)) && !gaps.missed(at(2)) && !gaps.missed(at(3)), "3 of 150 are two in a hundred");
        assert!(gaps.missed(at(4)) && gaps.until(at(27)).is_some() && gaps.until(at(28)).is_none());
        assert!(!gaps.missed(at(5)), "it is said once");
        assert!(gaps.reason(at(5)).unwrap().starts_with("5 of 152 changes"), "{:?}", gaps.reason(at(5)));
        assert_eq!(gaps.total, 5);
    }

    #[test]
    fn c13_days_are_counted_for_themselves_and_two_are_no_pattern() {
        let mut gaps = Gaps::default();
        assert!(!gaps.missed(at(0)) && !gaps.missed(at(1)));
        assert!(!gaps.missed(at(24)) && !gaps.missed(at(25)) && gaps.missed(at(26)), "the third of the second day");
    }
}
