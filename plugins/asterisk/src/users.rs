//! The users of the PBX: the presentities in the hints of the dialplan.
//!
//! Asterisk itself knows no users, and reads every unknown presentity as `not_set`, so the hints are the only proof that
//! somebody exists. They give no mail addresses: those come from a family of Asterisk's database, where the settings
//! name one, or from outside.

use std::collections::BTreeMap;

use crate::ami::{Block, safe_name};
use crate::bindings::exports::calport::connector::directory::{Entry, EntryKind};
use crate::bindings::exports::calport::connector::presence::CallState;
use crate::settings::Settings;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The extension with the hint.
    pub extension: String,
    /// Its context.
    pub context: String,
    /// What its devices do, as Asterisk sums it up.
    pub calls: CallState,
}

/// All users by the name of their presentity, without its technology.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    all: BTreeMap<String, User>,
    /// Hints whose presentity has a name that cannot be written.
    pub unusable: usize,
}

impl Users {
    /// From the answer to `ExtensionStateList`. The first of several hints of one presentity gives its extension; pattern
    /// extensions (`_X.`) are no users.
    pub fn of(blocks: &[Block], settings: &Settings) -> Self {
        let mut users = Self::default();
        let prefix = format!("{}:", settings.technology).to_ascii_lowercase();
        for block in blocks.iter().filter(|b| b.is_event("ExtensionStatus")) {
            let (extension, context) = (block.get("Exten"), block.get("Context"));
            if extension.starts_with('_') || !(settings.contexts.is_empty() || settings.contexts.iter().any(|c| c == context)) {
                continue;
            }
            let hint = block.get("Hint");
            for part in hint.split([',', '&']).map(str::trim) {
                let Some(name) = part.get(..prefix.len()).filter(|p| p.to_ascii_lowercase() == prefix).and(part.get(prefix.len()..)) else {
                    continue;
                };
                if safe_name(name) {
                    let user = User {
                        extension: extension.to_owned(),
                        context: context.to_owned(),
                        calls: calls(block, &own_device(settings, name)),
                    };
                    users.all.entry(name.to_owned()).or_insert(user);
                } else {
                    users.unusable += 1;
                }
            }
        }
        users
    }

    /// Whether this user exists.
    pub fn has(&self, user: &str) -> bool {
        self.all.contains_key(user)
    }

    /// Whether this user is on the telephone; `None` for a stranger.
    pub fn calls(&self, user: &str) -> Option<CallState> {
        self.all.get(user).map(|u| u.calls)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The directory's entries, sorted by id.
    pub fn entries(&self, addresses: &BTreeMap<String, String>) -> Vec<Entry> {
        let entry = |(name, user): (&String, &User)| Entry {
            id: name.clone(),
            kind: EntryKind::PbxUser,
            name: String::new(),
            address: addresses.get(name).filter(|a| is_address(a)).cloned().unwrap_or_default(),
            other_addresses: Vec::new(),
            login: user.extension.clone(),
            active: true,
            zone: None,
            language: None,
            department: String::new(),
            extra: vec![("context".to_owned(), user.context.clone())],
        };
        self.all.iter().map(entry).collect()
    }
}

/// The device that Calport sets for a user, or empty.
fn own_device(settings: &Settings, user: &str) -> String {
    settings.devices.pattern.replace("{user}", user)
}

/// The call state of a hint. Unknown where the hint watches the device that Calport sets itself: it would read its own words.
fn calls(block: &Block, own_device: &str) -> CallState {
    if !own_device.is_empty() && block.get("Hint").split([',', '&']).any(|d| d.trim() == own_device) {
        return CallState::Unknown;
    }
    match block.get("Status").parse::<u8>() {
        Ok(0) => CallState::Idle,
        Ok(4) => CallState::Unreachable,
        Ok(8) => CallState::Ringing,
        Ok(1 | 2 | 9 | 16 | 17) => CallState::OnCall,
        _ => CallState::Unknown,
    }
}

/// Whether a text of the database can be a mail address: one `@` with something on both sides, no blanks.
fn is_address(text: &str) -> bool {
    let parts = text.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    parts.is_some() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ami::blocks;

    fn list(hints: &[(&str, &str, &str)]) -> Vec<Block> {
        let text: String = hints
            .iter()
            .map(|(e, c, h)| format!("Event: ExtensionStatus\r\nExten: {e}\r\nContext: {c}\r\nHint: {h}\r\nStatus: 0\r\n\r\n"))
            .collect();
        blocks(text.as_bytes()).unwrap()
    }

    #[test]
    fn trap_08_users_are_the_presentities_of_the_hints_once_each() {
        let blocks = list(&[
            ("4711", "default", "Custom:alice,CustomPresence:alice"),
            ("alice", "other", "PJSIP/4711&Custom:x,custompresence:alice"),
            ("4712", "default", "Stasis:bob,CustomPresence:bob"),
            ("4713", "default", "PJSIP/4713"),
            ("_47XX", "default", "PJSIP/x,CustomPresence:pattern"),
            ("4714", "default", "None,CustomPresence:bad)name"),
        ]);
        let users = Users::of(&blocks, &Settings::default());
        let mail = BTreeMap::from([("alice".to_owned(), "a@b.example".to_owned()), ("bob".to_owned(), "no address".to_owned())]);
        let entries: Vec<_> = users.entries(&mail).into_iter().map(|e| (e.id, e.login, e.address)).collect();
        assert_eq!(entries, [("alice".into(), "4711".into(), "a@b.example".into()), ("bob".into(), "4712".into(), String::new())]);
        assert_eq!(users.unusable, 1);
    }

    #[test]
    fn only_the_named_contexts_count() {
        let blocks = list(&[("1", "a", "CustomPresence:x"), ("2", "b", "CustomPresence:y")]);
        let settings = Settings { contexts: vec!["b".to_owned()], ..Settings::default() };
        let users = Users::of(&blocks, &settings);
        assert!(users.has("y") && !users.has("x"));
    }
}
