//! What a connection has stored and not yet read, as far as the receiver must know it to keep a bound.
//!
//! The store is asked only for the oldest unread request: all that came before it is read. So the bound costs neither a
//! count over a large table nor a call from whoever reads.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use calport_model::notification::HookRequest;

use super::counters::ConnectionCounts;
use super::limits::HookLimits;

/// What makes two requests alike: URL, media type and body.
pub(super) type Likeness = [u8; 32];

pub(super) fn likeness(request: &HookRequest) -> Likeness {
    Sha256::new()
        .chain_update([u8::from(request.lifecycle)])
        .chain_update(u64::try_from(request.content_type.len()).unwrap_or(u64::MAX).to_le_bytes())
        .chain_update(&request.content_type)
        .chain_update(&request.body)
        .finalize()
        .into()
}

/// What is to be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Store it.
    Store,
    /// Acknowledge it without storing: its like is unread.
    Fold,
    /// Refuse it.
    Refuse,
}

struct Unread {
    received: Timestamp,
    bytes: usize,
    like: Likeness,
}

/// Unread requests of one connection, its counts, and what was logged about it.
#[derive(Default)]
pub(super) struct Backlog {
    unread: VecDeque<Unread>,
    likes: HashMap<Likeness, u32>,
    bytes: usize,
    /// When the store was last asked what is read.
    pub(super) asked: Option<Timestamp>,
    pub(super) counts: ConnectionCounts,
    pub(super) complaints: Complaints,
}

impl Backlog {
    /// Whether a decision needs to know what is read by now.
    pub(super) fn is_full(&self, limits: &HookLimits) -> bool {
        self.unread.len() >= limits.fold_from || self.bytes >= limits.unread_bytes
    }

    pub(super) fn room(&self, like: &Likeness, limits: &HookLimits) -> Room {
        if self.is_full(limits) && self.likes.contains_key(like) {
            Room::Fold
        } else if self.unread.len() >= limits.unread || self.bytes >= limits.unread_bytes {
            Room::Refuse
        } else {
            Room::Store
        }
    }

    pub(super) fn stored(&mut self, received: Timestamp, bytes: usize, like: Likeness) {
        self.unread.push_back(Unread { received, bytes, like });
        self.bytes = self.bytes.saturating_add(bytes);
        *self.likes.entry(like).or_default() += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.unread.len()
    }

    /// Forgets what is read: of the first `known`, those that came before the oldest unread one, or all when none is unread.
    pub(super) fn read_until(&mut self, oldest: Option<Timestamp>, known: usize) {
        for _ in 0..known {
            if oldest.is_some_and(|oldest| self.unread.front().is_some_and(|first| first.received >= oldest)) {
                break;
            }
            let Some(read) = self.unread.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(read.bytes);
            if let Some(count) = self.likes.get_mut(&read.like) {
                *count -= 1;
                if *count == 0 {
                    self.likes.remove(&read.like);
                }
            }
        }
    }
}

/// How often, at most, the same is logged about a connection.
const COMPLAIN: SignedDuration = SignedDuration::from_secs(60);

/// What was logged about a connection: when, and how often it happened since.
#[derive(Default)]
pub(super) struct Complaints(HashMap<&'static str, (Timestamp, u64)>);

impl Complaints {
    /// Notes that something happened. When it is due to be logged, says how often it did since it last was.
    pub(super) fn add(&mut self, code: &'static str, now: Timestamp) -> Option<u64> {
        let Some((last, silent)) = self.0.get_mut(code) else {
            self.0.insert(code, (now, 0));
            return Some(1);
        };
        *silent += 1;
        if now.duration_since(*last).abs() < COMPLAIN {
            return None;
        }
        *last = now;
        Some(std::mem::take(silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HookLimits = HookLimits {
        body: 0,
        body_time: std::time::Duration::ZERO,
        store_time: std::time::Duration::ZERO,
        in_flight: 0,
        fold_from: 3,
        unread: 5,
        unread_bytes: 1000,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn b27_only_what_is_already_unread_is_folded() {
        let mut backlog = Backlog::default();
        for second in 0..3 {
            assert_eq!(backlog.room(&[7; 32], &LIMITS), Room::Store);
            backlog.stored(at(second), 10, [7; 32]);
        }
        assert_eq!(backlog.room(&[7; 32], &LIMITS), Room::Fold);
        assert_eq!(backlog.room(&[8; 32], &LIMITS), Room::Store, "one that says something else is kept");
        backlog.stored(at(3), 10, [8; 32]);
        backlog.stored(at(4), 10, [8; 32]);
        assert_eq!(backlog.room(&[9; 32], &LIMITS), Room::Refuse);
        assert_eq!(backlog.room(&[7; 32], &LIMITS), Room::Fold);

        backlog.read_until(Some(at(3)), backlog.len());
        assert_eq!((backlog.len(), backlog.bytes), (2, 20));
        assert_eq!(backlog.room(&[7; 32], &LIMITS), Room::Store);
        backlog.read_until(None, 1);
        assert_eq!(backlog.len(), 1, "what came while the store was asked stays");
        assert_eq!(backlog.likes, [([8; 32], 1)].into());
    }

    #[test]
    fn b31_the_same_complaint_comes_once_a_minute_with_its_count() {
        let mut complaints = Complaints::default();
        assert_eq!(complaints.add("a", at(0)), Some(1));
        assert_eq!(complaints.add("a", at(1)), None);
        assert_eq!(complaints.add("b", at(1)), Some(1));
        assert_eq!(complaints.add("a", at(60)), Some(2));
        assert_eq!(complaints.add("a", at(61)), None);
    }

    #[test]
    fn b30_unread_bytes_have_a_bound_too() {
        let mut backlog = Backlog::default();
        backlog.stored(at(0), 1000, [1; 32]);
        assert_eq!(backlog.room(&[2; 32], &LIMITS), Room::Refuse);
        assert_eq!(backlog.room(&[1; 32], &LIMITS), Room::Fold);
    }

    #[test]
    fn b27_alike_is_the_same_url_type_and_body() {
        let request = |lifecycle, kind: &str, body: &str| HookRequest {
            lifecycle,
            content_type: kind.to_owned(),
            body: body.as_bytes().to_vec(),
            received: at(0),
        };
        let first = likeness(&request(false, "a", "bc"));
        assert_eq!(first, likeness(&HookRequest { received: at(9), ..request(false, "a", "bc") }));
        for other in [request(true, "a", "bc"), request(false, "ab", "c"), request(false, "a", "bd")] {
            assert_ne!(first, likeness(&other));
        }
    }
}
