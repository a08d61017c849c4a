//! What to do when a server refuses something about a subscription.

use crate::failure::{Failure, FailureKind};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Subscribe anew, without a watermark, then read by the sync state (SEMANTICS B-33).
    SubscribeAgain,
    /// Find the server of the mailbox again, then subscribe there and read by the sync state (SEMANTICS B-33).
    FindServer,
    /// The server takes no more subscriptions, or no more open streams, of this account: fewer, or another delivery.
    FewerSubscriptions,
    /// The server does not offer this delivery: use another.
    OtherDelivery,
    /// Try later, after so many milliseconds if the server said.
    Later(Option<u64>),
    /// Rights are missing, or the subscription belongs to another account; repeating is useless.
    Denied,
}

impl Remedy {
    /// For a refusal of any operation of this module.
    pub fn of(failure: &Failure) -> Self {
        match &*failure.code {
            "ErrorExceededSubscriptionCount" | "ErrorExceededConnectionCount" => Self::FewerSubscriptions,
            "ErrorInvalidPushSubscriptionUrl"
            | "ErrorInvalidSubscriptionRequest"
            | "ErrorSubscriptionDelegateAccessNotSupported"
            | "ErrorSubscriptionsDisabledForGroup" => Self::OtherDelivery,
            "ErrorSubscriptionAccessDenied" => Self::Denied,
            _ => match failure.kind() {
                FailureKind::Throttled(wait) => Self::Later(wait),
                FailureKind::Unavailable => Self::Later(None),
                FailureKind::Moved | FailureKind::MailboxNotFound => Self::FindServer,
                FailureKind::ImpersonationDenied | FailureKind::AccessDenied => Self::Denied,
                FailureKind::VersionUnknown => Self::OtherDelivery,
                // `ErrorSubscriptionNotFound`, `ErrorExpiredSubscription`, `ErrorReadEventsFailed`,
                // `ErrorMissedNotificationEvents`, `ErrorInvalidWatermark`, and whatever comes later: it is made anew.
                _ => Self::SubscribeAgain,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b33_a_lost_subscription_is_made_anew() {
        let of = |code: &str| Remedy::of(&Failure::of_code(code));
        for lost in [
            "ErrorSubscriptionNotFound",
            "ErrorExpiredSubscription",
            "ErrorReadEventsFailed",
            "ErrorMissedNotificationEvents",
            "ErrorInvalidWatermark",
            "ErrorSubscriptionUnsubscribed",
            "",
        ] {
            assert_eq!(of(lost), Remedy::SubscribeAgain, "{lost}");
        }
        assert_eq!(of("ErrorProxyRequestNotAllowed"), Remedy::FindServer);
        assert_eq!(of("ErrorExceededSubscriptionCount"), Remedy::FewerSubscriptions);
        assert_eq!(of("ErrorSubscriptionAccessDenied"), Remedy::Denied);
        assert_eq!(of("ErrorInvalidPushSubscriptionUrl"), Remedy::OtherDelivery);
        let busy = Failure { back_off_ms: Some(7), ..Failure::of_code("ErrorServerBusy") };
        assert_eq!(Remedy::of(&busy), Remedy::Later(Some(7)));
    }
}
