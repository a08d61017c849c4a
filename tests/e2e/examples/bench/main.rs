//! The benchmarks of `cargo xtask bench`: ratios to a baseline in the same run, printed as Markdown.
//!
//! Each figure is the least of several rounds, so that what else the machine does counts little.
#![recursion_limit = "256"]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measuring program ends where it cannot measure"
)]

mod bare;
mod ews_page;
mod fake;
mod login;
mod memory;
mod page;
mod streams;
mod timelines;
mod week;
mod windows;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use calport_engine::sync_feed;
use calport_model::{ConnectorApi, SystemClock, Window};
use calport_runtime::{
    Connection, ConnectionConfig, HttpError, HttpGate, HttpRequest, HttpResponse, HttpStream, InProcess, Limits, PluginDirectory,
    PluginEvent, Runtime, RuntimeConfig,
};
use calport_store::{Feed, FeedKey, NoSeal, Store};
use futures::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;

const ROUNDS: usize = 7;

struct Canned(bare::Answer);

impl HttpGate for Canned {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let bare::Answer { media_type, body } = self.0.clone();
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Box::pin(async move { Ok(HttpResponse { status: 200, headers, body }) })
    }
    fn open(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>> {
        Box::pin(async { Err(HttpError::Denied("no streams here".to_owned())) })
    }
}

fn plugins() -> PathBuf {
    std::env::var_os("CALPORT_PLUGINS").map_or_else(|| PathBuf::from("target/plugins"), PathBuf::from)
}

fn least(mut round: impl FnMut() -> Duration) -> Duration {
    (0..ROUNDS).map(|_| round()).min().unwrap()
}

fn row(what: &str, measured: &str, baseline: &str, ratio: &str, goal: &str) {
    println!("| {what} | {measured} | {baseline} | {ratio} | {goal} |");
}

fn micros(d: Duration) -> String {
    format!("{:.1} µs", d.as_secs_f64() * 1e6)
}

fn millis(d: Duration) -> String {
    format!("{:.2} ms", d.as_secs_f64() * 1e3)
}

fn ratio(a: Duration, b: Duration) -> String {
    format!("{:.2}", a.as_secs_f64() / b.as_secs_f64())
}

fn runtime(cache: &std::path::Path) -> Arc<Runtime> {
    Runtime::new(RuntimeConfig { cache: cache.to_owned(), compiler: Arc::new(InProcess), clock: Arc::new(SystemClock) }).unwrap()
}

async fn connect(runtime: &Arc<Runtime>, server: &page::Server, answer: bare::Answer) -> Arc<Connection> {
    let plugin = runtime.load(&plugins().join(server.file)).await.unwrap();
    let config = ConnectionConfig {
        id: "bench".to_owned(),
        settings: serde_json::from_str(server.settings).unwrap(),
        endpoints: vec![(server.endpoint.to_owned(), "https://server.example.com/v1.0".to_owned())],
        gate: Arc::new(Canned(answer)),
        discovery_domains: Vec::new(),
        limits: Limits::default(),
    };
    runtime.connect(config, plugin).unwrap()
}

/// What to measure, as the command line says.
struct Wanted {
    only: Option<String>,
    week: week::Options,
}

impl Wanted {
    /// Reads `--only PART`, `--people N`, `--days N` and `--seed N`; anything else ends the program.
    fn read() -> Self {
        let mut wanted = Self { only: None, week: week::Options { people: 25, days: 7, seed: 20_260_327 } };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect("every argument has a value");
            match name.as_str() {
                "--only" => {
                    assert!(PARTS.contains(&value.as_str()), "--only {value}: the parts are {}", PARTS.join(", "));
                    wanted.only = Some(value);
                }
                "--people" => wanted.week.people = value.parse().unwrap(),
                "--days" => wanted.week.days = value.parse().unwrap(),
                "--seed" => wanted.week.seed = value.parse().unwrap(),
                other => panic!("there is no argument {other}; known are --only, --people, --days and --seed"),
            }
        }
        wanted
    }

    fn part(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}

const PARTS: [&str; 10] = ["host-call", "page", "loading", "mailboxes", "windows", "login", "presence", "memory", "streams", "week"];

fn main() {
    let wanted = Wanted::read();
    let several = tokio::runtime::Runtime::new().unwrap();
    several.block_on(table(&wanted));
    if wanted.part("week") {
        several.shutdown_background();
        // One thread: whoever waits for the rest to become quiet sees all of it.
        let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        one.block_on(simulated_week(wanted.week));
    }
}

