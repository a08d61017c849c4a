//! The PBX's web server: answers with the real one's headers in the real order, and faults on demand.
//!
//! Two differences remain, both HTTP's own freedom: header names go out in lower case, and a 204 has no `Content-Length: 0`.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use bytes::Bytes;
use futures::StreamExt as _;

use super::ami::{self, Params};
use super::digest::{Credentials, challenge};
use super::session::{Admission, fresh_key};
use super::{Shared, admin, ari};
use crate::fault::Kind;
use crate::serve::Peer;

/// The realm of the manager.
const REALM: &str = "asterisk";
/// Largest body taken, in bytes.
const BODY_LIMIT: usize = 40_960;
/// Longest request line taken, in bytes.
const LINE_LIMIT: usize = 4096;
/// Longest wait for an event, in seconds: a session's life less ten.
const WAIT_LIMIT: i64 = super::session::IDLE_LIFE - 10;

/// An answer before it gets the server's headers.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers between `Cache-Control` and `Content-Type`.
    pub extra: Vec<(&'static str, String)>,
    /// The media type, or empty.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer of this status and media type.
    pub fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, extra: Vec::new(), content_type, body }
    }

    /// An answer in JSON, indented as the PBX does.
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json", serde_json::to_vec_pretty(value).unwrap_or_default())
    }

    /// A page of the web server itself.
    pub fn page(status: u16) -> Self {
        let title = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error");
        let body = format!("<html><head><title>{status} {title}</title></head><body>\r\n<h1>{title}</h1>\r\n</body></html>\r\n");
        Self::new(status, "text/html", body.into_bytes())
    }

    fn unauthorized(nonce: u32, stale: bool) -> Self {
        let mut reply = Self::page(401);
        reply.extra.push(("www-authenticate", challenge(REALM, nonce, stale)));
        reply
    }
}

