//! Events as the service writes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value, json};

use super::event::{Event, Instance, When};
use super::http::Prefer;
use super::ids::{IdForm, ItemId, calendar_id};
use super::zones::Zone;

/// What the form of an answer depends on.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub mailbox: u32,
    pub ids: IdForm,
    pub zone: Zone,
    pub text_body: bool,
    /// Name and address of the mailbox's owner.
    pub owner: (String, String),
    /// The extended property asked for by `$expand`.
    pub extended: Option<String>,
}

/// A time as the service writes it: local, seven decimals, no offset.
pub(crate) fn date_time(local: DateTime, zone: &str) -> Value {
    json!({"dateTime": local.strftime("%Y-%m-%dT%H:%M:%S.%7f").to_string(), "timeZone": zone})
}

/// An instant as the service writes it.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%7fZ").to_string()
}

/// The change key of a state of an item.
pub(crate) fn change_key(mailbox: u32, key: u64, change: u64) -> String {
    let mut bytes = b"calport".to_vec();
    bytes.extend(mailbox.to_be_bytes());
    bytes.extend(key.to_be_bytes());
    bytes.extend(change.to_be_bytes());
    STANDARD.encode(bytes)
}

/// The entity tag of a change key.
pub(crate) fn etag(change_key: &str) -> String {
    format!("W/\"{change_key}\"")
}

/// The global object id; occurrences carry their date in it.
pub(crate) fn ical_uid(event: &Event, original: Option<DateTime>) -> Value {
    if let Some(own) = event.props.get("iCalUId") {
        return own.clone();
    }
    let date = original.map_or_else(|| "00000000".to_owned(), |o| format!("{:04X}{:02X}{:02X}", o.year(), o.month(), o.day()));
    json!(format!("040000008200E00074C5B7101A82E008{date}{}", event.uid))
}

/// Text without tags, blanks joined, at most 255 characters.
fn preview(body: &Value) -> String {
    let content = body.get("content").and_then(Value::as_str).unwrap_or_default();
    let text = if body.get("contentType").and_then(Value::as_str) == Some("html") { untagged(content) } else { content.to_owned() };
    text.chars().take(255).collect::<String>().trim().to_owned()
}

pub(crate) fn untagged(html: &str) -> String {
    let mut inside = false;
    html.chars()
        .filter(|c| {
            let keep = !inside && *c != '<';
            inside = (inside || *c == '<') && *c != '>';
            keep
        })
        .collect()
}

impl View {
    /// The form a request asked for.
    pub fn new(mailbox: u32, owner: (String, String), prefer: &Prefer) -> Self {
        Self { mailbox, ids: prefer.ids, zone: prefer.zone.clone(), text_body: prefer.text_body, owner, extended: None }
    }

    /// The id of an event or occurrence.
    pub fn id(&self, event: &Event, original_at: Option<Timestamp>) -> String {
        self.item(event.calendar, event.key, original_at)
    }

    /// An item's id from its parts.
    pub fn item(&self, calendar: u32, key: u64, original_at: Option<Timestamp>) -> String {
        let calendar = (self.ids == IdForm::Usual).then_some(calendar);
        ItemId { mailbox: self.mailbox, calendar, key, occurrence: original_at.map(Timestamp::as_second) }.text()
    }

    fn times(&self, when: &When) -> (Value, Value) {
        if when.all_day {
            return (date_time(when.start, &self.zone.name), date_time(when.end, &self.zone.name));
        }
        let at = |t: Timestamp| date_time(self.zone.local(t), &self.zone.name);
        (at(when.starts()), at(when.ends()))
    }

    /// An occurrence as a delta answer gives it: nothing but who it is and when.
    pub fn sparse(&self, event: &Event, instance: &Instance<'_>) -> Map<String, Value> {
        let (start, end) = self.times(&instance.when);
        let key = change_key(self.mailbox, event.key, event.change);
        let value = json!({
            "@odata.type": "#microsoft.graph.event", "@odata.etag": etag(&key), "id": self.id(event, Some(instance.original_at)),
            "seriesMasterId": self.id(event, None), "type": "occurrence", "start": start, "end": end,
        });
        into_map(value)
    }

