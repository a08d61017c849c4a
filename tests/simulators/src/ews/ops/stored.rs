//! Tasks, contacts and messages: made, shown and changed. They are kept as the elements they are written as.

use jiff::tz::TimeZone;

use super::stored_change;
use super::stored_fields::{Access, Kind, indexed};
use crate::ews::context::Context;
use crate::ews::ids::{FolderKey, ItemKey, folder_id, seal};
use crate::ews::shape::{Base, BodyForm, Shape};
use crate::ews::soap::Trouble;
use crate::ews::store::Item;
use crate::ews::time::instant;
use crate::ews::xml::Element;

/// The version of an item.
pub(crate) fn change_key(mailbox: u32, key: u64, change: u64) -> String {
    let mut bytes = vec![9];
    bytes.extend(mailbox.to_be_bytes());
    bytes.extend(key.to_be_bytes());
    bytes.extend(change.to_be_bytes());
    seal(&bytes)
}

/// The property set does not belong to this kind of item, or the service alone sets it.
pub(crate) fn not_settable(what: &str) -> Trouble {
    Trouble::new("ErrorInvalidPropertySet", format!("Set action is invalid for property. ({what})"))
}

/// An item with nothing but its id.
pub(crate) fn only_id(mailbox: u32, key: u64, item: &Item) -> Element {
    let id = ItemKey::Other { mailbox, key }.text();
    let id = Element::new("t:ItemId").attr("Id", id).attr("ChangeKey", change_key(mailbox, key, item.change));
    Element::new(item.element.name.clone()).with(id)
}

/// An item in a shape.
pub(crate) fn show(mailbox: u32, key: u64, item: &Item, shape: &Shape) -> Element {
    let mut out = only_id(mailbox, key, item);
    let Some(kind) = Kind::of(item.element.local()) else { return out };
    for field in kind.fields() {
        match field.element {
            "ExtendedProperty" => out = out.with_all(extended(item, shape)),
            _ if shape.wants(field.uri, field.in_default) => out = out.with(value(mailbox, item, kind, field.element, shape)),
            list if shape.indexed.iter().any(|(uri, _)| indexed(uri).is_some_and(|(l, _)| l == list)) => {
                out = out.with(entries(item, list, shape))
            }
            _ => {}
        }
    }
    out
}

/// What lists do not hold: the service reads them from tables, not from the items.
const NOT_IN_LISTS: &[&str] = &["Body", "TextBody", "Recurrence", "ToRecipients", "CcRecipients", "BccRecipients", "ReplyTo"];

/// An item in a shape, as lists and changes hold it.
pub(crate) fn listed(mailbox: u32, key: u64, item: &Item, shape: &Shape) -> Element {
    let mut out = show(mailbox, key, item, shape);
    out.children.retain(|part| !NOT_IN_LISTS.contains(&part.local()));
    out
}

/// A property of an item, kept or made for the answer.
fn value(mailbox: u32, item: &Item, kind: Kind, name: &str, shape: &Shape) -> Option<Element> {
    let kept = item.element.child(name);
    let has = |part: &str| item.element.child(part).is_some();
    let text = |value: String| Some(Element::of(format!("t:{name}"), value));
    match name {
        "ParentFolderId" => Some(Element::new("t:ParentFolderId").attr("Id", folder_id(mailbox, FolderKey::Other(item.folder)))),
        "Body" => kept.map(|body| in_form(body, shape.body)),
        "TextBody" => item.element.child("Body").filter(|_| shape.base == Base::IdOnly || shape.names("item:TextBody")).map(|body| {
            let mut text = in_form(body, BodyForm::Text);
            "t:TextBody".clone_into(&mut text.name);
            text
        }),
        "ItemClass" => kept.cloned().or_else(|| text(kind.class().to_owned())),
        "Sensitivity" | "Importance" => kept.cloned().or_else(|| text("Normal".to_owned())),
        "Size" => {
            let mut written = String::new();
            item.element.write(&mut written);
            text(written.len().to_string())
        }
        "IsDraft" => text((kind == Kind::Message && !has("DateTimeSent")).to_string()),
        "DateTimeReceived" | "DateTimeSent" => (kind == Kind::Message).then(|| Element::of(format!("t:{name}"), instant(item.created))),
        "DateTimeCreated" => text(instant(item.created)),
        "LastModifiedTime" => text(instant(item.modified)),
        "HasAttachments" | "HasPicture" => text("false".to_owned()),
        "ReminderIsSet" => kept.cloned().or_else(|| text("false".to_owned())),
        "IsComplete" => text((item.element.value("Status") == Some("Completed")).to_string()),
        "IsRecurring" => text(has("Recurrence").to_string()),
        "Status" => kept.cloned().or_else(|| text("NotStarted".to_owned())),
        "PercentComplete" => kept.cloned().or_else(|| text("0".to_owned())),
        "ChangeCount" => text(item.change.saturating_sub(item.born).saturating_add(1).to_string()),
        "IsRead" => kept.cloned().or_else(|| text("true".to_owned())),
        "IsReadReceiptRequested" | "IsDeliveryReceiptRequested" => kept.cloned().or_else(|| text("false".to_owned())),
        "DisplayTo" | "DisplayCc" => {
            let from = if name == "DisplayTo" { "ToRecipients" } else { "CcRecipients" };
            (kind == Kind::Message).then(|| Element::of(format!("t:{name}"), recipients(&item.element, from).join("; ")))
        }
        "Sender" => item.element.child("From").map(|from| Element { name: "t:Sender".to_owned(), ..from.clone() }),
        _ => kept.cloned(),
    }
}

