//! Calport's connector for Exchange on premises, 2007 to SE: [`calport_ews_connector`] for servers of a domain.
//!
//! # Promises
//!
//! Those of the library, and:
//!
//! * A server's name or address is enough: `https://NAME` becomes `https://NAME/EWS/Exchange.asmx` (FEATURES C07). Without one it is
//!   searched for by Autodiscover.
//! * Settings that cannot be together are refused when the connection is opened, with the reason.
//! * Without impersonation the account reads its own mailbox and what is shared with it.
//! * A right that is missing is named with the command that gives it, with the account filled in (FEATURES R07).
//!
//! # Refusals
//!
//! Those of the library, and:
//!
//! * It does not log in: the host does, by NTLM, Negotiate, a login form, or Basic, and no password is in the settings.
//! * It does not talk to Exchange Online, which takes none of these logins.
#![allow(clippy::result_large_err, reason = "the error is the record of the WIT package")]

use calport_ews_connector::bindings::exports::calport::connector::connector::{Descriptor, Finding, Severity};
use calport_ews_connector::{Connector, Flavour, Identity, Opening};
use calport_ews_protocol::ServerBuild;
use calport_sdk::common::Error;

mod place;
mod rules;
mod settings;

/// The role of the account in Exchange.
const ROLE: &str = "ApplicationImpersonation";

/// Exchange on premises.
#[derive(Debug)]
pub struct OnPremises;

impl Flavour for OnPremises {
    type Settings = settings::Settings;

    const SEARCHES: bool = true;

    fn descriptor() -> Descriptor {
        let identity = Identity {
            name: "exchange-onprem",
            // The name that logs of such a connection have always had (SEMANTICS 1e).
            display_name: "EWS",
            settings_schema: &calport_sdk::settings::schema::<settings::Settings>(),
            usual_url: "",
            schemes: &["ntlm", "negotiate", "fba", "basic"],
        };
        calport_ews_connector::descriptor(identity, calport_ews_connector::permissions(ROLE, &["FullAccess"]))
    }

    fn open(settings: settings::Settings, url: String) -> Result<Opening, Error> {
        rules::opening(settings, &url)
    }
}

/// The product and its version as logs of such a connection have always had them: `Microsoft Exchange(v15.02.2562.0017)`.
fn product(build: ServerBuild) -> (String, String) {
    ("Microsoft Exchange".to_owned(), build.to_string())
}

fn findings(build: ServerBuild) -> Vec<Finding> {
    let name = calport_ews_connector::product(build);
    let (severity, message, remedy) = if build.is_online() {
        let remedy = "use the connector `graph`, or `ews` until EWS ends there";
        (Severity::Problem, "this is Exchange Online, not a server on premises".to_owned(), remedy)
    } else {
        (Severity::Info, format!("the server is {name}"), "")
    };
    vec![Finding { severity, message, remedy: remedy.to_owned() }]
}

/// The connector as the component model sees it.
pub type Plugin = Connector<OnPremises>;

calport_sdk::export! { plugin: Plugin, bindings: calport_ews_connector::bindings }

#[cfg(test)]
mod tests;
