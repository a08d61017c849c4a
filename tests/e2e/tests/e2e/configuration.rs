//! Configuration that changes while the service runs, is wrong, or lacks something.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, empty_world, list, now_draft};

#[tokio::test(flavor = "multi_thread")]
async fn feat_r05_changed_mapping_takes_effect_without_restart() {
    let mut rig = Rig::started(1).await;
    let pid = rig.pid();
    let before = rig.count("calendarView.delta", 0);
    rig.add(0, now_draft("Perhaps").show_as("tentative"));
    rig.until("the calendar is read", ARRIVE, async || rig.count("calendarView.delta", 0) > before).await;
    rig.holds("tentative is ignored", Duration::from_secs(2), async || rig.shown(0).0 == "available").await;
    rig.edit(|text| text.replace("[rules.default]\n", "[rules.default]\nmapping = { tentative = \"away\" }\n"));
    rig.until("tentative is away", ARRIVE, async || rig.shown(0).0 == "away").await;
    rig.edit(|text| text.replace("mapping = { tentative = \"away\" }\n", ""));
    rig.until("tentative is ignored again", ARRIVE, async || rig.shown(0).0 == "available").await;
    assert!(rig.runs() && rig.pid() == pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_r05_bad_configuration_is_refused_with_its_place_and_the_old_one_runs_on() {
    let mut rig = Rig::started(2).await;
    rig.edit(|text| text.replace("source = \"calendar\"", "source = \"calender\""));
    rig.until("the refusal in the log", ARRIVE, async || {
        let log = rig.log();
        log.contains("the old one runs on") && log.contains("there is no connection `calender`") && log.contains("did you mean `calendar`?")
    })
    .await;
    assert!(rig.log().contains("calport.toml:"), "the place is named");
    rig.add(0, now_draft("By the old one"));
    rig.arrives(0, "By the old one").await;
    // The commands read the same file: they say the same and do not guess.
    let status = rig.command(&["status"]).await;
    assert_eq!(status.code, 3);
    rig.edit(|text| {
        text.replace("source = \"calender\"", "source = \"calendar\"")
            .replace("show_subject", "")
            .replace("[rules.default]\n", "[rules.default]\nshow_subject = false\n")
    });
    rig.leaves(0, "By the old one").await;
    assert_eq!(rig.shown(0).0, "dnd");
    assert!(rig.runs());
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_shadow_mode_computes_and_writes_nothing_until_it_is_switched_off() {
    let mut rig = Rig::new(2).await;
    rig.edit(|text| text.replace("[host]\n", "[host]\npublish = false\n"));
    rig.add(0, now_draft("In the shadow"));
    rig.start().await;
    let wanted = async || {
        let status = rig.status().await;
        status["publish"] == false && list(&status, "people").iter().all(|p| p["feed"] == "live" && !p["wanted"].is_null())
    };
    rig.until("presence is computed", ARRIVE, wanted).await;
    assert!(rig.person("anna").await["wanted"]["text"].as_str().unwrap().contains("In the shadow"));
    rig.add(1, now_draft("A change in the shadow"));
    rig.until("the change is computed", ARRIVE, async || rig.person("ben").await["wanted"]["availability"] == "busy").await;
    rig.holds("nothing is written", Duration::from_secs(2), async || rig.world.pbx.stats().writes == 0).await;
    let text = rig.command(&["status"]).await.out;
    assert!(text.contains("SHADOW MODE"), "{text}");
    rig.edit(|text| text.replace("publish = false\n", ""));
    rig.arrives(0, "In the shadow").await;
    rig.arrives(1, "A change in the shadow").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_r04_missing_secret_names_the_remedy_and_the_rest_runs_on() {
    let mut rig = Rig::bare(empty_world(1).await);
    rig.set_secret("pbx-manager", "calport-secret").await;
    let check = rig.command(&["check", "--json"]).await;
    assert_eq!(check.code, 5);
    let report = check.json();
    let finding = list(&report, "findings").iter().find(|f| f["about"] == "secret" && f["severity"] == "problem").unwrap();
    assert!(finding["message"].as_str().unwrap().contains("calendar-client"), "{finding}");
    assert_eq!(finding["remedy"], "calport secret set calendar-client");
    rig.start().await;
    let calendar = rig.connection_is("calendar", "offline", ARRIVE).await;
    let reason = calendar["reason"].as_str().unwrap();
    assert!(reason.contains("calendar-client") && reason.contains("calport secret set"), "{reason}");
    rig.connection_is("pbx", "online", ARRIVE).await;
    let secret = rig.world.calendar.config().client_secret;
    rig.set_secret("calendar-client", &secret).await;
    rig.command(&["sync", "--now"]).await;
    rig.settled().await;
    rig.add(0, now_draft("With the secret"));
    rig.arrives(0, "With the secret").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_r05_unreadable_configuration_ends_with_code_3_and_what_to_do() {
    let rig = Rig::bare(empty_world(1).await);
    for (change, expected) in [
        ("[host\n", "calport.toml:"),
        ("[host]\ndta_dir = \"x\"\n", "did you mean `data_dir`?"),
        ("[host]\nzone = \"Europe/Berln\"\n", "Europe/Berlin"),
    ] {
        std::fs::write(rig.path("calport.toml"), change).unwrap();
        for command in ["serve", "check", "status"] {
            let ran = rig.command(&[command]).await;
            assert_eq!(ran.code, 3, "{command}: {}", ran.err);
            assert!(ran.err.contains(expected), "{command}: {}", ran.err);
        }
        let json = rig.command(&["check", "--json"]).await;
        assert_eq!(json.code, 3);
        assert!(json.json().to_string().contains("calport.toml"), "{}", json.out);
    }
    std::fs::remove_file(rig.path("calport.toml")).unwrap();
    let ran = rig.command(&["serve"]).await;
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("calport.toml") && ran.err.contains("calport init"), "{}", ran.err);
}
