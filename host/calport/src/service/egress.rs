//! From a connection of the configuration to what the egress needs.

use std::time::Duration;

use calport_config::{Auth, Config, Connection};
use calport_egress::{Auth as EgressAuth, ClientStyle, ConnectionPolicy, Endpoint, Limits, Origin, PrivateCa, Proxy};

use crate::exit::{Exit, Failure};

/// The policy of a connection: its endpoints and nothing else. One that is still to be found is none.
///
/// # Errors
/// When a URL or an address rule cannot be used; the configuration's own check finds these earlier.
pub fn policy(config: &Config, name: &str, connection: &Connection) -> Result<ConnectionPolicy, Failure> {
    let limits = config.limits(connection);
    let mut endpoints = Vec::new();
    for (endpoint_name, configured) in &connection.endpoints {
        if let Some(url) = &configured.url {
            endpoints.push(endpoint(config, (name, connection), (endpoint_name, configured), url)?);
        }
    }
    let mut policy = ConnectionPolicy::new(name, endpoints);
    policy.concurrent_requests = limits.requests as usize;
    policy.limits.response_bytes = bytes(limits.response_mib);
    Ok(policy)
}

fn bytes(mib: u32) -> usize {
    mib as usize * 1024 * 1024
}

/// One endpoint, as if it lay at `url`.
///
/// # Errors
/// As [`policy`].
pub fn endpoint(
    config: &Config,
    (name, connection): (&str, &Connection),
    (endpoint_name, endpoint): (&str, &calport_config::Endpoint),
    url: &str,
) -> Result<Endpoint, Failure> {
    let refuse =
        |what: &str, why: String| Failure::new(Exit::Configuration, format!("connections.{name}.endpoints.{endpoint_name}: {what}: {why}"));
    let origin: Origin = url.parse().map_err(|e: String| refuse("url", e))?;
    let mut made = Endpoint::new(endpoint_name, origin, auth(&endpoint.auth).map_err(|e| refuse("auth", e))?);
    made.allow_addresses = endpoint
        .allow_addresses
        .iter()
        .map(|rule| rule.parse())
        .collect::<Result<_, String>>()
        .map_err(|e| refuse("allow_addresses", e))?;
    made.plain_http = endpoint.plain_http;
    made.ca = endpoint.ca_file.clone().map(PrivateCa::File);
    made.certificate_sha256 = endpoint.certificate_sha256.clone();
    made.proxy = match &endpoint.proxy {
        Some(proxy) => Some(Proxy {
            url: proxy.url.parse().map_err(|e| refuse("proxy", format!("{e}")))?,
            login: proxy.user.clone().zip(proxy.secret.clone()),
        }),
        None => None,
    };
    let defaults = Limits::default();
    made.limits = Some(Limits {
        total: Duration::from_secs(u64::from(endpoint.timeout_s)),
        first_byte: defaults.first_byte.min(Duration::from_secs(u64::from(endpoint.timeout_s))),
        response_bytes: bytes(endpoint.response_mib.unwrap_or(config.limits(connection).response_mib)),
        ..defaults
    });
    Ok(made)
}

fn auth(auth: &Auth) -> Result<EgressAuth, String> {
    Ok(match auth.clone() {
        Auth::None => EgressAuth::None,
        Auth::Oauth2ClientCredentials { token_url, client_id, secret, scope, parameters, style } => EgressAuth::OAuth2ClientCredentials {
            token_url: token_url.parse().map_err(|e| format!("token_url: {e}"))?,
            client_id,
            client_secret: secret,
            scope: scope.unwrap_or_default(),
            parameters: parameters.into_iter().collect(),
            style: match style {
                calport_config::ClientStyle::Form => ClientStyle::Form,
                calport_config::ClientStyle::Basic => ClientStyle::Basic,
            },
        },
        Auth::Basic { user, secret } => EgressAuth::Basic { user, password: secret },
        Auth::Digest { user, secret } => EgressAuth::Digest { user, password: secret },
        Auth::Ntlm { user, secret, channel_binding } => EgressAuth::Ntlm { user, password: secret, channel_binding },
        Auth::Negotiate { user, secret, keytab, ticket_cache, channel_binding } => {
            EgressAuth::Negotiate { user, password: secret, keytab, ticket_cache, channel_binding }
        }
        Auth::Fba { user, secret, login_url, fields, names } => EgressAuth::Form {
            user,
            password: secret,
            login_url: login_url.map(|url| url.parse()).transpose().map_err(|e| format!("login_url: {e}"))?,
            fields: fields.into_iter().collect(),
            user_field: names.user,
            password_field: names.password,
        },
        Auth::Bearer { secret } => EgressAuth::Bearer { token: secret },
        Auth::ApiKey { header, secret, prefix } => {
            EgressAuth::ApiKey { header: header.parse().map_err(|_| format!("header: `{header}` is no header name"))?, prefix, key: secret }
        }
    })
}
