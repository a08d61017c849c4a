//! What was tried and what came of it, for `calport check`.

use std::fmt;

use crate::failure::Failure;

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A question by SOAP.
    Soap,
    /// A question by plain XML.
    Pox,
    /// A question over http for where to go, without a credential.
    Probe,
    /// A service record.
    Srv,
    /// Somebody was asked for consent.
    Consent,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Soap => "SOAP",
            Self::Pox => "POX",
            Self::Probe => "redirect without credential",
            Self::Srv => "service record",
            Self::Consent => "consent",
        })
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The URL of EWS; `other` when it is not the one of the two that was wished, because that one is missing.
    Found {
        /// The URL.
        url: String,
        /// Whether it is the other one.
        other: bool,
    },
    /// Another place.
    Redirected(String),
    /// Another address.
    Readdressed(String),
    /// Service records, best first.
    Records(Vec<String>),
    /// Nobody answered, and why.
    NoAnswer(String),
    /// An HTTP status that says no more.
    Status(u16),
    /// The credential was refused.
    Unauthorized,
    /// A redirect to a login form (SEMANTICS B-49).
    LoginForm,
    /// The server does not tell.
    Refused(Failure),
    /// The answer cannot be used, and why.
    Unreadable(String),
    /// The server knows the mailbox and has no URL of EWS for it.
    NoUrl,
    /// A place that is not https, or no usable URL: it is not asked.
    NotSecure(String),
    /// It was asked before: servers that point at each other.
    Again,
    /// Consent was given.
    Agreed,
    /// Consent was not given: the host gets no credential.
    NotAgreed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { url, other: false } => write!(f, "found {url}"),
            Self::Found { url, other: true } => write!(f, "found {url}; the server has no URL of the kind that was wished"),
            Self::Redirected(to) => write!(f, "redirected to {to}"),
            Self::Readdressed(to) => write!(f, "to be asked for {to}"),
            Self::Records(records) => write!(f, "{}", records.join(", ")),
            Self::NoAnswer(reason) => write!(f, "no answer: {reason}"),
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::Unauthorized => f.write_str("the credential was refused"),
            Self::LoginForm => f.write_str("a login form stands before it"),
            Self::Refused(failure) => write!(f, "refused: {failure}"),
            Self::Unreadable(reason) => f.write_str(reason),
            Self::NoUrl => f.write_str("the server has no URL of EWS for this mailbox"),
            Self::NotSecure(to) => write!(f, "not followed, because it is not https: {to}"),
            Self::Again => f.write_str("was asked before: the servers point at each other"),
            Self::Agreed => f.write_str("given"),
            Self::NotAgreed => f.write_str("not given: no credential is sent there"),
        }
    }
}

/// A step with its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What was tried.
    pub action: Action,
    /// Where: a URL without query, a host, or the name of a service.
    pub target: String,
    /// What came of it.
    pub outcome: Outcome,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.action, self.target, self.outcome)
    }
}
