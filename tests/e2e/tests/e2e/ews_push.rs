//! Changes told by requests of Exchange Web Services (FEATURES C08, SEMANTICS B-31, C-10, C-14, B-33). Mailboxes are polled every
//! five minutes here: what arrives sooner was told.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, empty_world_by, now_draft};
use calport_simulators::demo::Backend;
use calport_simulators::ews::Simulator;

fn door(rig: &Rig) -> &Simulator {
    rig.world.ews.as_ref().unwrap()
}

/// A server whose minute is a second, and a Calport that it tells of changes by requests. It says after so many minutes that a subscription
/// lives, and tries for as long to reach who does not answer.
async fn pushing(people: u16, status_minutes: u16, silence_s: u32) -> Rig {
    let mut rig = Rig::over(empty_world_by(people, Backend::Ews).await).await;
    door(&rig).configure(|config| config.notifying.minute = Duration::from_secs(1));
    let settings =
        format!("notify = \"hooks\"\nsettings = {{ push_status_minutes = {status_minutes}, push_silence_s = {silence_s}, test_user");
    rig.edit(|text| text.replace("settings = { test_user", &settings));
    rig.start().await;
    rig.settled().await;
    told(&rig).await;
    rig
}

/// Waits until the server has said of every mailbox that it tells of it.
async fn told(rig: &Rig) {
    rig.until("requests of the server tell of everybody", ARRIVE * 3, async || {
        let connection = rig.connection("calendar").await;
        connection["mode"] == "hooks" && connection["polled"] == 0 && connection["subscriptions"] == connection["mailboxes"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c08_a_change_arrives_by_a_request_of_the_server_and_the_status_tells_how() {
    let rig = pushing(3, 2, 60).await;
    rig.add(1, now_draft("By a request"));
    let took = rig.arrives(1, "By a request").await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!((door(&rig).subscriptions(), door(&rig).streams()), (3, (0, 0)));
    let connection = rig.connection("calendar").await;
    assert_eq!(connection["expected_latency_s"], 10);
    assert!(connection["last_heartbeat"].is_string() && connection["mode_reason"].is_null(), "{connection}");
    let said = rig.command(&["status"]).await;
    assert!(said.out.contains("3 subscriptions, changes noticed within 10 s"), "{}", said.out);
    assert_eq!(door(&rig).count("Subscribe", None), 3, "each is made once");
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_while_calport_was_off_nothing_was_lost_and_what_an_earlier_run_left_is_ended_by_the_answer() {
    let mut rig = pushing(2, 8, 90).await;
    assert_eq!(rig.stop().await, Some(0));
    rig.add(0, now_draft("While it was off"));
    rig.start().await;
    rig.arrives(0, "While it was off").await;
    told(&rig).await;
    rig.until("old subscriptions have ended", ARRIVE * 3, async || door(&rig).subscriptions() == 2).await;
    rig.add(1, now_draft("Told again"));
    rig.arrives(1, "Told again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b31_a_subscription_of_an_earlier_life_is_told_to_end() {
    let mut rig = pushing(1, 30, 90).await;
    // A power cut: the server still tells of the subscription of the earlier life.
    rig.kill();
    rig.add(0, now_draft("After the power cut"));
    rig.start().await;
    told(&rig).await;
    rig.until("the stale one has ended", ARRIVE * 3, async || door(&rig).subscriptions() == 1).await;
    rig.arrives(0, "After the power cut").await;
    let counts = rig.status().await["hooks"]["connections"]["calendar"].clone();
    assert!(counts["farewells"].as_u64() >= Some(1), "{counts}");
    assert_eq!(counts["forged"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_a_server_that_falls_silent_is_subscribed_again_and_what_was_missed_arrives() {
    let rig = pushing(2, 1, 6).await;
    door(&rig).configure(|config| config.notifying.silent = true);
    rig.add(0, now_draft("Told by nobody"));
    rig.arrives(0, "Told by nobody").await;
    assert!(rig.log().contains("the subscription is gone"), "{}", rig.log());
    rig.until("the status says so", ARRIVE, async || {
        let connection = rig.connection("calendar").await;
        connection["mode"] == "polling" && connection["mode_reason"].as_str().is_some_and(|why| why.contains("public_url"))
    })
    .await;
    door(&rig).configure(|config| config.notifying.silent = false);
    told(&rig).await;
    rig.add(1, now_draft("Told again"));
    rig.arrives(1, "Told again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c08_c14_a_server_without_streams_is_polled_with_the_reason_and_told_by_hooks_where_that_is_chosen() {
    let mut rig = Rig::over(empty_world_by(1, Backend::Ews).await).await;
    door(&rig).configure(|config| config.version = calport_simulators::ews::Version::Exchange2010);
    rig.start().await;
    rig.until("it is polled", ARRIVE * 3, async || {
        let connection = rig.connection("calendar").await;
        connection["mode"] == "polling" && connection["mode_reason"].is_string()
    })
    .await;
    rig.edit(|text| text.replace("settings = { test_user", "notify = \"hooks\"\nsettings = { push_status_minutes = 1, test_user"));
    told(&rig).await;
    rig.add(0, now_draft("Chosen while it ran"));
    rig.arrives(0, "Chosen while it ran").await;
}
