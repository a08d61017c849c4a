//! `Subscribe` and `Unsubscribe`.

use jiff::SignedDuration;

use super::reach;
use crate::ews::context::Context;
use crate::ews::ids::{FolderKey, seal};
use crate::ews::notifications::{Delivery, Subscription, idle};
use crate::ews::push;
use crate::ews::soap::{Fault, Trouble, response};
use crate::ews::xml::Element;

/// Answers `Subscribe`.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let asked = request.children.first().ok_or_else(|| Fault::schema("The element 'Subscribe' has incomplete content."))?;
    let message = one(context, asked);
    Ok(response("Subscribe", vec![message]))
}

fn one(context: &mut Context<'_>, asked: &Element) -> Result<Vec<Element>, Trouble> {
    let (delivery, life) = match asked.local() {
        "StreamingSubscriptionRequest" => (Delivery::Stream, idle()),
        "PushSubscriptionRequest" => (pushed(asked)?, SignedDuration::MAX),
        "PullSubscriptionRequest" => {
            let minutes = asked.value("Timeout").and_then(|t| t.parse::<i64>().ok()).filter(|m| (1..=1_440).contains(m));
            let invalid = || Trouble::new("ErrorInvalidPullSubscriptionTimeout", "The timeout must be 1 to 1440 minutes.");
            (Delivery::Pull, SignedDuration::from_mins(minutes.ok_or_else(invalid)?))
        }
        _ => return Err(Trouble::new("ErrorInvalidSubscriptionRequest", "The subscription request is invalid.")),
    };
    let all = matches!(asked.attribute("SubscribeToAllFolders"), Some("true" | "1"));
    let named = asked.child("FolderIds").map(|list| list.children.clone()).unwrap_or_default();
    if named.is_empty() != all {
        return Err(Trouble::new("ErrorInvalidSubscriptionRequest", "Name folders, or subscribe to all of them."));
    }
    let mut folders: Vec<(u32, FolderKey)> = Vec::new();
    for id in &named {
        folders.push(context.folder(id)?);
    }
    let mailbox = match folders.first() {
        Some((mailbox, _)) => *mailbox,
        None => context.own()?,
    };
    if folders.iter().any(|(other, _)| *other != mailbox) {
        return Err(Trouble::new("ErrorInvalidSubscriptionRequest", "The folders are of different mailboxes."));
    }
    context.open(mailbox)?;
    let (budget, now) = (context.own, context.now);
    let subscriptions = &mut context.store.subscriptions;
    subscriptions.expire(now);
    if subscriptions.by_id.values().filter(|s| s.budget == budget).count() >= context.config.most_subscriptions() {
        return Err(Trouble::new("ErrorExceededSubscriptionCount", "You have exceeded the available subscriptions for your account."));
    }
    let from = context.state.journal.end();
    let watermark = (delivery != Delivery::Stream).then(|| Element::of("m:Watermark", seal(&from.to_be_bytes())));
    let id = subscriptions.add(Subscription {
        mailbox,
        folders: folders.into_iter().map(|(_, folder)| folder).collect(),
        delivery,
        from,
        account: context.identity.name(),
        budget,
        machine: context.machine,
        used: now,
        life,
    });
    Ok([Element::of("m:SubscriptionId", id)].into_iter().chain(watermark).collect())
}

fn pushed(asked: &Element) -> Result<Delivery, Trouble> {
    let minutes = asked.value("StatusFrequency").map_or(Some(30), |t| t.parse::<u32>().ok()).filter(|m| (1..=1_440).contains(m));
    let minutes =
        minutes.ok_or_else(|| Trouble::new("ErrorInvalidSubscriptionRequest", "The status frequency must be 1 to 1440 minutes."))?;
    let url = asked.value("URL").unwrap_or_default().to_owned();
    if !push::is_here(&url) {
        return Err(Trouble::new("ErrorInvalidPushSubscriptionUrl", "The URL is not valid; this simulator calls its own machine only."));
    }
    Ok(Delivery::Push { url, minutes, claimed: false })
}

/// Answers `Unsubscribe`. A pushed subscription ends by the answer to its next request only.
pub(crate) fn unsubscribe(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let id = request.value("SubscriptionId").unwrap_or_default().to_owned();
    let found = reach(context, &id, |delivery| !matches!(delivery, Delivery::Push { .. })).map(|_| Vec::new());
    if found.is_ok() {
        context.store.subscriptions.by_id.remove(&id);
        context.store.subscriptions.changed.notify_waiters();
    }
    Ok(response("Unsubscribe", vec![found]))
}
