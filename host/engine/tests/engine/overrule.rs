//! States set by hand at the sink, and what follows from them.

use std::sync::Arc;
use std::time::Duration;

use calport_model::{AbsenceState, Availability, ErrorKind, ErrorScope};
use calport_rules::presence::{Config, ManualRule, ManualRules, Profile, State, Target};

use super::common::*;

const ANNA: &str = "anna@example.com";

/// A sink that tells of changes; Anna has a meeting from 10 to 11 and one from 13 to 14, local time an hour more.
async fn rig() -> Rig {
    let rig = Rig::new(&["anna"]).await;
    rig.sink.with(|s| s.changed = Some(Vec::new()));
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", "Meeting"));
    rig.calendar.put(ANNA, busy("e2", "2026-03-02T13:00:00Z", "2026-03-02T14:00:00Z", "Review"));
    rig
}

#[tokio::test]
async fn rule_p22_an_overrule_during_a_meeting_holds_until_the_next_one_starts() {
    let rig = rig().await;
    rig.start().await;
    rig.to("2026-03-02T10:10:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 12:00 (Busy: Review)");
    let before = rig.sink.count();
    rig.sink.by_hand("anna", Availability::Away, "Lunch, back soon");
    rig.pass(2).await;
    assert_eq!(rig.sink.count(), before, "the person's own words are not written over");
    rig.to("2026-03-02T11:00:00Z").await;
    rig.to("2026-03-02T12:59:59Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Lunch, back soon");
    assert_eq!(rig.sink.count(), before);
    rig.to("2026-03-02T13:00:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Review until 15:00");
}

#[tokio::test]
async fn rule_p22a_what_has_ended_stays_ended_across_a_restart_and_a_deletion() {
    let mut rig = rig().await;
    rig.start().await;
    rig.sink.by_hand("anna", Availability::Away, "Lunch");
    rig.pass(2).await;
    rig.to("2026-03-02T10:00:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 12:00 (Busy: Review)");
    rig.calendar.delete(ANNA, "e1");
    rig.restart().await;
    rig.pass(120).await;
    rig.notify(ANNA, 1).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available until 14:00 (Busy: Review)");
}

#[tokio::test]
async fn rule_p22a_what_was_set_while_calport_was_down_is_read_before_anything_is_written() {
    let mut rig = rig().await;
    rig.start().await;
    rig.engine.stop().await.unwrap();
    rig.sink.by_hand("anna", Availability::DoNotDisturb, "Please not now");
    rig.clock.set(at("2026-03-02T10:30:00Z"));
    let before = rig.sink.count();
    rig.engine = calport_engine::Engine::start(rig.store.clone(), rig.clock.clone(), Default::default()).await.unwrap();
    rig.start().await;
    assert_eq!(rig.sink.count(), before, "the presence changed meanwhile, and the person's own state is above it");
    assert_eq!(rig.sink.shows("anna").unwrap(), "Please not now");
    rig.to("2026-03-02T13:00:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Review until 15:00");
}

#[tokio::test]
async fn rule_p22_taking_the_state_back_at_the_sink_ends_the_overrule() {
    let rig = rig().await;
    rig.start().await;
    rig.to("2026-03-02T10:10:00Z").await;
    rig.sink.by_hand("anna", Availability::Away, "Lunch");
    rig.pass(2).await;
    rig.sink.release("anna");
    rig.pass(2).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 12:00 (Busy: Review)");
    assert!(!rig.engine.status().await.unwrap().people[0].overruled);
}

#[tokio::test]
async fn rule_p22a_a_value_the_sink_lost_is_shown_again_but_not_for_ever() {
    let rig = rig().await;
    rig.start().await;
    let before = rig.sink.count();
    for _ in 0..20 {
        rig.sink.release("anna");
        rig.pass(2).await;
    }
    let sent = rig.sink.count() - before;
    assert!((3..=8).contains(&sent), "{sent} {:?}", rig.sink.with(|s| s.log.clone()));
}

#[tokio::test]
async fn rule_p22a_a_sink_that_tells_nothing_is_read_at_intervals() {
    let rig = rig().await;
    rig.sink.with(|s| s.changed = None);
    rig.start().await;
    rig.sink.by_hand("anna", Availability::Away, "Lunch");
    rig.pass(34).await;
    assert!(rig.engine.status().await.unwrap().people[0].overruled);
}

#[tokio::test]
async fn rule_p22a_a_text_that_the_sink_cut_is_no_overrule() {
    let rig = rig().await;
    rig.sink.with(|s| s.keeps = Some(10));
    rig.start().await;
    rig.sink.with(|s| s.changed.as_mut().unwrap().push("anna".into()));
    rig.pass(2).await;
    assert!(!rig.engine.status().await.unwrap().people[0].overruled);
}

