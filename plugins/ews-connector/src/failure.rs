//! From a refusal of EWS to the one error of the package.
//!
//! EWS refuses in three ways: with an HTTP status, with a SOAP fault, or with a code at one part of an answer. The server's
//! explanation is kept only where it names rights; elsewhere it may quote what was sent.

use calport_ews_protocol::{Failure, FailureKind, Reach, ReadError, ServerVersion, WriteError};
use calport_sdk::common::{Error, ErrorKind, ErrorScope, InvalidValue};
use calport_sdk::error::{self, ErrorExt, StatusError};
use calport_sdk::http::{Response, ResponseExt};

use crate::flavour::{Access, Manner};

/// Longest part of an explanation that is passed on, in characters.
const REASON_LIMIT: usize = 300;

/// The error's code where EWS is switched off for the whole organization.
pub const SWITCHED_OFF: &str = "ews-switched-off";

/// What refuses where a login form stands before EWS.
const FORMS_LOGIN: &str = "forms-login";

const FORMS_REMEDY: &str = "a login form or a publishing proxy stands before EWS; give the URL of EWS behind it, or have the form taken away \
     from /EWS/";

/// What to do when EWS is switched off on premises.
pub const SWITCH_ON: &str = "`Get-OrganizationConfig | Format-List Ews*` shows whether it is so, and `Set-OrganizationConfig -EwsEnabled $true` allows it; \
     if it was allowed all along, the web server refuses the folder /EWS: see its SSL settings and address restrictions";

/// How the server says that something is shown to a mailbox's owner alone, and to nobody with whom the mailbox is shared.
const OWNER_ONLY: &str = "not mailbox owner";

const OWNER_REMEDY: &str = "only a mailbox's owner may do this, and who impersonates the owner: give the account that role, and take \
     `impersonation = false` out of the settings";

/// What a request was for; it decides how far a failure reaches and what the administrator is told.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// What is being done, such as `reading the calendar`.
    pub doing: &'a str,
    /// The mailbox that is acted in.
    pub mailbox: &'a str,
    /// The account, where the settings name it.
    pub account: Option<&'a str>,
    /// The version that is spoken.
    pub version: ServerVersion,
    /// How the connection behaves.
    pub manner: &'a Manner,
    /// Whether `mailbox` may be a further address of it.
    pub by_any_address: bool,
    /// Whether it may have taken effect when no clear answer comes (SEMANTICS B-40).
    pub writes: bool,
}

impl Purpose<'_> {
    /// What gives the account the right to the mailbox (FEATURES R07).
    pub fn rights_remedy(&self) -> String {
        match self.manner.access {
            Access::Impersonation => (self.manner.remedies.impersonation)(self.account, self.version),
            Access::Sharing => sharing_command(self.account, self.mailbox),
        }
    }
}

/// The command that gives an account on premises the right to impersonate.
pub fn role_command(account: Option<&str>, version: ServerVersion) -> String {
    let account = account_in_command(account);
    if version < ServerVersion::Exchange2010 {
        return format!(
            "run: Get-ClientAccessServer | Add-ADPermission -User {account} -ExtendedRights ms-Exch-EPI-Impersonation; \
             Get-MailboxDatabase | Add-ADPermission -User {account} -ExtendedRights ms-Exch-EPI-May-Impersonate"
        );
    }
    format!("run: New-ManagementRoleAssignment -Name:Calport -Role:ApplicationImpersonation -User:{account}")
}

/// The commands that open a mailbox to an account that acts as itself.
fn sharing_command(account: Option<&str>, mailbox: &str) -> String {
    let (account, mailbox) = (account_in_command(account), account_in_command(Some(mailbox)));
    format!(
        "the owner shares the calendar with the account, or an administrator runs: Add-MailboxPermission -Identity {mailbox} -User {account} \
         -AccessRights FullAccess -AutoMapping $false"
    )
}

/// An account as it stands in a command: in quotes where it has to be, and `ACCOUNT` where the settings do not name it.
pub fn account_in_command(account: Option<&str>) -> String {
    let Some(account) = account.map(str::trim).filter(|a| !a.is_empty()) else { return "ACCOUNT".to_owned() };
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '\\');
    // An address has an `@`, which begins something else only at the start of a word.
    let bare = account.starts_with(char::is_alphanumeric) && account.chars().all(|c| plain(c) || c == '@');
    if bare { account.to_owned() } else { format!("'{}'", account.replace('\'', "''")) }
}

