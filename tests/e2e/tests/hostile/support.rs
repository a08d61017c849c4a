//! The runtime, the way out and the files that all tests here share.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use calport_model::{Clock, ManualClock, Window};
use calport_runtime::{
    Connection, ConnectionConfig, HttpBody, HttpError, HttpGate, HttpRequest, HttpResponse, HttpStream, InProcess, Limits, Plugin, Runtime,
    RuntimeConfig,
};
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The only server that the gate allows.
pub const SERVER: &str = "https://server.example.com/api";

/// Nothing here takes this long, except when it never ends.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for something that must come.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what} did not come within {} s", DEADLINE.as_secs()))
}

/// A built component that misbehaves.
pub fn component(name: &str) -> PathBuf {
    let folder = std::env::var_os("CALPORT_HOSTILE").map_or_else(|| workspace().join("target/hostile"), PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not there: build it with `cargo xtask plugins --hostile`, or name its folder in CALPORT_HOSTILE",
        path.display()
    );
    path
}

/// The bytes of `hostile.wasm`.
pub fn bytes() -> Vec<u8> {
    std::fs::read(component("hostile.wasm")).unwrap()
}

/// The same connector as another file: a section more, which says nothing.
pub fn other_version(number: u8) -> Vec<u8> {
    let mut bytes = bytes();
    bytes.extend_from_slice(&[0, 3, 1, b'v', number]);
    bytes
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// A clock that moves only when told.
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-03-02T08:00:00Z".parse().unwrap()))
}

/// A runtime whose code is kept from test to test.
pub fn runtime(clock: Arc<dyn Clock>) -> Arc<Runtime> {
    runtime_in(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-cache"), clock)
}

/// A runtime with a cache of its own.
pub fn runtime_in(cache: &Path, clock: Arc<dyn Clock>) -> Arc<Runtime> {
    Runtime::new(RuntimeConfig { cache: cache.to_owned(), compiler: Arc::new(InProcess), clock }).unwrap()
}

/// What most tests need.
pub struct Bench {
    pub clock: Arc<ManualClock>,
    pub runtime: Arc<Runtime>,
    pub plugin: Arc<Plugin>,
    pub gate: Arc<Gate>,
}

impl Bench {
    pub async fn new() -> Self {
        let clock = clock();
        let runtime = runtime(clock.clone());
        let plugin = runtime.load(&component("hostile.wasm")).await.unwrap();
        Self { clock, runtime, plugin, gate: Gate::new() }
    }

    /// A connection whose calls do what their mailbox names, and answer properly if it names nothing.
    pub fn connection(&self, limits: Limits) -> Arc<Connection> {
        self.with_settings(json!({}), limits)
    }

    pub fn with_settings(&self, settings: Value, limits: Limits) -> Arc<Connection> {
        self.runtime.connect(config(settings, self.gate.clone(), limits), self.plugin.clone()).unwrap()
    }
}

pub fn config(settings: Value, gate: Arc<Gate>, limits: Limits) -> ConnectionConfig {
    let endpoints = vec![("api".to_owned(), format!("{SERVER}/"))];
    ConnectionConfig { id: "office".to_owned(), settings, endpoints, gate, discovery_domains: Vec::new(), limits }
}

/// A day.
pub fn window() -> Window {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    Window { start: at("2026-03-02T00:00:00Z"), end: at("2026-03-03T00:00:00Z") }
}

/// A list of one.
pub fn one(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

/// A way out to a server that takes requests and does not answer before it is told to. Its path `/stream` answers without end.
pub struct Gate {
    requests: Mutex<Vec<HttpRequest>>,
    open: watch::Sender<usize>,
    answering: watch::Sender<bool>,
}

/// A request under way; it counts until it is dropped.
struct Open(watch::Sender<usize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Gate {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { requests: Mutex::default(), open: watch::channel(0).0, answering: watch::channel(false).0 })
    }

    /// The requests that came this far.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// Lets the server answer.
    pub fn answer(&self) {
        self.answering.send_replace(true);
    }

    /// Waits until so many requests are under way.
    pub async fn until_open(&self, number: usize) {
        let mut open = self.open.subscribe();
        within(&format!("{number} requests under way"), open.wait_for(|open| *open == number)).await.unwrap();
    }

    fn admit(&self, request: &HttpRequest) -> Result<Open, HttpError> {
        self.requests.lock().unwrap().push(request.clone());
        if !request.url.starts_with(&format!("{SERVER}/")) {
            return Err(HttpError::Denied("the connection has no endpoint for this URL".to_owned()));
        }
        self.open.send_modify(|open| *open += 1);
        Ok(Open(self.open.clone()))
    }
}

impl HttpGate for Gate {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            let _open = self.admit(&request)?;
            let _ = self.answering.subscribe().wait_for(|answering| *answering).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(HttpResponse { status: 200, headers: Vec::new(), body: Bytes::from_static(b"{}") })
        })
    }

    fn open(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpStream, HttpError>> {
        Box::pin(async move {
            let open = self.admit(&request)?;
            Ok(HttpStream { status: 200, headers: Vec::new(), body: Box::new(Endless(open)) })
        })
    }
}

/// A body that has always more.
struct Endless(#[allow(dead_code, reason = "counts until it is dropped")] Open);

impl HttpBody for Endless {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, HttpError>> {
        Box::pin(async { Ok(Some(Bytes::from_static(&[b'x'; 32 << 10]))) })
    }
}
