//! Event properties as a writer sends them: known names, right types, canonical spelling.
//!
//! Enumerations are taken in any case and kept in lower camel case. Read-only properties are ignored from an application, as the service
//! does, but may be set by a person (the seeding and admin doors), who stands for everything that happens outside the API.

use jiff::civil::DateTime;
use serde_json::{Map, Value};

use super::http::Refusal;
use super::zones::Zone;

/// Who changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// An application over the API: what it does to meetings is mailed and counted.
    App,
    /// A person in a mail client, or the test: sets what the API cannot, and causes no mail of the application.
    Person,
}

/// A local time with its zone.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub time: DateTime,
    pub zone: Zone,
}

/// What a create or patch request says. An inner `None` takes the property away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    pub start: Option<Local>,
    pub end: Option<Local>,
    pub all_day: Option<bool>,
    pub recurrence: Option<Option<Value>>,
    pub props: Vec<(&'static str, Option<Value>)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Number,
    Object,
    List,
    OneOf(&'static [&'static str]),
    Body,
    ReadOnly,
    Time,
}

/// How free time is shown.
pub(crate) const SHOW_AS: &[&str] = &["unknown", "free", "tentative", "busy", "oof", "workingElsewhere"];
const SENSITIVITY: &[&str] = &["normal", "personal", "private", "confidential"];
const IMPORTANCE: &[&str] = &["low", "normal", "high"];
const PROVIDER: &[&str] = &["unknown", "skypeForBusiness", "skypeForConsumer", "teamsForBusiness"];

const PROPERTIES: &[(&str, Kind)] = &[
    ("subject", Kind::Text),
    ("body", Kind::Body),
    ("importance", Kind::OneOf(IMPORTANCE)),
    ("sensitivity", Kind::OneOf(SENSITIVITY)),
    ("showAs", Kind::OneOf(SHOW_AS)),
    ("onlineMeetingProvider", Kind::OneOf(PROVIDER)),
    ("categories", Kind::List),
    ("attendees", Kind::List),
    ("locations", Kind::List),
    ("singleValueExtendedProperties", Kind::List),
    ("location", Kind::Object),
    ("isReminderOn", Kind::Flag),
    ("responseRequested", Kind::Flag),
    ("allowNewTimeProposals", Kind::Flag),
    ("hideAttendees", Kind::Flag),
    ("isOnlineMeeting", Kind::Flag),
    ("isDraft", Kind::Flag),
    ("reminderMinutesBeforeStart", Kind::Number),
    ("transactionId", Kind::Text),
    ("start", Kind::Time),
    ("end", Kind::Time),
    ("isAllDay", Kind::Time),
    ("recurrence", Kind::Time),
    ("organizer", Kind::ReadOnly),
    ("isOrganizer", Kind::ReadOnly),
    ("isCancelled", Kind::ReadOnly),
    ("responseStatus", Kind::ReadOnly),
    ("onlineMeeting", Kind::ReadOnly),
    ("onlineMeetingUrl", Kind::ReadOnly),
    ("iCalUId", Kind::ReadOnly),
    ("hasAttachments", Kind::ReadOnly),
];

/// Names of the type that no writer may set; ignored when sent.
const COMPUTED: &[&str] = &[
    "id",
    "changeKey",
    "createdDateTime",
    "lastModifiedDateTime",
    "bodyPreview",
    "originalStart",
    "originalStartTimeZone",
    "originalEndTimeZone",
    "seriesMasterId",
    "type",
    "webLink",
    "cancelledOccurrences",
    "attachments",
    "calendar",
    "extensions",
    "instances",
    "exceptionOccurrences",
    "multiValueExtendedProperties",
];

