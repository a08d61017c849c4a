//! Times on the wire: instants, dates and zones.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use super::soap::{Fault, Trouble};
use super::xml::Element;
use super::zone;
use crate::graph::zones::Zone;

/// An instant as the service writes it.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An instant in the zone of the request's context, else in UTC.
pub(crate) fn shown(at: Timestamp, zone: Option<&Zone>) -> String {
    match zone {
        None => instant(at),
        Some(zone) => at.to_zoned(zone.rules.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    }
}

/// The zone that the request's header sets for times without an offset.
///
/// # Errors
/// `ErrorTimeZone` for a zone that is neither known nor defined.
pub(crate) fn context(header: Option<&Element>) -> Result<Option<Zone>, Fault> {
    let definition = header.and_then(|h| h.at(&["TimeZoneContext", "TimeZoneDefinition"]));
    definition.map(zone::read).transpose().map_err(Fault::from)
}

/// A time as written: an instant, or a local time of a zone that stands elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Instant(Timestamp),
    Local(DateTime),
}

impl Written {
    /// Reads an `xs:dateTime`.
    ///
    /// # Errors
    /// `ErrorSchemaValidation` as a fault, as the real service does.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        let wrong = || {
            Fault::schema(format!("The value '{text}' is invalid according to its datatype 'http://www.w3.org/2001/XMLSchema:dateTime'."))
        };
        let digits = |t: &str| t.as_bytes().get(10) == Some(&b'T');
        if !digits(text) {
            return Err(wrong());
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::Instant(at));
        }
        text.parse().map(Self::Local).map_err(|_| wrong())
    }

    /// The local time in a zone.
    pub fn local(self, zone: &Zone) -> DateTime {
        match self {
            Self::Instant(at) => zone.local(at),
            Self::Local(local) => local,
        }
    }

    /// The instant, for a local time in a zone.
    pub fn instant(self, zone: Option<&Zone>) -> Timestamp {
        match self {
            Self::Instant(at) => at,
            Self::Local(local) => zone.cloned().unwrap_or_else(Zone::utc).instant(local),
        }
    }
}

/// An `xs:date`, whatever its offset.
pub(crate) fn date(text: &str) -> Option<Date> {
    text.trim().get(..10)?.parse().ok()
}

/// A bias such as `PT-1H` or `-PT60M`, in seconds.
pub(crate) fn bias(text: &str) -> Option<i64> {
    let (sign, rest) = text.trim().strip_prefix('-').map_or((1, text.trim()), |r| (-1, r));
    let span: jiff::Span = rest.replace("PT-", "-PT").parse().ok()?;
    let seconds = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?.as_secs();
    Some(sign * seconds)
}

/// An offset as the suffix of a date.
pub(crate) fn offset(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    if minutes == 0 {
        return "Z".to_owned();
    }
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// A refusal of a zone.
pub(crate) fn bad_zone(name: &str) -> Trouble {
    Trouble::new("ErrorTimeZone", format!("The time zone '{name}' is not known and not defined."))
}
