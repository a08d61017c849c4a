//! A small company on simulated servers: people with believable weeks, and a script that changes their calendars.
//!
//! The demo of the program and the end-to-end tests use the same world, so what a new user sees is what is tested.

#![allow(clippy::indexing_slicing, reason = "indices come from the very lists they are used on")]

mod script;
mod weeks;

use std::net::SocketAddr;
use std::path::Path;

use jiff::Timestamp;

pub use script::{Applied, Kind, Script};

use crate::graph::User;
use crate::{ews, graph, pbx};

/// The names of the servers that [`serve`] can start.
pub const NAMES: [&str; 2] = ["exchange", "pbx"];

/// How Calport reaches the mailboxes of a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Microsoft Graph.
    #[default]
    Graph,
    /// Exchange Web Services on the same mailboxes, as Exchange Online has them.
    Ews,
    /// A company's own Exchange, into which one logs by NTLM, on the same mailboxes.
    Onprem,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Graph, Self::Ews, Self::Onprem];

    /// The name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Ews => "ews",
            Self::Onprem => "onprem",
        }
    }
}

/// The account of Calport at a company's own server, and its password.
const ACCOUNT: (&str, &str) = ("CONTOSO\\calport", "simulated~password");

/// The door to the mailboxes that a backend goes by; none where it is Graph's own.
///
/// # Errors
/// When it cannot listen.
pub async fn door(calendar: &graph::Simulator, backend: Backend) -> Result<Option<ews::Simulator>, WorldError> {
    let config = match backend {
        Backend::Graph => return Ok(None),
        Backend::Ews => ews::Config::default(),
        Backend::Onprem => ews::Config {
            version: ews::Version::Exchange2019,
            accounts: vec![ews::Account::service(ACCOUNT.0, ACCOUNT.1)],
            basic: false,
            oauth: false,
            doors: ews::Doors { domain: "CONTOSO".to_owned(), dns_domain: "contoso.example".to_owned(), ..ews::Doors::windows() },
            ..ews::Config::default()
        },
    };
    Ok(Some(ews::Simulator::beside(calendar, config).await?))
}

impl std::str::FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|b| b.name() == text).ok_or_else(|| format!("`{text}` is no backend; there are: {}", known()))
    }
}

