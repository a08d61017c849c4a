//! The engine over a fake calendar and a fake sink: no network, no waiting.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod common;
mod gaps;
mod hooks;
mod overrule;
mod streams;
mod writes;

use calport_model::notification::HintKind;
use calport_model::{ErrorKind, ErrorScope, EventKind, OriginalStart};
use common::*;

const ANNA: &str = "anna@example.com";

#[tokio::test]
async fn feat_c01_an_appointment_becomes_presence_and_its_change_and_end_too() {
    let rig = Rig::new(&["anna"]).await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.start().await;
    assert!(rig.sink.shows("anna").unwrap().starts_with("Available until"), "{:?}", rig.sink.shows("anna"));
    rig.to("2026-03-02T09:00:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T09:00:00Z", "2026-03-02T10:30:00Z", "Meeting"));
    rig.notify(ANNA, 1).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:30");
    rig.calendar.delete(ANNA, "e1");
    rig.pass(60).await;
    rig.notify(ANNA, 1).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available");
}

#[tokio::test]
async fn rule_p28_a_boundary_fires_at_its_time_and_never_early() {
    let rig = Rig::new(&["anna"]).await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.start().await;
    let before = rig.sink.count();
    rig.to("2026-03-02T08:59:59.999Z").await;
    assert_eq!(rig.sink.count(), before);
    rig.to("2026-03-02T09:00:00Z").await;
    assert_eq!(rig.sink.count(), before + 1);
    rig.to("2026-03-02T10:00:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available");
}

#[tokio::test]
async fn rule_p27_an_edit_that_changes_nothing_shown_is_not_published() {
    let rig = Rig::new(&["anna"]).await;
    let event = busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting");
    rig.calendar.put(ANNA, event.clone());
    rig.start().await;
    let before = rig.sink.count();
    rig.calendar.put(ANNA, calport_model::Event { version: "2".into(), categories: vec!["Blue".into()], ..event });
    rig.notify(ANNA, 1).await;
    assert_eq!(rig.sink.count(), before);
}

#[tokio::test]
async fn b27_a_thousand_identical_notifications_cause_at_most_two_delta_calls() {
    let rig = Rig::new(&["anna"]).await;
    rig.start().await;
    let before = rig.calendar.with(|s| s.delta_reads);
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.notify(ANNA, 1000).await;
    for _ in 0..30 {
        rig.pass(1).await;
    }
    let reads = rig.calendar.with(|s| s.delta_reads) - before;
    assert!((1..=2).contains(&reads), "{reads}");
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
}

#[tokio::test]
async fn b24_a_lost_cursor_causes_no_flap() {
    let rig = Rig::new(&["anna"]).await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.start().await;
    let before = rig.sink.count();
    rig.calendar.with(|s| s.generation += 1);
    rig.notify(ANNA, 1).await;
    assert_eq!(rig.calendar.with(|s| s.full_reads), 2);
    assert_eq!(rig.sink.count(), before);
}

#[tokio::test]
async fn b09_an_empty_answer_after_a_reset_wipes_nothing() {
    let rig = Rig::new(&["anna"]).await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.start().await;
    let before = rig.sink.count();
    rig.calendar.with(|s| {
        s.generation += 1;
        s.empty_answers = true;
    });
    rig.notify(ANNA, 1).await;
    assert_eq!(rig.sink.count(), before);
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
}

#[tokio::test]
async fn b07_a_removal_that_is_none_removes_nothing() {
    let rig = Rig::new(&["anna"]).await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.start().await;
    let before = rig.sink.count();
    rig.calendar.say_removed(ANNA, "e1");
    rig.calendar.say_removed(ANNA, "never-in-the-window");
    rig.notify(ANNA, 1).await;
    assert_eq!(rig.sink.count(), before);
}

#[tokio::test]
async fn b07_an_event_moved_out_of_the_window_leaves_the_mirror() {
    let rig = Rig::new(&["anna"]).await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.start().await;
    rig.calendar.with(|s| {
        s.mailboxes.get_mut(ANNA).unwrap().events.insert("e1".into(), busy("e1", "2027-03-02T07:00:00Z", "2027-03-02T10:00:00Z", "Meeting"))
    });
    rig.calendar.say_removed(ANNA, "e1");
    rig.notify(ANNA, 1).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available");
}

#[tokio::test]
async fn c07_a_changed_master_reads_its_series_again() {
    let rig = Rig::new(&["anna"]).await;
    let occurrence = |id: &str, day: &str| calport_model::Event {
        kind: EventKind::Occurrence { master: "m".into(), original: OriginalStart::Timed(at(&format!("{day}T07:30:00Z"))) },
        ..busy(id, &format!("{day}T07:30:00Z"), &format!("{day}T09:00:00Z"), "Jour fixe")
    };
    rig.calendar.put(ANNA, occurrence("o1", "2026-03-02"));
    rig.calendar.put(ANNA, occurrence("o2", "2026-03-05"));
    rig.start().await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Jour fixe until 10:00");
    rig.calendar.with(|s| s.mailboxes.get_mut(ANNA).unwrap().series.insert("m".into(), vec![occurrence("o2", "2026-03-05")]));
    rig.calendar.put(
        ANNA,
        calport_model::Event { kind: EventKind::Master, ..busy("m", "2026-03-02T07:30:00Z", "2026-03-02T09:00:00Z", "Jour fixe") },
    );
    rig.notify(ANNA, 1).await;
    assert!(rig.sink.shows("anna").unwrap().starts_with("Available"), "{:?}", rig.sink.shows("anna"));
}

