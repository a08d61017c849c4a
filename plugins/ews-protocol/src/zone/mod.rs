//! Zones of items (SEMANTICS B-55).
//!
//! EWS names zones as Windows does and sends their rules along. Reading hands on the name exactly as received wherever
//! the rules are those of that name, and the rules where they are not, or where nobody knows the name. Writing needs
//! Windows names: an IANA name is translated, any other name goes out as it came in.
//!
//! Names come from CLDR: Windows to IANA by `icu_time`, IANA to Windows by `windows-timezones`. Neither the machine's
//! zone nor its zone data is looked at.

mod definition;

use std::collections::HashMap;

use calport_sdk::common::{Zone, ZoneDefinition};
use calport_sdk::zone as names;
use icu_time::zone::iana::IanaParserExtended;
use icu_time::zone::{IanaParser, WindowsParser};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use windows_timezones::WindowsTimezone;

pub use definition::Definition;
pub(crate) use definition::{read_definition, write_definition};

/// The name that Exchange knows UTC by.
const UTC_NAME: &str = "UTC";

/// Different names remembered while one answer is read; real answers have a handful.
const MAX_REMEMBERED: usize = 64;

/// The zone of a name to compute with: IANA's, Windows', or a spelling seen in the field such as
/// `tzone://Microsoft/Utc`. `None` where nobody knows it; then UTC is assumed and never written back.
pub fn resolve(name: &str) -> Option<TimeZone> {
    let name = name.trim_matches(['\0', ' ', '"']);
    // What follows the last slash of `tzone://Microsoft/NAME`; IANA's slashes have no scheme before them.
    let name = name.split_once("://").and_then(|(_, path)| path.rsplit_once('/')).map_or(name, |(_, last)| last);
    if name.is_empty() || name.eq_ignore_ascii_case("custom") || name.eq_ignore_ascii_case("customized time zone") {
        return None;
    }
    if names::is_utc(name) {
        return Some(TimeZone::UTC);
    }
    if let Some(zone) = windows_to_iana(name).and_then(|iana| TimeZoneDatabase::bundled().get(&iana).ok()) {
        return Some(zone);
    }
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The IANA name of a Windows zone, in CLDR's canonical form (`India Standard Time` is `Asia/Kolkata`).
pub fn windows_to_iana(name: &str) -> Option<String> {
    let zone = WindowsParser::new().parse(name, None)?;
    IanaParserExtended::new().iter().find(|entry| entry.time_zone == zone).map(|entry| entry.canonical.to_owned())
}

/// The Windows name of an IANA zone, older and newer spellings alike (`Europe/Kiev`, `Europe/Kyiv`). `None` for a zone
/// that Windows lacks.
pub fn iana_to_windows(name: &str) -> Option<&'static str> {
    if names::is_utc(name) {
        return Some(UTC_NAME);
    }
    let direct = name.parse::<chrono_tz::Tz>().ok().and_then(|zone| WindowsTimezone::try_from(zone).ok());
    if let Some(zone) = direct {
        return Some(zone.name());
    }
    // The two tables spell some zones differently; names of one place have one identifier in CLDR.
    let parser = IanaParser::new();
    let wanted = parser.parse(name);
    if wanted.is_unknown() {
        return None;
    }
    let same = chrono_tz::TZ_VARIANTS.iter().filter(|zone| parser.parse(zone.name()) == wanted);
    same.filter_map(|zone| WindowsTimezone::try_from(*zone).ok()).map(WindowsTimezone::name).next()
}

/// The name under which Exchange is told a zone: Windows' for an IANA name, else the name as it is.
pub fn wire_name(name: &str) -> &str {
    if name.parse::<WindowsTimezone>().is_ok() {
        return name;
    }
    iana_to_windows(name).unwrap_or(name)
}

/// A zone to compute with. `None` for a name that nobody knows, rules that contradict themselves, and floating times.
pub fn to_time_zone(zone: &Zone) -> Option<TimeZone> {
    match zone {
        Zone::Utc => Some(TimeZone::UTC),
        Zone::Named(name) => resolve(name),
        Zone::Custom(rules) => definition::to_time_zone(rules),
        Zone::Floating => None,
    }
}

/// Zones that have been looked up: a page names the same few a thousand times.
#[derive(Default)]
pub(crate) struct Zones {
    known: HashMap<String, Option<TimeZone>>,
}

impl Zones {
    /// As [`resolve`].
    pub fn resolve(&mut self, name: &str) -> Option<TimeZone> {
        if let Some(zone) = self.known.get(name) {
            return zone.clone();
        }
        let zone = resolve(name);
        if self.known.len() < MAX_REMEMBERED {
            self.known.insert(name.to_owned(), zone.clone());
        }
        zone
    }

