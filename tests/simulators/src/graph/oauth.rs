//! The token endpoint (client credentials) and the check of bearer tokens.
//!
//! Tokens look like the real ones (three parts, claims readable) and are opaque to the simulator: only those it issued and has not
//! expired are valid. The signature is random.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::http::{Answer, Call, Refusal};
use super::render::instant;
use super::state::State;

/// The resource of Exchange Web Services, and the one role that it knows.
const EWS_AUDIENCE: &str = "https://outlook.office365.com";
const EWS_ROLE: &str = "full_access_as_app";

/// An issued access token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub expires: Timestamp,
    roles: Vec<String>,
    /// The resource it is for, as in the scope that was asked for.
    pub audience: String,
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn refuse(status: u16, error: &str, code: u32, text: &str, now: Timestamp) -> Answer {
    let (trace, correlation) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    let at = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let body = json!({
        "error": error,
        "error_description": format!("AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}"),
        "error_codes": [code], "timestamp": at, "trace_id": trace, "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    Answer::json(status, body)
}

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(crate) fn token(state: &mut State, call: &Call, now: Timestamp) -> Answer {
    let form: Vec<(String, String)> = form_urlencoded::parse(&call.body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v.as_str());
    let config = &state.config;
    let tenant = call.path.first().map_or("", String::as_str);
    if !tenant.eq_ignore_ascii_case(&config.tenant) {
        return refuse(
            400,
            "invalid_request",
            90002,
            &format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
            ),
            now,
        );
    }
    if field("grant_type") != "client_credentials" {
        return refuse(
            400,
            "unsupported_grant_type",
            70003,
            &format!("The app requested an unsupported grant type '{}'.", field("grant_type")),
            now,
        );
    }
    let (id, secret) = credentials(call, field("client_id"), field("client_secret"));
    if id != config.client_id {
        return refuse(
            400,
            "unauthorized_client",
            700_016,
            &format!("Application with identifier '{id}' was not found in the directory."),
            now,
        );
    }
    if secret.is_empty() {
        return refuse(
            401,
            "invalid_client",
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            now,
        );
    }
    if secret != config.client_secret {
        return refuse(
            401,
            "invalid_client",
            7_000_215,
            &format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{id}'."
            ),
            now,
        );
    }
    if !field("scope").ends_with("/.default") {
        return refuse(
            400,
            "invalid_scope",
            1_002_012,
            &format!(
                "The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
                field("scope")
            ),
            now,
        );
    }
    let seconds = config.token_seconds;
    let expires = now.saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    let audience = field("scope").trim_end_matches("/.default").to_owned();
    let roles = if audience == EWS_AUDIENCE { vec![EWS_ROLE.to_owned()] } else { config.roles.clone() };
    let claims = json!({
        "aud": &audience, "iss": format!("https://sts.windows.net/{}/", config.tenant), "iat": now.as_second(), "nbf": now.as_second(),
        "exp": expires.as_second(), "app_displayname": "Calport", "appid": config.client_id, "appidacr": "1", "idtyp": "app",
        "oid": config.client_id, "sub": config.client_id, "tid": config.tenant, "roles": &roles, "ver": "1.0",
        "uti": Uuid::new_v4().to_string(),
    });
    let head = json!({"typ": "JWT", "alg": "RS256", "kid": "simulated"});
    let signature: Vec<u8> = (0..16).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    let text = format!("{}.{}.{}", part(&head), part(&claims), URL_SAFE_NO_PAD.encode(signature));
    state.tokens.retain(|_, t| t.expires > now);
    state.tokens.insert(text.clone(), Token { expires, roles, audience });
    Answer::json(200, json!({"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": text}))
        .with("cache-control", "no-store, no-cache")
        .with("pragma", "no-cache")
}

/// Client id and secret from the form or from HTTP Basic (percent-encoded there), as the standard allows both.
fn credentials(call: &Call, id: &str, secret: &str) -> (String, String) {
    let basic = call.header("authorization").and_then(|h| h.strip_prefix("Basic "));
    let text = basic.and_then(|b| base64::engine::general_purpose::STANDARD.decode(b).ok()).and_then(|b| String::from_utf8(b).ok());
    let decode = |s: &str| form_urlencoded::parse(s.as_bytes()).next().map_or_else(String::new, |(k, _)| k.into_owned());
    match text.as_deref().and_then(|t| t.split_once(':')) {
        Some((user, password)) => (decode(user), decode(password)),
        None => (id.to_owned(), secret.to_owned()),
    }
}

/// The roles of the request's token.
///
/// # Errors
/// 401 `InvalidAuthenticationToken`.
pub(crate) fn roles(state: &State, call: &Call, now: Timestamp) -> Result<Vec<String>, Refusal> {
    let refuse = |text: &str| {
        let challenge = format!(
            "Bearer realm=\"\", authorization_uri=\"{}/{}/oauth2/v2.0/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"",
            call.origin, state.config.tenant
        );
        Refusal::new(401, "InvalidAuthenticationToken", text).with("www-authenticate", challenge)
    };
    let header = call.header("authorization").ok_or_else(|| refuse("Access token is empty."))?;
    let token = header.strip_prefix("Bearer ").ok_or_else(|| refuse("Access token is missing or malformed."))?;
    match state.tokens.get(token) {
        Some(t) if t.expires > now => Ok(t.roles.clone()),
        Some(t) => Err(refuse(&format!("Lifetime validation failed, the token is expired. Expired at {}.", instant(t.expires)))),
        None => Err(refuse("IDX14100: JWT is not well formed, or the token is not known.")),
    }
}

/// Whether one of `wanted` is among the granted roles.
///
/// # Errors
/// 403: `ErrorAccessDenied` of the Outlook part, `Authorization_RequestDenied` of the directory.
pub(crate) fn demand(roles: &[String], wanted: &[&str], directory: bool) -> Result<(), Refusal> {
    if wanted.is_empty() || roles.iter().any(|r| wanted.contains(&r.as_str())) {
        return Ok(());
    }
    Err(if directory {
        Refusal::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    } else {
        Refusal::denied()
    })
}
