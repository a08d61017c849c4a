//! The HTTP side: who may come in, and answers written as a fault rule wants them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;

use super::auth::Visitor;
use super::dispatch::{Request, carry_out};
use super::doors::forms;
use super::fault::{self, BusyForm, Kind};
use super::log::Seen;
use super::shared::Shared;
use super::soap::{Fault, Trouble, document, envelope};
use super::streaming::Live;
use super::xml::Element;
use super::{admin, auth, autodiscover, notifications, ops, push};
use crate::serve::Peer;

/// Path of the service.
pub(crate) const PATH: &str = "/EWS/Exchange.asmx";
/// Largest request; the service takes 35 MB.
const LARGEST: usize = 35_000_000;

/// What goes over the wire.
pub(crate) struct Answer {
    status: u16,
    content_type: Option<&'static str>,
    pub headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    reset: bool,
    slow: Option<(u64, usize)>,
    /// The first response code that refuses.
    code: Option<String>,
    /// What goes on after the body.
    live: Option<Live>,
}

impl Answer {
    /// A status without a body.
    pub fn bare(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Vec::new(), reset: false, slow: None, code: None, live: None }
    }

    /// A status with a body.
    pub fn text(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { content_type: Some(content_type), body: body.into(), ..Self::bare(status) }
    }

    /// The same with one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn reset() -> Self {
        Self { reset: true, ..Self::bare(0) }
    }
}

/// The server under one name.
#[derive(Clone)]
struct Place {
    shared: Arc<Shared>,
    /// The host whose listener this is; none: requests say it.
    host: Option<String>,
}

/// The whole server, on a listener of its own for `host` if one is named.
pub(crate) fn router(shared: Arc<Shared>, host: Option<&str>) -> Router {
    Router::new().fallback(entry).with_state(Place { shared, host: host.map(str::to_lowercase) })
}

async fn entry(State(place): State<Place>, ConnectInfo(peer): ConnectInfo<Peer>, request: HttpRequest) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "The request is too large or was cut off.").into_response();
    };
    let (shared, path) = (&place.shared, head.uri.path().to_owned());
    if let Some(rest) = path.strip_prefix("/_admin/") {
        if !peer.address.ip().is_loopback() {
            return (StatusCode::FORBIDDEN, "The admin door is for this machine only.").into_response();
        }
        peer.spare();
        let (status, value) = admin::handle(shared, &head.method, rest, &body);
        return write(Answer::text(status, "application/json", value.to_string()), &peer);
    }
    let visitor = Visitor { peer: &peer, headers: &head.headers, uri: &head.uri };
    let mut seen = begin(shared, &head.method, visitor);
    let answer = if path.eq_ignore_ascii_case(PATH) {
        inside(shared, &head.method, visitor, &body, &mut seen).await
    } else if let Some(protocol) = autodiscover::Protocol::at(&path) {
        autodiscover::answer(shared, place.host.as_deref(), protocol, &head.method, visitor, &body, &mut seen).await
    } else if path.eq_ignore_ascii_case("/owa") || path.to_ascii_lowercase().starts_with("/owa/") {
        let mut inner = shared.lock();
        let state = shared.graph.lock();
        forms::site(&mut inner, &state, (&head.method, &head.uri, &head.headers), &body, shared.graph.clock.now())
    } else {
        Answer::bare(404)
    };
    write(noted(shared, &head.headers, answer, seen), &peer)
}

/// What the log says of a request before anything is done.
fn begin(shared: &Shared, method: &Method, visitor: Visitor<'_>) -> Seen {
    let word = |name: &str| visitor.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    Seen {
        at: shared.graph.clock.now(),
        connection: visitor.peer.number,
        method: method.to_string(),
        path: visitor.uri.path().to_owned(),
        host: word("host"),
        scheme: Some(visitor.authorization().0.to_owned()).filter(|s| !s.is_empty()),
        anchor: word("x-anchormailbox"),
        ..Seen::default()
    }
}

