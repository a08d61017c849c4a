//! How long to wait after failures, and where periodic work is placed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::Rng;

/// `at + by`, held at the end of time.
pub(crate) fn after(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// `at - by`, held at the beginning of time.
pub(crate) fn before(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}

/// The time from `a` to `b`, none when `b` is earlier.
pub(crate) fn between(a: Timestamp, b: Timestamp) -> Duration {
    Duration::try_from(b.duration_since(a)).unwrap_or_default()
}

/// Exponential with full jitter, never below half of `first` (SEMANTICS B-43).
pub(crate) fn wait(failures: u32, first: Duration, most: Duration) -> Duration {
    let ceiling = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most);
    let share = rand::rng().random_range(0.5..=1.0);
    ceiling.mul_f64(share)
}

/// A spread of plus or minus ten per cent (SEMANTICS C-10, R-06).
pub(crate) fn jitter(period: Duration) -> Duration {
    period.mul_f64(rand::rng().random_range(0.9..=1.1))
}

/// A place inside a period that depends only on the name (SEMANTICS R-06).
pub(crate) fn place(name: &impl Hash, period: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(hasher.finish() % millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b43_waits_grow_and_are_bounded() {
        let (first, most) = (Duration::from_secs(2), Duration::from_secs(60));
        for failures in 1..40 {
            let wait = wait(failures, first, most);
            assert!(wait >= first / 2 && wait <= most, "{failures}: {wait:?}");
        }
    }
}
