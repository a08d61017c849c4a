//! Autodiscover: which server has a mailbox, told by SOAP and by plain XML, and everything that stands in its way.
//!
//! One simulator plays many hosts: what is answered depends on the host that a request was sent to, by its header `Host` or by the
//! listener it came to ([`super::Simulator::sign`]), then on the mailbox asked for.

mod pox;
mod soap;

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::auth::{Entered, Visitor, challenge};
use super::config::Config;
use super::doors::forms;
use super::log::Seen;
use super::server::{Answer, enter};
use super::shared::Shared;
use super::version::Version;
use crate::graph::state::State;

/// What a host answers, or what is answered of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// What was asked for.
    Settings,
    /// 404.
    Missing,
    /// 302, asked by whomever.
    Redirect {
        /// The URL.
        to: String,
    },
    /// 302 to the same place with another query each time.
    Loop,
    /// In the answer: ask for this address instead.
    RedirectAddress {
        /// The address.
        to: String,
    },
    /// In the answer: ask at this URL instead.
    RedirectUrl {
        /// The URL.
        to: String,
    },
    /// 401, whatever the credentials.
    Unauthorized,
    /// Nothing ever comes.
    Silent,
    /// This HTTP status.
    Status {
        /// 400 to 599.
        status: u16,
    },
    /// 200 with a page, as something other than a mail server has it.
    Page,
    /// In the answer: this error.
    Error {
        /// A code of the SOAP protocol such as `InvalidUser`; the older protocol says its number for it.
        code: String,
    },
}

/// What is answered on the paths of Autodiscover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Autodiscover {
    /// Whether there is the SOAP protocol; versions before 2010 have none anyway.
    pub soap: bool,
    /// Whether there is the older protocol.
    pub pox: bool,
    /// The service's address from outside; none: the simulator's own. A mailbox that is elsewhere has that one.
    pub external_url: Option<String>,
    /// The service's address inside; none: as from outside.
    pub internal_url: Option<String>,
    /// `GroupingInformation` by address of the mailbox; `Default-First-Site-Name` for all others.
    pub grouping: BTreeMap<String, String>,
    /// By name of the host, without a port.
    pub hosts: BTreeMap<String, Reply>,
    /// By domain of the address asked for.
    pub domains: BTreeMap<String, Reply>,
    /// By address asked for.
    pub addresses: BTreeMap<String, Reply>,
}

impl Default for Autodiscover {
    fn default() -> Self {
        Self {
            soap: true,
            pox: true,
            external_url: None,
            internal_url: None,
            grouping: BTreeMap::new(),
            hosts: BTreeMap::new(),
            domains: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }
}

impl Autodiscover {
    /// What is answered of an address at a host; names in small letters.
    fn reply(&self, host: &str, address: &str) -> Reply {
        let domain = address.rsplit('@').next().unwrap_or_default();
        let of_mailbox = self.addresses.get(address).or_else(|| self.domains.get(domain));
        of_mailbox.or_else(|| self.hosts.get(host)).cloned().unwrap_or(Reply::Settings)
    }
}

/// One of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Soap,
    Pox,
}

impl Protocol {
    /// The protocol spoken at a path.
    pub fn at(path: &str) -> Option<Self> {
        match path.to_ascii_lowercase().as_str() {
            "/autodiscover/autodiscover.svc" => Some(Self::Soap),
            "/autodiscover/autodiscover.xml" => Some(Self::Pox),
            _ => None,
        }
    }
}

/// What is known of a mailbox.
#[derive(Debug)]
struct Facts {
    address: String,
    name: String,
    id: String,
    external: String,
    internal: String,
    grouping: String,
    version: Version,
    /// How a client shall log in, in the words of the older protocol.
    package: &'static str,
}

/// What is said of an address: facts, or where else to ask, or an error.
#[derive(Debug)]
enum Told {
    Facts(Box<Facts>),
    Address(String),
    Url(String),
    Error(String),
    /// Something else than an answer of the protocol.
    Other(Reply),
}

