//! How long changes took, over the last thousand of them (FEATURES X12, SEMANTICS P-28).

use std::collections::VecDeque;
use std::time::Duration;

const KEPT: usize = 1000;

/// The last durations.
#[derive(Default)]
pub(crate) struct Latency {
    last: VecDeque<Duration>,
    count: u64,
}

impl Latency {
    /// Notes one.
    pub fn note(&mut self, took: Duration) {
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(took);
        self.count += 1;
    }

    /// How many there were in all.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration that this share of the last ones did not exceed; `share` between 0 and 1.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let mut sorted: Vec<_> = self.last.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() as f64 * share).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_x12_quantiles_are_of_the_kept_values() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        for ms in 1..=100 {
            latency.note(Duration::from_millis(ms));
        }
        assert_eq!(latency.quantile(0.5), Some(Duration::from_millis(50)));
        assert_eq!(latency.quantile(0.99), Some(Duration::from_millis(99)));
        assert_eq!(latency.count(), 100);
    }
}
