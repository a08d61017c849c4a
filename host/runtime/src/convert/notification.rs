//! Subscriptions, hooks and hints.

use calport_model::notification::{Hint, HintKind, HookRequest, Subscription, SubscriptionRequest, Topic, WaitResult};

use super::{Bad, exact, id, time};
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
        group: request.group.map(|group| notifications::SubscriptionGroup { name: group.name, anchor: group.anchor }),
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

/// Hints; at most as many as a page may have items. One that cannot be read may have been about anything, so all of them
/// together become one `resync`: a change must not be lost over it (SEMANTICS C-04).
pub(crate) fn hints(hints: Vec<notifications::Hint>, limits: &ValueLimits) -> Result<Vec<Hint>, Bad> {
    if hints.len() > limits.items {
        return Err(format!("more than {} hints", limits.items));
    }
    let asked = hints.len();
    let mut good: Vec<Hint> = hints.into_iter().filter_map(|one| hint(one, limits).ok()).collect();
    if good.len() < asked {
        good.push(Hint { subscription: String::new(), mailbox: None, kind: HintKind::Resync });
    }
    Ok(good)
}

fn hint(hint: notifications::Hint, limits: &ValueLimits) -> Result<Hint, Bad> {
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
            notifications::HintKind::Closed => HintKind::Closed,
        },
    })
}

/// The live subscriptions; one that cannot be read is left out.
pub(crate) fn subscriptions(found: Vec<notifications::Subscription>, limits: &ValueLimits) -> Result<Vec<Subscription>, Bad> {
    if found.len() > limits.items {
        return Err(format!("more than {} subscriptions", limits.items));
    }
    Ok(found.into_iter().filter_map(|one| subscription(one, limits).ok()).collect())
}

/// What a wait brought.
pub(crate) fn waited(result: notifications::WaitResult, limits: &ValueLimits) -> Result<WaitResult, Bad> {
    Ok(WaitResult {
        hints: hints(result.hints, limits)?,
        cursor: result.cursor.map(|c| exact("the cursor", c, limits.cursor)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(subscription: &str, kind: notifications::HintKind) -> notifications::Hint {
        notifications::Hint { subscription: subscription.to_owned(), mailbox: Some("anna".to_owned()), kind }
    }

    #[test]
    fn c04_an_unreadable_hint_becomes_a_resync_and_the_others_are_kept() {
        let limits = ValueLimits::default();
        let changed = || said("s", notifications::HintKind::Changed);
        let nameless = said("s", notifications::HintKind::PresenceChanged(String::new()));
        let read = hints(vec![changed(), said("s\0", notifications::HintKind::Changed), nameless, changed()], &limits).unwrap();
        let kinds: Vec<_> = read.iter().map(|hint| hint.kind.clone()).collect();
        assert_eq!(kinds, [HintKind::Changed, HintKind::Changed, HintKind::Resync]);
        assert_eq!(read[2].mailbox, None);
        assert!(hints(vec![changed(); limits.items + 1], &limits).is_err());
    }

    #[test]
    fn feat_x02_subscriptions_are_bounded_and_bad_ones_left_out() {
        let limits = ValueLimits { items: 2, ..ValueLimits::default() };
        let one = |id: &str| notifications::Subscription { id: id.to_owned(), mailbox: None, expires: Some(i64::MAX) };
        let good = notifications::Subscription { expires: None, ..one("s") };
        assert_eq!(subscriptions(vec![good.clone(), one("s")], &limits).unwrap().len(), 1);
        assert!(subscriptions(vec![good.clone(), good.clone(), good], &limits).is_err());
    }
}
