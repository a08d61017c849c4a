//! Reading presence and call states for many users.
//!
//! Promise: what somebody set by hand comes as it stands at Asterisk, and soon: for few users a small question each, for many
//! the one list of all. Asterisk tells neither who set a value nor when; the host compares with what it wrote (SEMANTICS P-22a).

use std::collections::{BTreeMap, BTreeSet};

use calport_sdk::common::Error;

use crate::bindings::exports::calport::connector::presence::{CallState, PresenceOrigin, PresenceReading};
use crate::manager::Connection;
use crate::sink::{existing, unknown};
use crate::users::Users;
use crate::value::Parts;

/// Up to so many users are asked one by one. Measured at Asterisk 22.9 with 1,000 users: 0.5 ms and 200 bytes for one, 3.2 ms and
/// 143 kB for the list.
const FEW: usize = 3;

/// Reads values in the order asked.
pub fn read_many(connection: &Connection, users: &[String]) -> Vec<Result<PresenceReading, Error>> {
    let read = || {
        let known = existing(connection)?;
        let presences = presences(connection, &known, users)?;
        Ok::<_, Error>((known, presences))
    };
    let (known, presences) = match read() {
        Ok(both) => both,
        Err(e) => return users.iter().map(|_| Err(e.clone())).collect(),
    };
    let one = |user: &String| {
        if !known.has(user) {
            return Err(unknown(user));
        }
        let value = presences.get(user).and_then(Parts::value);
        Ok(PresenceReading { value, origin: PresenceOrigin::Unknown, changed: None })
    };
    users.iter().map(one).collect()
}

fn presences(connection: &Connection, known: &Users, users: &[String]) -> Result<BTreeMap<String, Parts>, Error> {
    let asked: BTreeSet<&String> = users.iter().filter(|u| known.has(u)).collect();
    if asked.len() > FEW {
        return connection.presences();
    }
    let mut found = BTreeMap::new();
    for user in asked {
        match connection.presence(user)? {
            Some(parts) => found.insert(user.clone(), parts),
            None => return connection.presences(),
        };
    }
    Ok(found)
}

/// Reads call states in the order asked.
pub fn call_states(connection: &Connection, users: &[String]) -> Vec<Result<CallState, Error>> {
    match existing(connection) {
        Ok(known) => users.iter().map(|u| known.calls(u).ok_or_else(|| unknown(u))).collect(),
        Err(e) => users.iter().map(|_| Err(e.clone())).collect(),
    }
}
