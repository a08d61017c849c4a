//! What can be made to go wrong with an EWS request. Rules match by the operation's name (in place of a path) and the mailbox.

use serde::{Deserialize, Serialize};

use super::soap::Trouble;

/// In which form a server says that it is busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusyForm {
    /// HTTP 500 with a SOAP fault.
    #[default]
    Fault,
    /// HTTP 200 with the code in every response message.
    Code,
    /// HTTP 200, `ErrorInternalServerError` around it.
    Wrapped,
    /// HTTP 503 without SOAP.
    Unavailable,
}

/// What happens to a request that is hit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// A status without SOAP, optionally with `Retry-After` in seconds.
    Status {
        /// HTTP status, 400 to 599.
        status: u16,
        /// Seconds; none: no such header.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
    /// The connection is aborted without an answer (a TCP reset).
    Reset,
    /// The request is carried out in full, but its answer is lost.
    Lost {
        /// The error status that comes instead; none: the connection is aborted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    /// The true answer, late by this many milliseconds of real time.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The true answer, in small pieces with a pause before each.
    SlowBody {
        /// Pause before each piece, in milliseconds.
        ms: u64,
        /// Bytes per piece.
        #[serde(default = "small")]
        chunk: usize,
    },
    /// Status 200 with a page of HTML, as a forms login or a publishing proxy gives.
    Html,
    /// Status 200 without a body.
    Empty,
    /// The true answer, cut off in the middle.
    Truncated,
    /// The true answer in UTF-16 without a mark, declared as UTF-8.
    WrongEncoding,
    /// An answer of this many bytes that never comes to its end.
    Huge {
        /// Bytes; 100 MB by default.
        #[serde(default = "huge")]
        bytes: usize,
    },
    /// An answer with entities that expand without end.
    Entities,
    /// The server is busy.
    Busy {
        /// `BackOffMilliseconds`; none: it does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back_off_ms: Option<u64>,
        /// How it says so.
        #[serde(default)]
        form: BusyForm,
    },
    /// A response code in every response message, such as `ErrorMailboxMoveInProgress`.
    Code {
        /// The code.
        code: String,
    },
    /// A SOAP fault with a response code, such as `ErrorImpersonateUserDenied`.
    Fault {
        /// The code.
        code: String,
    },
    /// 403 without SOAP: EWS is switched off.
    Disabled,
    /// The first item of the answer has values that no schema knows.
    UnknownValue,
    /// The first item of the answer has no id.
    NoItemId,
    /// The first item of the answer ends before it starts.
    EndBeforeStart,
}

fn small() -> usize {
    64
}

fn huge() -> usize {
    100_000_000
}

/// A fault rule of this endpoint.
pub type Rule = crate::fault::Rule<Kind>;

/// The rules of this endpoint.
pub(crate) type Faults = crate::fault::Faults<Kind>;

/// The words a server uses with a code that a rule names.
pub(crate) fn trouble(code: &str) -> Trouble {
    let text = match code {
        "ErrorServerBusy" => "The server cannot service this request right now. Try again later.",
        "ErrorMailboxMoveInProgress" => "Mailbox move in progress. Try again later.",
        "ErrorInvalidSyncStateData" => "Synchronization state data is corrupt or otherwise invalid.",
        "ErrorImpersonateUserDenied" => "The account does not have permission to impersonate the requested user.",
        "ErrorIrresolvableConflict" => {
            "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item."
        }
        "ErrorProxyRequestNotAllowed" => "Proxying requests between these two servers is not allowed.",
        "ErrorItemNotFound" => "The specified object was not found in the store.",
        "ErrorMailboxStoreUnavailable" => "The mailbox database is temporarily unavailable.",
        _ => "The request was refused because a fault rule says so.",
    };
    Trouble::new(code, text)
}

/// The refusal of a busy server.
pub(crate) fn busy(back_off_ms: Option<u64>) -> Trouble {
    let trouble = trouble("ErrorServerBusy");
    match back_off_ms {
        Some(ms) => trouble.detail("BackOffMilliseconds", ms),
        None => trouble,
    }
}
