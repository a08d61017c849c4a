//! What a simulated EWS endpoint is like: its version, its front doors, its limits, its deviations from the documentation.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::autodiscover::Autodiscover;
use super::doors::Doors;
use super::notifications::Notifying;
use super::version::Version;

/// An account that signs in with a password.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Sign-in name, `DOMAIN\name` or an address; compared without regard to case.
    pub user: String,
    /// Its password, made up for tests.
    pub password: String,
    /// Whether it may act as every mailbox: by impersonation, or with full access to their folders.
    #[serde(default)]
    pub impersonation: bool,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("user", &self.user).field("impersonation", &self.impersonation).finish_non_exhaustive()
    }
}

impl Account {
    /// An account that acts as every mailbox.
    #[must_use]
    pub fn service(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned(), impersonation: true }
    }

    /// A person's account: its own mailbox only.
    #[must_use]
    pub fn person(user: &str, password: &str) -> Self {
        Self { impersonation: false, ..Self::service(user, password) }
    }
}

/// What a server does that the documentation does not say. All off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "one switch for each deviation, set one by one")]
pub struct Deviations {
    /// Elements and attributes that no schema knows stand among the known ones.
    pub unknown_elements: bool,
    /// The parts of an item come in the opposite order.
    pub other_order: bool,
    /// Digits of the fraction in times of answers; none: whole seconds without a fraction.
    pub fraction_digits: Option<u8>,
    /// What a schema marks as optional and Calport can do without is left out of items.
    pub missing_optional: bool,
    /// Answers are declared `text/xml` without a charset.
    pub bare_content_type: bool,
    /// A calendar view holds the masters of series in place of their occurrences.
    pub no_expansion: bool,
    /// An update overwrites whatever its change key is.
    pub ignore_change_key: bool,
    /// Zones of items come with their whole definition and an invented id, as for a zone that its author made.
    pub inline_zones: bool,
}

/// Settings of a simulated endpoint.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent switches of a server's administrator")]
pub struct Config {
    /// Where to listen; must be loopback. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// What the server is.
    pub version: Version,
    /// Accounts that sign in with a password.
    pub accounts: Vec<Account>,
    /// Whether the Basic door is open.
    pub basic: bool,
    /// Whether the OAuth door is open, for tokens of the Graph simulator's token endpoint.
    pub oauth: bool,
    /// Whether the application holds `full_access_as_app`.
    pub full_access: bool,
    /// Whether an administrator switched EWS off for the whole tenant: 403 for everything.
    pub disabled: bool,
    /// Names of mailboxes for which EWS is switched off.
    pub disabled_for: Vec<String>,
    /// Names of mailboxes that are being moved to another server.
    pub moved: Vec<String>,
    /// Mailboxes that are on another server, with the address of its service.
    pub elsewhere: BTreeMap<String, String>,
    /// The other doors.
    pub doors: Doors,
    /// What is answered on the paths of Autodiscover.
    pub autodiscover: Autodiscover,
    /// Items in one answer of FindItem at most (`EWSFindCountLimit`).
    pub find_limit: usize,
    /// Longest calendar view in days.
    pub view_days: i64,
    /// The deviations in force.
    pub deviations: Deviations,
    /// How notifications are.
    pub notifying: Notifying,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            version: Version::Online,
            accounts: vec![Account::service("svc-calport@example.test", "simulated~password")],
            basic: true,
            oauth: true,
            full_access: true,
            disabled: false,
            disabled_for: Vec::new(),
            moved: Vec::new(),
            elsewhere: BTreeMap::new(),
            doors: Doors::default(),
            autodiscover: Autodiscover::default(),
            find_limit: 1_000,
            view_days: 731,
            deviations: Deviations::default(),
            notifying: Notifying::default(),
        }
    }
}

impl Config {
    /// The address of the service that has a mailbox now; none: this one. `names` are in small letters.
    pub(crate) fn elsewhere(&self, names: &[String]) -> Option<&str> {
        self.elsewhere.iter().find(|(name, _)| names.contains(&name.to_lowercase())).map(|(_, url)| url.as_str())
    }
}