/// Names the request in the answer, and puts both into the log.
fn noted(shared: &Shared, headers: &HeaderMap, mut answer: Answer, mut seen: Seen) -> Answer {
    let asked = headers.get("client-request-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
    answer.headers.push(("request-id", asked.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())));
    answer.headers.push(("x-feserver", "SIMULATED01".to_owned()));
    seen.status = answer.status;
    seen.code = answer.code.take();
    shared.lock().log.add(seen);
    answer
}

/// Lets a visitor in and notes who it is.
///
/// # Errors
/// What is answered instead.
pub(crate) fn enter(shared: &Shared, visitor: Visitor<'_>, seen: &mut Seen) -> Result<auth::Entered, Box<Answer>> {
    let mut inner = shared.lock();
    let state = shared.graph.lock();
    let entered = auth::enter(&mut inner, &state, visitor, shared.graph.clock.now())?;
    seen.account = Some(entered.identity.name());
    Ok(entered)
}

/// Answers a request of the service.
async fn inside(shared: &Arc<Shared>, method: &Method, visitor: Visitor<'_>, body: &Bytes, seen: &mut Seen) -> Answer {
    let auth::Entered { identity, headers: login } = match enter(shared, visitor, seen) {
        Ok(entered) => entered,
        Err(answer) => return *answer,
    };
    let mut answer = served(shared, (method, visitor.headers), &identity, body, seen).await;
    answer.headers.extend(login);
    answer
}

async fn served(
    shared: &Arc<Shared>,
    (method, headers): (&Method, &HeaderMap),
    identity: &auth::Identity,
    body: &Bytes,
    seen: &mut Seen,
) -> Answer {
    if method != Method::POST {
        return Answer::bare(405);
    }
    seen.body = Some(String::from_utf8_lossy(body).into_owned());
    let request = Request::read(body);
    let names = note(shared, request.as_ref().ok(), identity, seen);
    let config = shared.lock().config.clone();
    let off = config.disabled || config.disabled_for.iter().any(|d| names.contains(&d.to_lowercase()));
    let rule = shared.faults.take("POST", &format!("{PATH}#{}", seen.operation), &names);
    if off || rule == Some(Kind::Disabled) {
        return switched_off();
    }
    let request = match request {
        Ok(request) => request,
        Err(fault) => return soap(shared, Err(fault)),
    };
    if let Some(answer) = before(shared, rule.as_ref()).await {
        return answer;
    }
    let (machine, prefers) = notifications::machine(&config, &shared.graph.lock(), headers);
    let request = Request { machine, ..request };
    let mut answer = soap(shared, carry_out(shared, &request, identity, rule.as_ref()));
    if request.operation == "Subscribe" {
        push::begin(shared);
    }
    if request.operation == "GetStreamingEvents" {
        answer.live = Live::claim(shared, &request.body().map(ops::notifications::asked).unwrap_or_default());
    }
    if prefers {
        answer.headers.push(("set-cookie", notifications::cookie(machine)));
    }
    after(answer, rule)
}

/// Fills in what the request says of itself; gives the names of its mailbox.
fn note(shared: &Shared, request: Option<&Request>, identity: &auth::Identity, seen: &mut Seen) -> Vec<String> {
    let Some(request) = request else { return Vec::new() };
    seen.operation.clone_from(&request.operation);
    seen.version = request.version().map(str::to_owned);
    let state = shared.graph.lock();
    let own = match identity {
        auth::Identity::Account { user, .. } => Some(user.as_str()),
        auth::Identity::App => None,
    };
    let found = request.address().or(own).and_then(|a| state.user(a).ok());
    seen.mailbox = found.map(|(_, m)| m.user.user_principal_name.clone());
    found.map(|(_, m)| m.user.names()).unwrap_or_default()
}

fn switched_off() -> Answer {
    let mut answer = Answer::bare(403);
    answer.headers.push((
        "x-ms-diagnostics",
        "2000008;reason=\"EWS is disabled for this tenant or mailbox.\";error_category=\"ews_disabled\"".to_owned(),
    ));
    answer
}

