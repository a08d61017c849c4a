//! A PBX that is away, comes back, forgets its sessions, or refuses the password.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, empty_world, now_draft};
use calport_simulators::fault::{Kind, Match, Rule};
use calport_simulators::graph::EventDraft;

/// Time for the connection's next try by itself.
const RECOVER: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn r08_pbx_down_and_back_shows_what_changed_meanwhile() {
    let rig = Rig::started(3).await;
    rig.world.pbx.faults().add(Rule { matching: Match::default(), times: None, fault: Kind::Reset });
    rig.add(0, now_draft("While it was down"));
    rig.until("the person's status says why", ARRIVE, async || {
        let person = rig.person("anna").await;
        person["in_step"] == false && person["sink_error"].as_str().is_some_and(|e| !e.is_empty())
    })
    .await;
    assert_eq!(rig.connection("calendar").await["state"], "online", "the neighbour does not notice");
    rig.world.pbx.faults().clear();
    rig.world.pbx.restart();
    rig.until("the change arrives without help", RECOVER, async || rig.shows(0, "While it was down")).await;
    rig.settled().await;
    rig.add(1, now_draft("Afterwards"));
    rig.arrives(1, "Afterwards").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r08_many_failures_open_the_breaker_and_sync_now_tries_at_once() {
    let rig = Rig::started(8).await;
    rig.world.pbx.faults().add(Rule { matching: Match::default(), times: None, fault: Kind::Reset });
    for member in 0..8 {
        rig.add(member, now_draft("Held back"));
    }
    let pbx = rig.connection_is("pbx", "offline", ARRIVE).await;
    assert!(pbx["reason"].as_str().is_some_and(|r| !r.is_empty()) && pbx["next_try"].is_string(), "{pbx}");
    rig.world.pbx.faults().clear();
    rig.json(&["sync", "--now"]).await;
    for member in 0..8 {
        rig.arrives(member, "Held back").await;
    }
    rig.settled().await;
    assert_eq!(rig.world.pbx.stats().overlapping, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_pbx_restart_costs_a_new_session_and_no_change() {
    let rig = Rig::started(2).await;
    let sessions = rig.world.pbx.stats().sessions_made;
    rig.world.pbx.restart();
    rig.add(0, now_draft("After the restart"));
    rig.arrives(0, "After the restart").await;
    assert!(rig.world.pbx.stats().sessions_made > sessions);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_wrong_pbx_password_is_offline_with_the_remedy_until_it_is_corrected() {
    let mut rig = Rig::over(empty_world(1).await).await;
    rig.set_secret("pbx-manager", "wrong").await;
    rig.start().await;
    let pbx = rig.connection_is("pbx", "offline", ARRIVE).await;
    assert_eq!(pbx["blame"], "configuration", "{pbx}");
    let reason = pbx["reason"].as_str().unwrap();
    assert!(
        reason.contains("manager") || reason.contains("password") || reason.contains("secret") || reason.contains("credential"),
        "{reason}"
    );
    let check = rig.command(&["check"]).await;
    assert_eq!(check.code, 5);
    assert!(check.out.contains("correct the connection's settings, secret or permissions"), "{}", check.out);
    rig.add(0, now_draft("Behind a closed door"));
    rig.until("the calendar is followed meanwhile", ARRIVE, async || rig.person("anna").await["feed"] == "live").await;
    rig.set_secret("pbx-manager", "calport-secret").await;
    rig.until("the right password is used without a restart", RECOVER, async || rig.shows(0, "Behind a closed door")).await;
    rig.connection_is("pbx", "online", ARRIVE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_a_session_of_the_pbx_never_sees_two_requests_at_once() {
    let rig = Rig::started(10).await;
    let ids: Vec<String> = (0..10).map(|member| rig.add(member, now_draft("First round"))).collect();
    for member in 0..10 {
        rig.arrives(member, "First round").await;
    }
    for (member, id) in ids.iter().enumerate() {
        let address = &rig.world.members[member].address;
        rig.world.calendar.update_event(address, id, EventDraft::patch().subject("Later round")).unwrap();
    }
    for member in 0..10 {
        rig.arrives(member, "Later round").await;
    }
    assert_eq!(rig.world.pbx.stats().overlapping, 0);
}
