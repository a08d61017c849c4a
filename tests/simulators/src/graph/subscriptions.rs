//! Subscriptions to changes of a mailbox's events.
//!
//! Creation really posts the validation token to both addresses and fails if they do not echo it. Lifetimes are the documented ones:
//! more than the longest is refused, less than 45 minutes is raised.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::http::{Answer, Call, Handled, Refusal};
use super::ids::IdForm;
use super::render::{instant, into_map};
use super::shared::Shared;
use super::state::{Happened, State};

/// Shortest life in minutes.
const SHORTEST: i64 = 45;

/// A subscription.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub id: String,
    pub mailbox: u32,
    pub resource: String,
    pub change_type: String,
    pub notification_url: String,
    pub lifecycle_url: Option<String>,
    pub client_state: Option<String>,
    pub expires: Timestamp,
    pub immutable: bool,
    /// How often it was reauthorized or renewed.
    pub reauthorized: u32,
}

impl Subscription {
    pub fn wants(&self, what: Happened) -> bool {
        self.change_type.split(',').any(|c| c.trim().eq_ignore_ascii_case(what.word()))
    }

    pub fn render(&self, app: &str) -> Map<String, Value> {
        into_map(json!({
            "id": self.id, "resource": self.resource, "applicationId": app, "changeType": self.change_type, "clientState": self.client_state,
            "notificationUrl": self.notification_url, "notificationQueryOptions": null, "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": instant(self.expires), "creatorId": app, "includeResourceData": null, "latestSupportedTlsVersion": "v1_2",
            "encryptionCertificate": null, "encryptionCertificateId": null, "notificationUrlAppId": null,
        }))
    }
}

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::bad("InvalidRequest", text)
}

/// The life asked for, judged.
fn expiry(state: &State, map: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let text = map.get("expirationDateTime").and_then(Value::as_str).ok_or_else(|| invalid("Expiration date time is required."))?;
    let asked: Timestamp = text.parse().map_err(|_| invalid("Expiration date time is not a valid point in time."))?;
    if asked <= now {
        return Err(invalid("Subscription expiration can only be a time in the future."));
    }
    let minutes = |m: i64| now.saturating_add(SignedDuration::from_mins(m)).unwrap_or(Timestamp::MAX);
    if asked > minutes(state.config.subscription_minutes) {
        return Err(Refusal::bad(
            "ExtensionError",
            format!("Subscription expiration can only be {} minutes in the future.", state.config.subscription_minutes),
        ));
    }
    Ok(asked.max(minutes(SHORTEST)))
}

/// The mailbox a resource names: `/users/{id}/events`.
fn watched(state: &State, resource: &str) -> Result<u32, Refusal> {
    let call = Call::new(axum::http::Method::GET, resource, axum::http::HeaderMap::new(), bytes::Bytes::new(), "");
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [users, user, events] if users.eq_ignore_ascii_case("users") && events.eq_ignore_ascii_case("events") => Ok(state.mailbox(user)?.0),
        _ => Err(invalid(format!("Resource '{resource}' is not supported for change notifications."))),
    }
}

fn url(map: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    let Some(value) = map.get(name).filter(|v| !v.is_null()) else { return Ok(None) };
    let text = value.as_str().ok_or_else(|| invalid(format!("{name} is not an address.")))?;
    match url::Url::parse(text) {
        Ok(u) if matches!(u.scheme(), "http" | "https") => Ok(Some(text.to_owned())),
        _ => Err(invalid(format!("{name} must be an absolute HTTP address."))),
    }
}

/// `POST /subscriptions`.
pub(crate) async fn create(shared: &Shared, call: &Call, ids: IdForm) -> Handled {
    let map = call.object()?;
    let now = shared.clock.now();
    const KNOWN: &[&str] = &[
        "changeType",
        "notificationUrl",
        "lifecycleNotificationUrl",
        "resource",
        "expirationDateTime",
        "clientState",
        "latestSupportedTlsVersion",
        "includeResourceData",
    ];
    if let Some(name) = map.keys().find(|k| !k.starts_with('@') && !KNOWN.contains(&k.as_str())) {
        return Err(Refusal::unknown_property(name, "subscription"));
    }
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    let change_type = text("changeType").ok_or_else(|| invalid("changeType is required."))?.to_owned();
    if change_type.split(',').any(|c| !["created", "updated", "deleted"].iter().any(|k| k.eq_ignore_ascii_case(c.trim()))) {
        return Err(invalid(format!("changeType '{change_type}' is not supported.")));
    }
    let client_state = text("clientState").map(str::to_owned);
    if client_state.as_ref().is_some_and(|c| c.chars().count() > 128) {
        return Err(invalid("clientState is longer than 128 characters."));
    }
    let resource = text("resource").ok_or_else(|| invalid("resource is required."))?.to_owned();
    let notification_url = url(&map, "notificationUrl")?.ok_or_else(|| invalid("notificationUrl is required."))?;
    let lifecycle_url = url(&map, "lifecycleNotificationUrl")?;
    let (mailbox, expires) = {
        let state = shared.lock();
        (watched(&state, &resource)?, expiry(&state, &map, now)?)
    };
    for address in std::iter::once(&notification_url).chain(&lifecycle_url) {
        let problem = shared.notifier.validate(address).await;
        problem.map_err(|e| Refusal::bad("ValidationError", format!("Subscription validation request failed. {e}")))?;
    }
    let id = Uuid::new_v4().to_string();
    let immutable = ids == IdForm::Immutable;
    let sub = Subscription {
        id: id.clone(),
        mailbox,
        resource,
        change_type,
        notification_url,
        lifecycle_url,
        client_state,
        expires,
        immutable,
        reauthorized: 0,
    };
    let mut state = shared.lock();
    let mut body = sub.render(&state.config.client_id);
    state.subscriptions.insert(id, sub);
    body.insert("@odata.context".to_owned(), call.context("subscriptions/$entity"));
    Ok(Answer::json(201, Value::Object(body)))
}

