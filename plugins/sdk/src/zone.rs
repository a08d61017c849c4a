//! Zones as the other side names them. A connector does not translate names: the host does (SEMANTICS B-55).

use crate::common::Zone;

/// Names under which servers speak of Coordinated Universal Time without meaning a place.
const UTC_NAMES: [&str; 7] = ["utc", "etc/utc", "z", "etc/gmt", "coordinated universal time", "tzone://microsoft/utc", "gmt"];

/// The zone of a name: `utc` for the names of UTC in any case, else the name exactly as received.
/// `None` for an empty name: the caller knows what its absence means.
pub fn named(name: &str) -> Option<Zone> {
    let name = name.trim();
    match name {
        "" => None,
        _ if is_utc(name) => Some(Zone::Utc),
        _ => Some(Zone::Named(name.to_owned())),
    }
}

/// Whether a name means UTC. `GMT Standard Time` is London and does not.
pub fn is_utc(name: &str) -> bool {
    UTC_NAMES.iter().any(|utc| name.eq_ignore_ascii_case(utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_utc_are_utc_and_london_is_not() {
        assert_eq!(named("UTC"), Some(Zone::Utc));
        assert_eq!(named("tzone://Microsoft/Utc"), Some(Zone::Utc));
        assert_eq!(named("GMT Standard Time"), Some(Zone::Named("GMT Standard Time".into())));
        assert_eq!(named(" "), None);
    }
}
