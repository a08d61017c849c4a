//! From an unsuccessful answer of Graph to the one error of the package.
//!
//! The case follows Graph's own code where it says more than the status. Graph's explanation is kept only for 401 and
//! 403, where it names rights and policies; elsewhere it may quote what was sent.

use calport_sdk::common::{Error, ErrorKind, ErrorScope, InvalidValue};
use calport_sdk::error::StatusError;
use calport_sdk::http::{Response, ResponseExt};
use serde::Deserialize;

/// Longest part of Graph's explanation that is passed on, in characters.
const REASON_LIMIT: usize = 300;

/// Graph's code for a `transactionId` that made a different event before; it comes with 400 or 409.
pub const DUPLICATE_TRANSACTION: &str = "ErrorDuplicateTransactionId";

/// What a request was for; it decides how far a failure reaches and what the administrator is told.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// What is being done, such as `reading the calendar`.
    pub doing: &'a str,
    /// The permission that it needs, named when access is denied.
    pub permission: &'a str,
    /// The mailbox, when only one is concerned.
    pub mailbox: Option<&'a str>,
}

#[derive(Deserialize)]
struct Envelope {
    error: Body,
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default, rename = "request-id")]
    request_id: Option<String>,
}

/// The error of an answer whose status is not 2xx.
pub fn from_response(response: &Response, purpose: &Purpose<'_>) -> Error {
    let body = serde_json::from_slice::<Envelope>(&response.body).map(|e| e.error).unwrap_or_default();
    let status = StatusError::new(response);
    let code = body.code.as_deref().unwrap_or_default();
    let kind = kind_of(response.status, code, response.retry_after_ms());
    let scope = scope_of(response.status, code, kind.as_ref(), purpose.mailbox.is_some());
    let header = response.header_value("request-id").map(str::to_owned);
    let request_id = header.or(body.inner.and_then(|i| i.request_id));
    let status = status.scope(scope).request_id(request_id);
    let status = match kind {
        Some(kind) => status.kind(kind),
        None => status,
    };
    let status = match response.status {
        401 => status.reason(shortened(body.message)),
        403 => status.reason(format!("{} Needed: {}.", shortened(body.message), purpose.permission)),
        _ if response.is_html() => status.reason("an HTML page came instead of Graph's JSON; check the endpoint's URL and any proxy"),
        _ => status,
    };
    status.code(body.code).into_error(purpose.doing)
}

fn shortened(message: Option<String>) -> String {
    message.unwrap_or_default().chars().filter(|c| !c.is_control()).take(REASON_LIMIT).collect()
}

fn is_any(code: &str, of: &[&str]) -> bool {
    of.iter().any(|c| code.eq_ignore_ascii_case(c))
}

/// The case where Graph's code says more than the status.
fn kind_of(status: u16, code: &str, retry_after_ms: Option<u64>) -> Option<ErrorKind> {
    // On the wire the code is `SyncStateNotFound`, in the documentation `syncStateNotFound`.
    if status == 410 || is_any(code, &["SyncStateNotFound", "SyncStateInvalid", "resyncRequired"]) {
        return Some(ErrorKind::CursorExpired);
    }
    if is_any(code, &["ErrorIrresolvableConflict", "PreconditionFailed", "ErrorChangeKeyRequiredForWriteOperations"]) {
        return Some(ErrorKind::Conflict(None));
    }
    if is_any(code, &["ApplicationThrottled", "TooManyRequests", "ErrorServerBusy", "UnavailableServerBusy"]) {
        return Some(ErrorKind::Throttled(retry_after_ms));
    }
    if is_any(code, &["ErrorItemNotFound", "ErrorNonExistentMailbox", "ErrorInvalidUser", "Request_ResourceNotFound"]) {
        return Some(ErrorKind::NotFound);
    }
    if is_any(code, &["ErrorInvalidIdMalformed", "ErrorInvalidId"]) {
        let reason = "the server does not read this id".to_owned();
        return Some(ErrorKind::Invalid(InvalidValue { field: "id".to_owned(), reason }));
    }
    if is_any(code, &["ErrorOccurrenceCrossingBoundary", "ErrorOccurrenceTimeSpanTooBig"]) {
        return Some(ErrorKind::Refused("occurrence-crosses-neighbour".to_owned()));
    }
    if is_any(code, &[DUPLICATE_TRANSACTION]) {
        return Some(ErrorKind::Refused(code.to_owned()));
    }
    (status == 400 || status == 422).then(|| ErrorKind::Refused(if code.is_empty() { "BadRequest" } else { code }.to_owned()))
}

