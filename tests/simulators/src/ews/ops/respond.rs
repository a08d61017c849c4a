//! Answers to meetings: accept, accept tentatively, decline; and the organiser's cancellation.

use serde_json::json;

use crate::ews::context::Context;
use crate::ews::ids::ItemKey;
use crate::ews::item::read;
use crate::ews::ops::get_item;
use crate::ews::shape::Shape;
use crate::ews::soap::Trouble;
use crate::ews::xml::Element;
use crate::graph::fields::Fields;
use crate::graph::ids::ItemId;
use crate::graph::render::instant;

/// Carries the answer out; gives the items that are left to show.
///
/// # Errors
/// Answers that the organiser or an attendee cannot give, or whose meeting is not there.
pub(crate) fn run(context: &mut Context<'_>, request: &Element, answer: &Element) -> Result<Vec<Element>, Trouble> {
    let disposition = request.attribute("MessageDisposition");
    let required =
        || Trouble::new("ErrorMessageDispositionRequired", "The MessageDisposition attribute is required for this type of item.");
    let sends = match disposition.ok_or_else(required)? {
        "SaveOnly" => false,
        "SendOnly" | "SendAndSaveCopy" => true,
        _ => return Err(Trouble::new("ErrorInvalidArgument", "The message disposition is not valid.")),
    };
    let reference = answer.child("ReferenceItemId").and_then(|r| r.attribute("Id"));
    let missing = || Trouble::new("ErrorMissingInformationReferenceItemId", "The reference item ID is missing.");
    let ItemKey::Event(id) = ItemKey::read(reference.ok_or_else(missing)?)? else { return Err(Trouble::item_not_found()) };
    let event = get_item::event(context, &id)?;
    let (organizer, cancelled) =
        (event.is_organizer(), event.props.get("isCancelled").and_then(serde_json::Value::as_bool).unwrap_or(false));
    if answer.local() == "CancelCalendarItem" {
        if !organizer {
            return Err(Trouble::new("ErrorCalendarIsNotOrganizer", "User must be the organizer of the meeting."));
        }
        let told = context.state.remove(id.mailbox, &id, None, context.now).map_err(read::trouble)?;
        context.state.attendee_mails += if sends { told as u64 } else { 0 };
        return Ok(Vec::new());
    }
    let (kind, response) = match answer.local() {
        "AcceptItem" => ("Accept", "accepted"),
        "TentativelyAcceptItem" => ("Tentative", "tentativelyAccepted"),
        _ => ("Decline", "declined"),
    };
    if organizer {
        return Err(Trouble::new(&format!("ErrorCalendarIsOrganizerFor{kind}"), "The organizer of a meeting cannot respond to it."));
    }
    if cancelled && kind != "Decline" {
        return Err(Trouble::new(&format!("ErrorCalendarIsCancelledFor{kind}"), "The meeting has been cancelled."));
    }
    context.state.attendee_mails += u64::from(sends);
    respond(context, &id, response)
}

fn respond(context: &mut Context<'_>, id: &ItemId, response: &str) -> Result<Vec<Element>, Trouble> {
    if response == "declined" {
        // The service takes a declined meeting out of the calendar.
        context.state.remove(id.mailbox, id, None, context.now).map_err(read::trouble)?;
        return Ok(Vec::new());
    }
    let status = json!({"response": response, "time": instant(context.now)});
    let show_as = if response == "accepted" { "busy" } else { "tentative" };
    let props = vec![("responseStatus", Some(status)), ("showAs", Some(json!(show_as)))];
    let fields = Fields { props, ..Fields::default() };
    context.state.change(id.mailbox, id, &fields, None, context.now).map_err(read::trouble)?;
    Ok(vec![get_item::element(context, ItemKey::Event(*id), &Shape::ids())?])
}
