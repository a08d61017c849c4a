//! Automatic replies, categories and mail.

use calport_sdk::common::{ErrorKind, Participant, TextBody, TextFormat};
use calport_simulators::fault::{Kind, Rule};

use super::*;
use crate::bindings::exports::calport::connector::absence::{AbsenceSetting, AbsenceState, ExternalAudience};
use crate::bindings::exports::calport::connector::categories::Category;
use crate::bindings::exports::calport::connector::mail::Message;

fn replies(world: &World) -> AbsenceSetting {
    crate::absence::read_many(&world.client, &[ANNA.to_owned()]).remove(0).unwrap()
}

fn html(content: &str) -> Option<TextBody> {
    Some(TextBody { format: TextFormat::Html, content: content.to_owned() })
}

#[test]
fn p21a_automatic_replies_are_written_and_read_again() {
    let world = World::new();
    assert_eq!(replies(&world).state, AbsenceState::Disabled);
    let span = TimedSpan { start: Moment::At(1_785_740_400_000), end: Moment::At(1_786_345_200_000) };
    let states = [AbsenceState::Scheduled(span), AbsenceState::Enabled, AbsenceState::Disabled];
    let audiences = [ExternalAudience::Contacts, ExternalAudience::Everybody, ExternalAudience::None];
    for (state, audience) in states.into_iter().zip(audiences) {
        let setting =
            AbsenceSetting { state, internal_reply: html("<p>Back on Monday</p>"), external_reply: html("<p>Away</p>"), audience };
        crate::absence::write(&world.client, ANNA, &setting).unwrap();
        assert_eq!(format!("{:?}", replies(&world)), format!("{setting:?}"));
    }
    world.nobody_was_mailed();
}

#[test]
fn p21a_a_setting_in_a_zone_is_written_in_it() {
    let world = World::new();
    let span = TimedSpan { start: wall("2026-08-03T09:00:00"), end: wall("2026-08-10T09:00:00") };
    let setting = AbsenceSetting {
        state: AbsenceState::Scheduled(span),
        internal_reply: None,
        external_reply: None,
        audience: ExternalAudience::None,
    };
    crate::absence::write(&world.client, ANNA, &setting).unwrap();
    let (_, body, _) = world.writes().remove(0);
    let start = &body["automaticRepliesSetting"]["scheduledStartDateTime"];
    assert_eq!(start, &serde_json::json!({ "dateTime": "2026-08-03T09:00:00", "timeZone": BERLIN }));
    assert_eq!(body.as_object().unwrap().len(), 1, "no other setting of the mailbox is named");
}

#[test]
fn s22_categories_are_made_once_and_an_existing_one_keeps_its_colour() {
    let world = World::new();
    let category = |name: &str, colour| Category { name: name.to_owned(), colour, rgb: String::new() };
    let create = |one: &Category| crate::categories::create(&world.client, ANNA, one);
    create(&category("Leave", Some(24))).unwrap();
    create(&category("Plain", None)).unwrap();
    create(&category("leave", Some(3))).unwrap();
    let listed = crate::categories::list_categories(&world.client, ANNA).unwrap();
    let listed: Vec<(&str, Option<u8>)> = listed.iter().map(|c| (c.name.as_str(), c.colour)).collect();
    assert_eq!(listed, [("Leave", Some(24)), ("Plain", None)]);
    world.nobody_was_mailed();
}

fn message() -> Message {
    Message {
        sender: String::new(),
        recipients: vec![Participant { name: String::new(), address: "admin@example.test".to_owned() }],
        subject: "Connection stopped".to_owned(),
        body: TextBody { format: TextFormat::Plain, content: "Since noon.".to_owned() },
        operation: "op-1".to_owned(),
        keep_copy: false,
    }
}

#[test]
fn feat_c12_a_mail_leaves_from_the_configured_sender() {
    let world = World::new();
    crate::mail::send(&world.client, &message()).unwrap();
    let sent = world.sim.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].sender.as_str(), sent[0].recipients.as_slice()), (SENDER, ["admin@example.test".to_owned()].as_slice()));
    let text = (sent[0].subject.as_str(), sent[0].content_type.as_str(), sent[0].content.as_str(), sent[0].kept);
    assert_eq!(text, ("Connection stopped", "text", "Since noon.", false));
    world.nobody_was_mailed();
}

#[test]
fn b40_a_lost_answer_to_a_mail_leaves_one_mail() {
    let world = World::new();
    world.sim.fault(Rule::on_path("/sendMail", 1, Kind::Lost { status: None }));
    assert_eq!(kind(crate::mail::send(&world.client, &message())), ErrorKind::OutcomeUnknown);
    assert_eq!(world.sim.sent().len(), 1);
}

#[test]
fn feat_c12_a_missing_right_to_send_is_named() {
    let world = World::with_roles(&["User.Read.All", "Calendars.ReadWrite"]);
    let error = crate::mail::send(&world.client, &message()).unwrap_err();
    assert!(error.kind == ErrorKind::Forbidden && error.message.contains("Mail.Send"), "{error:?}");
    assert!(world.sim.sent().is_empty());
}
