//! Appointments that are made, found, changed and deleted.

use calport_sdk::common::{DateSpan, ErrorKind, OriginalStart, TextBody, TextFormat};
use calport_simulators::fault::{Kind, Rule};
use calport_simulators::graph::EventDraft as Seed;
use serde_json::json;

use super::*;
use crate::bindings::exports::calport::connector::calendar::Location;

#[test]
fn feat_c02_an_appointment_is_made_found_changed_and_deleted() {
    let world = World::new();
    let id = world.create(&draft("op-1", Some("tag-1"))).unwrap();
    let (method, body, _) = world.writes().remove(0);
    assert_eq!((method.as_str(), &body["transactionId"]), ("POST", &json!("op-1")));
    assert_eq!(body["singleValueExtendedProperties"].as_array().unwrap().len(), 1);
    let stored = world.stored(&id);
    let shown = ["subject", "showAs", "sensitivity", "categories", "isReminderOn", "originalStartTimeZone"].map(|n| stored[n].clone());
    assert_eq!(shown, [json!("Focus"), json!("oof"), json!("private"), json!(["Calport"]), json!(false), json!(BERLIN)]);
    assert_eq!(stored["start"], json!({ "dateTime": "2026-03-30T07:00:00.0000000", "timeZone": "UTC" }), "summer time in Berlin");
    assert_eq!(world.tagged("tag-1"), [id.as_str()]);
    assert!(world.tagged("tag-2").is_empty());
    world.update(&item(&id), &[time("2026-03-30T09:00:00", "2026-03-30T09:20:00")], Some(&world.version(&id))).unwrap();
    assert_eq!(world.stored(&id)["end"]["dateTime"], "2026-03-30T07:20:00.0000000");
    world.delete(&item(&id), Some(&world.version(&id))).unwrap();
    assert!(world.tagged("tag-1").is_empty() && world.ids().is_empty());
    world.delete(&item(&id), None).unwrap();
    world.nobody_was_mailed();
}

#[test]
fn b20_whole_days_keep_their_dates() {
    let world = World::new();
    let zone = Some(Zone::Named(BERLIN.to_owned()));
    let span = Span::AllDay(DateSpan { start: "2026-03-29".to_owned(), end: "2026-03-30".to_owned() });
    let mut wish = draft("op-1", None);
    wish.fields = vec![EventField::Time(EventTime { span: span.clone(), start_zone: zone.clone(), end_zone: zone, recurrence: None })];
    let id = world.create(&wish).unwrap();
    let read = crate::events::get_events(&world.client, ANNA, std::slice::from_ref(&id)).remove(0).unwrap().event;
    assert_eq!(read.time.span, span);
    world.nobody_was_mailed();
}

#[test]
fn b37_a_title_only_edit_sends_only_the_title() {
    let world = World::new();
    let seed = Seed::new("Planning", "2026-03-30T09:00:00", "2026-03-30T10:00:00", BERLIN)
        .show_as("oof")
        .sensitivity("private")
        .location("Room 2")
        .categories(&["Red"])
        .set("body", json!({ "contentType": "html", "content": "<p>Join <a href='https://meet.example'>here</a></p>" }))
        .set("reminderMinutesBeforeStart", 30);
    let id = world.sim.add_event(ANNA, seed).unwrap();
    let (before, version) = (world.stored(&id), world.version(&id));
    world.update(&item(&id), &[EventField::Subject("Planning 2".to_owned())], Some(&version)).unwrap();
    assert_eq!(world.writes(), [("PATCH".to_owned(), json!({ "subject": "Planning 2" }), Some(version))]);
    let mut wanted = before;
    wanted["subject"] = json!("Planning 2");
    assert_eq!(world.stored(&id), wanted, "all else is as it was, the body to the byte");
    world.nobody_was_mailed();
}

