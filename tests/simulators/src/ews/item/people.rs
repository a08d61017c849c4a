//! Attendees, organisers and their responses.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::words::{RESPONSES, ews};
use crate::ews::soap::Trouble;
use crate::ews::time::instant;
use crate::ews::xml::Element;

/// `t:Mailbox`.
pub(crate) fn mailbox(name: &str, address: &str) -> Element {
    let out = Element::new("t:Mailbox").with_text("t:Name", if name.is_empty() { address } else { name });
    if address.is_empty() { out } else { out.with_text("t:EmailAddress", address).with_text("t:RoutingType", "SMTP") }
}

/// Name and address of Graph's `recipient`.
pub(crate) fn name_and_address(person: &Value) -> (&str, &str) {
    let text = |path: &str| person.pointer(path).and_then(Value::as_str).unwrap_or_default();
    (text("/emailAddress/name"), text("/emailAddress/address"))
}

/// The attendees of a kind (`required`, `optional`, `resource`) as a list of that name.
pub(crate) fn attendees(list: &str, kind: &str, all: Option<&Value>) -> Option<Element> {
    let all = all.and_then(Value::as_array)?;
    let wanted = all.iter().filter(|a| a.get("type").and_then(Value::as_str).unwrap_or("required") == kind);
    let one = |person: &Value| {
        let (name, address) = name_and_address(person);
        let text = |path: &str| person.pointer(path).and_then(Value::as_str);
        let response = text("/status/response").and_then(|r| ews(RESPONSES, r)).unwrap_or("Unknown");
        let at = text("/status/time").and_then(|t| t.parse::<Timestamp>().ok()).filter(|t| t.as_second() > 0);
        Element::new("t:Attendee")
            .with(mailbox(name, address))
            .with_text("t:ResponseType", response)
            .with(at.map(|t| Element::of("t:LastResponseTime", instant(t))))
    };
    let children: Vec<Element> = wanted.map(one).collect();
    (!children.is_empty()).then(|| Element::new(list).with_all(children))
}

/// Reads a list of attendees as Graph keeps them.
///
/// # Errors
/// `ErrorInvalidRecipients` for one without an address.
pub(crate) fn read(list: &Element, kind: &str) -> Result<Vec<Value>, Trouble> {
    let one = |attendee: &Element| {
        let mailbox = attendee.child("Mailbox")?;
        let address = mailbox.value("EmailAddress").filter(|a| a.contains('@'))?;
        let name = mailbox.value("Name").filter(|n| !n.is_empty()).unwrap_or(address);
        Some(json!({
            "emailAddress": {"address": address, "name": name}, "type": kind,
            "status": {"response": "none", "time": "0001-01-01T00:00:00Z"},
        }))
    };
    list.all("Attendee")
        .map(|a| one(a).ok_or_else(|| Trouble::new("ErrorInvalidRecipients", "At least one recipient isn't valid.")))
        .collect()
}
