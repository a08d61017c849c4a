//! Subscriptions of which the server tells by requests of its own (SEMANTICS B-31, C-10).
//!
//! Such a subscription knows no renewal and ends only by the answer to its next request, which the host gives. The server says that it lives
//! every so many minutes, and gives up a host that it did not reach for as long: silence means that a new one is needed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use calport_ews_protocol::ReadError;
use calport_ews_protocol::folder::{Folder, KnownFolder};
use calport_ews_protocol::operation::Subscribe;
use calport_ews_protocol::operation::notifications::{Delivery, Notification, read_push};
use calport_sdk::common::{Error, ErrorKind, ErrorScope, Instant};
use calport_sdk::error::{self, ErrorExt};

use super::{granted_id, refused};
use crate::bindings::exports::calport::connector::notifications::{Hint, HintKind, HookRequest, Subscription};
use crate::client::Client;
use crate::failure;

/// What the ids of these subscriptions begin with; those of streams begin with a digit.
const MARK: &str = "push ";
const SUBSCRIBING: &str = "subscribing to requests of the server about a mailbox";
const READING: &str = "reading a notification of the server";
/// The host asks for a renewal at half of the time that a subscription is granted for.
const HALVES: u32 = 2;

/// Whether an id is one of these subscriptions'.
pub fn is_pushed(id: &str) -> bool {
    id.starts_with(MARK)
}

/// Subscribes to a folder of one mailbox. It is good until the server is silent for too long.
///
/// # Errors
/// Those of requests; `unsupported` where the server does not send requests to this URL.
pub fn subscribe(client: &Client, mailbox: &str, folder: KnownFolder, url: &str) -> Result<Subscription, Error> {
    let purpose = client.reading(SUBSCRIBING, mailbox);
    let delivery = Delivery::Push { url: url.to_owned(), status_minutes: client.settings.push_status_minutes };
    let operation = Subscribe { folders: vec![Folder::Known { name: folder, mailbox: client.owner(mailbox) }], delivery };
    let granted = client.call(&operation, &purpose)?.single().map_err(|refusal| refused(&refusal, &purpose))?;
    let id = granted_id(granted, SUBSCRIBING)?;
    let expires = now().saturating_add(millis(client.settings.push_silence() * HALVES));
    Ok(Subscription { id: format!("{MARK}{id}"), mailbox: Some(mailbox.to_owned()), expires: Some(expires) })
}

/// The answer to a wish for renewal: there is none, and whoever asks has heard nothing for too long.
pub fn silent() -> Error {
    error::item(
        ErrorKind::NotFound,
        "the server was silent for too long about a subscription, which cannot be renewed; a new one is needed",
    )
}

/// What a request of the server says.
///
/// # Errors
/// `protocol` for what is no notification.
pub fn read(client: &Client, request: &HookRequest) -> Result<Vec<Hint>, Error> {
    let told = read_push(&request.body).map_err(|e| unreadable(client, &e))?;
    let mut hints = Vec::new();
    for message in told {
        match message {
            Ok(notification) => hints.extend(hints_of(&notification)),
            // It names no subscription. Which one it was shows by its silence; what it has missed is read now.
            Err(_) => hints.push(Hint { subscription: String::new(), mailbox: None, kind: HintKind::Resync }),
        }
    }
    Ok(hints)
}

fn hints_of(told: &Notification) -> Vec<Hint> {
    let hint = |kind| Hint { subscription: format!("{MARK}{}", told.subscription), mailbox: None, kind };
    let changed = (!told.notices.is_empty()).then(|| hint(HintKind::Changed));
    [hint(HintKind::Heartbeat)].into_iter().chain(changed).collect()
}

fn unreadable(client: &Client, read: &ReadError) -> Error {
    // Whoever sent it: it says nothing of the connection.
    failure::of_read(read, &client.reading(READING, &client.settings.test_user)).with_scope(ErrorScope::Item)
}

fn now() -> Instant {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> Instant {
    Instant::try_from(duration.as_millis()).unwrap_or(Instant::MAX)
}

#[cfg(test)]
mod tests;