/// The canonical spelling of an enumeration member.
pub(crate) fn canonical(names: &[&'static str], value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    names.iter().find(|n| n.eq_ignore_ascii_case(text)).map(|n| Value::from(*n))
}

fn local(name: &str, value: &Value) -> Result<Local, Refusal> {
    let text = value.get("dateTime").and_then(Value::as_str).ok_or_else(|| Refusal::bad_value(name))?;
    let zone = Zone::read(value.get("timeZone").and_then(Value::as_str).ok_or_else(|| Refusal::bad_value(name))?)?;
    // With an offset the text is an instant; it is shown on the clock of the zone beside it.
    let time = match text.parse::<jiff::Timestamp>() {
        Ok(at) => zone.local(at),
        Err(_) => text.parse().map_err(|_| Refusal::bad_value(name))?,
    };
    Ok(Local { time, zone })
}

impl Fields {
    /// Reads the body of a create or patch request.
    ///
    /// # Errors
    /// 400 `RequestBodyRead` for unknown names and wrong types, 400 for an unknown zone.
    pub fn read(map: Map<String, Value>, writer: Writer) -> Result<Self, Refusal> {
        let mut out = Self::default();
        for (name, value) in map {
            if name.starts_with('@') || COMPUTED.contains(&name.as_str()) {
                continue;
            }
            let found = PROPERTIES.iter().find(|(n, _)| *n == name);
            let (name, kind) = *found.ok_or_else(|| Refusal::unknown_property(&name, "event"))?;
            match kind {
                Kind::Time => out.time(name, value)?,
                Kind::ReadOnly if writer == Writer::App => {}
                _ if value.is_null() => out.props.push((name, None)),
                _ => out.props.push((name, Some(checked(name, kind, value)?))),
            }
        }
        Ok(out)
    }

    fn time(&mut self, name: &str, value: Value) -> Result<(), Refusal> {
        match name {
            "start" => self.start = Some(local(name, &value)?),
            "end" => self.end = Some(local(name, &value)?),
            "isAllDay" => self.all_day = Some(value.as_bool().ok_or_else(|| Refusal::bad_value(name))?),
            _ => self.recurrence = Some(Some(value).filter(|v| !v.is_null())),
        }
        Ok(())
    }

    /// Whether a time of the event is touched.
    pub fn moves(&self) -> bool {
        self.start.is_some() || self.end.is_some() || self.all_day.is_some()
    }

    /// Whether a real organiser's server would mail this change to the attendees: anything but what only the owner sees.
    pub fn is_mailed(&self) -> bool {
        const OWN: &[&str] = &["categories", "isReminderOn", "reminderMinutesBeforeStart", "showAs", "singleValueExtendedProperties"];
        self.moves() || self.recurrence.is_some() || self.props.iter().any(|(n, _)| !OWN.contains(n))
    }

    /// Writes the properties into a store of properties.
    pub fn apply(&self, props: &mut Map<String, Value>) {
        for (name, value) in &self.props {
            match value {
                None => {
                    props.remove(*name);
                }
                Some(Value::Array(new)) if *name == "singleValueExtendedProperties" => merge_extended(props, new),
                Some(value) => {
                    props.insert((*name).to_owned(), value.clone());
                }
            }
        }
    }
}

/// Extended properties are set one by one: those not named stay.
fn merge_extended(props: &mut Map<String, Value>, new: &[Value]) {
    let slot = props.entry("singleValueExtendedProperties").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(old) = slot.as_array_mut() {
        old.retain(|o| !new.iter().any(|n| n.get("id") == o.get("id")));
        old.extend(new.iter().cloned());
    }
}

fn checked(name: &str, kind: Kind, value: Value) -> Result<Value, Refusal> {
    let fits = match kind {
        Kind::Text => value.is_string(),
        Kind::Flag => value.is_boolean(),
        Kind::Number => value.is_i64(),
        Kind::Object => value.is_object(),
        Kind::List => value.is_array(),
        Kind::OneOf(names) => return canonical(names, &value).ok_or_else(|| Refusal::bad_value(name)),
        Kind::Body => return body(value),
        Kind::ReadOnly | Kind::Time => true,
    };
    if !fits {
        return Err(Refusal::bad_value(name));
    }
    match name {
        "attendees" => attendees(value),
        "categories" if value.as_array().is_some_and(|l| l.iter().any(|c| !c.is_string())) => Err(Refusal::bad_value(name)),
        "singleValueExtendedProperties" => {
            let complete = |p: &Value| p.get("id").is_some_and(Value::is_string) && p.get("value").is_some_and(Value::is_string);
            if value.as_array().is_some_and(|l| l.iter().all(complete)) { Ok(value) } else { Err(Refusal::bad_value(name)) }
        }
        _ => Ok(value),
    }
}

fn body(mut value: Value) -> Result<Value, Refusal> {
    let kind = value.get("contentType").map_or(Some(Value::from("text")), |t| canonical(&["text", "html"], t));
    let kind = kind.ok_or_else(|| Refusal::bad_value("body"))?;
    let map = value.as_object_mut().ok_or_else(|| Refusal::bad_value("body"))?;
    map.insert("contentType".to_owned(), kind);
    map.entry("content").or_insert_with(|| Value::from(""));
    Ok(value)
}

fn attendees(mut value: Value) -> Result<Value, Refusal> {
    for one in value.as_array_mut().into_iter().flatten() {
        let address = one.pointer("/emailAddress/address").and_then(Value::as_str).map(str::to_owned);
        let address = address.ok_or_else(|| Refusal::bad("ErrorInvalidRecipients", "At least one recipient is not valid."))?;
        let kind = one.get("type").and_then(|t| canonical(&["required", "optional", "resource"], t)).unwrap_or_else(|| "required".into());
        let Some(map) = one.as_object_mut() else { continue };
        map.insert("type".to_owned(), kind);
        map.entry("status").or_insert_with(|| serde_json::json!({"response": "none", "time": "0001-01-01T00:00:00Z"}));
        if let Some(email) = map.get_mut("emailAddress").and_then(Value::as_object_mut) {
            email.entry("name").or_insert_with(|| Value::from(address));
        }
    }
    Ok(value)
}
