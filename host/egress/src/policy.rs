//! The one decision about every outbound request (DESIGN 5, SEMANTICS B-26, K-04).
//!
//! Deny by default. A request goes out only if its URL lies under the origin of one of the connection's endpoints, compared by
//! scheme, host, port and whole path segments after all dot segments are resolved. The function is pure: names are not
//! resolved here, resolved addresses are judged by [`crate::judge_address`] at the moment of connecting.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use http::{HeaderMap, Method};
use thiserror::Error;
use url::{Host, Url};

use crate::address::{AddressClass, AddressRule, judge_address, rule_for};
use crate::auth::Auth;
use crate::error::{Blame, SafeUrl};
use crate::headers;
use crate::limits::{DEFAULT_CONCURRENT_REQUESTS, DEFAULT_CONCURRENT_STREAMS, Limits};
use crate::origin::{Origin, smuggles_dot_segments};
use crate::redact::Redaction;

/// A private CA in addition to the platform's roots.
#[derive(Debug, Clone)]
pub enum PrivateCa {
    /// A PEM file, read when the connection is made.
    File(PathBuf),
    /// PEM text.
    Pem(Vec<u8>),
}

/// An HTTP proxy that is asked with `CONNECT` for https targets.
#[derive(Clone)]
pub struct Proxy {
    /// `http://host:port` of the proxy; no user inside.
    pub url: Url,
    /// User and the name of the secret with the password.
    pub login: Option<(String, String)>,
}

/// A user that was written into the URL by mistake is not printed.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", SafeUrl::new(&self.url))
    }
}

/// One place that a connection may reach, with its credential.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The name in the configuration.
    pub name: String,
    /// What URLs must start with.
    pub origin: Origin,
    /// How the host authenticates.
    pub auth: Auth,
    /// Credentials of single persons, chosen by [`crate::Request::identity`].
    pub identities: BTreeMap<String, Auth>,
    /// Which non-public addresses may be reached.
    pub allow_addresses: Vec<AddressRule>,
    /// Permits `http://`; the origin must say so too.
    pub plain_http: bool,
    /// A CA beside the platform's.
    pub ca: Option<PrivateCa>,
    /// SHA-256 of the certificates that the server may show, in hexadecimal. Not empty: only these count, whoever signed them and
    /// whatever name they bear, within their period of validity. For servers with a certificate that signed itself.
    pub certificate_sha256: Vec<String>,
    /// `None`: directly; environment variables for proxies are never used.
    pub proxy: Option<Proxy>,
    /// Bounds of this endpoint; `None`: the connection's.
    pub limits: Option<Limits>,
}

impl Endpoint {
    /// An endpoint that needs TLS, reaches public addresses only, uses no proxy, private CA or own limits.
    #[must_use]
    pub fn new(name: impl Into<String>, origin: Origin, auth: Auth) -> Self {
        Self {
            name: name.into(),
            origin,
            auth,
            identities: BTreeMap::new(),
            allow_addresses: Vec::new(),
            plain_http: false,
            ca: None,
            certificate_sha256: Vec::new(),
            proxy: None,
            limits: None,
        }
    }
}

/// Everything a connection may do on the network.
#[derive(Debug, Clone)]
pub struct ConnectionPolicy {
    /// The connection's id in the configuration.
    pub connection: String,
    /// Where it may go; the longest matching origin counts.
    pub endpoints: Vec<Endpoint>,
    /// Bounds for endpoints without own ones.
    pub limits: Limits,
    /// Requests in flight at once; further ones wait.
    pub concurrent_requests: usize,
    /// Streams of events open at once; further ones wait.
    pub concurrent_streams: usize,
    /// What a protocol trace hides.
    pub redaction: Redaction,
}

impl ConnectionPolicy {
    /// A policy with default limits and redaction.
    #[must_use]
    pub fn new(connection: impl Into<String>, endpoints: Vec<Endpoint>) -> Self {
        Self {
            connection: connection.into(),
            endpoints,
            limits: Limits::default(),
            concurrent_requests: DEFAULT_CONCURRENT_REQUESTS,
            concurrent_streams: DEFAULT_CONCURRENT_STREAMS,
            redaction: Redaction::default(),
        }
    }
}

