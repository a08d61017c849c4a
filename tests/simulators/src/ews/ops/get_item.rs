//! `GetItem`, and the item that an id in a request names: by its own id, as an occurrence by number, as the master of an occurrence.

use crate::ews::context::Context;
use crate::ews::ids::ItemKey;
use crate::ews::item::series;
use crate::ews::item::shown::Shown;
use crate::ews::ops::{find_item, stored};
use crate::ews::shape::Shape;
use crate::ews::soap::{Fault, Trouble, response};
use crate::ews::xml::Element;
use crate::graph::ids::ItemId;
use crate::graph::state::original;

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let shape = Shape::read(request.child("ItemShape"))?;
    let ids = request.child("ItemIds").map(|l| l.children.clone()).unwrap_or_default();
    if ids.is_empty() {
        return Err(Fault::schema("The element 'ItemIds' has incomplete content."));
    }
    let mut messages = Vec::new();
    for id in &ids {
        let found = resolve(context, id).and_then(|key| element(context, key, &shape));
        messages.push(found.map(|item| vec![Element::new("m:Items").with(item)]));
    }
    Ok(response("GetItem", messages))
}

/// The item that an `ItemId`, `OccurrenceItemId` or `RecurringMasterItemId` names.
///
/// # Errors
/// Malformed ids, what is not there, a mailbox that may not be opened.
pub(crate) fn resolve(context: &Context<'_>, id: &Element) -> Result<ItemKey, Trouble> {
    let read = |name: &str| ItemKey::read(id.attribute(name).ok_or_else(Trouble::bad_id)?);
    match id.local() {
        "ItemId" => read("Id"),
        "RecurringMasterItemId" => match read("OccurrenceId")? {
            ItemKey::Event(of) if of.occurrence.is_some() => {
                event(context, &of)?;
                Ok(ItemKey::Event(ItemId { occurrence: None, ..of }))
            }
            _ => Err(Trouble::new(
                "ErrorCalendarCannotUseIdForRecurringMasterId",
                "The recurring master ID cannot be retrieved from the specified ID.",
            )),
        },
        "OccurrenceItemId" => {
            let not_master =
                || Trouble::new("ErrorCalendarCannotUseIdForOccurrenceId", "The occurrence ID cannot be retrieved from the specified ID.");
            let ItemKey::Event(master) = read("RecurringMasterId")? else { return Err(not_master()) };
            let event = event(context, &master)?;
            if event.series.is_none() || master.occurrence.is_some() {
                return Err(not_master());
            }
            let number = id.attribute("InstanceIndex").and_then(|n| n.parse::<usize>().ok()).unwrap_or_default();
            match series::by_number(event, number) {
                Some(Ok(instance)) => Ok(ItemKey::Event(ItemId { occurrence: Some(instance.original_at.as_second()), ..master })),
                Some(Err(_)) => {
                    Err(Trouble::new("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "Occurrence is deleted from the recurrence."))
                }
                None => {
                    Err(Trouble::new("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "Occurrence index is out of recurrence range."))
                }
            }
        }
        _ => Err(Trouble::bad_id()),
    }
}

/// The event behind an id.
///
/// # Errors
/// What is not there, a mailbox that may not be opened.
pub(crate) fn event<'a>(context: &'a Context<'_>, id: &ItemId) -> Result<&'a crate::graph::event::Event, Trouble> {
    context.open(id.mailbox)?.event(id.mailbox, id).map_err(|_| Trouble::item_not_found())
}

/// An item in a shape.
///
/// # Errors
/// As [`event`].
pub(crate) fn element(context: &mut Context<'_>, key: ItemKey, shape: &Shape) -> Result<Element, Trouble> {
    match key {
        ItemKey::Event(id) => {
            let view = find_item::view(context, id.mailbox, false);
            let event = event(context, &id)?;
            let at = original(event, &id).map_err(|_| Trouble::item_not_found())?;
            let instance = at.map(|at| event.occurrence(at).ok_or_else(Trouble::item_not_found)).transpose()?;
            Ok(Shown { view: &view, event, instance: instance.as_ref() }.element(shape))
        }
        ItemKey::Other { mailbox, key } => {
            context.open(mailbox)?;
            let item = context.store.shelf(mailbox).items.get(&key).ok_or_else(Trouble::item_not_found)?;
            Ok(stored::show(mailbox, key, item, shape))
        }
    }
}
