//! Zone names as Graph takes them: Windows names, IANA names, `UTC` and `tzone://Microsoft/Utc`.
//!
//! Windows names come from CLDR (through `icu_time`), arithmetic from jiff's own database: nothing depends on the machine.

use std::collections::HashMap;
use std::sync::LazyLock;

use icu_time::zone::iana::IanaParserExtended;
use icu_time::zone::windows::WindowsParser;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::http::Refusal;

/// Canonical IANA name by CLDR's short zone id.
static CANONICAL: LazyLock<HashMap<String, &'static str>> =
    LazyLock::new(|| IanaParserExtended::new().iter().map(|z| (z.time_zone.as_str().to_owned(), z.canonical)).collect());

/// A zone under the name its writer used.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    /// The name as written, given back as it came.
    pub name: String,
    /// The rules.
    pub rules: TimeZone,
}

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// Reads a zone name.
    ///
    /// # Errors
    /// 400 `TimeZoneNotSupportedException` as the service words it.
    pub fn read(name: &str) -> Result<Self, Refusal> {
        find(name).map(|rules| Self { name: name.to_owned(), rules }).ok_or_else(|| {
            Refusal::bad(
                "TimeZoneNotSupportedException",
                "A valid TimeZone value must be specified. The following TimeZone value is not supported: '".to_owned() + name + "'.",
            )
        })
    }

    /// The local clock at `at`.
    pub fn local(&self, at: Timestamp) -> DateTime {
        at.to_zoned(self.rules.clone()).datetime()
    }

    /// The instant of a local time; in a gap the time after it, in a fold the earlier one.
    pub fn instant(&self, local: DateTime) -> Timestamp {
        self.rules.to_ambiguous_zoned(local).compatible().map_or(Timestamp::MAX, |z: Zoned| z.timestamp())
    }
}

fn find(name: &str) -> Option<TimeZone> {
    if ["utc", "tzone://microsoft/utc", "etc/utc"].contains(&name.to_ascii_lowercase().as_str()) {
        return Some(TimeZone::UTC);
    }
    // One way of writing only: jiff would also take POSIX strings from a path-like name.
    if let Some(short) = WindowsParser::new().parse(name, None) {
        return CANONICAL.get(short.as_str()).and_then(|iana| TimeZone::get(iana).ok());
    }
    let looks_like_iana = name.contains('/') && name.chars().all(|c| c.is_ascii_alphanumeric() || "/_-+".contains(c));
    looks_like_iana.then(|| TimeZone::get(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_iana_names_mean_the_same_zone() {
        let winter: DateTime = "2026-01-05T09:00".parse().unwrap();
        for (windows, iana) in [
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("Pacific Standard Time", "America/Los_Angeles"),
            ("India Standard Time", "Asia/Kolkata"),
        ] {
            assert_eq!(Zone::read(windows).unwrap().instant(winter), Zone::read(iana).unwrap().instant(winter), "{windows}");
        }
        assert_eq!(Zone::read("tzone://Microsoft/Utc").unwrap().instant(winter).to_string(), "2026-01-05T09:00:00Z");
        for bad in ["Nowhere Standard Time", "Customized Time Zone", "", "../etc/passwd"] {
            assert!(Zone::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_in_the_spring_gap_is_the_time_after_it() {
        let zone = Zone::read("Europe/Berlin").unwrap();
        assert_eq!(zone.instant("2026-03-29T02:30".parse().unwrap()).to_string(), "2026-03-29T01:30:00Z");
    }
}
