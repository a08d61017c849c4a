//! Device states and what hints make of them: who is on the telephone.
//!
//! Promise (seen on a running Asterisk 22, every pair of states): a hint shows the most eminent state of its devices; ringing
//! and a call together are one state of their own; nothing is told when a state does not change. `Custom:` and `Stasis:` live in
//! the database and survive a restart, states of telephones do not.

use super::presence::escape;
use super::session::Event;
use super::state::{Core, Hint, line};

/// Device states a client may give; the PBX reads them without regard to case.
const STATES: [&str; 9] = ["UNKNOWN", "NOT_INUSE", "INUSE", "BUSY", "INVALID", "UNAVAILABLE", "RINGING", "RINGINUSE", "ONHOLD"];

/// The states from the least to the most eminent.
const EMINENCE: [&str; 9] = ["INVALID", "UNKNOWN", "UNAVAILABLE", "NOT_INUSE", "ONHOLD", "RINGING", "INUSE", "BUSY", "RINGINUSE"];

/// Number and name of a hint's state by the state of its devices.
const EXTENSION_STATES: [(&str, u8, &str); 9] = [
    ("NOT_INUSE", 0, "Idle"),
    ("UNKNOWN", 0, "Idle"),
    ("INUSE", 1, "InUse"),
    ("BUSY", 2, "Busy"),
    ("UNAVAILABLE", 4, "Unavailable"),
    ("INVALID", 4, "Unavailable"),
    ("RINGING", 8, "Ringing"),
    ("RINGINUSE", 9, "InUse&Ringing"),
    ("ONHOLD", 16, "Hold"),
];

/// The PBX's own spelling of a device state.
#[must_use]
pub fn state_name(text: &str) -> Option<&'static str> {
    STATES.into_iter().find(|s| s.eq_ignore_ascii_case(text))
}

/// The device state that a hint's state such as `InUse` or `Idle` comes from; names of device states are taken, too.
#[must_use]
pub fn state_of_call(text: &str) -> Option<&'static str> {
    let of_hint = EXTENSION_STATES.into_iter().find(|(.., name)| name.eq_ignore_ascii_case(text)).map(|(state, ..)| state);
    of_hint.or_else(|| state_name(text))
}

impl Hint {
    /// The devices it watches.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        let devices = self.hint.rsplit_once(',').map_or(self.hint.as_str(), |(devices, _)| devices);
        devices.split('&').filter(|d| !d.is_empty())
    }
}

impl Core {
    /// The state of a device as the REST interface and hints see it.
    #[must_use]
    pub fn device_state(&self, device: &str) -> String {
        let stored = match place(device) {
            Some(place) => self.database.get(&place).map(|v| String::from_utf8_lossy(v).into_owned()),
            None => self.telephones.get(device).map(|s| (*s).to_owned()),
        };
        stored.unwrap_or_else(|| "UNKNOWN".to_owned())
    }

    /// Forgets a device that the REST interface controls. The real product tells nobody.
    pub fn remove_device(&mut self, device: &str) {
        if let Some(place) = place(device) {
            self.database.remove(&place);
        }
    }

    /// Sets the state of a device and tells it, where it is another one.
    pub fn set_device(&mut self, device: &str, state: &'static str) {
        let (before, watched) = (self.device_state(device), self.watching(device));
        if let Some(place) = place(device) {
            self.database.insert(place, state.as_bytes().to_vec());
        } else {
            self.telephones.insert(device.to_owned(), state);
        }
        if before == state {
            return;
        }
        for (hint, (number, name)) in self.watching(device) {
            if watched.iter().any(|(h, (n, _))| *h == hint && *n == number) {
                continue;
            }
            let mut text = b"Event: ExtensionStatus\r\nPrivilege: call,all\r\n".to_vec();
            text.extend(status_lines(&hint, number, name));
            text.extend(b"\r\n");
            self.sessions.publish(&Event { class: "call", text });
        }
        let mut text = b"Event: DeviceStateChange\r\nPrivilege: call,all\r\n".to_vec();
        line(&mut text, "Device", &escape(device.as_bytes()));
        line(&mut text, "State", state.as_bytes());
        text.extend(b"\r\n");
        self.sessions.publish(&Event { class: "call", text });
    }

    /// The first device of the first hint that names this user's presentity or has this extension.
    #[must_use]
    pub fn telephone_of(&self, user: &str) -> Option<String> {
        let presentity = format!("{}{user}", super::state::PRESENCE_PREFIX);
        let of = |h: &&Hint| h.exten == user || h.hint.split([',', '&']).any(|p| p == presentity);
        self.hints.iter().find(of)?.devices().next().map(str::to_owned)
    }

    /// The devices that the REST interface controls, with their states.
    #[must_use]
    pub fn controlled_devices(&self) -> Vec<(String, String)> {
        let own = self.database.iter().filter(|((family, _), _)| family == "StasisDeviceState");
        own.map(|((_, key), value)| (key.clone(), String::from_utf8_lossy(value).into_owned())).collect()
    }

