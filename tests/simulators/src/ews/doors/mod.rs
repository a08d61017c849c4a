//! The front doors beside Basic and OAuth: Windows authentication (NTLM, alone or inside Negotiate) and a forms login.
//!
//! Promise: a connection that logged in by NTLM is that account's for life, and only that connection; what a client does in which
//! number of logins is counted ([`Connection`]). Refused: version 1 of NTLM, Kerberos tickets, everything anonymous.

mod accounts;
pub(crate) mod forms;
mod ntlm;
mod spnego;
mod tally;
pub(crate) mod windows;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub(crate) use accounts::{identity, known};
pub(crate) use tally::Tally;
pub use tally::{Connection, Login};

/// How several ways to log in are offered in one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Challenges {
    /// Each in a header of its own; NTLM's second message comes alone.
    #[default]
    Separate,
    /// Each in a header of its own; NTLM's second message comes with the other ways beside it.
    Repeated,
    /// As before, all in one header with commas between them.
    Joined,
}

/// What somebody without a login gets where a forms login stands before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stranger {
    /// 302 to the login page.
    #[default]
    Redirect,
    /// 440.
    LoginTimeout,
    /// 200 with the login page.
    Page,
}

/// A forms login before the whole server, as publishing proxies have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forms {
    /// What somebody without a login gets; whoever had one and lost it gets 440, or 302 if he takes pages.
    pub stranger: Stranger,
    /// Minutes without a request after which a login ends, by the simulator's clock.
    pub minutes: i64,
}

impl Default for Forms {
    fn default() -> Self {
        Self { stranger: Stranger::default(), minutes: 15 }
    }
}

impl Forms {
    fn life(self) -> SignedDuration {
        SignedDuration::from_mins(self.minutes)
    }
}

/// The doors, and the domain whose accounts go through them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Doors {
    /// Whether NTLM is offered.
    pub ntlm: bool,
    /// Whether Negotiate is offered; with NTLM inside, never with a ticket.
    pub negotiate: bool,
    /// The forms login, if there is one.
    pub forms: Option<Forms>,
    /// How ways are offered.
    pub challenges: Challenges,
    /// The realm of Basic.
    pub realm: String,
    /// Short name of the domain.
    pub domain: String,
    /// Name of the domain in DNS.
    pub dns_domain: String,
    /// What an NTLM login must be tied to (`tls-server-end-point:` and a hash), as a TLS front before the simulator knows it; none: nothing
    /// is demanded, as without Extended Protection.
    pub binding: Option<Vec<u8>>,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            ntlm: false,
            negotiate: false,
            forms: None,
            challenges: Challenges::default(),
            realm: String::new(),
            domain: "EXAMPLE".to_owned(),
            dns_domain: "example.test".to_owned(),
            binding: None,
        }
    }
}

impl Doors {
    /// Windows authentication, as a server in a domain offers it.
    #[must_use]
    pub fn windows() -> Self {
        Self { ntlm: true, negotiate: true, ..Self::default() }
    }

    /// A forms login before everything.
    #[must_use]
    pub fn forms() -> Self {
        Self { forms: Some(Forms::default()), ..Self::default() }
    }
}