/// Answers every request.
pub async fn serve(State(shared): State<Arc<Shared>>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else { return finish(&shared, Reply::page(413), None) };
    let path = head.uri.path().to_owned();
    if let Some(rest) = path.strip_prefix("/_admin/") {
        let query = head.uri.query().unwrap_or_default();
        return finish(&shared, admin::answer(&shared, &head.method, rest, query, &body).await, None);
    }
    let target = head.uri.path_and_query().map_or("/", |p| p.as_str());
    let params = parameters(&head.method, head.uri.query(), &body);
    shared.change(|core| core.requests += 1);
    let form = if head.method == Method::POST { String::from_utf8_lossy(&body) } else { "".into() };
    let fault = shared.faults.take(head.method.as_str(), &format!("{target}?{form}"), &named_users(&params));
    match &fault {
        Some(Kind::Status { status, retry_after }) => {
            let mut reply = Reply::page(*status);
            reply.extra.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
            return finish(&shared, reply, None);
        }
        Some(Kind::Reset) => {
            peer.reset();
            return finish(&shared, Reply::page(500), None);
        }
        Some(Kind::Html) => return finish(&shared, Reply::page(200), None),
        Some(Kind::BadJson) => return finish(&shared, Reply::new(200, "application/json", br#"[{"name": "Sta"#.to_vec()), None),
        Some(Kind::Empty) => return finish(&shared, Reply::new(200, "text/plain", Vec::new()), None),
        Some(Kind::Gone) => return finish(&shared, Reply::page(410), None),
        Some(Kind::Delay { ms }) => tokio::time::sleep(std::time::Duration::from_millis(*ms)).await,
        Some(Kind::SlowBody { .. } | Kind::Lost { .. }) | None => {}
    }
    let mut reply = if target.len() > LINE_LIMIT { Reply::page(413) } else { route(&shared, &head, &params, &body).await };
    match fault {
        Some(Kind::Lost { status: Some(status) }) => reply = Reply::page(status),
        Some(Kind::Lost { status: None }) => peer.reset(),
        _ => {}
    }
    finish(&shared, reply, fault)
}

async fn route(shared: &Arc<Shared>, head: &axum::http::request::Parts, params: &Params, body: &[u8]) -> Reply {
    let Some(path) = head.uri.path().strip_prefix(shared.prefix.as_str()) else { return Reply::page(404) };
    match path {
        "/arawman" | "/amxml" | "/rawman" | "/mxml" if ![Method::GET, Method::HEAD, Method::POST].contains(&head.method) => {
            Reply::page(501)
        }
        "/arawman" | "/amxml" => manager_by_digest(shared, head, params, path == "/amxml").await,
        "/rawman" | "/mxml" => manager_by_cookie(shared, head, params, path == "/mxml").await,
        _ => match path.strip_prefix("/ari/") {
            Some(resource) => ari::answer(shared, head, resource, body),
            None => Reply::page(404),
        },
    }
}

async fn manager_by_digest(shared: &Arc<Shared>, head: &axum::http::request::Parts, params: &Params, xml: bool) -> Reply {
    let authorization = head.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let Some(credentials) = authorization.and_then(Credentials::parse) else { return Reply::unauthorized(fresh_key(), false) };
    let now = shared.clock.now();
    let admission = shared.change(|core| {
        let account = core.accounts.iter().find(|a| a.name.eq_ignore_ascii_case(&credentials.username));
        let proved = account.is_some_and(|a| credentials.proves(head.method.as_str(), REALM, &a.secret));
        (proved && !core.refuse_credentials).then(|| core.sessions.admit(&credentials, now))
    });
    match admission {
        None => Reply::unauthorized(fresh_key(), false),
        Some(Admission::Stale(nonce)) => Reply::unauthorized(nonce, true),
        Some(Admission::Session(id)) => text_reply(act(shared, id, params).await, xml),
    }
}

async fn manager_by_cookie(shared: &Arc<Shared>, head: &axum::http::request::Parts, params: &Params, xml: bool) -> Reply {
    let now = shared.clock.now();
    let cookie = head.headers.get(header::COOKIE).and_then(|v| v.to_str().ok()).and_then(|v| {
        let value = v.split(';').find_map(|c| c.trim().strip_prefix("mansession_id="))?;
        u32::from_str_radix(value.trim_matches('"'), 16).ok()
    });
    let known = cookie.and_then(|key| Some((shared.change(|c| c.sessions.by_cookie(key, now))?, key)));
    let logging_in = params.text("action").eq_ignore_ascii_case("login");
    let (text, key) = match known {
        Some((id, key)) => (act(shared, id, params).await, key),
        None if !logging_in => (ami::refused("Permission denied"), fresh_key()),
        None => shared.change(|core| {
            let (name, secret) = (params.text("username"), params.text("secret"));
            let good = !core.refuse_credentials && core.accounts.iter().any(|a| a.name == name && a.secret == secret);
            if good {
                let (_, key) = core.sessions.log_in(&name, now);
                (b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n".to_vec(), key)
            } else {
                (ami::refused("Authentication failed"), fresh_key())
            }
        }),
    };
    let mut reply = text_reply(text, xml);
    reply.extra.push(("set-cookie", format!("mansession_id=\"{key:08x}\"; Version=1; Max-Age={}", super::session::IDLE_LIFE)));
    reply.extra.push(("pragma", "SuppressEvents".to_owned()));
    reply
}

async fn act(shared: &Arc<Shared>, id: u64, params: &Params) -> Vec<u8> {
    let _busy = Busy::begin(shared, id);
    if params.text("action").eq_ignore_ascii_case("waitevent") {
        return wait(shared, id, params).await;
    }
    let now = shared.clock.now();
    shared.change(|core| ami::run(core, &shared.version, id, params, now))
}

/// Waits until the session has an event, the time is over, or another wait of the same session takes its place.
async fn wait(shared: &Arc<Shared>, id: u64, params: &Params) -> Vec<u8> {
    let asked = params.text("timeout").trim().parse::<i64>().unwrap_or(-1);
    let seconds = if (0..=WAIT_LIMIT).contains(&asked) { asked } else { WAIT_LIMIT };
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(seconds.unsigned_abs());
    let turn = shared.change(|core| {
        let account = core.sessions.get(id).map(|s| s.username.clone()).unwrap_or_default();
        let read = core.accounts.iter().find(|a| a.name.eq_ignore_ascii_case(&account)).map(|a| a.read.clone()).unwrap_or_default();
        let session = core.sessions.get(id)?;
        session.mask.get_or_insert_with(|| ami::mask("on", &read));
        session.waiter += 1;
        Some(session.waiter)
    });
    loop {
        let woken = shared.wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let over = tokio::time::Instant::now() >= deadline;
        let done = shared.change_quietly(|core| match core.sessions.get(id) {
            Some(session) if Some(session.waiter) == turn => {
                let done = over || session.stirred || !session.events.is_empty();
                session.parked = !done;
                done.then(|| {
                    session.stirred = false;
                    ami::wait_answer(&std::mem::take(&mut session.events), params)
                })
            }
            _ => Some(Vec::new()),
        });
        if let Some(answer) = done {
            return answer;
        }
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
}

/// Counts a request of a session as under way, also when its client goes away.
struct Busy {
    shared: Arc<Shared>,
    id: u64,
}

impl Busy {
    fn begin(shared: &Arc<Shared>, id: u64) -> Self {
        shared.change_quietly(|core| core.sessions.get(id).map(|s| s.busy += 1));
        Self { shared: Arc::clone(shared), id }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.shared.change_quietly(|core| core.sessions.get(self.id).map(|s| s.busy = s.busy.saturating_sub(1)));
    }
}

fn text_reply(text: Vec<u8>, xml: bool) -> Reply {
    if xml { Reply::new(200, "text/xml", ami::to_xml(&text)) } else { Reply::new(200, "text/plain", text) }
}

fn parameters(method: &Method, query: Option<&str>, body: &[u8]) -> Params {
    Params::parse(if method == Method::POST { body } else { query.unwrap_or_default().as_bytes() })
}

/// Users that a request names, for fault rules.
fn named_users(params: &Params) -> Vec<String> {
    let places = [params.text("variable"), params.text("provider")];
    let names = places.iter().filter_map(|p| p.split_once("CustomPresence:").map(|(_, n)| n.trim_end_matches(')').to_owned()));
    names.chain([params.text("key")]).filter(|n| !n.is_empty()).collect()
}

fn finish(shared: &Shared, reply: Reply, fault: Option<Kind>) -> Response<Body> {
    let length = reply.body.len();
    let body = match fault {
        Some(Kind::SlowBody { ms, chunk }) => slow(&reply.body, ms, chunk.unwrap_or(64)),
        _ => Body::from(reply.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let date = shared.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut lines =
        vec![("server", format!("Asterisk/{}", shared.version)), ("date", date), ("cache-control", "no-cache, no-store".to_owned())];
    lines.extend(reply.extra);
    if !reply.content_type.is_empty() {
        lines.push(("content-type", reply.content_type.to_owned()));
    }
    if reply.status != 204 {
        lines.push(("content-length", length.to_string()));
    }
    for (name, value) in lines {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn slow(body: &[u8], ms: u64, chunk: usize) -> Body {
    let pieces: Vec<Bytes> = body.chunks(chunk.max(1)).map(Bytes::copy_from_slice).collect();
    let pause = std::time::Duration::from_millis(ms);
    Body::from_stream(futures::stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::convert::Infallible>(piece)
    }))
}
