//! Events and moments for the tests of presence.
#![allow(dead_code, reason = "every test binary uses a part of it")]

pub mod case;
pub mod random;

use calport_model::event::{Participant, Response};
use calport_model::{Event, EventKind, PrivateText, Sensitivity, ShowAs, Span};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The zone of a name; a panic when there is none.
pub fn zone(name: &str) -> TimeZone {
    match name.strip_prefix("fixed:") {
        Some(minutes) => calport_model::zone::fixed(minutes.parse().unwrap()).unwrap(),
        None => TimeZone::get(name).unwrap_or_else(|error| panic!("zone {name}: {error}")),
    }
}

/// An instant: with an offset or `Z` as written, else local.
pub fn instant(text: &str, zone: &TimeZone) -> Timestamp {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return instant;
    }
    let local: jiff::civil::DateTime = text.parse().unwrap_or_else(|error| panic!("time {text}: {error}"));
    zone.to_timestamp(local).unwrap()
}

/// A busy appointment.
pub fn busy(id: &str, start: Timestamp, end: Timestamp) -> Event {
    Event {
        id: id.to_owned(),
        version: String::new(),
        uid: String::new(),
        kind: EventKind::Single,
        span: Span::Timed { start, end },
        zone_assumed: false,
        subject: PrivateText::new(id),
        location: PrivateText::default(),
        show_as: ShowAs::Busy,
        sensitivity: Sensitivity::Normal,
        categories: Vec::new(),
        organizer: None::<Participant>,
        response: Response::None,
        cancelled: false,
    }
}
