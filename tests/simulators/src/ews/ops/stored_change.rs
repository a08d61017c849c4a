//! Changes of tasks, contacts and messages, property by property, and what one property of a task does to the others.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::stored::{not_settable, same_property};
use super::stored_fields::{Access, Field, Kind, indexed};
use crate::ews::soap::Trouble;
use crate::ews::time::{Written, date};
use crate::ews::xml::Element;

/// Applies one `SetItemField`, `AppendToItemField` or `DeleteItemField`.
///
/// # Errors
/// A property that is unknown or read-only, or a value that is none.
pub(crate) fn apply(item: &mut Element, kind: Kind, update: &Element, now: Timestamp, zone: &TimeZone) -> Result<(), Trouble> {
    let path = update.children.first().ok_or_else(|| not_settable("no property"))?;
    let value = || {
        let inner = update.children.get(1).filter(|i| i.local() == item.local()).and_then(|i| i.children.first()).cloned();
        inner.ok_or_else(|| Trouble::new("ErrorUpdatePropertyMismatch", "The property in the item does not match the property path."))
    };
    let value = if update.local() == "DeleteItemField" { None } else { Some(value()?) };
    match path.local() {
        "ExtendedFieldURI" => {
            item.children.retain(|c| !c.child("ExtendedFieldURI").is_some_and(|u| same_property(u, path)));
            item.children.extend(value);
            Ok(())
        }
        "IndexedFieldURI" => entry(item, path, value),
        _ => {
            let uri = path.attribute("FieldURI").unwrap_or_default();
            let field = settable(kind, uri)?;
            match value {
                Some(value) if value.local() != field.element => Err(Trouble::new(
                    "ErrorUpdatePropertyMismatch",
                    format!("The element '{}' is not the property '{uri}'.", value.local()),
                )),
                Some(value) => set(item, kind, value, now, zone),
                None => {
                    item.children.retain(|c| c.local() != field.element);
                    Ok(())
                }
            }
        }
    }
}

fn settable(kind: Kind, uri: &str) -> Result<&'static Field, Trouble> {
    kind.fields().find(|f| f.uri == uri && f.access == Access::Written).ok_or_else(|| not_settable(uri))
}

/// Sets a property to a value in the element that was sent.
///
/// # Errors
/// A value that is none.
pub(crate) fn set(item: &mut Element, kind: Kind, mut value: Element, now: Timestamp, zone: &TimeZone) -> Result<(), Trouble> {
    let name = value.local().to_owned();
    if kind == Kind::Task {
        match name.as_str() {
            "StartDate" | "DueDate" | "CompleteDate" => value.text = day(&value.text, zone)?,
            "Recurrence" => value.change(&mut |e| {
                if ["StartDate", "EndDate"].contains(&e.local()) {
                    e.text = date(&e.text).map_or_else(|| e.text.clone(), |d| format!("{d}Z"));
                }
            }),
            "PercentComplete" => percent(item, &value.text, now)?,
            "Status" => status(item, value.text.trim(), now)?,
            _ => {}
        }
    }
    put(item, value);
    if name == "CompleteDate" {
        status(item, "Completed", now)?;
        put(item, Element::of("t:Status", "Completed"));
    }
    Ok(())
}

fn put(item: &mut Element, value: Element) {
    item.children.retain(|c| c.name != value.name);
    item.children.push(value);
}

/// The day of a task as the service gives it: a midnight of UTC.
fn day(text: &str, zone: &TimeZone) -> Result<String, Trouble> {
    let written = Written::read(text).map_err(|fault| fault.trouble)?;
    let day: Date = match written {
        Written::Local(local) => local.date(),
        Written::Instant(at) => {
            let utc = at.to_zoned(TimeZone::UTC);
            if utc.time() == Time::midnight() { utc.date() } else { at.to_zoned(zone.clone()).date() }
        }
    };
    Ok(format!("{day}T00:00:00Z"))
}

fn percent(item: &mut Element, text: &str, now: Timestamp) -> Result<(), Trouble> {
    let percent = text.trim().parse::<f64>().ok().filter(|p| (0.0..=100.0).contains(p));
    let percent = percent.ok_or_else(|| Trouble::new("ErrorInvalidPercentCompleteValue", "PercentComplete must be between 0 and 100."))?;
    let before = item.value("Status").unwrap_or("NotStarted").to_owned();
    let status = match (percent, before.as_str()) {
        (p, _) if p >= 100.0 => "Completed",
        (p, _) if p <= 0.0 => "NotStarted",
        (_, "NotStarted" | "Completed") => "InProgress",
        (_, other) => other,
    };
    finished(item, status == "Completed", now);
    put(item, Element::of("t:Status", status));
    Ok(())
}