#[tokio::test]
async fn b40_a_value_whose_answer_was_lost_is_no_overrule() {
    let rig = rig().await;
    rig.start().await;
    rig.sink.with(|s| s.lose = 1);
    rig.to("2026-03-02T10:00:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 12:00 (Busy: Review)");
    rig.sink.with(|s| s.changed.as_mut().unwrap().push("anna".into()));
    rig.pass(1).await;
    assert!(!rig.engine.status().await.unwrap().people[0].overruled, "the sink shows what Calport sent");
    rig.pass(10).await;
    assert!(rig.engine.status().await.unwrap().people[0].in_step);
    rig.to("2026-03-02T11:00:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available until 14:00 (Busy: Review)");
}

#[tokio::test]
async fn b40_a_value_sent_before_a_crash_is_no_overrule_after_the_start() {
    let mut rig = rig().await;
    rig.start().await;
    rig.sink.with(|s| s.lose = usize::MAX);
    rig.to("2026-03-02T10:00:00Z").await;
    rig.sink.with(|s| s.lose = 0);
    rig.restart().await;
    rig.pass(2).await;
    assert!(!rig.engine.status().await.unwrap().people[0].overruled, "the sink shows what Calport sent");
    rig.to("2026-03-02T11:00:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available until 14:00 (Busy: Review)");
}

#[tokio::test]
async fn b40_a_value_sent_before_a_crash_is_no_overrule_when_the_next_one_is_due_already() {
    let mut rig = rig().await;
    rig.start().await;
    rig.sink.with(|s| s.lose = usize::MAX);
    rig.to("2026-03-02T10:00:00Z").await;
    rig.sink.with(|s| s.lose = 0);
    rig.engine.stop().await.unwrap();
    rig.clock.set(at("2026-03-02T11:30:00Z"));
    rig.engine = calport_engine::Engine::start(rig.store.clone(), rig.clock.clone(), Default::default()).await.unwrap();
    rig.start().await;
    rig.pass(2).await;
    assert!(!rig.engine.status().await.unwrap().people[0].overruled, "the sink shows what Calport sent");
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available until 14:00 (Busy: Review)");
}

#[tokio::test]
async fn b40_what_may_have_arrived_is_read_before_it_is_sent_again() {
    let rig = rig().await;
    rig.sink.with(|s| s.changed = None);
    rig.start().await;
    rig.sink.with(|s| s.lose = 1);
    rig.to("2026-03-02T10:00:00Z").await;
    let before = rig.sink.count();
    rig.sink.by_hand("anna", Availability::Away, "Lunch");
    rig.pass(5).await;
    assert_eq!(rig.sink.count(), before, "the person's own words are not written over");
    assert_eq!(rig.sink.shows("anna").unwrap(), "Lunch");
    assert!(rig.engine.status().await.unwrap().people[0].overruled);
}

