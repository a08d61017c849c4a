//! The search for the server (FEATURES C07): drives [`Discovery`], which decides what is asked and where the credential may go.
//!
//! What was tried is told also where nothing was found: the answer then has no endpoint, and its last step is the reason.

use calport_ews_protocol::autodiscover::{Ask, Discovery, Found, Step, StepAnswer, UrlChoice};
use calport_sdk::common::{Error, ErrorScope};
use calport_sdk::dns::SrvRecord;
use calport_sdk::error::{self, ErrorExt};
use calport_sdk::http::{Http, HttpError, Response, ResponseExt};
use calport_sdk::request;

use crate::bindings::exports::calport::connector::connector::{Discovery as Report, DiscoveryStep, Endpoint};
use crate::client::Client;
use crate::describe::ENDPOINT;

/// Steps of one search. The procedure ends by itself long before.
const MOST_STEPS: usize = 100;

/// Milliseconds that a server has for its answer: most candidates are no servers, and all of them share the time of one call.
const PATIENCE_MS: u32 = 15_000;

/// What is said where a server leads to a host that nobody has agreed to.
const CONSENT: &str = "the search was led to this host, which may not have the credential: if it is yours, add it to `hosts` of the \
     connection's `discovery`";

/// What the search asks of the network.
pub trait Network {
    /// Sends a question with the connection's credential.
    ///
    /// # Errors
    /// When there is no answer.
    fn ask(&self, ask: &Ask) -> Result<Response, HttpError>;

    /// Asks where a URL leads, without any credential.
    ///
    /// # Errors
    /// When there is no answer.
    fn probe(&self, url: &str) -> Result<Response, HttpError>;

    /// Looks service records up, best first.
    ///
    /// # Errors
    /// When there are none, or they may not be looked up.
    fn srv(&self, name: &str) -> Result<Vec<SrvRecord>, Error>;
}

/// The network behind the host.
pub struct HostNetwork<'a>(pub &'a dyn Http);

impl Network for HostNetwork<'_> {
    fn ask(&self, ask: &Ask) -> Result<Response, HttpError> {
        let mut builder = request::post(&ask.url).safe_to_repeat(true).timeout_ms(PATIENCE_MS);
        for (name, value) in &ask.headers {
            builder = if *name == "content-type" { builder.body(value, ask.body.clone()) } else { builder.header(name, value.as_str()) };
        }
        self.0.send(&builder.build())
    }

    fn probe(&self, url: &str) -> Result<Response, HttpError> {
        self.0.send(&request::get(url).anonymous().timeout_ms(PATIENCE_MS).build())
    }

    #[cfg(target_arch = "wasm32")]
    fn srv(&self, name: &str) -> Result<Vec<SrvRecord>, Error> {
        calport_sdk::dns::srv(name)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn srv(&self, _: &str) -> Result<Vec<SrvRecord>, Error> {
        Err(error::unsupported("there is no Calport host outside WebAssembly"))
    }
}

/// Searches for the server of an address, or of the test user without one. `hosts`, and what lies below them, may have the credential
/// besides those of the address's domain, of the endpoint and of the settings.
///
/// # Errors
/// `invalid` for an address or settings with which nothing can be searched for.
pub fn discover(client: &Client, address: &str, hosts: &[String], network: &dyn Network) -> Result<Report, Error> {
    let address = Some(address.trim()).filter(|a| !a.is_empty()).unwrap_or(&client.settings.test_user);
    let begun = Discovery::new(address, client.search.clone());
    let mut discovery = begun.map_err(|e| error::invalid("address", e.to_string()).with_scope(ErrorScope::Connection))?;
    let own = host(&client.url);
    let agreed = |asked: &str| own.eq_ignore_ascii_case(asked) || hosts.iter().any(|host| is_within(asked, host.trim()));
    let mut end = (None, "the search did not come to an end".to_owned());
    let mut told = Vec::new();
    for _ in 0..MOST_STEPS {
        let answer = match discovery.step() {
            Step::Ask(ask) => heard(network.ask(&ask), &mut told),
            Step::Probe { url } => heard(network.probe(&url), &mut told),
            Step::Srv { name } => match network.srv(&name) {
                Ok(records) => StepAnswer::Records(records),
                Err(refused) => StepAnswer::NoAnswer(refused.message),
            },
            Step::Consent { host, .. } => {
                let agreed = agreed(&host);
                if !agreed {
                    told.push((host, CONSENT.to_owned()));
                }
                StepAnswer::Consent(agreed)
            }
            Step::Done(found) => {
                end = (Some(found.ews_url.clone()), outcome(&found));
                break;
            }
            Step::Failed(reason) => {
                end = (None, reason.to_string());
                break;
            }
        };
        discovery.answer(answer);
    }
    let attempts = discovery.attempts().iter();
    let mut steps: Vec<DiscoveryStep> =
        attempts.map(|attempt| step(format!("{} {}", attempt.action, attempt.target), attempt.outcome.to_string())).collect();
    steps.extend(told.into_iter().map(|(tried, words)| step(tried, words)));
    let (url, outcome) = end;
    steps.push(step(format!("server of {address}"), outcome));
    Ok(Report { endpoints: url.into_iter().map(|url| Endpoint { name: ENDPOINT.to_owned(), url }).collect(), steps })
}

fn step(tried: String, outcome: impl Into<String>) -> DiscoveryStep {
    DiscoveryStep { tried, outcome: outcome.into() }
}

/// What came of a request. What the host says of a login is kept for people: it knows more of it than the server tells.
fn heard(answer: Result<Response, HttpError>, told: &mut Vec<(String, String)>) -> StepAnswer {
    match answer {
        Ok(response) => {
            let location = response.header_value("location").map(str::to_owned);
            StepAnswer::Http { status: response.status, location, body: response.body }
        }
        Err(HttpError::Unauthorized(words)) => {
            told.push(("login".to_owned(), words));
            StepAnswer::Unauthorized
        }
        Err(other) => StepAnswer::NoAnswer(match other {
            HttpError::Throttled(ms) => format!("the server asked to slow down; wait {} s", ms.div_ceil(1_000)),
            HttpError::TooLarge(limit) => format!("the answer is larger than {limit} bytes"),
            HttpError::Denied(why)
            | HttpError::Unauthorized(why)
            | HttpError::Unreachable(why)
            | HttpError::OutcomeUnknown(why)
            | HttpError::Invalid(why) => why,
        }),
    }
}

/// Whether a host is another or lies below it.
fn is_within(asked: &str, host: &str) -> bool {
    let (asked, host) = (asked.to_ascii_lowercase(), host.to_ascii_lowercase());
    asked == host || asked.strip_suffix(&host).is_some_and(|rest| !host.is_empty() && rest.ends_with('.'))
}

fn outcome(found: &Found) -> String {
    let kind = match found.choice {
        UrlChoice::Internal => "internal",
        UrlChoice::External => "external",
    };
    let (url, told_by) = (&found.ews_url, &found.told_by);
    format!("{url} ({kind}; told by {told_by}). To keep it whatever is told later, set it as the endpoint's `url`")
}

/// The host of a URL, without its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests;