/// Answers a request.
pub(crate) async fn answer(
    shared: &Shared,
    host: Option<&str>,
    protocol: Protocol,
    method: &Method,
    visitor: Visitor<'_>,
    body: &Bytes,
    seen: &mut Seen,
) -> Answer {
    let host = host.map_or_else(|| named(visitor.headers), str::to_owned);
    let config = shared.lock().config.clone();
    let open = match protocol {
        Protocol::Soap => config.autodiscover.soap && config.version >= Version::Exchange2010,
        Protocol::Pox => config.autodiscover.pox,
    };
    let of_host = config.autodiscover.hosts.get(&host).cloned().unwrap_or(Reply::Settings);
    if let Some(answer) = refuse(shared, &of_host, visitor).await {
        return answer;
    }
    if !open {
        return Answer::bare(404);
    }
    let Entered { headers, .. } = match enter(shared, visitor, seen) {
        Ok(entered) => entered,
        Err(answer) => return *answer,
    };
    if method != Method::POST {
        return Answer::bare(405);
    }
    seen.body = Some(String::from_utf8_lossy(body).into_owned());
    let tell = |address: &str| {
        let config = &shared.lock().config;
        tell(config, &shared.graph.lock(), shared, &host, address)
    };
    let here = format!("http://{}{}", visitor.headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or_default(), visitor.uri);
    let answered = match protocol {
        Protocol::Soap => soap::answer(body, config.version, &here, tell, seen),
        Protocol::Pox => pox::answer(body, tell, seen),
    };
    let mut answer = match answered {
        Ok(answer) => answer,
        Err(reply) => refuse(shared, &reply, visitor).await.unwrap_or_else(|| Answer::bare(500)),
    };
    answer.headers.extend(headers);
    answer
}

/// The host that a request names, without its port.
fn named(headers: &HeaderMap) -> String {
    let host = headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or_default().to_lowercase();
    host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host.as_str(), |(name, _)| name).to_owned()
}

/// What comes in place of an answer; none where the protocol has its say.
async fn refuse(shared: &Shared, reply: &Reply, visitor: Visitor<'_>) -> Option<Answer> {
    Some(match reply {
        Reply::Settings | Reply::RedirectAddress { .. } | Reply::RedirectUrl { .. } | Reply::Error { .. } => return None,
        Reply::Missing => Answer::bare(404),
        Reply::Redirect { to } => Answer::bare(302).header("location", to),
        Reply::Loop => {
            let hop: u32 = visitor.uri.query().and_then(|q| q.strip_prefix("hop=")?.parse().ok()).unwrap_or(0);
            Answer::bare(302).header("location", format!("{}?hop={}", visitor.uri.path(), hop.saturating_add(1)))
        }
        Reply::Unauthorized => *challenge(&shared.lock().config, &shared.graph.lock(), None),
        Reply::Silent => std::future::pending().await,
        Reply::Status { status } => Answer::bare(*status),
        Reply::Page => Answer::text(200, "text/html; charset=utf-8", forms::page("/")),
    })
}

/// What is known of an address at a host.
fn tell(config: &Config, state: &State, shared: &Shared, host: &str, address: &str) -> Told {
    let settings = &config.autodiscover;
    let asked = address.trim().to_lowercase();
    match settings.reply(host, &asked) {
        Reply::Settings => {}
        Reply::RedirectAddress { to } => return Told::Address(to),
        Reply::RedirectUrl { to } => return Told::Url(to),
        Reply::Error { code } => return Told::Error(code),
        other => return Told::Other(other),
    }
    let Some((_, mailbox)) = state.user(&asked).ok().filter(|(_, m)| m.user.mailbox) else {
        return Told::Error("InvalidUser".to_owned());
    };
    let names = mailbox.user.names();
    let elsewhere = config.elsewhere(&names).map(str::to_owned);
    let external = elsewhere.clone().or_else(|| settings.external_url.clone()).unwrap_or_else(|| shared.url());
    let internal = elsewhere.or_else(|| settings.internal_url.clone()).unwrap_or_else(|| external.clone());
    let grouping = settings.grouping.iter().find(|(name, _)| names.contains(&name.to_lowercase()));
    let (name, address) = mailbox.user.owner();
    Told::Facts(Box::new(Facts {
        address: address.to_owned(),
        name: name.to_owned(),
        id: mailbox.user.id.clone(),
        external,
        internal,
        grouping: grouping.map_or("Default-First-Site-Name", |(_, site)| site).to_owned(),
        version: config.version,
        package: if config.doors.ntlm { "Ntlm" } else { "Basic" },
    }))
}

impl Facts {
    /// The name by which the directory knows it.
    fn dn(&self) -> String {
        format!("/o=Simulated/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={}", self.id)
    }

    fn server_dn() -> &'static str {
        "/o=Simulated/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Configuration/cn=Servers/cn=SIMULATED01"
    }

    fn server() -> &'static str {
        "simulated01.example.test"
    }
}