fn scope_of(status: u16, code: &str, kind: Option<&ErrorKind>, one_mailbox: bool) -> ErrorScope {
    if !one_mailbox || status == 401 {
        return ErrorScope::Connection;
    }
    let of_item = matches!(kind, Some(ErrorKind::Refused(_) | ErrorKind::Invalid(_) | ErrorKind::Conflict(_)))
        || matches!(status, 409 | 412 | 413)
        || (status == 404 && is_any(code, &["ErrorItemNotFound", "ResourceNotFound", "itemNotFound"]));
    if of_item { ErrorScope::Item } else { ErrorScope::Mailbox }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: Purpose<'_> = Purpose { doing: "reading the calendar", permission: "Calendars.Read", mailbox: Some("u1") };

    fn error(status: u16, headers: &[(&str, &str)], code: &str) -> Error {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let body = format!(r#"{{"error":{{"code":"{code}","message":"Said: Secret subject","innerError":{{"request-id":"r-1"}}}}}}"#);
        from_response(&Response { status, headers, body: body.into_bytes() }, &PURPOSE)
    }

    #[test]
    fn c06_an_expired_sync_state_is_found_by_status_and_by_code_in_any_case() {
        assert_eq!(error(410, &[], "SyncStateNotFound").kind, ErrorKind::CursorExpired);
        assert_eq!(error(400, &[], "syncStateNotFound").kind, ErrorKind::CursorExpired);
        assert_eq!(error(410, &[], "").scope, ErrorScope::Mailbox);
    }

    #[test]
    fn throttling_keeps_the_wait_and_reaches_one_mailbox() {
        let got = error(429, &[("retry-after", "2.128")], "ApplicationThrottled");
        assert_eq!(got.kind, ErrorKind::Throttled(Some(2_128)));
        assert_eq!(got.scope, ErrorScope::Mailbox);
        assert_eq!(error(429, &[], "TooManyRequests").kind, ErrorKind::Throttled(None));
    }

    #[test]
    fn a_denied_mailbox_names_the_permission_and_the_request() {
        let got = error(403, &[("request-id", "r-2")], "ErrorAccessDenied");
        assert_eq!((got.kind, got.scope), (ErrorKind::Forbidden, ErrorScope::Mailbox));
        assert!(got.message.contains("Calendars.Read"), "{}", got.message);
        assert_eq!(got.code.as_deref(), Some("ErrorAccessDenied"));
        assert_eq!(got.request_id.as_deref(), Some("r-2"));
        assert_eq!(error(401, &[], "InvalidAuthenticationToken").scope, ErrorScope::Connection);
    }

    #[test]
    fn explanations_that_may_quote_content_are_not_passed_on() {
        let got = error(400, &[], "ErrorPropertyValidationFailure");
        assert!(!got.message.contains("Secret"), "{}", got.message);
        assert_eq!(got.kind, ErrorKind::Refused("ErrorPropertyValidationFailure".into()));
        assert_eq!(got.request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn b17_an_occurrence_that_would_pass_its_neighbour_is_a_refusal_of_one_item() {
        let got = error(400, &[], "ErrorOccurrenceCrossingBoundary");
        assert_eq!((got.kind, got.scope), (ErrorKind::Refused("occurrence-crosses-neighbour".into()), ErrorScope::Item));
    }

    #[test]
    fn a_missing_item_and_a_missing_mailbox_reach_differently() {
        assert_eq!(error(404, &[], "ErrorItemNotFound").scope, ErrorScope::Item);
        assert_eq!(error(404, &[], "MailboxNotEnabledForRESTAPI").scope, ErrorScope::Mailbox);
        assert_eq!(error(404, &[], "MailboxNotEnabledForRESTAPI").kind, ErrorKind::NotFound);
    }

    #[test]
    fn a_page_of_html_is_said_to_be_one() {
        let page = Response { status: 502, headers: Vec::new(), body: b"<html><h1>Bad gateway</h1>".to_vec() };
        let got = from_response(&page, &PURPOSE);
        assert_eq!(got.kind, ErrorKind::Unavailable);
        assert!(got.message.contains("HTML"), "{}", got.message);
    }
}