#[tokio::test]
async fn rule_r08_a_batch_that_fails_is_one_failure() {
    let names: Vec<String> = (0..8).map(|number| format!("p{number}")).collect();
    let rig = Rig::new(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for name in &names {
        let mailbox = format!("{name}@example.com");
        rig.calendar.put(&mailbox, busy("e1", "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", "Meeting"));
    }
    rig.start().await;
    rig.sink.with(|s| s.fail = Some(failure(ErrorKind::Unavailable, ErrorScope::Connection)));
    rig.to("2026-03-02T10:00:00Z").await;
    let state = |status: calport_engine::Status| status.connections.iter().find(|c| c.id == "pbx").unwrap().state;
    assert_eq!(state(rig.engine.status().await.unwrap()), "online");
    rig.sink.with(|s| s.fail = None);
    rig.pass(2).await;
    for name in &names {
        assert_eq!(rig.sink.shows(name).unwrap(), "Busy: Meeting until 12:00");
    }
}

#[tokio::test]
async fn rule_p24_a_state_that_forbids_appointments_holds_until_its_own_end() {
    let mut rig = rig().await;
    rig.each = |person| {
        let dnd = ManualRule { minutes: Some(240), blocks_appointments: true, ..ManualRule::default() };
        person.rules = Arc::new(Config { manual: ManualRules { dnd, ..ManualRules::default() }, ..Config::default() });
    };
    rig.start().await;
    rig.to("2026-03-02T09:30:00Z").await;
    rig.sink.by_hand("anna", Availability::DoNotDisturb, "Exam");
    rig.pass(2).await;
    rig.to("2026-03-02T10:30:00Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Exam");
    rig.to("2026-03-02T13:30:02Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Review until 15:00");
}

#[tokio::test]
async fn rule_p22_an_overrule_survives_a_restart_in_profile_last_end() {
    let mut rig = rig().await;
    rig.each = |person| person.rules = Arc::new(Config { profile: Profile::LastEnd, ..Config::default() });
    rig.start().await;
    rig.to("2026-03-02T10:10:00Z").await;
    rig.sink.by_hand("anna", Availability::Available, "Ask me");
    rig.pass(2).await;
    rig.restart().await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Ask me");
    assert!(rig.engine.status().await.unwrap().people[0].overruled);
}

#[tokio::test]
async fn rule_p30_switching_a_person_off_ends_the_overrule() {
    let mut rig = rig().await;
    rig.start().await;
    rig.sink.by_hand("anna", Availability::Away, "Lunch");
    rig.pass(2).await;
    rig.off = vec!["anna".into()];
    rig.start().await;
    assert_eq!(rig.sink.shows("anna"), None);
    rig.off.clear();
    rig.start().await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available until 11:00 (Busy: Meeting)");
}

#[tokio::test]
async fn rule_p21_the_greeting_of_the_setting_stays_while_a_state_set_by_hand_shows() {
    let mut rig = rig().await;
    rig.each = |person| person.rules = Arc::new(Config { oof_greeting: Some("holiday".into()), ..Config::default() });
    rig.start().await;
    rig.sink.by_hand("anna", Availability::Busy, "Here after all");
    rig.pass(2).await;
    rig.calendar.with(|s| s.absences.insert(ANNA.into(), AbsenceState::Enabled));
    rig.pass(17 * 60).await;
    rig.pass(16).await;
    let value = rig.sink.value("anna").unwrap();
    assert_eq!((value.text.as_str(), value.greeting.as_deref()), ("Here after all", Some("holiday")));
    assert!(rig.engine.status().await.unwrap().people[0].overruled, "what Calport wrote itself is no new overrule");
}

#[tokio::test]
async fn rule_p25_a_call_shows_while_it_lasts_and_the_overrule_after_it() {
    let mut rig = rig().await;
    rig.each = |person| {
        let signals = [("call".to_owned(), Target::State(State::Busy))].into();
        person.rules = Arc::new(Config { signals, ..Config::default() });
    };
    rig.start().await;
    rig.sink.by_hand("anna", Availability::Away, "Lunch");
    rig.pass(2).await;
    rig.sink.with(|s| s.on_call.push("anna".into()));
    rig.pass(6).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy");
    rig.sink.with(|s| s.on_call.clear());
    rig.pass(6).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Lunch");
}

#[tokio::test]
async fn rule_p30_a_lease_is_renewed_and_is_no_publish() {
    let rig = Rig::new(&["anna"]).await;
    rig.sink.with(|s| s.lease = Some(Duration::from_secs(3600)));
    rig.start().await;
    let published = rig.engine.status().await.unwrap().published;
    let sent = rig.sink.count();
    for _ in 0..4 {
        rig.pass(1801).await;
    }
    assert_eq!(rig.sink.count(), sent + 4);
    assert_eq!(rig.engine.status().await.unwrap().published, published);
    assert_eq!(rig.store.audit(Some("anna"), 100).await.unwrap().len(), 1, "a renewal is no change");
}

#[tokio::test]
async fn rule_p30_a_lease_that_lapsed_while_calport_was_down_is_taken_up() {
    let mut rig = Rig::new(&["anna"]).await;
    rig.sink.with(|s| s.lease = Some(Duration::from_secs(3600)));
    rig.start().await;
    rig.engine.stop().await.unwrap();
    rig.sink.with(|s| s.users.clear());
    rig.clock.advance(Duration::from_secs(7200));
    rig.engine = calport_engine::Engine::start(rig.store.clone(), rig.clock.clone(), Default::default()).await.unwrap();
    rig.start().await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Available");
}

#[tokio::test]
async fn rule_p30_an_overdue_value_is_cleared_at_start_when_it_cannot_be_computed() {
    let mut rig = rig().await;
    rig.start().await;
    rig.to("2026-03-02T10:10:00Z").await;
    rig.engine.stop().await.unwrap();
    rig.clock.set(at("2026-03-02T12:00:00Z"));
    // The calendar is lost: nobody knows what is now.
    let key = calport_store::FeedKey::new("cal", ANNA);
    rig.store.remove_feed(&key).await.unwrap();
    rig.calendar.with(|s| {
        s.mailboxes.get_mut(ANNA).unwrap().fail = Some(failure(calport_model::ErrorKind::Unavailable, calport_model::ErrorScope::Mailbox))
    });
    rig.engine = calport_engine::Engine::start(rig.store.clone(), rig.clock.clone(), Default::default()).await.unwrap();
    rig.start().await;
    assert_eq!(rig.sink.shows("anna"), None);
}

#[tokio::test]
async fn rule_p26_nothing_is_claimed_after_a_day_without_proof() {
    let rig = Rig::new(&["anna"]).await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T08:00:00Z", "2026-03-06T08:00:00Z", "Fair"));
    rig.start().await;
    rig.calendar.with(|s| {
        s.mailboxes.get_mut(ANNA).unwrap().fail = Some(failure(calport_model::ErrorKind::Unavailable, calport_model::ErrorScope::Mailbox))
    });
    rig.to("2026-03-03T08:00:00Z").await;
    rig.pass(1).await;
    let value = rig.sink.value("anna").unwrap();
    assert_eq!(value.availability, Availability::Unknown, "{value:?}");
    rig.calendar.with(|s| s.mailboxes.get_mut(ANNA).unwrap().fail = None);
    rig.engine.sync_now(None).await.unwrap();
    rig.engine.settle().await.unwrap();
    assert_eq!(rig.sink.value("anna").unwrap().availability, Availability::Busy);
}
