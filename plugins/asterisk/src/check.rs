//! Proving a connection: version, modules, and which class of `manager.conf` is missing. Changes nothing at Asterisk.
//!
//! Whether something may be written is asked with a request that lacks its object: Asterisk looks at the permission first
//! and at the parameters second.

use calport_sdk::common::{Error, ErrorKind};
use calport_sdk::http::ResponseExt;
use calport_sdk::request;

use crate::bindings::exports::calport::connector::connector::{CheckReport, Finding, Severity};
use crate::manager::{Connection, EVENTS, Outcome, classes, is_denied, is_unknown};

/// A user that no dialplan has.
const NOBODY: &str = "calport-check";

/// Checks the connection.
///
/// # Errors
/// When Asterisk is not reachable, refuses the credential or does not speak the manager's protocol.
pub fn check(connection: &Connection) -> Result<CheckReport, Error> {
    let mut findings = Vec::new();
    let version = match connection.ask("CoreSettings", &[])? {
        Outcome::Done(blocks) => blocks.first().map(|b| b.get("AsteriskVersion").to_owned()).unwrap_or_default(),
        Outcome::Refused(message) => {
            findings.extend(denied(
                "CoreSettings",
                &message,
                Severity::Info,
                "the version is not known, and a restart of Asterisk is not noticed",
            ));
            String::new()
        }
    };
    if major(&version).is_some_and(|m| m < 20) {
        findings.push(finding(
            Severity::Warning,
            format!("Asterisk {version} is older than 20"),
            "Calport is tested with 20 to 22; update Asterisk",
        ));
    }
    match connection.ask("ExtensionStateList", &[])? {
        Outcome::Refused(message) if is_denied(&message) => {
            findings.extend(denied("ExtensionStateList", &message, Severity::Problem, "the users cannot be listed"));
        }
        _ => findings.extend(users(connection)?),
    }
    if let Outcome::Refused(message) = connection.ask("PresenceStateList", &[])? {
        if is_unknown(&message) {
            let remedy = "load the module: `module load res_manager_presencestate.so`, and keep it in modules.conf";
            findings.push(finding(Severity::Problem, "presence cannot be read or followed: PresenceStateList is unknown", remedy));
        }
        findings.extend(denied("PresenceStateList", &message, Severity::Problem, "presence cannot be read"));
    }
    let variable = format!("PRESENCE_STATE({},value)", connection.presentity(NOBODY));
    if let Outcome::Done(blocks) = connection.ask("Getvar", &[("variable", &variable)])?
        && blocks.first().is_some_and(|b| b.get("Value").is_empty())
    {
        let remedy = "load the module: `module load func_presencestate.so`, and keep it in modules.conf";
        findings.push(finding(Severity::Problem, "the function PRESENCE_STATE is missing", remedy));
    }
    if let Outcome::Refused(message) = connection.ask("Setvar", &[])? {
        findings.extend(denied("Setvar", &message, Severity::Problem, "presence cannot be set"));
    }
    let settings = &connection.settings;
    if !(settings.greeting_family.is_empty() && settings.forwarding_family.is_empty())
        && let Outcome::Refused(message) = connection.ask("DBPut", &[])?
    {
        findings.extend(denied("DBPut", &message, Severity::Warning, "absence greetings and forwarding profiles cannot be written"));
    }
    if let Outcome::Done(blocks) = connection.act(EVENTS, "Events", &[("eventmask", "call")], None)?
        && blocks.first().is_some_and(|b| b.get("Events") != "On")
    {
        let remedy = "add the class call to `read =` of the account in manager.conf";
        findings.push(finding(Severity::Warning, "changes made at the PBX are not told: the account gets no events", remedy));
    }
    findings.extend(rest(connection));
    findings.sort_by_key(|f| match f.severity {
        Severity::Problem => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    });
    Ok(CheckReport { server: "Asterisk".to_owned(), version, findings })
}

fn users(connection: &Connection) -> Result<Vec<Finding>, Error> {
    let users = connection.users()?;
    let mut findings = Vec::new();
    if users.is_empty() {
        let place = match connection.settings.contexts.as_slice() {
            [] => "no hint".to_owned(),
            contexts => format!("no hint in the contexts {}", contexts.join(", ")),
        };
        let remedy = format!("add a hint for each user to the dialplan: `exten => 4711,hint,PJSIP/4711,{}`", connection.presentity("4711"));
        findings.push(finding(Severity::Warning, format!("{place} names a presentity of {}", connection.settings.technology), &remedy));
    } else {
        findings.push(finding(Severity::Info, format!("{} users have a hint", users.len()), ""));
    }
    if users.unusable > 0 {
        let message = format!("{} hints name presentities with characters that cannot be written", users.unusable);
        findings.push(finding(Severity::Warning, message, "rename them without `( ) , & |` and control characters"));
    }
    if !connection.settings.technology.eq_ignore_ascii_case("CustomPresence") {
        let message = format!("the presence technology is {}", connection.settings.technology);
        findings.push(finding(Severity::Warning, message, "Asterisk lets only CustomPresence be written; remove the setting `technology`"));
    }
    Ok(findings)
}

fn rest(connection: &Connection) -> Option<Finding> {
    let needed = connection.settings.devices.pattern.starts_with("Stasis:");
    let ari = connection.ari.as_ref().filter(|_| needed)?;
    let problem = |message: String, remedy| Some(finding(Severity::Problem, format!("device states cannot be set: {message}"), remedy));
    match request::get(format!("{ari}/ari/asterisk/info")).send(&*connection.http) {
        Ok(answer) if answer.is_success() => None,
        Ok(answer) => problem(
            format!("the REST interface answers HTTP {}", answer.status),
            "enable ari.conf and check the account of the endpoint `ari`",
        ),
        Err(e) if e.kind == ErrorKind::Unauthorized => problem(e.message, "check the account of the endpoint `ari` against ari.conf"),
        Err(e) => problem(e.message, "check the URL of the endpoint `ari`"),
    }
}

fn denied(action: &str, message: &str, severity: Severity, effect: &str) -> Option<Finding> {
    let remedy = format!("add the class {} to `write =` of the account in manager.conf, then `manager reload`", classes(action));
    is_denied(message).then(|| finding(severity, format!("{effect}: {action} is denied"), &remedy))
}

fn finding(severity: Severity, message: impl Into<String>, remedy: &str) -> Finding {
    Finding { severity, message: message.into(), remedy: remedy.to_owned() }
}

/// The first number of a version such as `22.0.0`, `GIT-22-22.0.0-pre1` or `certified/20.7-cert1`.
fn major(version: &str) -> Option<u32> {
    version.split(|c: char| !c.is_ascii_digit()).find(|p| !p.is_empty())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_kinds_have_a_number() {
        for (text, number) in
            [("22.0.0", Some(22)), ("GIT-22-22.0.0-pre1-541-g69535d4837", Some(22)), ("certified/20.7-cert1", Some(20)), ("", None)]
        {
            assert_eq!(major(text), number, "{text}");
        }
    }
}
