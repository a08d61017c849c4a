//! Changes of calendars on their way to the PBX.

use std::time::Duration;

use calport_e2e::{ARRIVE, Ran, Rig, connectors, list, minutes_draft, now_draft, run, utc};
use calport_simulators::graph::EventDraft;
use jiff::{SignedDuration, Timestamp};

#[tokio::test(flavor = "multi_thread")]
async fn feat_c01_new_changed_moved_deleted_and_series_exception_reach_the_pbx() {
    every_kind_of_change_arrives(Rig::started(3).await).await;
}

/// What people do with appointments is shown at the PBX, whatever the mailboxes are reached by.
pub async fn every_kind_of_change_arrives(rig: Rig) {
    let address = |member: usize| rig.world.members[member].address.clone();
    let single = rig.add(0, now_draft("Budget talk"));
    let other = rig.add(1, now_draft("Site visit"));
    let (from, to) = (Timestamp::now() - SignedDuration::from_mins(3), Timestamp::now() + SignedDuration::from_mins(40));
    let series = rig.add(2, EventDraft::new("Rounds", &utc(from), &utc(to), "UTC").daily(5));
    rig.arrives(0, "Budget talk").await;
    rig.arrives(1, "Site visit").await;
    rig.arrives(2, "Rounds").await;
    assert_eq!(rig.shown(0).0, "dnd", "busy is shown as the state dnd with the subtype busy");

    let calendar = &rig.world.calendar;
    calendar.update_event(&address(0), &single, EventDraft::patch().subject("Budget talk with Bo")).unwrap();
    let later = |minutes| utc(Timestamp::now() + SignedDuration::from_mins(minutes));
    calendar.update_event(&address(1), &other, EventDraft::patch().times(&later(90), &later(120), "UTC")).unwrap();
    let today = calendar.occurrence_id(&address(2), &series, &utc(from)).unwrap();
    calendar.update_event(&address(2), &today, EventDraft::patch().subject("Rounds in the annex")).unwrap();
    rig.arrives(0, "Budget talk with Bo").await;
    rig.until("the moved appointment is off", ARRIVE, async || rig.shown(1).0 == "available").await;
    rig.arrives(2, "Rounds in the annex").await;

    calendar.delete_event(&address(0), &single).unwrap();
    calendar.delete_occurrence(&address(2), &series, &utc(from)).unwrap();
    rig.until("the deleted appointment is off", ARRIVE, async || rig.shown(0).0 == "available").await;
    rig.until("the deleted occurrence is off", ARRIVE, async || rig.shown(2).0 == "available").await;
    assert_eq!(calendar.mails_sent(), 0);
    assert_eq!(rig.world.pbx.stats().overlapping, 0, "one request of a session at a time");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c01_demo_once_carries_every_kind_of_change_and_sends_no_mail() {
    demo_once("graph", "graph").await;
}

/// The demonstration carries every change it makes to the PBX. Gives what it told.
pub async fn demo_once(backend: &str, connector: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let plugins = connectors();
    let plugins = plugins.canonicalize().unwrap();
    let plugins = plugins.to_str().unwrap();
    let arguments = ["demo", "--once", "--json", "--people", "6", "--backend", backend, "--plugins", plugins];
    let ran = run(directory.path(), &arguments, "").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.json();
    assert_eq!(report["people"], 6);
    let plugins = report["plugins"].as_array().unwrap();
    assert!(["asterisk", connector].iter().all(|name| plugins.iter().any(|plugin| plugin == name)), "{report}");
    assert_eq!(report["mails_sent"], 0);
    assert!(report["changes_made"].as_u64().unwrap() >= 17, "{report}");
    assert_eq!(report["changes_made"], report["changes_propagated"]);
    for kind in ["new", "moved", "deleted", "series", "series-exception"] {
        assert!(report["changes_by_kind"][kind].as_u64().unwrap_or(0) > 0, "no change of the kind {kind}: {report}");
    }
    assert!(report["latency_ms"]["p99"].is_u64());
    assert!(list(&report, "lost").is_empty());
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p12_presence_changes_at_start_and_end_and_not_before() {
    let rig = Rig::started(1).await;
    let second = |s: i64| Timestamp::from_second(s).unwrap();
    let start = second(Timestamp::now().as_second() + 6);
    let end = second(start.as_second() + 4);
    rig.add(0, EventDraft::new("Kick-off", &utc(start), &utc(end), "UTC"));
    rig.until("the calendar is read", ARRIVE, async || {
        rig.person("anna").await["next_change"].as_str().is_some_and(|at| at == start.to_string())
    })
    .await;
    assert!(Timestamp::now() < start, "the machine is too slow for this test");
    let reads = rig.count("calendarView.delta", 0);
    rig.until("the start", ARRIVE, async || rig.shown(0).0 == "dnd").await;
    rig.until("the end", ARRIVE, async || rig.shown(0).0 == "available").await;
    let writes = rig.writes(0);
    let busy = writes.iter().find(|w| w.state == "dnd").unwrap();
    let free = writes.iter().rfind(|w| w.state == "available").unwrap();
    for (write, boundary) in [(busy, start), (free, end)] {
        let late = write.at_ms - boundary.as_millisecond();
        assert!((0..1500).contains(&late), "{} came {late} ms after its boundary", write.state);
    }
    assert_eq!(rig.count("calendarView.delta", 0), reads, "boundaries come from the timer, not from a read");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p12_an_appointment_that_ended_or_is_to_come_shows_nothing_now() {
    let rig = Rig::started(2).await;
    rig.add(0, minutes_draft("Over", -60, -10));
    rig.add(1, minutes_draft("Later", 30, 60));
    rig.until("the later one is known", ARRIVE, async || rig.person("ben").await["next_change"].is_string()).await;
    rig.holds("both stay available", Duration::from_secs(3), async || rig.shown(0).0 == "available" && rig.shown(1).0 == "available").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r05_restart_reads_no_window_again_and_keeps_subscriptions() {
    let mut rig = Rig::started(4).await;
    rig.add(0, now_draft("Before the restart"));
    rig.arrives(0, "Before the restart").await;
    let subscriptions: Vec<String> = ids(&rig);
    assert_eq!(rig.stop().await, Some(0));
    rig.world.calendar.reset_log();
    let writes = rig.world.pbx.stats().writes;
    rig.add(1, now_draft("While it was down"));
    rig.start().await;
    rig.arrives(1, "While it was down").await;
    rig.settled().await;
    rig.until("every mailbox was verified", ARRIVE, async || (0..4).all(|m| rig.count("calendarView.delta", m) > 0)).await;
    for seen in rig.world.calendar.requests() {
        let whole = seen.operation == "calendarView.delta" && !seen.query.contains("token=");
        assert!(!whole, "a window was read again: {seen:?}");
    }
    assert_eq!(rig.world.calendar.count("subscriptions.create", None), 0);
    assert_eq!(ids(&rig), subscriptions);
    let new: Vec<_> = rig.world.pbx.writes().into_iter().filter(|w| w.seq > writes).collect();
    assert_eq!(new.len(), 1, "only what changed is written: {new:?}");
    rig.add(2, now_draft("After the restart"));
    rig.arrives(2, "After the restart").await;
}

fn ids(rig: &Rig) -> Vec<String> {
    let mut ids: Vec<String> = rig.world.calendar.subscriptions().iter().map(|s| s["id"].to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn r05_after_a_power_cut_nothing_is_lost_and_no_window_is_read_again() {
    let mut rig = Rig::started(3).await;
    rig.add(0, now_draft("Just before"));
    rig.kill();
    rig.world.calendar.reset_log();
    rig.add(1, now_draft("In the dark"));
    rig.start().await;
    rig.arrives(0, "Just before").await;
    rig.arrives(1, "In the dark").await;
    rig.settled().await;
    let again = rig.world.calendar.requests().into_iter().find(|s| s.operation == "calendarView.delta" && !s.query.contains("token="));
    assert!(again.is_none(), "a window was read again: {again:?}");
}