#[tokio::test]
async fn b25_a_failed_page_leaves_the_cursor_after_the_last_good_one() {
    let rig = Rig::new(&["anna"]).await;
    rig.start().await;
    rig.calendar.with(|s| {
        s.page_size = 1;
        s.fail_page = Some(1);
    });
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "First"));
    rig.calendar.put(ANNA, busy("e2", "2026-03-02T07:30:00Z", "2026-03-02T11:00:00Z", "Second"));
    rig.notify(ANNA, 1).await;
    let status = rig.engine.status().await.unwrap();
    assert_eq!(status.people[0].feed, "degraded");
    rig.calendar.with(|s| s.fail_page = None);
    rig.pass(600).await;
    assert_eq!(rig.calendar.with(|s| s.full_reads), 1);
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Second until 12:00");
}

#[tokio::test]
async fn r05_a_restart_reads_no_window_again_and_makes_no_subscription_twice() {
    let mut rig = Rig::new(&["anna", "bob"]).await;
    rig.start().await;
    assert_eq!(rig.calendar.with(|s| (s.full_reads, s.made)), (2, 2));
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.restart().await;
    rig.pass(5).await;
    assert_eq!(rig.calendar.with(|s| (s.full_reads, s.made)), (2, 2));
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
}

#[tokio::test]
async fn rule_p30_switched_off_and_removed_people_are_cleared() {
    let mut rig = Rig::new(&["anna", "bob"]).await;
    rig.start().await;
    assert!(rig.sink.shows("anna").is_some() && rig.sink.shows("bob").is_some());
    rig.off.push("anna".into());
    rig.people.retain(|p| p != "bob");
    rig.start().await;
    rig.pass(60).await;
    assert_eq!((rig.sink.shows("anna"), rig.sink.shows("bob")), (None, None));
    rig.off.clear();
    rig.start().await;
    assert!(rig.sink.shows("anna").is_some());
}

#[tokio::test]
async fn rule_p30_a_deactivated_connection_clears_its_people() {
    let rig = Rig::new(&["anna"]).await;
    rig.start().await;
    assert!(rig.engine.activate("cal", false).await.unwrap());
    rig.engine.settle().await.unwrap();
    assert_eq!(rig.sink.shows("anna"), None);
    rig.engine.activate("cal", true).await.unwrap();
    rig.engine.settle().await.unwrap();
    assert!(rig.sink.shows("anna").is_some());
}

#[tokio::test]
async fn b46_a_failing_mailbox_does_not_stop_the_others() {
    let rig = Rig::new(&["anna", "bob"]).await;
    rig.calendar.with(|s| s.mailboxes.get_mut(ANNA).unwrap().fail = Some(failure(ErrorKind::Forbidden, ErrorScope::Mailbox)));
    rig.start().await;
    assert_eq!(rig.sink.shows("anna"), None);
    assert!(rig.sink.shows("bob").is_some());
    let status = rig.engine.status().await.unwrap();
    assert_eq!((status.people[0].feed, status.people[1].feed), ("blocked", "live"));
    rig.calendar.with(|s| s.mailboxes.get_mut(ANNA).unwrap().fail = None);
    rig.pass(1000).await;
    assert!(rig.sink.shows("anna").is_some());
}

#[tokio::test]
async fn b29_a_removed_subscription_is_made_again_and_the_gap_is_read() {
    let rig = Rig::new(&["anna"]).await;
    rig.start().await;
    let old = rig.subscription(ANNA);
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.calendar.with(|s| s.next_hint = Some(HintKind::SubscriptionRemoved));
    rig.notify(ANNA, 1).await;
    rig.calendar.with(|s| s.subscriptions.remove(&old));
    assert_ne!(rig.subscription(ANNA), old);
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
}

#[tokio::test]
async fn rule_c10_a_subscription_is_renewed_at_half_of_its_life() {
    let rig = Rig::new(&["anna"]).await;
    rig.start().await;
    rig.pass(20 * 3600).await;
    assert_eq!(rig.calendar.with(|s| s.renewals), 0);
    rig.pass(8 * 3600).await;
    assert_eq!(rig.calendar.with(|s| (s.renewals, s.made)), (1, 1));
}

#[tokio::test]
async fn rule_c12_without_any_notification_a_mailbox_is_read_within_six_hours_and_ten_per_cent() {
    let rig = Rig::new(&["anna"]).await;
    rig.start().await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T23:00:00Z", "Meeting"));
    rig.pass(5 * 3600).await;
    assert!(rig.sink.shows("anna").unwrap().starts_with("Available"));
    rig.pass(2 * 3600).await;
    assert!(rig.sink.shows("anna").unwrap().starts_with("Busy: Meeting"));
}

