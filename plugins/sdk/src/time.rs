//! Reading and writing times on the wire. Zones are the host's matter: only UTC is computed here.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use crate::common::{Instant, Moment, ZonedTime};
use crate::zone;

/// An RFC 3339 time with an offset or `Z`, in milliseconds since 1970 UTC.
pub fn instant(text: &str) -> Option<Instant> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// A wall-clock time read as UTC, in milliseconds since 1970 UTC.
pub fn utc_wall(text: &str) -> Option<Instant> {
    let wall: DateTime = text.parse().ok()?;
    Offset::UTC.to_timestamp(wall).ok().map(Timestamp::as_millisecond)
}

/// The moment of a wall-clock time in a zone of this name: an instant when the zone is UTC.
pub fn moment(wall: &str, zone_name: &str) -> Option<Moment> {
    if zone::is_utc(zone_name.trim()) {
        return utc_wall(wall).map(Moment::At);
    }
    let zone = zone::named(zone_name)?;
    let local: DateTime = wall.parse().ok()?;
    Some(Moment::Wall(ZonedTime { local: local.to_string(), zone }))
}

/// The date of a wall-clock time or a date, without any conversion (SEMANTICS B-20).
pub fn date_part(text: &str) -> Option<String> {
    let date = text.split('T').next()?;
    date.parse::<Date>().ok().map(|d| d.to_string())
}

/// An instant as RFC 3339 in UTC with whole milliseconds where there are any: `2026-08-20T07:00:00Z`.
/// `None` outside the years -9999 to 9999.
pub fn to_rfc3339(instant: Instant) -> Option<String> {
    Timestamp::from_millisecond(instant).ok().map(|t| t.to_string())
}

/// An instant as a UTC wall-clock time without a zone: `2026-08-20T07:00:00`.
pub fn to_utc_wall(instant: Instant) -> Option<String> {
    Timestamp::from_millisecond(instant).ok().map(|t| Offset::UTC.to_datetime(t).to_string())
}

/// The date that begins at the midnight nearest to an instant in UTC. For servers that give a local midnight as an
/// instant: right for zones from 11:59 west to 12:00 east of UTC.
pub fn nearest_utc_date(instant: Instant) -> Option<String> {
    const HALF_DAY_MS: i64 = 43_200_000;
    let noon = Timestamp::from_millisecond(instant.checked_add(HALF_DAY_MS)?).ok()?;
    Some(Offset::UTC.to_datetime(noon).date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::Zone;

    #[test]
    fn seven_decimals_are_read() {
        assert_eq!(utc_wall("2016-12-09T20:30:00.0000000"), Some(1_481_315_400_000));
        assert_eq!(instant("2019-09-18T00:52:45.9696658+00:00"), Some(1_568_767_965_969));
        assert_eq!(instant("2019-09-18T00:52:45"), None);
    }

    #[test]
    fn a_wall_time_of_another_zone_stays_a_wall_time() {
        let got = moment("2019-03-15T12:00:00.0000000", "Pacific Standard Time");
        let zone = Zone::Named("Pacific Standard Time".into());
        assert_eq!(got, Some(Moment::Wall(ZonedTime { local: "2019-03-15T12:00:00".into(), zone })));
    }

    #[test]
    fn b20_a_date_is_never_converted() {
        assert_eq!(date_part("2026-03-29T00:00:00.0000000").as_deref(), Some("2026-03-29"));
        assert_eq!(date_part("2026-02-30"), None);
    }

    #[test]
    fn a_local_midnight_finds_its_date() {
        let date = |text| nearest_utc_date(instant(text).unwrap()).unwrap();
        assert_eq!(date("2026-05-01T00:00:00Z"), "2026-05-01");
        assert_eq!(date("2026-04-30T22:00:00Z"), "2026-05-01", "Berlin");
        assert_eq!(date("2026-05-01T07:00:00Z"), "2026-05-01", "Los Angeles");
    }

    #[test]
    fn instants_are_written_in_utc() {
        assert_eq!(to_rfc3339(1_481_315_400_000).unwrap(), "2016-12-09T20:30:00Z");
        assert_eq!(to_utc_wall(1_481_315_400_000).unwrap(), "2016-12-09T20:30:00");
        assert_eq!(to_rfc3339(i64::MAX), None);
    }
}
