//! Changes told in streams of Exchange Web Services (FEATURES C08, SEMANTICS C-09, C-14, B-32, B-33). Mailboxes are polled every
//! five minutes here: what arrives sooner was told.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, empty_world_by, now_draft};
use calport_simulators::demo::Backend;
use calport_simulators::ews::{Config, Notifying, Simulator};

fn door(rig: &Rig) -> &Simulator {
    rig.world.ews.as_ref().unwrap()
}

/// A server that says each second that its streams live, and a Calport that follows it.
async fn following(people: u16, change: impl FnOnce(&mut Config)) -> Rig {
    let mut rig = Rig::over(empty_world_by(people, Backend::Ews).await).await;
    door(&rig).configure(|config| {
        config.notifying.heartbeat = Duration::from_secs(1);
        change(config);
    });
    rig.edit(|text| text.replace("settings = { test_user", "settings = { stream_silence_s = 4, test_user"));
    rig.start().await;
    rig.settled().await;
    told(&rig).await;
    rig
}

/// Waits until a stream tells of every mailbox.
async fn told(rig: &Rig) {
    rig.until("streams tell of everybody", ARRIVE * 3, async || {
        let connection = rig.connection("calendar").await;
        connection["mode"] == "streams" && connection["polled"] == 0 && connection["streams"] != 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c08_a_change_arrives_by_a_stream_and_the_status_tells_how() {
    let rig = following(3, |_| {}).await;
    rig.add(1, now_draft("By the stream"));
    let took = rig.arrives(1, "By the stream").await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(door(&rig).streams(), (1, 3));
    let connection = rig.connection("calendar").await;
    assert_eq!(connection["expected_latency_s"], 10);
    assert!(connection["last_heartbeat"].is_string(), "{connection}");
    let said = rig.command(&["status"]).await;
    assert!(said.out.contains("3 subscriptions in 1 streams, changes noticed within 10 s"), "{}", said.out);
    // A second change of the same mailbox, and one of another, by the same stream.
    rig.add(2, now_draft("Another mailbox"));
    rig.arrives(2, "Another mailbox").await;
    assert_eq!(door(&rig).count("GetStreamingEvents", None), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c08_c09_a_silent_stream_is_noticed_and_what_was_missed_arrives() {
    let rig = following(2, |_| {}).await;
    door(&rig).configure(|config| config.notifying.silent = true);
    rig.add(0, now_draft("Told by nobody"));
    rig.arrives(0, "Told by nobody").await;
    assert!(rig.log().contains("a stream broke"), "{}", rig.log());
    door(&rig).configure(|config| config.notifying.silent = false);
    told(&rig).await;
    rig.add(1, now_draft("Told again"));
    rig.arrives(1, "Told again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_after_a_restart_of_the_server_everything_is_subscribed_anew_and_nothing_was_missed() {
    let rig = following(3, |config| config.notifying.drop = 1).await;
    rig.add(0, now_draft("Lost on the way"));
    rig.until("the notification was lost", ARRIVE, async || door(&rig).config().notifying.drop == 0).await;
    door(&rig).restart();
    rig.add(2, now_draft("During the restart"));
    rig.arrives(2, "During the restart").await;
    rig.arrives(0, "Lost on the way").await;
    told(&rig).await;
    assert_eq!(door(&rig).subscriptions(), 3, "made anew, once");
    rig.add(1, now_draft("After it"));
    rig.arrives(1, "After it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c18_b32_requests_of_a_group_find_the_machine_that_knows_its_subscriptions() {
    let machines = Notifying { heartbeat: Duration::from_secs(1), machines: 5, ..Notifying::default() };
    let rig = following(4, |config| config.notifying = machines).await;
    rig.add(3, now_draft("On the right machine"));
    rig.arrives(3, "On the right machine").await;
    let wrong = door(&rig).requests().into_iter().filter(|r| r.code.as_deref() == Some("ErrorSubscriptionNotFound")).count();
    assert_eq!(wrong, 0);
    assert_eq!(door(&rig).streams(), (1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_r05_a_restart_of_calport_leaves_no_subscription_behind() {
    let mut rig = following(2, |_| {}).await;
    assert_eq!(rig.stop().await, Some(0));
    rig.add(1, now_draft("While it was off"));
    rig.start().await;
    rig.arrives(1, "While it was off").await;
    told(&rig).await;
    rig.until("the old subscriptions were ended", ARRIVE, async || door(&rig).subscriptions() == 2).await;
}
