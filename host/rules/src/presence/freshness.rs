//! How old a value is, and when it must not be trusted any more (SEMANTICS P-26).

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// A canary younger than this proves that the connection delivers (SEMANTICS P-26).
const CANARY: SignedDuration = SignedDuration::from_mins(30);

/// Nothing is stale sooner than this.
const STALE_AT_LEAST: SignedDuration = SignedDuration::from_mins(30);

/// What proves that a mailbox's value is what the calendar says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The last successful read or probe of the mailbox.
    pub read: Option<Timestamp>,
    /// The last heartbeat of its stream.
    pub heartbeat: Option<Timestamp>,
    /// When the connection's canary came back last.
    pub canary: Option<Timestamp>,
}

impl Evidence {
    /// When the value was verified last; `None` when it never was. A canary verifies all the time until it is 30 minutes old,
    /// but never what was not read at all.
    pub fn last_verified(&self, now: Timestamp) -> Option<Timestamp> {
        let read = self.read?;
        let canary = self.canary.map(|canary| canary.saturating_add(CANARY).unwrap_or(canary).min(now));
        [Some(read), self.heartbeat, canary].into_iter().flatten().max().map(|verified| verified.min(now))
    }
}

/// How far a value can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Freshness {
    /// Verified recently.
    Fresh,
    /// To be shown with its age.
    Stale,
    /// To be shown as unknown.
    Unknown,
}

/// Judges an age.
///
/// `reconcile` is the interval R of C-12; a value is stale once older than max(30 min, 2 × R). `unknown_after` is the age
/// from which nothing is claimed any more, by default 24 h; `None` keeps the stale value for ever. What was never verified is
/// unknown.
pub fn freshness(age: Option<SignedDuration>, reconcile: SignedDuration, unknown_after: Option<SignedDuration>) -> Freshness {
    let Some(age) = age else { return Freshness::Unknown };
    let stale_after = reconcile.checked_mul(2).unwrap_or(SignedDuration::MAX).max(STALE_AT_LEAST);
    if unknown_after.is_some_and(|limit| age > limit) {
        Freshness::Unknown
    } else if age > stale_after {
        Freshness::Stale
    } else {
        Freshness::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    #[test]
    fn rule_p26_reads_heartbeats_and_young_canaries_verify() {
        let verified = |read: Option<i64>, heartbeat: Option<i64>, canary: Option<i64>, now| {
            Evidence { read: read.map(at), heartbeat: heartbeat.map(at), canary: canary.map(at) }.last_verified(at(now))
        };
        assert_eq!(verified(None, Some(5), Some(5), 10), None, "never read");
        assert_eq!(verified(Some(0), None, None, 10), Some(at(0)));
        assert_eq!(verified(Some(0), Some(7), None, 10), Some(at(7)));
        assert_eq!(verified(Some(0), None, Some(5), 10), Some(at(10)), "the canary is young");
        assert_eq!(verified(Some(0), None, Some(5), 100), Some(at(35)), "it verified until it was 30 minutes old");
        assert_eq!(verified(Some(20), None, None, 10), Some(at(10)), "nothing is verified in the future");
    }

    #[test]
    fn rule_p26_stale_after_twice_the_interval_and_unknown_after_a_day() {
        let (hour, minute) = (SignedDuration::from_hours(1), SignedDuration::from_mins(1));
        let judge = |age: SignedDuration, reconcile| freshness(Some(age), reconcile, Some(hour * 24));
        assert_eq!(judge(hour * 12, hour * 6), Freshness::Fresh);
        assert_eq!(judge(hour * 12 + minute, hour * 6), Freshness::Stale);
        assert_eq!(judge(minute * 30, minute), Freshness::Fresh, "never sooner than 30 minutes");
        assert_eq!(judge(minute * 31, minute), Freshness::Stale);
        assert_eq!(judge(hour * 24 + minute, hour * 6), Freshness::Unknown);
        assert_eq!(freshness(Some(hour * 100), hour, None), Freshness::Stale);
        assert_eq!(freshness(None, hour, None), Freshness::Unknown);
    }
}
