//! The HTTP side: axum in, calls out, and answers written as a fault rule wants them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;

use super::admin;
use super::dispatch::dispatch;
use super::http::{Answer, Call, Wire};
use super::shared::Shared;
use crate::serve::Peer;

/// Largest request body; the service takes 4 MB.
const LARGEST: usize = 4 << 20;

/// The whole server.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(entry).with_state(shared)
}

async fn entry(State(shared): State<Arc<Shared>>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "The request is too large or was cut off.").into_response();
    };
    let host = head.headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or("localhost").to_owned();
    let target = head.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let call = Call::new(head.method, &target, head.headers, body, &format!("http://{host}"));
    let answer = if call.path.first().is_some_and(|s| s == "_admin") {
        if !peer.address.ip().is_loopback() {
            return (StatusCode::FORBIDDEN, "The admin door is for this machine only.").into_response();
        }
        admin::handle(&shared, &call)
    } else {
        dispatch(&shared, call, false).await
    };
    let date = shared.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    write(answer.with("date", date), &peer)
}

fn write(answer: Answer, peer: &Peer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut kind = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
    let text = match (&answer.wire, &answer.body) {
        (Wire::Raw { content_type, text }, _) => {
            kind = content_type;
            Some(text.clone())
        }
        (_, Some(body)) => Some(body.to_string()),
        (_, None) => None,
    };
    let has_body = text.is_some();
    let body = match (answer.wire, text) {
        (Wire::Reset, _) => {
            peer.reset();
            Body::empty()
        }
        (Wire::Slow { ms, chunk }, Some(text)) => slow(text.into_bytes(), ms, chunk),
        (_, Some(text)) => Body::from(text),
        (_, None) => Body::empty(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if has_body {
        response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn slow(bytes: Vec<u8>, ms: u64, chunk: usize) -> Body {
    let pieces: Vec<Bytes> = bytes.chunks(chunk).map(Bytes::copy_from_slice).collect();
    Body::from_stream(stream::unfold(pieces.into_iter(), move |mut rest| async move {
        let piece = rest.next()?;
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Some((Ok::<_, std::convert::Infallible>(piece), rest))
    }))
}
