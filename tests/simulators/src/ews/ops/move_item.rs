//! `MoveItem`: within a mailbox, from calendar to calendar or between other folders. An event gets another id thereby.

use crate::ews::context::Context;
use crate::ews::ids::{FolderKey, ItemKey};
use crate::ews::item::read;
use crate::ews::ops::{get_item, stored};
use crate::ews::shape::Shape;
use crate::ews::soap::{Fault, Message, Trouble, response};
use crate::ews::xml::Element;

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let target = request.child("ToFolderId").and_then(|f| f.children.first()).cloned();
    let target = target.ok_or_else(|| Fault::schema("The element 'MoveItem' has incomplete content."))?;
    let ids = request.child("ItemIds").map(|l| l.children.clone()).unwrap_or_default();
    let mut messages: Vec<Message> = Vec::new();
    for id in &ids {
        let moved = context.folder(&target).and_then(|to| one(context, to, id));
        messages.push(moved.map(|item| vec![Element::new("m:Items").with(item)]));
    }
    Ok(response("MoveItem", messages))
}

fn one(context: &mut Context<'_>, (mailbox, folder): (u32, FolderKey), id: &Element) -> Result<Element, Trouble> {
    let key = get_item::resolve(context, id)?;
    if key.mailbox() != mailbox {
        return Err(Trouble::new("ErrorCrossMailboxMoveCopy", "Move and copy are not supported across mailboxes here."));
    }
    context.open(mailbox)?;
    let failed = || Trouble::new("ErrorMoveCopyFailed", "The move or copy operation failed.");
    match (key, folder) {
        (ItemKey::Event(id), FolderKey::Calendar(calendar)) => {
            if id.occurrence.is_some() {
                return Err(Trouble::new("ErrorCalendarCannotMoveOrCopyOccurrence", "Occurrences cannot be moved or copied."));
            }
            get_item::event(context, &id)?;
            let name = context.name(mailbox);
            let moved = context.state.relocate(&name, &id, calendar, context.now).map_err(read::trouble)?;
            get_item::element(context, ItemKey::Event(moved), &Shape::ids())
        }
        (ItemKey::Other { key, .. }, FolderKey::Other(number)) => {
            let now = context.now;
            let shelf = context.store.shelf(mailbox);
            let item = shelf.items.get(&key).cloned().ok_or_else(Trouble::item_not_found)?;
            shelf.remove(key, now);
            let key = shelf.add(number, item.element, now);
            let item = shelf.items.get(&key).ok_or_else(failed)?;
            Ok(stored::show(mailbox, key, item, &Shape::ids()))
        }
        _ => Err(failed()),
    }
}
