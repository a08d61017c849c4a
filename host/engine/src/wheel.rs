//! The one timer wheel (SEMANTICS C-16).
//!
//! Entries are never removed: whoever sets a timer again simply leaves the older entry, and what is due is checked against
//! the table before it acts. After a suspend or a jump of the clock everything due comes out once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use calport_store::FeedKey;
use jiff::Timestamp;

/// What a timer is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A feed is to be read.
    Feed(FeedKey),
    /// It is seen whether a change that a routine read found was told of after all.
    Gap(FeedKey),
    /// A person's presence changes by itself.
    Boundary(String),
    /// A subscription is to be renewed.
    Renew(String, String),
    /// A mailbox needs a subscription, or could not be prepared before.
    Prepare(FeedKey),
    /// Automatic replies of a connection's mailboxes are to be looked at.
    Absence(String),
    /// Stored hook requests of a connection are to be read, after reading them failed.
    Hooks(String),
    /// It is looked whether hook requests lie there of which nobody told.
    HookSweep(String),
    /// A connection may be tried again.
    Connection(String),
    /// Streams of a connection are to be looked at.
    Streams(String),
    /// A sink's next batch may go out.
    Publish(String),
    /// A person's value that a sink did not take is sent again.
    Republish(String, String),
    /// A person's presence, and what follows from it, is to be looked at again.
    Recompute(String),
    /// What the sink keeps of a person lapses unless it is renewed.
    Lease(String),
    /// It is looked for lasting failures.
    Alerts,
    /// People of a connection are to be matched again.
    Resolve(String),
}

/// Timers in order.
#[derive(Default)]
pub(crate) struct Wheel {
    heap: BinaryHeap<Reverse<(Timestamp, Timer)>>,
}

impl Wheel {
    /// Sets a timer.
    pub fn set(&mut self, at: Timestamp, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one that is due: never early (SEMANTICS P-28).
    pub fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, Timer)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_c16_due_timers_come_out_in_order_and_never_early() {
        let at = |s: i64| Timestamp::from_second(s).unwrap();
        let mut wheel = Wheel::default();
        wheel.set(at(20), Timer::Boundary("b".into()));
        wheel.set(at(10), Timer::Boundary("a".into()));
        assert_eq!(wheel.pop(at(9)), None);
        assert_eq!(wheel.pop(at(30)), Some((at(10), Timer::Boundary("a".into()))));
        assert_eq!(wheel.pop(at(30)), Some((at(20), Timer::Boundary("b".into()))));
        assert_eq!(wheel.next(), None);
    }
}
