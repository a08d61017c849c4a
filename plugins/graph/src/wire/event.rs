//! An event and a page of events.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::text::Text;
use super::words::{AttendeeType, Day, EventType, FreeBusy, Importance, RangeType, Response, Sensitivity, WeekIndex};

/// `event`. A member that is absent or null is `None`: an occurrence in a feed has hardly any.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct WireEvent<'a> {
    #[serde(default)]
    pub id: String,
    #[serde(rename = "@odata.etag")]
    pub etag: Option<String>,
    /// There when the item left the feed.
    #[serde(rename = "@removed")]
    pub removed: Option<IgnoredAny>,
    pub change_key: Option<Text<'a>>,
    #[serde(rename = "type")]
    pub kind: Option<EventType>,
    pub series_master_id: Option<String>,
    pub start: Option<WireTime<'a>>,
    pub end: Option<WireTime<'a>>,
    pub is_all_day: Option<bool>,
    pub original_start: Option<Text<'a>>,
    pub original_start_time_zone: Option<Text<'a>>,
    pub original_end_time_zone: Option<Text<'a>>,
    pub recurrence: Option<WireRecurrence<'a>>,
    #[serde(rename = "iCalUId")]
    pub uid: Option<String>,
    pub subject: Option<String>,
    /// Skipped unless bodies are wanted.
    pub body: Option<&'a RawValue>,
    pub location: Option<WireLocation>,
    pub show_as: Option<FreeBusy>,
    pub sensitivity: Option<Sensitivity>,
    pub importance: Option<Importance>,
    pub categories: Option<Vec<String>>,
    pub organizer: Option<WireRecipient>,
    pub is_organizer: Option<bool>,
    pub attendees: Option<Vec<WireAttendee>>,
    pub response_status: Option<WireResponse>,
    pub is_cancelled: Option<bool>,
    pub online_meeting: Option<WireOnline>,
    pub online_meeting_url: Option<String>,
    pub online_meeting_provider: Option<String>,
    pub is_reminder_on: Option<bool>,
    pub reminder_minutes_before_start: Option<i64>,
    pub created_date_time: Option<Text<'a>>,
    pub last_modified_date_time: Option<Text<'a>>,
}

/// `dateTimeTimeZone`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct WireTime<'a> {
    pub date_time: Text<'a>,
    pub time_zone: Option<Text<'a>>,
}

/// `itemBody`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireBody {
    pub content_type: Option<String>,
    pub content: Option<String>,
}

/// `location`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireLocation {
    pub display_name: Option<String>,
    pub location_email_address: Option<String>,
}

/// `recipient`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireRecipient {
    pub email_address: Option<WireAddress>,
}

/// `emailAddress`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct WireAddress {
    pub name: Option<String>,
    pub address: Option<String>,
}

/// `attendee`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireAttendee {
    #[serde(rename = "type")]
    pub kind: Option<AttendeeType>,
    pub status: Option<WireResponse>,
    pub email_address: Option<WireAddress>,
}

/// `responseStatus`.
#[derive(Debug, Clone, Deserialize)]
pub struct WireResponse {
    pub response: Option<Response>,
}

/// `onlineMeetingInfo`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireOnline {
    pub join_url: Option<String>,
}

/// `patternedRecurrence`.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct WireRecurrence<'a> {
    pub pattern: WirePattern<'a>,
    pub range: WireRange<'a>,
}

/// `recurrencePattern`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct WirePattern<'a> {
    #[serde(rename = "type")]
    pub kind: Text<'a>,
    pub interval: Option<i64>,
    pub month: Option<i64>,
    pub day_of_month: Option<i64>,
    pub days_of_week: Option<Vec<Day>>,
    pub first_day_of_week: Option<Day>,
    pub index: Option<WeekIndex>,
}

/// `recurrenceRange`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub struct WireRange<'a> {
    #[serde(rename = "type")]
    pub kind: Option<RangeType>,
    pub start_date: Option<Text<'a>>,
    pub end_date: Option<Text<'a>>,
    pub recurrence_time_zone: Option<Text<'a>>,
    pub number_of_occurrences: Option<i64>,
}

/// A page as a whole.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct WirePage<'a> {
    #[serde(default = "Vec::new")]
    pub value: Vec<WireEvent<'a>>,
    #[serde(rename = "@odata.nextLink")]
    pub next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    pub delta: Option<String>,
}

/// A page whose events are read one by one, because one of them could not be read.
#[derive(Debug, Deserialize)]
pub struct LoosePage<'a> {
    #[serde(borrow, default = "Vec::new")]
    pub value: Vec<&'a RawValue>,
    #[serde(rename = "@odata.nextLink")]
    pub next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    pub delta: Option<String>,
}

/// Just the id, of an event that cannot be read otherwise.
#[derive(Debug, Deserialize)]
pub struct OnlyId {
    pub id: String,
}