/// Which rule refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// Not an absolute http or https URL, or it carries a user.
    Url(&'static str),
    /// A method that is the host's.
    Method(String),
    /// No endpoint has this scheme, host and port.
    Origin,
    /// The host is known, but the path lies outside the endpoint's prefix.
    Path(String),
    /// Encoded dot segments that a server might resolve after the check.
    DotSegments,
    /// http where the endpoint does not permit it.
    PlainHttp,
    /// A header that is the host's.
    Header(String),
    /// An address that the endpoint does not permit.
    Address(IpAddr, AddressClass),
    /// A link of the server leaves the endpoint that gave it (SEMANTICS B-26).
    Link,
    /// The endpoint has no credential for this identity.
    Identity(String),
    /// The discovery rule does not permit it, and why.
    Discovery(&'static str),
}

/// A refusal that says which line of configuration would permit the request.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub struct Denied {
    /// The URL without query; `None` if it was not even a URL.
    pub url: Option<SafeUrl>,
    /// The rule that refused.
    pub rule: Denial,
    /// What to add to `calport.toml`; `None` if nothing permits it.
    pub allow: Option<String>,
}

impl Denied {
    pub(crate) fn blame(&self) -> Blame {
        match self.rule {
            Denial::Origin | Denial::Path(_) | Denial::PlainHttp | Denial::Address(..) | Denial::Identity(_) => Blame::Configuration,
            Denial::Link => Blame::Server,
            Denial::Discovery(_) if self.allow.is_some() => Blame::Configuration,
            Denial::Url(_) | Denial::Method(_) | Denial::DotSegments | Denial::Header(_) | Denial::Discovery(_) => Blame::Plugin,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.url {
            Some(url) => write!(f, "request to {url} refused: ")?,
            None => f.write_str("request refused: ")?,
        }
        match &self.rule {
            Denial::Url(why) => f.write_str(why)?,
            Denial::Method(method) => write!(f, "method {method} is not for connectors")?,
            Denial::Origin => f.write_str("no endpoint of this connection has this scheme, host and port")?,
            Denial::Path(prefix) => write!(f, "the endpoint permits only paths under {prefix}")?,
            Denial::DotSegments => f.write_str("the path hides `..` in encoded characters")?,
            Denial::PlainHttp => f.write_str("the endpoint does not permit http without TLS")?,
            Denial::Header(name) => write!(f, "header `{name}` is set by the host only")?,
            Denial::Address(address, class) => write!(f, "it leads to {address}, {class}")?,
            Denial::Link => f.write_str("the server's link leaves the endpoint that gave it")?,
            Denial::Discovery(why) => f.write_str(why)?,
            Denial::Identity(identity) => write!(f, "the endpoint has no credential for identity `{identity}`")?,
        }
        match &self.allow {
            Some(line) => write!(f, "; to permit it, write in calport.toml:\n{line}"),
            None => Ok(()),
        }
    }
}

/// What the policy decided for a permitted request.
pub struct Permitted {
    /// Index of the endpoint in the policy.
    pub(crate) endpoint: usize,
    /// The URL as it will be sent, without fragment.
    pub url: Url,
}

impl fmt::Debug for Permitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permitted({})", SafeUrl::new(&self.url))
    }
}

/// Decides about a request. Pure: no network, no clock.
///
/// # Errors
/// The refusal, with the configuration line that would permit it.
pub fn decide(policy: &ConnectionPolicy, method: &Method, url: &str, headers: &HeaderMap) -> Result<Permitted, Box<Denied>> {
    let permitted = place(policy, url)?;
    let refuse = |rule| Err(Box::new(Denied { url: Some(SafeUrl::new(&permitted.url)), rule, allow: None }));
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return refuse(Denial::Method(method.to_string()));
    }
    let own: Vec<_> = policy
        .endpoints
        .get(permitted.endpoint)
        .into_iter()
        .flat_map(|endpoint| std::iter::once(&endpoint.auth).chain(endpoint.identities.values()))
        .filter_map(Auth::header_name)
        .collect();
    if let Some(name) = headers.keys().find(|name| headers::is_the_hosts(name) || own.contains(name)) {
        return refuse(Denial::Header(name.to_string()));
    }
    Ok(permitted)
}

