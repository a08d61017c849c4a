//! The settings of a connection to Asterisk, and their JSON Schema.

use calport_sdk::common::Error;
use calport_sdk::error;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::ami::safe_name;

/// Families of the database in which Asterisk itself keeps states.
const OWN_FAMILIES: [&str; 3] = ["CustomPresence", "CustomDevstate", "StasisDeviceState"];

/// The family in which it is noted what Calport wrote in `family`.
pub fn written_family(family: &str) -> String {
    format!("{family}-written")
}

/// A presence state of Asterisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing is set.
    NotSet,
    /// Not reachable.
    Unavailable,
    /// Reachable.
    Available,
    /// Away.
    Away,
    /// Away for longer.
    Xa,
    /// Glad to be called.
    Chat,
    /// Do not disturb.
    Dnd,
}

impl State {
    /// Asterisk's own name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotSet => "not_set",
            Self::Unavailable => "unavailable",
            Self::Available => "available",
            Self::Away => "away",
            Self::Xa => "xa",
            Self::Chat => "chat",
            Self::Dnd => "dnd",
        }
    }

    /// The state of a name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::NotSet, Self::Unavailable, Self::Available, Self::Away, Self::Xa, Self::Chat, Self::Dnd];
        all.into_iter().find(|s| s.name().eq_ignore_ascii_case(name))
    }
}

/// Which of Asterisk's states stands for which availability; `not_set` stands for none. The activity goes into the subtype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct States {
    /// Reachable.
    pub available: State,
    /// Busy.
    pub busy: State,
    /// Not there.
    pub away: State,
    /// Not there, with an activity of a whole day or more (`vacation`, `holiday`, `travel`, `permanent-absence`).
    pub vacation: State,
    /// Do not disturb.
    pub do_not_disturb: State,
}

impl Default for States {
    fn default() -> Self {
        Self { available: State::Available, busy: State::Dnd, away: State::Away, vacation: State::Xa, do_not_disturb: State::Dnd }
    }
}

/// A device state of Asterisk that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeviceState {
    /// Free.
    NotInuse,
    /// In use.
    Inuse,
    /// Busy.
    Busy,
    /// Not reachable.
    Unavailable,
    /// On hold.
    Onhold,
}

impl DeviceState {
    /// Asterisk's own name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotInuse => "NOT_INUSE",
            Self::Inuse => "INUSE",
            Self::Busy => "BUSY",
            Self::Unavailable => "UNAVAILABLE",
            Self::Onhold => "ONHOLD",
        }
    }
}

/// Device states that follow the presence, for lamps of telephones that know no presence.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Devices {
    /// The device's name, with `{user}` for the user: `Stasis:{user}` is set over the REST interface (endpoint `ari`),
    /// `Custom:{user}` over the manager. Empty: no device states.
    pub pattern: String,
    /// While available or nothing is set.
    pub available: DeviceState,
    /// While busy.
    pub busy: DeviceState,
    /// While away.
    pub away: DeviceState,
    /// While not to be disturbed.
    pub do_not_disturb: DeviceState,
}

impl Default for Devices {
    fn default() -> Self {
        let (free, busy) = (DeviceState::NotInuse, DeviceState::Busy);
        Self { pattern: String::new(), available: free, busy, away: free, do_not_disturb: busy }
    }
}

/// Settings of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Path before `/arawman`, when `http.conf` sets a `prefix`, such as `/asterisk`.
    pub prefix: String,
    /// Dialplan contexts whose hints are users. Empty: all.
    pub contexts: Vec<String>,
    /// The presence technology in the hints. Asterisk itself lets only `CustomPresence` be written.
    pub technology: String,
    /// The states written for each availability.
    pub states: States,
    /// Device states.
    pub devices: Devices,
    /// Family of Asterisk's database that holds a user's mail address under the user's name. Empty: none.
    pub address_family: String,
    /// Family under which the absence greeting's name is kept for the dialplan, by user. What Calport wrote there is noted in a
    /// family of this name and `-written`. Empty: greetings are not written.
    pub greeting_family: String,
    /// Family under which the forwarding profile's name is kept for the dialplan, by user. What Calport wrote there is noted in a
    /// family of this name and `-written`. Empty: they are not written.
    pub forwarding_family: String,
    /// `httptimeout` of `manager.conf` in seconds, 30 to 600: how long Asterisk keeps a silent session.
    #[schemars(range(min = 30, max = 600))]
    pub http_timeout: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            contexts: Vec::new(),
            technology: "CustomPresence".to_owned(),
            states: States::default(),
            devices: Devices::default(),
            address_family: String::new(),
            greeting_family: "calport-greeting".to_owned(),
            forwarding_family: "calport-forwarding".to_owned(),
            http_timeout: 60,
        }
    }
}

