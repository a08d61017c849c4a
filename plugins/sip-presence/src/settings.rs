//! The settings of a connection to a presence server, and their JSON Schema.

use calport_sdk::common::{Error, ErrorScope};
use calport_sdk::error::{self, ErrorExt};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::address;
use crate::bindings::exports::calport::connector::presence::Availability;

/// Shortest lease in seconds. A publication that ends sooner is gone before the server's own timer looks at it.
pub const SHORTEST_LEASE: u32 = 60;

/// An availability that is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reachable {
    /// Reachable.
    Available,
    /// Busy.
    Busy,
    /// Not there.
    Away,
    /// Do not disturb.
    DoNotDisturb,
}

/// Settings of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// SIP domain: the user `alice` is `sip:alice@DOMAIN`. A user with `@` is taken as it is.
    pub domain: String,
    /// Name of Calport's publication: a letter, then letters, digits, `-` and `_`, at most 40. Two Calports that publish for the same users need two
    /// names.
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"))]
    pub publisher: String,
    /// Longest lease of a value in seconds, 60 to 86400: the server forgets it then unless the host renews it.
    #[schemars(range(min = 60, max = 86_400))]
    pub lease: u32,
    /// SIP address to which Kamailio sends its PUBLISH requests, such as `sip:127.0.0.1:5060`, where the domain does not lead to
    /// the presence server by itself. Empty: the domain decides.
    pub outbound_proxy: String,
    /// Availabilities whose basic status is `closed`; that of all others is `open`.
    pub closed: Vec<Reachable>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            domain: String::new(),
            publisher: "calport".to_owned(),
            lease: 3600,
            outbound_proxy: String::new(),
            closed: vec![Reachable::DoNotDisturb],
        }
    }
}

impl Settings {
    /// Reads settings and refuses what the schema cannot say.
    ///
    /// # Errors
    /// `invalid`, naming the field.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let it: Self = calport_sdk::settings::parse(text)?;
        let refuse = |field: &str, why: &str| Err(error::invalid(format!("settings.{field}"), why).with_scope(ErrorScope::Connection));
        if !it.domain.is_empty() && !address::is_host(&it.domain) {
            return refuse("domain", "expected a SIP domain such as `example.com`, without `sip:`");
        }
        let mut letters = it.publisher.chars();
        let begins = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
        if !begins || it.publisher.len() > 40 || !letters.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return refuse("publisher", "expected a letter, then letters, digits, `-` and `_`, at most 40 in all");
        }
        if !(SHORTEST_LEASE..=86_400).contains(&it.lease) {
            return refuse("lease", "expected 60 to 86400 seconds");
        }
        if !it.outbound_proxy.is_empty() && !address::is_proxy(&it.outbound_proxy) {
            return refuse("outbound_proxy", "expected a SIP address such as `sip:127.0.0.1:5060` or `sip:pbx.example.com;transport=tcp`");
        }
        Ok(it)
    }

    /// Whether an availability's basic status is `closed`.
    pub fn is_closed(&self, availability: Availability) -> bool {
        let reachable = match availability {
            Availability::Unknown => return true,
            Availability::Available => Reachable::Available,
            Availability::Busy => Reachable::Busy,
            Availability::Away => Reachable::Away,
            Availability::DoNotDisturb => Reachable::DoNotDisturb,
        };
        self.closed.contains(&reachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_settings_are_the_documented_defaults() {
        let it = Settings::parse("").unwrap();
        assert_eq!(it, Settings::default());
        assert_eq!((it.publisher.as_str(), it.lease), ("calport", 3600));
        let closed = [Availability::Available, Availability::Busy, Availability::Away, Availability::DoNotDisturb].map(|a| it.is_closed(a));
        assert_eq!(closed, [false, false, false, true]);
    }

    #[test]
    fn names_that_could_leave_their_place_are_refused() {
        for bad in [
            r#"{"domain":"sip:example.com"}"#,
            r#"{"domain":"example.com;x"}"#,
            r#"{"domain":"a\r\nb"}"#,
            r#"{"publisher":""}"#,
            r#"{"publisher":"."}"#,
            r#"{"publisher":"1a"}"#,
            r#"{"publisher":"a\"b"}"#,
            r#"{"lease":59}"#,
            r#"{"lease":86401}"#,
            r#"{"outbound_proxy":"127.0.0.1:5060"}"#,
            r#"{"closed":["unknown"]}"#,
            r#"{"unknown":1}"#,
        ] {
            assert!(Settings::parse(bad).is_err(), "{bad}");
        }
        assert!(Settings::parse(r#"{"domain":"127.0.0.1","outbound_proxy":"sip:127.0.0.1:5060","lease":60}"#).is_ok());
    }
}
