//! Automatic replies, further calendars, several PBXs, audiences, alerts.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, list, minutes_draft, now_draft};
use calport_simulators::graph::User;
use calport_simulators::pbx;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn feat_p08_feat_c11_automatic_replies_set_presence_and_greeting_within_the_reading_interval_and_back() {
    automatic_replies_show(Rig::new(1).await).await;
}

/// Automatic replies set presence and greeting within their reading interval, and end with them.
pub async fn automatic_replies_show(mut rig: Rig) {
    rig.edit(|text| {
        text.replace("[rules.default]\n", "[timing]\nabsence_s = 30\n\n[rules.default]\noof_greeting = \"holiday\"\n")
            .replace("plugin = \"asterisk\"\n", "plugin = \"asterisk\"\nsettings = { greeting_family = \"calport-greeting\" }\n")
    });
    rig.add(0, now_draft("Weekly"));
    rig.start().await;
    rig.settled().await;
    let anna = rig.world.members[0].address.clone();
    let greeting = || rig.world.pbx.database_value("calport-greeting", "anna");
    assert_eq!(greeting(), None);
    let replies =
        json!({ "status": "alwaysEnabled", "externalAudience": "all", "internalReplyMessage": "Gone", "externalReplyMessage": "Gone" });
    rig.world.calendar.set_automatic_replies(&anna, Some(replies)).unwrap();
    let interval = Duration::from_secs(30 + 4 + 15 + 5);
    rig.until("automatic replies show, above the meeting", interval, async || {
        rig.shown(0).0 == "away" && greeting().as_deref() == Some(b"holiday")
    })
    .await;
    assert!(!rig.shows(0, "Gone"), "the text of a reply is nobody's business");
    rig.world.calendar.set_automatic_replies(&anna, Some(json!({ "status": "disabled" }))).unwrap();
    // An administrator who does not want to wait reads now.
    assert_eq!(rig.command(&["sync", "--now"]).await.code, 0);
    rig.until("the meeting shows again, without greeting", ARRIVE, async || rig.shows(0, "Weekly") && greeting().is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p14_shared_and_room_calendars_count_as_further_sources() {
    let mut rig = Rig::new(2).await;
    rig.world.calendar.add_user(User::new("studio@contoso.example", "Studio")).unwrap();
    rig.edit(|text| {
        text.replace(
            "address = \"anna@contoso.example\"\n",
            "address = \"anna@contoso.example\"\ncalendars = [\"studio@contoso.example\", \"gone@contoso.example\"]\n",
        )
    });
    rig.start().await;
    rig.until("the studio's calendar counts", ARRIVE, async || {
        list(&rig.person("anna").await, "calendars").first().is_some_and(|c| c["counts"] == true)
    })
    .await;
    rig.world.calendar.add_event("studio@contoso.example", now_draft("On air")).unwrap();
    rig.arrives(0, "On air").await;
    let person = rig.person("anna").await;
    assert_eq!(list(&person, "calendars")[1]["resolution"], "not-found");
    assert!(!rig.shows(1, "On air"));
    // A person's own calendar goes on beside it.
    rig.add(1, now_draft("Ben's own"));
    rig.arrives(1, "Ben's own").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_p15_each_person_has_one_pbx_of_several() {
    let second = pbx::Simulator::builder().user("anna").user("ben").start().await.unwrap();
    let mut rig = Rig::new(2).await;
    rig.edit(|text| {
        let endpoint = format!(
            "[connections.branch]\nplugin = \"asterisk\"\n\n[connections.branch.endpoints.ami]\nurl = \"{}\"\nallow_addresses = [\"loopback\"]\nplain_http = true\nauth = {{ scheme = \"digest\", user = \"calport\", secret = \"pbx-manager\" }}\n\n[groups.branch]\nsink = \"branch\"\n\n[groups.office]\nsink = \"pbx\"\n\n",
            second.url()
        );
        text.replace("[[flows]]\n", &format!("{endpoint}[[flows]]\nname = \"branch\"\nsource = \"calendar\"\nsink = \"branch\"\n\n[[flows]]\n"))
            .replace("users = { pbx = \"anna\" }", "user = \"anna\"\ngroups = [\"office\"]")
            .replace("users = { pbx = \"ben\" }", "user = \"ben\"\ngroups = [\"branch\"]")
    });
    rig.start().await;
    rig.add(0, now_draft("In the office"));
    rig.add(1, now_draft("At the branch"));
    rig.arrives(0, "In the office").await;
    let there = |user: &str| second.presence(user).map(|p| String::from_utf8_lossy(&p.message).into_owned()).unwrap_or_default();
    rig.until("Ben shows at the branch", ARRIVE, async || there("ben").contains("At the branch")).await;
    assert_eq!((there("anna").as_str(), rig.writes(1).len()), ("", 0), "nobody shows at the other PBX");
    // Ben moves: cleared there within a minute, shown here.
    rig.edit(|text| text.replace("groups = [\"branch\"]", "groups = [\"office\"]"));
    rig.arrives(1, "At the branch").await;
    rig.until("cleared at the old PBX", Duration::from_secs(60), async || there("ben").is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_p24b_an_audience_sees_another_state_and_no_title() {
    let mut rig = Rig::new(1).await;
    rig.edit(|text| {
        text.replace("sink = \"pbx\"\n", "sink = \"pbx\"\naudience = \"public\"\n").replace(
            "[[flows]]\n",
            "[audiences.public]\nshow_subject = false\nshow_next = false\naliases = { away = \"busy\" }\n\n[[flows]]\n",
        )
    });
    rig.add(0, now_draft("Sick").show_as("oof"));
    rig.start().await;
    rig.until("away shows as busy", ARRIVE, async || rig.shown(0).0 == "dnd" && rig.shown(0).1.starts_with("Beschäftigt bis")).await;
    assert!(!rig.shows(0, "Sick"));
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c10_series_count_only_so_many_days_ahead_and_single_appointments_always() {
    let mut rig = Rig::new(1).await;
    let rules = "[rules.default]\nnext_within_hours = 200\nrecurring_days_ahead = 1\n";
    rig.edit(|text| text.replace("[rules.default]\n", rules));
    let in_hours = |hours: i64| (hours * 60, hours * 60 + 20);
    let (from, to) = in_hours(50);
    rig.add(0, minutes_draft("Daily", from, to).daily(5));
    rig.start().await;
    rig.settled().await;
    assert_eq!(rig.shown(0).1, "Verfügbar", "what is out of sight is not what comes next");
    let (from, to) = in_hours(60);
    rig.add(0, minutes_draft("Single", from, to));
    rig.arrives(0, "Single").await;
    // Without the limit the series comes first.
    rig.edit(|text| text.replace("recurring_days_ahead = 1\n", ""));
    rig.arrives(0, "Daily").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_r06_feat_c12_a_lasting_failure_is_mailed_to_the_administrator_from_the_configured_sender() {
    let mut rig = Rig::new(1).await;
    rig.world.calendar.add_user(User::new("calport@contoso.example", "Calport")).unwrap();
    rig.edit(|text| {
        format!("{text}\n[alerts]\nconnection = \"calendar\"\nsender = \"calport@contoso.example\"\nto = [\"admin@contoso.example\"]\nafter_s = 60\n")
    });
    rig.start().await;
    rig.settled().await;
    rig.world.pbx.refuse_credentials(true);
    rig.add(0, now_draft("Not shown"));
    rig.connection_is("pbx", "offline", Duration::from_secs(60)).await;
    rig.until("the mail", Duration::from_secs(150), async || !rig.world.calendar.sent().is_empty()).await;
    let mail = rig.world.calendar.sent().remove(0);
    let text = format!("{mail:?}");
    assert!(text.contains("calport@contoso.example") && text.contains("admin@contoso.example"), "{text}");
    assert!(text.contains("the connection pbx is off line"), "{text}");
    assert!(!text.contains("calport-secret") && !text.contains("Not shown"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c09_a_start_reads_the_whole_window_where_it_is_wished() {
    let mut rig = Rig::started(1).await;
    assert_eq!(rig.stop().await, Some(0));
    let again = "the window was read again and compared";
    rig.start().await;
    rig.settled().await;
    rig.until("a read by the cursor", ARRIVE, async || rig.status().await["syncs"].as_u64() > Some(0)).await;
    assert!(!rig.log().contains(again), "a start goes on from the cursor");
    assert_eq!(rig.stop().await, Some(0));
    rig.edit(|text| text.replace("[rules.default]\n", "[timing]\nfull_read_at_start = true\n\n[rules.default]\n"));
    rig.start().await;
    rig.until("the full read", ARRIVE, async || rig.log().contains(again)).await;
    rig.settled().await;
}
