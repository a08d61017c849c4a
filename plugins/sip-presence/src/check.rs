//! Proving a connection: version, and whether Kamailio can publish. Changes nothing there.
//!
//! Whether `pua.publish` exists is asked with a call that lacks its parameters: Kamailio looks for the method first.

use calport_sdk::common::Error;

use crate::bindings::exports::calport::connector::connector::{CheckReport, Finding, Severity};
use crate::rpc::{Connection, Outcome, is_unknown, refusal};

/// Checks the connection.
///
/// # Errors
/// When Kamailio is not reachable, refuses the credential or does not speak JSON-RPC.
pub fn check(connection: &Connection) -> Result<CheckReport, Error> {
    let mut findings = Vec::new();
    // The publication first: its answer also proves URL and credential.
    match connection.ask::<serde_json::Value>("pua.publish")? {
        Outcome::Refused(fault) if is_unknown(&fault) => findings.push(finding(
            Severity::Problem,
            "presence cannot be published: Kamailio has no method pua.publish",
            "load the modules tm, pua and pua_rpc in kamailio.cfg, and restart Kamailio",
        )),
        Outcome::Refused(fault) if fault.code == 400 => {}
        Outcome::Refused(fault) => findings.push(finding(
            Severity::Warning,
            refusal("pua.publish", &fault).message,
            "Calport is tested with Kamailio 5.6; look into Kamailio's log",
        )),
        Outcome::Done(_) => {}
    }
    let banner = match connection.ask::<String>("core.version") {
        Ok(Outcome::Done(banner)) => banner,
        Ok(Outcome::Refused(_)) | Err(_) => {
            findings.push(finding(Severity::Info, "the version is not known: Kamailio does not let core.version pass", ""));
            String::new()
        }
    };
    let (server, version) = named(&banner);
    if major(&version).is_some_and(|number| number < 5) {
        let message = format!("Kamailio {version} is older than 5");
        findings.push(finding(Severity::Warning, message, "Calport is tested with 5.6; update Kamailio"));
    }
    if connection.settings.domain.is_empty() {
        let remedy = "set `domain` in the settings, unless every user is written as `user@domain`";
        findings.push(finding(Severity::Warning, "the settings name no SIP domain: users without `@` are refused", remedy));
    }
    findings.sort_by_key(|f| match f.severity {
        Severity::Problem => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    });
    Ok(CheckReport { server, version, findings })
}

/// Name and version of a banner such as `kamailio 5.6.3 (x86_64/linux)`.
fn named(banner: &str) -> (String, String) {
    let mut words = banner.split_whitespace().map(|word| word.chars().filter(|c| !c.is_control()).take(40).collect::<String>());
    let name = words.next().filter(|name| !name.eq_ignore_ascii_case("kamailio")).unwrap_or_else(|| "Kamailio".to_owned());
    (name, words.next().unwrap_or_default())
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

fn finding(severity: Severity, message: impl Into<String>, remedy: &str) -> Finding {
    Finding { severity, message: message.into(), remedy: remedy.to_owned() }
}
