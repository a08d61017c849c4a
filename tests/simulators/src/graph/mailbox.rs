//! What a mailbox has besides events: settings, calendars, categories, free/busy, outgoing mail.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::canonical;
use super::http::{Answer, Call, Handled, Prefer, Refusal, select};
use super::log::Mail;
use super::render::{View, date_time, into_map, put};
use super::state::{Mailbox, State};
use super::zones::Zone;

/// The settings as they stand.
pub(crate) fn settings(mailbox: &Mailbox) -> Map<String, Value> {
    let user = &mailbox.user;
    let day = |time: &str| json!({"dateTime": time, "timeZone": "UTC"});
    let mut map = into_map(json!({
        "archiveFolder": null,
        "timeZone": user.time_zone,
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "dateFormat": "dd.MM.yyyy",
        "timeFormat": "HH:mm",
        "userPurpose": "user",
        "automaticRepliesSetting": {
            "status": "disabled", "externalAudience": "none", "internalReplyMessage": "", "externalReplyMessage": "",
            "scheduledStartDateTime": day("2026-01-01T00:00:00.0000000"), "scheduledEndDateTime": day("2026-01-02T00:00:00.0000000"),
        },
        "language": {"locale": user.locale, "displayName": user.locale},
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"], "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000", "timeZone": {"name": user.time_zone},
        },
    }));
    for (name, value) in &mailbox.settings {
        match (map.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
            (Some(old), Some(new)) => old.extend(new.clone()),
            _ => {
                map.insert(name.clone(), value.clone());
            }
        }
    }
    map
}

/// `GET .../mailboxSettings` and one part of it.
pub(crate) fn get_settings(state: &State, call: &Call, user: &str, part: Option<&str>) -> Handled {
    let (_, mailbox) = state.mailbox(user)?;
    let mut map = settings(mailbox);
    let context = format!("users('{}')/mailboxSettings", mailbox.user.id);
    if let Some(name) = part {
        let value =
            map.get(name).cloned().ok_or_else(|| Refusal::bad("BadRequest", format!("Resource not found for the segment '{name}'.")))?;
        let mut body = if value.is_object() { value } else { json!({"value": value}) };
        put(&mut body, "@odata.context", call.context(&format!("{context}/{name}")));
        return Ok(Answer::json(200, body));
    }
    select(&mut map, call.query.get("$select"));
    map.insert("@odata.context".to_owned(), call.context(&context));
    Ok(Answer::json(200, Value::Object(map)))
}

/// `PATCH .../mailboxSettings`.
pub(crate) fn patch_settings(state: &mut State, call: &Call, user: &str) -> Handled {
    let mut changes = call.object()?;
    changes.retain(|k, _| !k.starts_with('@'));
    for (name, value) in &mut changes {
        match name.as_str() {
            "automaticRepliesSetting" => replies(value)?,
            "timeZone" => {
                Zone::read(value.as_str().ok_or_else(|| Refusal::bad_value(name))?)?;
            }
            "language" | "workingHours" if value.is_object() => {}
            "dateFormat" | "timeFormat" | "delegateMeetingMessageDeliveryOptions" if value.is_string() => {}
            "language" | "workingHours" | "dateFormat" | "timeFormat" | "delegateMeetingMessageDeliveryOptions" => {
                return Err(Refusal::bad_value(name));
            }
            other => return Err(Refusal::unknown_property(other, "mailboxSettings")),
        }
    }
    let (_, mailbox) = state.mailbox_mut(user)?;
    for (name, value) in changes {
        match (mailbox.settings.get_mut(&name).and_then(Value::as_object_mut), value) {
            (Some(old), Value::Object(new)) => old.extend(new),
            (_, value) => {
                mailbox.settings.insert(name, value);
            }
        }
    }
    get_settings(state, call, user, None)
}

/// Checks automatic replies and brings their enumerations into canonical form.
///
/// # Errors
/// 400 for unknown names, members or times.
pub(crate) fn replies(value: &mut Value) -> Result<(), Refusal> {
    let map = value.as_object_mut().ok_or_else(|| Refusal::bad_value("automaticRepliesSetting"))?;
    map.retain(|k, _| !k.starts_with('@'));
    for (name, value) in map.iter_mut() {
        let members: &[&str] = match name.as_str() {
            "status" => &["disabled", "alwaysEnabled", "scheduled"],
            "externalAudience" => &["none", "contactsOnly", "all"],
            "scheduledStartDateTime" | "scheduledEndDateTime" => {
                let zone = value.get("timeZone").and_then(Value::as_str).unwrap_or("UTC");
                let zone = Zone::read(zone)?;
                let time = value.get("dateTime").and_then(Value::as_str).and_then(|t| t.parse().ok());
                *value = date_time(time.ok_or_else(|| Refusal::bad_value(name))?, &zone.name);
                continue;
            }
            "internalReplyMessage" | "externalReplyMessage" if value.is_string() || value.is_null() => continue,
            other => return Err(Refusal::unknown_property(other, "automaticRepliesSetting")),
        };
        *value = canonical(members, value).ok_or_else(|| Refusal::bad_value(name))?;
    }
    Ok(())
}

