//! Setting and reading presence for many users.
//!
//! Promise: users are checked against the hints once per batch, values go out in Base64, and what Asterisk says decides
//! whether a write was accepted. After an error that reaches the whole connection nothing more is sent; those left over get
//! that error as well. A database that the account may not write costs greeting and forwarding, not the presence. A value has
//! no expiry here: the host takes it back in time.

use std::collections::BTreeMap;

use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::error::{self, ErrorExt, StatusError};
use calport_sdk::http::ResponseExt;
use calport_sdk::request;

use crate::bindings::exports::calport::connector::presence::{
    Availability, CallState, PresenceCommand, PresenceOrigin, PresenceReading, PresenceReceipt, PresenceUpdate, PresenceValue,
};
use crate::manager::Connection;
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
    /// Whether the database denied a write; it is then left alone for the rest of the batch.
    database_denied: bool,
    greetings: Greetings,
}

/// What is known of the greetings' family.
enum Greetings {
    /// The settings name none.
    Off,
    /// Users with an entry.
    Read(Vec<String>),
    /// The account may not read the database.
    Denied,
}

impl<'a> Batch<'a> {
    fn begin(connection: &'a Connection) -> Result<Self, Error> {
        let users = existing(connection)?;
        let greetings = match connection.settings.greeting_family.as_str() {
            "" => Greetings::Off,
            family => match connection.database(family) {
                Ok(entries) => Greetings::Read(entries.into_keys().collect()),
                Err(e) if matches!(e.kind, ErrorKind::Forbidden | ErrorKind::Unsupported | ErrorKind::Refused(_)) => Greetings::Denied,
                Err(e) => return Err(e),
            },
        };
        Ok(Self { connection, users, sequences: BTreeMap::new(), broken: None, database_denied: false, greetings })
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
        let greeted = self.greet(user, value.and_then(|v| v.greeting.as_deref()));
        self.unless_denied(user, greeted)?;
        let forwarded = self.forward(user, value);
        self.unless_denied(user, forwarded)?;
        set_device(self.connection, user, value.map(|v| v.availability))?;
        let stored_text = value.filter(|v| v.text != parts.message).map(|_| parts.message);
        Ok(PresenceReceipt { token: None, stored_text, expires: None })
    }

    /// Lets a denied write to the database pass: the presence is set, and that one class of the account is missing says nothing
    /// about the connection. One line of log per batch names the class; `check` finds it too.
    fn unless_denied(&mut self, user: &str, written: Result<(), Error>) -> Result<(), Error> {
        match written {
            Err(e) if e.kind == ErrorKind::Forbidden => {
                if !self.database_denied {
                    calport_sdk::warn!("presence is set, greeting and forwarding are not: {}", e.message; "user" => user);
                }
                self.database_denied = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Writes the greeting, or takes an earlier one back (SEMANTICS P-21, P-30).
    fn greet(&mut self, user: &str, greeting: Option<&str>) -> Result<(), Error> {
        if self.database_denied {
            return Ok(());
        }
        let family = &self.connection.settings.greeting_family;
        match (greeting, &mut self.greetings) {
            (Some(_), Greetings::Off) => {
                calport_sdk::debug!("the greeting is left out: the settings name no database family for it"; "user" => user);
                Ok(())
            }
            (Some(name), known) => {
                self.connection.put(family, user, name)?;
                if let Greetings::Read(users) = known {
                    users.push(user.to_owned());
                }
                Ok(())
            }
            (None, Greetings::Read(users)) if users.iter().any(|u| u == user) => {
                users.retain(|u| u != user);
                self.connection.delete(family, user)
            }
            (None, Greetings::Read(_) | Greetings::Off | Greetings::Denied) => Ok(()),
        }
    }

    /// Writes the forwarding profile where one is given; leaves it otherwise.
    fn forward(&self, user: &str, value: Option<&PresenceValue>) -> Result<(), Error> {
        let family = &self.connection.settings.forwarding_family;
        match value.and_then(|v| v.forwarding.as_deref()) {
            Some(name) if !family.is_empty() && !self.database_denied => self.connection.put(family, user, name),
            _ => Ok(()),
        }
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

/// Reads values in the order asked.
pub fn read_many(connection: &Connection, users: &[String]) -> Vec<Result<PresenceReading, Error>> {
    let read = || Ok((existing(connection)?, connection.presences()?));
    let (known, presences) = match read() {
        Ok(both) => both,
        Err(e) => return users.iter().map(|_| Err::<PresenceReading, Error>(Error::clone(&e))).collect(),
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

/// Reads call states in the order asked.
pub fn call_states(connection: &Connection, users: &[String]) -> Vec<Result<CallState, Error>> {
    match existing(connection) {
        Ok(known) => users.iter().map(|u| known.calls(u).ok_or_else(|| unknown(u))).collect(),
        Err(e) => users.iter().map(|_| Err(e.clone())).collect(),
    }
}

/// The users. None at all is no proof that nobody exists: while Asterisk starts, its list of hints is empty.
fn existing(connection: &Connection) -> Result<Users, Error> {
    let users = connection.users()?;
    if users.is_empty() {
        let message =
            "no hint of the dialplan names a presentity; either Asterisk is still starting, or hints must be added (see `calport check`)";
        return Err(error::connection(ErrorKind::Unavailable, message));
    }
    Ok(users)
}

fn unknown(user: &str) -> Error {
    let shown: String = user.chars().filter(|c| !c.is_control()).take(80).collect();
    error::mailbox(
        ErrorKind::NotFound,
        format!("no hint of the dialplan names the presentity of {shown}; Asterisk would accept the value and show it to nobody"),
    )
}
