//! The same through Exchange Web Services.

use calport_e2e::{ARRIVE, Rig, empty_world_by, now_draft};
use calport_simulators::demo::Backend;
use calport_simulators::ews::{BusyForm, Kind, Version};

use crate::{absences, changes, overrules};

async fn rig(people: u16) -> Rig {
    Rig::over(empty_world_by(people, Backend::Ews).await).await
}

fn door(rig: &Rig) -> &calport_simulators::ews::Simulator {
    rig.world.ews.as_ref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c04_every_kind_of_change_reaches_the_pbx_through_ews() {
    changes::every_kind_of_change_arrives(Rig::started_by(3, Backend::Ews).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c04_the_demo_through_ews_carries_every_kind_of_change_and_sends_no_mail() {
    changes::demo_once("ews", "ews").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p08_feat_c11_automatic_replies_set_presence_and_greeting_through_ews() {
    absences::automatic_replies_show(rig(1).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p10_feat_c02_a_state_set_by_hand_appears_in_the_mailbox_through_ews() {
    let rig = rig(1).await;
    overrules::synchronize_current(rig, |rig| door(rig).fail("CreateItem", 1, Kind::Lost { status: None })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b44_a_busy_server_is_left_alone_and_what_changed_meanwhile_arrives() {
    let rig = Rig::started_by(2, Backend::Ews).await;
    door(&rig).fail("FindItem", 3, Kind::Busy { back_off_ms: Some(2_000), form: BusyForm::Fault });
    rig.add(0, now_draft("In the rush"));
    rig.add(1, now_draft("As well"));
    rig.arrives(0, "In the rush").await;
    rig.arrives(1, "As well").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b22_ews_switched_off_stops_the_connection_with_the_way_to_graph_and_takes_nobodys_presence() {
    let rig = Rig::started_by(2, Backend::Ews).await;
    rig.add(0, now_draft("Before the end"));
    rig.arrives(0, "Before the end").await;
    door(&rig).configure(|config| config.disabled = true);
    // The stream still tells of it, and the reading is refused.
    rig.add(1, now_draft("After the end"));
    rig.until("the connection stops and says why", ARRIVE, async || {
        let reason = rig.connection("calendar").await["reason"].to_string();
        reason.contains("2027-04-01") && reason.contains("`graph`")
    })
    .await;
    let anna = rig.person("anna").await;
    assert_eq!((&anna["resolution"], &anna["mailbox"]), (&"resolved".into(), &rig.world.members[0].address.as_str().into()), "{anna}");
    assert!(rig.shows(0, "Before the end"), "{:?}", rig.shown(0));
    // An administrator switches it on again: the connection is tried again without a restart.
    door(&rig).configure(|config| config.disabled = false);
    assert_eq!(rig.command(&["sync", "--now"]).await.code, 0);
    rig.until("it goes on", ARRIVE * 3, async || rig.shows(1, "After the end")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c06_an_old_server_is_spoken_to_as_such_and_what_it_lacks_is_reported() {
    let mut rig = rig(1).await;
    door(&rig).configure(|config| config.version = Version::Exchange2010Sp1);
    let check = rig.command(&["check", "--json"]).await;
    assert_eq!(check.code, 0, "{}{}", check.out, check.err);
    for told in ["Exchange2010_SP1", "working elsewhere"] {
        assert!(check.out.contains(told), "`{told}` is not in {}", check.out);
    }
    rig.start().await;
    rig.settled().await;
    rig.add(0, now_draft("On an old server"));
    rig.arrives(0, "On an old server").await;
}
