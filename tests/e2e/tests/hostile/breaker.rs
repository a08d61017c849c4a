//! The breaker of a connection (SEMANTICS K-06).

use std::time::Duration;

use calport_model::{Clock as _, ConnectorApi as _, ErrorKind};
use calport_runtime::{Connection, Limits};
use serde_json::json;

use crate::support::{Bench, component, one, within};

async fn trap(connection: &Connection) {
    let error = within("the trap", connection.resolve(one("trap"))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Plugin, "{}", error.message);
}

#[tokio::test]
async fn rule_k06_two_traps_hold_the_connection_back_and_no_other() {
    let bench = Bench::new().await;
    let (connection, neighbour) = (bench.connection(Limits::default()), bench.connection(Limits::default()));
    trap(&connection).await;
    assert!(connection.check().await.is_ok(), "one trap is forgiven");
    trap(&connection).await;

    let error = connection.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Suspended(Some(Duration::from_secs(30))));
    assert!(error.message.contains("hostile.wasm") && error.message.contains("the connector failed"), "{}", error.message);
    assert_eq!(connection.held_back_until().map(|until| until.duration_since(bench.clock.now()).as_secs()), Some(30));
    let calls = connection.cost().calls;
    assert!(connection.resolve(one("anna")).await.is_err());
    assert_eq!(connection.cost().calls, calls, "the connector is not asked meanwhile");
    assert!(neighbour.check().await.is_ok());

    bench.clock.advance(Duration::from_secs(30));
    assert!(connection.check().await.is_ok(), "the try");
    assert_eq!(connection.held_back_until(), None);
    assert!(connection.check().await.is_ok());
}

#[tokio::test]
async fn rule_k06_a_failed_try_holds_it_back_for_longer() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    trap(&connection).await;
    trap(&connection).await;
    bench.clock.advance(Duration::from_secs(30));
    trap(&connection).await;
    bench.clock.advance(Duration::from_secs(59));
    assert!(connection.check().await.is_err());
    bench.clock.advance(Duration::from_secs(1));
    assert!(connection.check().await.is_ok());
}

#[tokio::test]
async fn rule_k06_a_try_that_is_given_up_does_not_hold_the_connection_back_for_ever() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    trap(&connection).await;
    trap(&connection).await;
    bench.clock.advance(Duration::from_secs(30));
    let trying = {
        let connection = connection.clone();
        tokio::spawn(async move { connection.resolve(one("read")).await.map(drop) })
    };
    bench.gate.until_open(1).await;
    assert_eq!(connection.check().await.unwrap_err().kind.code(), "suspended", "one try at a time");
    trying.abort();
    bench.gate.until_open(0).await;
    assert!(trying.await.unwrap_err().is_cancelled());
    assert!(connection.check().await.is_ok());
}

#[tokio::test]
async fn rule_k06_a_trap_in_open_counts_like_one_in_a_call() {
    let bench = Bench::new().await;
    let connection = bench.with_settings(json!({ "behaviour": "trap-in-open" }), Limits::default());
    assert_eq!(connection.check().await.unwrap_err().kind, ErrorKind::Plugin);
    assert_eq!(connection.check().await.unwrap_err().kind, ErrorKind::Plugin);
    assert_eq!(connection.check().await.unwrap_err().kind.code(), "suspended");
}

#[tokio::test]
async fn rule_k06_another_version_begins_without_strikes() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    trap(&connection).await;
    trap(&connection).await;
    assert!(connection.check().await.is_err());
    let again = bench.runtime.load(&component("hostile.wasm")).await.unwrap();
    connection.replace(again, true).await.unwrap();
    assert!(connection.check().await.is_ok());
}
