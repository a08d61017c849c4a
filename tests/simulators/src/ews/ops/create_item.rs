//! `CreateItem`: calendar items here, answers to meetings in [`super::respond`], everything else as it is kept.

use crate::ews::context::Context;
use crate::ews::ids::{FolderKey, ItemKey};
use crate::ews::item::read;
use crate::ews::ops::{get_item, messages, respond, stored};
use crate::ews::shape::Shape;
use crate::ews::soap::{Fault, Message, Stop, Trouble, each, response};
use crate::ews::xml::Element;

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let items = request.child("Items").map(|i| i.children.clone()).unwrap_or_default();
    if items.is_empty() {
        return Err(Fault::schema("The element 'Items' has incomplete content."));
    }
    let mut answers: Vec<Message> = Vec::new();
    for item in &items {
        let made = match item.local() {
            "CalendarItem" => each(calendar_item(context, request, item))?.map(|i| vec![i]),
            "AcceptItem" | "TentativelyAcceptItem" | "DeclineItem" | "CancelCalendarItem" => respond::run(context, request, item),
            "Message" => messages::create(context, request, item),
            "Task" | "Contact" => other(context, request, item).map(|i| vec![i]),
            other => return Err(Fault::schema(format!("The element 'Items' has invalid child element '{other}'."))),
        };
        answers.push(made.map(|items| vec![Element::new("m:Items").with_all(items)]));
    }
    Ok(response("CreateItem", answers))
}

/// The folder the request names, if it names one.
///
/// # Errors
/// As [`Context::folder`].
pub(crate) fn target(context: &mut Context<'_>, request: &Element) -> Result<Option<(u32, FolderKey)>, Trouble> {
    let id = request.child("SavedItemFolderId").and_then(|f| f.children.first());
    id.map(|id| context.folder(id)).transpose()
}

/// Whether attendees are told, by one of the attributes that say so; `None` if it says nothing.
pub(crate) fn tells(word: Option<&str>) -> Result<Option<bool>, Fault> {
    match word {
        None => Ok(None),
        Some("SendToNone") => Ok(Some(false)),
        Some("SendOnlyToAll" | "SendToAllAndSaveCopy") => Ok(Some(true)),
        Some(other) => Err(Fault::schema(format!("The value '{other}' is invalid."))),
    }
}

fn calendar_item(context: &mut Context<'_>, request: &Element, item: &Element) -> Result<Element, Stop> {
    let tells = tells(request.attribute("SendMeetingInvitations"))?;
    let required =
        || Trouble::new("ErrorSendMeetingInvitationsRequired", "The SendMeetingInvitations attribute is required for calendar items.");
    let tells = tells.ok_or_else(required)?;
    read::in_order(item)?;
    let (index, folder) = match target(context, request)? {
        Some(target) => target,
        None => (context.own()?, FolderKey::Calendar(0)),
    };
    context.open(index)?;
    let FolderKey::Calendar(calendar) = folder else {
        return Err(Trouble::new(
            "ErrorCannotCreateCalendarItemInNonCalendarFolder",
            "Calendar items can be created in calendar folders only.",
        )
        .into());
    };
    let parts: Vec<&Element> = item.children.iter().collect();
    let fields = read::read(&parts, &[], None, context.zone.as_ref())?;
    let (id, told) = context.state.insert(index, calendar, &fields, context.now).map_err(read::trouble)?;
    context.state.attendee_mails += if tells { told as u64 } else { 0 };
    Ok(get_item::element(context, ItemKey::Event(id), &Shape::ids())?)
}

fn other(context: &mut Context<'_>, request: &Element, item: &Element) -> Result<Element, Trouble> {
    let (index, folder) = match target(context, request)? {
        Some(target) => target,
        None => {
            let index = context.own()?;
            let name = if item.local() == "Task" { "tasks" } else { "contacts" };
            (index, FolderKey::Other(context.store.shelf(index).distinguished(name).ok_or_else(Trouble::folder_not_found)?))
        }
    };
    context.open(index)?;
    stored::create(context, index, folder, item)
}
