//! People, mailboxes, automatic replies, categories and mail.

use calport_sdk::common::{Participant, TextBody, TextFormat};

use super::*;
use crate::bindings::exports::calport::connector::absence::{AbsenceSetting, AbsenceState, ExternalAudience};
use crate::bindings::exports::calport::connector::categories::Category;
use crate::bindings::exports::calport::connector::directory::Resolution;
use crate::bindings::exports::calport::connector::mail::Message;

fn replies(world: &World) -> AbsenceSetting {
    crate::absence::read(&world.client, ANNA).unwrap()
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
fn p21a_a_setting_in_a_zone_is_written_as_the_instants_that_it_means() {
    let world = World::new();
    let span = TimedSpan { start: wall("2026-08-03T09:00:00"), end: wall("2026-08-10T09:00:00") };
    let setting = AbsenceSetting {
        state: AbsenceState::Scheduled(span),
        internal_reply: None,
        external_reply: None,
        audience: ExternalAudience::None,
    };
    crate::absence::write(&world.client, ANNA, &setting).unwrap();
    let AbsenceState::Scheduled(read) = replies(&world).state else { panic!("not scheduled") };
    assert_eq!(read, TimedSpan { start: Moment::At(1_785_740_400_000), end: Moment::At(1_786_345_200_000) });
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
    let of = |name: &str| listed.iter().filter(|c| c.name.eq_ignore_ascii_case(name)).map(|c| c.colour).collect::<Vec<_>>();
    assert_eq!((of("leave"), of("plain")), (vec![Some(24)], vec![None]));
    world.nobody_was_mailed();
}

#[test]
fn feat_c16_people_are_found_by_every_address_and_told_apart() {
    let world = World::new();
    let resolve = |asked: &str| crate::directory::resolve(&world.client, asked).unwrap();
    for asked in [ANNA, "a.acker@example.test", "A.Acker@Example.Test"] {
        let Resolution::Found(entry) = resolve(asked) else { panic!("{asked}: {:?}", resolve(asked)) };
        assert_eq!((entry.id.as_str(), entry.name.as_str()), (ANNA, "Anna Acker"), "{asked}");
    }
    assert_eq!(resolve("nobody@example.test"), Resolution::NotFound);
}

#[test]
fn feat_mailboxes_tell_their_zone_and_their_calendars() {
    let world = World::new();
    assert_eq!(crate::events::mailbox_info(&world.client, ANNA).unwrap().zone.as_deref(), Some(BERLIN));
    let before = crate::events::probe(&world.client, ANNA).unwrap();
    assert_eq!(crate::events::probe(&world.client, ANNA).unwrap(), before);
    let seed = calport_simulators::graph::EventDraft::new("x", "2026-03-30T09:00:00", "2026-03-30T10:00:00", BERLIN);
    world.mailboxes.clock().advance(std::time::Duration::from_secs(60));
    let id = world.mailboxes.add_event(ANNA, seed).unwrap();
    let after = crate::events::probe(&world.client, ANNA).unwrap();
    assert_ne!(after, before, "C-12: anything new is noticed");
    world.mailboxes.delete_event(ANNA, &id).unwrap();
    assert_ne!(crate::events::probe(&world.client, ANNA).unwrap(), after, "C-12: and anything gone");
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
    let sent = world.mailboxes.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].sender.as_str(), sent[0].recipients.as_slice()), (SENDER, ["admin@example.test".to_owned()].as_slice()));
    let text = (sent[0].subject.as_str(), sent[0].content.as_str(), sent[0].kept);
    assert_eq!(text, ("Connection stopped", "Since noon.", false));
    world.nobody_was_mailed();
}

#[test]
fn b40_a_lost_answer_to_a_mail_leaves_one_mail() {
    let world = World::new();
    world.sim.fail("CreateItem", 1, Kind::Lost { status: None });
    assert_eq!(kind(crate::mail::send(&world.client, &message())), ErrorKind::OutcomeUnknown);
    assert_eq!(world.mailboxes.sent().len(), 1);
}

#[test]
fn feat_check_a_good_connection_has_no_problem_and_changes_nothing() {
    let world = World::new();
    let report = crate::check::check(&world.client).unwrap();
    assert_eq!(report.server, "Exchange Online");
    assert_eq!(report.findings, []);
    let operations = world.sim.stats().operations;
    assert!(operations.keys().all(|name| ["GetFolder", "ResolveNames", "GetUserOofSettings"].contains(&name.as_str())), "{operations:?}");
}
