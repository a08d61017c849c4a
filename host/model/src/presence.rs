//! Presence as a sink shows it.

use jiff::Timestamp;

/// How reachable somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// Reachable.
    Available,
    /// Busy.
    Busy,
    /// Not there.
    Away,
    /// Do not disturb.
    #[serde(rename = "dnd")]
    DoNotDisturb,
    /// Nothing is known.
    Unknown,
}

impl Availability {
    /// The word used in the configuration, in logs and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::DoNotDisturb => "dnd",
            Self::Unknown => "unknown",
        }
    }
}

/// What is shown. The text is masked already (SEMANTICS P-20): it may be printed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct PresenceValue {
    /// How reachable.
    pub availability: Availability,
    /// What somebody does, by the names of RFC 4480 3.2, or empty.
    pub activity: String,
    /// The text, in the user's language.
    pub text: String,
    /// When it ends; `None` when not known.
    pub until: Option<Timestamp>,
    /// The absence greeting, by its name at the sink.
    pub greeting: Option<String>,
    /// The forwarding profile, by its name at the sink; `None` for none of ours.
    pub forwarding: Option<String>,
}

/// What to do with a user's presence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PresenceCommand {
    /// Show this.
    Set(PresenceValue),
    /// Show nothing of Calport's any more (SEMANTICS P-30).
    Clear,
}

/// A command for one user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PresenceUpdate {
    /// The user's id at the sink.
    pub user: String,
    /// What to do.
    pub command: PresenceCommand,
    /// The token the sink returned last.
    pub token: Option<String>,
    /// Rises with every update of this user (SEMANTICS P-27).
    pub sequence: u64,
}

/// What the sink says to a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PresenceReceipt {
    /// The token for the next command.
    pub token: Option<String>,
    /// The text as stored, when shorter than given.
    pub stored_text: Option<String>,
    /// Until when the sink keeps it by itself.
    pub expires: Option<Timestamp>,
}

/// A value as the sink has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PresenceReading {
    /// The value; `None` when none is set.
    pub value: Option<PresenceValue>,
    /// Whether somebody else than this connection set it; `None` when the sink does not tell.
    pub foreign: Option<bool>,
    /// When it was set.
    pub changed: Option<Timestamp>,
}

/// Whether somebody is on the telephone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallState {
    /// Not.
    Idle,
    /// Being called.
    Ringing,
    /// In a call.
    OnCall,
    /// No telephone is there.
    Unreachable,
    /// The sink does not tell.
    Unknown,
}
