//! The one way out: what the runtime asks of the egress, whichever of its two HTTP interfaces a connector uses.
//!
//! The gate decides, resolves, connects, authenticates and sends (`calport-egress`); the runtime only bounds what a
//! connector may hand to it. Tests put a fake in its place.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

/// A request of a connector, without any credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers; those that belong to the host are not among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Bytes>,
    /// The person whose own credential is to be used; `None` for the connection's.
    pub identity: Option<String>,
    /// Requests of one session share cookies, nonce or connection, one after the other.
    pub session: Option<String>,
    /// What a refusal for too many requests reaches; `None` for the whole connection.
    pub scope: Option<String>,
    /// Whether it may be sent again when its outcome is not known (SEMANTICS S-15).
    pub safe_to_repeat: bool,
    /// How long to wait for the answer to begin; `None` for the connection's setting.
    pub timeout: Option<Duration>,
    /// How long a streamed body may be silent; `None` for the connection's setting.
    pub quiet: Option<Duration>,
    /// Sent without any credential or cookie.
    pub anonymous: bool,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case, without those of authentication and cookies.
    pub headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: Bytes,
}

/// The beginning of an answer; dropping its body ends the request.
pub struct HttpStream {
    /// The status.
    pub status: u16,
    /// Headers, as in [`HttpResponse`].
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Box<dyn HttpBody>,
}

/// A body that is read in pieces.
pub trait HttpBody: Send {
    /// The next piece, `None` at the end. Dropping the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, HttpError>>;
}

/// Why there is no answer; the cases of the WIT package's `http-error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The connection's rules do not allow it: the rule, and the line that would allow it.
    #[error("denied: {0}")]
    Denied(String),
    /// The host or the server holds this scope back.
    #[error("held back for {} ms", .0.as_millis())]
    Throttled(Duration),
    /// No credential could be had, or it was refused.
    #[error("no credential: {0}")]
    Unauthorized(String),
    /// No connection; nothing was sent.
    #[error("not reachable: {0}")]
    Unreachable(String),
    /// It may have taken effect.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The answer is larger than this many bytes.
    #[error("the answer has more than {0} bytes")]
    TooLarge(u64),
    /// The request is malformed.
    #[error("malformed request: {0}")]
    Invalid(String),
}

/// The way out of one connection.
pub trait HttpGate: Send + Sync {
    /// Sends a request and reads the whole answer. Dropping the future ends the request.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>>;

    /// Sends a request and returns when the answer begins.
    fn open(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>>;
}

/// A gate that lets nothing through: for the trial of a file that belongs to no connection yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClosedGate;

impl HttpGate for ClosedGate {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async { Err(HttpError::Denied(NO_REQUESTS.to_owned())) })
    }

    fn open(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>> {
        Box::pin(async { Err(HttpError::Denied(NO_REQUESTS.to_owned())) })
    }
}

const NO_REQUESTS: &str = "no request may be sent while a connector is described";
