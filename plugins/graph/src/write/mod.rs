//! Writing events: only the given fields, on a version, and never with a mail that was not allowed.
//!
//! Graph mails attendees by itself whenever their organizer makes, moves, rewords or deletes a meeting, and there is
//! no switch against it. So before such a write the event is read for its attendees, and where mails are not allowed
//! the write is refused as `would-mail` and not sent (SEMANTICS B-35). The write that follows is conditional on the version
//! that was read: whoever invites somebody in between makes it a `conflict`, not a mail.
//!
//! A create may get no answer, or one that cannot be read: that is `outcome-unknown`, and the same operation again makes no
//! second event (SEMANTICS S-14, B-40).

pub mod fields;
mod meeting;
mod target;

use calport_sdk::common::{Error, ErrorKind, Version, Written};
use calport_sdk::http::{Response, ResponseExt};
use calport_sdk::request::{self, Builder};
use calport_sdk::{error, paging};
use serde::Deserialize;
use serde_json::{Value, json};

use self::fields::{Answer, Patch, Told};
use crate::bindings::exports::calport::connector::calendar::{AttendeeMail, Event, EventDraft, EventField, WriteTarget};
use crate::client::{Client, IMMUTABLE_IDS, UTC_AND_TEXT, calendar_path, event_path, user_path};
use crate::convert;
use crate::events::event_select;
use crate::failure::{DUPLICATE_TRANSACTION, Purpose};
use crate::feed::page::parse_answer;

/// The named property that holds a tag: its set is Calport's own, made once at random and never changed.
const TAG_PROPERTY: &str = "String {5f1c7f0e-3d0a-4a49-9c52-7b8f2e6d41a3} Name CalportTag";

/// More pages than this of one tag are taken for a server that never ends.
const MAX_PAGES: usize = 100;

fn writing<'a>(doing: &'a str, mailbox: &'a str) -> Purpose<'a> {
    Purpose { doing, permission: "Calendars.ReadWrite", mailbox: Some(mailbox) }
}

fn would_mail() -> Error {
    let message = "Graph would mail the attendees of this meeting, which is not allowed for the connection; nothing was sent";
    error::item(ErrorKind::Refused("would-mail".to_owned()), message)
}

#[derive(Deserialize)]
struct WireWritten {
    id: String,
    #[serde(rename = "@odata.etag")]
    etag: Option<String>,
    #[serde(rename = "changeKey")]
    change_key: Option<String>,
    subject: Option<String>,
}

/// What was stored. A subject that came back as the beginning of the one sent was cut.
///
/// # Errors
/// `outcome-unknown` when the answer cannot be read: the status says that it was stored, the body does not say what.
fn written(response: &Response, patch: &Patch) -> Result<Written, Error> {
    let unknown = |e: Error| Error { kind: ErrorKind::OutcomeUnknown, ..e };
    let wire: WireWritten = response.json("the stored event").map_err(unknown)?;
    let version = convert::version(wire.etag, wire.change_key.as_deref());
    let sent = patch.members.get("subject").and_then(Value::as_str);
    let cut = sent.zip(wire.subject.as_deref()).is_some_and(|(s, stored)| s.len() > stored.len() && s.starts_with(stored));
    Ok(Written {
        id: wire.id,
        version: Some(version).filter(|v| !v.is_empty()),
        truncated: if cut { vec!["subject".to_owned()] } else { Vec::new() },
    })
}

/// Makes an event (SEMANTICS S-14).
///
/// # Errors
/// `refused("would-mail")` with attendees where mails are not allowed, and those of any write.
pub fn create(client: &Client, mailbox: &str, calendar: Option<&str>, draft: &EventDraft) -> Result<Written, Error> {
    let mut patch = Patch::of(&draft.fields)?;
    if patch.has_attendees() && draft.mail == AttendeeMail::Never {
        return Err(would_mail());
    }
    if patch.answer.is_some() {
        return Err(error::invalid("response", "a new event has no invitation to answer"));
    }
    patch.members.insert("transactionId".to_owned(), draft.operation.as_str().into());
    if let Some(tag) = &draft.tag {
        let property = json!([{ "id": TAG_PROPERTY, "value": tag }]);
        patch.members.insert("singleValueExtendedProperties".to_owned(), property);
    }
    let url = client.url(&format!("{}/events", calendar_path(mailbox, calendar)));
    let builder = prefer(request::post(url)).json(&patch.members);
    match client.write(builder, &writing("making an event", mailbox)) {
        Err(e) if e.code.as_deref().is_some_and(|c| c.eq_ignore_ascii_case(DUPLICATE_TRANSACTION)) => {
            made_before(client, mailbox, draft, e)
        }
        answer => written(&answer?, &patch),
    }
}

/// The event that this operation made before, with other fields than now: found by the tag, which only one event may carry.
fn made_before(client: &Client, mailbox: &str, draft: &EventDraft, refused: Error) -> Result<Written, Error> {
    let Some(tag) = &draft.tag else { return Err(refused) };
    match <[Event; 1]>::try_from(find_by_tag(client, mailbox, tag)?) {
        Ok([event]) => Ok(Written { id: event.id, version: Some(event.version).filter(|v| !v.is_empty()), truncated: Vec::new() }),
        Err(_) => Err(refused),
    }
}