/// The error of a refusal with a code.
pub fn of_failure(failure: &Failure, purpose: &Purpose<'_>) -> Error {
    let kind = failure.kind();
    let scope = match failure.reach() {
        Reach::Item => ErrorScope::Item,
        Reach::Mailbox => ErrorScope::Mailbox,
        Reach::Connection => ErrorScope::Connection,
    };
    // A folder that everybody has and that is not found belongs to somebody who does not share it.
    let hidden = purpose.manner.access == Access::Sharing && failure.code == "ErrorFolderNotFound";
    let (kind, scope) = if hidden { (FailureKind::AccessDenied, ErrorScope::Mailbox) } else { (kind, scope) };
    let rights = matches!(kind, FailureKind::ImpersonationDenied | FailureKind::AccessDenied);
    let mut message = format!("{}: the server answered {failure}", purpose.doing);
    if rights && !failure.text.is_empty() {
        message.push_str(": ");
        message.extend(failure.text.chars().take(REASON_LIMIT));
    }
    if kind == FailureKind::ImpersonationDenied || (rights && purpose.manner.access == Access::Sharing) {
        let to_owners = purpose.manner.access == Access::Sharing && failure.text.contains(OWNER_ONLY);
        let remedy = if to_owners { OWNER_REMEDY.to_owned() } else { purpose.rights_remedy() };
        message = format!("{}. What helps: {remedy}", message.trim_end_matches('.'));
    }
    let kind = match kind {
        FailureKind::Throttled(wait) => ErrorKind::Throttled(wait),
        FailureKind::SyncStateInvalid => ErrorKind::CursorExpired,
        FailureKind::Conflict => ErrorKind::Conflict(None),
        FailureKind::ItemNotFound | FailureKind::MailboxNotFound | FailureKind::NoSuchName => ErrorKind::NotFound,
        FailureKind::ImpersonationDenied | FailureKind::AccessDenied => ErrorKind::Forbidden,
        FailureKind::Moved => ErrorKind::Moved(None),
        FailureKind::Unavailable if purpose.writes => ErrorKind::OutcomeUnknown,
        FailureKind::Unavailable | FailureKind::NotTried => ErrorKind::Unavailable,
        FailureKind::CrossesNeighbour => ErrorKind::Refused("occurrence-crosses-neighbour".to_owned()),
        FailureKind::VersionUnknown => ErrorKind::Unsupported,
        FailureKind::TooMuch | FailureKind::Refused => ErrorKind::Refused(failure.to_string()),
    };
    let error = error::new(kind, scope, message);
    if failure.code.is_empty() { error } else { error.with_code(failure.code.clone()) }
}

/// The error of an answer that cannot be used. It reaches the mailbox, because another server may answer for the next one; but
/// what stands before the server stands before all (SEMANTICS B-49).
pub fn of_read(read: &ReadError, purpose: &Purpose<'_>) -> Error {
    let scope = match read {
        ReadError::Fault(failure) => return of_failure(failure, purpose),
        ReadError::Html | ReadError::NotSoap { .. } => ErrorScope::Connection,
        _ => ErrorScope::Mailbox,
    };
    let error = error::protocol("a SOAP answer of EWS", read.to_string()).while_doing(purpose.doing).with_scope(scope);
    // The status said that something was done; what it was is not known.
    if purpose.writes { Error { kind: ErrorKind::OutcomeUnknown, ..error } } else { error }
}

/// Whether it is the content of an answer that cannot be read: without one of its items the others may be.
pub fn is_of_content(read: &ReadError) -> bool {
    match read {
        ReadError::TooLarge { .. }
        | ReadError::Encoding { .. }
        | ReadError::Syntax { .. }
        | ReadError::Entity { .. }
        | ReadError::TooDeep { .. } => true,
        ReadError::Empty
        | ReadError::Html
        | ReadError::NotSoap { .. }
        | ReadError::Truncated { .. }
        | ReadError::DocumentType
        | ReadError::OtherAnswer { .. }
        | ReadError::Fault(_) => false,
    }
}

/// The error of a request that cannot be written. Nothing was sent.
pub fn of_write(write: &WriteError, purpose: &Purpose<'_>) -> Error {
    let message = format!("{}: {write}", purpose.doing);
    match write {
        WriteError::Version { .. } | WriteError::LeftOut { .. } => error::item(ErrorKind::Unsupported, message),
        WriteError::Invalid { field, reason } => {
            error::item(ErrorKind::Invalid(InvalidValue { field: (*field).to_owned(), reason: (*reason).to_owned() }), message)
        }
        WriteError::Nothing { .. } => {
            error::item(ErrorKind::Invalid(InvalidValue { field: "request".to_owned(), reason: "nothing to do".to_owned() }), message)
        }
    }
}

