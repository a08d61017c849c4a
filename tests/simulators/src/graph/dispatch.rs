//! From a request to its answer: faults, token, permission, throttling, handler, log. Requests inside a batch take the same way.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::http::{Answer, Call, Handled, Prefer, Refusal, Wire};
use super::ids::ItemId;
use super::log::Seen;
use super::render::View;
use super::route::{Route, Target};
use super::shared::Shared;
use super::state::State;
use super::{batch, delta, events, lists, mailbox, oauth, subscriptions, users};
use crate::fault::Kind;

/// Bytes of a request's body that the log keeps.
const LARGEST_KEPT: usize = 64 << 10;

/// A slot on a mailbox, given back when dropped.
struct Slot {
    shared: Arc<Shared>,
    mailbox: u32,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.lock().throttle.leave(self.mailbox);
    }
}

/// Answers a request of the service (everything but the admin door).
pub(crate) async fn dispatch(shared: &Arc<Shared>, call: Call, in_batch: bool) -> Answer {
    let route = Route::read(&call);
    let (index, names) = {
        let state = shared.lock();
        let found = route.user.as_deref().and_then(|u| state.user(u).ok());
        (found.map(|(i, _)| i), found.map(|(_, m)| m.user.names()).unwrap_or_default())
    };
    let request_id = Uuid::new_v4().to_string();
    let target = format!("{}?{}", call.raw_path, call.raw_query);
    let fault = shared.faults.take(call.method.as_str(), &target, &names);
    let handled = faulty(shared, &call, &route, index, fault, in_batch).await;
    let mut answer = handled.unwrap_or_else(|r| refusal(shared, &call, &request_id, r));
    answer.headers.push(("request-id", request_id.clone()));
    answer.headers.push(("client-request-id", call.header("client-request-id").unwrap_or(&request_id).to_owned()));
    if answer.body.is_some() && route.target != Target::Token {
        answer.headers.push(("odata-version", "4.0".to_owned()));
    }
    if let Ok(prefer) = Prefer::read(&call.headers)
        && !prefer.applied.is_empty()
        && answer.status < 300
    {
        answer.headers.push(("preference-applied", prefer.applied.join(", ")));
    }
    let mut state = shared.lock();
    let mailbox = index.and_then(|i| state.mailboxes.get(i as usize)).map(|m| m.user.user_principal_name.clone());
    let seen = Seen {
        number: 0,
        at: shared.clock.now(),
        method: call.method.to_string(),
        path: call.raw_path.clone(),
        query: call.raw_query.clone(),
        operation: route.operation(call.method.as_str()),
        mailbox,
        status: if answer.wire == Wire::Reset { 0 } else { answer.status },
        body: written(&call),
        if_match: call.header("if-match").map(str::to_owned),
    };
    state.log.add(seen, index);
    drop(state);
    answer
}

/// What a write says, as the log keeps it.
fn written(call: &Call) -> Option<Value> {
    let keep = call.method != "GET" && call.body.len() <= LARGEST_KEPT;
    if keep { serde_json::from_slice(&call.body).ok() } else { None }
}

fn refusal(shared: &Shared, call: &Call, request_id: &str, r: Refusal) -> Answer {
    let date = shared.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let inner =
        json!({"date": date, "request-id": request_id, "client-request-id": call.header("client-request-id").unwrap_or(request_id)});
    let mut answer = Answer::json(r.status, json!({"error": {"code": r.code, "message": r.message, "innerError": inner}}));
    answer.headers = r.headers;
    answer
}

