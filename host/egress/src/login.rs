//! Why a login did not succeed, each with its remedy (SEMANTICS B-47, B-49).

use std::fmt;

use crate::error::Blame;

/// What went wrong while the host logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginProblem {
    /// The server knows the scheme and refused the user or the password.
    Refused {
        /// The user as it was sent.
        user: String,
        /// Name of the password's secret.
        secret: String,
        /// The same password had worked before.
        worked_before: bool,
    },
    /// Refused, and something between here and the server does not keep connections, which looks the same.
    Intermediary {
        /// What gives it away.
        sign: &'static str,
    },
    /// The server, or something in between, closes the connection in the middle of the login.
    Closed,
    /// The server offers other schemes.
    NotOffered {
        /// Those it offers, in its order; at most eight.
        offered: Vec<String>,
    },
    /// The server's answer to the first message is none.
    Unreadable(String),
    /// Kerberos gave no ticket.
    NoTicket {
        /// The library's words.
        why: String,
        /// What to do.
        remedy: &'static str,
        /// It may pass by itself.
        transient: bool,
    },
    /// The server did not accept the ticket.
    TicketRefused,
    /// The login form answered with something that is neither a login nor a refusal.
    Form(&'static str),
    /// The login form has failed at the server, with this status.
    FormFailed(u16),
}

impl LoginProblem {
    pub(crate) fn blame(&self) -> Blame {
        match self {
            Self::Intermediary { .. } | Self::Closed | Self::NoTicket { transient: true, .. } => Blame::Network,
            Self::Unreadable(_) | Self::FormFailed(_) => Blame::Server,
            Self::Refused { .. } | Self::NotOffered { .. } | Self::NoTicket { .. } | Self::TicketRefused | Self::Form(_) => {
                Blame::Configuration
            }
        }
    }
}

impl fmt::Display for LoginProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { user, secret, worked_before } => {
                write!(f, "the server refused user `{user}` with the password in secret `{secret}`. ")?;
                f.write_str(if *worked_before {
                    "It had worked before; so that the account is not locked it is tried again only after an hour. "
                } else {
                    "It was tried once and is not tried again, so that the account is not locked. "
                })?;
                write!(
                    f,
                    "Set the right one with `calport secret set {secret}`, or correct `user` (the form DOMAIN\\user is understood most widely). An \
                     account that is locked, disabled or not permitted to log in over the network is refused in the same way: after that is mended, restart Calport"
                )
            }
            Self::Intermediary { sign } => write!(
                f,
                "refused, or an intermediary does not keep connections ({sign}): NTLM logs in a connection, and a proxy or load balancer that spreads \
                 its requests over others breaks it. Reach the server directly or through a proxy that permits CONNECT, or have the intermediary keep \
                 one connection to the server for each of its clients"
            ),
            Self::Closed => f.write_str(
                "the server, or a proxy or load balancer before it, closes the connection in the middle of the login, so that NTLM cannot work; reach \
                 the server directly, or have keep-alive switched on there",
            ),
            Self::NotOffered { offered } if offered.is_empty() => f.write_str(
                "the server asks for a login and names no scheme; a forms login or a publishing service may be in front of it: try `scheme = \"fba\"`",
            ),
            Self::NotOffered { offered } => write!(
                f,
                "the server does not offer this scheme, but {}; choose one of them as `scheme`, or switch this one on at the server",
                offered.join(", ")
            ),
            Self::Unreadable(why) => write!(f, "the server's challenge cannot be answered: {why}"),
            Self::NoTicket { why, remedy, .. } => write!(f, "Kerberos gave no ticket: {why}; {remedy}"),
            Self::TicketRefused => f.write_str(
                "the server refused the Kerberos ticket; check that the account may log in there, that the service name HTTP/HOST belongs to the \
                 account under which the server runs, and that the clocks agree",
            ),
            Self::FormFailed(status) => write!(f, "the login form has failed at the server with status {status}; Calport tries again by itself"),
            Self::Form(why) => write!(f, "{why}; check `login_url`, and `fields` if the form is not the usual one"),
        }
    }
}
