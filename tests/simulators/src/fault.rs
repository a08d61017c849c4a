//! Faults on demand: which request is hit, how often, and what happens to it.
//!
//! The same rules serve every simulator and both doors (the admin endpoint and the Rust handle). A rule is matched in the order of
//! its insertion; the first that matches is used up by one and applied. No rule: no fault.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Which requests a rule hits. An empty field matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// Part of path and query, compared without regard to case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// HTTP method, compared without regard to case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A mailbox (or PBX user) by any of its names; the simulator gives the candidates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
}

/// What happens to a request that is hit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// An error status in the simulator's own error form, optionally with `Retry-After` (seconds, may be fractional).
    Status {
        /// HTTP status, 400 to 599.
        status: u16,
        /// Value of `Retry-After` in seconds; none: no such header.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<f64>,
    },
    /// The connection is aborted without an answer (a TCP reset).
    Reset,
    /// The request is carried out in full, but its answer is lost: whoever asked cannot know.
    Lost {
        /// The error status that comes instead, 500 to 599; none: the connection is aborted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    /// The true answer, in small pieces with a pause before each.
    SlowBody {
        /// Pause before each piece, in milliseconds.
        ms: u64,
        /// Bytes per piece; none: 64.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chunk: Option<usize>,
    },
    /// Status 200 with a page of HTML, as a login portal or proxy gives.
    Html,
    /// Status 200, declared as JSON, cut off in the middle.
    BadJson,
    /// Status 200 without a body.
    Empty,
    /// 410: the sync state is gone, with `Location` for the start over.
    Gone,
    /// The true answer, late by this many milliseconds of real time.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
}

/// A fault rule. A simulator with troubles of its own names its kinds of faults in place of [`Kind`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule<K = Kind> {
    /// Which requests.
    #[serde(default, rename = "match")]
    pub matching: Match,
    /// How many requests are hit before the rule is spent; none: until cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What happens.
    pub fault: K,
}

impl<K> Rule<K> {
    /// A rule for every request whose path and query contain `path`, `times` times.
    #[must_use]
    pub fn on_path(path: &str, times: u32, fault: K) -> Self {
        let matching = Match { path: Some(path.to_owned()), ..Match::default() };
        Self { matching, times: Some(times), fault }
    }

    /// The same rule for one mailbox only.
    #[must_use]
    pub fn for_mailbox(mut self, mailbox: &str) -> Self {
        self.matching.mailbox = Some(mailbox.to_owned());
        self
    }

    /// The same rule for one HTTP method only.
    #[must_use]
    pub fn for_method(mut self, method: &str) -> Self {
        self.matching.method = Some(method.to_owned());
        self
    }
}

/// The rules in force. Clones share them.
#[derive(Clone, Debug)]
pub struct Faults<K = Kind> {
    rules: Arc<Mutex<Vec<Rule<K>>>>,
}

impl<K> Default for Faults<K> {
    fn default() -> Self {
        Self { rules: Arc::default() }
    }
}

impl<K: Clone> Faults<K> {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<Rule<K>>) -> T) -> T {
        f(&mut self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a rule behind the others.
    pub fn add(&self, rule: Rule<K>) {
        self.with(|r| r.push(rule));
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.with(Vec::clear);
    }

    /// The rules not yet spent.
    #[must_use]
    pub fn list(&self) -> Vec<Rule<K>> {
        self.with(|r| r.clone())
    }

    /// The fault for this request, using up one of the matching rule's times. `mailbox` holds the names the request's mailbox goes by.
    #[must_use]
    pub fn take(&self, method: &str, path: &str, mailbox: &[String]) -> Option<K> {
        self.with(|rules| {
            let at = rules.iter().position(|r| r.matching.hits(method, path, mailbox))?;
            let rule = rules.get_mut(at)?;
            let kind = rule.fault.clone();
            if let Some(left) = &mut rule.times {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    rules.remove(at);
                }
            }
            Some(kind)
        })
    }
}

impl Match {
    fn hits(&self, method: &str, path: &str, mailbox: &[String]) -> bool {
        self.method.as_ref().is_none_or(|m| m.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|p| path.to_ascii_lowercase().contains(&p.to_ascii_lowercase()))
            && self.mailbox.as_ref().is_none_or(|m| mailbox.iter().any(|n| n.eq_ignore_ascii_case(m)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_used_up_and_hits_only_what_it_names() {
        let faults = Faults::default();
        faults.add(Rule::on_path("/events", 2, Kind::Reset).for_mailbox("a@b").for_method("get"));
        let me = ["A@B".to_owned()];
        assert_eq!(faults.take("GET", "/v1.0/users/x/EVENTS", &[]), None);
        assert_eq!(faults.take("POST", "/v1.0/users/x/events", &me), None);
        assert_eq!(faults.take("GET", "/v1.0/users/x/EVENTS", &me), Some(Kind::Reset));
        assert_eq!(faults.take("GET", "/v1.0/users/x/events", &me), Some(Kind::Reset));
        assert_eq!(faults.take("GET", "/v1.0/users/x/events", &me), None);
    }

    #[test]
    fn rules_read_the_documented_json() {
        let rule: Rule =
            serde_json::from_str(r#"{"match":{"path":"delta"},"times":1,"fault":{"kind":"status","status":429,"retry_after":2.5}}"#)
                .unwrap();
        assert_eq!(rule.fault, Kind::Status { status: 429, retry_after: Some(2.5) });
        assert_eq!(serde_json::from_str::<Rule>(r#"{"fault":{"kind":"lost"}}"#).unwrap().fault, Kind::Lost { status: None });
        assert!(serde_json::from_str::<Rule>(r#"{"fault":{"kind":"explode"}}"#).is_err());
    }
}