/// The error of an HTTP status that no SOAP answer came with.
///
/// That there is nothing at the URL, or a login form before it, is told of no mailbox: nobody may be taken for gone by it.
pub fn of_status(response: &Response, purpose: &Purpose<'_>) -> Error {
    let status = StatusError::new(response).request_id(response.header_value("request-id").map(str::to_owned));
    let status = match response.status {
        440 => status.kind(ErrorKind::Refused(FORMS_LOGIN.to_owned())).reason(FORMS_REMEDY),
        300..=399 => {
            let to = response.header_value("location").unwrap_or_default().to_ascii_lowercase();
            if ["logon", "login", "/owa"].iter().any(|word| to.contains(word)) {
                status.kind(ErrorKind::Refused(FORMS_LOGIN.to_owned())).reason(FORMS_REMEDY)
            } else {
                let reason = "the server redirects, which is not followed; set the endpoint's URL to where EWS is";
                status.kind(ErrorKind::Refused(format!("HTTP {}", response.status))).reason(reason)
            }
        }
        404 | 405 | 410 | 501 => {
            let kind = ErrorKind::Refused(format!("HTTP {}", response.status));
            status.kind(kind).reason("there is no EWS at this URL; it usually ends in /EWS/Exchange.asmx")
        }
        401 | 429 => status,
        code => {
            // A wait that comes along is meant for the account; anything else is about the one server that answered.
            let waits = matches!(code, 503 | 509) && response.retry_after_ms().is_some();
            let status = if waits { status } else { status.scope(ErrorScope::Mailbox) };
            if response.is_html() {
                status.reason("an HTML page came instead of SOAP; check the endpoint's URL and any proxy")
            } else {
                status
            }
        }
    };
    let error = status.into_error(purpose.doing);
    if purpose.writes && error.kind == ErrorKind::Unavailable { Error { kind: ErrorKind::OutcomeUnknown, ..error } } else { error }
}

/// Whether a 403 says by itself that it is about the whole organization, and not perhaps about a mailbox.
pub fn names_the_organization(response: &Response) -> bool {
    let explanation = response.header_value("x-ms-diagnostics").unwrap_or_default();
    let text = format!("{} {explanation}", response.text()).to_ascii_lowercase();
    let off = text.contains("disabled") || text.contains("blocked") || text.contains("switched off");
    text.contains("ews") && off && (text.contains("organization") || text.contains("tenant")) && !text.contains("mailbox")
}

/// EWS is switched off for everybody: the connection stops at once, and nobody is taken for gone (SEMANTICS B-22). `witness` is
/// the test user where the answer does not say so itself.
pub fn switched_off(purpose: &Purpose<'_>, witness: Option<&str>) -> Error {
    let (doing, seen, remedy) = (purpose.doing, "EWS is switched off for this organization", purpose.manner.remedies.switched_off);
    let message = match witness {
        None => format!("{doing}: the server answers HTTP 403: {seen}. {remedy}"),
        Some(test_user) => format!(
            "{doing}: the server answers HTTP 403, and so it does for the test user `{test_user}`: {seen}, unless it is for the test user \
             alone (`Get-CASMailbox {test_user} | Format-List Ews*`). {remedy}"
        ),
    };
    // Of all kinds, this one says that no request of this connection is accepted.
    error::connection(ErrorKind::Unauthorized, message).with_code(SWITCHED_OFF)
}

