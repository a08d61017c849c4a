//! Answers of the calendar server that are late, wrong, or none.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, empty_world, now_draft};
use calport_simulators::fault::{Kind, Rule};
use jiff::SignedDuration;

const DELTA: &str = "calendarView.delta";
/// Time for a failure, its wait and another try.
const RECOVER: Duration = Duration::from_secs(45);

/// A change that meets this fault: the person's feed says what is wrong, others go on, and the change comes by itself.
async fn fault_then_recovery(rig: &Rig, member: usize, other: usize, fault: Kind, times: u32, expected: &[&str]) {
    let person = &rig.world.members[member];
    let name = format!("{fault:?}");
    let (mine, theirs) = (format!("Met {member} by {other}"), format!("Unhurt {other} by {member}"));
    rig.world.calendar.fault(Rule::on_path("delta", times, fault).for_mailbox(&person.address));
    rig.add(member, now_draft(&mine));
    let mut reason = String::new();
    rig.until(&format!("{name}: the feed says that something is wrong"), ARRIVE, async || {
        let person = rig.person(&person.user).await;
        person["feed_reason"].as_str().unwrap_or_default().clone_into(&mut reason);
        person["feed"] == "degraded" || person["feed"] == "blocked"
    })
    .await;
    assert!(expected.iter().any(|e| reason.contains(e)), "{name}: {reason}");
    assert!(!rig.shows(member, &mine));
    rig.add(other, now_draft(&theirs));
    rig.arrives(other, &theirs).await;
    rig.until(&format!("{name}: the change arrives without help"), RECOVER, async || rig.shows(member, &mine)).await;
    rig.until("the feed is live again", ARRIVE, async || {
        let person = rig.person(&person.user).await;
        person["feed"] == "live" && person["feed_reason"].is_null()
    })
    .await;
}

/// The time between the refusal of a read of a mailbox and the next read of it.
fn pause_after_429(rig: &Rig, member: usize) -> Option<SignedDuration> {
    let address = &rig.world.members[member].address;
    let reads: Vec<_> =
        rig.world.calendar.requests().into_iter().filter(|s| s.operation == DELTA && s.mailbox.as_deref() == Some(address)).collect();
    let refused = reads.iter().position(|s| s.status == 429)?;
    Some(reads.get(refused + 1)?.at.duration_since(reads[refused].at))
}

#[tokio::test(flavor = "multi_thread")]
async fn b43_429_with_retry_after_waits_so_long_and_others_go_on() {
    let rig = Rig::started(2).await;
    let fault = Kind::Status { status: 429, retry_after: Some(6.0) };
    fault_then_recovery(&rig, 0, 1, fault, 1, &["429", "held back", "throttl"]).await;
    let pause = pause_after_429(&rig, 0).unwrap();
    assert!(pause >= SignedDuration::from_millis(5_900), "the next request came after {pause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn b43_429_without_retry_after_backs_off_and_others_go_on() {
    let rig = Rig::started(2).await;
    let fault = Kind::Status { status: 429, retry_after: None };
    fault_then_recovery(&rig, 0, 1, fault, 1, &["429", "held back", "throttl"]).await;
    let pause = pause_after_429(&rig, 0).unwrap();
    assert!(pause >= SignedDuration::from_millis(1_900), "the next request came after {pause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn b43_never_more_than_four_requests_at_once_on_a_mailbox() {
    let mut rig = Rig::over(empty_world(3).await).await;
    let calendar = &rig.world.calendar;
    calendar.configure(|c| {
        c.latency = Duration::from_millis(60);
        c.delta_page = 5;
    });
    for member in 0..3 {
        for number in 0..12 {
            rig.add(member, now_draft(&format!("Series {number}")).daily(20));
        }
    }
    rig.start().await;
    rig.settled().await;
    for number in 0..10 {
        rig.add(0, now_draft(&format!("More {number}")).daily(10));
        rig.json(&["sync", "--now"]).await;
    }
    rig.until("all is read", ARRIVE, async || rig.status().await["pending"] == 0).await;
    for member in &rig.world.members {
        let peak = rig.world.calendar.peak(&member.address);
        assert!((1..=4).contains(&peak), "{} saw {peak} requests at once", member.user);
    }
    let refused = rig.world.calendar.requests().into_iter().filter(|s| s.status == 429).count();
    assert_eq!(refused, 0, "the server had no reason to complain");
}

#[tokio::test(flavor = "multi_thread")]
async fn b43_server_errors_degrade_one_mailbox_and_recover() {
    let rig = Rig::started(6).await;
    let status = |status| Kind::Status { status, retry_after: None };
    tokio::join!(
        fault_then_recovery(&rig, 0, 3, status(500), 1, &["500"]),
        fault_then_recovery(&rig, 1, 4, status(503), 1, &["503", "held back"]),
    );
    fault_then_recovery(&rig, 2, 5, Kind::Reset, 1, &["reset", "connection", "did not come", "not reachable"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_bad_answers_are_named_and_the_change_is_not_lost() {
    let rig = Rig::started(6).await;
    fault_then_recovery(&rig, 0, 3, Kind::Html, 1, &["HTML"]).await;
    fault_then_recovery(&rig, 1, 4, Kind::BadJson, 1, &["JSON"]).await;
    fault_then_recovery(&rig, 2, 5, Kind::Empty, 1, &["JSON", "empty", "nothing"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_slow_answers_arrive_and_hold_up_nobody_else() {
    let rig = Rig::started(2).await;
    rig.world
        .calendar
        .fault(Rule::on_path("delta", 1, Kind::SlowBody { ms: 200, chunk: Some(100) }).for_mailbox(&rig.world.members[0].address));
    rig.add(0, now_draft("Slow"));
    rig.until("the slow answer is under way", ARRIVE, async || rig.world.calendar.faults().list().is_empty()).await;
    rig.add(1, now_draft("Quick"));
    rig.arrives(1, "Quick").await;
    assert!(!rig.shows(0, "Slow"), "the slow answer was not slow enough for this test");
    rig.arrives(0, "Slow").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_expired_token_is_renewed_once_and_the_change_arrives() {
    let rig = Rig::started(3).await;
    let calendar = &rig.world.calendar;
    let tokens = calendar.count("oauth.token", None);
    calendar.expire_tokens();
    for member in 0..3 {
        rig.add(member, now_draft("After the token"));
    }
    for member in 0..3 {
        rig.arrives(member, "After the token").await;
    }
    assert_eq!(calendar.count("oauth.token", None), tokens + 1, "one renewal for all");
    assert_eq!(rig.connection("calendar").await["state"], "online");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_clock_skew_of_the_server_changes_nothing() {
    for seconds in [600, -600] {
        let mut rig = Rig::new(1).await;
        rig.world.calendar.clock().set_skew(seconds);
        rig.start().await;
        rig.settled().await;
        rig.add(0, now_draft("In another time"));
        rig.arrives(0, "In another time").await;
        assert_eq!(rig.connection("calendar").await["subscriptions"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_a_server_clock_that_leaps_costs_a_token_and_no_change() {
    let rig = Rig::started(1).await;
    let tokens = rig.world.calendar.count("oauth.token", None);
    rig.world.calendar.clock().set_skew(2 * 3600);
    rig.add(0, now_draft("After the leap"));
    rig.arrives(0, "After the leap").await;
    assert_eq!(rig.world.calendar.count("oauth.token", None), tokens + 1);
}
