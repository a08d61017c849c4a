//! Appointments that are made, found, changed and deleted.

use calport_sdk::common::{DateSpan, OriginalStart, TextBody, TextFormat, Weekday};
use calport_simulators::graph::EventDraft as Seed;
use serde_json::json;

use super::*;
use crate::bindings::exports::calport::connector::calendar::{
    DailyPattern, EventKind, Location, MonthlyNthPattern, MonthlyPattern, Recurrence, RecurrenceEnd, RecurrencePattern, WeeklyPattern,
    YearlyNthPattern, YearlyPattern,
};

#[test]
fn feat_c02_an_appointment_is_made_found_changed_and_deleted() {
    let world = World::new();
    let id = world.create(&draft("op-1", Some("tag-1"))).unwrap();
    let stored = world.only();
    let shown = ["subject", "showAs", "sensitivity", "categories", "isReminderOn"].map(|n| stored[n].clone());
    assert_eq!(shown, [json!("Focus"), json!("oof"), json!("private"), json!(["Calport"]), json!(false)]);
    assert_eq!(stored["start"]["dateTime"], "2026-03-30T07:00:00.0000000", "summer time in Berlin");
    assert_eq!(stored["originalStartTimeZone"], BERLIN);
    assert_eq!(world.tagged("tag-1"), [id.as_str()]);
    assert!(world.tagged("tag-2").is_empty());
    let version = world.get(&id).unwrap().version;
    world.update(&item(&id), &[time("2026-03-30T09:00:00", "2026-03-30T09:20:00")], Some(&version)).unwrap();
    assert_eq!(world.only()["end"]["dateTime"], "2026-03-30T07:20:00.0000000");
    let stale = world.delete(&item(&id), Some(&version));
    assert!(matches!(kind(stale), ErrorKind::Conflict(Some(_))));
    let version = world.get(&id).unwrap().version;
    world.delete(&item(&id), Some(&version)).unwrap();
    assert!(world.tagged("tag-1").is_empty() && world.events().is_empty());
    world.delete(&item(&id), None).unwrap();
    world.nobody_was_mailed();
}

#[test]
fn b20_whole_days_keep_their_dates() {
    for (zone, day) in [(BERLIN, "2026-03-29"), ("Nepal Standard Time", "2026-07-01"), ("Samoa Standard Time", "2026-01-01")] {
        let world = World::new();
        let next = day.parse::<jiff::civil::Date>().unwrap().tomorrow().unwrap().to_string();
        let zone = Some(Zone::Named(zone.to_owned()));
        let span = Span::AllDay(DateSpan { start: day.to_owned(), end: next });
        let mut wish = draft("op-1", None);
        wish.fields = vec![EventField::Time(EventTime { span: span.clone(), start_zone: zone.clone(), end_zone: zone, recurrence: None })];
        let id = world.create(&wish).unwrap();
        assert_eq!(world.get(&id).unwrap().time.span, span, "{day}");
        world.nobody_was_mailed();
    }
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
    let native = world.mailboxes.add_event(ANNA, seed).unwrap();
    let before = world.stored(&native);
    let event = world.events().remove(0);
    world.update(&item(&event.id), &[EventField::Subject("Planning 2".to_owned())], Some(&event.version)).unwrap();
    let sent = world.bodies("UpdateItem").remove(0);
    assert_eq!((sent.matches("<t:SetItemField>").count(), sent.matches("<t:DeleteItemField>").count()), (1, 0), "{sent}");
    let mut wanted = before;
    wanted["subject"] = json!("Planning 2");
    assert_eq!(world.stored(&native), wanted, "all else is as it was, the body to the byte");
    world.nobody_was_mailed();
}

