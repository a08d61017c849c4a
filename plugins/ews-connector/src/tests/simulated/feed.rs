//! Following a calendar: what its owner does is told.

use calport_sdk::common::OriginalStart;
use calport_simulators::graph::EventDraft as Seed;

use super::*;
use crate::bindings::exports::calport::connector::calendar::{ChangePage, EventKind};

fn cursor(page: &ChangePage) -> String {
    match &page.end {
        FeedEnd::Done(cursor) => cursor.clone(),
        FeedEnd::More(_) => panic!("more"),
    }
}

fn seed(subject: &str, day: &str) -> Seed {
    Seed::new(subject, &format!("{day}T09:00:00"), &format!("{day}T10:00:00"), BERLIN)
}

fn told(page: &ChangePage) -> (Vec<String>, usize) {
    let name = |c: &Change| if let Change::Upsert(event) = c { Some(event.subject.clone()) } else { None };
    let mut upserts: Vec<String> = page.changes.iter().filter_map(name).collect();
    upserts.sort_unstable();
    (upserts, page.changes.iter().filter(|c| matches!(c, Change::Removed(_))).count())
}

#[test]
fn c08_what_the_owner_does_is_told_once() {
    let world = World::new();
    let changes = |cursor: Option<&str>| crate::feed::changes(&world.client, ANNA, None, YEAR, cursor).unwrap();
    let (a, b) = (world.mailboxes.add_event(ANNA, seed("A", "2026-03-30")), world.mailboxes.add_event(ANNA, seed("B", "2026-03-31")));
    let first = changes(None);
    assert_eq!(told(&first), (vec!["A".to_owned(), "B".to_owned()], 0));
    world.mailboxes.update_event(ANNA, &a.unwrap(), Seed::patch().subject("A2")).unwrap();
    world.mailboxes.delete_event(ANNA, &b.unwrap()).unwrap();
    world.mailboxes.add_event(ANNA, seed("Long ago", "2020-01-01")).unwrap();
    let second = changes(Some(&cursor(&first)));
    assert_eq!(told(&second), (vec!["A2".to_owned()], 1), "what lies outside the window is none of its changes");
    assert_eq!(told(&changes(Some(&cursor(&second)))), (vec![], 0));
}

