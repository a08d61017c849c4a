//! The front doors: who asks. Basic with the accounts of the settings, OAuth with tokens of the Graph simulator's endpoint.
//!
//! A door is a function from the headers to an [`Identity`]; further doors (Windows authentication, a forms login) stand beside these.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::config::Config;
use crate::graph::state::State;

/// Who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The application, by a token: it has no mailbox of its own.
    App,
    /// An account with a password.
    Account {
        user: String,
        /// May act as every mailbox.
        impersonation: bool,
    },
}

impl Identity {
    /// For the log.
    pub fn name(&self) -> String {
        match self {
            Self::App => "app".to_owned(),
            Self::Account { user, .. } => user.clone(),
        }
    }

    /// Whether it may act as every mailbox.
    pub fn everywhere(&self) -> bool {
        matches!(self, Self::App | Self::Account { impersonation: true, .. })
    }
}

/// 401 with these challenges, and a reason in `x-ms-diagnostics` when a token was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub doors: Vec<String>,
    pub diagnostics: Option<String>,
}

/// Lets someone in.
///
/// # Errors
/// 401: nobody said who they are, or it is not true.
pub(crate) fn enter(config: &Config, state: &State, headers: &HeaderMap, now: Timestamp) -> Result<Identity, Challenge> {
    let sent = headers.get("authorization").and_then(|h| h.to_str().ok()).unwrap_or_default();
    let (scheme, rest) = sent.split_once(' ').unwrap_or((sent, ""));
    match scheme.to_ascii_lowercase().as_str() {
        "basic" if config.basic => basic(config, rest).ok_or_else(|| challenge(config, state, None)),
        "bearer" if config.oauth => bearer(config, state, rest, now).map_err(|reason| challenge(config, state, Some(reason))),
        _ => Err(challenge(config, state, None)),
    }
}

fn basic(config: &Config, encoded: &str) -> Option<Identity> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    let account = config.accounts.iter().find(|a| a.user.eq_ignore_ascii_case(user) && a.password == password)?;
    Some(Identity::Account { user: account.user.clone(), impersonation: account.impersonation })
}

fn bearer(config: &Config, state: &State, token: &str, now: Timestamp) -> Result<Identity, &'static str> {
    let token = state.tokens.get(token.trim()).ok_or("The token is not known or its signature is invalid.")?;
    if token.expires <= now {
        return Err("The token has expired.");
    }
    if token.audience.contains("graph.") {
        return Err("The audience claim value is invalid for the current resource.");
    }
    if !config.full_access {
        return Err("The token contains not enough scope to make this call.");
    }
    Ok(Identity::App)
}

fn challenge(config: &Config, state: &State, reason: Option<&str>) -> Challenge {
    let mut doors = Vec::new();
    if config.oauth {
        let error = if reason.is_some() { ", error=\"invalid_token\"" } else { "" };
        doors.push(format!(
            "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", trusted_issuers=\"00000001-0000-0000-c000-000000000000@{}\", token_types=\"app_asserted_user_v1 service_asserted_app_v1\"{error}",
            state.config.tenant
        ));
    }
    if config.basic {
        doors.push("Basic realm=\"\"".to_owned());
    }
    let diagnostics = reason.map(|r| format!("2000003;reason=\"{r}\";error_category=\"invalid_token\""));
    Challenge { doors, diagnostics }
}
