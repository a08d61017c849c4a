//! Which mailboxes share a stream, and what keeps their requests on one server (SEMANTICS B-32, C-09; FEATURES C18).
//!
//! A subscription lives on the machine that made it. Requests reach that machine when they name the same anchor mailbox,
//! say that they prefer affinity, and bring back the cookies of the answers before (`X-BackEndOverrideCookie`, and those
//! of a load balancer). Cookies stay with whoever sends the requests: all requests of a group bear the name of one
//! session ([`Group::session`]), and sessions keep cookies.

use std::collections::BTreeMap;

use super::stream::MOST_IDS;
use crate::soap::{Call, Operation};

/// What Autodiscover says of a mailbox: those that agree in both may share a stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The URL of EWS, `ExternalEwsUrl` or `InternalEwsUrl`.
    pub ews_url: String,
    /// `GroupingInformation`; empty where the server has none, before Exchange 2013.
    pub grouping: String,
}

/// Mailboxes of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they have in common.
    pub key: GroupKey,
    /// Their addresses in alphabetical order.
    pub mailboxes: Vec<String>,
}

impl Group {
    /// The mailbox whose address leads requests to the group's server, and which the stream's request impersonates: the
    /// first by alphabet.
    pub fn anchor(&self) -> &str {
        self.mailboxes.first().map_or("", String::as_str)
    }

    /// The name of the session that keeps the group's cookies. It stays as long as the anchor does.
    pub fn session(&self) -> String {
        format!("stream {}", self.anchor())
    }

    /// The headers of a request of the group: `Subscribe` of any of its mailboxes, and the stream's.
    pub fn headers<O: Operation>(&self, call: &Call) -> Vec<(&'static str, String)> {
        let mut headers = call.headers::<O>(Some(self.anchor()));
        headers.push(("x-preferserveraffinity", "true".to_owned()));
        headers
    }
}

/// Groups mailboxes, by address in any case, with at most `most` in a group, 1 to [`MOST_IDS`]. The order of the mailboxes
/// does not matter; one that is named twice is in one group.
pub fn groups(mailboxes: impl IntoIterator<Item = (String, GroupKey)>, most: usize) -> Vec<Group> {
    let by_address: BTreeMap<String, GroupKey> = mailboxes.into_iter().map(|(m, key)| (m.to_lowercase(), key)).collect();
    let mut by_key: BTreeMap<GroupKey, Vec<String>> = BTreeMap::new();
    for (mailbox, key) in by_address {
        by_key.entry(key).or_default().push(mailbox);
    }
    let most = most.clamp(1, MOST_IDS);
    let split = |(key, mailboxes): (GroupKey, Vec<String>)| {
        let parts: Vec<Group> = mailboxes.chunks(most).map(|part| Group { key: key.clone(), mailboxes: part.to_vec() }).collect();
        parts
    };
    by_key.into_iter().flat_map(split).collect()
}
