//! Notifications that are lost, doubled, or about the subscription itself.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, now_draft};
use calport_simulators::graph::{EventDraft, Lifecycle};

#[tokio::test(flavor = "multi_thread")]
async fn c12_lost_notification_is_caught_by_the_next_read() {
    let rig = Rig::started(1).await;
    rig.world.calendar.drop_notifications(1);
    rig.add(0, now_draft("Unannounced"));
    rig.holds("nobody knows", Duration::from_secs(3), async || !rig.shows(0, "Unannounced")).await;
    rig.json(&["sync", "--now"]).await;
    rig.arrives(0, "Unannounced").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b27_doubled_notifications_write_once() {
    let rig = Rig::started(1).await;
    let writes = rig.writes(0).len();
    rig.world.calendar.double_notifications(10);
    let delivered = rig.world.calendar.stats().notifications.delivered;
    rig.add(0, now_draft("Twice said"));
    rig.arrives(0, "Twice said").await;
    rig.until("both are delivered", ARRIVE, async || rig.world.calendar.stats().notifications.delivered >= delivered + 2).await;
    rig.holds("one write", Duration::from_secs(4), async || rig.writes(0).len() == writes + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_removed_subscription_is_made_again_and_the_gap_is_read() {
    let rig = Rig::started(2).await;
    let calendar = &rig.world.calendar;
    let address = rig.world.members[0].address.clone();
    let created = calendar.count("subscriptions.create", None);
    calendar.drop_notifications(1);
    let id = rig.add(0, now_draft("In the gap"));
    assert_eq!(calendar.lifecycle(Some(&address), Lifecycle::SubscriptionRemoved), 1);
    rig.arrives(0, "In the gap").await;
    rig.until("there is a subscription again", ARRIVE, async || calendar.subscriptions().len() == 2).await;
    assert_eq!(calendar.count("subscriptions.create", None), created + 1, "only the lost one");
    rig.settled().await;
    calendar.update_event(&address, &id, EventDraft::patch().subject("Told by the new one")).unwrap();
    rig.arrives(0, "Told by the new one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_missed_notifications_cause_a_read() {
    let rig = Rig::started(1).await;
    let calendar = &rig.world.calendar;
    calendar.drop_notifications(1);
    rig.add(0, now_draft("Missed"));
    rig.holds("nobody knows", Duration::from_secs(1), async || !rig.shows(0, "Missed")).await;
    assert_eq!(calendar.lifecycle(None, Lifecycle::Missed), 1);
    rig.arrives(0, "Missed").await;
    assert_eq!(calendar.subscriptions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_reauthorization_renews_and_makes_no_new_subscription() {
    let rig = Rig::started(1).await;
    let calendar = &rig.world.calendar;
    let renewed = || calendar.count("subscriptions.update", None) + calendar.count("subscriptions.reauthorize", None);
    let (before, created) = (renewed(), calendar.count("subscriptions.create", None));
    assert_eq!(calendar.lifecycle(None, Lifecycle::ReauthorizationRequired), 1);
    rig.until("it is renewed", ARRIVE, async || renewed() > before).await;
    rig.add(0, now_draft("Goes on"));
    rig.arrives(0, "Goes on").await;
    assert_eq!(calendar.count("subscriptions.create", None), created);
}
