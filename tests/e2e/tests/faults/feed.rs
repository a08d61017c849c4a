//! The feed of changes: notifications by the thousand, lost cursors, removals that are none.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, now_draft, utc};
use calport_simulators::graph::EventDraft;
use jiff::{SignedDuration, Timestamp};

const DELTA: &str = "calendarView.delta";

#[tokio::test(flavor = "multi_thread")]
async fn b27_thousand_identical_notifications_cause_at_most_two_delta_calls() {
    let rig = Rig::started(2).await;
    let address = rig.world.members[0].address.clone();
    let id = rig.add(0, now_draft("Popular"));
    rig.arrives(0, "Popular").await;
    let calendar = &rig.world.calendar;
    let (delivered, calls) = (calendar.stats().notifications.delivered, rig.count(DELTA, 0));
    calendar.notify(&address, &id, 1000).unwrap();
    rig.until("all notifications are delivered", ARRIVE, async || calendar.stats().notifications.delivered >= delivered + 1000).await;
    rig.until("the mailbox is read", ARRIVE, async || rig.count(DELTA, 0) > calls).await;
    // Longer than the longest gathering of notifications.
    rig.holds("at most two calls", Duration::from_secs(12), async || rig.count(DELTA, 0) <= calls + 2).await;
    calendar.update_event(&address, &id, EventDraft::patch().subject("Still popular")).unwrap();
    rig.arrives(0, "Still popular").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b24_410_causes_no_flap() {
    let rig = Rig::started(2).await;
    let address = rig.world.members[0].address.clone();
    let id = rig.add(0, now_draft("Steady"));
    rig.arrives(0, "Steady").await;
    let calendar = &rig.world.calendar;
    let writes = rig.writes(0).len();
    calendar.reset_log();
    calendar.expire_delta(Some(&address));
    calendar.notify(&address, &id, 1).unwrap();
    let read_again = || {
        let requests = calendar.requests();
        let gone = requests.iter().position(|s| s.operation == DELTA && s.status == 410);
        gone.is_some_and(|at| requests[at..].iter().any(|s| s.operation == DELTA && s.status == 200))
    };
    rig.until("the cursor is refused and the window read again", ARRIVE, async || read_again()).await;
    rig.until("the feed is live", ARRIVE, async || rig.person("anna").await["feed"] == "live" && rig.status().await["pending"] == 0).await;
    rig.holds("nothing is written", Duration::from_secs(2), async || rig.writes(0).len() == writes && rig.shows(0, "Steady")).await;
    assert!(rig.log().contains("the window was read again"), "the log says so");
    // What changed while the cursor was lost comes with one write, straight from the old value to the new one.
    calendar.expire_delta(Some(&address));
    calendar.update_event(&address, &id, EventDraft::patch().subject("Steady on")).unwrap();
    rig.arrives(0, "Steady on").await;
    assert_eq!(rig.writes(0).len(), writes + 1, "{:?}", rig.writes(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn b24_what_was_deleted_while_the_cursor_was_lost_is_removed() {
    let mut rig = Rig::started(2).await;
    let address = rig.world.members[0].address.clone();
    let id = rig.add(0, now_draft("Doomed"));
    rig.arrives(0, "Doomed").await;
    rig.add(1, now_draft("Safe"));
    rig.arrives(1, "Safe").await;
    rig.stop().await;
    rig.world.calendar.delete_event(&address, &id).unwrap();
    rig.world.calendar.expire_delta(None);
    let safe = rig.writes(1).len();
    rig.start().await;
    rig.until("the deleted appointment is off", ARRIVE, async || rig.shown(0).0 == "available").await;
    rig.settled().await;
    assert_eq!(rig.writes(1).len(), safe);
}

#[tokio::test(flavor = "multi_thread")]
async fn b07_removed_outside_window_removes_nothing() {
    let rig = Rig::started(1).await;
    let address = rig.world.members[0].address.clone();
    rig.add(0, now_draft("Inside"));
    rig.arrives(0, "Inside").await;
    let calendar = &rig.world.calendar;
    let writes = rig.writes(0).len();
    let days = |days: i64| utc(Timestamp::now() + SignedDuration::from_hours(24 * days));
    let far = EventDraft::new("Far away", &days(60), &days(61), "UTC");
    // Each of these is reported as a removal, or not at all, by a feed that is bound to its window.
    let read_after = async |what: &str, change: &dyn Fn()| {
        let calls = rig.count(DELTA, 0);
        change();
        rig.until(&format!("a read after: {what}"), ARRIVE, async || rig.count(DELTA, 0) > calls).await;
        rig.until("the feed is live", ARRIVE, async || rig.person("anna").await["feed"] == "live").await;
    };
    let id = std::cell::OnceCell::new();
    read_after("created outside", &|| id.set(calendar.add_event(&address, far.clone()).unwrap()).unwrap()).await;
    let id = id.get().unwrap();
    read_after("changed outside", &|| calendar.update_event(&address, id, EventDraft::patch().subject("Farther")).unwrap()).await;
    read_after("deleted outside", &|| calendar.delete_event(&address, id).unwrap()).await;
    rig.holds("what is inside stays", Duration::from_secs(1), async || rig.shows(0, "Inside") && rig.writes(0).len() == writes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b07_moved_out_of_the_window_is_off_and_comes_back() {
    let rig = Rig::started(1).await;
    let address = rig.world.members[0].address.clone();
    let id = rig.add(0, now_draft("Wanderer"));
    rig.arrives(0, "Wanderer").await;
    let hours = |hours: i64| utc(Timestamp::now() + SignedDuration::from_hours(hours));
    let calendar = &rig.world.calendar;
    calendar.update_event(&address, &id, EventDraft::patch().times(&hours(24 * 60), &hours(24 * 60 + 1), "UTC")).unwrap();
    rig.until("it is off", ARRIVE, async || rig.shown(0).0 == "available").await;
    calendar.update_event(&address, &id, EventDraft::patch().times(&hours(-1), &hours(1), "UTC")).unwrap();
    rig.arrives(0, "Wanderer").await;
}
