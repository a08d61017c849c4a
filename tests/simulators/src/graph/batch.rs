//! `$batch`: up to 20 requests in one.
//!
//! Requests that do not depend on others run at once, and each counts for throttling: five on one mailbox give one inner 429. A
//! request whose dependency failed gets 424. The batch itself is 200.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use bytes::Bytes;
use futures::future::join_all;
use serde_json::{Map, Value, json};

use super::dispatch::dispatch;
use super::http::{Answer, Call, Handled, Refusal, Wire};
use super::shared::Shared;

/// Most requests in a batch.
const MOST: usize = 20;

struct Inner {
    id: String,
    after: Vec<String>,
    call: Call,
}

fn refuse(text: impl Into<String>) -> Refusal {
    Refusal::bad("BadRequest", text)
}

fn inner(outer: &Call, value: &Value) -> Result<Inner, Refusal> {
    let text = |name: &str| {
        value.get(name).and_then(Value::as_str).ok_or_else(|| refuse(format!("Invalid batch payload format: '{name}' is missing.")))
    };
    let method: Method = text("method")?.to_ascii_uppercase().parse().map_err(|_| refuse("Invalid batch payload format: method."))?;
    let url = text("url")?;
    if url.contains("://") {
        return Err(refuse("Invalid batch payload format: addresses must be relative."));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in value.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let pair = HeaderName::try_from(name.as_str()).ok().zip(value.as_str().and_then(|v| HeaderValue::try_from(v).ok()));
        let (name, value) = pair.ok_or_else(|| refuse(format!("Invalid batch payload format: header '{name}'.")))?;
        headers.insert(name, value);
    }
    if let Some(token) = outer.headers.get("authorization") {
        headers.insert("authorization", token.clone());
    }
    let body = value.get("body").map_or_else(Bytes::new, |b| Bytes::from(b.to_string()));
    let after =
        value.get("dependsOn").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let target = format!("/v1.0/{}", url.trim_start_matches('/'));
    Ok(Inner { id: text("id")?.to_owned(), after, call: Call::new(method, &target, headers, body, &outer.origin) })
}

/// Runs a batch.
///
/// # Errors
/// 400 for an unreadable batch, too many requests, ids twice, or dependencies that cannot be met.
pub(crate) async fn run(shared: &Arc<Shared>, call: &Call) -> Handled {
    let object = call.object()?;
    let list = object.get("requests").and_then(Value::as_array).ok_or_else(|| refuse("Invalid batch payload format."))?;
    if list.is_empty() || list.len() > MOST {
        return Err(refuse(format!("Number of batch request steps must be 1 to {MOST}, it is {}.", list.len())));
    }
    let mut waiting = list.iter().map(|v| inner(call, v)).collect::<Result<Vec<_>, _>>()?;
    let ids: BTreeSet<&String> = waiting.iter().map(|i| &i.id).collect();
    if ids.len() != waiting.len() {
        return Err(refuse("Request ids of a batch must be unique."));
    }
    let mut statuses: HashMap<String, u16> = HashMap::new();
    let mut responses = Vec::new();
    while !waiting.is_empty() {
        let (ready, later): (Vec<Inner>, Vec<Inner>) = waiting.into_iter().partition(|i| i.after.iter().all(|d| statuses.contains_key(d)));
        if ready.is_empty() {
            return Err(refuse("A batch request depends on one that is missing or depends on it."));
        }
        let wave = ready.into_iter().map(|i| {
            let failed = i.after.iter().any(|d| statuses.get(d).is_none_or(|s| *s >= 400));
            async move {
                if failed {
                    let body = json!({"error": {"code": "FailedDependency", "message": "A request this one depends on failed."}});
                    (i.id, Answer::json(424, body))
                } else {
                    (i.id, dispatch(shared, i.call, true).await)
                }
            }
        });
        for (id, answer) in join_all(wave).await {
            if matches!(answer.wire, Wire::Reset | Wire::Raw { .. }) {
                return Ok(answer);
            }
            statuses.insert(id.clone(), answer.status);
            let mut headers: Map<String, Value> = answer.headers.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
            if answer.body.is_some() {
                headers.insert("Content-Type".to_owned(), json!("application/json"));
            }
            responses.push(json!({"id": id, "status": answer.status, "headers": headers, "body": answer.body}));
        }
        waiting = later;
    }
    Ok(Answer::json(200, json!({"responses": responses})))
}
