//! Mail: `CreateItem` of a message and `SendItem`. Nothing leaves, what is sent is kept for the test, as with Graph's `sendMail`.

use super::stored::{change_key, create as keep, recipients};
use crate::ews::context::Context;
use crate::ews::ids::{FolderKey, ItemKey};
use crate::ews::soap::{Fault, Trouble, response};
use crate::ews::time::instant;
use crate::ews::xml::Element;
use crate::graph::log::Mail;

/// The folder an operation saves into: the one it names, else a distinguished one of the caller's mailbox.
fn folder(context: &mut Context<'_>, named: Option<&Element>, otherwise: &str) -> Result<(u32, FolderKey), Trouble> {
    match named.and_then(|f| f.children.first()) {
        Some(id) => context.folder(id),
        None => context.folder(&Element::new("t:DistinguishedFolderId").attr("Id", otherwise)),
    }
}

/// Makes a message: saved as a draft, sent, or sent with a copy kept. Gives its id where it is saved only.
///
/// # Errors
/// No disposition, nobody to send it to, or as for every item.
pub(crate) fn create(context: &mut Context<'_>, request: &Element, message: &Element) -> Result<Vec<Element>, Trouble> {
    let named = request.child("SavedItemFolderId");
    match request.attribute("MessageDisposition") {
        Some("SaveOnly") => {
            let (index, place) = folder(context, named, "drafts")?;
            keep(context, index, place, message).map(|item| vec![item])
        }
        Some("SendOnly") => {
            let index = context.own()?;
            send(context, index, message, false)?;
            Ok(Vec::new())
        }
        Some("SendAndSaveCopy") => {
            let (index, place) = folder(context, named, "sentitems")?;
            send(context, index, message, true)?;
            let copy = keep(context, index, place, message)?;
            mark_sent(context, &copy)?;
            // The service gives no id of the copy.
            Ok(Vec::new())
        }
        _ => Err(Trouble::new("ErrorMessageDispositionRequired", "Message disposition is required.")),
    }
}

/// `SendItem`: drafts go out and leave their folder.
pub(crate) fn send_item(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let save = match request.attribute("SaveItemToFolder") {
        Some("true" | "1") => true,
        Some("false" | "0") => false,
        _ => return Err(Fault::schema("The required attribute 'SaveItemToFolder' is missing.")),
    };
    let named = request.child("SavedItemFolderId");
    if named.is_some() && !save {
        return Err(Fault::new("ErrorInvalidSendItemSaveSettings", "SavedItemFolderId must not be set if SaveItemToFolder is false."));
    }
    let ids = request.child("ItemIds").map(|l| l.children.clone()).unwrap_or_default();
    let messages = ids.iter().map(|id| send_one(context, id, save, named).map(|()| Vec::new())).collect();
    Ok(response("SendItem", messages))
}

fn send_one(context: &mut Context<'_>, id: &Element, save: bool, named: Option<&Element>) -> Result<(), Trouble> {
    let ItemKey::Other { mailbox, key } = ItemKey::read(id.attribute("Id").unwrap_or_default())? else {
        return Err(Trouble::new("ErrorInvalidItemForOperationSendItem", "The item cannot be sent."));
    };
    context.open(mailbox)?;
    let item = context.store.shelf(mailbox).items.get(&key).cloned().ok_or_else(Trouble::item_not_found)?;
    if item.element.local() != "Message" {
        return Err(Trouble::new("ErrorInvalidItemForOperationSendItem", "The item cannot be sent."));
    }
    let sent = id
        .attribute("ChangeKey")
        .ok_or_else(|| Trouble::new("ErrorChangeKeyRequired", "The change key is required for this operation."))?;
    if sent != change_key(mailbox, key, item.change) {
        return Err(Trouble::new(
            "ErrorStaleObject",
            "The change key passed in the request does not match the current change key for the item.",
        ));
    }
    send(context, mailbox, &item.element, save)?;
    let now = context.now;
    context.store.shelf(mailbox).remove(key, now);
    if save {
        let (index, place) = folder(context, named, "sentitems")?;
        let FolderKey::Other(number) = place else {
            return Err(Trouble::new("ErrorSavedItemFolderNotFound", "The folder for the copy is no mail folder."));
        };
        let mut copy = item.element;
        copy.children.push(Element::of("t:DateTimeSent", instant(now)));
        context.store.shelf(index).add(number, copy, now);
    }
    Ok(())
}

/// A copy is no draft.
fn mark_sent(context: &mut Context<'_>, copy: &Element) -> Result<(), Trouble> {
    let id = copy.child("ItemId").and_then(|i| i.attribute("Id")).unwrap_or_default();
    if let ItemKey::Other { mailbox, key } = ItemKey::read(id)?
        && let Some(item) = context.store.shelf(mailbox).items.get_mut(&key)
    {
        item.element.children.push(Element::of("t:DateTimeSent", instant(item.created)));
    }
    Ok(())
}

fn send(context: &mut Context<'_>, index: u32, message: &Element, kept: bool) -> Result<(), Trouble> {
    let to: Vec<String> = ["ToRecipients", "CcRecipients", "BccRecipients"].iter().flat_map(|list| recipients(message, list)).collect();
    if to.is_empty() || to.iter().any(|address| !address.contains('@')) {
        return Err(Trouble::new("ErrorInvalidRecipients", "At least one recipient is not valid."));
    }
    let sender = context.open(index)?.user.user_principal_name.clone();
    let body = message.child("Body");
    context.state.sent.push(Mail {
        at: context.now,
        sender,
        recipients: to,
        subject: message.child("Subject").map(|s| s.text.clone()).unwrap_or_default(),
        content_type: body.and_then(|b| b.attribute("BodyType")).unwrap_or_default().to_ascii_lowercase(),
        content: body.map(|b| b.text.clone()).unwrap_or_default(),
        kept,
    });
    Ok(())
}
