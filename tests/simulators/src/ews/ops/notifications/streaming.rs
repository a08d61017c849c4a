//! `GetStreamingEvents` up to the first document of its answer; what follows is [`crate::ews::streaming`].

use std::collections::BTreeSet;

use super::reach;
use crate::ews::context::Context;
use crate::ews::notifications::Delivery;
use crate::ews::soap::{Fault, Trouble, failure, response};
use crate::ews::xml::Element;

/// The name of a message of the answer.
pub(crate) const MESSAGE: &str = "m:GetStreamingEventsResponseMessage";

/// The ids that a request names.
pub(crate) fn asked(request: &Element) -> Vec<String> {
    request
        .child("SubscriptionIds")
        .map(|list| list.all("SubscriptionId").map(|id| id.text.trim().to_owned()).collect())
        .unwrap_or_default()
}

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let asked = asked(request);
    if asked.is_empty() || asked.len() > 200 {
        return Err(Fault::schema("The element 'SubscriptionIds' must have 1 to 200 entries."));
    }
    let minutes = request.value("ConnectionTimeout").and_then(|t| t.parse::<u32>().ok()).filter(|m| (1..=30).contains(m));
    let minutes = minutes.ok_or_else(|| Fault::schema("The 'ConnectionTimeout' element is invalid."))?;
    let (mut good, mut refused) = (BTreeSet::new(), Vec::new());
    let mut denied = None;
    for id in &asked {
        match reach(context, id, |delivery| *delivery == Delivery::Stream) {
            Ok(_) => {
                good.insert(id.clone());
            }
            Err(trouble) => {
                refused.push(id.clone());
                denied.get_or_insert(trouble);
            }
        }
    }
    let budget = context.own;
    let open = context.store.subscriptions.open.values().filter(|stream| stream.budget == budget).count();
    if open >= context.config.most_streams() {
        let full = Trouble::new("ErrorExceededConnectionCount", "You have exceeded the available concurrent connections for your account.");
        return Ok(response("GetStreamingEvents", vec![Err(full)]));
    }
    let status = |word: &str| Element::of("m:ConnectionStatus", word);
    let mut answer = response("GetStreamingEvents", Vec::new());
    if let (Some(trouble), Some(messages)) = (denied, answer.children.first_mut()) {
        messages.children.push(lost(&trouble, &refused).with(good.is_empty().then(|| status("Closed"))));
    }
    if !good.is_empty() {
        let opened = response("GetStreamingEvents", vec![Ok(vec![status("OK")])]);
        if let (Some(messages), Some(more)) = (answer.children.first_mut(), opened.children.into_iter().next()) {
            messages.children.extend(more.children);
        }
        context.store.subscriptions.open(good, asked, budget, minutes);
    }
    Ok(answer)
}

/// A message that names subscriptions which are not there.
pub(crate) fn lost(trouble: &Trouble, ids: &[String]) -> Element {
    let list = Element::new("m:ErrorSubscriptionIds").with_all(ids.iter().map(|id| Element::of("m:SubscriptionId", id)));
    failure(MESSAGE, trouble).with(list)
}
