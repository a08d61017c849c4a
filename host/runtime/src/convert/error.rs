//! The one error variant.

use std::time::Duration;

use calport_model::{ConnectorError, ErrorKind, ErrorScope};

use crate::bindings::imports::common;
use crate::guest_log::clean;

/// Bytes of a message or code that is kept.
const MESSAGE: usize = 600;
/// Bytes of a code or request id.
const CODE: usize = 200;
/// The longest wait a connector may pass on; more is a mistake of the server.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);

/// An error of one item for a guest.
pub(crate) fn item_error(kind: common::ErrorKind, message: String) -> common::Error {
    common::Error { kind, scope: common::ErrorScope::Item, message, code: None, request_id: None }
}

/// A connector's error in the host's words.
pub(crate) fn from_guest(error: common::Error) -> ConnectorError {
    let short = |text: &str| clean(text, CODE);
    let kind = match error.kind {
        common::ErrorKind::Unauthorized => ErrorKind::Unauthorized,
        common::ErrorKind::Forbidden => ErrorKind::Forbidden,
        common::ErrorKind::NotFound => ErrorKind::NotFound,
        common::ErrorKind::Conflict(version) => ErrorKind::Conflict(version.map(|v| short(&v))),
        common::ErrorKind::CursorExpired => ErrorKind::CursorExpired,
        common::ErrorKind::Throttled(wait) => ErrorKind::Throttled(wait.map(|ms| Duration::from_millis(ms).min(LONGEST_WAIT))),
        common::ErrorKind::Unavailable => ErrorKind::Unavailable,
        common::ErrorKind::OutcomeUnknown => ErrorKind::OutcomeUnknown,
        common::ErrorKind::Moved(place) => ErrorKind::Moved(place.map(|p| short(&p))),
        common::ErrorKind::Refused(rule) => ErrorKind::Refused(short(&rule)),
        common::ErrorKind::Invalid(value) => ErrorKind::Invalid { field: short(&value.field), reason: clean(&value.reason, MESSAGE) },
        common::ErrorKind::Unsupported => ErrorKind::Unsupported,
        common::ErrorKind::Protocol(mismatch) => {
            ErrorKind::Protocol { expected: clean(&mismatch.expected, MESSAGE), got: clean(&mismatch.got, MESSAGE) }
        }
    };
    let scope = match error.scope {
        common::ErrorScope::Item => ErrorScope::Item,
        common::ErrorScope::Mailbox => ErrorScope::Mailbox,
        common::ErrorScope::Connection => ErrorScope::Connection,
    };
    ConnectorError {
        kind,
        scope,
        message: clean(&error.message, MESSAGE),
        code: error.code.map(|c| short(&c)),
        request_id: error.request_id.map(|r| short(&r)),
    }
}

/// A connector broke the contract.
pub(crate) fn broken(scope: ErrorScope, reason: impl Into<String>) -> ConnectorError {
    ConnectorError::new(ErrorKind::Plugin, scope, format!("the connector answered wrongly: {}; report it to its maker", reason.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_x02_a_connectors_error_is_bounded_and_cannot_forge_lines() {
        let error = from_guest(common::Error {
            kind: common::ErrorKind::Throttled(Some(u64::MAX)),
            scope: common::ErrorScope::Mailbox,
            message: format!("a\nb{}", "x".repeat(10_000)),
            code: Some("c".repeat(10_000)),
            request_id: None,
        });
        assert!(error.message.len() <= MESSAGE + '…'.len_utf8() && !error.message.contains('\n'));
        assert!(error.code.is_some_and(|c| c.len() <= CODE + '…'.len_utf8()));
        assert_eq!(error.kind, ErrorKind::Throttled(Some(LONGEST_WAIT)));
    }
}