async fn faulty(shared: &Arc<Shared>, call: &Call, route: &Route, index: Option<u32>, fault: Option<Kind>, in_batch: bool) -> Handled {
    match fault {
        None => serve(shared, call, route, index, in_batch).await,
        Some(Kind::Delay { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            serve(shared, call, route, index, in_batch).await
        }
        Some(Kind::SlowBody { ms, chunk }) => {
            let mut answer = match serve(shared, call, route, index, in_batch).await {
                Ok(answer) => answer,
                Err(r) => refusal(shared, call, &Uuid::new_v4().to_string(), r),
            };
            answer.wire = Wire::Slow { ms, chunk: chunk.unwrap_or(64).max(1) };
            Ok(answer)
        }
        Some(Kind::Reset) => Ok(Answer::wire(Wire::Reset)),
        Some(Kind::Lost { status }) => {
            // What it would have said is lost, be it an answer or a refusal.
            let _ = serve(shared, call, route, index, in_batch).await;
            status.map_or_else(|| Ok(Answer::wire(Wire::Reset)), |status| Err(failed(status)))
        }
        Some(Kind::Html) => {
            let text =
                "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to continue</h1></body></html>".to_owned();
            Ok(Answer::wire(Wire::Raw { content_type: "text/html; charset=utf-8", text }))
        }
        Some(Kind::BadJson) => {
            Ok(Answer::wire(Wire::Raw { content_type: "application/json", text: "{\"value\": [{\"id\": \"AAMk".to_owned() }))
        }
        Some(Kind::Empty) => Ok(Answer::wire(Wire::Raw { content_type: "application/json", text: String::new() })),
        Some(Kind::Gone) => Err(delta::expired(call, shared.clock.now())),
        Some(Kind::Status { status, retry_after }) => Err(match retry_after {
            Some(seconds) => failed(status).with("retry-after", seconds.to_string()),
            None => failed(status),
        }),
    }
}

/// The service's words for an error status.
fn failed(status: u16) -> Refusal {
    let (code, text) = match status {
        401 => ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
        403 => ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
        404 => ("ErrorItemNotFound", "The specified object was not found in the store."),
        429 => ("TooManyRequests", "Please retry again later."),
        503 => ("serviceNotAvailable", "The service is temporarily unavailable."),
        504 => ("gatewayTimeout", "The server, while acting as a proxy, did not receive a timely response."),
        _ => ("generalException", "There was an internal server error while processing the request."),
    };
    Refusal::new(status, code, text)
}

async fn serve(shared: &Arc<Shared>, call: &Call, route: &Route, index: Option<u32>, in_batch: bool) -> Handled {
    let method = call.method.as_str();
    let now = shared.clock.now();
    if route.target == Target::Token && method == "POST" && !in_batch {
        return Ok(oauth::token(&mut shared.lock(), call, now));
    }
    let roles = oauth::roles(&shared.lock(), call, now)?;
    if route.target == Target::Unknown {
        return Err(Refusal::bad(
            "BadRequest",
            format!("Resource not found for the segment '{}'.", call.path.last().map_or("", String::as_str)),
        ));
    }
    if !route.allows(method) {
        return Err(Refusal::new(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."));
    }
    oauth::demand(&roles, route.permissions(method), matches!(route.target, Target::Users | Target::User | Target::Organization))?;
    let mut _slot = None;
    if let Some(mailbox) = index.filter(|_| route.on_mailbox()) {
        let latency = {
            let mut state = shared.lock();
            let State { throttle, config, .. } = &mut *state;
            throttle.enter(mailbox, config, now)?;
            config.latency
        };
        _slot = Some(Slot { shared: Arc::clone(shared), mailbox });
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        } else if in_batch {
            // The requests of a batch run at once: each takes its slot before one is answered.
            tokio::task::yield_now().await;
        }
    }
    let prefer = Prefer::read(&call.headers)?;
    match &route.target {
        Target::Batch if in_batch => Err(Refusal::bad("BadRequest", "A batch cannot contain a batch.")),
        Target::Batch => Box::pin(batch::run(shared, call)).await,
        Target::Subscriptions if method == "POST" => subscriptions::create(shared, call, prefer.ids).await,
        _ => handle(&mut shared.lock(), call, route, &prefer, now),
    }
}

fn handle(state: &mut State, call: &Call, route: &Route, prefer: &Prefer, now: jiff::Timestamp) -> Handled {
    let user = route.user.as_deref().unwrap_or_default();
    match &route.target {
        Target::Organization => users::organization(state, call),
        Target::Users => users::list(state, call),
        Target::User => users::one(state, call, user),
        Target::Settings(part) if call.method == "GET" => mailbox::get_settings(state, call, user, part.as_deref()),
        Target::Settings(_) => mailbox::patch_settings(state, call, user),
        Target::Categories => mailbox::categories(state, call, user),
        Target::SendMail => mailbox::send_mail(state, call, user, now),
        Target::Schedule => mailbox::get_schedule(state, call, user, prefer),
        Target::Subscriptions => subscriptions::list(state, call, now),
        Target::Subscription(id) | Target::Reauthorize(id) => subscriptions::one(state, call, id, now),
        Target::Event(id) => events::one(state, call, user, &ItemId::read(id)?, prefer, now),
        Target::Events(calendar) if call.method == "POST" => {
            let (index, mailbox) = state.mailbox(user)?;
            let number = calendar.number(index, mailbox)?;
            events::create(state, call, user, number, prefer, now)
        }
        _ => read(state, call, route, prefer, now),
    }
}

fn read(state: &State, call: &Call, route: &Route, prefer: &Prefer, now: jiff::Timestamp) -> Handled {
    let (index, mailbox) = state.mailbox(route.user.as_deref().unwrap_or_default())?;
    let view = View::new(index, mailbox.user.owner(), prefer);
    match &route.target {
        Target::Calendars => mailbox::calendars(call, mailbox, &view, None),
        Target::Calendar(c) => mailbox::calendars(call, mailbox, &view, Some(c.number(index, mailbox)?)),
        Target::Events(c) => lists::events(call, mailbox, &view, c.number(index, mailbox)?, prefer),
        Target::View(c) => lists::calendar_view(call, mailbox, &view, c.number(index, mailbox)?, prefer),
        Target::Delta(c) => delta::delta(state, call, index, mailbox, c.number(index, mailbox)?, prefer, now),
        Target::Instances(id) => lists::instances(call, index, mailbox, &view, &ItemId::read(id)?, prefer),
        _ => Err(Refusal::bad("BadRequest", Value::from("Resource not found.").to_string())),
    }
}
