//! Building the one error of all functions, and finding its case from an HTTP answer.
//!
//! Nothing here puts a URL's query, a credential or the text of an item into a message. `serde_json`'s own messages
//! quote values, so only their place in the document is kept.

use crate::common::{Error, ErrorKind, ErrorScope, InvalidValue, ProtocolMismatch};
use crate::http::{HttpError, Response, ResponseExt};

/// An error that reaches one item.
pub fn item(kind: ErrorKind, message: impl Into<String>) -> Error {
    new(kind, ErrorScope::Item, message)
}

/// An error that reaches one mailbox, employee or PBX user.
pub fn mailbox(kind: ErrorKind, message: impl Into<String>) -> Error {
    new(kind, ErrorScope::Mailbox, message)
}

/// An error that reaches the whole connection.
pub fn connection(kind: ErrorKind, message: impl Into<String>) -> Error {
    new(kind, ErrorScope::Connection, message)
}

/// An error with its reach.
pub fn new(kind: ErrorKind, scope: ErrorScope, message: impl Into<String>) -> Error {
    Error { kind, scope, message: message.into(), code: None, request_id: None }
}

/// The connector or the server cannot do `what` at all.
pub fn unsupported(what: impl Into<String>) -> Error {
    connection(ErrorKind::Unsupported, what)
}

/// `field` of a setting or of this package is not accepted. `reason` must not repeat a private text.
pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Error {
    let (field, reason) = (field.into(), reason.into());
    let message = format!("{field} is not accepted: {reason}");
    item(ErrorKind::Invalid(InvalidValue { field, reason }), message)
}

/// The server broke its protocol. `got` must hold no content of items.
pub fn protocol(expected: impl Into<String>, got: impl Into<String>) -> Error {
    let (expected, got) = (expected.into(), got.into());
    let message = format!("the server was expected to answer {expected}, it answered {got}");
    connection(ErrorKind::Protocol(ProtocolMismatch { expected, got }), message)
}

/// What a failed document looks like without quoting it.
pub fn json_place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Io => "an unreadable body",
        serde_json::error::Category::Syntax => "text that is not JSON",
        serde_json::error::Category::Data => "JSON of another shape",
        serde_json::error::Category::Eof => "JSON that ends too early",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// Changes to an error on its way out.
pub trait ErrorExt {
    /// The same with the vendor's own code.
    fn with_code(self, code: impl Into<String>) -> Self;
    /// The same with the id under which the vendor finds the request.
    fn with_request_id(self, id: Option<&str>) -> Self;
    /// The same with another reach.
    fn with_scope(self, scope: ErrorScope) -> Self;
    /// The same with what was tried in front of the message.
    fn while_doing(self, what: &str) -> Self;
}

