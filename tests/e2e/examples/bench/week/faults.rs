//! What goes wrong during the week, and how long it may be felt.

use jiff::{SignedDuration, Timestamp};
use rand::prelude::*;

/// After the provider answers again: no pause of the engine is longer (its breaker waits up to 300 s, a mailbox up to 600 s after
/// seven failures in a row, which no outage here is long enough for), and the provider's own `Retry-After` comes on top.
pub const CALENDAR_BACKOFF: i64 = 400;
/// After the PBX answers again: breaker and single values wait up to 300 s.
pub const PBX_BACKOFF: i64 = 310;
/// After an answer of the PBX was lost: a value is sent again after 2, 4 and 8 s, and the rest of its batch with it.
pub const LOST_ANSWER: i64 = 15;
/// After a start: mailboxes are read over one second per 25 of them, and what was set by hand is read before.
pub const SPREAD: i64 = 3;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The calendar server answers with this status.
    Refuses { status: u16, retry_after: Option<u32>, only: Option<usize> },
    /// It breaks connections.
    Resets,
    /// Its access tokens are no longer valid.
    TokensExpire,
    /// Its sync states are gone.
    CursorsExpire(Option<usize>),
    /// A subscription is removed, and the change before that was not told.
    SubscriptionRemoved(usize),
    /// Notifications were lost, and the server says so.
    Missed,
    /// The PBX is restarted and refuses connections.
    PbxDown,
    /// The PBX carries out the next writes, but its answers are lost.
    PbxAnswersLost(u32),
    /// The host is stopped in order.
    Stops,
    /// The host ends in the middle of what it does.
    Crashes(u32),
}

/// A fault with its time, in seconds of the run.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    pub at: i64,
    pub seconds: i64,
    pub fault: Fault,
}

/// A stretch of time, and whose calendar it concerns if not everybody's.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    pub from: Timestamp,
    pub to: Timestamp,
    /// How long the server asked to wait after its last refusal, in seconds.
    pub asked: i64,
    pub only: Option<usize>,
}

impl Outage {
    /// Whether it lasts, or is felt for so many seconds after it.
    pub fn is_felt(&self, now: Timestamp, after: i64) -> bool {
        self.from <= now && now < self.to + SignedDuration::from_secs(self.asked + after)
    }
}

/// Faults of every kind, in turns, one after the other.
pub fn plan(rng: &mut StdRng, seconds: i64, people: usize) -> Vec<Planned> {
    let mut planned = Vec::new();
    let mut at = rng.random_range(1_800..3_600);
    let mut turn: Vec<u8> = Vec::new();
    while at < seconds - 1_200 {
        if turn.is_empty() {
            turn = (0..13).collect();
            turn.shuffle(rng);
        }
        let anybody = rng.random_range(0..people);
        let (fault, length) = match turn.pop().unwrap_or_default() {
            0 => (Fault::Refuses { status: 429, retry_after: Some(rng.random_range(5..90)), only: None }, rng.random_range(20..240)),
            1 => {
                (Fault::Refuses { status: 429, retry_after: Some(rng.random_range(5..90)), only: Some(anybody) }, rng.random_range(60..300))
            }
            2 => (Fault::Refuses { status: 429, retry_after: None, only: None }, rng.random_range(20..120)),
            3 => (
                Fault::Refuses { status: *[500, 502, 503, 504].choose(rng).unwrap_or(&500), retry_after: None, only: None },
                rng.random_range(20..300),
            ),
            4 => (Fault::Resets, rng.random_range(10..200)),
            5 => (Fault::TokensExpire, 0),
            6 => (Fault::CursorsExpire(rng.random_bool(0.5).then_some(anybody)), 0),
            7 => (Fault::SubscriptionRemoved(anybody), 0),
            8 => (Fault::Missed, 0),
            9 => (Fault::PbxDown, rng.random_range(60..600)),
            10 => (Fault::PbxAnswersLost(rng.random_range(1..4)), 0),
            11 => (Fault::Stops, rng.random_range(5..900)),
            _ => (Fault::Crashes(rng.random_range(0..40)), rng.random_range(5..300)),
        };
        // A crash is to hit something: most happens at full minutes.
        let at_minute = matches!(fault, Fault::Crashes(_) | Fault::PbxAnswersLost(_));
        at = if at_minute { (at / 300 + 1) * 300 } else { at };
        planned.push(Planned { at, seconds: length, fault });
        at += length + rng.random_range(1_300..6_000);
    }
    planned
}
