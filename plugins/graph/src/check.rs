//! `check`: one request per permission, nothing is changed.

use calport_sdk::common::{Error, ErrorKind};
use calport_sdk::http::ResponseExt;
use calport_sdk::request;
use serde::Deserialize;

use crate::bindings::exports::calport::connector::connector::{CheckReport, Finding, Severity};
use crate::client::{Client, Collection, user_path};
use crate::failure::Purpose;

/// Users that are tried to find one with a mailbox.
const SAMPLE: &str = "20";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTenant {
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct WireSample {
    id: String,
    mail: Option<String>,
}

/// Proves that the connection works.
///
/// # Errors
/// When no answer comes, the credential is refused, or what answers is not Graph. Missing permissions are findings.
pub fn check(client: &Client) -> Result<CheckReport, Error> {
    let mut findings = Vec::new();
    let sample = match users(client) {
        Ok(users) => users,
        Err(e) if e.kind == ErrorKind::Forbidden => {
            findings.push(missing("the directory cannot be listed", "User.Read.All", &e));
            Vec::new()
        }
        Err(e) => return Err(e),
    };
    let tenant = tenant(client);
    let mailboxes: Vec<&WireSample> = sample.iter().filter(|u| u.mail.as_deref().is_some_and(|m| !m.is_empty())).collect();
    let probes = [
        ("calendars cannot be read", "Calendars.Read", "/calendar?$select=id"),
        ("automatic replies and mailbox zones cannot be read", "MailboxSettings.Read", "/mailboxSettings"),
    ];
    for (effect, permission, path) in probes {
        findings.extend(probe(client, &mailboxes, effect, permission, path)?);
    }
    findings.sort_by_key(|f| match f.severity {
        Severity::Problem => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    });
    let server = match tenant {
        Some(name) => format!("Microsoft Graph v1.0 ({name})"),
        None => "Microsoft Graph v1.0".to_owned(),
    };
    Ok(CheckReport { server, version: "v1.0".to_owned(), findings })
}

fn users(client: &Client) -> Result<Vec<WireSample>, Error> {
    let purpose = Purpose { doing: "reading the directory", permission: "User.Read.All", mailbox: None };
    let builder = request::get(client.url("/users")).query("$select", "id,mail").query("$top", SAMPLE);
    let page: Collection<WireSample> = client.send(builder, &purpose)?.json("a page of users")?;
    Ok(page.value)
}

/// The tenant's name, where the credential may read it. It is only for people, so its absence is no finding.
fn tenant(client: &Client) -> Option<String> {
    let purpose = Purpose { doing: "reading the organization", permission: "Organization.Read.All", mailbox: None };
    let builder = request::get(client.url("/organization")).query("$select", "displayName");
    let page: Collection<WireTenant> = client.send(builder, &purpose).ok()?.json("the organization").ok()?;
    page.value.into_iter().find_map(|t| t.display_name).filter(|n| !n.is_empty())
}

/// Asks the first users until one has a mailbox.
fn probe(client: &Client, users: &[&WireSample], effect: &str, permission: &'static str, path: &str) -> Result<Option<Finding>, Error> {
    for user in users {
        let purpose = Purpose { doing: "checking a permission", permission, mailbox: Some(&user.id) };
        match client.send(request::get(client.url(&format!("{}{path}", user_path(&user.id)))), &purpose) {
            Ok(_) => return Ok(None),
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) if e.kind == ErrorKind::Forbidden => return Ok(Some(missing(effect, permission, &e))),
            Err(e) if e.kind == ErrorKind::Unauthorized => return Err(e),
            Err(e) => {
                return Ok(Some(Finding {
                    severity: Severity::Warning,
                    message: format!("{permission} could not be checked: {}", e.message),
                    remedy: "repeat the check later".to_owned(),
                }));
            }
        }
    }
    Ok(Some(Finding {
        severity: Severity::Info,
        message: format!("{permission} was not checked: none of the first users has a mailbox"),
        remedy: String::new(),
    }))
}

fn missing(effect: &str, permission: &str, error: &Error) -> Finding {
    Finding {
        severity: Severity::Problem,
        message: format!("{effect}: {}", error.message),
        remedy: format!(
            "add the application permission {permission} to the app registration and have an administrator consent; if \
             it is there, see whether an access policy keeps the application from this mailbox"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::client;
    use calport_sdk::testing::Recorded;

    const USERS: &str = r#"{"value":[{"id":"u0","mail":null},{"id":"u1","mail":"a@example.com"},{"id":"u2","mail":"b@example.com"}]}"#;

    fn denied() -> String {
        r#"{"error":{"code":"ErrorAccessDenied","message":"Access is denied."}}"#.to_owned()
    }

    #[test]
    fn feat_check_names_the_tenant_and_the_missing_permission() {
        let http = Recorded::new()
            .on("GET", "/users?$select=id%2Cmail", 200, USERS)
            .on("GET", "/organization", 200, r#"{"value":[{"displayName":"Contoso"}]}"#)
            .on("GET", "/users/u1/calendar?", 404, r#"{"error":{"code":"MailboxNotEnabledForRESTAPI"}}"#)
            .on("GET", "/users/u2/calendar?", 200, "{}")
            .on("GET", "/users/u1/mailboxSettings", 403, &denied());
        let (client, http) = client(http);
        let report = check(&client).unwrap();
        assert_eq!(report.server, "Microsoft Graph v1.0 (Contoso)");
        assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
        assert_eq!(report.findings[0].severity, Severity::Problem);
        assert!(report.findings[0].remedy.contains("MailboxSettings.Read"));
        assert_eq!(http.left(), 0);
    }

    #[test]
    fn feat_check_a_refused_credential_and_html_are_errors() {
        let body = r#"{"error":{"code":"InvalidAuthenticationToken","message":"Access token has expired."}}"#;
        let (refused, _) = client(Recorded::new().on("GET", "/users", 401, body));
        assert_eq!(check(&refused).unwrap_err().kind, ErrorKind::Unauthorized);
        let (portal, _) = client(Recorded::new().on("GET", "/users", 200, "<!DOCTYPE html>"));
        assert!(matches!(check(&portal).unwrap_err().kind, ErrorKind::Protocol(_)));
    }
}
