//! What the procedure asks of its caller, what the caller answers, and how it ends.

use calport_sdk::dns::SrvRecord;

use super::settings::{UrlChoice, UserSettings};
use crate::version::ServerVersion;

/// Most redirects, of any kind, from the first question to the last.
pub const MOST_REDIRECTS: usize = 10;

/// What an administrator decides beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A URL of Autodiscover that is asked first, https. With a path that ends with `.svc` or `.xml` it is asked as it is,
    /// else by both protocols at their usual paths. Its host is trusted.
    pub url: Option<String>,
    /// Which URL of EWS is wanted.
    pub choice: UrlChoice,
    /// Hosts that may have the credential besides those of the address's domain, each with everything below it.
    pub hosts: Vec<String>,
    /// The version of the server, if it is known. Exchange 2007 is not asked by SOAP.
    pub version: ServerVersion,
}

impl Default for Options {
    fn default() -> Self {
        Self { url: None, choice: UrlChoice::default(), hosts: Vec::new(), version: ServerVersion::LATEST }
    }
}

/// In which of the two protocols a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// [`super::soap`].
    Soap,
    /// [`super::pox`].
    Pox,
}

/// A question to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Its protocol.
    pub protocol: Protocol,
    /// Where, https.
    pub url: String,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `POST` this **with the connection's credential**. Redirects are not followed.
    Ask(Ask),
    /// `GET` this URL **without any credential**; only status and `Location` matter. Redirects are not followed.
    Probe {
        /// Where, http.
        url: String,
    },
    /// Look up service records.
    Srv {
        /// The name, such as `_autodiscover._tcp.example.com`.
        name: String,
    },
    /// Ask the administrator, or the settings, whether this host may have the credential.
    Consent {
        /// The host: neither of the address's domain nor of the settings.
        host: String,
        /// What would be asked there, or the URL that was found, without its query.
        url: String,
    },
    /// The end: it was found.
    Done(Box<Found>),
    /// The end: it was not.
    Failed(DiscoveryError),
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepAnswer {
    /// An answer, to [`Step::Ask`] and [`Step::Probe`].
    Http {
        /// The status.
        status: u16,
        /// The header `Location`.
        location: Option<String>,
        /// The body; empty for a probe.
        body: Vec<u8>,
    },
    /// The credential was refused, or there is none.
    Unauthorized,
    /// No connection, no answer, no such name; why, without anything secret.
    NoAnswer(String),
    /// Service records, best first.
    Records(Vec<SrvRecord>),
    /// Whether the host of [`Step::Consent`] may have the credential.
    Consent(bool),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The URL of EWS, https, at a host that may have the credential.
    pub ews_url: String,
    /// Which of the two it is: the other one than was wished when the server has no usable URL of that kind.
    pub choice: UrlChoice,
    /// All that was told about the mailbox.
    pub settings: UserSettings,
    /// The address that was asked for in the end.
    pub address: String,
    /// Who told, without query. It can be pinned.
    pub told_by: String,
}

/// Why nothing was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// It cannot begin.
    #[error("`{0}` is no mail address with a domain: Autodiscover looks for the server by the domain")]
    Address(String),
    /// It cannot begin.
    #[error("the URL of Autodiscover must begin with https:// and name a host, without a user")]
    Url,
    /// The credential was refused; it was not tried again, so that no account is locked.
    #[error(
        "{host} refused the user or the password; it was not tried again, so that the account is not locked. Check both, and how the domain is written"
    )]
    Unauthorized {
        /// By whom.
        host: String,
    },
    /// Hosts that need consent.
    #[error("the way leads to {}, where no credential is sent without consent: allow it in the connection's settings if it is yours", hosts.join(", "))]
    NoConsent {
        /// Their names.
        hosts: Vec<String>,
    },
    /// Servers that point at each other, or at ever new ones.
    #[error("more than {MOST_REDIRECTS} redirects: servers point at each other; set the URL of EWS by hand")]
    Redirects,
    /// A server answered and does not know the mailbox, or does not tell.
    #[error("Autodiscover answered `{code}` for this mailbox: check the address, and that it has a mailbox on this server")]
    Refused {
        /// Its word.
        code: String,
    },
    /// Nobody answered.
    #[error("no Autodiscover was found for {domain}: see the steps that were tried, or set the URL of EWS by hand")]
    NotFound {
        /// The domain.
        domain: String,
    },
}
