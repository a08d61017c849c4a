//! Streams: what a wait opened stays open for the next one, on an instance of its own, and goes with the stream.

use std::time::Duration;

use calport_model::notification::HintKind;
use calport_model::{ConnectorApi, ErrorKind};
use calport_runtime::{Connection, Limits};

use crate::support::{Bench, one, other_version, within};

const LONG: Duration = Duration::from_secs(30);

async fn wait(connection: &Connection, stream: &str, what: &str) -> Result<Vec<(String, HintKind)>, ErrorKind> {
    let waited = within("a wait", connection.wait(stream.to_owned(), one(what), None, LONG)).await;
    waited.map(|w| w.hints.into_iter().map(|h| (h.subscription, h.kind)).collect()).map_err(|error| error.kind)
}

fn opened() -> Vec<(String, HintKind)> {
    vec![(String::new(), HintKind::Heartbeat)]
}

#[tokio::test(flavor = "multi_thread")]
async fn c09_what_a_wait_opened_stays_open_until_the_stream_is_closed() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits { response_body: 48 << 10, ..Limits::default() });
    assert_eq!(wait(&connection, "a", "keep-open").await, Ok(opened()));
    assert_eq!(wait(&connection, "b", "keep-open").await, Ok(opened()), "another stream, another instance");
    bench.gate.until_open(2).await;
    // Other calls leave the bodies alone, and each wait may bring as much as an answer may have, however long the stream lives.
    for _ in 0..4 {
        assert_eq!(connection.list_entries(None).await.unwrap().entries.len(), 1);
        assert_eq!(wait(&connection, "a", "keep-open").await, Ok(vec![("32768".to_owned(), HintKind::Changed)]));
    }
    bench.gate.until_open(2).await;
    connection.close_stream("a");
    bench.gate.until_open(1).await;
    connection.close_stream("a");
    assert_eq!(wait(&connection, "a", "keep-open").await, Ok(opened()), "it is not known any more");
    assert_eq!(bench.gate.requests()[0].quiet, Some(Duration::from_secs(90)));
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x02_a_trap_in_a_wait_ends_its_stream_and_no_other() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    assert_eq!(wait(&connection, "a", "keep-open").await, Ok(opened()));
    assert_eq!(wait(&connection, "b", "keep-open").await, Ok(opened()));
    assert_eq!(wait(&connection, "a", "trap").await, Err(ErrorKind::Plugin));
    bench.gate.until_open(1).await;
    assert_eq!(wait(&connection, "b", "keep-open").await, Ok(vec![("32768".to_owned(), HintKind::Changed)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x02_a_wait_that_is_given_up_takes_its_stream_along_and_two_at_once_are_refused() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    assert_eq!(wait(&connection, "a", "keep-open").await, Ok(opened()));
    let mut hanging = connection.wait("a".to_owned(), one("read"), None, LONG);
    tokio::select! {
        biased;
        _ = &mut hanging => panic!("the server does not answer"),
        () = bench.gate.until_open(2) => {}
    }
    let second = wait(&connection, "a", "keep-open").await;
    assert!(matches!(second, Err(ErrorKind::Invalid { .. })), "{second:?}");
    drop(hanging);
    bench.gate.until_open(0).await;
    // Closed while a wait is under way: what the wait gives back is not kept.
    assert_eq!(wait(&connection, "c", "keep-open").await, Ok(opened()));
    let waiting = tokio::spawn({
        let connection = connection.clone();
        async move { wait(&connection, "c", "write").await.is_ok() }
    });
    bench.gate.until_open(2).await;
    connection.close_stream("c");
    bench.gate.answer();
    assert!(waiting.await.unwrap());
    bench.gate.until_open(0).await;
    assert_eq!(wait(&connection, "c", "keep-open").await, Ok(opened()));
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_x02_a_replaced_connector_ends_the_streams_of_the_old_one() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    assert_eq!(wait(&connection, "a", "keep-open").await, Ok(opened()));
    bench.gate.until_open(1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hostile.wasm");
    std::fs::write(&file, other_version(7)).unwrap();
    connection.replace(bench.runtime.load(&file).await.unwrap(), false).await.unwrap();
    bench.gate.until_open(0).await;
    assert_eq!(wait(&connection, "a", "keep-open").await, Ok(opened()));
}