impl ErrorExt for Error {
    fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
    fn with_request_id(mut self, id: Option<&str>) -> Self {
        self.request_id = id.map(str::to_owned);
        self
    }
    fn with_scope(mut self, scope: ErrorScope) -> Self {
        self.scope = scope;
        self
    }
    fn while_doing(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

/// The error for a request that got no answer.
///
/// `denied` and a malformed request are the connection's or the connector's own mistake and useless to repeat.
pub fn from_http(error: HttpError, what: &str) -> Error {
    let (kind, reason) = match error {
        HttpError::Denied(rule) => (ErrorKind::Refused(rule.clone()), format!("the host denied the request: {rule}")),
        HttpError::Throttled(wait) => (ErrorKind::Throttled(Some(wait)), format!("requests are held back for {wait} ms")),
        HttpError::Unauthorized(why) => (ErrorKind::Unauthorized, format!("no accepted credential: {why}")),
        HttpError::Unreachable(why) => (ErrorKind::Unavailable, format!("the server is not reachable: {why}")),
        HttpError::OutcomeUnknown(why) => (ErrorKind::OutcomeUnknown, format!("the answer did not come: {why}")),
        HttpError::TooLarge(limit) => (
            ErrorKind::Protocol(ProtocolMismatch {
                expected: format!("an answer of at most {limit} bytes"),
                got: "a larger one".to_owned(),
            }),
            format!("the answer is larger than the {limit} bytes that the connection allows"),
        ),
        HttpError::Invalid(why) => (
            ErrorKind::Invalid(InvalidValue { field: "request".to_owned(), reason: why.clone() }),
            format!("the request is malformed: {why}"),
        ),
    };
    connection(kind, format!("{what}: {reason}"))
}

/// An unsuccessful HTTP answer on its way to an error.
///
/// The case follows the status alone; a connector that knows more (a vendor's code) overrides with [`Self::kind`].
#[derive(Debug, Clone)]
pub struct StatusError {
    kind: ErrorKind,
    scope: ErrorScope,
    status: u16,
    reason: String,
    code: Option<String>,
    request_id: Option<String>,
}

impl StatusError {
    /// From an answer whose status is not 2xx. The body is not read.
    pub fn new(response: &Response) -> Self {
        Self::from_parts(response.status, response.retry_after_ms())
    }

    /// From a status and the wait in milliseconds that came with it, as for a part of a batch.
    pub fn from_parts(status: u16, retry_after_ms: Option<u64>) -> Self {
        let kind = match status {
            401 => ErrorKind::Unauthorized,
            403 => ErrorKind::Forbidden,
            404 | 410 => ErrorKind::NotFound,
            409 | 412 => ErrorKind::Conflict(None),
            429 => ErrorKind::Throttled(retry_after_ms),
            503 | 509 if retry_after_ms.is_some() => ErrorKind::Throttled(retry_after_ms),
            405 | 501 => ErrorKind::Unsupported,
            408 | 425 | 500..=599 => ErrorKind::Unavailable,
            300..=399 => ErrorKind::Moved(None),
            _ => ErrorKind::Refused(format!("HTTP {status}")),
        };
        Self { kind, scope: ErrorScope::Connection, status, reason: String::new(), code: None, request_id: None }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Another case than the status says.
    #[must_use]
    pub fn kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// How far the error reaches; the whole connection without it.
    #[must_use]
    pub fn scope(mut self, scope: ErrorScope) -> Self {
        self.scope = scope;
        self
    }

    /// The vendor's code.
    #[must_use]
    pub fn code(mut self, code: Option<String>) -> Self {
        self.code = code;
        self
    }

    /// The vendor's explanation. Only for texts that cannot hold content of items.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// The id under which the vendor finds the request.
    #[must_use]
    pub fn request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }

    /// The error of `what`, such as `reading the mailbox settings`.
    pub fn into_error(self, what: &str) -> Error {
        let mut message = format!("{what}: the server answered HTTP {}", self.status);
        if let Some(code) = &self.code {
            message.push_str(" (");
            message.push_str(code);
            message.push(')');
        }
        if !self.reason.is_empty() {
            message.push_str(": ");
            message.push_str(&self.reason);
        }
        Error { kind: self.kind, scope: self.scope, message, code: self.code, request_id: self.request_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_error_does_not_quote_the_document() {
        let error = serde_json::from_str::<u8>("\"Secret subject\"").unwrap_err();
        let text = json_place(&error);
        assert!(!text.contains("Secret"), "{text}");
        assert!(text.contains("another shape"), "{text}");
    }

    #[test]
    fn statuses_find_their_case() {
        let kind = |status, wait| StatusError::from_parts(status, wait).into_error("x").kind;
        assert_eq!(kind(401, None), ErrorKind::Unauthorized);
        assert_eq!(kind(403, None), ErrorKind::Forbidden);
        assert_eq!(kind(404, None), ErrorKind::NotFound);
        assert_eq!(kind(412, None), ErrorKind::Conflict(None));
        assert_eq!(kind(429, Some(2_128)), ErrorKind::Throttled(Some(2_128)));
        assert_eq!(kind(503, Some(1_000)), ErrorKind::Throttled(Some(1_000)));
        assert_eq!(kind(503, None), ErrorKind::Unavailable);
        assert_eq!(kind(501, None), ErrorKind::Unsupported);
        assert_eq!(kind(302, None), ErrorKind::Moved(None));
        assert_eq!(kind(418, None), ErrorKind::Refused("HTTP 418".to_owned()));
    }

    #[test]
    fn a_lost_answer_is_outcome_unknown_and_a_refused_connection_is_unavailable() {
        assert_eq!(from_http(HttpError::OutcomeUnknown("cut".into()), "x").kind, ErrorKind::OutcomeUnknown);
        assert_eq!(from_http(HttpError::Unreachable("refused".into()), "x").kind, ErrorKind::Unavailable);
    }
}
