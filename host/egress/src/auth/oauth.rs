//! OAuth 2.0 client credentials: one token for all requests, renewed before it ends, by one request at a time.
//!
//! A token counts as due five minutes before its end, or after 80 % of a short life. While it is due but valid, one request
//! renews it and the others go on with it. A failed token request is remembered for some seconds, so that a burst of requests
//! does not become a burst of failures at the token server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use calport_secrets::Secret;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use url::form_urlencoded::Serializer;

use super::fixed::{basic, header_value};
use super::{Answer, Auth, ClientStyle, Scheme, Turn, Vault};
use crate::error::{EgressError, Phase, SafeUrl};
use crate::throttle::parse_retry_after;
use crate::wire::{Call, Reply, Wire};

/// Renewed this long before the end: longer than any request and clock skew.
const AHEAD: Duration = Duration::from_secs(300);
/// Assumed life of a token that names none.
const UNNAMED_LIFE: Duration = Duration::from_secs(3600);
/// A failure is repeated to others for so long without asking again.
const FAILURE_HOLD: Duration = Duration::from_secs(5);
/// Longest hold after a failure, whatever the token server asks for.
const LONGEST_HOLD: Duration = Duration::from_secs(300);
/// Tokens are a few KiB.
const LARGEST_ANSWER: usize = 256 * 1024;

pub(super) struct OAuth {
    auth: Auth,
    vault: Vault,
    state: Mutex<State>,
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    failure: Option<(Duration, EgressError)>,
}

struct Token {
    value: Secret,
    due: Duration,
    end: Duration,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl OAuth {
    pub(super) fn new(auth: Auth, vault: Vault) -> Self {
        Self { auth, vault, state: Mutex::default(), renewing: tokio::sync::Mutex::new(()) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A valid token, and whether it was asked for just now.
    async fn token(&self, wire: &Wire, deadline: Instant, total: Duration) -> Result<(Arc<Token>, bool), EgressError> {
        let now = wire.clock.monotonic();
        let current = self.state().token.clone().filter(|token| token.end > now);
        let _alone = match &current {
            Some(token) if token.due > now => return Ok((Arc::clone(token), false)),
            Some(token) => match self.renewing.try_lock() {
                Ok(alone) => alone,
                Err(_) => return Ok((Arc::clone(token), false)),
            },
            None => timeout_at(deadline, self.renewing.lock()).await.map_err(|_| self.queue_too_long(wire, total))?,
        };
        let now = wire.clock.monotonic();
        if let Some(token) = self.state().token.clone().filter(|token| token.due > now) {
            return Ok((token, true));
        }
        let held = self.state().failure.clone().filter(|(until, _)| *until > now);
        let result = match held {
            Some((_, failure)) => Err(failure),
            None => self.ask(wire, deadline, total).await,
        };
        match (result, current) {
            (Ok(token), _) => Ok((token, true)),
            (Err(_), Some(token)) => Ok((token, false)),
            (Err(failure), None) => Err(failure),
        }
    }

    /// Forgets a token that the server refused, unless it was replaced meanwhile.
    fn forget(&self, refused: &Arc<Token>) {
        let mut state = self.state();
        if state.token.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            state.token = None;
        }
    }

    async fn ask(&self, wire: &Wire, deadline: Instant, total: Duration) -> Result<Arc<Token>, EgressError> {
        let outcome = self.request(wire, deadline, total).await;
        let now = wire.clock.monotonic();
        let mut state = self.state();
        match outcome {
            Ok(token) => {
                let token = Arc::new(token);
                *state = State { token: Some(Arc::clone(&token)), failure: None };
                Ok(token)
            }
            Err((failure, hold)) => {
                let failure = failure.before_sending();
                state.failure = Some((now + hold.unwrap_or_default().clamp(FAILURE_HOLD, LONGEST_HOLD), failure.clone()));
                Err(failure)
            }
        }
    }

    async fn request(&self, wire: &Wire, deadline: Instant, total: Duration) -> Result<Token, (EgressError, Option<Duration>)> {
        let call = self.call(wire, deadline, total).map_err(|error| (error, None))?;
        let mut reply = wire.fire(&call, None).await.map_err(|error| (error, None))?;
        let body = wire.collect(&mut reply, &call, LARGEST_ANSWER).await.map_err(|error| (error, None))?;
        let status = reply.response.status();
        let url = SafeUrl::new(&call.url);
        if !status.is_success() {
            let hold = reply.response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let hold = hold.and_then(|value| parse_retry_after(value, wire.clock.now()));
            return Err((refusal(wire, url, status, &body), hold));
        }
        let broken = |reason: &str| {
            let remedy = "check that `token_url` is the address of the token endpoint";
            (EgressError::Token { url: url.clone(), reason: reason.to_owned(), remedy, transient: false }, None)
        };
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| broken("its answer is not the JSON of a token"))?;
        if granted.token_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(broken("it gave a token that is not of type Bearer"));
        }
        let value = Secret::new(granted.access_token);
        if value.expose().is_empty() {
            return Err(broken("it gave an empty token"));
        }
        self.vault.note(&value);
        let life = granted.expires_in.as_ref().and_then(life).unwrap_or(UNNAMED_LIFE);
        let now = wire.clock.monotonic();
        Ok(Token { value, due: now + due_after(life), end: now + life })
    }

