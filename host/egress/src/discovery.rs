//! Requests of a discovery: to servers that no configuration names yet (SEMANTICS B-48).
//!
//! A [`Discovery`] lives for one procedure and judges each of its requests by a [`DiscoveryRule`], whatever the connector
//! believes. Promise: the credential goes out by https only, by `POST` only, to hosts of the rule's domains and those it names,
//! to paths of the protocol or to where such a host redirected; never after it was refused, never after more than
//! [`MOST_REDIRECTS`] redirects. What goes by http goes without credential and cookies, to the two names of a domain that the
//! protocol has for it, and where its answer leads is not believed: whoever is on the way could have written it.
//!
//! Each server has a connection of its own, so that nothing kept for one of them (a login, a cookie) reaches another.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use calport_secrets::SecretSource;
use http::header::LOCATION;
use http::{Method, StatusCode};
use url::{Host, Url};

use crate::auth::Auth;
use crate::connection::{Connection, Egress};
use crate::error::{EgressError, SafeUrl};
use crate::login::LoginProblem;
use crate::message::{Request, Response};
use crate::origin::{Origin, smuggles_dot_segments};
use crate::policy::{ConnectionPolicy, Denial, Denied, Endpoint, bare, quoted};
use crate::trace::TraceSetting;

/// Redirects that a discovery may follow, of all kinds together.
pub const MOST_REDIRECTS: usize = 10;

/// Requests of one discovery. The procedure needs about 30 where everything there is has to be tried.
pub const MOST_REQUESTS: usize = 64;

/// The first part of a host name, and of a path, that belongs to the protocol.
const PROTOCOL: &str = "autodiscover";

/// Who may have the credential while a server is being found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryRule {
    /// The connection's id in the configuration.
    pub connection: String,
    /// Domains with all hosts below them, in lower case. Below a name without a dot anybody may have a host: it counts as a host.
    pub domains: Vec<String>,
    /// Single hosts, in lower case.
    pub hosts: Vec<String>,
}

impl DiscoveryRule {
    /// A rule; names are taken in any case and as internationalized names, what is no name of a host is left out.
    #[must_use]
    pub fn new(connection: impl Into<String>, domains: &[String], hosts: &[String]) -> Self {
        let name = |text: &String| match Host::parse(text.trim().trim_end_matches('.')) {
            Ok(Host::Domain(name)) => Some(name.to_lowercase()),
            Ok(address) => Some(address.to_string()),
            Err(_) => None,
        };
        let names = |list: &[String]| list.iter().filter_map(name).collect();
        Self { connection: connection.into(), domains: names(domains), hosts: names(hosts) }
    }

    /// Whether a host may have the credential.
    #[must_use]
    pub fn trusts(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_lowercase();
        let below = |domain: &String| is_parent(domain) && host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
        self.hosts.contains(&host) || self.domains.contains(&host) || self.domains.iter().any(below)
    }

    /// Judges a URL that was found: it becomes an endpoint, with the credential for all that lies under it.
    ///
    /// # Errors
    /// The refusal, with the line that would permit it if there is one.
    pub fn accept(&self, found: &str) -> Result<Url, Box<Denied>> {
        let url = self.parse(found)?;
        if url.query().is_some() {
            return Err(self.refuse(&url, "a URL with a query is no endpoint"));
        }
        self.secure(&url)?;
        Ok(url)
    }

