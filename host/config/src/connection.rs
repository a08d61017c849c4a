//! `[connections.NAME]`: a connector, its settings, and the servers it may talk to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::formats;
use crate::host::LimitsOverride;

/// A connection: one connector with its settings and endpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Name of the connector, as it calls itself (`calport plugin list`).
    #[schemars(extend("format" = formats::NAME))]
    pub plugin: String,
    /// Whether the connection is used.
    #[serde(default = "yes")]
    pub active: bool,
    /// Settings of the connector; which there are is the connector's affair (`calport plugin inspect FILE`). No secrets.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// The servers that the connector may talk to, by the names it asks for.
    #[serde(default)]
    #[schemars(schema_with = "endpoints_schema")]
    pub endpoints: BTreeMap<String, Endpoint>,
    /// How the URL of the endpoint that has none is found. Default: every endpoint has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Discovery>,
    /// How the server tells of changes. Default: in streams where the connector has them, else by requests to `[hooks]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Seconds between two readings of a mailbox while nothing notifies (SEMANTICS C-14).
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 2, max = 86_400))]
    pub poll_s: u32,
    /// Most mailboxes that share one stream of notifications, where the connector has streams (SEMANTICS C-09).
    #[serde(default = "two_hundred")]
    #[schemars(range(min = 1, max = 200))]
    pub max_subscriptions_per_connection: u16,
    /// Most requests per second, over all endpoints. Default: unlimited; a server that asks to slow down is obeyed in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 10_000))]
    pub requests_per_second: Option<f64>,
    /// Protocol trace for troubleshooting.
    #[serde(default)]
    pub trace: Trace,
    /// Limits that differ from `[limits]`.
    #[serde(default)]
    pub limits: LimitsOverride,
}

/// How a server tells of changes (SEMANTICS C-14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Notify {
    /// In streams, which need no way in.
    Streams,
    /// By requests to the public URL of `[hooks]`.
    Hooks,
    /// Not at all: mailboxes are read every `poll_s` seconds.
    Polling,
}

/// A server, or a part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Base URL; the connector reaches what lies under it, and nothing else. Default: it is found by the connection's `discovery`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::URL))]
    pub url: Option<String>,
    /// How the host proves who it is. The connector never sees it.
    #[serde(default)]
    pub auth: Auth,
    /// Addresses outside the public internet that the host name may lead to: `loopback`, `private`, an address, or a network.
    /// Also for the token URL.
    #[serde(default)]
    #[schemars(schema_with = "formats::address_rules")]
    pub allow_addresses: Vec<String>,
    /// Whether `http` without TLS is accepted: whoever listens reads all of it, and secrets too.
    #[serde(default)]
    pub plain_http: bool,
    /// PEM file with certificates of a private authority, trusted beside the system's. Relative to the configuration file.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// SHA-256 of the certificates that the server may show, for one that signed its certificate itself. If there are any, only
    /// these count, whatever name they bear and whoever signed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "formats::certificates")]
    pub certificate_sha256: Vec<String>,
    /// Proxy to go through. Default: none; environment variables are not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// Seconds for a whole request.
    #[serde(default = "two_minutes")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_s: u32,
    /// Largest answer after decompression, in MiB. Default: that of the connection's limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub response_mib: Option<u32>,
}

/// How a server is found by a mail address, and who may have the credential meanwhile (SEMANTICS B-48).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discovery {
    /// Address of a mailbox that lives at the server, and stays there.
    #[schemars(extend("format" = formats::MAIL))]
    pub address: String,
    /// Domains whose hosts may be asked with the endpoint's credential. Default: that of `address`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "formats::domains")]
    pub domains: Vec<String>,
    /// Further hosts that may be asked with it, and at which the found server may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "formats::hosts")]
    pub hosts: Vec<String>,
}

impl Discovery {
    /// The domains that count.
    #[must_use]
    pub fn domains(&self) -> Vec<String> {
        match self.address.rsplit_once('@') {
            Some((_, domain)) if self.domains.is_empty() => vec![domain.to_owned()],
            _ => self.domains.clone(),
        }
    }
}

