//! The settings that all connectors on this library have.

use std::time::Duration;

use calport_ews_protocol::ServerVersion;
use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of an Exchange Web Services connection. All but `test_user` have defaults.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The mail address of a mailbox that the account may impersonate: `check` reads its calendar, and the directory is
    /// asked in its name.
    #[schemars(length(min = 3))]
    pub test_user: String,
    /// The account or application that signs in, named in remedies. Calport itself does not need it.
    #[serde(default)]
    pub account: Option<String>,
    /// The version of the schema to speak. Without it the latest is tried, and the newest that the server knows found by its answers.
    #[serde(default)]
    pub version: Option<Version>,
    /// Whether series are expanded here from the start. It is for servers that give the master of a series where the events of a
    /// window are asked for; the connector finds that out where it sees a master, and not where all series began before the window.
    #[serde(default)]
    pub expand_series: bool,
    /// Whether events are read whole: with bodies, attendees and the addresses of all organizers. That takes a further request for
    /// every ten events that changed. Presence needs an organizer's address of tentative appointments only, and has it in any case.
    #[serde(default)]
    pub read_bodies: bool,
    /// Seconds that a stream may be silent before it is given up. Servers say about once a minute that a stream lives; less is
    /// for those that say it more often.
    #[serde(default = "stream_silence")]
    #[schemars(range(min = 2, max = 240))]
    pub stream_silence_s: u16,
    /// After how many minutes without a change the server says that a subscription lives, where it sends requests (`notify = "hooks"`).
    /// It also tries for so long to reach a host that does not answer.
    #[serde(default = "status_minutes")]
    #[schemars(range(min = 1, max = 1_440))]
    pub push_status_minutes: u16,
    /// Seconds without a request of the server after which a subscription is made anew, there. Default: twice `push_status_minutes`; less
    /// is for servers that say it more often.
    #[serde(default)]
    #[schemars(range(min = 2, max = 172_800))]
    pub push_silence_s: Option<u32>,
    /// The mailbox that sends mails where a message names none: its mail address. Without it such a message is refused.
    #[serde(default)]
    #[schemars(length(min = 3))]
    pub sender: Option<String>,
}

const fn stream_silence() -> u16 {
    90
}

const fn status_minutes() -> u16 {
    5
}

impl Settings {
    /// How long a subscription by requests may be silent.
    pub fn push_silence(&self) -> Duration {
        let usual = u32::from(self.push_status_minutes) * 120;
        Duration::from_secs(self.push_silence_s.unwrap_or(usual).into())
    }
}

/// Versions of the schema, by their names on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Version {
    /// Exchange 2007.
    Exchange2007,
    /// Exchange 2007 SP1.
    #[serde(rename = "Exchange2007_SP1")]
    Exchange2007Sp1,
    /// Exchange 2010.
    Exchange2010,
    /// Exchange 2010 SP1.
    #[serde(rename = "Exchange2010_SP1")]
    Exchange2010Sp1,
    /// Exchange 2010 SP2.
    #[serde(rename = "Exchange2010_SP2")]
    Exchange2010Sp2,
    /// Exchange 2013.
    Exchange2013,
    /// Exchange 2013 SP1.
    #[serde(rename = "Exchange2013_SP1")]
    Exchange2013Sp1,
    /// Exchange 2016, 2019, SE and Online.
    Exchange2016,
}

impl Version {
    /// The version of the protocol.
    pub const fn server(self) -> ServerVersion {
        match self {
            Self::Exchange2007 => ServerVersion::Exchange2007,
            Self::Exchange2007Sp1 => ServerVersion::Exchange2007Sp1,
            Self::Exchange2010 => ServerVersion::Exchange2010,
            Self::Exchange2010Sp1 => ServerVersion::Exchange2010Sp1,
            Self::Exchange2010Sp2 => ServerVersion::Exchange2010Sp2,
            Self::Exchange2013 => ServerVersion::Exchange2013,
            Self::Exchange2013Sp1 => ServerVersion::Exchange2013Sp1,
            Self::Exchange2016 => ServerVersion::Exchange2016,
        }
    }
}
