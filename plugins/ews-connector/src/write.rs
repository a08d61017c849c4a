//! Writing events: only the given fields, on a version, and never with a mail that was not allowed.
//!
//! EWS mails nobody when it is told so: every write says `SendToNone` unless mails are allowed (SEMANTICS B-35). Inviting
//! somebody without telling them is refused all the same, as `would-mail`: an invitation that nobody gets is none.
//!
//! The server recognises no operation: before an event is made, it is looked for by the operation's id, so that a create after
//! a lost answer makes no second one (SEMANTICS S-14, B-40).

use calport_ews_protocol::ExtendedField;
use calport_ews_protocol::item::event::CalendarItem;
use calport_ews_protocol::item::event_write::EventField as EwsField;
use calport_ews_protocol::item::{Detail, ItemId as EwsId, Target};
use calport_ews_protocol::operation::{
    AnswerInvitation, AttendeeMail as EwsMail, CreateItem, DeleteItem, FindItem, Invitation, UpdateItem,
};
use calport_sdk::common::{Error, ErrorKind, Moment, OriginalStart, Written};
use calport_sdk::{error, warn};

use crate::absence::instant;
use crate::bindings::exports::calport::connector::calendar::{AttendeeMail, Event, EventDraft, EventField, OccurrenceRef, WriteTarget};
use crate::client::Client;
use crate::convert::Patch;
use crate::series;

fn would_mail() -> Error {
    let message = "somebody would be invited, and mails to attendees are not allowed for the connection; nothing was sent";
    error::item(ErrorKind::Refused("would-mail".to_owned()), message)
}

const fn mail_word(mail: AttendeeMail) -> EwsMail {
    match mail {
        AttendeeMail::Never => EwsMail::Never,
        AttendeeMail::Allowed => EwsMail::Allowed,
    }
}

fn written(id: EwsId) -> Written {
    Written { id: id.id, version: Some(id.change_key).filter(|key| !key.is_empty()), truncated: Vec::new() }
}

/// The id in the answer to a write.
fn stored(items: calport_ews_protocol::operation::Items<calport_ews_protocol::item::ItemRef>) -> Result<Written, Error> {
    let unknown = || error::item(ErrorKind::OutcomeUnknown, "the server stored an event and did not say which");
    items.items.into_iter().next().map(|item| written(item.id)).ok_or_else(unknown)
}

/// Nothing was sent: whether the operation made an event before cannot be found out.
fn search_ignored() -> Error {
    let message = "making an event: the server ignores the condition of a search, so that an event could be made twice; nothing was sent";
    error::item(ErrorKind::Refused("search-ignored".to_owned()), message)
}

/// Makes an event, unless this operation made it before (SEMANTICS S-14).
///
/// # Errors
/// `refused("would-mail")` with attendees where mails are not allowed, and those of any write.
pub fn create(client: &Client, mailbox: &str, calendar: Option<&str>, draft: &EventDraft) -> Result<Written, Error> {
    let mut patch = Patch::of(&draft.fields)?;
    if patch.invites && draft.mail == AttendeeMail::Never {
        return Err(would_mail());
    }
    if patch.answer.is_some() {
        return Err(error::invalid("response", "a new event has no invitation to answer"));
    }
    if draft.operation.is_empty() {
        return Err(error::invalid("operation", "an event is made by an operation with an id"));
    }
    let before = FindItem::<CalendarItem>::having(client.calendar(mailbox, calendar), ExtendedField::Operation, draft.operation.clone());
    let found = client.single(&before, &client.reading("looking for an event that this operation made before", mailbox))?;
    // A server that ignores the condition gives others as well.
    let (made, others): (Vec<_>, Vec<_>) = found.items.into_iter().partition(|item| item.operation.as_ref() == Some(&draft.operation));
    if let Some(made) = made.into_iter().next() {
        return Ok(written(made.id));
    }
    match found.unreadable.into_iter().find(|aside| !aside.id.is_empty()) {
        _ if !others.is_empty() && !found.last => return Err(search_ignored()),
        // What fits the condition and cannot be read was made by this operation all the same.
        Some(aside) if others.is_empty() => return Ok(written(EwsId::unversioned(aside.id))),
        _ => {}
    }
    patch.fields.push(EwsField::Operation(draft.operation.clone()));
    patch.fields.extend(draft.tag.clone().map(EwsField::Tag));
    let make =
        CreateItem::<CalendarItem> { folder: Some(client.calendar(mailbox, calendar)), fields: patch.fields, mail: mail_word(draft.mail) };
    stored(client.single(&make, &client.writing("making an event", mailbox))?)
}

/// Changes the given fields of an event, a series or one occurrence (SEMANTICS B-36, B-37).
///
/// # Errors
/// `conflict` when the event is of another version; `refused("would-mail")`; and those of any write.
pub fn update(
    client: &Client,
    mailbox: &str,
    target: &WriteTarget,
    fields: &[EventField],
    condition: Option<&str>,
    mail: AttendeeMail,
) -> Result<Written, Error> {
    let patch = Patch::of(fields)?;
    if patch.invites && mail == AttendeeMail::Never {
        return Err(would_mail());
    }
    if patch.fields.is_empty() && patch.answer.is_none() {
        return Err(error::invalid("fields", "no field was given"));
    }
    // The server demands a version, and some servers do not look at it: it is compared here first.
    let mut id = current(client, mailbox, target, condition)?;
    let mut last = None;
    if !patch.fields.is_empty() {
        let change = UpdateItem::<CalendarItem> { target: Target::Item(id.clone()), fields: patch.fields, mail: mail_word(mail) };
        let mut now = stored(client.single(&change, &client.writing("changing an event", mailbox))?)?;
        if now.version.as_deref() == Some(&*id.change_key) {
            warn!("the server told the same version of an event before and after a change: its versions prove nothing"; "mailbox" => mailbox);
            now.version = None;
        }
        id = EwsId { id: now.id.clone(), change_key: now.version.clone().unwrap_or_default() };
        last = Some(now);
    }
    if let Some(answer) = patch.answer {
        last = Some(respond(client, mailbox, id, answer, mail)?);
    }
    last.ok_or_else(|| error::invalid("fields", "no field was given"))
}

