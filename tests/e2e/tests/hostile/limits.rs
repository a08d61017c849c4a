//! Loops, floods, traps and waits: stopped, named, and unnoticed by the neighbours.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use calport_model::{ConnectorApi as _, ErrorKind, ErrorScope};
use calport_runtime::Limits;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Bench, one, window, within};

/// One thread serves both connections, so the neighbour answers only if the loop is made to yield.
#[tokio::test]
async fn feat_x02_hostile_loop_is_stopped_while_a_neighbour_answers() {
    let bench = Bench::new().await;
    let looping = bench.with_settings(json!({ "behaviour": "loop-forever" }), Limits { cpu: Duration::from_secs(1), ..Limits::default() });
    let neighbour = bench.connection(Limits::default());
    let call = {
        let looping = looping.clone();
        tokio::spawn(async move { looping.check().await })
    };
    // Tasks take turns; the test's own future would have one for every sixty of theirs.
    let answering = {
        let neighbour = neighbour.clone();
        let ended = call.abort_handle();
        tokio::spawn(async move {
            let mut answers = 0;
            while !ended.is_finished() {
                assert!(within("the neighbour's answer", neighbour.check()).await.is_ok());
                answers += 1;
            }
            answers
        })
    };
    let answers = answering.await.unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Plugin);
    assert!(error.message.contains("1000 ms of processor time"), "{}", error.message);
    assert!(answers >= 10, "the neighbour had {answers} answers in a second");
    let cost = looping.cost();
    assert!(cost.traps == 1 && (900..5_000).contains(&cost.cpu_ms), "{cost:?}");
    assert_eq!(neighbour.cost().traps, 0);
}

/// As many loops as keep all threads busy: an answer of a server is noticed all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feat_x02_hostile_loops_on_all_threads_leave_the_neighbours_their_servers() {
    let bench = Bench::new().await;
    bench.gate.answer();
    let neighbour = bench.connection(Limits::default());
    let limits = Limits { cpu: Duration::from_secs(1), ..Limits::default() };
    let loops: Vec<_> = (0..4)
        .map(|_| {
            let looping = bench.with_settings(json!({ "behaviour": "loop-forever" }), limits.clone());
            tokio::spawn(async move { looping.check().await.map(drop) })
        })
        .collect();
    let mut answers = 0;
    while !loops.iter().all(tokio::task::JoinHandle::is_finished) {
        assert!(within("the neighbour's answer", neighbour.resolve(one("read"))).await.is_ok());
        answers += 1;
    }
    for ended in loops {
        let error = ended.await.unwrap().unwrap_err();
        assert!(error.message.contains("processor time"), "{}", error.message);
    }
    assert!(answers >= 100, "the neighbour had {answers} answers of its server; without turns it has a few dozen, with them many hundred");
}

#[tokio::test]
async fn feat_x02_hostile_memory_hog_is_stopped_and_the_limit_named() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits { memory: 16 << 20, ..Limits::default() });
    let error = within("the end", connection.resolve(one("memory-hog"))).await.unwrap_err();
    assert!(error.kind == ErrorKind::Plugin && error.message.contains("16 MiB"), "{}", error.message);
    let peak = connection.cost().peak_memory;
    assert!((8 << 20..=16 << 20).contains(&peak), "{peak} bytes");
    assert!(connection.resolve(one("anna")).await.unwrap()[0].is_ok(), "a new instance works");
}

#[tokio::test]
async fn feat_x02_hostile_trap_kills_the_instance_and_nothing_else() {
    let bench = Bench::new().await;
    for behaviour in ["trap", "recursion", "exit"] {
        let connection = bench.connection(Limits::default());
        assert!(connection.check().await.is_ok());
        let error = within("the end", connection.resolve(one(behaviour))).await.unwrap_err();
        assert!(error.kind == ErrorKind::Plugin && error.message.starts_with("the connector failed"), "{behaviour}: {}", error.message);
        assert!(connection.check().await.is_ok(), "{behaviour}: a new instance works");
        let cost = connection.cost();
        assert!(cost.traps == 1 && cost.instances == 2, "{behaviour}: {cost:?}");
    }
}

#[tokio::test]
async fn feat_x02_hostile_sleep_is_ended_by_the_wall_time() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits { wall: Duration::from_millis(300), ..Limits::default() });
    let error = within("the end", connection.resolve(one("sleep"))).await.unwrap_err();
    assert!(error.kind == ErrorKind::Plugin && error.message.contains("did not end within 0.3 s"), "{}", error.message);
    assert_eq!(connection.cost().timeouts, 1);
    assert!(connection.check().await.is_ok(), "a new instance works");
}

#[tokio::test]
async fn hostile_slow_server_is_the_servers_failure_and_its_request_is_dropped() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits { wall: Duration::from_millis(300), ..Limits::default() });
    for _ in 0..3 {
        let error = within("the end", connection.changes("read".to_owned(), window(), None)).await.unwrap_err();
        assert_eq!((&error.kind, error.scope), (&ErrorKind::Unavailable, ErrorScope::Mailbox), "{}", error.message);
        bench.gate.until_open(0).await;
    }
    assert_eq!(bench.gate.requests().len(), 3);
    assert_eq!(connection.held_back_until(), None, "a slow server is no strike of the connector");
}

#[tokio::test]
async fn hostile_slow_write_has_an_unknown_outcome() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits { wall: Duration::from_millis(300), ..Limits::default() });
    let error = within("the end", connection.changes("write".to_owned(), window(), None)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{}", error.message);
    bench.gate.until_open(0).await;
}

#[tokio::test]
async fn feat_x02_a_caller_that_goes_away_takes_its_request_with_it() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    let call = tokio::spawn(async move { connection.changes("read".to_owned(), window(), None).await.map(drop) });
    bench.gate.until_open(1).await;
    call.abort();
    bench.gate.until_open(0).await;
}

#[tokio::test]
async fn feat_x02_an_answer_without_end_is_cut() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits { response_body: 1 << 20, ..Limits::default() });
    let error = within("the end", connection.changes("stream".to_owned(), window(), None)).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Protocol { .. }) && error.message.contains("1048576 bytes"), "{}", error.message);
    let received = connection.cost().bytes_in;
    assert!((1 << 20..2 << 20).contains(&received), "{received} bytes");
    bench.gate.until_open(0).await;
}

#[tokio::test]
async fn feat_x02_hostile_flood_of_lines_is_bounded_and_counted() {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(written.clone()).finish();
    let logging = tracing::subscriber::set_default(subscriber);
    let bench = Bench::new().await;
    let connection = bench.connection(Limits { cpu: Duration::from_secs(60), ..Limits::default() });
    assert!(within("the end", connection.resolve(one("flood-log"))).await.is_ok());
    drop(logging);

    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(" plugin: ")).collect();
    assert_eq!(lines.len(), 500, "fifty a second, ten seconds ahead");
    assert_eq!(connection.cost().log_lines_left_out, 40_000 - 500);
    assert!(lines.iter().all(|line| line.contains("connection=\"office\"") && line.len() < 5_000), "{}", lines[0]);
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && !text.lines().any(|line| line.starts_with("forged")));
}

#[tokio::test]
async fn feat_x02_hostile_answers_too_large_to_copy_are_not_copied() {
    let bench = Bench::new().await;
    let connection = bench.with_settings(json!({ "amount": 200_000 }), Limits { hostcall_bytes: 1 << 20, ..Limits::default() });
    let error = within("the end", connection.ids("huge-list".to_owned(), window(), None)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Plugin, "{}", error.message);
    assert!(connection.check().await.is_ok(), "a new instance works");
}

/// What was logged.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
