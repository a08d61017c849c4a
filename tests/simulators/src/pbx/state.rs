//! What the PBX knows: hints, its database, live presence and device states, sessions, and a log of every accepted write.
//!
//! Live presence and the database are two things, as in the real product: a write changes both, deleting from the database changes
//! only the database, and a restart fills the live side from the database.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::device;
use super::presence::{self, Presence, escape};
use super::session::{Event, Sessions};

/// The database family of custom presence.
const PRESENCE_FAMILY: &str = "CustomPresence";
/// The prefix of presentities that can be written.
pub const PRESENCE_PREFIX: &str = "CustomPresence:";

/// A hint of the dialplan: an extension with what it watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// The extension.
    pub exten: String,
    /// Its context.
    pub context: String,
    /// What stands in the dialplan, such as `Custom:alice,CustomPresence:alice`.
    pub hint: String,
}

/// An account in the manager's configuration.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user.
    pub name: String,
    /// Its secret.
    pub secret: String,
    /// Classes whose events it gets (`read =`).
    pub read: Vec<String>,
    /// Classes of actions it may use (`write =`).
    pub write: Vec<String>,
}

/// Who wrote a presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The manager interface.
    Ami,
    /// The REST interface.
    Ari,
    /// A user, by the admin door.
    Hand,
}

/// By which door somebody writes, and with which account.
#[derive(Clone, Debug)]
pub struct Author {
    /// The door.
    pub source: Source,
    /// The account; empty by hand.
    pub account: String,
}

impl Author {
    /// A user, by the dialplan or a telephone.
    #[must_use]
    pub fn by_hand() -> Self {
        Self { source: Source::Hand, account: String::new() }
    }
}

/// An accepted write of a presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Write {
    /// 1 for the first; rises by one.
    pub seq: u64,
    /// When, in milliseconds since 1970 by the simulator's clock.
    pub at_ms: i64,
    /// The presentity without its prefix.
    pub user: String,
    /// The state.
    pub state: String,
    /// The subtype, bytes that are no UTF-8 replaced.
    pub subtype: String,
    /// The message, bytes that are no UTF-8 replaced.
    pub message: String,
    /// By which door.
    pub source: Source,
    /// The account; empty for one that was made by hand.
    pub account: String,
}

/// The whole state.
#[derive(Debug, Default)]
pub struct Core {
    /// Hints in the order of their making.
    pub hints: Vec<Hint>,
    /// The database: family and key to value. Survives a restart.
    pub database: BTreeMap<(String, String), Vec<u8>>,
    /// Live presence by presentity with its prefix.
    pub presence: BTreeMap<String, Presence>,
    /// States of telephones that calls have made, by device. Gone after a restart.
    pub telephones: BTreeMap<String, &'static str>,
    /// Global variables. Gone after a restart.
    pub globals: BTreeMap<String, Vec<u8>>,
    /// Manager sessions.
    pub sessions: Sessions,
    /// Accounts.
    pub accounts: Vec<Account>,
    /// Accepted writes.
    pub writes: Vec<Write>,
    /// While set, every credential is refused.
    pub refuse_credentials: bool,
    /// When the PBX started.
    pub started: Timestamp,
    /// Requests answered so far, admin ones not counted.
    pub requests: u64,
}

