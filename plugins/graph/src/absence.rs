//! Automatic replies, read and written as part of the mailbox settings (SEMANTICS P-21a).

use calport_sdk::common::{Error, Moment, TextBody, TextFormat, TimedSpan, Zone};
use calport_sdk::http::{Response, ResponseExt};
use calport_sdk::{error, request, time};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bindings::exports::calport::connector::absence::{AbsenceSetting, AbsenceState, ExternalAudience};
use crate::client::{Client, user_path};
use crate::failure::Purpose;
use crate::wire::words::{Audience, ReplyStatus};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSettings {
    automatic_replies_setting: Option<WireReplies>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireReplies {
    status: Option<ReplyStatus>,
    external_audience: Option<Audience>,
    scheduled_start_date_time: Option<OwnedTime>,
    scheduled_end_date_time: Option<OwnedTime>,
    internal_reply_message: Option<String>,
    external_reply_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnedTime {
    date_time: String,
    time_zone: Option<String>,
}

/// The settings of mailboxes, in the order asked. A mailbox that may not be read is an error of its own.
pub fn read_many(client: &Client, mailboxes: &[String]) -> Vec<Result<AbsenceSetting, Error>> {
    client.mailbox_settings(mailboxes).into_iter().map(|answer| setting(&answer?)).collect()
}

fn setting(response: &Response) -> Result<AbsenceSetting, Error> {
    let settings: WireSettings = response.json("mailbox settings")?;
    let wire = settings
        .automatic_replies_setting
        .ok_or_else(|| error::protocol("mailbox settings with automatic replies", "settings without them"))?;
    let state = match wire.status {
        Some(ReplyStatus::Disabled) => AbsenceState::Disabled,
        Some(ReplyStatus::Always) => AbsenceState::Enabled,
        Some(ReplyStatus::Scheduled) => {
            let times = wire.scheduled_start_date_time.zip(wire.scheduled_end_date_time);
            let span = times.and_then(|(s, e)| Some(TimedSpan { start: moment(&s)?, end: moment(&e)? }));
            AbsenceState::Scheduled(span.ok_or_else(|| error::protocol("scheduled replies", "no readable times"))?)
        }
        Some(ReplyStatus::Other) | None => {
            return Err(error::protocol("a status of automatic replies", "one that this version does not know"));
        }
    };
    let audience = match wire.external_audience {
        Some(Audience::All) => ExternalAudience::Everybody,
        Some(Audience::Contacts) => ExternalAudience::Contacts,
        Some(Audience::None | Audience::Other) | None => ExternalAudience::None,
    };
    let reply = |text: Option<String>| text.filter(|t| !t.is_empty()).map(|content| TextBody { format: TextFormat::Html, content });
    Ok(AbsenceSetting {
        state,
        internal_reply: reply(wire.internal_reply_message),
        external_reply: reply(wire.external_reply_message),
        audience,
    })
}

fn moment(wire: &OwnedTime) -> Option<Moment> {
    time::moment(&wire.date_time, wire.time_zone.as_deref().unwrap_or("UTC"))
}

/// Writes a mailbox's setting.
///
/// # Errors
/// `invalid` for a time without a named zone, and those of any write.
pub fn write(client: &Client, mailbox: &str, setting: &AbsenceSetting) -> Result<(), Error> {
    let mut wire = json!({
        "externalAudience": match setting.audience {
            ExternalAudience::None => "none",
            ExternalAudience::Contacts => "contactsOnly",
            ExternalAudience::Everybody => "all",
        },
        "internalReplyMessage": content(setting.internal_reply.as_ref()),
        "externalReplyMessage": content(setting.external_reply.as_ref()),
    });
    if let Value::Object(members) = &mut wire {
        let status = match &setting.state {
            AbsenceState::Disabled => "disabled",
            AbsenceState::Enabled => "alwaysEnabled",
            AbsenceState::Scheduled(span) => {
                members.insert("scheduledStartDateTime".to_owned(), wire_time(&span.start)?);
                members.insert("scheduledEndDateTime".to_owned(), wire_time(&span.end)?);
                "scheduled"
            }
        };
        members.insert("status".to_owned(), status.into());
    }
    let builder = request::patch(client.url(&format!("{}/mailboxSettings", user_path(mailbox))))
        .json(&json!({ "automaticRepliesSetting": wire }))
        .safe_to_repeat(true);
    let purpose = Purpose { doing: "writing automatic replies", permission: "MailboxSettings.ReadWrite", mailbox: Some(mailbox) };
    client.send(builder, &purpose).map(|_| ())
}

fn content(reply: Option<&TextBody>) -> &str {
    reply.map_or("", |r| r.content.as_str())
}

/// A moment as `dateTimeTimeZone`.
///
/// # Errors
/// `invalid` for a zone that has no name Graph could know, or a year out of range.
pub fn wire_time(moment: &Moment) -> Result<Value, Error> {
    match moment {
        Moment::At(instant) => {
            let wall = time::to_utc_wall(*instant).ok_or_else(|| error::invalid("time", "a year out of range"))?;
            Ok(json!({ "dateTime": wall, "timeZone": "UTC" }))
        }
        Moment::Wall(wall) => match &wall.zone {
            Zone::Utc => Ok(json!({ "dateTime": wall.local, "timeZone": "UTC" })),
            Zone::Named(name) => Ok(json!({ "dateTime": wall.local, "timeZone": name })),
            Zone::Custom(_) | Zone::Floating => Err(error::invalid("time", "Graph takes zones by name only")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::client;
    use calport_sdk::common::{ErrorKind, ErrorScope};
    use calport_sdk::testing::Recorded;

    #[test]
    fn p21a_many_are_read_at_once_and_a_denied_mailbox_stands_alone() {
        let body = r#"{"responses":[
            {"id":"1","status":403,"headers":{"request-id":"r7"},"body":{"error":{"code":"ErrorAccessDenied","message":"Access is denied."}}},
            {"id":"2","status":429,"headers":{"Retry-After":"3"},"body":{"error":{"code":"ApplicationThrottled","message":""}}},
            {"id":"0","status":200,"body":{"automaticRepliesSetting":{"status":"Scheduled","externalAudience":"All",
              "scheduledStartDateTime":{"dateTime":"2026-08-03T07:00:00.0000000","timeZone":"UTC"},
              "scheduledEndDateTime":{"dateTime":"2026-08-10T09:00:00.0000000","timeZone":"W. Europe Standard Time"},
              "internalReplyMessage":"<p>away</p>","externalReplyMessage":""}}}]}"#;
        let (client, _) = client(Recorded::new().on("POST", "/$batch", 200, body));
        let got = read_many(&client, &["a".into(), "b".into(), "c".into(), "d".into()]);
        let first = got[0].as_ref().unwrap();
        let AbsenceState::Scheduled(span) = &first.state else { panic!("{first:?}") };
        assert_eq!(span.start, Moment::At(1_785_740_400_000));
        assert!(matches!(&span.end, Moment::Wall(w) if w.local == "2026-08-10T09:00:00"));
        assert_eq!(first.external_reply, None);
        let denied = got[1].as_ref().unwrap_err();
        assert_eq!((&denied.kind, denied.scope), (&ErrorKind::Forbidden, ErrorScope::Mailbox));
        assert_eq!(denied.request_id.as_deref(), Some("r7"));
        assert_eq!(got[2].as_ref().unwrap_err().kind, ErrorKind::Throttled(Some(3_000)));
        assert_eq!(got[3].as_ref().unwrap_err().kind, ErrorKind::Unavailable, "a part without an answer");
    }

    #[test]
    fn p21a_a_setting_is_written_as_graph_spells_it() {
        let (client, http) = client(Recorded::new().on("PATCH", "/users/a/mailboxSettings", 200, "{}"));
        let setting = AbsenceSetting {
            state: AbsenceState::Scheduled(TimedSpan { start: Moment::At(0), end: Moment::At(86_400_000) }),
            internal_reply: Some(TextBody { format: TextFormat::Html, content: "<p>away</p>".into() }),
            external_reply: None,
            audience: ExternalAudience::Contacts,
        };
        write(&client, "a", &setting).unwrap();
        let sent: Value = serde_json::from_slice(http.requests()[0].body.as_ref().unwrap()).unwrap();
        let replies = &sent["automaticRepliesSetting"];
        assert_eq!(replies["status"], "scheduled");
        assert_eq!(replies["externalAudience"], "contactsOnly");
        assert_eq!(replies["scheduledEndDateTime"], json!({"dateTime":"1970-01-02T00:00:00","timeZone":"UTC"}));
    }
}