fn calendar(mailbox: &Mailbox, view: &View, number: usize, name: &str) -> Option<Map<String, Value>> {
    let number = u32::try_from(number).ok()?;
    let (owner, address) = mailbox.user.owner();
    Some(into_map(json!({
        "id": view.calendar(number), "name": name, "color": "auto", "hexColor": "", "isDefaultCalendar": number == 0,
        "changeKey": view.calendar(number).chars().rev().take(24).collect::<String>(), "canShare": true, "canViewPrivateItems": true,
        "canEdit": true, "allowedOnlineMeetingProviders": ["teamsForBusiness"], "defaultOnlineMeetingProvider": "teamsForBusiness",
        "isTallyingResponses": number == 0, "isRemovable": number != 0, "owner": {"name": owner, "address": address},
    })))
}

/// `GET .../calendars`, and one of them.
pub(crate) fn calendars(call: &Call, mailbox: &Mailbox, view: &View, one: Option<u32>) -> Handled {
    let wanted = |n: &usize| one.is_none_or(|o| o as usize == *n);
    let there = mailbox.calendars.iter().enumerate().filter(|(n, c)| !c.gone && wanted(n));
    let all = there.filter_map(|(n, c)| calendar(mailbox, view, n, &c.name));
    let context = format!("users('{}')/calendars", mailbox.user.id);
    let mut all: Vec<Map<String, Value>> = all.collect();
    for item in &mut all {
        select(item, call.query.get("$select"));
    }
    if one.is_none() {
        return Ok(Answer::json(200, json!({"@odata.context": call.context(&context), "value": all})));
    }
    let mut body = all.into_iter().next().ok_or_else(Refusal::item_not_found)?;
    body.insert("@odata.context".to_owned(), call.context(&(context + "/$entity")));
    Ok(Answer::json(200, Value::Object(body)))
}

/// `GET` and `POST .../outlook/masterCategories`.
pub(crate) fn categories(state: &mut State, call: &Call, user: &str) -> Handled {
    let (_, mailbox) = state.mailbox_mut(user)?;
    let context = format!("users('{}')/outlook/masterCategories", mailbox.user.id);
    if call.method == "GET" {
        return Ok(Answer::json(200, json!({"@odata.context": call.context(&context), "value": mailbox.categories})));
    }
    let map = call.object()?;
    let name = map.get("displayName").and_then(Value::as_str).filter(|n| !n.is_empty()).ok_or_else(|| Refusal::bad_value("displayName"))?;
    let color = map.get("color").and_then(Value::as_str).unwrap_or("none").to_ascii_lowercase();
    let preset = color.strip_prefix("preset").and_then(|n| n.parse::<u8>().ok()).is_some_and(|n| n < 25);
    if !preset && color != "none" {
        return Err(Refusal::bad_value("color"));
    }
    if mailbox.categories.iter().any(|c| c.get("displayName").and_then(Value::as_str).is_some_and(|n| n.eq_ignore_ascii_case(name))) {
        return Err(Refusal::new(409, "ErrorDuplicateCategory", "A category with the same name already exists."));
    }
    let item = json!({"id": Uuid::new_v4().to_string(), "displayName": name, "color": color});
    mailbox.categories.push(item.clone());
    let mut body = item;
    put(&mut body, "@odata.context", call.context(&(context + "/$entity")));
    Ok(Answer::json(201, body))
}

