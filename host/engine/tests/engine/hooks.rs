//! Hooks by choice, and subscriptions that say that they live (SEMANTICS B-31, C-10, C-12, C-14, P-26).

use calport_engine::Notify;
use calport_model::notification::HintKind;

use crate::common::*;

const ANNA: &str = "anna@example.com";

/// A server whose subscriptions are granted for 20 minutes and say that they live.
async fn saying() -> Rig {
    let rig = Rig::new(&["anna"]).await;
    rig.calendar.with(|s| {
        s.signs = Some(1200);
        s.cannot_list = true;
    });
    rig.start().await;
    rig
}

async fn says(rig: &Rig, kind: HintKind) {
    rig.calendar.with(|s| s.next_hint = Some(kind));
    rig.notify(ANNA, 1).await;
}

async fn mode(rig: &Rig) -> (&'static str, usize, Option<u64>) {
    let connection = rig.engine.status().await.unwrap().connections.remove(0);
    (connection.mode, connection.polled, connection.expected_latency_s)
}

#[tokio::test]
async fn b31_a_secret_that_goes_by_the_query_stands_in_both_urls() {
    let rig = saying().await;
    let urls = rig.calendar.with(|s| s.urls.clone());
    let secret = urls[0].strip_prefix("https://host.example.com/hooks/cal/r?key=").unwrap();
    assert_eq!(secret.len(), 32);
    assert_eq!(urls[1], format!("https://host.example.com/hooks/cal/r/lifecycle?key={secret}"));
    let stored = rig.store.subscriptions().await.unwrap();
    assert_eq!(stored[0].secret, secret);
}

#[tokio::test]
async fn c14_a_mailbox_is_polled_until_its_subscription_says_that_it_lives() {
    let rig = saying().await;
    assert_eq!(mode(&rig).await, ("hooks", 1, Some(10)));
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.pass(331).await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
    says(&rig, HintKind::Heartbeat).await;
    assert_eq!(mode(&rig).await, ("hooks", 0, Some(10)));
    let reads = rig.calendar.with(|s| s.delta_reads);
    for _ in 0..20 {
        rig.pass(300).await;
        says(&rig, HintKind::Heartbeat).await;
    }
    assert!(rig.calendar.with(|s| s.delta_reads) <= reads + 1, "what is told is not polled");
    assert_eq!(rig.calendar.with(|s| (s.made, s.renewals)), (1, 0), "each sign of life grants as much time again");
    let verified = rig.engine.status().await.unwrap().people[0].last_verified;
    assert_eq!(verified, Some(rig.clock_now()), "P-26");
}

#[tokio::test]
async fn c10_a_silent_subscription_is_made_anew_and_the_gap_is_read_once() {
    let rig = saying().await;
    says(&rig, HintKind::Heartbeat).await;
    rig.pass(331).await;
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    let old = rig.subscription(ANNA);
    rig.pass(340).await;
    assert_ne!(rig.subscription(ANNA), old, "half of the time went by");
    assert_eq!(rig.calendar.with(|s| (s.made, s.renewals)), (2, 1));
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
    says(&rig, HintKind::Heartbeat).await;
    let status = rig.engine.status().await.unwrap().connections.remove(0);
    assert_eq!((status.mode, status.polled, status.mode_reason), ("hooks", 0, None));
}

#[tokio::test]
async fn c14_a_server_that_does_not_get_through_shows_as_polling_with_the_reason() {
    let rig = saying().await;
    rig.pass(670).await;
    assert_eq!(rig.calendar.with(|s| s.made), 2);
    let status = rig.engine.status().await.unwrap().connections.remove(0);
    assert_eq!((status.mode, status.expected_latency_s), ("polling", Some(300)));
    assert!(status.mode_reason.unwrap().contains("`public_url` of [hooks]"));
    says(&rig, HintKind::Heartbeat).await;
    assert_eq!(mode(&rig).await, ("hooks", 0, Some(10)));
}

#[tokio::test]
async fn r05_what_an_earlier_run_left_is_not_counted_on_and_what_this_one_made_is() {
    let mut rig = saying().await;
    says(&rig, HintKind::Heartbeat).await;
    rig.engine.stop().await.unwrap();
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.calendar.with(|s| s.subscriptions.clear());
    rig.restart_stopped().await;
    assert_eq!(rig.calendar.with(|s| s.made), 2);
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00");
    rig.engine.connector_changed("cal").await.unwrap();
    rig.calm().await;
    assert_eq!(rig.calendar.with(|s| s.made), 2, "its renewal will show whether it lives");
}

#[tokio::test]
async fn c14_the_way_is_chosen_by_the_connection_and_changes_while_it_runs() {
    let mut rig = Rig::new(&["anna"]).await;
    rig.calendar.with(|s| s.signs = Some(1200));
    rig.notify = Some(Notify::Polling);
    rig.start().await;
    assert_eq!((mode(&rig).await, rig.calendar.with(|s| s.made)), (("polling", 0, Some(300)), 0));
    rig.notify = Some(Notify::Hooks);
    rig.start().await;
    says(&rig, HintKind::Heartbeat).await;
    assert_eq!((mode(&rig).await, rig.calendar.with(|s| s.made)), (("hooks", 0, Some(10)), 1));
    rig.notify = Some(Notify::Streams);
    rig.start().await;
    let status = rig.engine.status().await.unwrap().connections.remove(0);
    assert_eq!((status.mode, status.subscriptions), ("polling", 0), "it has none");
    assert!(status.mode_reason.unwrap().contains("knows no streams"));
    assert_eq!(rig.calendar.with(|s| s.subscriptions.len()), 0, "ended");
    rig.calendar.put(ANNA, busy("e1", "2026-03-02T07:00:00Z", "2026-03-02T10:00:00Z", "Meeting"));
    rig.to("2026-03-02T08:05:31Z").await;
    assert_eq!(rig.sink.shows("anna").unwrap(), "Busy: Meeting until 11:00", "and polled");
    assert!(rig.clock_now() >= at("2026-03-02T08:05:31Z"));
    rig.notify = None;
    rig.start().await;
    assert_eq!(mode(&rig).await.0, "hooks", "without streams hooks are what there is");
}

#[tokio::test]
async fn c14_hooks_without_a_url_are_refused_with_the_reason() {
    let mut rig = Rig::new(&["anna"]).await;
    (rig.hooks, rig.notify) = (false, Some(Notify::Hooks));
    rig.start().await;
    let status = rig.engine.status().await.unwrap().connections.remove(0);
    assert_eq!(status.mode, "polling");
    assert!(status.mode_reason.unwrap().contains("needs [hooks]"));
}