/// A proxy that is asked to connect to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Its URL, `http://HOST:PORT`.
    #[schemars(extend("format" = formats::URL))]
    pub url: String,
    /// The user, if it asks for one. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub user: Option<String>,
    /// Name of the password's secret. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = formats::SECRET))]
    pub secret: Option<String>,
}

/// An authentication scheme. `secret` is always the name of a secret (`calport secret set NAME`), never the secret itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Auth {
    /// None.
    #[default]
    None,
    /// OAuth 2.0 client credentials: the host fetches, keeps and renews the token.
    Oauth2ClientCredentials {
        /// URL of the token endpoint.
        #[schemars(extend("format" = formats::URL))]
        token_url: String,
        /// The application's id.
        #[schemars(length(min = 1, max = 512))]
        client_id: String,
        /// Name of the application's secret.
        #[schemars(extend("format" = formats::SECRET))]
        secret: String,
        /// What the token is to be good for, separated by spaces. Default: none is sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 2048))]
        scope: Option<String>,
        /// Further parameters of the token request, such as `{ audience = "..." }`. No secrets. Default: none.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        parameters: BTreeMap<String, String>,
        /// Where the token endpoint expects id and secret.
        #[serde(default)]
        style: ClientStyle,
    },
    /// HTTP Basic.
    Basic {
        /// The user.
        #[schemars(length(min = 1, max = 512))]
        user: String,
        /// Name of the password.
        #[schemars(extend("format" = formats::SECRET))]
        secret: String,
    },
    /// HTTP Digest.
    Digest {
        /// The user.
        #[schemars(length(min = 1, max = 512))]
        user: String,
        /// Name of the password.
        #[schemars(extend("format" = formats::SECRET))]
        secret: String,
    },
    /// NTLM, version 2 only: the login of servers of a domain, over connections of its own.
    Ntlm {
        /// The user: `DOMAIN\\user` with the domain's short name or its DNS name, or `user@domain`.
        #[schemars(length(min = 1, max = 512))]
        user: String,
        /// Name of the password.
        #[schemars(extend("format" = formats::SECRET))]
        secret: String,
        /// Whether each login is tied to its TLS connection. `false` only where a load balancer ends TLS with a certificate that
        /// the server does not know.
        #[serde(default = "yes")]
        channel_binding: bool,
    },
    /// Kerberos by the system's library, and NTLM where that is not possible and there is a password.
    Negotiate {
        /// The user. Default: the service's own identity, from its ticket cache or keytab.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 512))]
        user: Option<String>,
        /// Name of the password. Default: none; then only Kerberos is possible.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("format" = formats::SECRET))]
        secret: Option<String>,
        /// Keytab with the client's keys. Relative to the configuration file. Default: the system's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keytab: Option<PathBuf>,
        /// Ticket cache that something else keeps filled, such as `FILE:/run/calport/tickets`. Default: the system's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 1024))]
        ticket_cache: Option<String>,
        /// As for `ntlm`.
        #[serde(default = "yes")]
        channel_binding: bool,
    },
    /// Forms login: user and password go to a form once, and cookies prove the rest.
    Fba {
        /// The user, as people type it into the form.
        #[schemars(length(min = 1, max = 512))]
        user: String,
        /// Name of the password.
        #[schemars(extend("format" = formats::SECRET))]
        secret: String,
        /// Where the form is sent, on the endpoint's server. Default: `/owa/auth.owa` there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("format" = formats::URL))]
        login_url: Option<String>,
        /// Further fields of the form, beside or instead of the usual ones. No secrets.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        fields: BTreeMap<String, String>,
        /// The form's names for user and password.
        #[serde(default)]
        names: FormNames,
    },
    /// A fixed bearer token.
    Bearer {
        /// Name of the token.
        #[schemars(extend("format" = formats::SECRET))]
        secret: String,
    },
    /// A key in a request header.
    ApiKey {
        /// The header.
        #[schemars(extend("format" = formats::HEADER))]
        header: String,
        /// Name of the key.
        #[schemars(extend("format" = formats::SECRET))]
        secret: String,
        /// What stands before the key in the header, such as `"Token "`. Default: nothing.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[schemars(length(max = 64))]
        prefix: String,
    },
}