    /// The number and name of a hint's state, from all of its devices.
    #[must_use]
    pub fn extension_state(&self, hint: &Hint) -> (u8, &'static str) {
        let states: Vec<String> = hint.devices().map(|d| self.device_state(d)).collect();
        let has = |names: &[&str]| states.iter().any(|s| names.contains(&s.as_str()));
        let most = states.iter().filter_map(|s| EMINENCE.iter().position(|e| e == s)).max();
        let state = match most.and_then(|at| EMINENCE.get(at)) {
            _ if has(&["RINGING"]) && has(&["INUSE", "BUSY", "ONHOLD"]) => "RINGINUSE",
            Some(state) => state,
            // A hint without a device.
            None => "UNAVAILABLE",
        };
        EXTENSION_STATES.into_iter().find(|(s, ..)| *s == state).map_or((0, "Idle"), |(_, number, name)| (number, name))
    }

    fn watching(&self, device: &str) -> Vec<(Hint, (u8, &'static str))> {
        let watching = self.hints.iter().filter(|h| h.devices().any(|d| d == device));
        watching.map(|h| (h.clone(), self.extension_state(h))).collect()
    }
}

/// The lines of a hint's state, as in events, lists and answers.
#[must_use]
pub fn status_lines(hint: &Hint, number: u8, name: &str) -> Vec<u8> {
    let Hint { exten, context, hint } = hint;
    format!("Exten: {exten}\r\nContext: {context}\r\nHint: {hint}\r\nStatus: {number}\r\nStatusText: {name}\r\n").into_bytes()
}

/// Where the database keeps the state of a device; `None` for telephones.
fn place(device: &str) -> Option<(String, String)> {
    if device.starts_with("Stasis:") {
        return Some(("StasisDeviceState".to_owned(), device.to_owned()));
    }
    device.strip_prefix("Custom:").map(|key| ("CustomDevstate".to_owned(), key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core(hint: &str) -> (Core, Hint) {
        let hint = Hint { exten: "11".to_owned(), context: "default".to_owned(), hint: hint.to_owned() };
        (Core { hints: vec![hint.clone()], ..Core::default() }, hint)
    }

    #[test]
    fn two_devices_show_as_seen_on_the_real_product() {
        // Rows and columns in this order; a device that was never set is left out of the comparison.
        let states = ["NOT_INUSE", "INUSE", "BUSY", "INVALID", "UNAVAILABLE", "RINGING", "RINGINUSE", "ONHOLD"];
        let seen: [[u8; 8]; 8] = [
            [0, 1, 2, 0, 0, 8, 9, 16],
            [1, 1, 2, 1, 1, 9, 9, 1],
            [2, 2, 2, 2, 2, 9, 9, 2],
            [0, 1, 2, 4, 4, 8, 9, 16],
            [0, 1, 2, 4, 4, 8, 9, 16],
            [8, 9, 9, 8, 8, 8, 9, 9],
            [9, 9, 9, 9, 9, 9, 9, 9],
            [16, 1, 2, 16, 16, 9, 9, 16],
        ];
        let (mut core, hint) = core("Custom:a&PJSIP/b,CustomPresence:pair");
        for (a, row) in states.iter().zip(seen) {
            for (b, expected) in states.iter().zip(row) {
                core.set_device("Custom:a", a);
                core.set_device("PJSIP/b", b);
                assert_eq!(core.extension_state(&hint).0, expected, "{a} and {b}");
            }
        }
    }

    #[test]
    fn hints_without_a_device_are_unavailable_and_those_never_set_are_idle() {
        for (text, expected) in [(",CustomPresence:x", 4), ("Custom:a,CustomPresence:x", 0), ("Custom:a", 0)] {
            let (core, hint) = core(text);
            assert_eq!(core.extension_state(&hint).0, expected, "{text}");
        }
    }

    #[test]
    fn names_of_hints_and_of_devices_are_understood() {
        let cases =
            [("Idle", "NOT_INUSE"), ("inuse", "INUSE"), ("InUse&Ringing", "RINGINUSE"), ("Hold", "ONHOLD"), ("ringinuse", "RINGINUSE")];
        for (text, state) in cases {
            assert_eq!(state_of_call(text), Some(state), "{text}");
        }
        assert_eq!(state_of_call("fancy"), None);
    }

    #[test]
    fn states_of_telephones_end_with_the_pbx_and_others_do_not() {
        let (mut core, hint) = core("PJSIP/b,CustomPresence:x");
        core.set_device("PJSIP/b", "INUSE");
        core.set_device("Custom:a", "BUSY");
        core.restart(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!((core.extension_state(&hint).0, core.device_state("Custom:a").as_str()), (0, "BUSY"));
    }
}
