//! "Synchronise current", further calendars, full reads, alerts.

use std::time::Duration;

use calport_engine::{AlertPlan, CalendarPlan};
use calport_model::{Availability, ErrorKind, ErrorScope, Span};

use super::common::*;

const ANNA: &str = "anna@example.com";

async fn rig() -> Rig {
    let mut rig = Rig::new(&["anna"]).await;
    rig.sink.with(|s| s.changed = Some(Vec::new()));
    rig.each = |person| person.synchronize_current = true;
    rig.calendar.put(ANNA, busy("e2", "2026-03-02T13:00:00Z", "2026-03-02T14:00:00Z", "Review"));
    rig
}

fn own(rig: &Rig) -> Vec<(String, String, Vec<String>)> {
    rig.calendar.with(|s| {
        let own = s.mailboxes[ANNA].events.values().filter(|e| e.id.starts_with("new-"));
        own.map(|e| {
            let Span::Timed { start, end } = e.span else { panic!("a day") };
            (e.subject.expose().to_owned(), format!("{start}/{end}"), e.categories.clone())
        })
        .collect()
    })
}

#[tokio::test]
async fn rule_p23_a_state_set_by_hand_stands_in_the_calendar_until_it_ends() {
    let rig = rig().await;
    rig.start().await;
    rig.to("2026-03-02T09:00:00Z").await;
    rig.sink.by_hand("anna", Availability::Away, "At the doctor's");
    rig.pass(2).await;
    let tagged = vec!["calport:current".to_owned()];
    let until_the_next = "2026-03-02T09:00:02Z/2026-03-02T13:00:00Z".to_owned();
    assert_eq!(own(&rig), [("At the doctor's".to_owned(), until_the_next, tagged.clone())]);
    // The notification of Calport's own write changes nothing: no echo.
    let shown = rig.sink.count();
    rig.notify(ANNA, 1).await;
    rig.pass(30).await;
    assert_eq!((rig.sink.count(), own(&rig).len()), (shown, 1));
    // Taken back: shortened.
    rig.to("2026-03-02T10:00:00Z").await;
    rig.sink.release("anna");
    rig.pass(2).await;
    assert_eq!(own(&rig), [("At the doctor's".to_owned(), "2026-03-02T09:00:02Z/2026-03-02T10:00:02Z".to_owned(), tagged)]);
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available until 14:00 (Busy: Review)");
}

#[tokio::test]
async fn rule_p23_without_a_next_appointment_it_lasts_for_the_day_and_is_moved_on() {
    let rig = rig().await;
    rig.calendar.delete(ANNA, "e2");
    rig.start().await;
    rig.sink.by_hand("anna", Availability::DoNotDisturb, "");
    rig.pass(2).await;
    assert_eq!(own(&rig)[0].0, "Do not disturb");
    assert_eq!(own(&rig)[0].1, "2026-03-02T08:00:02Z/2026-03-02T23:00:00Z");
    rig.to("2026-03-02T23:00:00Z").await;
    assert_eq!(own(&rig)[0].1, "2026-03-02T08:00:02Z/2026-03-03T23:00:00Z");
}

#[tokio::test]
async fn b40_a_lost_answer_leaves_one_appointment() {
    let rig = rig().await;
    rig.start().await;
    rig.calendar.with(|s| s.lose_answer = true);
    rig.sink.by_hand("anna", Availability::Away, "Out");
    rig.pass(2).await;
    rig.pass(5).await;
    assert_eq!(own(&rig).len(), 1);
    assert_eq!(rig.calendar.with(|s| s.writes.iter().filter(|w| w.starts_with("create")).count()), 1);
    rig.sink.release("anna");
    rig.pass(120).await;
    assert_eq!(rig.calendar.with(|s| s.writes.len()), 2, "and it is known well enough to be shortened");
}

#[tokio::test]
async fn rule_p23_what_was_crossed_by_a_restart_is_made_once() {
    let mut rig = rig().await;
    rig.start().await;
    rig.calendar.with(|s| s.lose_answer = true);
    rig.sink.by_hand("anna", Availability::Away, "Out");
    rig.pass(2).await;
    rig.restart().await;
    rig.pass(5).await;
    assert_eq!(own(&rig).len(), 1);
}

#[tokio::test]
async fn rule_p23_a_state_that_ends_at_once_leaves_nothing() {
    let rig = rig().await;
    rig.start().await;
    rig.sink.by_hand("anna", Availability::Away, "Oops");
    rig.pass(2).await;
    rig.sink.release("anna");
    rig.pass(2).await;
    assert!(own(&rig).is_empty(), "{:?}", own(&rig));
}

#[tokio::test]
async fn b34_a_conflict_is_read_and_written_again_and_an_appointment_moved_by_its_owner_is_left() {
    let rig = rig().await;
    rig.start().await;
    rig.sink.by_hand("anna", Availability::Away, "Out");
    rig.pass(2).await;
    rig.calendar.with(|s| s.conflict = true);
    rig.to("2026-03-02T09:00:00Z").await;
    rig.sink.release("anna");
    rig.pass(2).await;
    assert_eq!(own(&rig)[0].1, "2026-03-02T08:00:02Z/2026-03-02T09:00:02Z");

    rig.sink.by_hand("anna", Availability::Away, "Again");
    rig.pass(2).await;
    rig.calendar.with(|s| {
        let event = s.mailboxes.get_mut(ANNA).unwrap().events.values_mut().find(|e| e.subject.expose() == "Again").unwrap();
        event.span = Span::Timed { start: at("2026-03-02T11:00:00Z"), end: at("2026-03-02T12:00:00Z") };
        event.version.push('m');
    });
    rig.to("2026-03-02T10:00:00Z").await;
    rig.sink.release("anna");
    rig.pass(2).await;
    assert!(own(&rig).iter().any(|(_, time, _)| time == "2026-03-02T11:00:00Z/2026-03-02T12:00:00Z"), "{:?}", own(&rig));
}