    /// An absolute http or https URL without user and hidden dot segments.
    fn parse(&self, text: &str) -> Result<Url, Box<Denied>> {
        let unusable = |why| Box::new(Denied { url: None, rule: Denial::Url(why), allow: None });
        let mut url = Url::parse(text).map_err(|_| unusable("it is not an absolute URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unusable("only http and https are possible"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unusable("user and password do not belong in a URL"));
        }
        url.set_fragment(None);
        if smuggles_dot_segments(&url) {
            return Err(Box::new(Denied { url: Some(SafeUrl::new(&url)), rule: Denial::DotSegments, allow: None }));
        }
        Ok(url)
    }

    /// Whether the credential may go to the server of a URL.
    fn secure(&self, url: &Url) -> Result<(), Box<Denied>> {
        if url.scheme() != "https" {
            return Err(self.refuse(url, "a credential never goes without TLS"));
        }
        let host = url.host_str().unwrap_or_default();
        if self.trusts(host) { Ok(()) } else { Err(self.stranger(url, host)) }
    }

    fn refuse(&self, url: &Url, why: &'static str) -> Box<Denied> {
        Box::new(Denied { url: Some(SafeUrl::new(url)), rule: Denial::Discovery(why), allow: None })
    }

    fn stranger(&self, url: &Url, host: &str) -> Box<Denied> {
        let hosts: Vec<String> = self.hosts.iter().map(String::as_str).chain([host]).map(quoted).collect();
        let allow = format!("[connections.{}.discovery]\nhosts = [{}]", bare(&self.connection), hosts.join(", "));
        let rule = Denial::Discovery("the discovery rule of this connection does not name its host, so it gets no credential");
        Box::new(Denied { url: Some(SafeUrl::new(url)), rule, allow: Some(allow) })
    }

    /// Whether a host has one of the two names that are asked by http.
    fn has_plain_names(&self, host: &str) -> bool {
        let below = host.strip_prefix(PROTOCOL).and_then(|rest| rest.strip_prefix('.'));
        self.domains.iter().any(|domain| domain == host || below == Some(domain.as_str()))
    }
}

/// Whether hosts below a name belong to whoever has the name.
fn is_parent(domain: &str) -> bool {
    domain.contains('.') && matches!(Host::parse(domain), Ok(Host::Domain(_)))
}

/// Whether a path is one of the protocol.
fn is_of_the_protocol(url: &Url) -> bool {
    let of_it = |segment: &str| {
        let segment = segment.to_ascii_lowercase();
        segment.strip_prefix(PROTOCOL).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    url.path_segments().is_some_and(|mut segments| segments.any(of_it))
}

/// Whether a login failed after the server had seen the credential.
fn was_judged(problem: &LoginProblem) -> bool {
    use LoginProblem::{Form, Intermediary, Refused, TicketRefused};
    matches!(problem, Refused { .. } | Intermediary { .. } | TicketRefused | Form(_))
}

#[derive(Default)]
struct State {
    servers: BTreeMap<(String, bool), Arc<Connection>>,
    /// URLs to which a host of the rule redirected over TLS.
    given: BTreeSet<String>,
    redirects: usize,
    requests: usize,
    refused: bool,
}

/// One procedure under way.
pub struct Discovery {
    egress: Egress,
    rule: DiscoveryRule,
    endpoint: Endpoint,
    secrets: Arc<dyn SecretSource>,
    trace: Option<TraceSetting>,
    /// One request after the other: what an answer says holds for all that come after it.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

impl Discovery {
    /// A procedure. `endpoint` is the one that is to be found: its credential, address rules, CA, proxy and limits hold for all
    /// servers that are asked; its origin says nothing, and `plain_http` permits nothing here.
    #[must_use]
    pub fn new(egress: Egress, rule: DiscoveryRule, endpoint: Endpoint, secrets: Arc<dyn SecretSource>) -> Self {
        Self { egress, rule, endpoint, secrets, trace: None, turn: tokio::sync::Mutex::default(), state: Mutex::default() }
    }

    /// Traces its requests as those of the connection.
    #[must_use]
    pub fn traced(mut self, trace: Option<TraceSetting>) -> Self {
        self.trace = trace;
        self
    }

    /// The rule.
    #[must_use]
    pub fn rule(&self) -> &DiscoveryRule {
        &self.rule
    }

    /// Whether a server has refused the credential. Asking again with the same one could lock the account.
    #[must_use]
    pub fn credential_refused(&self) -> bool {
        self.state().refused
    }

    /// Sends a request, if the rule permits it, and reads the whole answer.
    ///
    /// # Errors
    /// [`EgressError::Denied`] with the line that would permit it; else as [`Connection::send`].
    pub async fn send(&self, request: Request) -> Result<Response, EgressError> {
        let _turn = self.turn.lock().await;
        let url = self.judge(&request)?;
        let with_credential = !request.anonymous;
        let connection = self.server(&url, with_credential)?;
        let sent = connection.send(Request { url: url.to_string(), identity: None, session: None, ..request }).await;
        self.learn(&url, with_credential, &sent);
        sent
    }

    /// The decision about a request, which counts from here.
    fn judge(&self, request: &Request) -> Result<Url, Box<Denied>> {
        let url = self.rule.parse(&request.url)?;
        let mut state = self.state();
        if state.requests >= MOST_REQUESTS {
            return Err(self.rule.refuse(&url, "a discovery ends after 64 requests"));
        }
        if state.redirects > MOST_REDIRECTS {
            return Err(self.rule.refuse(&url, "a discovery ends after 10 redirects"));
        }
        if !is_of_the_protocol(&url) && (request.anonymous || !state.given.contains(url.as_str())) {
            return Err(self.rule.refuse(&url, "its path is none of a discovery, and no host of the rule redirected to it"));
        }
        if request.anonymous {
            self.judge_plain(request, &url)?;
        } else {
            if request.method != Method::POST {
                return Err(self.rule.refuse(&url, "with a credential a discovery asks by POST only"));
            }
            self.rule.secure(&url)?;
            if state.refused {
                return Err(self.rule.refuse(&url, "a server has refused the credential, so it is not sent again"));
            }
        }
        state.requests += 1;
        Ok(url)
    }

    fn judge_plain(&self, request: &Request, url: &Url) -> Result<(), Box<Denied>> {
        if request.method != Method::GET {
            return Err(self.rule.refuse(url, "without a credential a discovery asks by GET only"));
        }
        let host = url.host_str().unwrap_or_default();
        match url.scheme() {
            "https" if self.rule.trusts(host) => Ok(()),
            "https" => Err(self.rule.stranger(url, host)),
            // The standard port is not kept in a URL.
            _ if url.port().is_none() && self.rule.has_plain_names(host) => Ok(()),
            _ => Err(self
                .rule
                .refuse(url, "by http a discovery asks only a domain of its rule and that domain's `autodiscover` host, at port 80")),
        }
    }

    /// The connection to a server.
    fn server(&self, url: &Url, with_credential: bool) -> Result<Arc<Connection>, EgressError> {
        let origin = Origin::of(url);
        let key = (origin.server(), with_credential);
        let mut state = self.state();
        if let Some(connection) = state.servers.get(&key) {
            return Ok(Arc::clone(connection));
        }
        let mut endpoint = Endpoint { plain_http: origin.is_plain_http(), origin, ..self.endpoint.clone() };
        endpoint.identities.clear();
        if !with_credential {
            endpoint.auth = Auth::None;
        }
        let policy = ConnectionPolicy::new(self.rule.connection.clone(), vec![endpoint]);
        let connection = self.egress.connection(policy, Arc::clone(&self.secrets))?;
        connection.set_trace(self.trace);
        state.servers.insert(key, Arc::clone(&connection));
        Ok(connection)
    }

    /// What an answer changes for the requests after it.
    fn learn(&self, url: &Url, with_credential: bool, sent: &Result<Response, EgressError>) {
        let mut state = self.state();
        match sent {
            Ok(answer) if answer.status.is_redirection() => {
                state.redirects += 1;
                let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()).and_then(|to| url.join(to.trim()).ok());
                if let Some(mut to) = to.filter(|to| url.scheme() == "https" && self.rule.secure(to).is_ok()) {
                    to.set_fragment(None);
                    state.given.insert(to.into());
                }
            }
            Ok(answer) if with_credential && answer.status == StatusCode::UNAUTHORIZED => state.refused = true,
            Err(EgressError::Login { problem, .. }) if was_judged(problem) => state.refused = true,
            Ok(_) | Err(_) => {}
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").field("rule", &self.rule).finish_non_exhaustive()
    }
}