#[tokio::test]
async fn rule_c14_without_a_public_url_mailboxes_are_polled() {
    let mut rig = Rig::new(&["anna"]).await;
    rig.hooks = false;
    rig.start().await;
    assert_eq!(rig.calendar.with(|s| s.made), 0);
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.pass(331).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
    assert_eq!(rig.engine.status().await.unwrap().connections[0].mode, "polling");
}

#[tokio::test]
async fn shadow_mode_computes_and_publishes_nothing() {
    let mut rig = Rig::new(&["anna"]).await;
    rig.settings.publish = false;
    rig.start().await;
    assert_eq!(rig.sink.count(), 0);
    let status = rig.engine.status().await.unwrap();
    assert_eq!(status.people[0].wanted.as_ref().unwrap().text, "Available");
    assert!(!status.publish);
}

#[tokio::test]
async fn rule_p27_a_sink_that_fails_gets_the_newest_value_later() {
    let rig = Rig::new(&["anna"]).await;
    rig.sink.state.lock().unwrap().fail = Some(failure(ErrorKind::Unavailable, ErrorScope::Item));
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.start().await;
    rig.to("2026-03-02T09:30:00Z").await;
    assert_eq!(rig.sink.shows("anna"), None);
    rig.sink.state.lock().unwrap().fail = None;
    rig.pass(300).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
    let sequences = rig.sink.state.lock().unwrap().sequences.clone();
    assert!(sequences.is_sorted(), "{sequences:?}");
}

#[tokio::test]
async fn feat_c16_a_person_without_a_mailbox_says_what_to_do_next() {
    let mut rig = Rig::new(&["anna"]).await;
    rig.people.push("nobody".into());
    rig.start().await;
    let status = rig.engine.status().await.unwrap();
    let nobody = status.people.iter().find(|p| p.id == "nobody").unwrap();
    assert_eq!(nobody.resolution, "not-found");
    assert!(nobody.detail.contains("nobody@example.com"), "{}", nobody.detail);
}

#[tokio::test]
async fn rule_p21a_automatic_replies_are_read_every_quarter_of_an_hour() {
    let rig = Rig::new(&["anna"]).await;
    rig.start().await;
    rig.calendar.with(|s| s.absences.insert(ANNA.into(), calport_model::AbsenceState::Enabled));
    rig.pass(17 * 60).await;
    let row = rig.store.feeds().await.unwrap().remove(0);
    assert_eq!(row.absence.unwrap().0.state, calport_model::AbsenceState::Enabled);
}

#[tokio::test]
async fn c07_an_occurrence_that_cannot_be_read_stays_as_it_is_known() {
    let rig = Rig::new(&["anna"]).await;
    let occurrence = |id: &str, day: &str| calport_model::Event {
        kind: EventKind::Occurrence { master: "m".into(), original: OriginalStart::Timed(at(&format!("{day}T07:30:00Z"))) },
        ..busy(id, &format!("{day}T07:30:00Z"), &format!("{day}T09:00:00Z"), "Jour fixe")
    };
    rig.calendar.put(ANNA, occurrence("o1", "2026-03-02"));
    rig.calendar.put(ANNA, occurrence("o2", "2026-03-05"));
    rig.start().await;
    rig.calendar.with(|s| {
        let mailbox = s.mailboxes.get_mut(ANNA).unwrap();
        mailbox.series.insert("m".into(), vec![occurrence("o2", "2026-03-05")]);
        mailbox.unreadable = vec![("o1".into(), "a date is not of the form YYYY-MM-DD".into())];
    });
    rig.calendar.put(
        ANNA,
        calport_model::Event { kind: EventKind::Master, ..busy("m", "2026-03-02T07:30:00Z", "2026-03-02T09:00:00Z", "Jour fixe") },
    );
    rig.notify(ANNA, 1).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Jour fixe until 10:00");
}

#[tokio::test]
async fn b29_a_resync_without_a_mailbox_reads_all_of_the_connection() {
    let rig = Rig::new(&["anna", "bob"]).await;
    rig.start().await;
    let before = rig.calendar.with(|s| s.delta_reads);
    rig.calendar.with(|s| s.next_hint = Some(HintKind::Resync));
    let request = calport_model::notification::HookRequest {
        lifecycle: true,
        content_type: "text/plain".into(),
        body: Vec::new(),
        received: at("2026-03-02T08:00:00Z"),
    };
    rig.store.add_hook("cal", &request).await.unwrap();
    rig.engine.hook_arrived("cal");
    rig.engine.settle().await.unwrap();
    assert_eq!(rig.calendar.with(|s| s.delta_reads) - before, 2);
}

#[tokio::test]
async fn b30_a_stored_notification_of_which_nobody_told_is_read_within_half_a_minute() {
    let rig = Rig::new(&["anna"]).await;
    rig.start().await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    let request = calport_model::notification::HookRequest {
        lifecycle: false,
        content_type: "text/plain".into(),
        body: rig.subscription(ANNA).into_bytes(),
        received: at("2026-03-02T08:00:00Z"),
    };
    rig.store.add_hook("cal", &request).await.unwrap();
    rig.pass(30).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
}