/// `POST .../sendMail`: nothing leaves, the message is kept for the test.
pub(crate) fn send_mail(state: &mut State, call: &Call, user: &str, now: Timestamp) -> Handled {
    let sender = state.mailbox(user)?.1.user.user_principal_name.clone();
    let map = call.object()?;
    let message =
        map.get("message").or_else(|| map.get("Message")).and_then(Value::as_object).ok_or_else(|| Refusal::bad_value("message"))?;
    let lists = ["toRecipients", "ccRecipients", "bccRecipients"].iter().filter_map(|n| message.get(*n)?.as_array());
    let address = |r: &Value| r.pointer("/emailAddress/address").and_then(Value::as_str).filter(|a| a.contains('@')).map(str::to_owned);
    let recipients: Option<Vec<String>> = lists.flatten().map(address).collect();
    let Some(recipients) = recipients.filter(|r| !r.is_empty()) else {
        return Err(Refusal::bad("ErrorInvalidRecipients", "At least one recipient is not valid."));
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let body = message.get("body");
    state.sent.push(Mail {
        at: now,
        sender,
        recipients,
        subject: text(message.get("subject")),
        content_type: text(body.and_then(|b| b.get("contentType"))).to_ascii_lowercase(),
        content: text(body.and_then(|b| b.get("content"))),
        kept: map.get("saveToSentItems").or_else(|| map.get("SaveToSentItems")).and_then(Value::as_bool).unwrap_or(true),
    });
    Ok(Answer::empty(202))
}

/// `POST .../calendar/getSchedule`.
pub(crate) fn get_schedule(state: &State, call: &Call, user: &str, prefer: &Prefer) -> Handled {
    state.mailbox(user)?;
    let map: Map<String, Value> = call.object()?.into_iter().map(|(k, v)| (k.to_ascii_lowercase(), v)).collect();
    let bound = |name: &str| -> Result<Timestamp, Refusal> {
        let value = map.get(name).ok_or_else(|| Refusal::bad_value(name))?;
        let zone = Zone::read(value.get("timeZone").and_then(Value::as_str).unwrap_or("UTC"))?;
        let time = value.get("dateTime").and_then(Value::as_str).and_then(|t| t.parse().ok());
        Ok(zone.instant(time.ok_or_else(|| Refusal::bad_value(name))?))
    };
    let (from, to) = (bound("starttime")?, bound("endtime")?);
    let names: Vec<&str> = map.get("schedules").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let minutes = map.get("availabilityviewinterval").map_or(Some(30), Value::as_i64).filter(|m| (5..=1_440).contains(m));
    let minutes = minutes.ok_or_else(|| Refusal::bad("ErrorInvalidParameter", "availabilityViewInterval must be between 5 and 1440."))?;
    if names.is_empty() || names.len() > 20 || to <= from || to.duration_since(from) > SignedDuration::from_hours(62 * 24) {
        return Err(Refusal::bad("ErrorInvalidParameter", "schedules must have 1 to 20 entries, and the window must be at most 62 days."));
    }
    let value: Vec<Value> = names.iter().map(|n| schedule(state, n, from, to, minutes, prefer)).collect();
    Ok(Answer::json(200, json!({"@odata.context": call.context("Collection(microsoft.graph.scheduleInformation)"), "value": value})))
}

fn schedule(state: &State, name: &str, from: Timestamp, to: Timestamp, minutes: i64, prefer: &Prefer) -> Value {
    let Ok((_, mailbox)) = state.mailbox(name) else {
        let error = json!({"message": format!("Mailbox address {name} is not valid."), "responseCode": "ErrorMailRecipientNotFound"});
        return json!({"scheduleId": name, "availabilityView": "", "scheduleItems": [], "error": error});
    };
    let mut found = Vec::new();
    for event in mailbox.events.values().filter(|e| e.calendar == 0) {
        if event.series.is_none() && event.when.touches(from, to) {
            found.push((event.when.clone(), event, None));
        }
        found.extend(event.instances(from, to).into_iter().map(|i| (i.when, event, i.exception)));
    }
    found.sort_by_key(|(w, ..)| w.starts());
    let rank = |status: &str| {
        [("free", 0), ("workingElsewhere", 4), ("tentative", 1), ("busy", 2), ("oof", 3)]
            .iter()
            .find(|(n, _)| *n == status)
            .map_or(0, |(_, r)| *r)
    };
    let mut slots = Vec::new();
    let mut items = Vec::new();
    for (when, event, exception) in found {
        let text = |n: &str, d: &str| event.prop(exception, n).and_then(Value::as_str).unwrap_or(d).to_owned();
        let status = text("showAs", "busy");
        slots.push((when.starts(), when.ends(), rank(&status)));
        let place = event.prop(exception, "location").and_then(|l| l.get("displayName")).cloned().unwrap_or_default();
        let at = |t: Timestamp| date_time(prefer.zone.local(t), &prefer.zone.name);
        let private = text("sensitivity", "normal") == "private";
        let mut item = json!({"isPrivate": private, "status": status, "start": at(when.starts()), "end": at(when.ends())});
        if !private {
            put(&mut item, "subject", json!(text("subject", "")));
            put(&mut item, "location", place);
        }
        items.push(item);
    }
    let step = SignedDuration::from_mins(minutes);
    let mut view = String::new();
    let mut at = from;
    while at < to {
        let Ok(next) = at.checked_add(step) else { break };
        let busiest =
            slots.iter().filter(|(s, e, _)| *s < next && *e > at).map(|(.., r)| *r).max_by_key(|r| if *r == 4 { 0 } else { *r * 2 + 1 });
        view.push_str(&busiest.unwrap_or(0).to_string());
        at = next;
    }
    let hours = settings(mailbox).remove("workingHours").unwrap_or_default();
    json!({"scheduleId": name, "availabilityView": view, "scheduleItems": items, "workingHours": hours})
}