#[test]
fn b36_each_field_is_written_alone_and_read_again() {
    let text = |content: &str| TextBody { format: TextFormat::Plain, content: content.to_owned() };
    let place = Location { name: "Room 3".to_owned(), address: String::new() };
    let world = World::new();
    let id = world.create(&draft("op-1", None)).unwrap();
    for (field, fields) in [
        (EventField::Subject("A <b> & 'c'".to_owned()), 1),
        (EventField::Body(Some(text("x"))), 1),
        (EventField::Location(Some(place)), 1),
        (EventField::ShowAs(ShowAs::WorkingElsewhere), 1),
        (EventField::Sensitivity(Sensitivity::Confidential), 1),
        (EventField::Categories(vec!["A".to_owned(), "B".to_owned()]), 1),
        (EventField::Reminder(Some(5)), 2),
        (EventField::Reminder(None), 1),
        (EventField::Categories(Vec::new()), 1),
        (EventField::Location(None), 1),
    ] {
        world.sim.reset_log();
        world.update(&item(&id), std::slice::from_ref(&field), None).unwrap();
        let sent = world.bodies("UpdateItem").remove(0);
        let changes = sent.matches("<t:SetItemField>").count() + sent.matches("<t:DeleteItemField>").count();
        assert_eq!(changes, fields, "{field:?}: {sent}");
    }
    let read = world.get(&id).unwrap();
    assert_eq!((read.subject.as_str(), read.show_as), ("A <b> & 'c'", ShowAs::WorkingElsewhere));
    assert_eq!((read.sensitivity, read.reminder, read.categories.len(), read.location), (Sensitivity::Confidential, None, 0, None));
    world.nobody_was_mailed();
}

#[test]
fn s14_the_same_operation_never_makes_a_second_event() {
    let world = World::new();
    let first = world.create(&draft("op-1", Some("tag-1"))).unwrap();
    assert_eq!(world.create(&draft("op-1", Some("tag-1"))).unwrap(), first);
    assert_ne!(world.create(&draft("op-2", Some("tag-2"))).unwrap(), first);
    assert_eq!(world.events().len(), 2);
    world.nobody_was_mailed();
}

#[test]
fn b40_a_lost_answer_to_a_create_leaves_one_item() {
    for status in [None, Some(500), Some(503), Some(504)] {
        let world = World::new();
        world.sim.fail("CreateItem", 1, Kind::Lost { status });
        assert_eq!(kind(world.create(&draft("op-1", Some("tag-1")))), ErrorKind::OutcomeUnknown, "{status:?}");
        let found = world.tagged("tag-1");
        assert_eq!(found.len(), 1, "it was made all the same, and reading shows it");
        assert_eq!(world.create(&draft("op-1", Some("tag-1"))).unwrap(), found[0], "asked again it is the same one");
        assert_eq!(world.events().len(), 1);
        world.nobody_was_mailed();
    }
}

fn series(pattern: RecurrencePattern, end: RecurrenceEnd) -> EventDraft {
    let zone = Zone::Named(BERLIN.to_owned());
    let span = Span::Timed(TimedSpan { start: wall("2026-03-02T09:00:00"), end: wall("2026-03-02T10:00:00") });
    let recurrence = Recurrence { pattern, start: "2026-03-02".to_owned(), end, zone: zone.clone() };
    let time = EventTime { span, start_zone: Some(zone.clone()), end_zone: Some(zone), recurrence: Some(recurrence) };
    EventDraft { fields: vec![EventField::Time(time), EventField::Subject("Series".to_owned())], ..draft("op-1", None) }
}

#[test]
fn b18_every_pattern_is_written_and_read_without_loss() {
    use RecurrencePattern as P;
    let patterns = [
        P::Daily(DailyPattern { interval: 3 }),
        P::Weekly(WeeklyPattern { interval: 2, days: vec![Weekday::Monday, Weekday::Friday], week_start: Weekday::Monday }),
        P::Monthly(MonthlyPattern { interval: 1, day: 2 }),
        P::MonthlyNth(MonthlyNthPattern { interval: 1, nth: 5, days: vec![Weekday::Friday] }),
        P::Yearly(YearlyPattern { interval: 1, month: 3, day: 2 }),
        P::YearlyNth(YearlyNthPattern { interval: 1, month: 3, nth: 1, days: vec![Weekday::Monday] }),
    ];
    let ends = [RecurrenceEnd::Never, RecurrenceEnd::Count(7), RecurrenceEnd::Until("2029-12-31".to_owned())];
    for (n, pattern) in patterns.into_iter().enumerate() {
        let world = World::new();
        let end = ends[n % ends.len()].clone();
        let id = world.create(&series(pattern.clone(), end.clone())).unwrap();
        let read = world.get(&id).unwrap();
        assert_eq!(read.kind, EventKind::Master);
        let recurrence = read.time.recurrence.unwrap();
        assert_eq!((&recurrence.pattern, &recurrence.end), (&pattern, &end));
        assert_eq!(recurrence.zone, Zone::Named(BERLIN.to_owned()));
        world.nobody_was_mailed();
    }
}

