//! What an administrator asks and orders.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, empty_world, list, now_draft};
use calport_simulators::graph::EventDraft;

#[tokio::test(flavor = "multi_thread")]
async fn feat_r01_status_deactivate_activate_and_sync_now() {
    let rig = Rig::started(2).await;
    rig.add(0, now_draft("Shown"));
    rig.arrives(0, "Shown").await;
    let status = rig.json(&["status"]).await;
    let calendar = list(&status, "connections").iter().find(|c| c["id"] == "calendar").unwrap();
    assert_eq!((&calendar["state"], &calendar["mode"], &calendar["mailboxes"]), (&"online".into(), &"hooks".into(), &2.into()));
    assert!(calendar["cost"].is_object() && calendar["server"].as_str().unwrap().contains("Microsoft Graph"), "{calendar}");

    rig.json(&["deactivate", "calendar"]).await;
    rig.connection_is("calendar", "inactive", ARRIVE).await;
    rig.until("what came from it is cleared", ARRIVE, async || rig.shown(0).0 == "not_set" && rig.shown(1).0 == "not_set").await;
    rig.add(1, now_draft("Made while inactive"));
    rig.holds("nothing is shown", Duration::from_secs(2), async || rig.shown(1).0 == "not_set").await;
    rig.json(&["activate", "calendar"]).await;
    rig.arrives(0, "Shown").await;
    rig.arrives(1, "Made while inactive").await;

    let reads = (rig.count("calendarView.delta", 0), rig.count("calendarView.delta", 1));
    assert_eq!(rig.json(&["sync", "--now", "calendar"]).await["mailboxes"], 2);
    rig.until("both are read", ARRIVE, async || {
        rig.count("calendarView.delta", 0) > reads.0 && rig.count("calendarView.delta", 1) > reads.1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_r01_unknown_connections_are_named_and_the_log_is_read() {
    let rig = Rig::started(1).await;
    for arguments in [["deactivate", "calender"], ["activate", "calender"]] {
        let ran = rig.command(&arguments).await;
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("calender"), "{}", ran.err);
    }
    assert_eq!(rig.command(&["sync", "--now", "calender"]).await.code, 1);
    assert_eq!(rig.command(&["sync"]).await.code, 2, "wrong usage");
    let log = rig.command(&["log", "-n", "200"]).await;
    assert_eq!(log.code, 0);
    for line in [
        "Starting Microsoft Graph",
        "Using Microsoft Graph URL: http://127.0.0.1",
        "Connected to Microsoft Graph",
        "Subscribing to availability of user:",
    ] {
        assert!(log.out.contains(line), "\"{line}\" is missing in\n{}", log.out);
    }
    for line in rig.command(&["log", "--json", "-n", "5"]).await.out.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["message"].is_string() && value["level"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_r01_without_a_service_commands_end_with_code_4() {
    let mut rig = Rig::over(empty_world(1).await).await;
    for arguments in [
        &["status"][..],
        &["activate", "calendar"],
        &["deactivate", "calendar"],
        &["sync", "--now"],
        &["log"],
        &["trace", "on", "calendar"],
    ] {
        let ran = rig.command(arguments).await;
        assert_eq!(ran.code, 4, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("calport serve"), "{arguments:?}: {}", ran.err);
    }
    rig.start().await;
    assert_eq!(rig.command(&["status"]).await.code, 0);
    assert_eq!(rig.stop().await, Some(0));
    let ran = rig.command(&["status"]).await;
    assert_eq!(ran.code, 4, "after the end, too: {}", ran.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c20_trace_shows_the_protocol_while_it_is_on() {
    let rig = Rig::started(1).await;
    let on = rig.json(&["trace", "on", "calendar", "--minutes", "5"]).await;
    let file = rig.path("data/trace/calendar.log");
    assert!(on["file"].as_str().unwrap().ends_with("trace/calendar.log") && on["until"].is_string(), "{on}");
    let id = rig.add(0, now_draft("Traced"));
    rig.arrives(0, "Traced").await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("calendarView/delta"), "{text}");
    rig.json(&["trace", "off", "calendar"]).await;
    let size = std::fs::metadata(&file).unwrap().len();
    let address = &rig.world.members[0].address;
    rig.world.calendar.update_event(address, &id, EventDraft::patch().subject("Not traced")).unwrap();
    rig.arrives(0, "Not traced").await;
    assert_eq!(std::fs::metadata(&file).unwrap().len(), size);
}