fn prefer(builder: Builder) -> Builder {
    builder.header("prefer", format!("{IMMUTABLE_IDS}, {UTC_AND_TEXT}"))
}

fn conditional(builder: Builder, condition: Option<&Version>) -> Builder {
    match condition {
        Some(version) => builder.header("if-match", version.as_str()),
        None => builder,
    }
}

/// Changes the given fields of an event, a series or one occurrence (SEMANTICS B-36, B-37).
///
/// # Errors
/// `conflict` when the event is of another version, or gets one while it is looked at; `refused("would-mail")`; and those of
/// any write.
pub fn update(
    client: &Client,
    mailbox: &str,
    target: &WriteTarget,
    fields: &[EventField],
    condition: Option<&Version>,
    mail: AttendeeMail,
) -> Result<Written, Error> {
    let patch = Patch::of(fields)?;
    let id = target::id(client, mailbox, target)?;
    let mut read = None;
    if mail == AttendeeMail::Never {
        if patch.has_attendees() {
            return Err(would_mail());
        }
        if patch.told() != Told::Nobody {
            read = meeting::quiet(client, mailbox, &id, patch.told())?;
        }
    }
    let condition = condition.or(read.as_ref());
    let purpose = writing("changing an event", mailbox);
    let url = client.url(&event_path(mailbox, &id));
    let mut stored = None;
    if !patch.members.is_empty() {
        let builder = conditional(prefer(request::patch(&url)), condition).json(&patch.members);
        stored = Some(written(&client.write(builder, &purpose)?, &patch)?);
    }
    if let Some(answer) = patch.answer {
        respond(client, &url, answer, mail, &purpose)?;
        // Answering changes the version, and Graph does not tell the new one.
        stored = Some(Written { id: stored.map_or(id, |s| s.id), version: None, truncated: Vec::new() });
    }
    stored.ok_or_else(|| error::invalid("fields", "no field was given"))
}

fn respond(client: &Client, url: &str, answer: Answer, mail: AttendeeMail, purpose: &Purpose<'_>) -> Result<(), Error> {
    let body = json!({ "sendResponse": mail == AttendeeMail::Allowed });
    let builder = request::post(format!("{url}/{}", answer.action())).json(&body);
    client.write(builder, purpose).map(|_| ())
}

/// Deletes an event, a series or one occurrence. One that is gone counts as deleted, also where the server answers 403 for it
/// (SEMANTICS B-41).
///
/// # Errors
/// `conflict` when the event is of another version, or gets one while it is looked at; `refused("would-mail")`; and those of
/// any write.
pub fn delete(client: &Client, mailbox: &str, target: &WriteTarget, condition: Option<&Version>, mail: AttendeeMail) -> Result<(), Error> {
    let id = match target::id(client, mailbox, target) {
        Ok(id) => id,
        Err(e) => return unless_gone(e),
    };
    let mut read = None;
    if mail == AttendeeMail::Never {
        match meeting::quiet(client, mailbox, &id, Told::OfContent) {
            Ok(version) => read = version,
            Err(e) => return unless_gone(e),
        }
    }
    let builder = conditional(request::delete(client.url(&event_path(mailbox, &id))), condition.or(read.as_ref()));
    match client.write(prefer(builder), &writing("deleting an event", mailbox)) {
        Ok(_) => Ok(()),
        Err(e) if e.kind == ErrorKind::Forbidden => match meeting::exists(client, mailbox, &id) {
            Ok(false) => Ok(()),
            _ => Err(e),
        },
        Err(e) => unless_gone(e),
    }
}

/// An event that is not there (404), or not there any more (410), is deleted already.
fn unless_gone(error: Error) -> Result<(), Error> {
    if matches!(error.kind, ErrorKind::NotFound | ErrorKind::CursorExpired) { Ok(()) } else { Err(error) }
}

/// Events that carry a tag (SEMANTICS S-14).
///
/// # Errors
/// Those of any read.
pub fn find_by_tag(client: &Client, mailbox: &str, tag: &str) -> Result<Vec<Event>, Error> {
    let literal = tag.replace('\'', "''");
    let filter = format!("singleValueExtendedProperties/Any(ep: ep/id eq '{TAG_PROPERTY}' and ep/value eq '{literal}')");
    let select = event_select(client.settings.read_bodies);
    let purpose = Purpose { doing: "looking for a tag", permission: "Calendars.Read", mailbox: Some(mailbox) };
    paging::all_pages(MAX_PAGES, |link| {
        let builder = match link {
            Some(link) => request::get(link),
            None => request::get(client.url(&format!("{}/events", user_path(mailbox)))).query("$filter", &filter).query("$select", &select),
        };
        let response = client.send(prefer(builder), &purpose)?;
        let page = parse_answer(&response)?;
        let events: Result<Vec<Event>, Error> = page
            .items
            .into_iter()
            .map(|item| {
                let event = convert::event(item, client.settings.read_bodies);
                event.map(|e| Event { tag: Some(tag.to_owned()), ..e }).map_err(|(_, why)| error::protocol("an event", why))
            })
            .collect();
        Ok((events?, page.next))
    })
}

#[cfg(test)]
mod tests;
