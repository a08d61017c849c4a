//! The drop-in directory while the host runs (FEATURES X01).

use std::path::Path;

use calport_model::{ConnectorApi as _, ErrorKind};
use calport_runtime::{Limits, PluginDirectory, PluginEvent};
use serde_json::json;
use tokio::sync::broadcast::Receiver;

use crate::support::{Bench, Gate, bytes, clock, config, one, other_version, runtime, within};

/// Puts a file in place in one step.
fn put(folder: &Path, name: &str, content: &[u8]) {
    let part = folder.join(format!("{name}.part"));
    std::fs::write(&part, content).unwrap();
    std::fs::rename(part, folder.join(name)).unwrap();
}

async fn next(events: &mut Receiver<PluginEvent>) -> PluginEvent {
    within("an event of the directory", events.recv()).await.unwrap()
}

fn describe(event: &PluginEvent) -> String {
    match event {
        PluginEvent::Loaded(plugin) => format!("loaded {} from {}", plugin.descriptor().name, plugin.file),
        PluginEvent::Replaced(plugin) => format!("replaced {} by {}", plugin.descriptor().name, plugin.file),
        PluginEvent::Removed { name, file } => format!("removed {name} with {file}"),
        PluginEvent::Refused { file, .. } => format!("refused {file}"),
    }
}

#[tokio::test]
async fn feat_x01_a_connector_is_added_replaced_removed_and_back_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(clock());
    let plugins = PluginDirectory::watch(runtime.clone(), folder.path()).await.unwrap();
    let mut events = plugins.subscribe();
    assert!(plugins.get("hostile").is_none());

    put(folder.path(), "a.wasm", &bytes());
    let event = next(&mut events).await;
    assert_eq!(describe(&event), "loaded hostile from a.wasm");
    let first = plugins.get("hostile").unwrap();
    let connection = runtime.connect(config(json!({}), Gate::new(), Limits::default()), first.clone()).unwrap();
    assert!(connection.check().await.is_ok());

    put(folder.path(), "a.wasm", &other_version(2));
    let event = next(&mut events).await;
    assert_eq!(describe(&event), "replaced hostile by a.wasm");
    let second = plugins.get("hostile").unwrap();
    assert_ne!(first.sha256, second.sha256);
    connection.replace(second.clone(), true).await.unwrap();
    assert!(connection.check().await.is_ok());
    assert_eq!(connection.plugin().unwrap().sha256, second.sha256);

    std::fs::remove_file(folder.path().join("a.wasm")).unwrap();
    let event = next(&mut events).await;
    assert_eq!(describe(&event), "removed hostile with a.wasm");
    assert!(plugins.get("hostile").is_none() && plugins.list().is_empty());
    connection.suspend("the connector's file a.wasm is gone; put it back");
    let error = connection.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Suspended(None));
    assert!(error.message.contains("a.wasm"), "{}", error.message);
    assert_eq!(connection.descriptor().name, "hostile", "what it was is still known");

    put(folder.path(), "b.wasm", &bytes());
    let event = next(&mut events).await;
    assert_eq!(describe(&event), "loaded hostile from b.wasm");
    connection.replace(plugins.get("hostile").unwrap(), true).await.unwrap();
    assert!(connection.check().await.is_ok());
}

#[tokio::test]
async fn feat_x01_a_broken_replacement_stays_out_and_the_old_version_runs_on() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.wasm", &bytes());
    let runtime = runtime(clock());
    let plugins = PluginDirectory::watch(runtime.clone(), folder.path()).await.unwrap();
    let mut events = plugins.subscribe();
    let connection = runtime.connect(config(json!({}), Gate::new(), Limits::default()), plugins.get("hostile").unwrap()).unwrap();

    for broken in [&bytes()[..1_000], b"", b"\0asm\x01\0\0\0"] {
        put(folder.path(), "a.wasm", broken);
        let event = next(&mut events).await;
        assert_eq!(describe(&event), "refused a.wasm");
        let listed = plugins.list();
        assert!(listed[0].refused.is_some() && listed[0].plugin.is_some(), "{listed:?}");
        assert!(plugins.get("hostile").is_some());
        assert!(connection.check().await.is_ok());
    }
    put(folder.path(), "a.wasm", &other_version(2));
    assert_eq!(describe(&next(&mut events).await), "replaced hostile by a.wasm");
    assert_eq!(plugins.list()[0].refused, None);
}

#[tokio::test]
async fn feat_x01_a_second_file_of_a_name_waits_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.wasm", &bytes());
    let plugins = PluginDirectory::watch(runtime(clock()), folder.path()).await.unwrap();
    let mut events = plugins.subscribe();
    put(folder.path(), "b.wasm", &other_version(2));
    let event = next(&mut events).await;
    let PluginEvent::Refused { file, reason } = &event else { panic!("{event:?}") };
    assert!(file == "b.wasm" && reason.contains("a.wasm already holds a connector named `hostile`"), "{reason}");
    std::fs::remove_file(folder.path().join("a.wasm")).unwrap();
    assert_eq!(describe(&next(&mut events).await), "removed hostile with a.wasm");
    assert_eq!(describe(&next(&mut events).await), "loaded hostile from b.wasm");
}

#[tokio::test]
async fn feat_x01_a_file_that_turns_into_another_connector_ends_the_first() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.wasm", &bytes());
    let plugins = PluginDirectory::watch(runtime(clock()), folder.path()).await.unwrap();
    let mut events = plugins.subscribe();
    let other = std::fs::read(calport_e2e::connectors().join("asterisk.wasm")).unwrap();
    put(folder.path(), "a.wasm", &other);
    assert_eq!(describe(&next(&mut events).await), "removed hostile with a.wasm");
    assert_eq!(describe(&next(&mut events).await), "loaded asterisk from a.wasm");
    assert!(plugins.get("hostile").is_none());
}

#[tokio::test]
async fn feat_x01_calls_under_way_end_on_the_old_version_and_leave_nothing_to_the_new_one() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.wasm", &other_version(2));
    let second = bench.runtime.load(&folder.path().join("a.wasm")).await.unwrap();
    let connection = bench.connection(Limits::default());
    let running = {
        let connection = connection.clone();
        tokio::spawn(async move { connection.resolve(one("read")).await })
    };
    bench.gate.until_open(1).await;
    connection.suspend("its file is being replaced");
    connection.replace(second, true).await.unwrap();
    bench.gate.answer();
    assert!(within("the old version's answer", running).await.unwrap().unwrap()[0].is_ok());

    let before = connection.cost().instances;
    assert!(connection.check().await.is_ok());
    assert_eq!(connection.cost().instances, before + 1, "the old version's instance is not used again");
}

#[tokio::test]
async fn feat_x01_a_replacement_that_fails_its_trial_leaves_the_old_version() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    let refused = bench.with_settings(json!({ "behaviour": "trap-in-open" }), Limits::default());
    let error = refused.replace(bench.plugin.clone(), true).await.unwrap_err();
    assert!(error.to_string().contains("hostile.wasm fails at its first call"), "{error}");
    let liar = bench.runtime.load(&calport_e2e::connectors().join("asterisk.wasm")).await.unwrap();
    let error = bench.with_settings(json!({ "amount": 1 }), Limits::default()).replace(liar, true).await.unwrap_err();
    assert!(error.to_string().contains("settings"), "{error}");
    assert!(connection.check().await.is_ok());
}
