//! Connector files that come, go and break while the service runs.

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, list, now_draft};

#[tokio::test(flavor = "multi_thread")]
async fn feat_x01_connector_removed_and_readded_loses_nothing() {
    let mut rig = Rig::started(3).await;
    rig.add(0, now_draft("Already on"));
    rig.arrives(0, "Already on").await;
    let pid = rig.pid();
    let (file, aside) = (rig.plugin("graph.wasm"), rig.path("graph.aside"));
    std::fs::rename(&file, &aside).unwrap();
    let calendar = rig.connection_is("calendar", "offline", ARRIVE).await;
    let reason = calendar["reason"].as_str().unwrap();
    assert!(reason.contains("graph.wasm") && reason.contains("put it back"), "{reason}");
    assert_eq!(rig.connection("pbx").await["state"], "online", "the neighbour does not notice");
    rig.add(1, now_draft("Made meanwhile"));
    let id = rig.add(2, now_draft("Made and gone"));
    rig.world.calendar.delete_event(&rig.world.members[2].address, &id).unwrap();
    rig.holds("nothing changes without the connector", Duration::from_secs(2), async || {
        rig.shows(0, "Already on") && !rig.shows(1, "Made")
    })
    .await;
    std::fs::rename(&aside, &file).unwrap();
    rig.arrives(1, "Made meanwhile").await;
    rig.connection_is("calendar", "online", ARRIVE).await;
    rig.settled().await;
    assert!(rig.shows(0, "Already on"));
    assert_eq!(rig.shown(2).0, "available");
    assert!(rig.runs() && rig.pid() == pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x01_broken_connector_file_is_refused_and_the_old_one_runs_on() {
    let rig = Rig::started(2).await;
    let good = std::fs::read(rig.plugin("graph.wasm")).unwrap();
    std::fs::write(rig.plugin("graph.wasm"), b"this is no WebAssembly").unwrap();
    rig.until("the refusal in the log", ARRIVE, async || {
        let log = rig.log();
        log.lines().any(|line| line.contains("graph.wasm") && line.contains("refused"))
    })
    .await;
    let inspected = rig.command(&["plugin", "inspect", rig.plugin("graph.wasm").to_str().unwrap()]).await;
    assert_eq!(inspected.code, 1);
    assert!(inspected.err.contains("graph.wasm"), "{}", inspected.err);
    let listed = rig.json(&["plugin", "list"]).await;
    let refused = list(&listed, "plugins").iter().find(|p| p["file"] == "graph.wasm").unwrap();
    assert!(refused["refused"].as_str().is_some_and(|reason| !reason.is_empty()), "{listed}");
    assert_eq!(rig.connection("calendar").await["state"], "online");
    rig.add(0, now_draft("Served by the old one"));
    rig.arrives(0, "Served by the old one").await;
    std::fs::write(rig.plugin("graph.wasm"), good).unwrap();
    rig.add(1, now_draft("After the repair"));
    rig.arrives(1, "After the repair").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x01_connector_copied_in_is_used_without_a_restart() {
    let mut rig = Rig::new(2).await;
    let (file, aside) = (rig.plugin("asterisk.wasm"), rig.path("asterisk.aside"));
    std::fs::rename(&file, &aside).unwrap();
    rig.start().await;
    let pbx = rig.connection_is("pbx", "not-made", ARRIVE).await;
    assert!(pbx["reason"].as_str().unwrap().contains("no connector `asterisk`"), "{pbx}");
    rig.add(0, now_draft("Seen before the PBX"));
    rig.until("calendars are read meanwhile", ARRIVE, async || list(&rig.status().await, "people").iter().all(|p| p["feed"] == "live"))
        .await;
    let pid = rig.pid();
    std::fs::copy(&aside, &file).unwrap();
    rig.arrives(0, "Seen before the PBX").await;
    rig.settled().await;
    assert!(rig.runs() && rig.pid() == pid);
}