/// Where a token endpoint expects the client's id and secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientStyle {
    /// As form parameters.
    #[default]
    Form,
    /// By HTTP Basic.
    Basic,
}

/// How a login form calls its two fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FormNames {
    /// The field for the user.
    #[schemars(length(min = 1, max = 128))]
    pub user: String,
    /// The field for the password.
    #[schemars(length(min = 1, max = 128))]
    pub password: String,
}

impl Default for FormNames {
    fn default() -> Self {
        Self { user: "username".to_owned(), password: "password".to_owned() }
    }
}

impl Auth {
    /// The name of the secret it needs.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Oauth2ClientCredentials { secret, .. }
            | Self::Basic { secret, .. }
            | Self::Digest { secret, .. }
            | Self::Ntlm { secret, .. }
            | Self::Fba { secret, .. }
            | Self::Bearer { secret }
            | Self::ApiKey { secret, .. } => Some(secret),
            Self::Negotiate { secret, .. } => secret.as_deref(),
        }
    }

    /// The scheme's name in the configuration.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Oauth2ClientCredentials { .. } => "oauth2-client-credentials",
            Self::Basic { .. } => "basic",
            Self::Digest { .. } => "digest",
            Self::Ntlm { .. } => "ntlm",
            Self::Negotiate { .. } => "negotiate",
            Self::Fba { .. } => "fba",
            Self::Bearer { .. } => "bearer",
            Self::ApiKey { .. } => "api-key",
        }
    }
}

/// A record of requests and answers for troubleshooting; credentials never stand in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Trace {
    /// Whether it is on.
    pub active: bool,
    /// Whether bodies are recorded: they hold people's appointments.
    pub bodies: bool,
    /// Minutes after which it goes off by itself.
    #[schemars(range(min = 1, max = 10_080))]
    pub minutes: u32,
    /// Size in MiB at which the oldest entries are dropped.
    #[schemars(range(min = 1, max = 1024))]
    pub max_mib: u32,
}

impl Default for Trace {
    fn default() -> Self {
        Self { active: false, bodies: false, minutes: 60, max_mib: 16 }
    }
}

impl Endpoint {
    /// The paths in it, to be made absolute.
    pub(crate) fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let keytab = match &mut self.auth {
            Auth::Negotiate { keytab, .. } => keytab.as_mut(),
            _ => None,
        };
        self.ca_file.as_mut().into_iter().chain(keytab)
    }

    /// The names of the secrets it needs: its own and its proxy's.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.auth.secret().into_iter().chain(self.proxy.as_ref().and_then(|proxy| proxy.secret.as_deref()))
    }
}

impl Connection {
    /// The endpoint that is to be found, and how; `None` if every endpoint has its URL.
    #[must_use]
    pub fn to_be_found(&self) -> Option<(&str, &Discovery)> {
        let (name, _) = self.endpoints.iter().find(|(_, endpoint)| endpoint.url.is_none())?;
        Some((name, self.discovery.as_ref()?))
    }

    /// The same with a URL in the place of the one that is to be found.
    #[must_use]
    pub fn with_found(&self, url: &str) -> Self {
        let mut found = self.clone();
        for endpoint in found.endpoints.values_mut() {
            endpoint.url.get_or_insert_with(|| url.to_owned());
        }
        found
    }

    /// The names of all secrets it needs, sorted.
    #[must_use]
    pub fn secrets(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.endpoints.values().flat_map(Endpoint::secrets).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn yes() -> bool {
    true
}

fn two_hundred() -> u16 {
    200
}

fn five_minutes() -> u32 {
    300
}

fn two_minutes() -> u32 {
    120
}

fn endpoints_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    formats::named::<Endpoint>(generator)
}
