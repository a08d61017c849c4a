//! Setting presence for many users.
//!
//! Promise: users are checked against the hints once per batch, values go out in Base64, and what Asterisk says decides
//! whether a write was accepted. After an error that reaches the whole connection nothing more is sent; those left over get
//! that error as well. A value has no expiry here: the host takes it back in time.

use std::collections::BTreeMap;

use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::error::{self, ErrorExt, StatusError};
use calport_sdk::http::ResponseExt;
use calport_sdk::request;

use crate::bindings::exports::calport::connector::presence::{Availability, PresenceCommand, PresenceReceipt, PresenceUpdate};
use crate::manager::Connection;
use crate::profiles::Profiles;
use crate::users::Users;
use crate::value::Parts;

/// Carries out commands in the order given.
pub fn set_many(connection: &Connection, updates: &[PresenceUpdate]) -> Vec<Result<PresenceReceipt, Error>> {
    let mut batch = match Batch::begin(connection) {
        Ok(batch) => batch,
        Err(e) => return updates.iter().map(|_| Err(e.clone())).collect(),
    };
    updates.iter().map(|update| batch.carry_out(update)).collect()
}

struct Batch<'a> {
    connection: &'a Connection,
    users: Users,
    /// The highest sequence so far of each user (SEMANTICS P-27).
    sequences: BTreeMap<String, u64>,
    broken: Option<Error>,
    profiles: Profiles<'a>,
}

impl<'a> Batch<'a> {
    fn begin(connection: &'a Connection) -> Result<Self, Error> {
        let users = existing(connection)?;
        let profiles = Profiles::begin(connection)?;
        Ok(Self { connection, users, sequences: BTreeMap::new(), broken: None, profiles })
    }

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
        let user = &update.user;
        if !self.users.has(user) {
            return Err(unknown(user));
        }
        let newest = self.sequences.entry(user.clone()).or_default();
        if update.sequence < *newest {
            return Err(error::mailbox(ErrorKind::Conflict(None), "a newer value of this user is in the same batch"));
        }
        *newest = update.sequence;
        let (parts, value) = match &update.command {
            PresenceCommand::Set(value) => (Parts::of(value, &self.connection.settings.states), Some(value)),
            PresenceCommand::Clear => (Parts::clear(), None),
        };
        self.connection.write(user, &parts)?;
        self.profiles.follow(user, value)?;
        set_device(self.connection, user, value.map(|v| v.availability))?;
        let stored_text = value.filter(|v| v.text != parts.message).map(|_| parts.message);
        Ok(PresenceReceipt { token: None, stored_text, expires: None })
    }
}

/// Sets the device state that follows the presence, where the settings name a device.
fn set_device(connection: &Connection, user: &str, availability: Option<Availability>) -> Result<(), Error> {
    let devices = &connection.settings.devices;
    if devices.pattern.is_empty() {
        return Ok(());
    }
    let device = devices.pattern.replace("{user}", user);
    let state = match availability {
        None | Some(Availability::Available | Availability::Unknown) => devices.available,
        Some(Availability::Busy) => devices.busy,
        Some(Availability::Away) => devices.away,
        Some(Availability::DoNotDisturb) => devices.do_not_disturb,
    };
    // The REST interface refuses `Custom:` with 409, the manager writes nothing else.
    if device.starts_with("Custom:") {
        return connection.set_variable(&format!("DEVICE_STATE({device})"), state.name());
    }
    let Some(ari) = &connection.ari else {
        return Err(error::invalid("endpoints.ari", "device states of `Stasis:` need the endpoint `ari`"));
    };
    let answer = request::put(format!("{ari}/ari/deviceStates/{}", request::segment(&device)))
        .query("deviceState", state.name())
        .send(&*connection.http)?;
    if answer.is_success() {
        return Ok(());
    }
    let scope = if matches!(answer.status, 409 | 500) { ErrorScope::Mailbox } else { ErrorScope::Connection };
    Err(StatusError::new(&answer).scope(scope).into_error("setting the device state"))
}

/// The users. None at all is no proof that nobody exists: while Asterisk starts, its list of hints is empty.
pub fn existing(connection: &Connection) -> Result<Users, Error> {
    let users = connection.users()?;
    if users.is_empty() {
        let message =
            "no hint of the dialplan names a presentity; either Asterisk is still starting, or hints must be added (see `calport check`)";
        return Err(error::connection(ErrorKind::Unavailable, message));
    }
    Ok(users)
}

/// The error for a stranger.
pub fn unknown(user: &str) -> Error {
    let shown: String = user.chars().filter(|c| !c.is_control()).take(80).collect();
    error::mailbox(
        ErrorKind::NotFound,
        format!("no hint of the dialplan names the presentity of {shown}; Asterisk would accept the value and show it to nobody"),
    )
}