/// Faults that come in place of carrying the request out.
async fn before(shared: &Shared, rule: Option<&Kind>) -> Option<Answer> {
    Some(match rule? {
        Kind::Delay { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            return None;
        }
        Kind::Status { status, retry_after } => {
            let mut answer = Answer::bare(*status);
            answer.headers.extend(retry_after.map(|s| ("retry-after", s.to_string())));
            answer
        }
        Kind::Reset => Answer::reset(),
        Kind::Html => Answer::text(200, "text/html; charset=utf-8", forms::page("/owa/")),
        Kind::Empty => Answer::text(200, "text/xml; charset=utf-8", ""),
        Kind::Huge { bytes } => {
            let mut text = String::from(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><Padding>",
            );
            text.push_str(&"x".repeat(bytes.saturating_sub(text.len())));
            Answer::text(200, "text/xml; charset=utf-8", text)
        }
        Kind::Entities => {
            let mut text = String::from("<?xml version=\"1.0\"?><!DOCTYPE b [<!ENTITY a0 \"boom\">");
            for n in 1..10 {
                text.push_str(&format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10)));
            }
            text.push_str("]><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><b>&a9;</b></s:Body></s:Envelope>");
            Answer::text(200, "text/xml; charset=utf-8", text)
        }
        Kind::Busy { back_off_ms, form: BusyForm::Fault } => soap(shared, Err(fault::busy(*back_off_ms).into())),
        Kind::Busy { back_off_ms, form: BusyForm::Wrapped } => {
            let inner = fault::busy(*back_off_ms);
            let outer = Trouble {
                details: inner.details,
                ..Trouble::new("ErrorInternalServerError", "An internal server error occurred. The operation failed.")
            };
            let outer = outer.detail("InnerErrorMessageText", inner.text).detail("InnerErrorResponseCode", inner.code);
            soap(shared, Err(Fault { status: 200, trouble: outer }))
        }
        Kind::Busy { form: BusyForm::Unavailable, .. } => Answer::bare(503),
        Kind::Fault { code } => soap(shared, Err(fault::trouble(code).into())),
        _ => return None,
    })
}

/// Faults of an answer that is there.
fn after(mut answer: Answer, rule: Option<Kind>) -> Answer {
    match rule {
        Some(Kind::Lost { status: None }) => Answer::reset(),
        Some(Kind::Lost { status: Some(status) }) => Answer::bare(status),
        Some(Kind::SlowBody { ms, chunk }) => {
            answer.slow = Some((ms, chunk.max(1)));
            answer
        }
        Some(Kind::Truncated) => {
            answer.body.truncate(answer.body.len() / 2);
            answer
        }
        Some(Kind::WrongEncoding) => {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            answer.body = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            answer
        }
        _ => answer,
    }
}

/// An answer or a fault as a document.
fn soap(shared: &Shared, result: Result<Element, Fault>) -> Answer {
    let config = shared.lock().config.clone();
    let (status, body, fault) = match result {
        Ok(body) => (200, body, None),
        Err(fault) => (fault.status, fault.element(), Some(fault.trouble.code)),
    };
    let kind = if config.deviations.bare_content_type { "text/xml" } else { "text/xml; charset=utf-8" };
    let mut code = fault;
    body.walk(&mut |e| {
        if e.name == "m:ResponseCode" && e.text != "NoError" && code.is_none() {
            code = Some(e.text.clone());
        }
    });
    Answer { code, ..Answer::text(status, kind, document(&envelope(config.version, body))) }
}

fn write(answer: Answer, peer: &Peer) -> Response {
    if answer.reset {
        peer.reset();
        return Response::new(Body::empty());
    }
    let body = match (answer.live, answer.slow) {
        (Some(live), _) => live.body(answer.body),
        (None, Some((ms, chunk))) => slow(&answer.body, ms, chunk),
        (None, None) => Body::from(answer.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(kind) = answer.content_type {
        response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn slow(bytes: &[u8], ms: u64, chunk: usize) -> Body {
    let pieces: Vec<Bytes> = bytes.chunks(chunk).map(Bytes::copy_from_slice).collect();
    Body::from_stream(stream::unfold(pieces.into_iter(), move |mut rest| async move {
        let piece = rest.next()?;
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Some((Ok::<_, std::convert::Infallible>(piece), rest))
    }))
}
