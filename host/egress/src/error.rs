//! Errors of outbound HTTP: what was tried, what refused it, what to do. No URL query, token or secret is ever part of one.

use std::fmt;
use std::time::Duration;

use calport_secrets::SecretsError;
use thiserror::Error;
use url::Url;

use crate::login::LoginProblem;
use crate::policy::Denied;
use crate::tls::TlsProblem;

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The administrator: configuration, credentials, permissions.
    Configuration,
    /// The server that answered.
    Server,
    /// The network in between.
    Network,
    /// The connector.
    Plugin,
    /// Calport itself or its machine.
    Host,
}

/// A URL fit for messages: scheme, host, port and path; no user, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeUrl(String);

impl SafeUrl {
    pub(crate) fn new(url: &Url) -> Self {
        /// Longest URL in a message; a hostile path does not flood the log.
        const LONGEST: usize = 300;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let text = format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
        Self(text.chars().take(LONGEST).collect())
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part of a request that took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for a free slot of the connection or for the session.
    Queue,
    /// Resolving, connecting, TLS.
    Connect,
    /// Waiting for the answer.
    FirstByte,
    /// Waiting for more of the body.
    BetweenBytes,
    /// The request as a whole.
    Total,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "waiting for a free slot",
            Self::Connect => "connecting",
            Self::FirstByte => "waiting for the answer",
            Self::BetweenBytes => "waiting for more of the answer",
            Self::Total => "the whole request",
        })
    }
}

/// Whether the server may have acted on a request that failed (SEMANTICS S-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No byte of the request left, or the server answered that it refuses.
    NotSent,
    /// Bytes left, and sending it again does no harm.
    Repeatable,
    /// Bytes left, and only a read can tell what happened.
    Unknown,
}

