//! Greeting and forwarding profile as entries of Asterisk's database, for a dialplan to follow.
//!
//! Promise: Calport takes back only what it wrote (SEMANTICS P-30). Before a name is written, it is noted in a second family
//! (`NAME-written`); an entry is removed only where such a note exists and the entry still is what the note says. What
//! somebody else put there stays, and so does what somebody changed since. The notes live at Asterisk, because a connector
//! keeps nothing and the host's own memory may be lost.
//!
//! A database that the account may not read or write costs greeting and forwarding, not the presence: one line of log per batch
//! names the missing class.

use std::collections::BTreeMap;

use calport_sdk::common::{Error, ErrorKind};

use crate::bindings::exports::calport::connector::presence::PresenceValue;
use crate::manager::Connection;
use crate::settings::written_family;

/// Greetings and forwarding profiles during one batch.
pub struct Profiles<'a> {
    connection: &'a Connection,
    greetings: Family<'a>,
    forwardings: Family<'a>,
    /// Whether the database denied something; it is then left alone for the rest of the batch.
    denied: bool,
}

struct Family<'a> {
    /// What it holds, for messages.
    what: &'static str,
    /// Empty: the settings name none.
    name: &'a str,
    written: String,
    /// What Calport wrote, by user.
    notes: BTreeMap<String, String>,
}

impl<'a> Profiles<'a> {
    /// Reads what was written before.
    ///
    /// # Errors
    /// Those of the manager, without refusals.
    pub fn begin(connection: &'a Connection) -> Result<Self, Error> {
        let settings = &connection.settings;
        Ok(Self {
            connection,
            greetings: Family::begin(connection, "greeting", &settings.greeting_family)?,
            forwardings: Family::begin(connection, "forwarding profile", &settings.forwarding_family)?,
            denied: false,
        })
    }

    /// Writes what the value names and takes back what it names no more; `None` takes back both.
    ///
    /// # Errors
    /// Those of the manager; a denial is none.
    pub fn follow(&mut self, user: &str, value: Option<&PresenceValue>) -> Result<(), Error> {
        let wanted = [
            (&mut self.greetings, value.and_then(|v| v.greeting.as_deref())),
            (&mut self.forwardings, value.and_then(|v| v.forwarding.as_deref())),
        ];
        for (family, name) in wanted {
            if self.denied {
                return Ok(());
            }
            match family.follow(self.connection, user, name) {
                Err(e) if e.kind == ErrorKind::Forbidden => {
                    calport_sdk::warn!("presence is set, greeting and forwarding are not: {}", e.message; "user" => user);
                    self.denied = true;
                }
                other => other?,
            }
        }
        Ok(())
    }
}

impl<'a> Family<'a> {
    fn begin(connection: &Connection, what: &'static str, name: &'a str) -> Result<Self, Error> {
        let written = written_family(name);
        let notes = match name {
            "" => BTreeMap::new(),
            _ => match connection.database(&written) {
                Ok(notes) => notes,
                Err(e) if matches!(e.kind, ErrorKind::Forbidden | ErrorKind::Unsupported | ErrorKind::Refused(_)) => BTreeMap::new(),
                Err(e) => return Err(e),
            },
        };
        Ok(Self { what, name, written, notes })
    }

    fn follow(&mut self, connection: &Connection, user: &str, wanted: Option<&str>) -> Result<(), Error> {
        if self.name.is_empty() {
            if wanted.is_some() {
                calport_sdk::debug!("the {} is left out: the settings name no database family for it", self.what; "user" => user);
            }
            return Ok(());
        }
        if self.notes.get(user).is_some_and(|noted| Some(noted.as_str()) != wanted) {
            self.take_back(connection, user)?;
        }
        let Some(name) = wanted else { return Ok(()) };
        if !self.notes.contains_key(user) {
            connection.put(&self.written, user, name)?;
            self.notes.insert(user.to_owned(), name.to_owned());
        }
        connection.put(self.name, user, name)
    }

    /// Removes the entry where it still is what Calport wrote, then the note.
    fn take_back(&mut self, connection: &Connection, user: &str) -> Result<(), Error> {
        let entry = connection.entry(self.name, user)?;
        if entry.is_some() && entry.as_ref() == self.notes.get(user) {
            connection.delete(self.name, user)?;
        }
        connection.delete(&self.written, user)?;
        self.notes.remove(user);
        Ok(())
    }
}