impl Core {
    /// Writes a variable or calls a function for writing. `false`: refused, as the manager interface says and the other hides.
    pub fn set_variable(&mut self, name: &str, value: &[u8], by: &Author, now: Timestamp) -> bool {
        let Some((function, argument)) = call(name) else {
            self.globals.insert(name.to_owned(), value.to_vec());
            return true;
        };
        match function {
            "PRESENCE_STATE" => self.write_presence(argument, value, by, now),
            "DEVICE_STATE" => self.write_custom_device(argument, value),
            "DB" => match argument.split_once('/') {
                Some((family, key)) if !key.is_empty() => {
                    self.database.insert((family.to_owned(), key.to_owned()), value.to_vec());
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Reads a variable or calls a function for reading; empty when there is none.
    pub fn get_variable(&self, name: &str) -> Vec<u8> {
        let Some((function, argument)) = call(name) else {
            return self.globals.get(name).cloned().unwrap_or_default();
        };
        match function {
            "PRESENCE_STATE" => {
                let mut parts = argument.split(',');
                let (provider, field) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                let encode = parts.next().is_some_and(|o| o.contains('e'));
                self.presence_field(provider, field, encode)
            }
            "DEVICE_STATE" => self.device_state(argument).into_bytes(),
            "DB" => {
                argument.split_once('/').and_then(|(f, k)| self.database.get(&(f.to_owned(), k.to_owned())).cloned()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    fn presence_field(&self, provider: &str, field: &str, encode: bool) -> Vec<u8> {
        use base64::Engine as _;
        // A function reads the database, not the live value.
        let Some(key) = provider.strip_prefix(PRESENCE_PREFIX) else { return Vec::new() };
        let stored = self.database.get(&(PRESENCE_FAMILY.to_owned(), key.to_owned()));
        let Some(value) = stored.map_or_else(|| Some(Presence::not_set()), |v| presence::parse_stored(v)) else { return Vec::new() };
        let text = match field.to_ascii_lowercase().as_str() {
            "value" => return value.state.as_bytes().to_vec(),
            "subtype" => value.subtype,
            "message" => value.message,
            _ => return Vec::new(),
        };
        if encode { base64::engine::general_purpose::STANDARD.encode(text).into_bytes() } else { text }
    }

    fn write_presence(&mut self, presentity: &str, value: &[u8], by: &Author, now: Timestamp) -> bool {
        let known = presentity.get(..PRESENCE_PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(PRESENCE_PREFIX));
        let key = presentity.get(PRESENCE_PREFIX.len()..).unwrap_or_default();
        let Some(presence) = presence::parse_written(value).filter(|_| known && !key.is_empty()) else { return false };
        self.database.insert((PRESENCE_FAMILY.to_owned(), key.to_owned()), value.to_vec());
        self.writes.push(Write {
            seq: self.writes.len() as u64 + 1,
            at_ms: now.as_millisecond(),
            user: key.to_owned(),
            state: presence.state.to_owned(),
            subtype: String::from_utf8_lossy(&presence.subtype).into_owned(),
            message: String::from_utf8_lossy(&presence.message).into_owned(),
            source: by.source,
            account: by.account.clone(),
        });
        let mut text = b"Event: PresenceStateChange\r\nPrivilege: call,all\r\n".to_vec();
        text.extend(change_lines(presentity, &presence));
        text.extend(b"\r\n");
        self.sessions.publish(&Event { class: "call", text });
        for hint in self.hints.iter().filter(|h| h.hint.split(',').any(|p| p == presentity)) {
            let head = format!(
                "Event: PresenceStatus\r\nPrivilege: call,all\r\nExten: {}\r\nContext: {}\r\nHint: {}\r\nStatus: {}\r\n",
                hint.exten, hint.context, hint.hint, presence.state
            );
            let mut text = head.into_bytes();
            line(&mut text, "Subtype", &presence.subtype);
            line(&mut text, "Message", &presence.message);
            text.extend(b"\r\n");
            self.sessions.publish(&Event { class: "call", text });
        }
        self.presence.insert(presentity.to_owned(), presence);
        true
    }

    fn write_custom_device(&mut self, device: &str, value: &[u8]) -> bool {
        if device.strip_prefix("Custom:").is_none_or(str::is_empty) {
            return false;
        }
        let Some(state) = device::state_name(&String::from_utf8_lossy(value)) else { return false };
        self.set_device(device, state);
        true
    }

    /// Stops and starts the PBX: sessions and variables are gone, live presence comes from the database.
    pub fn restart(&mut self, now: Timestamp) {
        self.sessions.clear();
        self.globals.clear();
        self.telephones.clear();
        self.started = now;
        let stored = self.database.iter().filter(|((family, _), _)| family == PRESENCE_FAMILY);
        let read = stored.filter_map(|((_, key), value)| Some((format!("{PRESENCE_PREFIX}{key}"), presence::parse_stored(value)?)));
        self.presence = read.collect();
    }
}

/// The lines of a change, as in events and lists.
#[must_use]
pub fn change_lines(presentity: &str, presence: &Presence) -> Vec<u8> {
    let mut out = format!("Presentity: {presentity}\r\nStatus: {}\r\n", presence.state).into_bytes();
    line(&mut out, "Subtype", &escape(&presence.subtype));
    line(&mut out, "Message", &escape(&presence.message));
    out
}

/// Appends `name: value`.
pub fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend(name.as_bytes());
    out.extend(b": ");
    out.extend(value);
    out.extend(b"\r\n");
}

fn call(name: &str) -> Option<(&str, &str)> {
    name.strip_suffix(')')?.split_once('(')
}
