//! What a connector call can end with, in the host's words. The cases are those of the WIT package's `error-kind`.

use std::time::Duration;

/// How far an error reaches: just that much is stopped (SEMANTICS B-44, B-46).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorScope {
    /// One item; the others of the call are not affected.
    Item,
    /// One mailbox, employee or PBX user.
    Mailbox,
    /// The whole connection.
    Connection,
}

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The administrator: settings, secrets, permissions.
    Configuration,
    /// The other side.
    Server,
    /// The way to the other side.
    Network,
    /// The connector.
    Plugin,
    /// Calport itself.
    Host,
}

impl Blame {
    /// The word for logs and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Server => "server",
            Self::Network => "network",
            Self::Plugin => "plugin",
            Self::Host => "host",
        }
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The credential was refused.
    Unauthorized,
    /// A right is missing.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Not the version that the condition named; the current one, if told.
    Conflict(Option<String>),
    /// The cursor is no longer accepted: read the window again (SEMANTICS C-06).
    CursorExpired,
    /// Too many requests; how long to wait, if told.
    Throttled(Option<Duration>),
    /// Not reachable, or not able to answer now.
    Unavailable,
    /// It may or may not have taken effect (SEMANTICS S-15).
    OutcomeUnknown,
    /// The mailbox lives elsewhere; the new place, if told.
    Moved(Option<String>),
    /// Refused on a rule of the server, named here (SEMANTICS B-17).
    Refused(String),
    /// A value is not accepted.
    Invalid {
        /// The field.
        field: String,
        /// Why.
        reason: String,
    },
    /// Cannot be done at all.
    Unsupported,
    /// The answer is not what the protocol promises.
    Protocol {
        /// What should have come.
        expected: String,
        /// What came.
        got: String,
    },
    /// The connector trapped, ran out of its limits, or broke the contract.
    Plugin,
    /// The connection is held back after repeated failures, or is being replaced.
    Suspended(Option<Duration>),
}

impl ErrorKind {
    /// The name of the case, as it stands in logs and `--json`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Conflict(_) => "conflict",
            Self::CursorExpired => "cursor-expired",
            Self::Throttled(_) => "throttled",
            Self::Unavailable => "unavailable",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::Moved(_) => "moved",
            Self::Refused(_) => "refused",
            Self::Invalid { .. } => "invalid",
            Self::Unsupported => "unsupported",
            Self::Protocol { .. } => "protocol",
            Self::Plugin => "plugin",
            Self::Suspended(_) => "suspended",
        }
    }
}

/// The outcome of a connector call that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectorError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// How far it reaches.
    pub scope: ErrorScope,
    /// One sentence for the administrator.
    pub message: String,
    /// The vendor's own code.
    pub code: Option<String>,
    /// The vendor's request id.
    pub request_id: Option<String>,
}

impl ConnectorError {
    /// An error without a vendor's code.
    pub fn new(kind: ErrorKind, scope: ErrorScope, message: impl Into<String>) -> Self {
        Self { kind, scope, message: message.into(), code: None, request_id: None }
    }

    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match &self.kind {
            ErrorKind::Unauthorized | ErrorKind::Forbidden | ErrorKind::Invalid { .. } | ErrorKind::Unsupported => Blame::Configuration,
            ErrorKind::NotFound | ErrorKind::Moved(_) => Blame::Configuration,
            ErrorKind::Unavailable | ErrorKind::OutcomeUnknown => Blame::Network,
            ErrorKind::Conflict(_)
            | ErrorKind::CursorExpired
            | ErrorKind::Throttled(_)
            | ErrorKind::Refused(_)
            | ErrorKind::Protocol { .. } => Blame::Server,
            ErrorKind::Plugin => Blame::Plugin,
            ErrorKind::Suspended(_) => Blame::Host,
        }
    }

    /// Whether asking again later can help without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Throttled(_)
                | ErrorKind::Unavailable
                | ErrorKind::OutcomeUnknown
                | ErrorKind::Protocol { .. }
                | ErrorKind::Plugin
                | ErrorKind::Suspended(_)
        )
    }
}