    fn call(&self, wire: &Wire, deadline: Instant, total: Duration) -> Result<Call, EgressError> {
        let Auth::OAuth2ClientCredentials { token_url, client_id, client_secret, scope, parameters, style } = &self.auth else {
            return Err(wire.setup("the scheme is not OAuth 2.0"));
        };
        if token_url.scheme() == "http" && !wire.endpoint.plain_http {
            return Err(wire.setup("the token address must be an https URL, or the endpoint needs plain_http = true"));
        }
        let secret = self.vault.get(client_secret)?;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !scope.is_empty() {
            form.append_pair("scope", scope);
        }
        form.extend_pairs(parameters);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        match style {
            ClientStyle::Form => {
                form.append_pair("client_id", client_id).append_pair("client_secret", secret.expose());
            }
            ClientStyle::Basic => {
                let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = basic(&encode(client_id), &Secret::new(encode(secret.expose())));
                self.vault.note(&pair);
                headers.insert(AUTHORIZATION, header_value(wire, &Secret::new(format!("Basic {}", pair.expose())))?);
            }
        }
        Ok(Call {
            method: Method::POST,
            url: token_url.clone(),
            headers,
            body: Bytes::from(form.finish()),
            session: None,
            deadline,
            total,
            harmless_twice: true,
            private: true,
        })
    }

    fn queue_too_long(&self, wire: &Wire, total: Duration) -> EgressError {
        let url = match &self.auth {
            Auth::OAuth2ClientCredentials { token_url, .. } => SafeUrl::new(token_url),
            _ => SafeUrl::new(wire.endpoint.origin.url()),
        };
        EgressError::TimedOut { url, phase: Phase::Queue, after: total, outcome: crate::error::Outcome::NotSent }
    }

    async fn fire(&self, wire: &Wire, call: &Call, token: &Token) -> Result<Reply, EgressError> {
        let value = header_value(wire, &Secret::new(format!("Bearer {}", token.value.expose())))?;
        wire.fire(call, Some((AUTHORIZATION, value))).await
    }
}

#[async_trait]
impl Scheme for OAuth {
    async fn converse(&self, wire: &Wire, call: &Call, turn: Turn) -> Result<Answer, EgressError> {
        let (token, fresh) = self.token(wire, call.deadline, call.total).await?;
        let reply = self.fire(wire, call, &token).await?;
        if reply.response.status() != StatusCode::UNAUTHORIZED || fresh {
            return Ok(Answer { reply, turn });
        }
        self.forget(&token);
        let (renewed, _) = self.token(wire, call.deadline, call.total).await?;
        wire.drain(reply, call).await;
        Ok(Answer { reply: self.fire(wire, call, &renewed).await?, turn })
    }

