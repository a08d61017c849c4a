//! Notifications: `Subscribe` and `Unsubscribe`, `GetStreamingEvents` up to the beginning of its answer, `GetEvents`.
//!
//! Events are those of calendars, whoever changed them and by which door. Requests of the server's own are in [`crate::ews::push`].

pub(crate) mod event;
mod get_events;
mod streaming;
mod subscribe;

pub(super) use get_events::run as get_events;
pub(super) use streaming::run as streaming;
pub(crate) use streaming::{asked, lost};
pub(super) use subscribe::{run as subscribe, unsubscribe};

use crate::ews::context::Context;
use crate::ews::notifications::{Delivery, Subscription};
use crate::ews::soap::Trouble;

/// A subscription that this request can reach: of its account, and on its machine.
fn reach<'a>(context: &'a mut Context<'_>, id: &str, is_kind: fn(&Delivery) -> bool) -> Result<&'a mut Subscription, Trouble> {
    let (account, machine, now) = (context.identity.name(), context.machine, context.now);
    context.store.subscriptions.expire(now);
    let found = context.store.subscriptions.by_id.get_mut(id).filter(|s| s.machine == machine);
    let found = found.ok_or_else(|| Trouble::new("ErrorSubscriptionNotFound", "The specified subscription was not found."))?;
    if found.account != account {
        return Err(Trouble::new("ErrorSubscriptionAccessDenied", "Subscription can only be accessed by the owner."));
    }
    if !is_kind(&found.delivery) {
        return Err(Trouble::new("ErrorInvalidSubscription", "The subscription is not of this kind."));
    }
    Ok(found)
}