fn status(item: &mut Element, word: &str, now: Timestamp) -> Result<(), Trouble> {
    if !["NotStarted", "InProgress", "Completed", "WaitingOnOthers", "Deferred"].contains(&word) {
        return Err(Trouble::new("ErrorInvalidPropertySet", format!("'{word}' is no state of a task.")));
    }
    let before = item.value("PercentComplete").and_then(|p| p.parse::<f64>().ok()).unwrap_or(0.0);
    match word {
        "Completed" => put(item, Element::of("t:PercentComplete", 100)),
        "NotStarted" => put(item, Element::of("t:PercentComplete", 0)),
        _ if before >= 100.0 => put(item, Element::of("t:PercentComplete", 0)),
        _ => {}
    }
    finished(item, word == "Completed", now);
    Ok(())
}

/// A task that is done has the day on which it was; another one has none.
fn finished(item: &mut Element, done: bool, now: Timestamp) {
    match (done, item.child("CompleteDate").is_some()) {
        (true, false) => {
            let today = now.to_zoned(TimeZone::UTC).date();
            item.children.push(Element::of("t:CompleteDate", format!("{today}T00:00:00Z")));
        }
        (false, true) => item.children.retain(|c| c.local() != "CompleteDate"),
        _ => {}
    }
}

/// Sets or takes away one entry of a list, or one part of an address.
fn entry(item: &mut Element, path: &Element, value: Option<Element>) -> Result<(), Trouble> {
    let uri = path.attribute("FieldURI").unwrap_or_default();
    let key = path.attribute("FieldIndex").unwrap_or_default();
    let (list, part) = indexed(uri).filter(|_| item.local() == "Contact").ok_or_else(|| not_settable(uri))?;
    let is_ours = |e: &Element| e.attribute("Key") == Some(key);
    let mut whole = item.child(list).cloned().unwrap_or_else(|| Element::new(format!("t:{list}")));
    let mut kept = whole.children.iter().find(|e| is_ours(e)).cloned();
    match value {
        Some(value) => {
            let mismatch = || Trouble::new("ErrorUpdatePropertyMismatch", format!("There is no entry '{key}' for '{uri}'."));
            let new = value.children.iter().find(|e| is_ours(e)).filter(|_| value.local() == list).ok_or_else(mismatch)?;
            match part {
                None => kept = Some(new.clone()),
                Some(part) => {
                    let piece = new.child(part).ok_or_else(mismatch)?;
                    let mut entry = kept.unwrap_or_else(|| Element::new("t:Entry").attr("Key", key));
                    put(&mut entry, piece.clone());
                    entry.children.sort_by_key(|p| PARTS.iter().position(|name| *name == p.local()));
                    kept = Some(entry);
                }
            }
        }
        None => match (part, &mut kept) {
            (Some(part), Some(entry)) => {
                entry.children.retain(|p| p.local() != part);
                kept = kept.filter(|e| !e.children.is_empty());
            }
            _ => kept = None,
        },
    }
    whole.children.retain(|e| !is_ours(e));
    whole.children.extend(kept);
    item.children.retain(|c| c.local() != list);
    if !whole.children.is_empty() {
        item.children.push(whole);
    }
    Ok(())
}

/// Parts of an address in the order of the schema.
const PARTS: [&str; 5] = ["Street", "City", "State", "CountryOrRegion", "PostalCode"];

/// Brings the properties into the order of the schema.
pub(crate) fn sort(item: &mut Element, kind: Kind) {
    item.children.sort_by_key(|c| kind.place(c.local()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Element {
        Element::new("t:Task").with_text("t:Subject", "x")
    }

    fn set_one(item: &mut Element, name: &str, text: &str) {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        set(item, Kind::Task, Element::of(format!("t:{name}"), text), Timestamp::UNIX_EPOCH, &berlin).unwrap();
    }

    #[test]
    fn a_task_keeps_state_and_per_cent_in_step() {
        let mut item = task();
        set_one(&mut item, "Status", "Completed");
        assert_eq!((item.value("PercentComplete"), item.value("CompleteDate")), (Some("100"), Some("1970-01-01T00:00:00Z")));
        set_one(&mut item, "PercentComplete", "40");
        assert_eq!((item.value("Status"), item.value("CompleteDate")), (Some("InProgress"), None));
        set_one(&mut item, "PercentComplete", "100");
        assert_eq!(item.value("Status"), Some("Completed"));
    }

    #[test]
    fn a_day_is_a_date_wherever_its_midnight_is() {
        let mut item = task();
        for text in ["2026-03-02T00:00:00Z", "2026-03-02T00:00:00+01:00", "2026-03-02T00:00:00", "2026-03-01T23:00:00Z"] {
            set_one(&mut item, "DueDate", text);
            assert_eq!(item.value("DueDate"), Some("2026-03-02T00:00:00Z"), "{text}");
        }
    }
}
