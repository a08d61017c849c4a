//! Whether a write would be told to others, asked before it is made (SEMANTICS B-35).

use calport_sdk::common::{Error, ErrorKind, Version};
use calport_sdk::http::ResponseExt;
use calport_sdk::request;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::fields::Told;
use super::{prefer, would_mail, writing};
use crate::client::{Client, event_path};
use crate::convert;
use crate::wire::words::EventType;

const DOING: &str = "reading the attendees of an event before it is written";

/// What decides whether a write is told. Who is invited must be said: silence is not taken for nobody.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meeting {
    #[serde(rename = "@odata.etag")]
    etag: Option<String>,
    change_key: Option<String>,
    #[serde(rename = "type")]
    kind: Option<EventType>,
    is_organizer: Option<bool>,
    attendees: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    #[serde(default)]
    exception_occurrences: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    attendees: Vec<IgnoredAny>,
}

/// The version of an event of which such a write tells nobody.
///
/// # Errors
/// `refused("would-mail")` when it tells somebody, and those of any read.
pub fn quiet(client: &Client, mailbox: &str, id: &str, told: Told) -> Result<Option<Version>, Error> {
    let select = "id,changeKey,type,isOrganizer,attendees";
    let builder = request::get(client.url(&event_path(mailbox, id))).query("$select", select);
    let meeting: Meeting = client.send(prefer(builder), &writing(DOING, mailbox))?.json("an event with its attendees")?;
    let foreign = meeting.is_organizer == Some(false);
    let tells = match told {
        Told::Nobody => false,
        // An attendee's own deletion tells the organizer, and an attendee's copy has no content of its own (SEMANTICS B-14).
        Told::OfContent => foreign || !meeting.attendees.is_empty(),
        Told::OfOrganizer => !foreign && !meeting.attendees.is_empty(),
    };
    let series = meeting.kind == Some(EventType::Master) && told != Told::Nobody && !foreign;
    if tells || (series && exceptions_invite(client, mailbox, id)?) {
        return Err(would_mail());
    }
    let version = convert::version(meeting.etag, meeting.change_key.as_deref());
    Ok(Some(version).filter(|v| !v.is_empty()))
}

/// Whether an occurrence of a series has attendees of its own: they are told of what happens to the series.
fn exceptions_invite(client: &Client, mailbox: &str, id: &str) -> Result<bool, Error> {
    let builder = request::get(client.url(&event_path(mailbox, id)))
        .query("$select", "id")
        .query("$expand", "exceptionOccurrences($select=id,attendees)");
    let series: Series = client.send(prefer(builder), &writing(DOING, mailbox))?.json("a series with its exceptions")?;
    Ok(series.exception_occurrences.iter().any(|e| !e.attendees.is_empty()))
}

/// Whether an event is there.
///
/// # Errors
/// Those of any read.
pub fn exists(client: &Client, mailbox: &str, id: &str) -> Result<bool, Error> {
    let builder = request::get(client.url(&event_path(mailbox, id))).query("$select", "id");
    match client.send(prefer(builder), &writing("looking for an event that may be deleted", mailbox)) {
        Ok(_) => Ok(true),
        Err(e) if e.kind == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}