/// What went wrong with a simulated server.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The calendar server.
    #[error("the simulated calendar server: {0}")]
    Calendar(#[from] graph::SimulatorError),
    /// The PBX.
    #[error("the simulated PBX: {0}")]
    Pbx(#[from] std::io::Error),
    /// Two zones, and times that do not exist in them.
    #[error("a time of the script cannot be computed: {0}")]
    Time(#[from] jiff::Error),
}

/// A person of the world.
#[derive(Clone, Debug)]
pub struct Member {
    /// Name for people.
    pub name: String,
    /// Address of the mailbox.
    pub address: String,
    /// User at the PBX.
    pub user: String,
    /// Zone of the mailbox, IANA name.
    pub zone: &'static str,
    /// The same as a Windows name, as the mailbox says it.
    pub windows_zone: &'static str,
    /// Locale.
    pub locale: &'static str,
}

const FIRST: [&str; 25] = [
    "Anna", "Ben", "Clara", "David", "Emma", "Finn", "Greta", "Hugo", "Ida", "Jonas", "Karla", "Leon", "Mia", "Noah", "Olga", "Paul",
    "Quinn", "Rosa", "Sven", "Tina", "Uwe", "Vera", "Willi", "Xenia", "Yara",
];
const LAST: [&str; 7] = ["Acker", "Brandt", "Castro", "Dietz", "Engel", "Fuchs", "Graf"];

/// The people of a company of this size, in two zones.
pub fn members(people: u16) -> Vec<Member> {
    (0..usize::from(people))
        .map(|index| {
            let first = FIRST[index % FIRST.len()];
            let last = LAST[(index / FIRST.len() + index) % LAST.len()];
            let number = index / FIRST.len();
            let login = format!("{}{}", first.to_lowercase(), if number == 0 { String::new() } else { number.to_string() });
            let (zone, windows_zone, locale) = if index % 3 == 2 {
                ("America/New_York", "Eastern Standard Time", "en-US")
            } else {
                ("Europe/Berlin", "W. Europe Standard Time", "de-DE")
            };
            Member { name: format!("{first} {last}"), address: format!("{login}@contoso.example"), user: login, zone, windows_zone, locale }
        })
        .collect()
}

/// The servers and their people.
pub struct World {
    /// The calendar server; mailboxes are changed and counted here, whatever Calport reaches them by.
    pub calendar: graph::Simulator,
    /// The EWS door of the same mailboxes, if Calport goes by that.
    pub ews: Option<ews::Simulator>,
    /// The PBX.
    pub pbx: pbx::Simulator,
    /// The people.
    pub members: Vec<Member>,
}

impl World {
    /// Starts both servers and fills the calendars with weeks around `now`.
    ///
    /// # Errors
    /// When a server cannot listen or a calendar cannot be filled.
    pub async fn start(people: u16, backend: Backend, now: Timestamp) -> Result<Self, WorldError> {
        let members = members(people);
        let calendar = graph::Simulator::builder().start().await?;
        for member in &members {
            let mut user = User::new(&member.address, &member.name).zone(member.windows_zone);
            member.locale.clone_into(&mut user.locale);
            calendar.add_user(user)?;
        }
        let builder = members.iter().fold(pbx::Simulator::builder(), |builder, member| builder.user(&member.user));
        let pbx = builder.start().await?;
        let ews = door(&calendar, backend).await?;
        let world = Self { calendar, ews, pbx, members };
        weeks::fill(&world, now)?;
        Ok(world)
    }

    /// The secrets that the configuration refers to.
    pub fn secrets(&self) -> Vec<(&'static str, String)> {
        let calendar = match self.backend() {
            Backend::Onprem => ("calendar-password", ACCOUNT.1.to_owned()),
            Backend::Graph | Backend::Ews => ("calendar-client", self.calendar.config().client_secret),
        };
        vec![calendar, ("pbx-manager", "calport-secret".to_owned())]
    }

    /// How Calport reaches the mailboxes.
    fn backend(&self) -> Backend {
        match &self.ews {
            None => Backend::Graph,
            Some(ews) if ews.config().doors.ntlm => Backend::Onprem,
            Some(_) => Backend::Ews,
        }
    }

    /// The connection to the calendars, as the configuration has it.
    fn calendar_connection(&self) -> String {
        let config = self.calendar.config();
        let (origin, token, client) = (self.calendar.base_url(), self.calendar.token_url(), config.client_id);
        let sign_in = |scope: &str| {
            format!(
                r#"allow_addresses = ["loopback"]
plain_http = true
auth = {{ scheme = "oauth2-client-credentials", token_url = "{token}", client_id = "{client}", secret = "calendar-client", scope = "{scope}" }}"#
            )
        };
        let Some(ews) = &self.ews else {
            return format!(
                r#"[connections.calendar]
plugin = "graph"

[connections.calendar.endpoints.graph]
url = "{origin}/v1.0"
{}"#,
                sign_in(&format!("{origin}/.default"))
            );
        };
        let (plugin, account, login) = match self.backend() {
            Backend::Onprem => {
                let account = format!(", account = '{}'", ACCOUNT.0);
                let auth = format!(r#"auth = {{ scheme = "ntlm", user = '{}', secret = "calendar-password" }}"#, ACCOUNT.0);
                ("exchange-onprem", account, format!("allow_addresses = [\"loopback\"]\nplain_http = true\n{auth}"))
            }
            Backend::Graph | Backend::Ews => ("ews", String::new(), sign_in("https://outlook.office365.com/.default")),
        };
        format!(
            r#"[connections.calendar]
plugin = "{plugin}"
settings = {{ test_user = "{test_user}"{account} }}

[connections.calendar.endpoints.ews]
url = "{url}"
{login}"#,
            test_user = self.members.first().map(|m| m.address.as_str()).unwrap_or_default(),
            url = ews.url(),
        )
    }

    /// The configuration of a Calport that connects the two. Paths are relative to the file.
    pub fn configuration(&self, plugins: &Path, control: SocketAddr, hooks: SocketAddr) -> String {
        let mut text = format!(
            r#"[host]
data_dir = "data"
plugins_dir = "{plugins}"
control = "{control}"
zone = "Europe/Berlin"
language = "en"

[hooks]
listen = "{hooks}"
public_url = "http://{hooks}"

[secrets]
file = "secrets/secrets.age"
identity = "keys/secrets.key"

{calendar}

[connections.pbx]
plugin = "asterisk"

[connections.pbx.endpoints.ami]
url = "{pbx}"
allow_addresses = ["loopback"]
plain_http = true
auth = {{ scheme = "digest", user = "calport", secret = "pbx-manager" }}

# Appointments with customers show even while somebody is otherwise away.
[rules.default]
must_words = ["client call", "training"]

[[flows]]
name = "presence"
source = "calendar"
sink = "pbx"
"#,
            plugins = plugins.display(),
            calendar = self.calendar_connection(),
            pbx = self.pbx.url(),
        );
        for member in &self.members {
            let language = if member.locale.starts_with("de") { "de" } else { "en" };
            text.push_str(&format!(
                "\n[[people.person]]\nid = \"{user}\"\nname = \"{name}\"\naddress = \"{address}\"\nusers = {{ pbx = \"{user}\" }}\nlanguage = \"{language}\"\nzone = \"{zone}\"\n",
                user = member.user,
                name = member.name,
                address = member.address,
                zone = member.zone,
            ));
        }
        text
    }

    /// When the PBX last took a value for a user.
    pub fn last_shown(&self, user: &str) -> Option<Timestamp> {
        let last = self.pbx.writes().into_iter().filter(|w| w.user == user).map(|w| w.at_ms).max()?;
        Timestamp::from_millisecond(last).ok()
    }

    /// What the PBX shows of a user: the state and the message.
    pub fn shown(&self, user: &str) -> Option<(String, String)> {
        self.pbx.presence(user).map(|p| (p.state.to_owned(), String::from_utf8_lossy(&p.message).into_owned()))
    }
}

/// A server that was started alone.
pub enum Server {
    /// The calendar server.
    Calendar(Box<graph::Simulator>),
    /// The PBX.
    Pbx(Box<pbx::Simulator>),
}

impl Server {
    /// What one needs to know to use it.
    pub fn about(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Calendar(server) => {
                let config = server.config();
                vec![
                    ("url", format!("{}/v1.0", server.base_url())),
                    ("token_url", server.token_url()),
                    ("client_id", config.client_id),
                    ("client_secret", config.client_secret),
                    ("admin", format!("{}/_admin/", server.base_url())),
                ]
            }
            Self::Pbx(server) => vec![
                ("url", server.url()),
                ("user", "calport".to_owned()),
                ("secret", "calport-secret".to_owned()),
                ("admin", server.admin_url()),
            ],
        }
    }
}

/// Starts one server with so many people, without appointments.
///
/// # Errors
/// When it cannot listen, or the name is none of [`NAMES`].
pub async fn serve(name: &str, listen: SocketAddr, people: u16) -> Result<Server, WorldError> {
    let members = members(people);
    if name == "pbx" {
        let builder = members.iter().fold(pbx::Simulator::builder(), |builder, member| builder.user(&member.user));
        return Ok(Server::Pbx(Box::new(builder.address(listen).start().await?)));
    }
    let server = graph::Simulator::builder().configure(|config| config.listen = listen).start().await?;
    for member in &members {
        server.add_user(User::new(&member.address, &member.name).zone(member.windows_zone))?;
    }
    Ok(Server::Calendar(Box::new(server)))
}