/// Addresses in one list of recipients.
pub(crate) fn recipients(message: &Element, list: &str) -> Vec<String> {
    let all = message.child(list).map(|l| l.children.as_slice()).unwrap_or_default();
    all.iter().filter_map(|m| m.value("EmailAddress")).map(str::to_owned).collect()
}

/// A body in the form that is asked for.
fn in_form(body: &Element, form: BodyForm) -> Element {
    let html = body.attribute("BodyType") == Some("HTML");
    let (kind, text) = match (form, html) {
        (BodyForm::Text, true) => ("Text", untagged(&body.text)),
        (BodyForm::Html, false) => {
            let escaped = body.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            ("HTML", format!("<html><head></head><body>{escaped}</body></html>"))
        }
        (_, html) => (if html { "HTML" } else { "Text" }, body.text.clone()),
    };
    Element::of("t:Body", text).attr("BodyType", kind)
}

/// The entries of a list that are asked for one by one.
fn entries(item: &Item, list: &str, shape: &Shape) -> Option<Element> {
    let asked = |entry: &Element| -> Option<Element> {
        let key = entry.attribute("Key")?;
        let wanted: Vec<Option<&str>> = shape
            .indexed
            .iter()
            .filter(|(uri, index)| index == key && indexed(uri).is_some_and(|(l, _)| l == list))
            .filter_map(|(uri, _)| indexed(uri).map(|(_, part)| part))
            .collect();
        let mut entry = entry.clone();
        if !wanted.contains(&None) {
            entry.children.retain(|part| wanted.contains(&Some(part.local())));
        }
        (!wanted.is_empty()).then_some(entry)
    };
    let found: Vec<Element> = item.element.child(list)?.children.iter().filter_map(asked).collect();
    (!found.is_empty()).then(|| Element::new(format!("t:{list}")).with_all(found))
}

/// Whether two `ExtendedFieldURI` mean one property.
pub(crate) fn same_property(a: &Element, b: &Element) -> bool {
    ["PropertySetId", "DistinguishedPropertySetId", "PropertyName", "PropertyId", "PropertyTag"].iter().all(|name| {
        let (a, b) = (a.attribute(name), b.attribute(name));
        if *name == "PropertyName" { a == b } else { a.map(str::to_ascii_lowercase) == b.map(str::to_ascii_lowercase) }
    })
}

fn extended(item: &Item, shape: &Shape) -> Vec<Element> {
    let kept = |wanted: &Element| {
        let found = item.element.all("ExtendedProperty").find(|p| p.child("ExtendedFieldURI").is_some_and(|u| same_property(u, wanted)))?;
        let mut found = found.clone();
        if let Some(path) = found.children.first_mut() {
            path.attributes.clone_from(&wanted.attributes);
        }
        Some(found)
    };
    shape.extended.iter().filter_map(kept).collect()
}