#[test]
fn b36_each_field_is_sent_alone() {
    let text = |content: &str| TextBody { format: TextFormat::Plain, content: content.to_owned() };
    let place = Location { name: "Room 3".to_owned(), address: String::new() };
    let at = |clock: &str| json!({ "dateTime": format!("2026-03-31T{clock}"), "timeZone": BERLIN });
    let cases = [
        (time("2026-03-31T09:00:00", "2026-03-31T10:00:00"), json!({ "isAllDay": false, "start": at("09:00:00"), "end": at("10:00:00") })),
        (EventField::Subject(String::new()), json!({ "subject": "" })),
        (EventField::Body(Some(text("x"))), json!({ "body": { "contentType": "text", "content": "x" } })),
        (EventField::Body(None), json!({ "body": { "contentType": "text", "content": "" } })),
        (EventField::Location(Some(place)), json!({ "location": { "displayName": "Room 3" } })),
        (EventField::Location(None), json!({ "location": { "displayName": "" } })),
        (EventField::ShowAs(ShowAs::WorkingElsewhere), json!({ "showAs": "workingElsewhere" })),
        (EventField::Sensitivity(Sensitivity::Confidential), json!({ "sensitivity": "confidential" })),
        (EventField::Categories(Vec::new()), json!({ "categories": [] })),
        (EventField::Reminder(None), json!({ "isReminderOn": false })),
        (EventField::Reminder(Some(5)), json!({ "isReminderOn": true, "reminderMinutesBeforeStart": 5 })),
    ];
    let world = World::new();
    let id = world.create(&draft("op-1", None)).unwrap();
    for (field, sent) in cases {
        world.sim.reset_log();
        world.update(&item(&id), std::slice::from_ref(&field), None).unwrap();
        let bodies: Vec<Value> = world.writes().into_iter().map(|(_, body, _)| body).collect();
        assert_eq!(bodies, [sent], "{field:?}");
    }
    world.nobody_was_mailed();
}

#[test]
fn s14_the_same_operation_never_makes_a_second_event() {
    let world = World::new();
    let first = world.create(&draft("op-1", Some("tag-1"))).unwrap();
    assert_eq!(world.create(&draft("op-1", Some("tag-1"))).unwrap(), first);
    let mut other = draft("op-1", Some("tag-1"));
    other.fields.push(EventField::Subject("Something else".to_owned()));
    assert_eq!(world.create(&other).unwrap(), first, "the server refuses the operation, and the tag finds what it made");
    assert_ne!(world.create(&draft("op-2", Some("tag-2"))).unwrap(), first);
    assert_eq!(world.ids().len(), 2);
    world.nobody_was_mailed();
}

#[test]
fn b40_a_lost_answer_to_a_create_leaves_one_item() {
    for status in [None, Some(500), Some(503), Some(504)] {
        let world = World::new();
        world.sim.fault(Rule::on_path("/events", 1, Kind::Lost { status }).for_method("POST"));
        assert_eq!(kind(world.create(&draft("op-1", Some("tag-1")))), ErrorKind::OutcomeUnknown, "{status:?}");
        let found = world.tagged("tag-1");
        assert_eq!(found.len(), 1, "it was made all the same, and reading shows it");
        assert_eq!(world.create(&draft("op-1", Some("tag-1"))).unwrap(), found[0], "asked again it is the same one");
        assert_eq!(world.ids(), found);
        world.nobody_was_mailed();
    }
}

#[test]
fn b40_a_create_that_never_arrived_is_made_by_the_second_attempt() {
    let world = World::new();
    world.sim.fault(Rule::on_path("/events", 1, Kind::Reset).for_method("POST"));
    assert_eq!(kind(world.create(&draft("op-1", Some("tag-1")))), ErrorKind::OutcomeUnknown);
    assert!(world.tagged("tag-1").is_empty());
    let made = world.create(&draft("op-1", Some("tag-1"))).unwrap();
    assert_eq!(world.tagged("tag-1"), [made]);
}

#[test]
fn b40_a_lost_answer_to_a_change_or_a_deletion_is_found_out_by_asking_again() {
    let world = World::new();
    let id = world.create(&draft("op-1", None)).unwrap();
    let version = world.version(&id);
    let subject = [EventField::Subject("New".to_owned())];
    world.sim.fault(Rule::on_path("/events", 1, Kind::Lost { status: None }).for_method("PATCH"));
    assert_eq!(kind(world.update(&item(&id), &subject, Some(&version))), ErrorKind::OutcomeUnknown);
    assert_eq!(kind(world.update(&item(&id), &subject, Some(&version))), ErrorKind::Conflict(None), "the first one was done");
    world.sim.fault(Rule::on_path("/events", 1, Kind::Lost { status: Some(504) }).for_method("DELETE"));
    assert_eq!(kind(world.delete(&item(&id), None)), ErrorKind::OutcomeUnknown);
    world.delete(&item(&id), None).unwrap();
    world.nobody_was_mailed();
}

#[test]
fn s13_a_stale_version_is_a_conflict_and_changes_nothing() {
    let world = World::new();
    let id = world.create(&draft("op-1", None)).unwrap();
    let stale = world.version(&id);
    world.sim.update_event(ANNA, &id, Seed::patch().subject("Somebody's own words")).unwrap();
    let (before, version) = (world.stored(&id), world.version(&id));
    for field in [EventField::Subject("Mine".to_owned()), EventField::ShowAs(ShowAs::Free)] {
        assert_eq!(kind(world.update(&item(&id), &[field], Some(&stale))), ErrorKind::Conflict(None));
    }
    assert_eq!(kind(world.delete(&item(&id), Some(&stale))), ErrorKind::Conflict(None));
    assert_eq!((world.stored(&id), world.version(&id)), (before, version));
    world.nobody_was_mailed();
}

