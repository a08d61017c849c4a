//! `check`: one request per permission, more only while mailboxes refuse; nothing is changed.
//!
//! A refusing mailbox proves nothing about the permission: access may be granted for some mailboxes only. So the next users
//! are asked too, and if all refuse, the permission *may* be missing. Those asked are users that `user_filter` lists.

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
            findings.push(Finding {
                severity: Severity::Problem,
                message: format!("the directory cannot be listed: {}", e.message),
                remedy: "add the application permission User.Read.All to the app registration and have an administrator consent".to_owned(),
            });
            Vec::new()
        }
        Err(e) if client.settings.user_filter.is_some() && matches!(e.kind, ErrorKind::Refused(_) | ErrorKind::Invalid(_)) => {
            findings.push(Finding {
                severity: Severity::Problem,
                message: format!("the directory refuses the setting `user_filter`: {}", e.message),
                remedy: "correct `user_filter`: an OData filter for users, such as `accountEnabled eq true`".to_owned(),
            });
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
    findings.extend(sender(client)?);
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

/// Whether the mailbox that sends mails is known. That it may send is proved by the first mail only.
fn sender(client: &Client) -> Result<Option<Finding>, Error> {
    let Some(sender) = &client.settings.sender else { return Ok(None) };
    let purpose = Purpose { doing: "looking for the mailbox that sends mails", permission: "User.Read.All", mailbox: Some(sender) };
    let builder = request::get(client.url(&user_path(sender))).query("$select", "id");
    match client.send(builder, &purpose) {
        Ok(_) => Ok(None),
        Err(e) if e.kind == ErrorKind::Unauthorized => Err(e),
        Err(e) if e.kind == ErrorKind::NotFound => Ok(Some(Finding {
            severity: Severity::Problem,
            message: format!("the setting `sender` names `{sender}`, which the directory does not have"),
            remedy: "set `sender` to the sign-in name or id of a user with a mailbox".to_owned(),
        })),
        Err(e) => Ok(Some(Finding {
            severity: Severity::Warning,
            message: format!("the setting `sender` could not be checked: {}", e.message),
            remedy: "repeat the check later".to_owned(),
        })),
    }
}

fn users(client: &Client) -> Result<Vec<WireSample>, Error> {
    let purpose = Purpose { doing: "reading the directory", permission: "User.Read.All", mailbox: None };
    let builder = request::get(client.url("/users")).query("$select", "id,mail").query("$top", SAMPLE);
    let builder = match &client.settings.user_filter {
        Some(filter) => builder.query("$filter", filter),
        None => builder,
    };
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

/// Asks the first users until a mailbox answers.
fn probe(client: &Client, users: &[&WireSample], effect: &str, permission: &'static str, path: &str) -> Result<Option<Finding>, Error> {
    let mut refused: Vec<Error> = Vec::new();
    for user in users {
        let purpose = Purpose { doing: "checking a permission", permission, mailbox: Some(&user.id) };
        match client.send(request::get(client.url(&format!("{}{path}", user_path(&user.id)))), &purpose) {
            Ok(_) => return Ok(None),
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) if e.kind == ErrorKind::Forbidden => refused.push(e),
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
    if let Some(first) = refused.first() {
        return Ok(Some(perhaps_missing(effect, permission, refused.len(), first)));
    }
    Ok(Some(Finding {
        severity: Severity::Info,
        message: format!("{permission} was not checked: none of the first users has a mailbox"),
        remedy: String::new(),
    }))
}

fn perhaps_missing(effect: &str, permission: &str, mailboxes: usize, first: &Error) -> Finding {
    let of = if mailboxes == 1 {
        "the one mailbox that was asked refuses".to_owned()
    } else {
        format!("all {mailboxes} mailboxes that were asked refuse")
    };
    Finding {
        severity: Severity::Warning,
        message: format!("{effect}, or not of every mailbox: {of}; the permission {permission} may be missing: {}", first.message),
        remedy: format!(
            "see whether the app registration has the application permission {permission}, with an administrator's consent; if access \
             is granted for some mailboxes only, nothing is wrong as long as the people's own mailboxes can be read"
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
            .on("GET", "/users/u1/mailboxSettings", 403, &denied())
            .on("GET", "/users/u2/mailboxSettings", 403, &denied());
        let (client, http) = client(http);
        let report = check(&client).unwrap();
        assert_eq!(report.server, "Microsoft Graph v1.0 (Contoso)");
        assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
        let finding = &report.findings[0];
        assert_eq!(finding.severity, Severity::Warning);
        assert!(
            finding.message.contains("all 2 mailboxes") && finding.message.contains("MailboxSettings.Read may be missing"),
            "{}",
            finding.message
        );
        assert!(finding.remedy.contains("MailboxSettings.Read"));
        assert_eq!(http.left(), 0);
    }

    #[test]
    fn feat_check_one_refusing_mailbox_proves_no_missing_permission() {
        let http = Recorded::new()
            .on("GET", "/users?$select=id%2Cmail", 200, USERS)
            .on("GET", "/organization", 403, &denied())
            .on("GET", "/users/u1/calendar?", 403, &denied())
            .on("GET", "/users/u2/calendar?", 200, "{}")
            .on("GET", "/users/u1/mailboxSettings", 200, "{}");
        let (client, http) = client(http);
        let report = check(&client).unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!(http.left(), 0);
    }

    #[test]
    fn feat_check_asks_the_users_of_the_filter_and_names_a_refused_one() {
        let filtered = |http| {
            let (mut client, http) = client(http);
            client.settings.user_filter = Some("department eq 'Sales'".to_owned());
            (client, http)
        };
        let none = r#"{"value":[]}"#;
        let (good, http) = filtered(Recorded::new().on("GET", "/users?", 200, none).on("GET", "/organization", 403, &denied()));
        assert!(check(&good).unwrap().findings.iter().all(|f| f.severity == Severity::Info));
        assert!(http.requests()[0].url.contains("$filter=department%20eq%20%27Sales%27"), "{}", http.requests()[0].url);
        let bad = r#"{"error":{"code":"Request_UnsupportedQuery","message":"Unsupported property filter clause"}}"#;
        let (bad, _) = filtered(Recorded::new().on("GET", "/users?", 400, bad).on("GET", "/organization", 403, &denied()));
        let report = check(&bad).unwrap();
        assert_eq!(report.findings[0].severity, Severity::Problem);
        assert!(report.findings[0].message.contains("`user_filter`"), "{}", report.findings[0].message);
    }

    #[test]
    fn feat_check_a_sender_that_does_not_exist_is_a_problem() {
        let with_sender = |status, body: &str| {
            let answers = Recorded::new().on("GET", "/users?", 200, r#"{"value":[]}"#).on("GET", "/organization", 403, &denied());
            let (mut client, _) = client(answers.on("GET", "/users/calport%40example.com?", status, body));
            client.settings.sender = Some("calport@example.com".to_owned());
            check(&client).unwrap().findings.into_iter().find(|f| f.severity != Severity::Info)
        };
        assert!(with_sender(200, r#"{"id":"u1"}"#).is_none());
        let missing = with_sender(404, r#"{"error":{"code":"Request_ResourceNotFound"}}"#).unwrap();
        assert_eq!(missing.severity, Severity::Problem);
        assert!(missing.message.contains("`sender` names `calport@example.com`"), "{}", missing.message);
        assert_eq!(with_sender(403, &denied()).unwrap().severity, Severity::Warning);
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
