//! Requests and answers as the rest of the host sees them.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};

/// A request from a connector; hostile until the policy has judged it.
#[derive(Clone)]
pub struct Request {
    /// The method; `CONNECT` and `TRACE` are refused.
    pub method: Method,
    /// An absolute URL under one of the connection's endpoints.
    pub url: String,
    /// The connector's own headers; those that are the host's are refused by name.
    pub headers: HeaderMap,
    /// The whole body, kept for replay after an authentication challenge.
    pub body: Bytes,
    /// A person's own credential instead of the endpoint's; must be configured at the endpoint.
    pub identity: Option<String>,
    /// A server-side session. With Digest it is the nonce, and requests of one session go out one after the other; with all other
    /// schemes it is a set of cookies, such as those that keep a session at one machine behind a load balancer.
    pub session: Option<String>,
    /// What is stopped together when the server asks to slow down, for instance a mailbox. `None`: the whole connection.
    pub scope: Option<String>,
    /// Sending it twice does no harm. `GET`, `HEAD` and `OPTIONS` always count as such.
    pub safe_to_repeat: bool,
    /// Shorter than the endpoint's total time limit; longer values are cut to it.
    pub timeout: Option<Duration>,
    /// Marks a stream of events for [`crate::Connection::open`]: how long its body may be silent, in place of `between_bytes`. It
    /// counts among `concurrent_streams` and not among the requests, and holds its session only until the answer begins.
    pub quiet: Option<Duration>,
    /// Sent without credential and cookies, whatever the endpoint has; then there is no `identity`.
    pub anonymous: bool,
}

impl Request {
    /// A request without headers, body, identity, session and scope.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            identity: None,
            session: None,
            scope: None,
            safe_to_repeat: false,
            timeout: None,
            quiet: None,
            anonymous: false,
        }
    }

    pub(crate) fn harmless_twice(&self) -> bool {
        self.safe_to_repeat || self.method.is_safe()
    }
}

/// Debug shows the shape only: URL queries, headers and bodies may carry private texts.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({} with {} headers and {} bytes)", self.method, self.headers.len(), self.body.len())
    }
}

/// A whole answer.
#[derive(Clone)]
pub struct Response {
    /// The status. Redirects are answers like others: they are never followed.
    pub status: StatusCode,
    /// Headers without cookies, authentication and connection matters.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// The server asked to slow down: the scope is stopped for so long (SEMANTICS B-43).
    pub stopped_for: Option<Duration>,
}

impl Response {
    /// Whether the server sent a page for people, as login pages and publishing proxies do (SEMANTICS B-49).
    #[must_use]
    pub fn is_html(&self) -> bool {
        looks_like_html(&self.headers, &self.body)
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Response({} with {} bytes)", self.status.as_u16(), self.body.len())
    }
}

/// Whether an answer is an HTML page by its type, or by its first bytes if the type says nothing.
#[must_use]
pub fn looks_like_html(headers: &HeaderMap, body: &[u8]) -> bool {
    match headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes) {
        Some(kind) if !kind.is_empty() => {
            let kind = kind.to_ascii_lowercase();
            kind.starts_with(b"text/html") || kind.starts_with(b"application/xhtml")
        }
        _ => {
            let start = body.trim_ascii_start().get(..15).unwrap_or(body.trim_ascii_start()).to_ascii_lowercase();
            start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
        }
    }
}