/// A series at nine in Berlin on five Mondays, of which the second is the first in summer time.
fn series(world: &World) -> String {
    let seed = Seed::new("Jour fixe", "2026-03-23T09:00:00", "2026-03-23T10:00:00", BERLIN);
    let pattern = json!({ "type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "monday" });
    world.sim.add_event(ANNA, seed.recurring(pattern, json!({ "type": "numbered", "numberOfOccurrences": 5 }))).unwrap()
}

/// Where the occurrence of a day stood.
fn stood(text: &str) -> OriginalStart {
    OriginalStart::Timed(Moment::At(calport_sdk::time::utc_wall(text).unwrap()))
}

/// Start and subject of every occurrence.
fn occurrences(world: &World, master: &str) -> Vec<(String, String)> {
    let events = crate::events::instances(&world.client, ANNA, master, YEAR).unwrap();
    let read = |e: crate::bindings::exports::calport::connector::calendar::Event| match e.time.span {
        Span::Timed(TimedSpan { start: Moment::At(at), .. }) => (calport_sdk::time::to_utc_wall(at).unwrap(), e.subject),
        other => panic!("{other:?}"),
    };
    events.into_iter().map(read).collect()
}

#[test]
fn b01_single_occurrences_are_changed_and_deleted_and_the_others_stay() {
    let world = World::new();
    let master = series(&world);
    let second = occurrence(&master, stood("2026-03-30T07:00:00"));
    world.update(&second, &[EventField::Subject("Later today".to_owned())], None).unwrap();
    world.update(&second, &[time("2026-04-01T15:00:00", "2026-04-01T15:30:00")], None).unwrap();
    world.update(&second, &[EventField::ShowAs(ShowAs::Free)], None).unwrap();
    let third = occurrence(&master, stood("2026-04-06T07:00:00"));
    world.delete(&third, None).unwrap();
    world.delete(&third, None).unwrap();
    let patches: Vec<Value> = world.writes().into_iter().filter(|(m, ..)| m == "PATCH").map(|(_, b, _)| b).collect();
    assert_eq!((&patches[0], &patches[2]), (&json!({ "subject": "Later today" }), &json!({ "showAs": "free" })));
    let shown = |start: &str, subject: &str| (start.to_owned(), subject.to_owned());
    let mut got = occurrences(&world, &master);
    got.sort();
    let wanted = [
        shown("2026-03-23T08:00:00", "Jour fixe"),
        shown("2026-04-01T13:00:00", "Later today"),
        shown("2026-04-13T07:00:00", "Jour fixe"),
        shown("2026-04-20T07:00:00", "Jour fixe"),
    ];
    assert_eq!(got, wanted);
    let nowhere = occurrence(&master, stood("2026-03-31T07:00:00"));
    assert_eq!(kind(world.update(&nowhere, &[EventField::Subject("x".to_owned())], None)), ErrorKind::NotFound);
    world.nobody_was_mailed();
}

#[test]
fn b01_an_occurrence_of_whole_days_is_found_by_its_date() {
    let world = World::new();
    let seed = Seed::all_day("On call", "2026-03-28", "2026-03-29", BERLIN).daily(3);
    let master = world.sim.add_event(ANNA, seed).unwrap();
    let second = occurrence(&master, OriginalStart::Day("2026-03-29".to_owned()));
    world.update(&second, &[EventField::Subject("Swapped".to_owned())], None).unwrap();
    let events = crate::events::instances(&world.client, ANNA, &master, YEAR).unwrap();
    let subjects: Vec<&str> = events.iter().map(|e| e.subject.as_str()).collect();
    assert_eq!(subjects, ["On call", "Swapped", "On call"]);
    world.nobody_was_mailed();
}

#[test]
fn s13_a_stale_version_of_an_occurrence_is_a_conflict() {
    let world = World::new();
    let master = series(&world);
    let second = || occurrence(&master, stood("2026-03-30T07:00:00"));
    let read = |at: usize| crate::events::instances(&world.client, ANNA, &master, YEAR).unwrap().swap_remove(at);
    let stale = read(1).version;
    world.update(&second(), &[EventField::ShowAs(ShowAs::Free)], Some(&stale)).unwrap();
    let before = occurrences(&world, &master);
    assert_eq!(kind(world.update(&second(), &[EventField::Subject("x".to_owned())], Some(&stale))), ErrorKind::Conflict(None));
    assert_eq!(kind(world.delete(&second(), Some(&stale))), ErrorKind::Conflict(None));
    assert_eq!(occurrences(&world, &master), before);
}