impl Settings {
    /// Reads settings and refuses what the schema cannot say.
    ///
    /// # Errors
    /// `invalid`, naming the field.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut it: Self = calport_sdk::settings::parse(text)?;
        it.prefix = match it.prefix.trim_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        let families = [&it.address_family, &it.greeting_family, &it.forwarding_family];
        if !families.into_iter().all(|f| f.is_empty() || (safe_name(f) && !f.contains('/'))) {
            return Err(error::invalid("settings", "a database family holds control characters or one of `( ) , & | /`"));
        }
        let states = it.states;
        if [states.available, states.busy, states.away, states.vacation, states.do_not_disturb].contains(&State::NotSet) {
            let message = "`not_set` means that nothing is shown and could not be told from a value taken away; choose another state";
            return Err(error::invalid("settings.states", message));
        }
        let mut taken: Vec<String> = OWN_FAMILIES.map(str::to_owned).to_vec();
        for (field, family) in [("greeting_family", &it.greeting_family), ("forwarding_family", &it.forwarding_family)] {
            if family.is_empty() {
                continue;
            }
            for name in [family.clone(), written_family(family)] {
                if name == it.address_family || taken.contains(&name) {
                    let message = format!("the database family {name} has another use; give it a name of its own");
                    return Err(error::invalid(format!("settings.{field}"), message));
                }
                taken.push(name);
            }
        }
        if !safe_name(&it.technology) || it.technology.contains(':') {
            return Err(error::invalid("settings.technology", "expected a name such as CustomPresence, without a colon"));
        }
        if !it.devices.pattern.is_empty() {
            let (kind, rest) = it.devices.pattern.split_once(':').unwrap_or_default();
            if !matches!(kind, "Stasis" | "Custom") || !rest.contains("{user}") || !safe_name(&it.devices.pattern) {
                return Err(error::invalid(
                    "settings.devices.pattern",
                    "expected `Stasis:{user}` or `Custom:{user}`, or a longer name around {user}",
                ));
            }
        }
        if !(30..=600).contains(&it.http_timeout) {
            return Err(error::invalid("settings.http_timeout", "expected 30 to 600 seconds, as `httptimeout` of manager.conf"));
        }
        Ok(it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_settings_are_the_documented_defaults() {
        let it = Settings::parse("").unwrap();
        assert_eq!(it, Settings::default());
        assert_eq!((it.states.busy.name(), it.states.vacation.name()), ("dnd", "xa"));
    }

    #[test]
    fn trap_06_a_state_that_asterisk_does_not_know_is_refused_before_use() {
        assert!(Settings::parse(r#"{"states":{"busy":"away"}}"#).is_ok());
        assert!(Settings::parse(r#"{"states":{"busy":"busy"}}"#).is_err());
    }

    #[test]
    fn rule_p22a_not_set_stands_for_no_availability() {
        let error = Settings::parse(r#"{"states":{"available":"not_set"}}"#).unwrap_err();
        assert!(error.message.contains("taken away"), "{}", error.message);
    }

    #[test]
    fn names_that_could_leave_their_place_are_refused() {
        for bad in [
            r#"{"greeting_family":"a\r\nb"}"#,
            r#"{"technology":"SIP:"}"#,
            r#"{"devices":{"pattern":"PJSIP:{user}"}}"#,
            r#"{"devices":{"pattern":"Custom:x"}}"#,
            r#"{"http_timeout":5}"#,
            r#"{"unknown":1}"#,
            r#"{"greeting_family":"calport-forwarding"}"#,
            r#"{"greeting_family":"x","forwarding_family":"x-written"}"#,
            r#"{"forwarding_family":"CustomPresence"}"#,
            r#"{"forwarding_family":"mail","address_family":"mail"}"#,
        ] {
            assert!(Settings::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Settings::parse(r#"{"prefix":"asterisk/"}"#).unwrap().prefix, "/asterisk");
    }
}
