//! Events for seeding: Graph's own JSON behind a short builder.

use serde_json::{Map, Value, json};

use super::render::into_map;

/// An event to be created, or a patch. Holds Graph's JSON; any property of the event type can be [`EventDraft::set`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventDraft {
    body: Map<String, Value>,
}

impl EventDraft {
    /// An event with local times such as `2026-03-02T09:00:00` in a zone by Windows or IANA name.
    #[must_use]
    pub fn new(subject: &str, start: &str, end: &str, zone: &str) -> Self {
        Self::default().subject(subject).times(start, end, zone)
    }

    /// An all-day event from `first` up to, not including, `last` (dates such as `2026-03-02`).
    #[must_use]
    pub fn all_day(subject: &str, first: &str, last: &str, zone: &str) -> Self {
        Self::new(subject, &format!("{first}T00:00:00"), &format!("{last}T00:00:00"), zone).set("isAllDay", true)
    }

    /// An empty patch.
    #[must_use]
    pub fn patch() -> Self {
        Self::default()
    }

    /// From Graph's own JSON; anything but an object is empty.
    #[must_use]
    pub fn from_json(value: Value) -> Self {
        Self { body: into_map(value) }
    }

    /// Sets any property by Graph's name.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.to_owned(), value.into());
        self
    }

    /// Subject.
    #[must_use]
    pub fn subject(self, text: &str) -> Self {
        self.set("subject", text)
    }

    /// Start and end.
    #[must_use]
    pub fn times(self, start: &str, end: &str, zone: &str) -> Self {
        self.set("start", json!({"dateTime": start, "timeZone": zone})).set("end", json!({"dateTime": end, "timeZone": zone}))
    }

    /// `free`, `tentative`, `busy`, `oof`, `workingElsewhere` or `unknown`.
    #[must_use]
    pub fn show_as(self, value: &str) -> Self {
        self.set("showAs", value)
    }

    /// `normal`, `personal`, `private` or `confidential`.
    #[must_use]
    pub fn sensitivity(self, value: &str) -> Self {
        self.set("sensitivity", value)
    }

    /// Location by name.
    #[must_use]
    pub fn location(self, name: &str) -> Self {
        self.set("location", json!({"displayName": name}))
    }

    /// Categories by name.
    #[must_use]
    pub fn categories(self, names: &[&str]) -> Self {
        self.set("categories", json!(names))
    }

    /// Attendees by address.
    #[must_use]
    pub fn attendees(self, addresses: &[&str]) -> Self {
        let list: Vec<Value> = addresses.iter().map(|a| json!({"emailAddress": {"address": a, "name": a}, "type": "required"})).collect();
        self.set("attendees", list)
    }

    /// A meeting someone else organises, with the owner's response (`accepted`, `tentativelyAccepted`, `declined`, `notResponded`).
    #[must_use]
    pub fn organized_by(self, address: &str, name: &str, response: &str) -> Self {
        self.set("organizer", json!({"emailAddress": {"address": address, "name": name}}))
            .set("isOrganizer", false)
            .set("responseStatus", json!({"response": response, "time": "2026-01-05T08:00:00Z"}))
    }

    /// A series with a pattern and range in Graph's JSON.
    #[must_use]
    pub fn recurring(self, pattern: Value, range: Value) -> Self {
        self.set("recurrence", json!({"pattern": pattern, "range": range}))
    }

    /// A weekly series on these days (`monday`…), without end, from the date of the start.
    #[must_use]
    pub fn weekly(self, days: &[&str]) -> Self {
        self.recurring(json!({"type": "weekly", "interval": 1, "daysOfWeek": days, "firstDayOfWeek": "monday"}), json!({"type": "noEnd"}))
    }

    /// A daily series of `count` occurrences from the date of the start.
    #[must_use]
    pub fn daily(self, count: u32) -> Self {
        self.recurring(json!({"type": "daily", "interval": 1}), json!({"type": "numbered", "numberOfOccurrences": count}))
    }

    pub(crate) fn into_body(self) -> Map<String, Value> {
        self.body
    }
}
