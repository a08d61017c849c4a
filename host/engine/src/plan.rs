//! What the engine is to do: connections, people and settings, as the configuration resolves to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use calport_model::ConnectorApi;
use calport_rules::{Language, presence};
use jiff::tz::TimeZone;

/// How the other side tells of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// In streams.
    Streams,
    /// By requests to the hook URL.
    Hooks,
    /// Not at all: mailboxes are polled.
    Polling,
}

/// A connection.
#[derive(Clone)]
pub struct ConnectionPlan {
    /// Its id in the configuration.
    pub id: String,
    /// The connector behind it.
    pub api: Arc<dyn ConnectorApi>,
    /// Whether the administrator wants it used.
    pub active: bool,
    /// The URL in use, for the log.
    pub url: String,
    /// Where the other side can reach the host, `PUBLIC_URL/hooks/CONNECTION/RANDOM`; `None` without a public URL.
    pub hook_url: Option<String>,
    /// How the other side tells of changes; in streams where the connector has them, else by hooks, when `None`.
    pub notify: Option<Notify>,
    /// How often mailboxes are read where nothing notifies (SEMANTICS C-14).
    pub poll: Duration,
    /// The most mailboxes of one stream (SEMANTICS C-09); the connector may allow fewer.
    pub stream_members: usize,
}

/// A person with a calendar and a place where presence is shown.
#[derive(Clone)]
pub struct PersonPlan {
    /// Stable id.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The connection of the calendar.
    pub source: String,
    /// Addresses under which the mailbox may be found, best first (FEATURES C16).
    pub addresses: Vec<String>,
    /// The connection of the sink.
    pub sink: String,
    /// The user at the sink.
    pub user: String,
    /// The zone of the presence text; the mailbox's when `None`.
    pub zone: Option<TimeZone>,
    /// The language of the presence text; the mailbox's when `None`.
    pub language: Option<Language>,
    /// Whether reads come more often (SEMANTICS C-12, P-21a).
    pub vip: bool,
    /// Whether calendar integration is on (FEATURES P14).
    pub active: bool,
    /// The rules, with the person's own mapping rows in them.
    pub rules: Arc<presence::Config>,
    /// Shared and room calendars that count as well, beside the mailbox.
    pub calendars: Vec<CalendarPlan>,
    /// Whether states set by hand at the sink count (FEATURES P09, SEMANTICS P-22).
    pub overrules: bool,
    /// Whether states set by hand are written into the mailbox as appointments (FEATURES P10, SEMANTICS P-23).
    pub synchronize_current: bool,
    /// What is shown in place of what, for those who see this sink; everything as it is when `None` (SEMANTICS P-24b).
    pub audience: Option<Arc<presence::Audience>>,
}

/// A further calendar of a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CalendarPlan {
    /// The connection it is read by.
    pub connection: String,
    /// The address, or the id, of the mailbox.
    pub address: String,
}

/// Who is told about lasting failures, and how (FEATURES R06).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertPlan {
    /// The connection that sends the mail.
    pub connection: String,
    /// The mailbox that sends it; the connector's own choice when empty.
    pub sender: String,
    /// Who receives it.
    pub to: Vec<String>,
    /// How long a failure lasts before it is told.
    pub after: Duration,
    /// When it is told again while it lasts.
    pub repeat: Duration,
}

/// Numbers of the engine. The defaults are those of SEMANTICS part 1c and part 3.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whether presence is written to sinks; off is shadow mode.
    pub publish: bool,
    /// How far back a window begins (C-03).
    pub window_back: Duration,
    /// How far ahead a window ends (C-03).
    pub window_ahead: Duration,
    /// Quiet time after which a first notification acts at once (C-04).
    pub quiet: Duration,
    /// How long further notifications are gathered (C-04).
    pub debounce: Duration,
    /// The longest gathering (C-04).
    pub debounce_most: Duration,
    /// How often a mailbox is read without any notification (C-12).
    pub reconcile: Duration,
    /// The same for VIPs.
    pub reconcile_vip: Duration,
    /// How often automatic replies are read (P-21a).
    pub absence: Duration,
    /// The same for VIPs.
    pub absence_vip: Duration,
    /// How often the whole window is read anew and compared (FEATURES C09, SEMANTICS C-12).
    pub full_read: Duration,
    /// Whether that is done after every start too; else the start goes on from the cursors.
    pub full_read_at_start: bool,
    /// How often values are read at a sink that can be read and does not tell of changes (P-22a).
    pub override_read: Duration,
    /// How often call states are read where rules have the signal `call` (P-25).
    pub call_read: Duration,
    /// After how long without any proof the presence falls to unknown; never when `None` (P-26).
    pub unknown_after: Option<Duration>,
    /// Who is told about lasting failures.
    pub alerts: Option<AlertPlan>,
    /// The wished life of a subscription; the server grants what it likes (C-10).
    pub subscription: Duration,
    /// Feeds read per second after a restart.
    pub restart_rate: u32,
    /// The zone of people and mailboxes that have none.
    pub zone: TimeZone,
    /// The language of people and mailboxes that have none.
    pub language: Language,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            publish: true,
            window_back: Duration::from_secs(DAY),
            window_ahead: Duration::from_secs(35 * DAY),
            quiet: Duration::from_secs(10),
            debounce: Duration::from_secs(2),
            debounce_most: Duration::from_secs(10),
            reconcile: Duration::from_secs(6 * 3600),
            reconcile_vip: Duration::from_secs(3600),
            absence: Duration::from_secs(15 * 60),
            absence_vip: Duration::from_secs(60),
            full_read: Duration::from_secs(7 * DAY),
            full_read_at_start: false,
            override_read: Duration::from_secs(30),
            call_read: Duration::from_secs(5),
            unknown_after: Some(Duration::from_secs(DAY)),
            alerts: None,
            subscription: Duration::from_secs(4_230 * 60),
            restart_rate: 25,
            zone: TimeZone::UTC,
            language: Language::ENGLISH,
        }
    }
}

/// All of it.
#[derive(Clone, Default)]
pub struct Plan {
    /// Connections by id.
    pub connections: BTreeMap<String, ConnectionPlan>,
    /// People by id.
    pub people: BTreeMap<String, PersonPlan>,
    /// Numbers.
    pub settings: Settings,
}
