//! Subscriptions and what comes by them.
//!
//! A subscription covers all events of a mailbox, because Graph offers none on a window. Ids in notifications are
//! immutable because the subscription was asked for so. What a notification says is only a hint when to look
//! (SEMANTICS C-04): an unknown lifecycle event asks for a look too.

use calport_sdk::common::{Error, ErrorKind, ErrorScope, Instant};
use calport_sdk::http::{Response, ResponseExt};
use calport_sdk::{error, request, time};
use serde::Deserialize;
use serde_json::json;

use crate::batch::Part;
use crate::bindings::exports::calport::connector::notifications::{
    Hint, HintKind, HookRequest, Renewal, Subscription, SubscriptionRequest, Topic,
};
use crate::client::{Client, IMMUTABLE_IDS, user_path};
use crate::failure::Purpose;
use crate::wire::words::Lifecycle;

const PURPOSE: Purpose<'_> = Purpose { doing: "subscribing to changes of a calendar", permission: "Calendars.Read", mailbox: None };

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubscription {
    id: String,
    resource: Option<String>,
    expiration_date_time: Option<String>,
}

fn subscription(wire: WireSubscription, mailbox: Option<String>) -> Result<Subscription, Error> {
    let expires = wire.expiration_date_time.as_deref().and_then(time::instant);
    let expires = expires.ok_or_else(|| error::protocol("a subscription with its end", "one without a readable end"))?;
    let mailbox = mailbox.or_else(|| wire.resource.as_deref().and_then(mailbox_of));
    Ok(Subscription { id: wire.id, mailbox, expires: Some(expires) })
}

/// The mailbox in a resource such as `/users/{id}/events` or `Users/{id}@{tenant}/Events/{event}`.
fn mailbox_of(resource: &str) -> Option<String> {
    let mut parts = resource.trim_start_matches('/').split('/');
    let of_users = parts.next().is_some_and(|p| p.eq_ignore_ascii_case("users"));
    let user = parts.next().filter(|_| of_users)?;
    // A user may be named by an address; only a tenant's id behind the `@` is cut off.
    let id = match user.split_once('@') {
        Some((id, tenant)) if is_guid(tenant) => id,
        _ => user,
    };
    (!id.is_empty()).then(|| id.to_owned())
}

fn is_guid(text: &str) -> bool {
    text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

fn expiration(instant: Instant) -> Result<String, Error> {
    time::to_rfc3339(instant).ok_or_else(|| error::invalid("expires", "a year out of range"))
}

/// Subscribes, in the order asked. Requests that can be sent go out in batches.
pub fn subscribe(client: &Client, requests: &[SubscriptionRequest]) -> Vec<Result<Subscription, Error>> {
    let mailboxes = requests.iter().map(|r| r.mailbox.clone());
    in_order(client, requests.iter().map(subscribe_part).collect())
        .into_iter()
        .zip(mailboxes)
        .map(|(answer, mailbox)| subscription(answer?.json("a subscription")?, mailbox))
        .collect()
}

fn subscribe_part(request: &SubscriptionRequest) -> Result<Part, Error> {
    let mailbox = request
        .mailbox
        .as_deref()
        .ok_or_else(|| error::unsupported("Graph's calendar subscriptions are made per mailbox, none was named"))?;
    if request.topic != Topic::Events {
        return Err(error::unsupported("this connector subscribes to events only"));
    }
    let url = request
        .notification_url
        .as_deref()
        .ok_or_else(|| error::unsupported("Graph sends notifications to a URL; `[hooks] public_url` is needed for that"))?;
    let mut body = json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": url,
        "resource": format!("{}/events", user_path(mailbox)),
        "expirationDateTime": expiration(request.expires)?,
        "clientState": request.secret,
    });
    if let (Some(members), Some(lifecycle)) = (body.as_object_mut(), &request.lifecycle_url) {
        members.insert("lifecycleNotificationUrl".to_owned(), lifecycle.as_str().into());
    }
    Ok(Part {
        method: "POST",
        path: "/subscriptions".to_owned(),
        prefer: IMMUTABLE_IDS.to_owned(),
        body: Some(body),
        mailbox: Some(mailbox.to_owned()),
    })
}