    async fn roles(&self, wire: &Wire, deadline: Instant) -> Result<Option<Vec<String>>, EgressError> {
        let (token, _) = self.token(wire, deadline, wire.limits.total).await?;
        Ok(roles_of(&token.value))
    }
}

/// When a token of this life is renewed, counted from its start.
fn due_after(life: Duration) -> Duration {
    life.saturating_sub(AHEAD).max(life.mul_f64(0.8))
}

/// Seconds as a number, or as text, which some servers send. At most a year, at least a second.
fn life(value: &serde_json::Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    seconds.is_finite().then(|| Duration::from_secs_f64(seconds.clamp(1.0, 31_536_000.0)))
}

/// The claim `roles` of a JWT; `None` if the token is not one that we can read. The signature is the server's business.
fn roles_of(token: &Secret) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Claims {
        #[serde(default)]
        roles: Vec<String>,
    }
    let payload = token.expose().split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice::<Claims>(&bytes).ok().map(|claims| claims.roles)
}

fn refusal(wire: &Wire, url: SafeUrl, status: StatusCode, body: &[u8]) -> EgressError {
    let refused: Refused = serde_json::from_slice(body).unwrap_or_default();
    let transient = status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || matches!(refused.error.as_str(), "temporarily_unavailable" | "server_error");
    let text = refused.error_description.lines().next().unwrap_or_default();
    let reason = match (refused.error.is_empty(), text.is_empty()) {
        (true, _) => format!("status {}", status.as_u16()),
        (false, true) => format!("status {}, {}", status.as_u16(), refused.error),
        (false, false) => format!("status {}, {}: {text}", status.as_u16(), refused.error),
    };
    let shortened: String = wire.tracer.scrubber.clean(reason).chars().filter(|c| !c.is_control()).take(300).collect();
    EgressError::Token { url, reason: shortened, remedy: remedy(&refused.error, transient), transient }
}

/// What to do about the error codes of RFC 6749, 5.2.
fn remedy(code: &str, transient: bool) -> &'static str {
    match code {
        "invalid_client" => {
            "the client secret is wrong or expired: make a new one at the identity provider and set it with `calport secret set`"
        }
        "unauthorized_client" => {
            "the client id is unknown there or may not use client credentials: check `client_id` and the tenant in `token_url`"
        }
        "invalid_scope" => "the scope is unknown or not granted: check `scope` in the connection's authentication",
        "invalid_request" | "unsupported_grant_type" => {
            "the token server does not accept this kind of request: check `token_url`, `client_id` and `scope`"
        }
        "invalid_grant" | "access_denied" => "the application lacks consent or is blocked: ask the administrator of the identity provider",
        _ if transient => "the token server is busy: Calport tries again by itself",
        _ => "check `token_url`, `client_id` and `scope` of the connection's authentication",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_due_five_minutes_before_its_end_or_at_80_percent() {
        let s = Duration::from_secs;
        for (life, due) in [(3600, 3300), (86_400, 86_100), (300, 240), (60, 48), (1500, 1200)] {
            assert_eq!(due_after(s(life)), s(due), "{life}");
        }
    }

    #[test]
    fn a_life_is_read_from_number_or_text_and_bounded() {
        let table =
            [("3599", Some(3599)), ("\"3599\"", Some(3599)), ("-5", Some(1)), ("1e300", Some(31_536_000)), ("null", None), ("\"x\"", None)];
        for (json, expected) in table {
            assert_eq!(life(&serde_json::from_str(json).unwrap()).map(|d| d.as_secs()), expected, "{json}");
        }
    }

    #[test]
    fn roles_are_read_from_a_jwt_and_nothing_else() {
        let jwt = |payload: &str| Secret::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload)));
        assert_eq!(roles_of(&jwt(r#"{"roles":["Calendars.Read","User.Read.All"]}"#)).unwrap(), ["Calendars.Read", "User.Read.All"]);
        assert_eq!(roles_of(&jwt("{}")), Some(Vec::new()));
        assert_eq!(roles_of(&jwt("nonsense")), None);
        assert_eq!(roles_of(&Secret::new("opaque")), None);
    }
}
