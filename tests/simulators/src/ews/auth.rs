//! The front doors: who asks. Basic with the accounts of the settings, OAuth with tokens of the Graph simulator's endpoint, and the doors
//! of [`super::doors`].
//!
//! A header that names somebody counts before what the connection or a cookie says, and ends the connection's login.

use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::config::Config;
use super::doors::windows::{Line, Scheme, Step};
use super::doors::{Challenges, forms, identity, known};
use super::server::Answer;
use super::shared::Inner;
use crate::graph::state::State;
use crate::serve::Peer;

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

/// Somebody who was let in.
pub(crate) struct Entered {
    pub identity: Identity,
    /// What the answer says of the login.
    pub headers: Vec<(&'static str, String)>,
}

impl From<Identity> for Entered {
    fn from(identity: Identity) -> Self {
        Self { identity, headers: Vec::new() }
    }
}

/// What a request shows at the door.
#[derive(Clone, Copy)]
pub(crate) struct Visitor<'a> {
    pub peer: &'a Peer,
    pub headers: &'a HeaderMap,
    pub uri: &'a Uri,
}

impl Visitor<'_> {
    /// Scheme and rest of `Authorization`; empty without one.
    pub fn authorization(&self) -> (&str, &str) {
        let sent = self.headers.get("authorization").and_then(|h| h.to_str().ok()).unwrap_or_default();
        sent.split_once(' ').unwrap_or((sent, ""))
    }
}

/// Lets someone in.
///
/// # Errors
/// What is answered instead: 401 with challenges for somebody who did not say who he is or for whom it is not true, or what a forms
/// login says.
pub(crate) fn enter(inner: &mut Inner, state: &State, visitor: Visitor<'_>, now: Timestamp) -> Result<Entered, Box<Answer>> {
    let (scheme, rest) = visitor.authorization();
    let (peer, number) = (visitor.peer, visitor.peer.number);
    let word = scheme.to_ascii_lowercase();
    let windows = match word.as_str() {
        "ntlm" if inner.config.doors.ntlm => Some(Scheme::Ntlm),
        "negotiate" if inner.config.doors.negotiate => Some(Scheme::Negotiate),
        _ => None,
    };
    if let Some(scheme) = windows {
        return by_windows(inner, state, peer, scheme, rest, now);
    }
    if word.is_empty() {
        if let Some(identity) = peer.memory(|line: &mut Line| line.owner(inner.tally.epoch())) {
            if let Some(login) = inner.tally.of(number).logins.last_mut() {
                login.requests += 1;
            }
            return Ok(Entered { headers: vec![("persistent-auth", "true".to_owned())], ..identity.into() });
        }
        if let Some(forms) = inner.config.doors.forms {
            let identity = forms::enter(&mut inner.sessions, forms, visitor.headers, visitor.uri, now)?;
            inner.tally.of(number).others += 1;
            return Ok(identity.into());
        }
    } else {
        peer.memory(Line::begin_anew);
    }
    let entered = match word.as_str() {
        "basic" if inner.config.basic => basic(&inner.config, state, rest).ok_or_else(|| challenge(&inner.config, state, None)),
        "bearer" if inner.config.oauth => {
            bearer(&inner.config, state, rest, now).map_err(|reason| challenge(&inner.config, state, Some(reason)))
        }
        _ => Err(challenge(&inner.config, state, None)),
    };
    let identity = entered?;
    inner.tally.of(number).others += 1;
    Ok(identity.into())
}

fn by_windows(inner: &mut Inner, state: &State, peer: &Peer, scheme: Scheme, token: &str, now: Timestamp) -> Result<Entered, Box<Answer>> {
    let Inner { config, tally, .. } = inner;
    let counted = tally.of(peer.number);
    match peer.memory(|line: &mut Line| line.step((config, state), scheme, token, counted, now)) {
        Ok(Step::In(identity, last)) => {
            if let Some(login) = counted.logins.last_mut() {
                login.requests += 1;
            }
            let mut headers = vec![("persistent-auth", "true".to_owned())];
            headers.extend(last.map(|l| ("www-authenticate", l)));
            Ok(Entered { identity, headers })
        }
        Ok(Step::GoOn(message)) => {
            let mut offers = match config.doors.challenges {
                Challenges::Separate => Vec::new(),
                Challenges::Repeated | Challenges::Joined => offers(config, state, None),
            };
            offers.retain(|o| o != scheme.name());
            offers.push(message);
            Err(unauthorized(config, offers))
        }
        Err(reason) => {
            counted.refused.push(reason.to_string());
            Err(challenge(config, state, None))
        }
    }
}

fn basic(config: &Config, state: &State, encoded: &str) -> Option<Identity> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    let account = known(config, user, "").filter(|a| a.password == password)?;
    Some(identity(config, state, account))
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

/// The ways that are open, in the order in which servers name them.
fn offers(config: &Config, state: &State, reason: Option<&str>) -> Vec<String> {
    let mut offers = Vec::new();
    if config.oauth {
        let error = if reason.is_some() { ", error=\"invalid_token\"" } else { "" };
        offers.push(format!(
            "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", trusted_issuers=\"00000001-0000-0000-c000-000000000000@{}\", token_types=\"app_asserted_user_v1 service_asserted_app_v1\"{error}",
            state.config.tenant
        ));
    }
    offers.extend(config.doors.negotiate.then(|| Scheme::Negotiate.name().to_owned()));
    offers.extend(config.doors.ntlm.then(|| Scheme::Ntlm.name().to_owned()));
    offers.extend(config.basic.then(|| format!("Basic realm=\"{}\"", config.doors.realm)));
    offers
}

/// 401 for whoever is not let in, with the reason in `x-ms-diagnostics` when a token was refused.
pub(crate) fn challenge(config: &Config, state: &State, reason: Option<&str>) -> Box<Answer> {
    let mut answer = unauthorized(config, offers(config, state, reason));
    let diagnostics = reason.map(|r| format!("2000003;reason=\"{r}\";error_category=\"invalid_token\""));
    answer.headers.extend(diagnostics.map(|d| ("x-ms-diagnostics", d)));
    answer
}

fn unauthorized(config: &Config, offers: Vec<String>) -> Box<Answer> {
    const BODY: &str = "<!DOCTYPE html><html><head><title>401 - Unauthorized</title></head><body>Access is denied.</body></html>";
    let offers = if config.doors.challenges == Challenges::Joined { vec![offers.join(", ")] } else { offers };
    let answer = Answer::text(401, "text/html", BODY);
    Box::new(offers.into_iter().filter(|o| !o.is_empty()).fold(answer, |answer, o| answer.header("www-authenticate", o)))
}
