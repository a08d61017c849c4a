//! `check`: the calendar of the test user, and the mailbox that sends mails. Nothing is changed.

use calport_ews_protocol::operation::GetFolder;
use calport_ews_protocol::{ServerBuild, ServerVersion};
use calport_sdk::common::{Error, ErrorKind, ErrorScope};

use crate::bindings::exports::calport::connector::connector::{CheckReport, Finding, Severity};
use crate::bindings::exports::calport::connector::directory::Resolution;
use crate::client::Client;
use crate::flavour::Access;

/// Proves that the connection works.
///
/// # Errors
/// When no answer comes, the credential is refused, EWS is switched off for the organization (SEMANTICS B-22), or what answers
/// is not EWS. A missing right to impersonate is a finding.
pub fn check(client: &Client) -> Result<CheckReport, Error> {
    let mut findings = Vec::new();
    let server = match calendar(client, "reading the calendar of the test user", &client.settings.test_user) {
        Ok(server) => {
            findings.extend(capabilities(client)?);
            server
        }
        Err(e) => {
            findings.push(refused(client, "test_user", &client.settings.test_user, e)?);
            None
        }
    };
    if let Some(sender) = client.settings.sender.as_deref().filter(|s| !s.eq_ignore_ascii_case(&client.settings.test_user))
        && let Err(e) = calendar(client, "looking for the mailbox that sends mails", sender)
    {
        findings.push(refused(client, "sender", sender, e)?);
    }
    if let Some(build) = server {
        findings.extend(of_server(client, build));
    }
    findings.sort_by_key(|f| match f.severity {
        Severity::Problem => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    });
    let (server, version) = server.map_or_else(|| ("Exchange".to_owned(), String::new()), client.manner.remedies.product);
    Ok(CheckReport { server, version, findings })
}

/// Reads the calendar folder of a mailbox; the build that answered.
fn calendar(client: &Client, doing: &str, mailbox: &str) -> Result<Option<ServerBuild>, Error> {
    let purpose = client.reading(doing, mailbox);
    let answer = client.call(&GetFolder { folders: vec![client.calendar(mailbox, None)] }, &purpose)?;
    let server = answer.server;
    answer.single().map_err(|refused| crate::failure::of_failure(&refused, &purpose))?;
    Ok(server)
}

/// A refusal that is a finding.
///
/// # Errors
/// The others: nothing is known then.
fn refused(client: &Client, setting: &str, mailbox: &str, error: Error) -> Result<Finding, Error> {
    let remedy = client.reading("", mailbox).rights_remedy();
    let impersonation = error.code.as_deref().is_some_and(|code| code.starts_with("ErrorImpersonat"));
    if error.scope == ErrorScope::Connection && !impersonation {
        return Err(error);
    }
    let (message, remedy) = match error.kind {
        ErrorKind::Forbidden if impersonation => {
            let message = format!("the account may not impersonate `{mailbox}` (setting `{setting}`): {}", error.code.unwrap_or_default());
            (message, remedy)
        }
        ErrorKind::Forbidden => {
            let message = format!("the calendar of `{mailbox}` (setting `{setting}`) may not be read: {}", error.message);
            (message, remedy)
        }
        ErrorKind::NotFound => (
            format!("the setting `{setting}` names `{mailbox}`, which has no mailbox on this server"),
            format!("set `{setting}` to the primary mail address of a mailbox"),
        ),
        _ => return Err(error),
    };
    Ok(Finding { severity: Severity::Problem, message, remedy })
}

/// What may be refused although the calendar can be read: the directory, and automatic replies (SEMANTICS B-53).
///
/// # Errors
/// Those that stop the connection.
fn capabilities(client: &Client) -> Result<Vec<Finding>, Error> {
    let test_user = client.settings.test_user.as_str();
    let finding = |severity, message: String, remedy: &str| vec![Finding { severity, message, remedy: remedy.to_owned() }];
    let mut findings = match crate::directory::resolve(client, test_user) {
        Ok(Resolution::Found(entry)) if entry.address.eq_ignore_ascii_case(test_user) => Vec::new(),
        Ok(Resolution::Found(entry)) => finding(
            Severity::Problem,
            format!("the setting `test_user` names `{test_user}`, which is a further address of `{}`", entry.address),
            match client.manner.access {
                Access::Impersonation => "set `test_user` to the primary address: only that can be impersonated",
                Access::Sharing => "set `test_user` to the primary address",
            },
        ),
        Ok(_) => finding(
            Severity::Warning,
            format!("the directory does not find `{test_user}`, although its calendar can be read: people may not be found either"),
            "see whether the mailbox is hidden from address lists, and which address book policy it has",
        ),
        Err(e) if stops(&e) => return Err(e),
        Err(e) => finding(Severity::Warning, format!("the directory could not be checked: {}", e.message), "repeat the check later"),
    };
    findings.extend(match crate::absence::read(client, test_user) {
        Ok(_) => Vec::new(),
        Err(e) if stops(&e) => return Err(e),
        Err(e) => finding(
            Severity::Warning,
            format!("automatic replies cannot be read, or not of every mailbox: {}", e.message),
            "calendars are read all the same; a shared mailbox refuses this to everybody but its owner",
        ),
    });
    Ok(findings)
}

fn stops(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Throttled(_))
}

fn of_server(client: &Client, build: ServerBuild) -> Vec<Finding> {
    let mut findings = (client.manner.remedies.findings)(build);
    let spoken = client.version();
    let lacks: Vec<&str> = spoken.lacks().collect();
    if !lacks.is_empty() {
        findings.push(Finding {
            severity: Severity::Info,
            message: format!("version {spoken} of EWS is spoken; what it does not know is left out: {}", lacks.join("; ")),
            remedy: String::new(),
        });
    }
    match client.settings.version {
        None if spoken < ServerVersion::LATEST => findings.push(Finding {
            severity: Severity::Info,
            message: format!("the server does not know the latest version of EWS; {spoken} was found by its answers"),
            remedy: format!("set `version = \"{spoken}\"` in the settings, which saves the trials"),
        }),
        Some(_) if spoken < build.speaks() => findings.push(Finding {
            severity: Severity::Info,
            message: format!("the setting `version` says {spoken}; the server speaks {}", build.speaks()),
            remedy: "take `version` out of the settings, unless there is a reason for it".to_owned(),
        }),
        _ => {}
    }
    findings
}

/// The product's name, by its build.
pub fn product(build: ServerBuild) -> &'static str {
    match (build.major, build.minor) {
        (0..=8, _) => "Exchange 2007",
        (9..=14, _) => "Exchange 2010",
        (15, 0) => "Exchange 2013",
        (15, 1) => "Exchange 2016",
        (15, 2) => "Exchange 2019 or SE",
        _ if build.is_online() => "Exchange Online",
        _ => "Exchange",
    }
}
