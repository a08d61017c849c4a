//! Publishing and taking back presence for many users.
//!
//! Promise: a value counts as shown when the server gave an entity tag. The tag names what is replaced; where the server does
//! not know it any more, the value is published anew under the same publisher name, which replaces what the server still has
//! of it. After an error that reaches the whole connection nothing more is sent; those left over get that error as well.
//! Kamailio never answers a removal of something it does not have, so a removal is sent only with a tag it has just given or
//! may still know.

use std::collections::BTreeMap;

use calport_sdk::common::{Error, ErrorKind, ErrorScope, Instant};
use calport_sdk::error::{self, ErrorExt};

use crate::address;
use crate::bindings::exports::calport::connector::presence::{
    Availability, PresenceCommand, PresenceReceipt, PresenceUpdate, PresenceValue,
};
use crate::pidf;
use crate::rpc::{Connection, Publication, Published, is_tag};
use crate::settings::SHORTEST_LEASE;

/// Milliseconds after which an empty answer means that Kamailio's PUBLISH was not answered. A refusal comes within
/// milliseconds, the end of its patience after 30 s.
const SILENCE_MS: Instant = 10_000;

/// Carries out commands in the order given.
pub fn set_many(connection: &Connection, updates: &[PresenceUpdate]) -> Vec<Result<PresenceReceipt, Error>> {
    let mut batch = Batch { connection, last: BTreeMap::new(), broken: None };
    updates.iter().map(|update| batch.carry_out(update)).collect()
}

struct Batch<'a> {
    connection: &'a Connection,
    /// The highest sequence of each user so far (SEMANTICS P-27), and the tag since then.
    last: BTreeMap<String, (u64, Option<String>)>,
    broken: Option<Error>,
}

impl Batch<'_> {
    fn carry_out(&mut self, update: &PresenceUpdate) -> Result<PresenceReceipt, Error> {
        if let Some(e) = &self.broken {
            return Err(e.clone());
        }
        let result = self.one(update);
        if let Err(e) = &result
            && e.scope == ErrorScope::Connection
        {
            // For those not sent at all the outcome is known: nothing happened.
            let mut left = e.clone().while_doing("not sent, because an earlier user of the batch met this");
            if left.kind == ErrorKind::OutcomeUnknown {
                left.kind = ErrorKind::Unavailable;
            }
            self.broken = Some(left);
        }
        result
    }

    fn one(&mut self, update: &PresenceUpdate) -> Result<PresenceReceipt, Error> {
        let uri = address::of(&update.user, &self.connection.settings.domain)?;
        let token = match self.last.get(&uri) {
            Some((newest, _)) if update.sequence < *newest => {
                return Err(error::mailbox(ErrorKind::Conflict(None), "a newer value of this user is in the same batch"));
            }
            Some((_, tag)) => tag.clone(),
            None => update.token.clone(),
        };
        self.last.insert(uri.clone(), (update.sequence, token.clone()));
        // What is no tag came from an older store or another connector: as good as none.
        let tag = token.as_deref().filter(|t| is_tag(t));
        let receipt = match &update.command {
            PresenceCommand::Set(value) if value.availability != Availability::Unknown => show(self.connection, &uri, tag, value),
            PresenceCommand::Set(_) | PresenceCommand::Clear => clear(self.connection, &uri, tag),
        }?;
        self.last.insert(uri, (update.sequence, receipt.token.clone()));
        Ok(receipt)
    }
}

/// Publishes a value for its lease.
fn show(connection: &Connection, uri: &str, tag: Option<&str>, value: &PresenceValue) -> Result<PresenceReceipt, Error> {
    let now = (connection.clock)();
    let document = pidf::document(uri, value, &connection.settings, now)?;
    let expires = lease(value.until, now, connection.settings.lease);
    let (tag, granted) = store(connection, Publication { uri, expires, tag, document: Some(&document) })?;
    if granted == 0 {
        return Err(error::mailbox(ErrorKind::Refused("Expires: 0".to_owned()), "pua.publish: the presence server did not keep the value"));
    }
    let stored = pidf::text(&value.text);
    Ok(PresenceReceipt {
        token: Some(tag),
        stored_text: (stored != value.text).then_some(stored),
        expires: now.checked_add(Instant::from(granted) * 1000),
    })
}

/// Takes back what Calport published (SEMANTICS P-30).
fn clear(connection: &Connection, uri: &str, tag: Option<&str>) -> Result<PresenceReceipt, Error> {
    let gone = PresenceReceipt { token: None, stored_text: None, expires: None };
    let remove = |tag: &str| connection.publish(Publication { uri, expires: 0, tag: Some(tag), document: None });
    if let Some(tag) = tag
        && let Published::Stored { expires: 0, .. } = remove(tag)?
    {
        return Ok(gone);
    }
    // The server has something under the publisher's name that it did not remove, or that is not known: nothing takes its place,
    // and is removed.
    let document = pidf::nothing(uri, &connection.settings)?;
    let (tag, _) = store(connection, Publication { uri, expires: SHORTEST_LEASE, tag: None, document: Some(&document) })?;
    match remove(&tag)? {
        Published::Stored { expires: 0, .. } => {}
        Published::Stored { .. } | Published::WrongTag | Published::Empty => {
            calport_sdk::debug!("the empty publication was not removed; it ends by itself after {} s", SHORTEST_LEASE);
        }
    }
    Ok(gone)
}

/// Publishes a document, anew where the server does not know the tag. Gives the new tag and the granted seconds.
fn store(connection: &Connection, publication: Publication<'_>) -> Result<(String, u32), Error> {
    let before = (connection.clock)();
    let mut published = connection.publish(publication)?;
    // After an empty answer Kamailio has forgotten its record of this publisher, so that a second request begins anew.
    let silent = |published: &Published| *published == Published::Empty && (connection.clock)() - before > SILENCE_MS;
    if !matches!(published, Published::Stored { .. }) && !silent(&published) {
        published = connection.publish(Publication { tag: None, ..publication })?;
    }
    match published {
        Published::Stored { tag, expires } => Ok((tag, expires)),
        ref none if silent(none) => Err(error::connection(
            ErrorKind::Unavailable,
            "pua.publish: Kamailio got no answer to its PUBLISH request; the user's domain, or `outbound_proxy` in the settings, must lead to the presence server",
        )),
        Published::WrongTag | Published::Empty => Err(error::mailbox(
            ErrorKind::Unavailable,
            "pua.publish: the presence server refused Kamailio's PUBLISH request; its request_route must pass PUBLISH to handle_publish(), and its log names errors of its database",
        )),
    }
}

/// Seconds for which a value is kept: until its end, but not longer than the lease and not shorter than the shortest one.
fn lease(until: Option<Instant>, now: Instant, longest: u32) -> u32 {
    let left = until.map_or(longest, |until| {
        let seconds = until.saturating_sub(now).max(0).unsigned_abs().div_ceil(1000);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    });
    left.min(longest).max(SHORTEST_LEASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_with_the_value_within_its_bounds() {
        let now = 1_800_000_000_000;
        let cases = [
            (None, 3600, 3600),
            (Some(now + 600_000), 3600, 600),
            (Some(now + 600_001), 3600, 601),
            (Some(now + 7_200_000), 3600, 3600),
            (Some(now + 1_000), 3600, 60),
            (Some(now - 1), 3600, 60),
            (Some(i64::MIN), 3600, 60),
            (Some(i64::MAX), 3600, 3600),
            (None, 60, 60),
        ];
        for (until, longest, expected) in cases {
            assert_eq!(lease(until, now, longest), expected, "{until:?} {longest}");
        }
    }
}