/// Everything that can go wrong on the way out and back.
#[derive(Debug, Clone, Error)]
pub enum EgressError {
    /// The policy refused the request before anything was sent.
    #[error(transparent)]
    Denied(#[from] Box<Denied>),
    /// The connector's request is malformed.
    #[error("the connector's request is malformed: {what}")]
    Malformed {
        /// Which part, and what is wrong with it.
        what: String,
    },
    /// The scope is stopped because the server asked to slow down; the network was not touched.
    #[error("the server asked to slow down: requests for this scope wait another {:.1} s", .retry_after.as_secs_f64())]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// The endpoint's configuration does not work.
    #[error("endpoint `{endpoint}`: {what}")]
    Setup {
        /// The endpoint's name.
        endpoint: String,
        /// What is wrong and how to change it.
        what: String,
    },
    /// A secret is missing or cannot be read.
    #[error("endpoint `{endpoint}`: {source}")]
    Secret {
        /// The endpoint's name.
        endpoint: String,
        /// The missing secret and the command that sets it.
        source: SecretsError,
    },
    /// The token server refused.
    #[error("{url} gave no token: {reason}; {remedy}")]
    Token {
        /// The token server.
        url: SafeUrl,
        /// Its error code and text, shortened.
        reason: String,
        /// What to do.
        remedy: &'static str,
        /// Trying again later may help.
        transient: bool,
    },
    /// The server did not let the host in; the request had no effect.
    #[error("no login at {url}: {problem}")]
    Login {
        /// The server.
        url: SafeUrl,
        /// What went wrong, and the remedy.
        problem: LoginProblem,
    },
    /// TLS failed; nothing was sent, and never is without TLS instead (FEATURES C19).
    #[error("no trusted connection to {url}: {problem}")]
    Tls {
        /// The server, or the proxy.
        url: SafeUrl,
        /// What is wrong with the certificate or the port, and the remedy.
        problem: TlsProblem,
    },
    /// The host name has no address.
    #[error("the name of {url} does not resolve: {detail}; check the spelling in the endpoint's `url` and the machine's DNS")]
    Unresolved {
        /// The server.
        url: SafeUrl,
        /// What the resolver said.
        detail: String,
    },
    /// No connection could be made.
    #[error("cannot connect to {url}: {detail}; check that the server runs, the port is right, and no firewall is between")]
    Unreachable {
        /// The server.
        url: SafeUrl,
        /// What the system said.
        detail: String,
    },
    /// The proxy refused or is no proxy.
    #[error("the proxy of endpoint `{endpoint}` did not connect to {url}: {detail}; check the endpoint's proxy and what it permits")]
    Proxy {
        /// The endpoint's name.
        endpoint: String,
        /// The server.
        url: SafeUrl,
        /// What went wrong.
        detail: String,
    },
    /// A time limit was reached.
    #[error("{url}: time limit reached after {:.1} s: {phase}", .after.as_secs_f64())]
    TimedOut {
        /// The server.
        url: SafeUrl,
        /// What took too long.
        phase: Phase,
        /// The limit.
        after: Duration,
        /// Whether the server may have acted.
        outcome: Outcome,
    },
    /// The connection broke before the answer was complete.
    #[error("{url}: the connection broke before the answer was complete: {detail}")]
    Lost {
        /// The server.
        url: SafeUrl,
        /// What the system said.
        detail: String,
        /// Whether the server may have acted.
        outcome: Outcome,
    },
    /// The answer is larger than the limit.
    #[error("{url}: the answer is larger than {limit} bytes; ask for smaller pages or raise the endpoint's `response_mib`")]
    TooLarge {
        /// The server.
        url: SafeUrl,
        /// The limit in bytes after decompression.
        limit: usize,
        /// Whether the server may have acted: it answered, the rest is unread.
        outcome: Outcome,
    },
    /// The answer is not valid HTTP or does not decompress.
    #[error("{url}: the answer is not valid: {detail}")]
    Invalid {
        /// The server.
        url: SafeUrl,
        /// What is wrong.
        detail: String,
        /// Whether the server may have acted.
        outcome: Outcome,
    },
}

impl EgressError {
    /// Who has to act.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Denied(denied) => denied.blame(),
            Self::Malformed { .. } => Blame::Plugin,
            Self::Setup { .. } | Self::Secret { .. } | Self::Token { transient: false, .. } => Blame::Configuration,
            Self::Tls { problem, .. } => problem.blame(),
            Self::Login { problem, .. } => problem.blame(),
            Self::TimedOut { phase: Phase::Queue, .. } => Blame::Host,
            Self::Unresolved { .. } | Self::Unreachable { .. } | Self::Proxy { .. } => Blame::Network,
            Self::TimedOut { phase: Phase::Connect, .. } | Self::Lost { .. } => Blame::Network,
            Self::Throttled { .. } | Self::Token { .. } | Self::TooLarge { .. } | Self::Invalid { .. } | Self::TimedOut { .. } => {
                Blame::Server
            }
        }
    }

    /// Whether the server may have acted on the request.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::TimedOut { outcome, .. }
            | Self::Lost { outcome, .. }
            | Self::TooLarge { outcome, .. }
            | Self::Invalid { outcome, .. } => *outcome,
            _ => Outcome::NotSent,
        }
    }

    /// The same error for a step before the request itself, such as the token request.
    pub(crate) fn before_sending(mut self) -> Self {
        match &mut self {
            Self::TimedOut { outcome, .. }
            | Self::Lost { outcome, .. }
            | Self::TooLarge { outcome, .. }
            | Self::Invalid { outcome, .. } => {
                *outcome = Outcome::NotSent;
            }
            _ => {}
        }
        self
    }

    /// Whether bytes of the request may have left the host.
    #[must_use]
    pub fn sent(&self) -> bool {
        self.outcome() != Outcome::NotSent
    }

    /// Whether only a read can tell what happened: report `outcome-unknown` (SEMANTICS S-15).
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.outcome() == Outcome::Unknown
    }
}
