//! What the server says when it refuses: response codes and SOAP faults, sorted by what has to be done.

use std::fmt;

use crate::version::ServerBuild;

/// A refusal of one item or of a whole request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// The response code, such as `ErrorItemNotFound`; empty when the server gave none.
    pub code: String,
    /// The server's explanation, shortened. It may quote what was sent: show it only where [`FailureKind`] is about
    /// rights, never for a refused value.
    pub text: String,
    /// How long the server wants to be left alone, in milliseconds (SEMANTICS B-44).
    pub back_off_ms: Option<u64>,
    /// The code of a failure inside this one: a busy server may answer with `ErrorInternalServerError` around it.
    pub inner_code: Option<String>,
    /// The build that refused; of a whole request only, where it told.
    pub server: Option<ServerBuild>,
}

/// Longest explanation that is kept, in characters.
const TEXT_LIMIT: usize = 300;

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Too many requests: the whole budget stops for so many milliseconds, if the server said how long (SEMANTICS B-44).
    Throttled(Option<u64>),
    /// The sync state is not accepted any more: the folder is read anew.
    SyncStateInvalid,
    /// The item is not the version that was named (SEMANTICS B-34).
    Conflict,
    /// There is no such item or folder, or not any more.
    ItemNotFound,
    /// There is no such mailbox, or it is disabled.
    MailboxNotFound,
    /// The account may not impersonate this user.
    ImpersonationDenied,
    /// The account may not do this.
    AccessDenied,
    /// The mailbox has moved or is being moved: the endpoint is found again (SEMANTICS B-33).
    Moved,
    /// The server cannot answer now.
    Unavailable,
    /// An occurrence would pass its neighbour (SEMANTICS B-17).
    CrossesNeighbour,
    /// More items, or a longer window, than the server gives at once: ask for less.
    TooMuch,
    /// The server does not know the version or the operation.
    VersionUnknown,
    /// Nothing fits a name that was to be resolved.
    NoSuchName,
    /// A message of a batch that was not tried because an earlier one failed.
    NotTried,
    /// A rule of the server's own; repeating is useless.
    Refused,
}

/// How far a refusal reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// One item.
    Item,
    /// One mailbox.
    Mailbox,
    /// The whole connection.
    Connection,
}

impl Failure {
    /// A refusal with this code.
    pub fn of_code(code: impl Into<String>) -> Self {
        Self { code: code.into(), ..Self::default() }
    }

    pub(crate) fn set_text(&mut self, text: &str) {
        self.text = text.trim().chars().filter(|c| !c.is_control()).take(TEXT_LIMIT).collect();
    }

    /// What it means.
    pub fn kind(&self) -> FailureKind {
        // A code inside says more than the general one around it.
        let inner = self.inner_code.as_deref().and_then(kind_of).filter(|kind| *kind != FailureKind::Refused);
        let kind = inner.or_else(|| kind_of(&self.code)).or_else(|| kind_of_text(&self.text)).unwrap_or(FailureKind::Refused);
        match kind {
            FailureKind::Throttled(_) => FailureKind::Throttled(self.back_off_ms),
            // A server that says how long to wait means it, whatever the code.
            _ if self.back_off_ms.is_some() => FailureKind::Throttled(self.back_off_ms),
            kind => kind,
        }
    }

    /// How far it reaches. Throttling belongs to the account that asks, not to the mailbox (SEMANTICS B-44).
    pub fn reach(&self) -> Reach {
        match self.kind() {
            FailureKind::Throttled(_) | FailureKind::VersionUnknown => Reach::Connection,
            // `ErrorImpersonationDenied` is about the server, the other about one user.
            FailureKind::ImpersonationDenied if self.code == "ErrorImpersonationDenied" => Reach::Connection,
            FailureKind::ImpersonationDenied
            | FailureKind::MailboxNotFound
            | FailureKind::Moved
            | FailureKind::Unavailable
            | FailureKind::AccessDenied
            | FailureKind::TooMuch
            | FailureKind::SyncStateInvalid => Reach::Mailbox,
            FailureKind::Conflict
            | FailureKind::ItemNotFound
            | FailureKind::CrossesNeighbour
            | FailureKind::NoSuchName
            | FailureKind::NotTried
            | FailureKind::Refused => Reach::Item,
        }
    }
}

impl fmt::Display for Failure {
    /// The code only: explanations may quote what was sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.code, &self.inner_code) {
            ("", _) => f.write_str("a fault without a code"),
            (code, Some(inner)) => write!(f, "{code} ({inner})"),
            (code, None) => f.write_str(code),
        }
    }
}

