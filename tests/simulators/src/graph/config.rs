//! What a simulated tenant is like: its application, its limits, its people.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ids::checksum;

/// The application permissions that Calport's Graph connector asks for.
pub const DEFAULT_ROLES: &[&str] =
    &["User.Read.All", "Calendars.ReadWrite", "MailboxSettings.ReadWrite", "Mail.Send", "Organization.Read.All"];

/// Settings of a simulated tenant. All limits follow the documentation unless changed.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; must be loopback. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Tenant id.
    pub tenant: String,
    /// The registered application.
    pub client_id: String,
    /// Its secret, made up for tests.
    pub client_secret: String,
    /// Graph application permissions granted.
    pub roles: Vec<String>,
    /// Life of an access token in seconds of the simulator's clock.
    pub token_seconds: i64,
    /// Requests of the application that may run at once on one mailbox.
    pub concurrency: u32,
    /// Requests of the application on one mailbox within [`Config::window_seconds`].
    pub requests: u32,
    /// Length of the throttling window in seconds.
    pub window_seconds: i64,
    /// Longest life of a subscription in minutes; a request for more is refused.
    pub subscription_minutes: i64,
    /// Age in seconds at which delta tokens expire.
    pub delta_seconds: i64,
    /// Items on a delta page if the client wishes no size.
    pub delta_page: usize,
    /// Real time every request on a mailbox takes, so that concurrency can be seen.
    pub latency: Duration,
    /// Delta answers repeat items, as the documentation warns.
    pub replays: bool,
    /// Attempts to deliver a notification.
    pub attempts: u32,
    /// Real time between two attempts.
    pub retry_pause: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tenant: "84bd8158-6d4d-4958-8b9f-9d6445542f95".to_owned(),
            client_id: "24d3b144-21ae-4080-943f-7067b395b913".to_owned(),
            client_secret: "simulated~client-secret".to_owned(),
            roles: DEFAULT_ROLES.iter().map(|r| (*r).to_owned()).collect(),
            token_seconds: 3_599,
            concurrency: 4,
            requests: 10_000,
            window_seconds: 600,
            subscription_minutes: 10_080,
            delta_seconds: 7 * 86_400,
            delta_page: 10,
            latency: Duration::ZERO,
            replays: false,
            attempts: 5,
            retry_pause: Duration::from_millis(200),
        }
    }
}

/// A person (or room) of the tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct User {
    /// Directory id; empty: derived from the principal name.
    pub id: String,
    /// Sign-in name.
    pub user_principal_name: String,
    /// Primary SMTP address; none for an account without one.
    pub mail: Option<String>,
    /// Shown name.
    pub display_name: String,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub surname: Option<String>,
    /// All addresses, with `SMTP:` (primary) or `smtp:` in front.
    pub proxy_addresses: Vec<String>,
    /// Whether the account may sign in.
    pub account_enabled: bool,
    /// `Member` or `Guest`.
    pub user_type: String,
    /// Whether there is a mailbox.
    pub mailbox: bool,
    /// Zone of the mailbox, Windows or IANA name.
    pub time_zone: String,
    /// Locale of the mailbox, such as `de-DE`.
    pub locale: String,
    /// Telephone numbers.
    pub business_phones: Vec<String>,
}

impl Default for User {
    fn default() -> Self {
        Self {
            id: String::new(),
            user_principal_name: String::new(),
            mail: None,
            display_name: String::new(),
            given_name: None,
            surname: None,
            proxy_addresses: Vec::new(),
            account_enabled: true,
            user_type: "Member".to_owned(),
            mailbox: true,
            time_zone: "UTC".to_owned(),
            locale: "en-US".to_owned(),
            business_phones: Vec::new(),
        }
    }
}

impl User {
    /// A person with a mailbox whose sign-in name is also the address.
    #[must_use]
    pub fn new(address: &str, display_name: &str) -> Self {
        let (given, surname) = display_name.split_once(' ').unwrap_or((display_name, ""));
        Self {
            user_principal_name: address.to_owned(),
            mail: Some(address.to_owned()),
            display_name: display_name.to_owned(),
            given_name: Some(given.to_owned()),
            surname: Some(surname.to_owned()).filter(|s| !s.is_empty()),
            proxy_addresses: vec![format!("SMTP:{address}")],
            ..Self::default()
        }
    }

    /// The same person with a mailbox in this zone.
    #[must_use]
    pub fn zone(mut self, name: &str) -> Self {
        name.clone_into(&mut self.time_zone);
        self
    }

    /// The same person with one more address.
    #[must_use]
    pub fn alias(mut self, address: &str) -> Self {
        self.proxy_addresses.push(format!("smtp:{address}"));
        self
    }

    /// The same account without a mailbox.
    #[must_use]
    pub fn without_mailbox(mut self) -> Self {
        self.mailbox = false;
        self
    }

    /// The same person with an account that may not sign in.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.account_enabled = false;
        self
    }

    pub(crate) fn complete(mut self) -> Self {
        if self.id.is_empty() {
            let name = self.user_principal_name.to_lowercase();
            let part = |salt: &str| checksum(format!("{salt}{name}").as_bytes());
            let (a, b, c, d) = (part("a"), part("b"), part("c"), part("d"));
            self.id = format!("{a:08x}-{:04x}-4{:03x}-8{:03x}-{c:08x}{:04x}", b >> 16, b & 0xfff, d & 0xfff, d >> 16);
        }
        self
    }

    /// Every name the mailbox goes by, in lower case.
    pub(crate) fn names(&self) -> Vec<String> {
        let plain = |a: &String| a.split_once(':').map_or(a.as_str(), |(_, rest)| rest).to_lowercase();
        let mut names = vec![self.id.to_lowercase(), self.user_principal_name.to_lowercase()];
        names.extend(self.mail.iter().map(|m| m.to_lowercase()));
        names.extend(self.proxy_addresses.iter().map(plain));
        names
    }

    /// The name and address shown as organiser.
    pub(crate) fn owner(&self) -> (String, String) {
        (self.display_name.clone(), self.mail.clone().unwrap_or_else(|| self.user_principal_name.clone()))
    }

    /// All directory properties the simulator knows.
    pub(crate) fn properties(&self) -> Map<String, Value> {
        super::render::into_map(json!({
            "id": self.id, "displayName": self.display_name, "givenName": self.given_name, "surname": self.surname, "mail": self.mail,
            "userPrincipalName": self.user_principal_name, "businessPhones": self.business_phones, "jobTitle": null,
            "mobilePhone": null, "officeLocation": null, "preferredLanguage": self.locale, "proxyAddresses": self.proxy_addresses,
            "accountEnabled": self.account_enabled, "userType": self.user_type, "otherMails": [],
        }))
    }
}
