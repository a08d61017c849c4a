//! `ResolveNames`: people of the directory by the beginning of a name or address.

use crate::ews::context::Context;
use crate::ews::soap::{Fault, Message, Trouble, response};
use crate::ews::xml::Element;
use crate::graph::User;

/// People in one answer at most.
const MOST: usize = 100;

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let entry = request.value("UnresolvedEntry").unwrap_or_default().to_lowercase();
    let wanted = entry.strip_prefix("smtp:").unwrap_or(&entry);
    if wanted.is_empty() {
        return Err(Fault::schema("The 'UnresolvedEntry' element is invalid."));
    }
    let full = request.attribute("ReturnFullContactData") == Some("true");
    let found: Vec<&User> = context.state.mailboxes.iter().map(|m| &m.user).filter(|u| u.mail.is_some() && fits(u, wanted)).collect();
    let none = || Trouble::new("ErrorNameResolutionNoResults", "No results were found.");
    let message: Message = match found.as_slice() {
        [] => Err(none()),
        [one] => Ok(vec![set(&[*one], full)]),
        several => return Ok(many(several, full)),
    };
    Ok(response("ResolveNames", vec![message]))
}

/// Several people fit: the service warns and names them.
fn many(users: &[&User], full: bool) -> Element {
    let mut answer = response("ResolveNames", vec![Ok(vec![set(users, full)])]);
    answer.change(&mut |e| {
        if e.name == "m:ResolveNamesResponseMessage" {
            e.attributes = vec![("ResponseClass".to_owned(), "Warning".to_owned())];
            e.children.retain(|c| c.name != "m:ResponseCode");
            let head = [
                Element::of("m:MessageText", "Multiple results were found."),
                Element::of("m:ResponseCode", "ErrorNameResolutionMultipleResults"),
                Element::of("m:DescriptiveLinkKey", 0),
            ];
            e.children.splice(0..0, head);
        }
    });
    answer
}

fn fits(user: &User, wanted: &str) -> bool {
    user.names().iter().any(|n| n.starts_with(wanted))
        || user.display_name.to_lowercase().split(' ').any(|w| w.starts_with(wanted))
        || user.display_name.to_lowercase().starts_with(wanted)
}

fn set(users: &[&User], full: bool) -> Element {
    let shown = users.iter().take(MOST).map(|u| resolution(u, full));
    let last = users.len() <= MOST;
    Element::new("m:ResolutionSet").attr("TotalItemsInView", users.len().min(MOST)).attr("IncludesLastItemInRange", last).with_all(shown)
}

fn resolution(user: &User, full: bool) -> Element {
    let (name, address) = user.owner();
    let mailbox = Element::new("t:Mailbox")
        .with_text("t:Name", &name)
        .with_text("t:EmailAddress", &address)
        .with_text("t:RoutingType", "SMTP")
        .with_text("t:MailboxType", if user.mailbox { "Mailbox" } else { "Contact" });
    Element::new("t:Resolution").with(mailbox).with(full.then(|| contact(user, &name)))
}

fn contact(user: &User, name: &str) -> Element {
    let entry = |(n, a): (usize, &String)| Element::of("t:Entry", a).attr("Key", format!("EmailAddress{}", n + 1));
    let addresses = user.proxy_addresses.iter().take(3).enumerate().map(entry);
    let phones = user.business_phones.iter().take(1).map(|p| Element::of("t:Entry", p).attr("Key", "BusinessPhone"));
    let list = |name: &str, entries: Vec<Element>| (!entries.is_empty()).then(|| Element::new(name).with_all(entries));
    Element::new("t:Contact")
        .with_text("t:DisplayName", name)
        .with(user.given_name.as_ref().map(|g| Element::of("t:GivenName", g)))
        .with(list("t:EmailAddresses", addresses.collect()))
        .with(list("t:PhoneNumbers", phones.collect()))
        .with_text("t:ContactSource", "ActiveDirectory")
        .with(user.surname.as_ref().map(|s| Element::of("t:Surname", s)))
}