fn kind_of(code: &str) -> Option<FailureKind> {
    use FailureKind as K;
    Some(match code {
        "ErrorServerBusy" | "ErrorExceededConnectionCount" | "ErrorTooManyObjectsOpened" => K::Throttled(None),
        "ErrorInvalidSyncStateData" => K::SyncStateInvalid,
        "ErrorIrresolvableConflict"
        | "ErrorStaleObject"
        | "ErrorChangeKeyRequired"
        | "ErrorChangeKeyRequiredForWriteOperations"
        | "ErrorInvalidChangeKey" => K::Conflict,
        "ErrorItemNotFound"
        | "ErrorFolderNotFound"
        | "ErrorSyncFolderNotFound"
        | "ErrorParentFolderNotFound"
        | "ErrorObjectTypeChanged"
        | "ErrorCalendarOccurrenceIsDeletedFromRecurrence"
        | "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange" => K::ItemNotFound,
        "ErrorNonExistentMailbox"
        | "ErrorNoPublicFolderReplicaAvailable"
        | "ErrorAccountDisabled"
        | "ErrorInvalidUserPrincipalName"
        | "ErrorUserWithoutFederatedProxyAddress"
        | "ErrorMailRecipientNotFound"
        | "ErrorInvalidSmtpAddress"
        | "ErrorMissingEmailAddress" => K::MailboxNotFound,
        "ErrorImpersonateUserDenied" | "ErrorImpersonationDenied" | "ErrorImpersonationFailed" => K::ImpersonationDenied,
        "ErrorAccessDenied" | "ErrorNoFreeBusyAccess" | "ErrorUserNotAllowedByPolicy" | "ErrorCreateItemAccessDenied" => K::AccessDenied,
        "ErrorProxyRequestNotAllowed"
        | "ErrorMailboxMoveInProgress"
        | "ErrorWrongServerVersion"
        | "ErrorMailboxFailover"
        | "ErrorCrossSiteRequest" => K::Moved,
        "ErrorInternalServerTransientError"
        | "ErrorInternalServerError"
        | "ErrorMailboxStoreUnavailable"
        | "ErrorConnectionFailed"
        | "ErrorTimeoutExpired"
        | "ErrorADUnavailable"
        | "ErrorADOperation"
        | "ErrorNotEnoughMemory"
        | "ErrorInsufficientResources"
        | "ErrorNoRespondingCASInDestinationSite"
        | "ErrorMailboxLogonFailed"
        | "ErrorProxiedSubscriptionCallFailure" => K::Unavailable,
        "ErrorOccurrenceCrossingBoundary" | "ErrorOccurrenceTimeSpanTooBig" => K::CrossesNeighbour,
        "ErrorExceededFindCountLimit" | "ErrorCalendarViewRangeTooBig" | "ErrorDataSizeLimitExceeded" => K::TooMuch,
        "ErrorInvalidServerVersion" | "ErrorIncorrectSchemaVersion" => K::VersionUnknown,
        "ErrorNameResolutionNoResults" | "ErrorNameResolutionNoMailbox" => K::NoSuchName,
        "ErrorBatchProcessingStopped" => K::NotTried,
        "" => return None,
        _ => K::Refused,
    })
}

/// Exchange 2007 answers some refusals with the name of an exception and no code.
fn kind_of_text(text: &str) -> Option<FailureKind> {
    if text.contains("AccessDeniedException") {
        return Some(FailureKind::AccessDenied);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b44_a_busy_server_stops_the_connection_for_the_time_it_says() {
        let busy = Failure { back_off_ms: Some(297_749), ..Failure::of_code("ErrorServerBusy") };
        assert_eq!((busy.kind(), busy.reach()), (FailureKind::Throttled(Some(297_749)), Reach::Connection));
        assert_eq!(Failure::of_code("ErrorExceededConnectionCount").kind(), FailureKind::Throttled(None));
        let around = Failure { inner_code: Some("ErrorServerBusy".into()), ..Failure::of_code("ErrorInternalServerError") };
        assert_eq!(around.kind(), FailureKind::Throttled(None));
        assert_eq!(around.to_string(), "ErrorInternalServerError (ErrorServerBusy)");
    }

    #[test]
    fn b17_b33_b34_codes_lead_to_what_has_to_be_done() {
        let of = |code: &str| (Failure::of_code(code).kind(), Failure::of_code(code).reach());
        assert_eq!(of("ErrorOccurrenceCrossingBoundary"), (FailureKind::CrossesNeighbour, Reach::Item));
        assert_eq!(of("ErrorProxyRequestNotAllowed"), (FailureKind::Moved, Reach::Mailbox));
        assert_eq!(of("ErrorIrresolvableConflict"), (FailureKind::Conflict, Reach::Item));
        assert_eq!(of("ErrorImpersonateUserDenied"), (FailureKind::ImpersonationDenied, Reach::Mailbox));
        assert_eq!(of("ErrorImpersonationDenied"), (FailureKind::ImpersonationDenied, Reach::Connection));
        assert_eq!(of("ErrorInvalidSyncStateData"), (FailureKind::SyncStateInvalid, Reach::Mailbox));
        assert_eq!(of("ErrorOfTheFuture"), (FailureKind::Refused, Reach::Item));
    }

    #[test]
    fn b53_an_exception_without_a_code_is_a_missing_right() {
        let mut failure = Failure::default();
        failure.set_text("Microsoft.Exchange.Data.Storage.AccessDeniedException: User is not mailbox owner.");
        assert_eq!(failure.kind(), FailureKind::AccessDenied);
        assert_eq!(failure.to_string(), "a fault without a code");
    }
}