    /// As [`to_time_zone`].
    pub fn time_zone(&mut self, zone: &Zone) -> Option<TimeZone> {
        match zone {
            Zone::Named(name) => self.resolve(name),
            other => to_time_zone(other),
        }
    }

    /// What an item's definition means at a time: its name where the rules are those of the name or none came along,
    /// the rules otherwise.
    pub fn meant(&mut self, definition: &Definition, at: Option<i64>) -> Option<Zone> {
        let named = names::named(&definition.id).or_else(|| names::named(&definition.name));
        let Some(rules) = definition.rules(at) else { return named };
        let own = definition::to_time_zone(&rules);
        let same = match (&named, &own) {
            (_, None) => true,
            (Some(Zone::Utc), Some(own)) => agree(own, &TimeZone::UTC, at),
            (Some(Zone::Named(name)), Some(own)) => self.resolve(name).is_some_and(|zone| agree(own, &zone, at)),
            _ => false,
        };
        if same { named } else { Some(Zone::Custom(rules)) }
    }
}

/// Whether two zones are the same over the year around a time: that is what matters for an item of that time, and a name
/// whose rules changed later is still that name.
fn agree(one: &TimeZone, other: &TimeZone, at: Option<i64>) -> bool {
    /// Milliseconds of half a year.
    const HALF_YEAR: i64 = 183 * 86_400_000;
    /// Where a definition belongs to no item: in 2024, since when no zone of Windows has changed.
    const NO_TIME: i64 = 1_720_000_000_000;
    let at = at.unwrap_or(NO_TIME);
    let instant = |ms| Timestamp::from_millisecond(ms).ok();
    let Some((from, to)) = instant(at.saturating_sub(HALF_YEAR)).zip(instant(at.saturating_add(HALF_YEAR))) else { return false };
    changes(one, from, to) == changes(other, from, to)
}

/// The offset at a time, and every later change of it until another.
fn changes(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Offset)> {
    let mut changes = vec![(from, zone.to_offset(from))];
    changes.extend(zone.following(from).map(|change| (change.timestamp(), change.offset())).take_while(|(time, _)| *time <= to));
    // Zone data also lists changes of the name alone.
    changes.dedup_by_key(|(_, offset)| *offset);
    changes
}

/// A zone without summer time.
fn fixed(name: &str, minutes: i32) -> ZoneDefinition {
    ZoneDefinition { name: name.to_owned(), standard_offset: minutes, daylight: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b55_windows_names_go_both_ways() {
        for (iana, windows) in [
            ("Europe/Berlin", "W. Europe Standard Time"),
            ("Europe/Vienna", "W. Europe Standard Time"),
            ("Europe/Kyiv", "FLE Standard Time"),
            ("Europe/Kiev", "FLE Standard Time"),
            ("Asia/Kolkata", "India Standard Time"),
            ("Asia/Calcutta", "India Standard Time"),
            ("Asia/Kathmandu", "Nepal Standard Time"),
            ("America/St_Johns", "Newfoundland Standard Time"),
            ("Pacific/Apia", "Samoa Standard Time"),
            ("Etc/UTC", "UTC"),
        ] {
            assert_eq!(iana_to_windows(iana), Some(windows), "{iana}");
        }
        assert_eq!(windows_to_iana("India Standard Time").as_deref(), Some("Asia/Kolkata"));
        assert_eq!(iana_to_windows("Mars/Olympus"), None);
        assert_eq!(wire_name("W. Europe Standard Time"), "W. Europe Standard Time");
        assert_eq!(wire_name("Europe/Paris"), "Romance Standard Time");
        assert_eq!(wire_name("Mars Standard Time"), "Mars Standard Time", "never replaced by a guess");
    }

    #[test]
    fn b55_every_windows_name_is_computed_with() {
        for zone in chrono_tz::TZ_VARIANTS {
            if let Ok(windows) = WindowsTimezone::try_from(zone) {
                assert!(resolve(windows.name()).is_some(), "{}", windows.name());
            }
        }
    }

    #[test]
    fn b55_aliases_are_known_and_custom_names_are_not() {
        assert_eq!(resolve("tzone://Microsoft/Utc"), Some(TimeZone::UTC));
        assert!(resolve("tzone://Microsoft/W. Europe Standard Time").is_some());
        for name in ["tzone://Microsoft/Custom", "Customized Time Zone", "", "\0\0\0", "Mars/Olympus"] {
            assert_eq!(resolve(name), None, "{name:?}");
        }
    }
}
