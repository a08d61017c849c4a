//! A client for the simulator's tests: every JSON answer it sees is held against the closed schema of the vendor's metadata.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use calport_simulators::clock::Clock;
use calport_simulators::graph::{Builder, Simulator, User};
use jsonschema::Validator;
use serde_json::{Value, json};

pub const ALICE: &str = "alice@example.test";
pub const BOB: &str = "bob@example.test";

static SCHEMAS: LazyLock<Option<Value>> = LazyLock::new(|| {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = workspace.join(std::env::var_os("CALPORT_REFERENCE").unwrap_or_else(|| "../shared/reference".into()));
    let file = root.join("graph/graph-schemas-strict.json");
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(e) if std::env::var_os("CI").is_some() => panic!("{} is needed in CI: {e}", file.display()),
        Err(_) => None,
    }
});
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Holds a value against a type of the closed schema; without the reference nothing is checked.
pub fn check(kind: &str, value: &Value) {
    let Some(schemas) = SCHEMAS.as_ref() else { return };
    let validator = {
        let mut all = VALIDATORS.lock().unwrap();
        let build = || {
            let mut schema = schemas.clone();
            schema["$ref"] = json!(format!("#/$defs/{kind}"));
            Arc::new(jsonschema::validator_for(&schema).unwrap())
        };
        Arc::clone(all.entry(kind.to_owned()).or_insert_with(build))
    };
    let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "not a {kind}: {errors:#?}\n{value:#}");
}

fn kind_of(method: &str, path: &str, status: u16) -> Option<&'static str> {
    if status >= 400 {
        return Some("microsoft.graph.ODataErrors.ODataError");
    }
    let segments: Vec<&str> = path.split('?').next().unwrap().trim_start_matches("/v1.0/").split('/').collect();
    Some(match (method, segments.as_slice()) {
        (_, [.., "delta"] | [.., "calendarView"] | [.., "instances"]) | ("GET", [.., "events"]) => "collection.event",
        (_, [.., "events", _] | [.., "events"]) => "microsoft.graph.event",
        (_, [.., "mailboxSettings"]) => "microsoft.graph.mailboxSettings",
        ("GET", [.., "masterCategories"]) => "collection.outlookCategory",
        (_, [.., "masterCategories"]) => "microsoft.graph.outlookCategory",
        (_, [.., "getSchedule"]) => "collection.scheduleInformation",
        (_, [.., "calendars"]) => "collection.calendar",
        (_, [.., "calendar"] | [.., "calendars", _]) => "microsoft.graph.calendar",
        (_, ["users"]) => "collection.user",
        (_, ["users", _]) => "microsoft.graph.user",
        (_, ["organization"]) => "collection.organization",
        ("GET", ["subscriptions"]) => "collection.subscription",
        (_, ["subscriptions", ..]) => "microsoft.graph.subscription",
        _ => return None,
    })
}

/// An answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub json: Value,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The answer if it has this status.
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.json);
        self.json
    }

    /// The error code of a refusal with this status.
    pub fn code(self, status: u16) -> String {
        self.is(status)["error"]["code"].as_str().unwrap().to_owned()
    }
}

/// A client with a token.
pub struct Client {
    pub http: reqwest::Client,
    pub base: String,
    pub token: String,
}

