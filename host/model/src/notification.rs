//! How the other side says that something changed.

use jiff::Timestamp;

/// What a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Events of a mailbox.
    Events,
    /// Presence of users at a sink.
    Presence,
}

/// Mailboxes whose subscriptions share streams (SEMANTICS B-32).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubscriptionGroup {
    /// The group's name, and that of the session of its requests.
    pub name: String,
    /// The mailbox whose name leads requests to the place of the group.
    pub anchor: String,
}

/// A wish to be told.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionRequest {
    /// The mailbox; `None` for the whole connection.
    pub mailbox: Option<String>,
    /// About what.
    pub topic: Topic,
    /// Where notifications go; `None` where a stream is used.
    pub notification_url: Option<String>,
    /// The group, where a stream is used for mailboxes.
    pub group: Option<SubscriptionGroup>,
    /// Where news of the subscription go.
    pub lifecycle_url: Option<String>,
    /// The secret that must come back.
    pub secret: String,
    /// The wished end.
    pub expires: Timestamp,
}

/// A subscription as granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// The mailbox.
    pub mailbox: Option<String>,
    /// When it ends (SEMANTICS C-10: read, never assumed).
    pub expires: Option<Timestamp>,
}

/// A subscription to be renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Its id.
    pub id: String,
    /// The wished end.
    pub expires: Timestamp,
}

/// A request of the other side whose secret was found good.
#[derive(Clone, PartialEq, Eq)]
pub struct HookRequest {
    /// Whether it came to the lifecycle URL.
    pub lifecycle: bool,
    /// The media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// When it came.
    pub received: Timestamp,
}

/// What a notification means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HintKind {
    /// Something of the mailbox changed.
    Changed,
    /// Changes may have been missed.
    Resync,
    /// The subscription is gone (SEMANTICS B-29).
    SubscriptionRemoved,
    /// It must be renewed now.
    Reauthorise,
    /// The presence of this user changed at the sink.
    PresenceChanged(String),
    /// The other side said that the stream is alive.
    Heartbeat,
    /// The other side has ended the stream in good order.
    Closed,
}

/// A hint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hint {
    /// The subscription it came by, or empty.
    pub subscription: String,
    /// The mailbox, where named.
    pub mailbox: Option<String>,
    /// What it means.
    pub kind: HintKind,
}

/// What a wait brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitResult {
    /// The hints.
    pub hints: Vec<Hint>,
    /// Given back with the next wait.
    pub cursor: Option<String>,
}
