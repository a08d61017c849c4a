//! What a connector says about itself (SEMANTICS K-05).

use std::time::Duration;

/// A capability: one interface of the WIT package that a connector may export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// People and users.
    Directory,
    /// Appointments.
    Calendar,
    /// Tasks.
    Tasks,
    /// Contacts.
    Contacts,
    /// Categories.
    Categories,
    /// Out-of-office settings.
    Absence,
    /// Sending mail.
    Mail,
    /// Presence sink.
    Presence,
    /// Notifications.
    Notifications,
    /// Free/busy witness.
    FreeBusy,
    /// Conditional named values.
    Markers,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Directory,
        Self::Calendar,
        Self::Tasks,
        Self::Contacts,
        Self::Categories,
        Self::Absence,
        Self::Mail,
        Self::Presence,
        Self::Notifications,
        Self::FreeBusy,
        Self::Markers,
    ];

    /// The interface's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Calendar => "calendar",
            Self::Tasks => "tasks",
            Self::Contacts => "contacts",
            Self::Categories => "categories",
            Self::Absence => "absence",
            Self::Mail => "mail",
            Self::Presence => "presence",
            Self::Notifications => "notifications",
            Self::FreeBusy => "free-busy",
            Self::Markers => "markers",
        }
    }
}

/// An endpoint the configuration must give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointNeed {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// The usual base URL, or empty.
    pub usual_url: String,
    /// Authentication schemes that make sense, best first.
    pub schemes: Vec<String>,
    /// Whether the connector is useless without it.
    pub required: bool,
}

/// A permission at the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The vendor's name.
    pub name: String,
    /// The capability that needs it.
    pub needed_for: String,
    /// Whether the capability is impossible without it.
    pub required: bool,
    /// Names of which any serves as well.
    pub alternatives: Vec<String>,
}

/// How changes are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedProfile {
    /// Whether occurrences come (else masters).
    pub occurrences: bool,
    /// Whether a feed covers one mailbox (else the connection).
    pub per_mailbox: bool,
    /// Whether a deleted item is reported.
    pub reports_deletions: bool,
    /// Whether a reported removal is a deletion for certain (SEMANTICS B-07).
    pub deletions_certain: bool,
    /// Whether a cursor belongs to its window.
    pub window_bound: bool,
    /// The most mailboxes in one call, at least 1.
    pub batch_size: usize,
    /// Requests under way for one mailbox; 0 when unknown.
    pub mailbox_concurrency: usize,
}

/// What a sink can show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkProfile {
    /// Longest text; 0 when there is none.
    pub text_limit: usize,
    /// Whether the limit counts bytes (else characters).
    pub text_limit_in_bytes: bool,
    /// Whether a value expires at the sink by itself.
    pub expiry: bool,
    /// Whether a greeting can be chosen.
    pub greeting: bool,
    /// Whether a forwarding profile can be chosen.
    pub forwarding: bool,
    /// Whether values set by hand can be read.
    pub readable: bool,
    /// The most users in one call, at least 1.
    pub batch_size: usize,
    /// Changes per second the sink takes; 0 when unknown (SEMANTICS R-07).
    pub changes_per_second: u32,
}

/// A proof of ownership of a hook URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookHandshake {
    /// Answer with the decoded value of this query parameter as `text/plain`.
    EchoQuery(String),
    /// Answer with this member of the JSON body, as an object.
    EchoJson(String),
}

/// Where a hook request carries its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookSecret {
    /// Only the URL.
    UrlOnly,
    /// JSON pointer in which `*` stands for every element.
    JsonPointer(String),
    /// A header.
    Header(String),
    /// A query parameter.
    Query(String),
    /// HMAC-SHA-256 over the body.
    Hmac {
        /// The header.
        header: String,
        /// What stands before the signature.
        prefix: String,
        /// Whether it is Base64; else hexadecimal.
        base64: bool,
    },
}

/// What streams of notifications are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamProfile {
    /// The most subscriptions of one stream (SEMANTICS C-09).
    pub members: usize,
    /// After how long the other side ends a stream; `None` when it does not.
    pub life: Option<Duration>,
    /// How long a stream may be without any hint; `None` when it has no heartbeats.
    pub quiet: Option<Duration>,
}

/// A fixed answer to a request of the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookAnswer {
    /// The status, 200 to 299.
    pub status: u16,
    /// Its media type, or empty.
    pub content_type: String,
    /// Its body.
    pub body: String,
}

/// How the host answers requests of the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookProfile {
    /// The handshake.
    pub handshake: Option<HookHandshake>,
    /// The acknowledgement.
    pub acknowledgement: HookAnswer,
    /// Where the secret is.
    pub secret: HookSecret,
    /// The answer to requests with no secret of a live subscription; 403 when `None`.
    pub farewell: Option<HookAnswer>,
    /// Whether subscriptions give signs of life.
    pub heartbeats: bool,
}

/// What a connector says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The stable name.
    pub name: String,
    /// The name for people.
    pub display_name: String,
    /// The connector's version.
    pub version: String,
    /// Version of the identity function (SEMANTICS K-01).
    pub identity_version: u32,
    /// Version of the cursors (SEMANTICS K-06).
    pub cursor_format: u32,
    /// JSON Schema of the settings.
    pub settings_schema: String,
    /// Endpoints.
    pub endpoints: Vec<EndpointNeed>,
    /// Permissions.
    pub permissions: Vec<Permission>,
    /// How changes are read.
    pub feed: Option<FeedProfile>,
    /// What the sink shows.
    pub sink: Option<SinkProfile>,
    /// How hooks are answered.
    pub hook: Option<HookProfile>,
    /// What streams are like, where `wait` serves them.
    pub streams: Option<StreamProfile>,
    /// What the file exports.
    pub capabilities: Vec<Capability>,
}

impl Descriptor {
    /// Whether the file exports this interface.
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something will not work as expected.
    Warning,
    /// Something does not work at all.
    Problem,
}

impl Severity {
    /// The word for people and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// Something a check noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was seen.
    pub message: String,
    /// What to do, or empty.
    pub remedy: String,
}

/// A step of a discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryStep {
    /// What was tried.
    pub tried: String,
    /// What came of it.
    pub outcome: String,
}

/// What a discovery found (SEMANTICS B-48).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Name and URL of endpoints, best first; none when nothing was found. Not yet judged by the connection's discovery rule.
    pub endpoints: Vec<(String, String)>,
    /// The steps taken, in order.
    pub steps: Vec<DiscoveryStep>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The product that answered.
    pub server: String,
    /// Its version, or empty.
    pub version: String,
    /// Findings, the worst first.
    pub findings: Vec<Finding>,
}
