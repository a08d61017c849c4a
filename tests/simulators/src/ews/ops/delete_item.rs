//! `DeleteItem`: items, series, single occurrences. What is deleted is gone from its folder, whatever the kind of deletion.

use crate::ews::context::Context;
use crate::ews::ids::ItemKey;
use crate::ews::item::read;
use crate::ews::ops::{create_item, get_item};
use crate::ews::soap::{Fault, Message, Trouble, response};
use crate::ews::xml::Element;

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    if !matches!(request.attribute("DeleteType"), Some("HardDelete" | "SoftDelete" | "MoveToDeletedItems")) {
        return Err(Fault::schema("The required attribute 'DeleteType' is missing."));
    }
    let tells = create_item::tells(request.attribute("SendMeetingCancellations"))?;
    let ids = request.child("ItemIds").map(|l| l.children.clone()).unwrap_or_default();
    let messages: Vec<Message> = ids.iter().map(|id| one(context, request, id, tells).map(|()| Vec::new())).collect();
    Ok(response("DeleteItem", messages))
}

fn one(context: &mut Context<'_>, request: &Element, id: &Element, tells: Option<bool>) -> Result<(), Trouble> {
    match get_item::resolve(context, id)? {
        ItemKey::Event(id) => {
            get_item::event(context, &id)?;
            let required = || {
                Trouble::new(
                    "ErrorSendMeetingCancellationsRequired",
                    "The SendMeetingCancellations attribute is required for calendar items.",
                )
            };
            let tells = tells.ok_or_else(required)?;
            let told = context.state.remove(id.mailbox, &id, None, context.now).map_err(read::trouble)?;
            context.state.attendee_mails += if tells { told as u64 } else { 0 };
            Ok(())
        }
        ItemKey::Other { mailbox, key } => {
            context.open(mailbox)?;
            let now = context.now;
            let shelf = context.store.shelf(mailbox);
            let item = shelf.items.get(&key).ok_or_else(Trouble::item_not_found)?;
            if item.element.local() == "Task" && request.attribute("AffectedTaskOccurrences").is_none() {
                return Err(Trouble::new(
                    "ErrorAffectedTaskOccurrencesRequired",
                    "The AffectedTaskOccurrences attribute is required for task items.",
                ));
            }
            shelf.remove(key, now);
            Ok(())
        }
    }
}
