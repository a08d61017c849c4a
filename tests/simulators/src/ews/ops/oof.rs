//! `GetUserOofSettings` and `SetUserOofSettings`: Graph's `automaticRepliesSetting` under EWS's words.
//!
//! Only the mailbox's owner (or who impersonates it) may read and write them, as with the service.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::ews::context::Context;
use crate::ews::soap::{Fault, Trouble, failure};
use crate::ews::time::{self, Written};
use crate::ews::version::Version;
use crate::ews::xml::Element;
use crate::graph::mailbox::settings;
use crate::graph::state::Mailbox;
use crate::graph::zones::Zone;

const STATES: &[(&str, &str)] = &[("disabled", "Disabled"), ("alwaysEnabled", "Enabled"), ("scheduled", "Scheduled")];
const AUDIENCES: &[(&str, &str)] = &[("none", "None"), ("contactsOnly", "Known"), ("all", "All")];

/// The mailbox of a request, which must be the caller's own.
fn mailbox(context: &Context<'_>, request: &Element) -> Result<u32, Trouble> {
    let address = request.at(&["Mailbox", "Address"]).map(|a| a.text.trim()).unwrap_or_default();
    let missing = || Trouble::new("ErrorMailRecipientNotFound", "Mailbox name resolution failed because the recipient was not found.");
    let (index, _) = context.state.user(address).map_err(|_| missing())?;
    context.open(index)?;
    if context.own != Some(index) {
        return Err(Trouble::new("ErrorAccessDenied", "User is not mailbox owner."));
    }
    Ok(index)
}

fn answer(operation: &str, message: Result<Vec<Element>, Trouble>) -> Element {
    let out = Element::new(format!("m:{operation}Response"));
    match message {
        Ok(content) => {
            let ok = Element::new("m:ResponseMessage").attr("ResponseClass", "Success").with_text("m:ResponseCode", "NoError");
            out.with(ok).with_all(content)
        }
        Err(trouble) => out.with(failure("m:ResponseMessage", &trouble)),
    }
}

/// `GetUserOofSettings`.
pub(crate) fn get(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let read = |context: &Context<'_>| {
        let index = mailbox(context, request)?;
        Ok(vec![shown(context.open(index)?, context.version), Element::of("m:AllowExternalOof", "All")])
    };
    Ok(answer("GetUserOofSettings", read(context)))
}

fn shown(mailbox: &Mailbox, version: Version) -> Element {
    let all = settings(mailbox);
    let replies = all.get("automaticRepliesSetting");
    let text = |name: &str| replies.and_then(|r| r.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned();
    let word = |pairs: &[(&str, &'static str)], name: &str| {
        let value = text(name);
        pairs.iter().find(|(graph, _)| *graph == value).map_or("", |(_, ews)| *ews)
    };
    let at = |name: &str| {
        let value = replies.and_then(|r| r.get(name));
        let part = |part: &str| value.and_then(|v| v.get(part)).and_then(Value::as_str);
        let zone = part("timeZone").and_then(|z| Zone::read(z).ok()).unwrap_or_else(Zone::utc);
        let at = part("dateTime").and_then(|t| t.parse().ok()).map_or(Timestamp::UNIX_EPOCH, |local| zone.instant(local));
        let shown = time::instant(at);
        // The first version says UTC without saying so.
        if version < Version::Exchange2010 { shown.trim_end_matches('Z').to_owned() } else { shown }
    };
    let reply = |name: &str, from: &str| Element::new(name).with_text("t:Message", text(from));
    Element::new("t:OofSettings")
        .with_text("t:OofState", word(STATES, "status"))
        .with_text("t:ExternalAudience", word(AUDIENCES, "externalAudience"))
        .with(
            Element::new("t:Duration")
                .with_text("t:StartTime", at("scheduledStartDateTime"))
                .with_text("t:EndTime", at("scheduledEndDateTime")),
        )
        .with(reply("t:InternalReply", "internalReplyMessage"))
        .with(reply("t:ExternalReply", "externalReplyMessage"))
}

/// `SetUserOofSettings`: all of them at once; a reply that is not given is empty then.
pub(crate) fn set(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let wanted =
        request.child("UserOofSettings").ok_or_else(|| Fault::schema("The element 'SetUserOofSettingsRequest' has incomplete content."))?;
    let replies = read(wanted)?;
    let written = mailbox(context, request).and_then(|index| {
        let replies = replies?;
        let name = context.name(index);
        let (_, mailbox) = context.state.mailbox_mut(&name).map_err(|_| Trouble::access_denied())?;
        let kept = mailbox.settings.entry("automaticRepliesSetting").or_insert_with(|| json!({}));
        if let Some(map) = kept.as_object_mut() {
            map.extend(replies);
        }
        Ok(Vec::new())
    });
    Ok(answer("SetUserOofSettings", written))
}

/// The settings of a request in Graph's words.
///
/// # Errors
/// `ErrorSchemaValidation` for words that are none; inside, what the service refuses.
fn read(wanted: &Element) -> Result<Result<Map<String, Value>, Trouble>, Fault> {
    let word = |pairs: &[(&'static str, &str)], name: &str| {
        let value = wanted.value(name).unwrap_or_default();
        let found = pairs.iter().find(|(_, ews)| *ews == value).map(|(graph, _)| *graph);
        found.ok_or_else(|| {
            Fault::schema(format!("The '{name}' element is invalid - The value '{value}' is invalid according to its datatype."))
        })
    };
    let (state, audience) = (word(STATES, "OofState")?, word(AUDIENCES, "ExternalAudience")?);
    let reply = |name: &str| wanted.at(&[name, "Message"]).map(|m| m.text.clone()).unwrap_or_default();
    let mut out = Map::new();
    out.insert("status".to_owned(), json!(state));
    out.insert("externalAudience".to_owned(), json!(audience));
    out.insert("internalReplyMessage".to_owned(), json!(reply("InternalReply")));
    out.insert("externalReplyMessage".to_owned(), json!(reply("ExternalReply")));
    let time = |name: &str| wanted.at(&["Duration", name]).map(|t| Written::read(&t.text)).transpose();
    match (time("StartTime")?, time("EndTime")?) {
        (Some(start), Some(end)) => {
            let (start, end) = (start.instant(None), end.instant(None));
            if end <= start {
                return Ok(Err(Trouble::new("ErrorInvalidScheduledOofDuration", "The duration specified for OOF is invalid.")));
            }
            for (name, at) in [("scheduledStartDateTime", start), ("scheduledEndDateTime", end)] {
                let local = Zone::utc().local(at).strftime("%Y-%m-%dT%H:%M:%S.0000000").to_string();
                out.insert(name.to_owned(), json!({"dateTime": local, "timeZone": "UTC"}));
            }
        }
        _ if state == "scheduled" => {
            return Ok(Err(Trouble::new("ErrorInvalidScheduledOofDuration", "A scheduled OOF needs a duration.")));
        }
        _ => {}
    }
    Ok(Ok(out))
}