/// Checks a link that a server gave (next page, change cursor): it must lie under the same endpoint as the request that
/// brought it (SEMANTICS B-26). A relative link is resolved against that request. The link is otherwise opaque.
///
/// # Errors
/// The refusal; a link is never repaired.
pub fn check_link(policy: &ConnectionPolicy, request_url: &str, link: &str) -> Result<Url, Box<Denied>> {
    let source = place(policy, request_url)?;
    let absolute = match source.url.join(link) {
        Ok(absolute) => absolute,
        Err(_) => return Err(Box::new(Denied { url: None, rule: Denial::Url("the server's link is not a URL"), allow: None })),
    };
    let target = place(policy, absolute.as_str())?;
    if target.endpoint != source.endpoint {
        return Err(Box::new(Denied { url: Some(SafeUrl::new(&target.url)), rule: Denial::Link, allow: None }));
    }
    Ok(target.url)
}

fn place(policy: &ConnectionPolicy, text: &str) -> Result<Permitted, Box<Denied>> {
    let unusable = |why| Box::new(Denied { url: None, rule: Denial::Url(why), allow: None });
    let mut url = Url::parse(text).map_err(|_| unusable("it is not an absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(unusable("only http and https are possible"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("user and password do not belong in a URL"));
    }
    url.set_fragment(None);
    let deny = |rule, allow| Err(Box::new(Denied { url: Some(SafeUrl::new(&url)), rule, allow }));
    if smuggles_dot_segments(&url) {
        return deny(Denial::DotSegments, None);
    }
    let here = |endpoint: &&(usize, &Endpoint)| endpoint.1.origin.same_server(&url);
    let candidates: Vec<(usize, &Endpoint)> = policy.endpoints.iter().enumerate().collect();
    let best = candidates
        .iter()
        .filter(here)
        .filter(|(_, endpoint)| endpoint.origin.covers(&url))
        .max_by_key(|(_, endpoint)| endpoint.origin.prefix().len());
    let Some((index, endpoint)) = best else {
        return match candidates.iter().find(here) {
            Some((_, near)) => {
                let line = config_line(policy, &near.name, "url", &quoted(&format!("{}/", near.origin.server())));
                deny(Denial::Path(near.origin.prefix().to_owned()), Some(line))
            }
            None => {
                let origin = Origin::of(&url);
                deny(Denial::Origin, Some(config_line(policy, "NAME", "url", &quoted(&origin.to_string()))))
            }
        };
    };
    if url.scheme() == "http" && !endpoint.plain_http {
        return deny(Denial::PlainHttp, Some(config_line(policy, &endpoint.name, "plain_http", "true")));
    }
    judge_literal(&policy.connection, endpoint, &url)?;
    Ok(Permitted { endpoint: *index, url })
}

/// Judges an address written in the URL itself; the client connects to such an address without asking a resolver.
pub(crate) fn judge_literal(connection: &str, endpoint: &Endpoint, url: &Url) -> Result<(), Box<Denied>> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        _ => return Ok(()),
    };
    judge_address(address, &endpoint.allow_addresses).map_err(|class| address_denied(connection, endpoint, url, address, class))
}

/// The refusal of an address, with the rule that would permit it.
pub(crate) fn address_denied(connection: &str, endpoint: &Endpoint, url: &Url, address: IpAddr, class: AddressClass) -> Box<Denied> {
    let allow = rule_for(address, class).map(|rule| {
        let mut rules: Vec<String> = endpoint.allow_addresses.iter().map(|rule| quoted(&rule.to_string())).collect();
        rules.push(quoted(&rule));
        line(connection, &endpoint.name, "allow_addresses", &format!("[{}]", rules.join(", ")))
    });
    Box::new(Denied { url: Some(SafeUrl::new(url)), rule: Denial::Address(address, class), allow })
}

fn config_line(policy: &ConnectionPolicy, endpoint: &str, key: &str, value: &str) -> String {
    line(&policy.connection, endpoint, key, value)
}

/// The one place that knows how the configuration spells an endpoint.
fn line(connection: &str, endpoint: &str, key: &str, value: &str) -> String {
    format!("[connections.{}.endpoints.{}]\n{key} = {value}", bare(connection), bare(endpoint))
}

pub(crate) fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if plain { key.to_owned() } else { quoted(key) }
}

pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
