//! Calport's connector for Exchange Web Services of Exchange Online, and of servers that are logged in to with Basic: [`calport_ews_connector`]
//! with the words of Exchange Online. For servers of a domain there is `exchange-onprem`.
//!
//! # Promises
//!
//! Those of the library. Every mailbox is reached by impersonation; what the end of EWS in Exchange Online means is said where it is met.
//!
//! # Refusals
//!
//! Those of the library. It does not complete URLs: there is one for everybody.
#![allow(clippy::result_large_err, reason = "the error is the record of the WIT package")]

use calport_ews_connector::bindings::exports::calport::connector::calendar::ChangePage;
use calport_ews_connector::bindings::exports::calport::connector::connector::{Descriptor, Finding, Severity};
use calport_ews_connector::{Connector, Flavour, Identity, Manner, Opening, Remedies, Settings};
use calport_ews_protocol::{ServerBuild, ServerVersion};
use calport_sdk::common::{Error, Window};
use calport_sdk::http::Http;

/// The role of the application in Entra.
const APP_ROLE: &str = "full_access_as_app";

/// What to do when EWS is gone.
const SUNSET: &str = "Exchange Online switches EWS off organization by organization from 2026-10-01 and for good on 2027-04-01. Use the connector \
     `graph` for this organization; until the last day an administrator may allow EWS again with \
     `Set-OrganizationConfig -EwsEnabled $true`";

/// Exchange Online.
#[derive(Debug)]
pub struct Online;

impl Flavour for Online {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        let identity = Identity {
            name: "ews",
            display_name: "Exchange Web Services",
            settings_schema: &calport_sdk::settings::schema::<Settings>(),
            usual_url: "https://outlook.office365.com/EWS/Exchange.asmx",
            schemes: &["oauth2-client-credentials", "basic"],
        };
        let alternatives = ["Application EWS.AccessAsApp", "ApplicationImpersonation"];
        calport_ews_connector::descriptor(identity, calport_ews_connector::permissions(APP_ROLE, &alternatives))
    }

    fn open(settings: Settings, url: String) -> Result<Opening, Error> {
        let remedies = Remedies { impersonation: impersonation_remedy, switched_off: SUNSET, findings: of_server, ..Remedies::default() };
        Ok(Opening { url, settings, manner: Manner { remedies, ..Manner::default() }, search: Default::default() })
    }
}

/// What gives an application or an account the right to impersonate.
fn impersonation_remedy(account: Option<&str>, version: ServerVersion) -> String {
    format!(
        "for an application, add `{APP_ROLE}` (Office 365 Exchange Online) and grant consent; for an account on premises, {}",
        calport_ews_connector::role_command(account, version)
    )
}

fn of_server(build: ServerBuild) -> Vec<Finding> {
    if !build.is_online() {
        return Vec::new();
    }
    let message = "this is Exchange Online, where EWS comes to its end".to_owned();
    vec![Finding { severity: Severity::Warning, message, remedy: SUNSET.to_owned() }]
}

/// Reads a window of a mailbox without a cursor, as the exported function does, through an HTTP client of one's own.
///
/// # Errors
/// Those of the exported function; `invalid` for settings that are none.
pub fn read_window(http: Box<dyn Http>, settings: &str, mailbox: &str, window: Window) -> Result<ChangePage, Error> {
    calport_ews_connector::read_window::<Online>(http, settings, mailbox, window)
}

/// The connector as the component model sees it.
pub type Plugin = Connector<Online>;

calport_sdk::export! { plugin: Plugin, bindings: calport_ews_connector::bindings }

#[cfg(test)]
mod tests;