impl Client {
    pub async fn new(sim: &Simulator) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut client = Self { http, base: sim.base_url(), token: String::new() };
        client.login(sim).await;
        client
    }

    pub async fn login(&mut self, sim: &Simulator) {
        let config = sim.config();
        let got = self.token(&sim.token_url(), &config.client_id, &config.client_secret, "https://graph.microsoft.com/.default").await;
        self.token = got.is(200)["access_token"].as_str().unwrap().to_owned();
    }

    pub async fn token(&self, url: &str, id: &str, secret: &str, scope: &str) -> Got {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret), ("scope", scope)])
            .finish();
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
        Self::read(request.send().await.unwrap()).await
    }

    async fn read(answer: reqwest::Response) -> Got {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let json = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}")) };
        Got { status, headers, json }
    }

    /// Sends without looking at the answer.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> reqwest::Result<reqwest::Response> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        request.send().await
    }

    /// Sends, checks the answer against the schema, and gives it.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Got {
        let got = Self::read(self.raw(method, path, headers, body).await.unwrap()).await;
        let local = path.strip_prefix(&self.base).unwrap_or(path);
        if !got.json.is_null()
            && !got.header("request-id").is_empty()
            && let Some(kind) = kind_of(method, local, got.status)
        {
            check(kind, &got.json);
        }
        got
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Got {
        self.send("POST", path, &[], Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Got {
        self.send("PATCH", path, &[], Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Got {
        self.send("DELETE", path, &[], None).await
    }

    /// Follows a round of delta to its end: all items, the delta link, the number of pages.
    pub async fn round(&self, start: &str, headers: &[(&str, &str)]) -> (Vec<Value>, String, usize) {
        let (mut items, mut link, mut pages) = (Vec::new(), start.to_owned(), 0);
        loop {
            let page = self.send("GET", &link, headers, None).await.is(200);
            pages += 1;
            items.extend(page["value"].as_array().unwrap().iter().cloned());
            match (page["@odata.nextLink"].as_str(), page["@odata.deltaLink"].as_str()) {
                (Some(next), None) => link = next.to_owned(),
                (None, Some(delta)) => return (items, delta.to_owned(), pages),
                other => panic!("a page has exactly one link: {other:?}"),
            }
        }
    }
}

/// A simulator with a standing clock (Monday 2026-03-02, 08:00 UTC) and Alice (Berlin) and Bob (New York).
pub fn tenant() -> (Builder, Clock) {
    let clock = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
    let alice = User::new(ALICE, "Alice Adler").zone("W. Europe Standard Time").alias("a.adler@example.test");
    let builder = Simulator::builder().clock(clock.clone()).user(alice).user(User::new(BOB, "Bob Brown").zone("Eastern Standard Time"));
    (builder.configure(|c| c.retry_pause = Duration::from_millis(5)), clock)
}

pub async fn started() -> (Simulator, Client) {
    let sim = tenant().0.start().await.unwrap();
    let client = Client::new(&sim).await;
    (sim, client)
}

pub fn view(user: &str, from: &str, to: &str) -> String {
    format!("/v1.0/users/{user}/calendarView?startDateTime={from}&endDateTime={to}")
}

pub fn delta(user: &str, from: &str, to: &str) -> String {
    format!("/v1.0/users/{user}/calendarView/delta?startDateTime={from}&endDateTime={to}")
}

/// The subjects, or `-` for what has none.
pub fn subjects(items: &[Value]) -> Vec<&str> {
    items.iter().map(|i| i["subject"].as_str().unwrap_or("-")).collect()
}

/// A webhook receiver.
pub struct Hook {
    pub url: String,
    pub items: Arc<Mutex<Vec<Value>>>,
    /// Answers to give before accepting.
    pub refuse: Arc<Mutex<Vec<u16>>>,
    /// What the handshake echoes instead of the token.
    pub echo: Arc<Mutex<Option<String>>>,
    pub handshakes: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct HookState {
    items: Arc<Mutex<Vec<Value>>>,
    refuse: Arc<Mutex<Vec<u16>>>,
    echo: Arc<Mutex<Option<String>>>,
    handshakes: Arc<Mutex<Vec<String>>>,
}

impl Hook {
    pub async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = HookState { items: Arc::default(), refuse: Arc::default(), echo: Arc::default(), handshakes: Arc::default() };
        let router = Router::new().fallback(receive).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, items: state.items, refuse: state.refuse, echo: state.echo, handshakes: state.handshakes }
    }

    /// Waits until this many items came.
    pub async fn wait(&self, count: usize) -> Vec<Value> {
        until(|| self.items.lock().unwrap().len() >= count).await;
        self.items.lock().unwrap().clone()
    }
}

/// Waits for something that a socket brings about.
pub async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "it did not happen within 20 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn receive(
    State(state): State<HookState>,
    Query(query): Query<HashMap<String, String>>,
    uri: axum::http::Uri,
    body: String,
) -> Response {
    if let Some(token) = query.get("validationToken") {
        state.handshakes.lock().unwrap().push(uri.path().to_owned());
        let echo = state.echo.lock().unwrap().clone().unwrap_or_else(|| token.clone());
        return ([("content-type", "text/plain")], echo).into_response();
    }
    let refusal = state.refuse.lock().unwrap().pop();
    if let Some(status) = refusal {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let mut body: Value = serde_json::from_str(&body).unwrap();
    let items = body["value"].as_array().unwrap().clone();
    // The closed schema does not know that resourceData is an open type: its id is left out for the check.
    for item in body["value"].as_array_mut().unwrap() {
        if let Some(data) = item.get_mut("resourceData").and_then(Value::as_object_mut) {
            data.remove("id");
        }
        if item.get("lifecycleEvent").is_none() {
            check("microsoft.graph.changeNotification", item);
        }
    }
    state.items.lock().unwrap().extend(items);
    StatusCode::ACCEPTED.into_response()
}