#[tokio::test]
async fn rule_p23_nothing_is_written_unless_it_is_wanted() {
    let mut rig = rig().await;
    rig.each = |_| {};
    rig.start().await;
    rig.sink.by_hand("anna", Availability::Away, "Out");
    rig.pass(2).await;
    assert!(rig.calendar.with(|s| s.writes.is_empty()));
}

#[tokio::test]
async fn feat_p14_a_shared_calendar_counts_as_well_and_one_that_is_missing_harms_nothing() {
    let mut rig = Rig::new(&["anna", "bert"]).await;
    rig.calendar.with(|s| s.mailboxes.insert("room@example.com".into(), Mailbox::default()));
    rig.calendar.put("room@example.com", busy("r1", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z", "Workshop"));
    rig.each = |person| {
        let calendar = |address: &str| CalendarPlan { connection: "cal".into(), address: address.into() };
        if person.id == "anna" {
            person.calendars = vec![calendar("room@example.com"), calendar("nowhere@example.com")];
        }
    };
    rig.start().await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available until 10:00 (Busy: Workshop)");
    assert_eq!(rig.sink.shows("bert").unwrap(), "Available");
    rig.calendar.put("room@example.com", busy("r1", "2026-03-02T09:30:00Z", "2026-03-02T10:00:00Z", "Workshop"));
    rig.notify("room@example.com", 1).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available until 10:30 (Busy: Workshop)");
    let status = rig.engine.status().await.unwrap();
    let calendars = &status.people[0].calendars;
    assert_eq!(calendars.iter().map(|c| (c.resolution, c.counts)).collect::<Vec<_>>(), [("resolved", true), ("not-found", false)]);
    rig.restart().await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available until 10:30 (Busy: Workshop)");
    rig.each = |_| {};
    rig.start().await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available");
}

#[tokio::test]
async fn feat_c09_the_window_is_read_in_full_every_week_and_at_start_if_wished() {
    let mut rig = Rig::new(&["anna"]).await;
    rig.start().await;
    let reads = |rig: &Rig| rig.calendar.with(|s| s.full_reads);
    assert_eq!(reads(&rig), 1);
    for _ in 0..(7 * 4 + 2) {
        rig.pass(6 * 3600 + 2400).await;
    }
    assert_eq!(reads(&rig), 2);
    rig.restart().await;
    assert_eq!(reads(&rig), 2);
    rig.settings.full_read_at_start = true;
    rig.restart().await;
    assert_eq!(reads(&rig), 3);
}

#[tokio::test]
async fn feat_r06_a_lasting_failure_is_mailed_once_and_its_end_too() {
    let mut rig = Rig::new(&["anna"]).await;
    rig.settings.alerts = Some(AlertPlan {
        connection: "cal".into(),
        sender: "calport@example.com".into(),
        to: vec!["admin@example.com".into()],
        after: Duration::from_secs(900),
        repeat: Duration::from_secs(86_400),
    });
    rig.start().await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T08:00:00Z", "2026-03-02T12:00:00Z", "Meeting"));
    rig.sink.with(|s| s.fail = Some(failure(ErrorKind::Forbidden, ErrorScope::Mailbox)));
    rig.notify(ANNA, 1).await;
    rig.calendar.with(|s| s.fail_mail = true);
    for _ in 0..40 {
        rig.pass(30).await;
    }
    assert_eq!(rig.calendar.with(|s| s.mails.len()), 0);
    rig.calendar.with(|s| s.fail_mail = false);
    for _ in 0..60 {
        rig.pass(30).await;
    }
    let mails = rig.calendar.with(|s| s.mails.clone());
    assert_eq!(mails.len(), 1);
    assert!(mails[0].body.contains("the presence of anna cannot be shown at pbx: the fake refuses"), "{}", mails[0].body);
    rig.sink.with(|s| s.fail = None);
    for _ in 0..60 {
        rig.pass(30).await;
    }
    let mails = rig.calendar.with(|s| s.mails.clone());
    assert_eq!((mails.len(), mails[1].subject.as_str()), (2, "Calport: it works again"));
}

#[tokio::test]
async fn feat_p07_the_language_is_the_persons_else_the_mailboxs_else_the_hosts() {
    let mut rig = Rig::new(&["anna", "bert", "carl"]).await;
    rig.calendar.with(|s| {
        s.languages.insert("anna@example.com".into(), "fr-CH".into());
        s.languages.insert("bert@example.com".into(), "fr".into());
        s.languages.insert("carl@example.com".into(), "sv".into());
    });
    rig.each = |person| person.language = (person.id == "bert").then(|| "da".parse().unwrap());
    rig.settings.language = "de".parse().unwrap();
    rig.start().await;
    let shown = ["anna", "bert", "carl"].map(|user| rig.sink.shows(user).unwrap());
    assert_eq!(shown, ["Disponible", "Ledig", "Verfügbar"]);
}
