//! `UpdateItem`: exactly the parts that are named, on the change key that is named, with or without telling the attendees.

use serde_json::Value;

use crate::ews::context::Context;
use crate::ews::fault::trouble;
use crate::ews::ids::ItemKey;
use crate::ews::item::people::name_and_address;
use crate::ews::item::read::{self, Before};
use crate::ews::ops::{get_item, stored};
use crate::ews::shape::Shape;
use crate::ews::soap::{Fault, Message, Stop, Trouble, each, response};
use crate::ews::xml::Element;
use crate::graph::fields::Fields;
use crate::graph::ids::ItemId;
use crate::graph::render::etag;
use crate::graph::state::original;

/// Who is told of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tells {
    Nobody,
    Everybody,
    Changed,
}

/// What holds for all changes of a request.
struct Terms {
    tells: Option<Tells>,
    /// A stale change key is no reason to refuse.
    overwrite: bool,
}

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let overwrite = match request.attribute("ConflictResolution") {
        Some("NeverOverwrite") => false,
        Some("AutoResolve" | "AlwaysOverwrite") => true,
        _ => return Err(Fault::schema("The required attribute 'ConflictResolution' is missing.")),
    };
    let tells = match request.attribute("SendMeetingInvitationsOrCancellations") {
        None => None,
        Some("SendToNone") => Some(Tells::Nobody),
        Some("SendOnlyToAll" | "SendToAllAndSaveCopy") => Some(Tells::Everybody),
        Some("SendOnlyToChanged" | "SendToChangedAndSaveCopy") => Some(Tells::Changed),
        Some(other) => return Err(Fault::schema(format!("The value '{other}' is invalid."))),
    };
    let terms = Terms { tells, overwrite: overwrite || context.config.deviations.ignore_change_key };
    let changes = request.child("ItemChanges").map(|c| c.children.clone()).unwrap_or_default();
    let mut answers: Vec<Message> = Vec::new();
    for change in &changes {
        let done = each(one(context, &terms, change))?;
        answers.push(done.map(|item| vec![Element::new("m:Items").with(item), Element::new("m:ConflictResults").with_text("t:Count", 0)]));
    }
    Ok(response("UpdateItem", answers))
}

fn one(context: &mut Context<'_>, terms: &Terms, change: &Element) -> Result<Element, Stop> {
    let (Some(id), Some(updates)) = (change.children.first(), change.child("Updates")) else {
        return Err(Fault::schema("The element 'ItemChange' has incomplete content.").into());
    };
    let change_key = id.attribute("ChangeKey").filter(|k| !k.is_empty());
    if change_key.is_none() && !terms.overwrite {
        return Err(Trouble::new(
            "ErrorChangeKeyRequiredForWriteOperations",
            "An object within a change description must contain one and only one property to modify.",
        )
        .into());
    }
    match get_item::resolve(context, id)? {
        ItemKey::Event(id) => calendar_item(context, terms, &id, change_key, updates),
        ItemKey::Other { mailbox, key } => {
            context.open(mailbox)?;
            Ok(stored::update(context, mailbox, key, change_key, updates, terms.overwrite)?)
        }
    }
}

fn calendar_item(
    context: &mut Context<'_>,
    terms: &Terms,
    id: &ItemId,
    change_key: Option<&str>,
    updates: &Element,
) -> Result<Element, Stop> {
    let required = || {
        Trouble::new(
            "ErrorSendMeetingInvitationsOrCancellationsRequired",
            "The SendMeetingInvitationsOrCancellations attribute is required for calendar items.",
        )
    };
    let tells = terms.tells.ok_or_else(required)?;
    let (set, gone) = parts(updates)?;
    let event = get_item::event(context, id)?;
    let at = original(event, id).map_err(read::trouble)?;
    let instance = at.map(|at| event.occurrence(at).ok_or_else(Trouble::item_not_found)).transpose()?;
    let exception = instance.as_ref().and_then(|i| i.exception);
    let before = Before {
        when: instance.as_ref().map_or(&event.when, |i| &i.when),
        attendees: event.prop(exception, "attendees"),
        extended: event.prop(exception, "singleValueExtendedProperties"),
    };
    let fields = read::read(&set, &gone, Some(&before), context.zone.as_ref())?;
    if instance.as_ref().is_some_and(|instance| event.crosses_neighbour(instance.original, &fields)) {
        return Err(
            Trouble::new("ErrorOccurrenceCrossingBoundary", "Modified occurrence is crossing or overlapping adjacent occurrence.").into()
        );
    }
    let changed = attendees_changed(before.attendees, &fields);
    let expected = change_key.map(etag).filter(|_| !terms.overwrite);
    let told = context.state.change(id.mailbox, id, &fields, expected.as_deref(), context.now).map_err(|r| match r.status {
        412 => trouble("ErrorIrresolvableConflict"),
        _ => read::trouble(r),
    })?;
    context.state.attendee_mails += match tells {
        Tells::Nobody => 0,
        Tells::Everybody => told as u64,
        Tells::Changed => changed.min(told) as u64,
    };
    let calendar = get_item::event(context, id)?.calendar;
    Ok(get_item::element(context, ItemKey::Event(ItemId { calendar: Some(calendar), ..*id }), &Shape::ids())?)
}

/// What is set (the one part of each item) and the paths of what is taken away.
fn parts(updates: &Element) -> Result<(Vec<&Element>, Vec<&Element>), Stop> {
    let (mut set, mut gone) = (Vec::new(), Vec::new());
    for update in &updates.children {
        let path = update.children.first().ok_or_else(|| Fault::schema("The element has incomplete content."))?;
        match (update.local(), update.children.get(1)) {
            ("DeleteItemField", None) => gone.push(path),
            ("SetItemField", Some(item)) => {
                let [part] = item.children.as_slice() else {
                    return Err(Trouble::new(
                        "ErrorIncorrectUpdatePropertyCount",
                        "An object within a change description must contain one and only one property to modify.",
                    )
                    .into());
                };
                if item.local() != "CalendarItem" || !matches(path, part) {
                    return Err(Trouble::new(
                        "ErrorUpdatePropertyMismatch",
                        "The property to be updated does not match the property that was set.",
                    )
                    .into());
                }
                set.push(part);
            }
            ("AppendToItemField", _) => {
                return Err(Trouble::new("ErrorInvalidPropertyAppend", "Append action is invalid for property.").into());
            }
            (other, _) => return Err(Fault::schema(format!("The element 'Updates' has invalid child element '{other}'.")).into()),
        }
    }
    Ok((set, gone))
}

fn matches(path: &Element, part: &Element) -> bool {
    match path.local() {
        "FieldURI" => path.attribute("FieldURI").and_then(|u| u.split_once(':')).is_some_and(|(_, name)| name == part.local()),
        "ExtendedFieldURI" => part.child("ExtendedFieldURI").is_some_and(|own| own.attributes == path.attributes),
        _ => false,
    }
}

/// How many attendees come or go.
fn attendees_changed(before: Option<&Value>, fields: &Fields) -> usize {
    let addresses = |list: Option<&Value>| -> std::collections::BTreeSet<String> {
        list.and_then(Value::as_array).into_iter().flatten().map(|p| name_and_address(p).1.to_lowercase()).collect()
    };
    let Some((_, after)) = fields.props.iter().find(|(n, _)| *n == "attendees") else { return 0 };
    addresses(before).symmetric_difference(&addresses(after.as_ref())).count()
}