fn missing(id: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFound", format!("The object '{id}' was not found."))
}

/// `GET /subscriptions`.
pub(crate) fn list(state: &mut State, call: &Call, now: Timestamp) -> Handled {
    state.subscriptions.retain(|_, s| s.expires > now);
    let all: Vec<Value> = state.subscriptions.values().map(|s| Value::Object(s.render(&state.config.client_id))).collect();
    Ok(Answer::json(200, json!({"@odata.context": call.context("subscriptions"), "value": all})))
}

/// `GET`, `PATCH`, `DELETE /subscriptions/{id}` and `POST /subscriptions/{id}/reauthorize`.
pub(crate) fn one(state: &mut State, call: &Call, id: &str, now: Timestamp) -> Handled {
    state.subscriptions.retain(|_, s| s.expires > now);
    if !state.subscriptions.contains_key(id) {
        return Err(missing(id));
    }
    let reauthorize = call.path.last().is_some_and(|p| p == "reauthorize");
    match (call.method.as_str(), reauthorize) {
        ("DELETE", false) => {
            state.subscriptions.remove(id);
            return Ok(Answer::empty(204));
        }
        ("PATCH", false) => {
            let map = call.object()?;
            if let Some(name) = map.keys().find(|k| !["expirationDateTime", "notificationUrl"].contains(&k.as_str()) && !k.starts_with('@'))
            {
                return Err(invalid(format!("Property '{name}' cannot be changed on a subscription.")));
            }
            let expires = expiry(state, &map, now)?;
            if let Some(sub) = state.subscriptions.get_mut(id) {
                sub.expires = expires;
                sub.reauthorized += 1;
            }
        }
        ("POST", true) => {
            if let Some(sub) = state.subscriptions.get_mut(id) {
                sub.reauthorized += 1;
            }
            return Ok(Answer::empty(204));
        }
        ("GET", false) => {}
        _ => return Err(Refusal::new(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")),
    }
    let mut body = state.subscriptions.get(id).ok_or_else(|| missing(id))?.render(&state.config.client_id);
    body.insert("@odata.context".to_owned(), call.context("subscriptions/$entity"));
    Ok(Answer::json(200, Value::Object(body)))
}

/// Posts a lifecycle event of subscriptions; `subscriptionRemoved` also removes them. Gives the number of events posted.
pub(crate) fn lifecycle(state: &mut State, event: &str, which: impl Fn(&Subscription) -> bool) -> usize {
    let hit: Vec<Subscription> = state.subscriptions.values().filter(|s| which(s)).cloned().collect();
    let mut posted = 0;
    for sub in hit {
        if event == "subscriptionRemoved" {
            state.subscriptions.remove(&sub.id);
        }
        let Some(address) = sub.lifecycle_url else { continue };
        let item = json!({
            "subscriptionId": sub.id, "subscriptionExpirationDateTime": instant(sub.expires), "tenantId": state.config.tenant,
            "clientState": sub.client_state, "lifecycleEvent": event,
        });
        state.outbox.push((address, item));
        posted += 1;
    }
    posted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::config::Config;

    #[test]
    fn lifetimes_are_raised_to_45_minutes_and_refused_above_the_longest() {
        let state = State::new(Config::default());
        let now: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let ask = |t: &str| expiry(&state, &into_map(json!({"expirationDateTime": t})), now).map(|t| t.to_string());
        assert_eq!(ask("2026-03-02T08:01:00Z").unwrap(), "2026-03-02T08:45:00Z");
        assert_eq!(ask("2026-03-09T08:00:00Z").unwrap(), "2026-03-09T08:00:00Z");
        assert!(ask("2026-03-09T08:00:01Z").is_err());
        assert!(ask("2026-03-02T07:00:00Z").is_err());
        assert!(ask("soon").is_err());
    }
}