#[test]
fn b16_one_occurrence_is_changed_and_deleted_and_the_rest_stays() {
    let world = World::new();
    let daily = RecurrencePattern::Daily(DailyPattern { interval: 1 });
    let master = world.create(&series(daily, RecurrenceEnd::Count(3))).unwrap();
    let second =
        OriginalStart::Timed(Moment::Wall(ZonedTime { local: "2026-03-03T09:00:00".to_owned(), zone: Zone::Named(BERLIN.to_owned()) }));
    let third = OriginalStart::Timed(Moment::At(1_772_611_200_000));
    world.update(&occurrence(&master, second.clone()), &[EventField::Subject("Other".to_owned())], None).unwrap();
    world.delete(&occurrence(&master, third.clone()), None).unwrap();
    world.delete(&occurrence(&master, third), None).unwrap();
    let mut subjects: Vec<String> = world.events().into_iter().map(|e| e.subject).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["Other", "Series"]);
    let detail = crate::events::get_events(&world.client, ANNA, &[master]).remove(0).unwrap();
    assert_eq!((detail.event.subject.as_str(), detail.exceptions.len(), detail.cancelled.len()), ("Series", 1, 1));
    let EventKind::Exception(place) = &detail.exceptions[0].kind else { panic!("{:?}", detail.exceptions) };
    assert_eq!(place.original, Some(OriginalStart::Timed(Moment::At(1_772_524_800_000))));
    world.nobody_was_mailed();
}

#[test]
fn b17_an_occurrence_past_its_neighbour_is_refused_by_name() {
    let world = World::new();
    let daily = RecurrencePattern::Daily(DailyPattern { interval: 1 });
    let master = world.create(&series(daily, RecurrenceEnd::Count(3))).unwrap();
    let second = OriginalStart::Timed(Moment::At(1_772_524_800_000));
    let beyond = [time("2026-03-05T09:00:00", "2026-03-05T10:00:00")];
    let error = world.update(&occurrence(&master, second), &beyond, None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused("occurrence-crosses-neighbour".to_owned()));
    world.nobody_was_mailed();
}

#[test]
fn b35_a_meeting_is_changed_and_deleted_without_a_mail_unless_it_is_allowed() {
    let world = World::new();
    let meeting = || Seed::new("Meeting", "2026-03-30T09:00:00", "2026-03-30T10:00:00", BERLIN).attendees(&[BEA]);
    world.mailboxes.add_event(ANNA, meeting()).unwrap();
    let event = world.events().remove(0);
    world.update(&item(&event.id), &[time("2026-03-31T09:00:00", "2026-03-31T10:00:00")], None).unwrap();
    world.delete(&item(&event.id), None).unwrap();
    world.nobody_was_mailed();
    world.mailboxes.add_event(ANNA, meeting()).unwrap();
    let event = world.events().remove(0);
    crate::write::delete(&world.client, ANNA, &item(&event.id), None, AttendeeMail::Allowed).unwrap();
    assert!(world.mailboxes.attendee_mails() > 0, "it was allowed");
}

#[test]
fn s10_an_invitation_is_answered_without_a_mail() {
    use crate::bindings::exports::calport::connector::calendar::Response;
    let world = World::new();
    let invited = Seed::new("Meeting", "2026-03-30T09:00:00", "2026-03-30T10:00:00", BERLIN).organized_by(BEA, "Bea Busch", "notResponded");
    world.mailboxes.add_event(ANNA, invited).unwrap();
    let event = world.events().remove(0);
    world.update(&item(&event.id), &[EventField::Response(Response::Accepted)], None).unwrap();
    assert_eq!(world.events().remove(0).response, Response::Accepted);
    world.nobody_was_mailed();
}
