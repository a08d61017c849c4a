//! Subscriptions (SEMANTICS C-09, B-32, B-33): told in streams, or by requests of the server ([`push`]).
//!
//! One that is told in streams is known to the one machine that made it. All requests of a group lead there: they name the group's
//! anchor, say that they prefer affinity, and share the cookies of a session. An id that is given to the host holds what it takes
//! to do so. Nothing is ever resumed by a watermark.

mod id;
pub mod push;
mod stream;

use calport_ews_protocol::folder::{Folder, KnownFolder};
use calport_ews_protocol::operation::notifications::{Delivery, Remedy};
use calport_ews_protocol::operation::{GetFolder, Subscribe, Unsubscribe};
use calport_ews_protocol::{Call, Failure, FailureKind, Operation, ReadError, answer};
use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::error::{self, ErrorExt};
use calport_sdk::http::{Request, Response};
use calport_sdk::request;

use crate::bindings::exports::calport::connector::notifications::{Subscription, SubscriptionRequest, Topic};
use crate::client::Client;
use crate::failure::{self, Purpose};
use id::Place;

pub use stream::{Open, wait};

const SUBSCRIBING: &str = "subscribing to changes of a mailbox";
const ENDING: &str = "ending a subscription";

/// Statuses with which SOAP comes.
const SOAP_STATUSES: [u16; 2] = [200, 500];

/// Subscribes to one mailbox.
///
/// # Errors
/// `unsupported` for presence, and where the server has neither streams nor requests to this URL; `throttled` where it takes no more
/// subscriptions of this mailbox.
pub fn subscribe(client: &Client, request: &SubscriptionRequest) -> Result<Subscription, Error> {
    let Some(mailbox) = request.mailbox.as_deref() else {
        return Err(error::unsupported("a subscription of EWS is of a mailbox; none was named"));
    };
    let folder = match request.topic {
        Topic::Events => KnownFolder::Calendar,
        Topic::Tasks => KnownFolder::Tasks,
        Topic::Contacts => KnownFolder::Contacts,
        Topic::Presence => return Err(error::item(ErrorKind::Unsupported, "EWS tells nothing of presence")),
    };
    if let Some(url) = &request.notification_url {
        return push::subscribe(client, mailbox, folder, url);
    }
    let (group, anchor) = match &request.group {
        Some(group) => (group.name.clone(), group.anchor.clone()),
        None => (format!("stream {mailbox}"), mailbox.to_owned()),
    };
    let place = Place { mailbox: mailbox.to_owned(), anchor, group };
    let operation = Subscribe { folders: vec![Folder::Known { name: folder, mailbox: client.owner(mailbox) }], delivery: Delivery::Stream };
    let granted = ask(client, &operation, &place, &client.reading(SUBSCRIBING, mailbox))?;
    let id = place.id(&granted_id(granted, SUBSCRIBING)?);
    Ok(Subscription { id, mailbox: Some(mailbox.to_owned()), expires: None })
}

fn granted_id(granted: calport_ews_protocol::operation::notifications::Subscription, doing: &str) -> Result<String, Error> {
    if granted.id.is_empty() {
        return Err(error::protocol("a subscription with its id", "one without").while_doing(doing).with_scope(ErrorScope::Mailbox));
    }
    Ok(granted.id)
}

/// Ends a subscription. One that the server does not know any more has ended; one that is told by requests ends by the answer to
/// the next.
///
/// # Errors
/// Those of requests.
pub fn unsubscribe(client: &Client, id: &str) -> Result<(), Error> {
    if push::is_pushed(id) {
        return Ok(());
    }
    let (place, subscription) = Place::read(id)?;
    let purpose = client.reading(ENDING, &place.mailbox);
    let sent = send(client, &Unsubscribe { subscription }, &place, &purpose)?;
    match sent {
        Ok(_) => Ok(()),
        Err(failure) if Remedy::of(&failure) == Remedy::SubscribeAgain => Ok(()),
        Err(failure) => Err(failure::of_failure(&failure, &purpose)),
    }
}

/// The refusal of something about a subscription.
fn refused(refusal: &Failure, purpose: &Purpose<'_>) -> Error {
    let error = failure::of_failure(refusal, purpose);
    match Remedy::of(refusal) {
        // It concerns this mailbox or this stream, not the requests of the connection.
        Remedy::FewerSubscriptions => Error { kind: ErrorKind::Throttled(None), ..error.with_scope(ErrorScope::Mailbox) },
        Remedy::OtherDelivery => Error { kind: ErrorKind::Unsupported, ..error },
        _ => error,
    }
}

/// Sends an operation of a group and reads the answer of its one part.
fn ask<O: Operation>(client: &Client, operation: &O, place: &Place, purpose: &Purpose<'_>) -> Result<O::Reply, Error> {
    match send(client, operation, place, purpose)? {
        Err(refusal) if refusal.kind() == FailureKind::VersionUnknown && steps_down(client, place) => {
            send(client, operation, place, purpose)?.map_err(|refusal| refused(&refusal, purpose))
        }
        sent => sent.map_err(|refusal| refused(&refusal, purpose)),
    }
}

/// Finds out which version the server speaks; whether it is an older one than was spoken so far.
fn steps_down(client: &Client, place: &Place) -> bool {
    let before = client.version();
    let calendar = GetFolder { folders: vec![client.calendar(&place.mailbox, None)] };
    // Only the version counts; what else is wrong shows at the request itself.
    let _asked = client.call(&calendar, &client.reading(SUBSCRIBING, &place.mailbox));
    client.version() < before
}

fn send<O: Operation>(client: &Client, operation: &O, place: &Place, purpose: &Purpose<'_>) -> Result<Result<O::Reply, Failure>, Error> {
    let request = written(client, operation, place, &place.mailbox, purpose)?;
    let response = client.http.send(&request).map_err(|e| error::from_http(e, purpose.doing))?;
    if !SOAP_STATUSES.contains(&response.status) {
        return Err(unusable(&response, purpose));
    }
    match answer::<O>(&response.body) {
        Ok(answer) => Ok(answer.single()),
        Err(ReadError::Fault(fault)) => Ok(Err(fault)),
        Err(_) if response.status == 500 => Err(unusable(&response, purpose)),
        Err(error) => Err(failure::of_read(&error, purpose)),
    }
}

fn unusable(response: &Response, purpose: &Purpose<'_>) -> Error {
    failure::of_status(response, purpose)
}

/// The request for an operation of a group, in the name of one of its mailboxes.
fn written<O: Operation>(client: &Client, operation: &O, place: &Place, who: &str, purpose: &Purpose<'_>) -> Result<Request, Error> {
    let call = Call { impersonate: client.acting_as(who), ..Call::new(client.version()) };
    let written = call.request(operation).map_err(|e| failure::of_write(&e, purpose))?;
    let mut builder = request::post(&client.url).safe_to_repeat(true).session(&place.group);
    for (name, value) in call.headers::<O>(Some(&place.anchor)) {
        builder = if name == "content-type" { builder.body(&value, written.body.clone()) } else { builder.header(name, value) };
    }
    Ok(builder.header("x-preferserveraffinity", "true").build())
}

#[cfg(test)]
mod tests;
