//! What came, counted: for the status, for metrics and for the detection of gaps (SEMANTICS C-13).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

/// Upper bounds of the buckets of answer times, in milliseconds. 200 is the promise of SEMANTICS B-30; from 2,900 on, senders
/// count an answer as slow.
const BUCKETS: [u64; 7] = [5, 20, 50, 200, 1000, 2900, 10_000];

/// Requests of one connection since the process started.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ConnectionCounts {
    /// When the last one with a known secret came (SEMANTICS B-28); `None` when none did.
    pub last: Option<Timestamp>,
    /// Stored and acknowledged.
    pub stored: u64,
    /// Acknowledged without being stored, because the like was unread and there were many.
    pub folded: u64,
    /// Handshakes and probes answered.
    pub handshakes: u64,
    /// Answered with a farewell: no known secret, where the connector has an answer for that.
    pub farewells: u64,
    /// Refused: no known secret.
    pub forged: u64,
    /// Refused: not readable, by a wrong method, or with a handshake that must not be answered.
    pub malformed: u64,
    /// Refused: over the size bound.
    pub too_large: u64,
    /// Given up: the body did not come in time, or broke off.
    pub incomplete: u64,
    /// Answered 503: the store failed or was slow, or too much is unread.
    pub unavailable: u64,
    /// Answers of the receiver within 5, 20, 50, 200, 1,000, 2,900 and 10,000 ms, and slower ones; each in one bucket.
    pub answers: [u64; BUCKETS.len() + 1],
    /// Sum of answer times in microseconds.
    pub answer_micros: u64,
}

impl ConnectionCounts {
    pub(super) fn answered(&mut self, took: Duration) {
        let place = BUCKETS.iter().position(|bound| took <= Duration::from_millis(*bound)).unwrap_or(BUCKETS.len());
        if let Some(bucket) = self.answers.get_mut(place) {
            *bucket += 1;
        }
        self.answer_micros = self.answer_micros.saturating_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

/// All counts of the receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct HookCounts {
    /// Requests for no connection, or with a wrong random part.
    pub not_found: u64,
    /// By connection; one that never had a request is missing.
    pub connections: BTreeMap<String, ConnectionCounts>,
}

impl HookCounts {
    /// The counts in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# HELP calport_hooks_not_found_total Hook requests for no connection or with a wrong random part.")?;
        writeln!(out, "# TYPE calport_hooks_not_found_total counter")?;
        writeln!(out, "calport_hooks_not_found_total {}", self.not_found)?;
        writeln!(out, "# HELP calport_hooks_total Hook requests by connection and result.")?;
        writeln!(out, "# TYPE calport_hooks_total counter")?;
        for (name, counts) in &self.connections {
            let results = [
                ("stored", counts.stored),
                ("folded", counts.folded),
                ("handshake", counts.handshakes),
                ("farewell", counts.farewells),
                ("forged", counts.forged),
                ("malformed", counts.malformed),
                ("too-large", counts.too_large),
                ("incomplete", counts.incomplete),
                ("unavailable", counts.unavailable),
            ];
            for (result, count) in results {
                writeln!(out, "calport_hooks_total{{connection=\"{}\",result=\"{result}\"}} {count}", label(name))?;
            }
        }
        writeln!(out, "# HELP calport_hook_last_timestamp_seconds When the last hook request with a known secret came.")?;
        writeln!(out, "# TYPE calport_hook_last_timestamp_seconds gauge")?;
        for (name, last) in self.connections.iter().filter_map(|(name, counts)| Some((name, counts.last?))) {
            writeln!(out, "calport_hook_last_timestamp_seconds{{connection=\"{}\"}} {}", label(name), last.as_second())?;
        }
        writeln!(out, "# HELP calport_hook_answer_seconds Time from a hook request's head to its answer.")?;
        writeln!(out, "# TYPE calport_hook_answer_seconds histogram")?;
        for (name, counts) in &self.connections {
            let name = label(name);
            let mut sum = 0;
            let bounds = BUCKETS.iter().map(|ms| (*ms as f64 / 1e3).to_string()).chain(["+Inf".to_owned()]);
            for (bound, count) in bounds.zip(counts.answers) {
                sum += count;
                writeln!(out, "calport_hook_answer_seconds_bucket{{connection=\"{name}\",le=\"{bound}\"}} {sum}")?;
            }
            writeln!(out, "calport_hook_answer_seconds_sum{{connection=\"{name}\"}} {}", counts.answer_micros as f64 / 1e6)?;
            writeln!(out, "calport_hook_answer_seconds_count{{connection=\"{name}\"}} {sum}")?;
        }
        Ok(())
    }
}

fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b30_answer_times_are_a_histogram() {
        let mut counts = ConnectionCounts { stored: 2, ..ConnectionCounts::default() };
        counts.answered(Duration::from_millis(5));
        counts.answered(Duration::from_millis(201));
        counts.answered(Duration::from_secs(60));
        let all = HookCounts { not_found: 3, connections: [("of\"fice".to_owned(), counts)].into() };
        let text = all.metrics();
        for line in [
            "calport_hooks_not_found_total 3",
            "calport_hooks_total{connection=\"of\\\"fice\",result=\"stored\"} 2",
            "calport_hook_answer_seconds_bucket{connection=\"of\\\"fice\",le=\"0.2\"} 1",
            "calport_hook_answer_seconds_bucket{connection=\"of\\\"fice\",le=\"1\"} 2",
            "calport_hook_answer_seconds_bucket{connection=\"of\\\"fice\",le=\"+Inf\"} 3",
            "calport_hook_answer_seconds_sum{connection=\"of\\\"fice\"} 60.206",
            "calport_hook_answer_seconds_count{connection=\"of\\\"fice\"} 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