/// Answers an invitation. The answer names the item that the server made of it, which is not the event: its version is not known.
fn respond(client: &Client, mailbox: &str, id: EwsId, answer: Invitation, mail: AttendeeMail) -> Result<Written, Error> {
    let event = id.id.clone();
    let respond = AnswerInvitation { item: id, answer, mail: mail_word(mail) };
    client.single(&respond, &client.writing("answering an invitation", mailbox))?;
    Ok(Written { id: event, version: None, truncated: Vec::new() })
}

/// Deletes an event, a series or one occurrence. One that is gone counts as deleted, also where the server denies access to it
/// (SEMANTICS B-41).
///
/// # Errors
/// `conflict` when the event is of another version, and those of any write.
pub fn delete(client: &Client, mailbox: &str, target: &WriteTarget, condition: Option<&str>, mail: AttendeeMail) -> Result<(), Error> {
    // The server does not look at versions here.
    let id = match (target, condition) {
        (WriteTarget::Item(id), None) => EwsId::unversioned(id.clone()),
        _ => match current(client, mailbox, target, condition) {
            Ok(id) => id,
            Err(e) => return unless_gone(e),
        },
    };
    let delete = DeleteItem { targets: vec![Target::Item(id.clone())], mail: mail_word(mail), tasks: false };
    match client.single(&delete, &client.writing("deleting an event", mailbox)) {
        Ok(_) => Ok(()),
        Err(e) if e.kind == ErrorKind::Forbidden => {
            let doing = "looking for an event that may be deleted";
            match series::get_one(client, mailbox, Target::Item(EwsId::unversioned(id.id)), Detail::Listed, doing) {
                Err(gone) if gone.kind == ErrorKind::NotFound => Ok(()),
                _ => Err(e),
            }
        }
        Err(e) => unless_gone(e),
    }
}

fn unless_gone(error: Error) -> Result<(), Error> {
    // A mailbox that is not there is another matter.
    let item = error.scope == calport_sdk::common::ErrorScope::Item;
    if item && error.kind == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Events that carry a tag (SEMANTICS S-14).
///
/// # Errors
/// Those of any read.
pub fn find_by_tag(client: &Client, mailbox: &str, tag: &str) -> Result<Vec<Event>, Error> {
    let search = FindItem::<CalendarItem>::having(client.calendar(mailbox, None), ExtendedField::Tag, tag.to_owned());
    let page = client.single(&search, &client.reading("looking for a tag", mailbox))?;
    if let Some(aside) = page.unreadable.into_iter().next() {
        return Err(error::protocol("an event", aside.reason));
    }
    let tagged = page.items.into_iter().filter(|item| item.tag.as_deref() == Some(tag)).collect();
    let (events, unreadable) = series::listed(client, mailbox, tagged)?;
    match unreadable.into_iter().next() {
        Some((_, why)) => Err(error::protocol("an event", why)),
        None => Ok(events),
    }
}

/// The id and version that the target has now.
///
/// # Errors
/// `conflict` when it is not the version of the condition, `not-found`, and those of any read.
fn current(client: &Client, mailbox: &str, target: &WriteTarget, condition: Option<&str>) -> Result<EwsId, Error> {
    let doing = "reading the version of an event before it is written";
    let target = match target {
        WriteTarget::Item(id) => Target::Item(EwsId::unversioned(id.clone())),
        WriteTarget::Occurrence(place) => occurrence(client, mailbox, place)?,
    };
    let found = series::get_one(client, mailbox, target, Detail::Listed, doing)?.id;
    match condition {
        Some(version) if version != found.change_key => {
            let message = format!("{doing}: it has another version than the one that was named");
            Err(error::item(ErrorKind::Conflict(Some(found.change_key)), message))
        }
        _ => Ok(found),
    }
}

/// The occurrence by its number, which its original start and the series tell (SEMANTICS B-01).
fn occurrence(client: &Client, mailbox: &str, place: &OccurrenceRef) -> Result<Target, Error> {
    let master = EwsId::unversioned(place.master.clone());
    let series = series::get_one(client, mailbox, Target::Item(master.clone()), Detail::Whole, "reading a series")?;
    let original = match &place.original {
        OriginalStart::Timed(moment) => OriginalStart::Timed(Moment::At(instant(moment)?)),
        day @ OriginalStart::Day(_) => day.clone(),
    };
    let missing = || error::item(ErrorKind::NotFound, "finding an occurrence: the series has none that stood at this original start");
    let index = series.occurrence_index(&original).ok_or_else(missing)?;
    Ok(Target::Occurrence { master, index })
}

#[cfg(test)]
mod tests;