/// EWS is switched off for one mailbox.
pub fn mailbox_switched_off(response: &Response, purpose: &Purpose<'_>) -> Error {
    let reason = format!("EWS may be switched off for this mailbox; see `Get-CASMailbox {} | Format-List Ews*`", purpose.mailbox);
    let status = StatusError::new(response).scope(ErrorScope::Mailbox).reason(reason);
    status.request_id(response.header_value("request-id").map(str::to_owned)).into_error(purpose.doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(access: Access, account: Option<&str>, judge: impl FnOnce(Purpose<'_>) -> T) -> T {
        let manner = Manner { access, ..Manner::default() };
        judge(Purpose {
            doing: "reading the calendar",
            mailbox: "anna@example.com",
            account,
            version: ServerVersion::LATEST,
            manner: &manner,
            by_any_address: false,
            writes: false,
        })
    }

    fn refused(failure: &Failure) -> Error {
        with(Access::Impersonation, Some("svc"), |purpose| of_failure(failure, &purpose))
    }

    #[test]
    fn b44_a_busy_server_stops_the_connection_for_its_own_time() {
        let busy = Failure { back_off_ms: Some(297_749), ..Failure::of_code("ErrorServerBusy") };
        let error = refused(&busy);
        assert_eq!((error.kind, error.scope), (ErrorKind::Throttled(Some(297_749)), ErrorScope::Connection));
    }

    #[test]
    fn b33_a_moved_mailbox_is_told_apart() {
        for code in ["ErrorProxyRequestNotAllowed", "ErrorMailboxMoveInProgress"] {
            let error = refused(&Failure::of_code(code));
            assert_eq!((error.kind, error.scope), (ErrorKind::Moved(None), ErrorScope::Mailbox), "{code}");
        }
    }

    #[test]
    fn b34_a_conflict_reaches_one_item() {
        let error = refused(&Failure::of_code("ErrorIrresolvableConflict"));
        assert_eq!((error.kind, error.scope), (ErrorKind::Conflict(None), ErrorScope::Item));
    }

    #[test]
    fn feat_c03_a_denied_impersonation_names_the_command_with_the_account() {
        let error = refused(&Failure::of_code("ErrorImpersonateUserDenied"));
        assert_eq!((error.kind, error.scope), (ErrorKind::Forbidden, ErrorScope::Mailbox));
        assert!(
            error.message.contains("New-ManagementRoleAssignment -Name:Calport -Role:ApplicationImpersonation -User:svc"),
            "{}",
            error.message
        );
    }

    #[test]
    fn b40_a_write_without_a_clear_answer_may_have_taken_effect() {
        let of_code = |purpose: &Purpose<'_>| of_failure(&Failure::of_code("ErrorInternalServerError"), purpose).kind;
        with(Access::Impersonation, None, |reading| {
            let writing = Purpose { writes: true, ..reading };
            assert_eq!(of_code(&writing), ErrorKind::OutcomeUnknown);
            assert_eq!(of_code(&reading), ErrorKind::Unavailable);
            assert_eq!(of_read(&ReadError::Empty, &writing).kind, ErrorKind::OutcomeUnknown);
        });
    }

    #[test]
    fn feat_r07_the_account_stands_in_the_command_as_the_shell_takes_it() {
        for (account, written) in [
            (Some("svc"), "-User:svc"),
            (Some(r"EXAMPLE\svc-calport"), r"-User:EXAMPLE\svc-calport"),
            (Some("svc@example.com"), "-User:svc@example.com"),
            (Some("Calport Service"), "-User:'Calport Service'"),
            (Some("O'Neill$(x)"), "-User:'O''Neill$(x)'"),
            (Some(" "), "-User:ACCOUNT"),
            (None, "-User:ACCOUNT"),
        ] {
            let error = with(Access::Impersonation, account, |p| of_failure(&Failure::of_code("ErrorImpersonateUserDenied"), &p));
            assert!(error.message.ends_with(written), "{}", error.message);
        }
        assert!(
            role_command(Some("svc"), ServerVersion::Exchange2007Sp1)
                .contains("Add-ADPermission -User svc -ExtendedRights ms-Exch-EPI-Impersonation;")
        );
    }

    #[test]
    fn feat_r07_without_impersonation_a_folder_that_is_not_shared_is_a_missing_right() {
        for code in ["ErrorFolderNotFound", "ErrorAccessDenied"] {
            let error = with(Access::Sharing, Some("svc"), |purpose| of_failure(&Failure::of_code(code), &purpose));
            assert_eq!((error.kind, error.scope), (ErrorKind::Forbidden, ErrorScope::Mailbox), "{code}");
            assert!(error.message.contains("Add-MailboxPermission -Identity anna@example.com -User svc "), "{}", error.message);
        }
        let replies = Failure { text: "User is not mailbox owner.".to_owned(), ..Failure::of_code("ErrorAccessDenied") };
        let error = with(Access::Sharing, Some("svc"), |purpose| of_failure(&replies, &purpose));
        assert!(error.message.contains("who impersonates the owner") && !error.message.contains("Add-"), "{}", error.message);
        let own = with(Access::Impersonation, None, |purpose| of_failure(&Failure::of_code("ErrorFolderNotFound"), &purpose));
        assert_eq!((own.kind, own.scope), (ErrorKind::NotFound, ErrorScope::Item));
    }

    #[test]
    fn explanations_that_may_quote_content_are_not_passed_on() {
        let failure = Failure { text: "Secret subject".to_owned(), ..Failure::of_code("ErrorInvalidPropertySet") };
        let error = refused(&failure);
        assert!(!error.message.contains("Secret"), "{}", error.message);
        assert_eq!(error.kind, ErrorKind::Refused("ErrorInvalidPropertySet".to_owned()));
    }
}
