//! Subscriptions, hooks and hints.

use calport_model::notification::{Hint, HintKind, HookRequest, Subscription, SubscriptionRequest, Topic, WaitResult};

use super::{Bad, exact, id, name, time};
use crate::bindings::exports::notifications;
use crate::limits::ValueLimits;

/// A wish for a guest.
pub(crate) fn request(request: SubscriptionRequest) -> notifications::SubscriptionRequest {
    notifications::SubscriptionRequest {
        mailbox: request.mailbox,
        topic: match request.topic {
            Topic::Events => notifications::Topic::Events,
            Topic::Presence => notifications::Topic::Presence,
        },
        notification_url: request.notification_url,
        lifecycle_url: request.lifecycle_url,
        secret: request.secret,
        expires: time::millis(request.expires),
    }
}

/// A subscription as granted.
pub(crate) fn subscription(subscription: notifications::Subscription, limits: &ValueLimits) -> Result<Subscription, Bad> {
    Ok(Subscription {
        id: id("subscription id", subscription.id, limits)?,
        mailbox: subscription.mailbox.map(|m| exact("mailbox", m, limits.id)).transpose()?,
        expires: subscription.expires.map(time::instant).transpose()?,
        group: name(&subscription.group, limits),
    })
}

/// A stored request for a guest.
pub(crate) fn hook(request: HookRequest) -> notifications::HookRequest {
    notifications::HookRequest {
        lifecycle: request.lifecycle,
        content_type: request.content_type,
        body: request.body,
        received: time::millis(request.received),
    }
}

/// Hints; at most as many as a page may have items.
pub(crate) fn hints(hints: Vec<notifications::Hint>, limits: &ValueLimits) -> Result<Vec<Hint>, Bad> {
    if hints.len() > limits.items {
        return Err(format!("more than {} hints", limits.items));
    }
    hints
        .into_iter()
        .map(|hint| {
            Ok(Hint {
                subscription: exact("subscription id", hint.subscription, limits.id)?,
                mailbox: hint.mailbox.map(|m| exact("mailbox", m, limits.id)).transpose()?,
                kind: match hint.kind {
                    notifications::HintKind::Changed => HintKind::Changed,
                    notifications::HintKind::Resync => HintKind::Resync,
                    notifications::HintKind::SubscriptionRemoved => HintKind::SubscriptionRemoved,
                    notifications::HintKind::Reauthorise => HintKind::Reauthorise,
                    notifications::HintKind::PresenceChanged(user) => HintKind::PresenceChanged(id("user", user, limits)?),
                    notifications::HintKind::Heartbeat => HintKind::Heartbeat,
                },
            })
        })
        .collect()
}

/// What a wait brought.
pub(crate) fn waited(result: notifications::WaitResult, limits: &ValueLimits) -> Result<WaitResult, Bad> {
    Ok(WaitResult {
        hints: hints(result.hints, limits)?,
        cursor: result.cursor.map(|c| exact("the cursor", c, limits.cursor)).transpose()?,
    })
}