    /// An event, series master, occurrence or exception, whole.
    pub fn whole(&self, event: &Event, instance: Option<&Instance<'_>>) -> Map<String, Value> {
        let exception = instance.and_then(|i| i.exception);
        let when = instance.map_or(&event.when, |i| &i.when);
        let (change, modified) = event.version(exception);
        let key = change_key(self.mailbox, event.key, change);
        let id = self.id(event, instance.map(|i| i.original_at));
        let (start, end) = self.times(when);
        let prop = |name: &str, default: Value| event.prop(exception, name).cloned().unwrap_or(default);
        let body = prop("body", json!({"contentType": "html", "content": ""}));
        let kind = match (instance, &event.series) {
            (Some(i), _) if i.exception.is_some() => "exception",
            (Some(_), _) => "occurrence",
            (None, Some(_)) => "seriesMaster",
            (None, None) => "singleInstance",
        };
        let organizer = json!({"emailAddress": {"name": self.owner.0, "address": self.owner.1}});
        let location = self.location(prop("location", json!({"displayName": ""})));
        let named = location.get("displayName").and_then(Value::as_str).is_some_and(|n| !n.is_empty());
        let mut map = into_map(json!({
            "@odata.etag": etag(&key),
            "id": id,
            "createdDateTime": instant(event.created),
            "lastModifiedDateTime": instant(modified),
            "changeKey": key,
            "categories": prop("categories", json!([])),
            "transactionId": prop("transactionId", Value::Null),
            "originalStartTimeZone": when.zone.name,
            "originalEndTimeZone": when.end_zone,
            "iCalUId": ical_uid(event, instance.map(|i| i.original)),
            "reminderMinutesBeforeStart": prop("reminderMinutesBeforeStart", json!(15)),
            "isReminderOn": prop("isReminderOn", json!(true)),
            "hasAttachments": prop("hasAttachments", json!(false)),
            "subject": prop("subject", json!("")),
            "bodyPreview": preview(&body),
            "importance": prop("importance", json!("normal")),
            "sensitivity": prop("sensitivity", json!("normal")),
            "isAllDay": when.all_day,
            "isCancelled": prop("isCancelled", json!(false)),
            "isOrganizer": prop("isOrganizer", json!(true)),
            "responseRequested": prop("responseRequested", json!(true)),
            "seriesMasterId": instance.map(|_| self.id(event, None)),
            "showAs": prop("showAs", json!("busy")),
            "type": kind,
            "webLink": format!("https://outlook.office365.com/owa/?itemid={}&exvsurl=1&path=/calendar/item", id.replace('=', "%3D")),
        }));
        let more = into_map(json!({
            "onlineMeetingUrl": prop("onlineMeetingUrl", Value::Null),
            "isOnlineMeeting": prop("isOnlineMeeting", json!(false)),
            "onlineMeetingProvider": prop("onlineMeetingProvider", json!("unknown")),
            "allowNewTimeProposals": prop("allowNewTimeProposals", json!(true)),
            "isDraft": prop("isDraft", json!(false)),
            "hideAttendees": prop("hideAttendees", json!(false)),
            "onlineMeeting": prop("onlineMeeting", Value::Null),
            "responseStatus": prop("responseStatus", json!({"response": "organizer", "time": "0001-01-01T00:00:00Z"})),
            "body": self.body(body),
            "start": start,
            "end": end,
            "locations": prop("locations", if named { json!([location]) } else { json!([]) }),
            "location": location,
            "recurrence": self.recurrence(event, instance),
            "attendees": prop("attendees", json!([])),
            "organizer": prop("organizer", organizer),
        }));
        map.extend(more);
        if let Some(instance) = instance {
            map.insert("originalStart".to_owned(), json!(instance.original_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
        }
        self.extended(event, instance, &mut map);
        map
    }

    fn recurrence(&self, event: &Event, instance: Option<&Instance<'_>>) -> Value {
        match (&event.series, instance) {
            (Some(series), None) => series.rule.render(&event.when.zone.name),
            _ => Value::Null,
        }
    }

    fn location(&self, mut location: Value) -> Value {
        if let Some(map) = location.as_object_mut() {
            let name = map.get("displayName").cloned().unwrap_or_else(|| json!(""));
            map.entry("locationType").or_insert_with(|| json!("default"));
            map.entry("uniqueId").or_insert(name);
            map.entry("uniqueIdType").or_insert_with(|| json!("private"));
        }
        location
    }

    /// A body is kept as it was written and given as HTML unless text is asked for.
    fn body(&self, body: Value) -> Value {
        let content = body.get("content").and_then(Value::as_str).unwrap_or_default();
        let html = body.get("contentType").and_then(Value::as_str) == Some("html");
        match (self.text_body, html) {
            (true, true) => json!({"contentType": "text", "content": untagged(content)}),
            (false, false) => {
                let escaped = content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                json!({"contentType": "html", "content": format!("<html><head></head><body>{escaped}</body></html>")})
            }
            _ => body,
        }
    }

    fn extended(&self, event: &Event, instance: Option<&Instance<'_>>, map: &mut Map<String, Value>) {
        let Some(wanted) = &self.extended else { return };
        let all = event.prop(instance.and_then(|i| i.exception), "singleValueExtendedProperties").and_then(Value::as_array);
        let found: Vec<&Value> = all.into_iter().flatten().filter(|p| same_property(p, wanted)).collect();
        if !found.is_empty() {
            map.insert("singleValueExtendedProperties".to_owned(), json!(found));
        }
    }

    /// Original starts of cancelled occurrences, in the form `OID.<series master id>.<date>`.
    pub fn cancelled(&self, event: &Event) -> Value {
        let master = self.id(event, None);
        let dates = event.series.iter().flat_map(|s| s.cancelled.iter());
        json!(dates.map(|o| format!("OID.{master}.{}", o.date())).collect::<Vec<_>>())
    }

    /// A calendar's id.
    pub fn calendar(&self, calendar: u32) -> String {
        calendar_id(self.mailbox, calendar)
    }
}

/// Whether an extended property has this id; the service compares ids without regard to case.
pub(crate) fn same_property(property: &Value, id: &str) -> bool {
    property.get("id").and_then(Value::as_str).is_some_and(|i| i.eq_ignore_ascii_case(id))
}

/// The object inside a value built as one.
pub(crate) fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Sets a property of an object.
pub(crate) fn put(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(map) = object.as_object_mut() {
        map.insert(name.to_owned(), value.into());
    }
}
