//! `GetEvents`: a subscription is asked what happened since a watermark.

use super::{event, reach};
use crate::ews::context::Context;
use crate::ews::ids::{seal, unseal};
use crate::ews::notifications::Delivery;
use crate::ews::soap::{Fault, Trouble, response};
use crate::ews::xml::Element;

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    Ok(response("GetEvents", vec![one(context, request)]))
}

fn one(context: &mut Context<'_>, request: &Element) -> Result<Vec<Element>, Trouble> {
    let id = request.value("SubscriptionId").unwrap_or_default().to_owned();
    let asked = request.value("Watermark").unwrap_or_default().to_owned();
    let invalid = || Trouble::new("ErrorInvalidWatermark", "The watermark is invalid.");
    let place: [u8; 8] = unseal(&asked).and_then(|bytes| bytes.try_into().ok()).ok_or_else(invalid)?;
    let now = context.now;
    let subscription = reach(context, &id, |delivery| *delivery == Delivery::Pull)?;
    subscription.used = now;
    subscription.from = u64::from_be_bytes(place);
    let mut copy = subscription.clone();
    let entries = event::told(&mut copy, &context.state.journal);
    let entries = entries.ok_or_else(|| Trouble::new("ErrorMissedNotificationEvents", "Some events have been missed."))?;
    let mark = seal(&copy.from.to_be_bytes());
    let mut notification = Element::new("m:Notification")
        .with_text("t:SubscriptionId", &id)
        .with_text("t:PreviousWatermark", &asked)
        .with_text("t:MoreEvents", "false");
    if entries.is_empty() {
        notification = notification.with(Element::new("t:StatusEvent").with_text("t:Watermark", &mark));
    }
    for entry in &entries {
        // In a pull the watermark stands first, before the time.
        notification = notification.with_all(event::events(entry, Some(&mark)));
    }
    Ok(vec![notification])
}