async fn table(wanted: &Wanted) {
    if wanted.only.as_deref() == Some("week") {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let runtime = runtime(cache.path());
    println!("| what | measured | baseline | ratio | goal |\n|---|---|---|---|---|");
    if wanted.part("host-call") {
        call_overhead(&runtime).await;
    }
    if wanted.part("page") {
        page_of_events(&runtime, &page::GRAPH).await;
        page_of_events(&runtime, &page::EWS).await;
    }
    if wanted.part("loading") {
        loading(&runtime).await;
    }
    if wanted.part("mailboxes") {
        mailboxes(&runtime).await;
    }
    if wanted.part("windows") {
        windows::run(&runtime).await;
    }
    if wanted.part("login") {
        login::run().await;
    }
    if wanted.part("presence") {
        timelines::run();
    }
    if wanted.part("memory") {
        memory::run().await;
    }
    if wanted.part("streams") {
        streams::run(&runtime).await;
    }
}

/// What the account of the week is, for those who read it.
const ABOUT_THE_WEEK: &str = "\
A simulated week on one virtual clock: engine, connectors in the sandbox, egress, store and receiver are the real ones, the
calendar server and the PBX are simulators. After every second the PBX is compared, state and text, with an oracle that reckons
minute by minute from the true calendars. A wrong second is put down to a cause only if what is shown is right for a state of the
calendar that may still be taken for the newest one, or while something is down; everything else is Calport's own mistake. The
clock stands while anybody works: what work costs in time is in the table above, not here. Faults are far denser than in life.
Another week: `cargo xtask bench --dry-run -- --only week --seed N`.";

async fn simulated_week(options: week::Options) {
    let cache = tempfile::tempdir().unwrap();
    let report = week::run(options, &plugins(), cache.path()).await;
    println!("\n## Wrong-presence-seconds\n\n{ABOUT_THE_WEEK}\n\n{}", report.markdown());
    eprintln!("==> the week took {:.0} s, {} calls of connectors", report.real_seconds, report.counts.calls);
    assert_eq!(report.seconds(week::Cause::Own), 0, "what was shown was wrong by a mistake of Calport; see above");
}

/// The same exported function of the same bytes, on bare wasmtime and through the host.
async fn call_overhead(runtime: &Arc<Runtime>) {
    const CALLS: u32 = 2_000;
    let connection = connect(runtime, &page::ASTERISK, bare::Answer::default()).await;
    connection.live_subscriptions().await.unwrap();
    let mut host = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..CALLS {
            connection.live_subscriptions().await.unwrap();
        }
        host = host.min(began.elapsed() / CALLS);
    }
    let bytes = std::fs::read(plugins().join("asterisk.wasm")).unwrap();
    let mut bare = bare::Bare::start(&bytes, false, "ami", "{}", bare::Answer::default()).await;
    let mut baseline = Duration::MAX;
    for _ in 0..ROUNDS {
        baseline = baseline.min(bare.empty_calls(CALLS).await);
    }
    row("an empty call through the host, against bare wasmtime", &micros(host), &micros(baseline), &ratio(host, baseline), "-");
}

/// A page of 999 events: native at opt-level 3, in the sandbox without limits, and through the host with all of them.
async fn page_of_events(runtime: &Arc<Runtime>, server: &page::Server) {
    let answer = (server.page)(page::EVENTS);
    let size = answer.body.len() / 1_000;
    let native = least(|| {
        let began = Instant::now();
        let changes = (server.native)(&answer);
        let took = began.elapsed();
        assert_eq!(changes, page::EVENTS);
        took
    });
    let bytes = std::fs::read(plugins().join(server.file)).unwrap();
    let name = server.endpoint;
    let first = format!("page of 999 events ({name}, {size} kB) in the sandbox, limits off");
    for (limits, what, goal) in [(false, first, "≤ 1.5"), (true, format!("the same ({name}), interruption on"), "≤ 2")] {
        let mut bare = bare::Bare::start(&bytes, limits, server.endpoint, server.settings, answer.clone()).await;
        let mut took = Duration::MAX;
        for _ in 0..ROUNDS {
            took = took.min(bare.page().await);
        }
        row(&what, &millis(took), &millis(native), &ratio(took, native), goal);
    }
    let connection = connect(runtime, server, answer).await;
    let mut took = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let page = connection.changes(page::MAILBOX.to_owned(), window(), None).await.unwrap();
        took = took.min(began.elapsed());
        assert_eq!(page.changes.len(), page::EVENTS);
    }
    let what = format!("the same ({name}) through the host: all limits, checked and converted");
    row(&what, &millis(took), &millis(native), &ratio(took, native), "-");
}

fn window() -> Window {
    let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    Window { start, end: start + jiff::SignedDuration::from_hours(36 * 24) }
}

async fn loading(runtime: &Arc<Runtime>) {
    for file in ["graph.wasm", "ews.wasm", "asterisk.wasm"] {
        let mut took = Duration::MAX;
        for _ in 0..ROUNDS {
            let plugin = runtime.load(&plugins().join(file)).await.unwrap();
            assert!(!plugin.compiled);
            took = took.min(plugin.load_time);
        }
        row(&format!("{file} loaded from the cache"), &millis(took), "-", "-", "< 3 ms");
        let fresh = tempfile::tempdir().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let runtime = self::runtime(fresh.path());
        let watched = PluginDirectory::watch(runtime, directory.path()).await.unwrap();
        let mut events = watched.subscribe();
        let began = Instant::now();
        std::fs::copy(plugins().join(file), directory.path().join(file)).unwrap();
        while !matches!(events.recv().await.unwrap(), PluginEvent::Loaded(_)) {}
        row(&format!("{file} from drop to ready, compiled"), &millis(began.elapsed()), "-", "-", "< 300 ms");
    }
}

/// Mailboxes with 60 events read through the real connector into the real store; the server's part is left out.
async fn mailboxes(runtime: &Arc<Runtime>) {
    const MAILBOXES: u32 = 300;
    let connection = connect(runtime, &page::GRAPH, (page::GRAPH.page)(60)).await;
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("bench.sqlite"), Arc::new(NoSeal)).await.unwrap();
    let now = window().start;
    let began = Instant::now();
    for number in 0..MAILBOXES {
        let feed = Feed::new(FeedKey::new("bench", format!("mailbox-{number}")), window(), connection.descriptor().cursor_format);
        store.add_feed(&feed).await.unwrap();
        sync_feed(&store, connection.as_ref(), &feed, window(), &TimeZone::UTC, now).await.unwrap();
    }
    let rate = f64::from(MAILBOXES) / began.elapsed().as_secs_f64();
    row(
        "mailboxes synchronised one after the other (60 events, connector and store, no network)",
        &format!("{rate:.0} per s"),
        "-",
        "-",
        "-",
    );
}