#[test]
fn c07_a_series_is_followed_by_its_occurrences() {
    let world = World::new();
    let changes = |cursor: Option<&str>| crate::feed::changes(&world.client, ANNA, None, YEAR, cursor).unwrap();
    let series = world.mailboxes.add_event(ANNA, seed("Standup", "2026-03-27").daily(5)).unwrap();
    let first = changes(None);
    assert_eq!(told(&first).0.len(), 5);
    let masters: Vec<String> = first
        .changes
        .iter()
        .map(|c| match c {
            Change::Upsert(Event { kind: EventKind::Occurrence(place), .. }) => place.master.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(masters.iter().all(|m| *m == masters[0]));
    assert_eq!(world.bodies("GetItem").len(), 1, "one master is looked up once");
    // Nine o'clock in Berlin stays nine o'clock over the change of the clocks (SEMANTICS B-16).
    let starts: Vec<Moment> =
        world.events().into_iter().map(|e| if let Span::Timed(span) = e.time.span { span.start } else { panic!("{:?}", e.time) }).collect();
    let hour = 3_600_000;
    let at_eight = 1_774_598_400_000_i64;
    let days: Vec<Moment> = (0..5_i64).map(|n| Moment::At(at_eight + n * 24 * hour - if n >= 2 { hour } else { 0 })).collect();
    assert_eq!(starts, days);
    world.mailboxes.delete_occurrence(ANNA, &series, "2026-03-28T09:00:00").unwrap();
    let second = changes(Some(&cursor(&first)));
    assert!(told(&second).1 >= 1, "{second:?}");
    assert_eq!(world.events().len(), 4);
    let detail = crate::events::get_events(&world.client, ANNA, &masters[..1]).remove(0).unwrap();
    let at = OriginalStart::Timed(Moment::At(at_eight + 24 * hour));
    assert_eq!((detail.event.kind, detail.cancelled), (EventKind::Master, vec![at]));
    // What a reader of one series sees is what the window holds.
    let mut instances: Vec<String> =
        crate::series::instances(&world.client, ANNA, &masters[0], YEAR).unwrap().into_iter().map(|e| format!("{:?}", e.time)).collect();
    let mut window: Vec<String> = world.events().into_iter().map(|e| format!("{:?}", e.time)).collect();
    instances.sort_unstable();
    window.sort_unstable();
    assert_eq!(instances, window);
}

#[test]
fn b15_a_series_that_began_long_before_the_window_is_there() {
    let world = World::new();
    world.mailboxes.add_event(ANNA, seed("Monday", "2019-01-07").weekly(&["monday"])).unwrap();
    let week = Window { start: 1_774_828_800_000, end: 1_775_433_600_000 };
    let events = read_all(&world.client, ANNA, week).unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn b19_a_calendar_larger_than_a_search_is_read_whole() {
    let world = World::with(Config { find_limit: 10, ..Config::default() });
    for n in 1..=25 {
        world.mailboxes.add_event(ANNA, seed(&format!("E{n}"), &format!("2026-03-{n:02}"))).unwrap();
    }
    let mut subjects: Vec<String> = world.events().into_iter().map(|e| e.subject).collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!(subjects.len(), 25);
    let (mut ids, mut next) = (Vec::new(), None::<String>);
    loop {
        let page = crate::feed::ids(&world.client, ANNA, None, YEAR, next.as_deref()).unwrap();
        ids.extend(page.ids.into_iter().map(|one| one.id));
        match page.next {
            Some(cursor) => next = Some(cursor),
            None => break,
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 25);
}

#[test]
fn b20_b37_what_the_owner_wrote_is_what_is_read() {
    let world = World::new();
    let day = Seed::all_day("Leave", "2026-03-29", "2026-03-31", BERLIN).show_as("oof").sensitivity("private");
    world.mailboxes.add_event(ANNA, day).unwrap();
    let meeting = seed("Jour fixe", "2026-03-30").show_as("workingElsewhere").location("Room 2").categories(&["Red", "Blue"]);
    world.mailboxes.add_event(ANNA, meeting.organized_by(BEA, "Bea Busch", "tentativelyAccepted")).unwrap();
    let events = world.events();
    let one = |subject: &str| events.iter().find(|e| e.subject == subject).unwrap().clone();
    let leave = one("Leave");
    let Span::AllDay(days) = &leave.time.span else { panic!("{:?}", leave.time) };
    assert_eq!((days.start.as_str(), days.end.as_str()), ("2026-03-29", "2026-03-31"));
    assert_eq!((leave.show_as, leave.sensitivity), (ShowAs::OutOfOffice, Sensitivity::Private));
    let jour = one("Jour fixe");
    assert_eq!(jour.show_as, ShowAs::WorkingElsewhere);
    assert_eq!(jour.response, crate::bindings::exports::calport::connector::calendar::Response::Tentative);
    assert_eq!((jour.location.unwrap().name, jour.categories), ("Room 2".to_owned(), vec!["Red".to_owned(), "Blue".to_owned()]));
    // A search tells the organizer's name, the event itself the address as well.
    assert_eq!((jour.organizer.unwrap().name.as_str(), jour.is_organizer), ("Bea Busch", false));
    assert_eq!(world.get(&jour.id).unwrap().organizer.unwrap().address, BEA);
    assert_eq!(jour.time.start_zone, Some(Zone::Named(BERLIN.to_owned())));
}

#[test]
fn rule_p05_who_sent_a_tentative_invitation_is_known_without_reading_bodies() {
    let world = World::new();
    let invitation =
        |subject: &str, show_as: &str| seed(subject, "2026-03-30").show_as(show_as).organized_by(BEA, "Bea Busch", "tentativelyAccepted");
    world.mailboxes.add_event(ANNA, invitation("Perhaps", "tentative")).unwrap();
    world.mailboxes.add_event(ANNA, invitation("Surely", "busy")).unwrap();
    let events = read_all(&world.client, ANNA, YEAR).unwrap();
    let address = |subject: &str| events.iter().find(|e| e.subject == subject).unwrap().organizer.clone().unwrap().address;
    assert_eq!(address("Perhaps"), BEA);
    // It tells the name of the others' organizers; nothing is read for an address that nobody needs.
    assert_eq!(address("Surely"), "");
}

#[test]
fn feat_read_bodies_reads_events_whole_and_as_they_are_asked_for_by_id() {
    let world = World::new();
    let body = serde_json::json!({ "contentType": "html", "content": "<p>Agenda</p>" });
    let meeting = seed("Meeting", "2026-03-30").attendees(&[BEA]).set("body", body);
    world.mailboxes.add_event(ANNA, meeting).unwrap();
    world.mailboxes.add_event(ANNA, seed("Standup", "2026-03-27").daily(12)).unwrap();
    let client = world.client(Settings { read_bodies: true, ..settings() });
    let events = read_all(&client, ANNA, YEAR).unwrap();
    assert_eq!(events.len(), 13);
    let one = events.iter().find(|e| e.subject == "Meeting").unwrap();
    assert_eq!(one.attendees.iter().map(|a| a.who.address.as_str()).collect::<Vec<_>>(), [BEA]);
    assert!(one.body.as_ref().unwrap().content.contains("Agenda"));
    let ids: Vec<String> = events.iter().map(|e| e.id.clone()).collect();
    let by_id = crate::events::get_events(&client, ANNA, &ids);
    for (event, detail) in events.iter().zip(by_id) {
        assert_eq!(*event, detail.unwrap().event);
    }
    let presence = read_all(&world.client, ANNA, YEAR).unwrap();
    assert!(presence.iter().all(|e| e.body.is_none() && e.attendees.is_empty()), "what is not wanted is not asked for");
}
