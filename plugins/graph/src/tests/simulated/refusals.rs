//! What is not written, because it would mail somebody (SEMANTICS B-35) or because the right is missing.

use calport_sdk::common::{ErrorKind, OriginalStart, Participant};
use calport_simulators::graph::EventDraft as Seed;

use super::*;
use crate::bindings::exports::calport::connector::calendar::{Attendee, AttendeeRole, Response as Answered};

const GUEST: &str = "guest@example.test";

fn would_mail() -> ErrorKind {
    ErrorKind::Refused("would-mail".to_owned())
}

fn invited() -> EventField {
    let who = Participant { name: String::new(), address: GUEST.to_owned() };
    EventField::Attendees(vec![Attendee { who, role: AttendeeRole::Required, response: Answered::None }])
}

fn meeting() -> Seed {
    Seed::new("Review", "2026-03-30T09:00:00", "2026-03-30T10:00:00", BERLIN)
}

/// Every field that Graph tells attendees of, or that changes who they are.
fn told() -> Vec<EventField> {
    vec![
        time("2026-03-30T11:00:00", "2026-03-30T12:00:00"),
        EventField::Subject("x".to_owned()),
        EventField::Body(None),
        EventField::Location(None),
        EventField::Importance(calport_sdk::common::Importance::High),
        EventField::Sensitivity(Sensitivity::Private),
        EventField::Attendees(Vec::new()),
        invited(),
    ]
}

#[test]
fn b35_a_write_that_would_mail_is_refused_and_not_sent() {
    let world = World::new();
    let own = world.sim.add_event(ANNA, meeting().attendees(&[GUEST])).unwrap();
    let copy = world.sim.add_event(ANNA, meeting().attendees(&[ANNA]).organized_by(GUEST, "Guest", "accepted")).unwrap();
    let before = [world.stored(&own), world.stored(&copy)];
    let version = world.version(&own);
    for field in told() {
        for condition in [None, Some(&version)] {
            assert_eq!(kind(world.update(&item(&own), std::slice::from_ref(&field), condition)), would_mail(), "{field:?}");
        }
    }
    for field in told().into_iter().filter(|f| !matches!(f, EventField::Sensitivity(_))) {
        assert_eq!(kind(world.update(&item(&copy), &[field], None)), would_mail());
    }
    assert_eq!(kind(world.delete(&item(&own), Some(&version))), would_mail());
    assert_eq!(kind(world.delete(&item(&copy), None)), would_mail());
    let mut wish = draft("op-1", None);
    wish.fields.push(invited());
    assert_eq!(kind(world.create(&wish)), would_mail());
    assert!(world.writes().is_empty(), "nothing was sent: {:?}", world.writes());
    assert_eq!([world.stored(&own), world.stored(&copy)], before);
    world.nobody_was_mailed();
}

#[test]
fn b35_what_only_the_owner_sees_is_written_on_a_meeting_too() {
    let world = World::new();
    let own = world.sim.add_event(ANNA, meeting().attendees(&[GUEST])).unwrap();
    let copy = world.sim.add_event(ANNA, meeting().attendees(&[ANNA]).organized_by(GUEST, "Guest", "accepted")).unwrap();
    let fields = [EventField::ShowAs(ShowAs::Free), EventField::Categories(vec!["Red".to_owned()]), EventField::Reminder(Some(5))];
    for id in [&own, &copy] {
        world.update(&item(id), &fields, Some(&world.version(id))).unwrap();
        assert_eq!(world.stored(id)["showAs"], "free");
    }
    world.update(&item(&copy), &[EventField::Sensitivity(Sensitivity::Private)], None).unwrap();
    world.nobody_was_mailed();
}

#[test]
fn b35_an_occurrence_with_guests_is_refused_and_so_is_its_series() {
    let world = World::new();
    let series = world.sim.add_event(ANNA, meeting().daily(4)).unwrap();
    let read = || crate::events::instances(&world.client, ANNA, &series, YEAR).unwrap();
    let ids: Vec<String> = read().into_iter().map(|e| e.id).collect();
    world.sim.update_event(ANNA, &ids[1], Seed::patch().attendees(&[GUEST])).unwrap();
    let at = |day: &str| {
        let moment = Moment::At(calport_sdk::time::utc_wall(&format!("2026-03-{day}T07:00:00")).unwrap());
        occurrence(&series, OriginalStart::Timed(moment))
    };
    let subject = [EventField::Subject("x".to_owned())];
    assert_eq!(kind(world.update(&at("31"), &subject, None)), would_mail());
    assert_eq!(kind(world.delete(&at("31"), None)), would_mail());
    assert_eq!(kind(world.update(&item(&series), &subject, None)), would_mail());
    assert_eq!(kind(world.delete(&item(&series), None)), would_mail());
    assert!(world.writes().is_empty());
    world.update(&at("30"), &subject, None).unwrap();
    world.nobody_was_mailed();
}

#[test]
fn b35_the_count_sees_mails_where_they_are_allowed() {
    let world = World::new();
    let own = world.sim.add_event(ANNA, meeting().attendees(&[GUEST])).unwrap();
    let subject = [EventField::Subject("x".to_owned())];
    crate::write::update(&world.client, ANNA, &item(&own), &subject, None, AttendeeMail::Allowed).unwrap();
    crate::write::delete(&world.client, ANNA, &item(&own), None, AttendeeMail::Allowed).unwrap();
    assert_eq!(world.sim.attendee_mails(), 2);
}

#[test]
fn feat_c02_a_missing_right_is_named_and_nothing_is_changed() {
    let world = World::with_roles(&["User.Read.All", "Calendars.Read", "MailboxSettings.Read"]);
    let id = world.sim.add_event(ANNA, meeting()).unwrap();
    let before = world.stored(&id);
    let denied = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Forbidden);
        error.message
    };
    let named = [
        denied(world.create(&draft("op-1", None)).map(drop)),
        denied(world.update(&item(&id), &[EventField::Subject("x".to_owned())], None).map(drop)),
        denied(world.delete(&item(&id), None)),
    ];
    assert!(named.iter().all(|m| m.contains("Calendars.ReadWrite")), "{named:?}");
    assert_eq!((world.stored(&id), world.ids().len()), (before, 1));
}
