//! What the receiver answers.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use calport_model::descriptor::HookAnswer;

/// Why a request is not acknowledged; each is one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Forged,
    Malformed,
    Method,
    TooLarge,
    Incomplete,
    Unavailable,
}

/// An answer that a connector declared: an acknowledgement, or a farewell.
pub(super) fn declared(answer: &HookAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).ok().filter(StatusCode::is_success).unwrap_or(StatusCode::ACCEPTED);
    let kind = Some(answer.content_type.as_str()).filter(|kind| !kind.is_empty()).and_then(|kind| HeaderValue::from_str(kind).ok());
    let mut response = (status, safe(), answer.body.clone()).into_response();
    match kind {
        Some(kind) => response.headers_mut().insert(header::CONTENT_TYPE, kind),
        None => response.headers_mut().remove(header::CONTENT_TYPE),
    };
    response
}

pub(super) fn refused(refusal: Refusal) -> Response {
    let text = "text/plain; charset=utf-8";
    match refusal {
        Refusal::Forged => plain(StatusCode::FORBIDDEN, text, "not known\n"),
        Refusal::Malformed => plain(StatusCode::BAD_REQUEST, text, "not readable\n"),
        Refusal::Method => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, text, "POST only\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
            response
        }
        Refusal::TooLarge => plain(StatusCode::PAYLOAD_TOO_LARGE, text, "too large\n"),
        Refusal::Incomplete => plain(StatusCode::REQUEST_TIMEOUT, text, "incomplete\n"),
        Refusal::Unavailable => {
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text, "try again\n");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY.as_secs()));
            response
        }
    }
}

/// What a sender that got 503 is asked to wait.
const RETRY: Duration = Duration::from_secs(10);

pub(super) fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "nothing here\n")
}

pub(super) fn plain(status: StatusCode, kind: &'static str, text: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, kind)], safe(), text.into()).into_response()
}

/// A browser that is led here must not take an answer for anything else, nor keep it.
fn safe() -> [(HeaderName, &'static str); 2] {
    [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")]
}
