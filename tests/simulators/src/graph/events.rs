//! One event: create, read, change, delete, and the occurrences of a series by their ids.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::event::Event;
use super::fields::Writer;
use super::http::{Answer, Call, Handled, Prefer, Refusal, select};
use super::ids::ItemId;
use super::lists::expanded;
use super::render::View;
use super::state::{Mailbox, State, original};

/// The event or occurrence an id names, as it is written on the wire.
///
/// # Errors
/// 404 for what is not there.
pub(crate) fn show(mailbox: &Mailbox, index: u32, id: &ItemId, view: &View) -> Result<Map<String, Value>, Refusal> {
    let event = mailbox.event(index, id)?;
    match original(event, id)? {
        None => Ok(view.whole(event, None)),
        Some(at) => {
            let instance = event.occurrence(at).ok_or_else(Refusal::item_not_found)?;
            Ok(view.whole(event, Some(&instance)))
        }
    }
}

fn answer(state: &State, call: &Call, user: &str, id: &ItemId, prefer: &Prefer, status: u16) -> Handled {
    let (index, mailbox) = state.mailbox(user)?;
    let mut view = View::new(index, mailbox.user.owner(), prefer);
    view.extended = expanded(call)?;
    let event = mailbox.event(index, id)?;
    let mut body = show(mailbox, index, id, &view)?;
    let wanted = call.query.get("$select");
    if wanted.is_some_and(|s| s.split(',').any(|n| n.trim().eq_ignore_ascii_case("cancelledOccurrences"))) && event.series.is_some() {
        body.insert("cancelledOccurrences".to_owned(), view.cancelled(event));
    }
    select(&mut body, wanted);
    if call.query.get("$expand").is_some_and(|e| e.starts_with("exceptionOccurrences")) {
        body.insert("exceptionOccurrences".to_owned(), Value::Array(exceptions(event, &view)));
    }
    body.insert("@odata.context".to_owned(), call.context(&format!("users('{}')/events/$entity", mailbox.user.id)));
    let tag = body.get("@odata.etag").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Answer::json(status, Value::Object(body)).with("etag", tag))
}

fn exceptions(event: &Event, view: &View) -> Vec<Value> {
    let originals = event.series.iter().flat_map(|s| s.exceptions.keys());
    originals.filter_map(|o| event.occurrence(*o)).map(|i| Value::Object(view.whole(event, Some(&i)))).collect()
}

/// `POST .../events`.
pub(crate) fn create(state: &mut State, call: &Call, user: &str, calendar: u32, prefer: &Prefer, now: Timestamp) -> Handled {
    let id = state.create(user, calendar, call.object()?, Writer::App, now)?;
    let (_, mailbox) = state.mailbox(user)?;
    let location = format!("{}/v1.0/users/{}/events/{}", call.origin, mailbox.user.id, id.text());
    Ok(answer(state, call, user, &id, prefer, 201)?.with("location", location))
}

/// `GET`, `PATCH`, `DELETE .../events/{id}`.
pub(crate) fn one(state: &mut State, call: &Call, user: &str, id: &ItemId, prefer: &Prefer, now: Timestamp) -> Handled {
    let expected = call.header("if-match");
    match call.method.as_str() {
        "GET" => answer(state, call, user, id, prefer, 200),
        "PATCH" => {
            state.update(user, id, call.object()?, expected, Writer::App, now)?;
            answer(state, call, user, id, prefer, 200)
        }
        "DELETE" => {
            state.delete(user, id, expected, Writer::App, now)?;
            Ok(Answer::empty(204))
        }
        _ => Err(Refusal::new(405, "ErrorInvalidRequest", "The HTTP method is not allowed here.")),
    }
}