/// Sends those parts that could be made and puts the answers between the errors of the others.
fn in_order(client: &Client, parts: Vec<Result<Part, Error>>) -> Vec<Result<Response, Error>> {
    let sendable: Vec<Part> = parts.iter().filter_map(|p| p.as_ref().ok().cloned()).collect();
    let mut answers = client.batch(&sendable, &PURPOSE).into_iter();
    let lost = || error::mailbox(ErrorKind::OutcomeUnknown, "the batch came back without this answer");
    parts.into_iter().map(|part| part.and_then(|_| answers.next().unwrap_or_else(|| Err(lost())))).collect()
}

/// Renews, in the order asked (SEMANTICS C-10).
pub fn renew(client: &Client, renewals: &[Renewal]) -> Vec<Result<Subscription, Error>> {
    let part = |r: &Renewal| {
        let body = json!({ "expirationDateTime": expiration(r.expires)? });
        Ok(Part { method: "PATCH", path: path_of(&r.id), prefer: String::new(), body: Some(body), mailbox: None })
    };
    in_order(client, renewals.iter().map(part).collect())
        .into_iter()
        .map(|answer| subscription(answer.map_err(of_subscription)?.json("a subscription")?, None))
        .collect()
}

/// Ends subscriptions, in the order given. One that is gone counts as ended.
pub fn unsubscribe(client: &Client, ids: &[String]) -> Vec<Result<(), Error>> {
    let part = |id: &String| Part { method: "DELETE", path: path_of(id), prefer: String::new(), body: None, mailbox: None };
    let parts: Vec<Part> = ids.iter().map(part).collect();
    let ended = |answer: Result<Response, Error>| match answer {
        Err(e) if e.kind == ErrorKind::NotFound => Ok(()),
        other => other.map(|_| ()).map_err(of_subscription),
    };
    client.batch(&parts, &PURPOSE).into_iter().map(ended).collect()
}

fn path_of(id: &str) -> String {
    format!("/subscriptions/{}", request::segment(id))
}

/// What Graph answers about one subscription says nothing about the others.
fn of_subscription(mut error: Error) -> Error {
    if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Forbidden | ErrorKind::Refused(_) | ErrorKind::Conflict(_)) {
        error.scope = ErrorScope::Item;
    }
    error
}

/// The live subscriptions of this application to events (SEMANTICS R-05).
///
/// # Errors
/// Those of any read.
pub fn live_subscriptions(client: &Client) -> Result<Vec<Subscription>, Error> {
    let purpose = Purpose { doing: "listing subscriptions", ..PURPOSE };
    let list: Vec<WireSubscription> = client.collect(|url| request::get(url), "/subscriptions", &purpose, IMMUTABLE_IDS)?;
    let of_events =
        |s: &WireSubscription| s.resource.as_deref().is_some_and(|r| r.trim_end_matches('/').to_ascii_lowercase().ends_with("/events"));
    list.into_iter().filter(of_events).map(|s| subscription(s, None)).collect()
}

#[derive(Deserialize)]
struct WireNotifications {
    value: Vec<WireNotification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireNotification {
    subscription_id: Option<String>,
    resource: Option<String>,
    lifecycle_event: Option<Lifecycle>,
}

/// Reads stored requests, in the order given.
pub fn read_hooks(requests: &[HookRequest]) -> Vec<Result<Vec<Hint>, Error>> {
    requests.iter().map(read_hook).collect()
}

fn read_hook(request: &HookRequest) -> Result<Vec<Hint>, Error> {
    let wire: WireNotifications = serde_json::from_slice(&request.body)
        .map_err(|e| Error { scope: ErrorScope::Item, ..error::protocol("a changeNotificationCollection", error::json_place(&e)) })?;
    Ok(wire.value.into_iter().map(|n| hint(n, request.lifecycle)).collect())
}

fn hint(wire: WireNotification, to_lifecycle_url: bool) -> Hint {
    let kind = match wire.lifecycle_event {
        Some(Lifecycle::SubscriptionRemoved) => HintKind::SubscriptionRemoved,
        Some(Lifecycle::ReauthorizationRequired) => HintKind::Reauthorise,
        Some(Lifecycle::Missed | Lifecycle::Other) => HintKind::Resync,
        None if to_lifecycle_url => HintKind::Resync,
        None => HintKind::Changed,
    };
    Hint { subscription: wire.subscription_id.unwrap_or_default(), mailbox: wire.resource.as_deref().and_then(mailbox_of), kind }
}

#[cfg(test)]
mod tests;