/// Takes up a new item; answers its id.
///
/// # Errors
/// A folder of another kind, a property that cannot be set, or a value that is none.
pub(crate) fn create(context: &mut Context<'_>, index: u32, folder: FolderKey, element: &Element) -> Result<Element, Trouble> {
    let kind = Kind::of(element.local()).ok_or_else(|| Trouble::new("ErrorInvalidRequest", "The item's type is not supported."))?;
    let class = match folder {
        FolderKey::Calendar(_) => "IPF.Appointment".to_owned(),
        FolderKey::Other(n) => context.store.shelf(index).folder(n).ok_or_else(Trouble::folder_not_found)?.class.clone(),
    };
    let wrong = |code: &str, text: &str| Err(Trouble::new(code, text));
    let number = match (kind, folder) {
        (Kind::Task, FolderKey::Other(n)) if class.starts_with("IPF.Task") => n,
        (Kind::Task, _) => return wrong("ErrorCannotCreateTaskInNonTaskFolder", "Tasks can only be created in a task folder."),
        (Kind::Contact, FolderKey::Other(n)) if class.starts_with("IPF.Contact") => n,
        (Kind::Contact, _) => {
            return wrong("ErrorCannotCreateContactInNonContactFolder", "Contacts can only be created in a contact folder.");
        }
        (Kind::Message, FolderKey::Other(n)) => n,
        (Kind::Message, FolderKey::Calendar(_)) => {
            return wrong("ErrorInvalidFolderTypeForOperation", "Messages cannot be created in this folder.");
        }
    };
    let zone = zone(context, index);
    let mut new = Element::new(element.name.clone());
    let mut given = element.children.clone();
    // What the state of a task says wins over its per cent.
    given.sort_by_key(|part| part.local() == "Status");
    for part in given {
        let field = kind.fields().find(|f| f.element == part.local() && f.access == Access::Written);
        field.ok_or_else(|| not_settable(part.local()))?;
        if part.local() == "ExtendedProperty" {
            new.children.push(part);
        } else {
            stored_change::set(&mut new, kind, part, context.now, &zone)?;
        }
    }
    complete(&mut new, kind, context, index);
    stored_change::sort(&mut new, kind);
    let key = context.store.shelf(index).add(number, new, context.now);
    let item = context.store.shelf(index).items.get(&key).ok_or_else(Trouble::item_not_found)?;
    Ok(only_id(index, key, item))
}

/// What the service adds to a new item.
fn complete(new: &mut Element, kind: Kind, context: &Context<'_>, index: u32) {
    match kind {
        Kind::Contact => {
            let part = |name: &str| new.value(name).unwrap_or_default().to_owned();
            let name = format!("{} {}", part("GivenName"), part("Surname")).trim().to_owned();
            if new.child("DisplayName").is_none() && !name.is_empty() {
                new.children.push(Element::of("t:DisplayName", name));
            }
        }
        Kind::Message if new.child("From").is_none() => {
            let owner = context.state.mailboxes.get(index as usize).map(|m| m.user.owner()).unwrap_or_default();
            let mailbox = Element::new("t:Mailbox")
                .with_text("t:Name", owner.0)
                .with_text("t:EmailAddress", owner.1)
                .with_text("t:RoutingType", "SMTP");
            new.children.push(Element::new("t:From").with(mailbox));
        }
        Kind::Message | Kind::Task => {}
    }
}

/// The zone in which days of tasks are meant.
fn zone(context: &Context<'_>, index: u32) -> TimeZone {
    let own = || {
        let name = context.state.mailboxes.get(index as usize).map(|m| m.user.time_zone.clone())?;
        crate::graph::zones::Zone::read(&name).ok()
    };
    context.zone.clone().or_else(own).map_or(TimeZone::UTC, |z| z.rules)
}

/// Changes an item; answers its id with the new change key.
///
/// # Errors
/// `ErrorItemNotFound`, `ErrorIrresolvableConflict` for a stale change key unless it may `overwrite`, and whatever a change refuses;
/// the item is then as it was.
pub(crate) fn update(
    context: &mut Context<'_>,
    index: u32,
    key: u64,
    change_key: Option<&str>,
    updates: &Element,
    overwrite: bool,
) -> Result<Element, Trouble> {
    let (zone, now) = (zone(context, index), context.now);
    let shelf = context.store.shelf(index);
    let item = shelf.items.get(&key).ok_or_else(Trouble::item_not_found)?;
    let current = self::change_key(index, key, item.change);
    if !overwrite && change_key.is_some_and(|k| k != current) {
        return Err(crate::ews::fault::trouble("ErrorIrresolvableConflict"));
    }
    let kind = Kind::of(item.element.local()).ok_or_else(Trouble::item_not_found)?;
    let mut changed = item.element.clone();
    for update in &updates.children {
        stored_change::apply(&mut changed, kind, update, now, &zone)?;
    }
    stored_change::sort(&mut changed, kind);
    shelf.change += 1;
    let change = shelf.change;
    let item = shelf.items.get_mut(&key).ok_or_else(Trouble::item_not_found)?;
    (item.element, item.change, item.modified) = (changed, change, now);
    Ok(only_id(index, key, item))
}

fn untagged(html: &str) -> String {
    let mut inside = false;
    let text = html.chars().filter(|c| {
        let keep = !inside && *c != '<';
        inside = (inside || *c == '<') && *c != '>';
        keep
    });
    let text: String = text.collect();
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
