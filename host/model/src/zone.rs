//! Zones by the names that servers use (SEMANTICS B-55).
//!
//! Windows names come from CLDR's table (`icu_time`), IANA names from the bundled zone data of `jiff`; no zone data of the
//! machine is read. A name that neither knows is not an error: the caller assumes UTC, marks the item and shows the name.

use icu_time::zone::WindowsParser;
use icu_time::zone::iana::IanaParserExtended;
use jiff::tz::{Offset, TimeZone};

/// What became of a zone's name.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// The zone is known.
    Known(TimeZone),
    /// The name is not known: UTC is assumed.
    Assumed,
}

impl Resolved {
    /// The zone to compute with.
    pub fn zone(&self) -> TimeZone {
        match self {
            Self::Known(zone) => zone.clone(),
            Self::Assumed => TimeZone::UTC,
        }
    }

    /// Whether the zone was assumed.
    pub fn is_assumed(&self) -> bool {
        matches!(self, Self::Assumed)
    }
}

/// Looks a zone up by an IANA name, a Windows name, or one of the spellings seen in the field.
pub fn resolve(name: &str) -> Resolved {
    let name = name.trim_matches(['\0', ' ', '"']);
    let name = last_segment(name);
    if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("z") || name.eq_ignore_ascii_case("gmt") {
        return Resolved::Known(TimeZone::UTC);
    }
    if name.is_empty() || name.eq_ignore_ascii_case("custom") || name.eq_ignore_ascii_case("customized time zone") {
        return Resolved::Assumed;
    }
    if let Ok(zone) = jiff::tz::TimeZoneDatabase::bundled().get(name) {
        return Resolved::Known(zone);
    }
    match windows_to_iana(name).and_then(|iana| jiff::tz::TimeZoneDatabase::bundled().get(&iana).ok()) {
        Some(zone) => Resolved::Known(zone),
        None => Resolved::Assumed,
    }
}

/// The zone of a URI-like name `scheme://.../NAME`: what follows its last slash. Other names, IANA's slashes included, stay.
fn last_segment(name: &str) -> &str {
    match name.split_once("://") {
        Some((_, path)) => path.rsplit_once('/').map_or(name, |(_, last)| last),
        None => name,
    }
}

fn windows_to_iana(name: &str) -> Option<String> {
    let zone = WindowsParser::new().parse(name, None)?;
    IanaParserExtended::new().iter().find(|entry| entry.time_zone == zone).map(|entry| entry.canonical.to_owned())
}

/// A zone of fixed offset, for server-given definitions; minutes east of UTC, -1440 to 1440 (exclusive).
pub fn fixed(minutes: i32) -> Option<TimeZone> {
    Offset::from_seconds(minutes.checked_mul(60)?).ok().map(TimeZone::fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iana(name: &str) -> Option<String> {
        match resolve(name) {
            Resolved::Known(zone) => zone.iana_name().map(str::to_owned),
            Resolved::Assumed => None,
        }
    }

    #[test]
    fn b55_windows_names_and_iana_names_lead_to_the_same_zone() {
        assert_eq!(iana("W. Europe Standard Time").as_deref(), Some("Europe/Berlin"));
        assert_eq!(iana("Europe/Berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(iana("Pacific Standard Time").as_deref(), Some("America/Los_Angeles"));
        assert_eq!(iana("tzone://Example/Utc").as_deref(), Some("UTC"));
        assert_eq!(iana("tzone://example/zones/W. Europe Standard Time").as_deref(), Some("Europe/Berlin"));
        assert!(iana("India Standard Time").is_some());
    }

    #[test]
    fn b55_unknown_and_custom_names_are_assumed_not_refused() {
        for name in ["tzone://Example/Custom", "tzone://Example/", "tzone://Utc", "Customized Time Zone", "", "\0\0\0", "Mars/Olympus"] {
            assert!(resolve(name).is_assumed(), "{name:?}");
        }
    }
}
