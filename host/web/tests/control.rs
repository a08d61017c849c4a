//! The control API, its client, and who may not use it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use calport_model::ManualClock;
use calport_web::WebError;
use calport_web::control::{
    Client, ClientError, Control, ControlAnswer, ControlError, ControlErrorKind, PreviewFeed, PreviewWish, Token, serve_control,
};
use calport_web::logring::{LogFeed, LogRing};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::SubscriberExt;

struct Fake {
    calls: Mutex<Vec<String>>,
    ready: AtomicBool,
    ring: LogRing,
}

impl Fake {
    fn did(&self, what: String) -> ControlAnswer<'_> {
        self.calls.lock().unwrap().push(what.clone());
        Box::pin(async move { Ok(json!({ "did": what })) })
    }
}

impl Control for Fake {
    fn ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }
    fn status(&self) -> ControlAnswer<'_> {
        self.did("status".to_owned())
    }
    fn activate<'a>(&'a self, connection: &'a str, active: bool) -> ControlAnswer<'a> {
        if connection == "nobody" {
            return Box::pin(async move { Err(ControlError::no_connection(connection)) });
        }
        self.did(format!("activate {connection} {active}"))
    }
    fn sync_now<'a>(&'a self, connection: Option<&'a str>) -> ControlAnswer<'a> {
        if connection == Some("off") {
            let error = ControlError::new(ControlErrorKind::Conflict, "the connection off is not active", "calport activate off");
            return Box::pin(async { Err(error) });
        }
        self.did(format!("sync {connection:?}"))
    }
    fn trace<'a>(&'a self, connection: &'a str, on: bool, minutes: u32) -> ControlAnswer<'a> {
        self.did(format!("trace {connection} {on} {minutes}"))
    }
    fn plugins(&self) -> ControlAnswer<'_> {
        self.did("plugins".to_owned())
    }
    fn audit<'a>(&'a self, person: Option<&'a str>, entries: u32) -> ControlAnswer<'a> {
        self.did(format!("audit {person:?} {entries}"))
    }
    fn explain<'a>(&'a self, person: &'a str, at: Option<&'a str>) -> ControlAnswer<'a> {
        self.did(format!("explain {person} {at:?}"))
    }
    fn preview(&self, wish: PreviewWish) -> ControlAnswer<'_, PreviewFeed> {
        self.calls.lock().unwrap().push(format!("preview {:?} {:?} {:?}", wish.person, wish.days, wish.config));
        let lines = futures::stream::iter((0..3).map(|line| json!({ "line": line, "text": "a\nb" })));
        // With everybody it never ends, as long as nobody ends it.
        let feed: PreviewFeed = match wish.person {
            Some(_) => lines.boxed(),
            None => lines.chain(futures::stream::pending()).boxed(),
        };
        Box::pin(async move { Ok(feed) })
    }
    fn reload(&self) -> ControlAnswer<'_> {
        self.did("reload".to_owned())
    }
    fn shutdown(&self) -> ControlAnswer<'_> {
        self.did("shutdown".to_owned())
    }
    fn metrics(&self) -> ControlAnswer<'_, String> {
        Box::pin(async { Ok("calport_up 1\n".to_owned()) })
    }
    fn log(&self) -> LogFeed {
        self.ring.feed()
    }
}

struct Server {
    fake: Arc<Fake>,
    token: Token,
    address: SocketAddr,
    client: Client,
    stop: CancellationToken,
    task: JoinHandle<Result<(), WebError>>,
}

async fn server() -> Server {
    let ring = LogRing::new(100, Arc::new(ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap())));
    let fake = Arc::new(Fake { calls: Mutex::default(), ready: AtomicBool::new(false), ring });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop, token) = (listener.local_addr().unwrap(), CancellationToken::new(), Token::generate());
    let task = tokio::spawn(serve_control(listener, fake.clone(), token.clone(), stop.clone()));
    let client = Client::new(address, token.clone()).unwrap();
    Server { fake, token, address, client, stop, task }
}

fn log(ring: &LogRing, text: &str) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(ring.clone()), || tracing::info!(code = "x", "{text}"));
}

/// The status and the body of an answer to a request as written.
async fn raw(address: SocketAddr, request: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_ascii_lowercase().contains("access-control"), "no page may ever be let in");
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

impl Server {
    async fn with_token(&self, method: &str, path: &str, extra: &str, body: &str) -> (u16, Value) {
        let (port, token) = (self.address.port(), self.token.expose());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n");
        raw(self.address, &format!("{head}Content-Length: {}\r\n{extra}\r\n{body}", body.len())).await
    }
}

#[tokio::test]
async fn feat_r01_every_call_reaches_the_running_calport() {
    let server = server().await;
    let client = &server.client;
    assert_eq!(client.status().await.unwrap(), json!({"did": "status"}));
    client.plugins().await.unwrap();
    client.activate("office", true).await.unwrap();
    client.activate("of/fi ce?ä", false).await.unwrap();
    client.sync_now(None).await.unwrap();
    client.sync_now(Some("office")).await.unwrap();
    client.trace("office", true, None).await.unwrap();
    client.trace("office", false, Some(5)).await.unwrap();
    client.audit(None, 7).await.unwrap();
    client.audit(Some("ada & co"), 1000).await.unwrap();
    client.explain("anna & co", None).await.unwrap();
    client.explain("anna", Some("2026-11-21T14:00:00+01:00")).await.unwrap();
    client.reload().await.unwrap();
    client.shutdown().await.unwrap();
    let wanted = [
        "status",
        "plugins",
        "activate office true",
        "activate of/fi ce?ä false",
        "sync None",
        "sync Some(\"office\")",
        "trace office true 30",
        "trace office false 5",
        "audit None 7",
        "audit Some(\"ada & co\") 1000",
        "explain anna & co None",
        "explain anna Some(\"2026-11-21T14:00:00+01:00\")",
        "reload",
        "shutdown",
    ];
    assert_eq!(*server.fake.calls.lock().unwrap(), wanted);
    assert_eq!(client.metrics().await.unwrap(), "calport_up 1\n");
}

#[tokio::test]
async fn feat_r01_refusals_come_with_a_remedy_and_the_right_status() {
    let server = server().await;
    let refused = |error: ClientError| match error {
        ClientError::Refused { status, error, remedy } => (status, error, remedy),
        other => unreachable!("{other}"),
    };
    let (status, error, remedy) = refused(server.client.activate("nobody", true).await.unwrap_err());
    assert_eq!((status, error.as_str()), (404, "there is no connection \"nobody\""));
    assert!(remedy.contains("calport status"));
    assert_eq!(refused(server.client.sync_now(Some("off")).await.unwrap_err()).0, 409);
    assert_eq!(refused(server.client.audit(None, 0).await.unwrap_err()).0, 400);
    assert_eq!(refused(server.client.trace("office", true, Some(99_999)).await.unwrap_err()).0, 400);

    let stranger = Client::new(server.address, Token::generate()).unwrap();
    let (status, _, remedy) = refused(stranger.status().await.unwrap_err());
    assert_eq!(status, 401);
    assert!(remedy.contains("as the user"), "{remedy}");
    assert!(server.fake.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn feat_r01_without_a_running_calport_the_command_says_how_to_start_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Client::new(address, Token::generate()).unwrap().status().await.unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }));
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("calport serve"), "{text}");
}

#[tokio::test]
async fn feat_r01_something_else_on_the_port_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = "<html>a printer</html>";
    let router = axum::Router::new().fallback(async move || page);
    let (stop, limits) = (CancellationToken::new(), calport_web::ServerLimits::default());
    tokio::spawn(calport_web::serve(listener, router, None, limits, stop));
    let error = Client::new(address, Token::generate()).unwrap().status().await.unwrap_err();
    assert!(matches!(error, ClientError::NotCalport { .. }), "{error}");
}

#[tokio::test]
async fn feat_r01_health_and_readiness_need_no_token_and_tell_nothing_more() {
    let server = server().await;
    let port = server.address.port();
    let get = async |path: &str| {
        raw(server.address, &format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n")).await
    };
    assert_eq!(get("/healthz").await, (200, json!({"ok": true, "version": env!("CARGO_PKG_VERSION")})));
    assert_eq!(get("/readyz").await, (503, json!({"ready": false})));
    assert!(!server.client.ready().await.unwrap());
    server.fake.ready.store(true, Ordering::SeqCst);
    assert_eq!(get("/readyz").await, (200, json!({"ready": true})));
    for path in ["/api/status", "/api/log", "/api/explain?person=anna", "/api/preview", "/metrics", "/nothing", "/", "/healthz/x"] {
        assert_eq!(get(path).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn feat_r01_a_rebound_host_name_and_a_foreign_page_are_refused() {
    let server = server().await;
    let token = server.token.expose();
    let request = format!("GET /api/status HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    let (status, body) = raw(server.address, &request).await;
    assert_eq!(status, 403);
    assert!(body["remedy"].as_str().unwrap().contains("127.0.0.1"));
    assert_eq!(server.with_token("POST", "/api/sync", "Origin: https://evil.example\r\n", "").await.0, 403);
    let preflight = "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
    assert_eq!(server.with_token("OPTIONS", "/api/sync", preflight, "").await.0, 403);
    assert!(server.fake.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn feat_r01_hostile_requests_get_an_error_as_json() {
    let server = server().await;
    let (json_type, trace) = ("Content-Type: application/json\r\n", "/api/connections/office/trace");
    let large = format!("{{\"on\":true,\"x\":\"{}\"}}", "x".repeat(20 * 1024));
    let deep = "[".repeat(10_000);
    let long_name = format!("/api/explain?person={}", "x".repeat(513));
    let long_time = format!("/api/explain?person=anna&at={}", "0".repeat(129));
    let long_path = format!("{{\"config\":\"/{}\"}}", "x".repeat(4096));
    let cases = [
        ("GET", "/api/nothing", "", "", 404),
        ("GET", "/api/sync", "", "", 405),
        ("DELETE", "/api/status", "", "", 405),
        ("POST", "/api/connections/%ff/sync", "", "", 400),
        ("GET", "/api/log?lines=-1", "", "", 400),
        ("GET", "/api/log?follow=maybe", "", "", 400),
        ("GET", "/api/audit?entries=1001", "", "", 400),
        ("GET", "/api/audit?everything=1", "", "", 400),
        ("POST", trace, "", r#"{"on":true}"#, 400),
        ("POST", trace, "Content-Type: text/plain\r\n", r#"{"on":true}"#, 400),
        ("POST", trace, json_type, "{", 400),
        ("POST", trace, json_type, r#"{"on":"yes"}"#, 400),
        ("POST", trace, json_type, r#"{"on":true,"minutes":0}"#, 400),
        ("POST", trace, json_type, r#"{"on":true,"other":1}"#, 400),
        ("POST", trace, json_type, &deep, 400),
        ("POST", trace, json_type, &large, 400),
        ("GET", "/api/explain", "", "", 400),
        ("GET", "/api/explain?person=", "", "", 400),
        ("GET", "/api/explain?person=anna&at=", "", "", 400),
        ("GET", "/api/explain?person=anna&all=1", "", "", 400),
        ("GET", &long_name, "", "", 400),
        ("GET", &long_time, "", "", 400),
        ("POST", "/api/explain?person=anna", "", "", 405),
        ("GET", "/api/preview", "", "", 405),
        ("POST", "/api/preview", "", "{}", 400),
        ("POST", "/api/preview", json_type, r#"{"days":0}"#, 400),
        ("POST", "/api/preview", json_type, r#"{"days":36}"#, 400),
        ("POST", "/api/preview", json_type, r#"{"person":""}"#, 400),
        ("POST", "/api/preview", json_type, r#"{"config":""}"#, 400),
        ("POST", "/api/preview", json_type, r#"{"all":true}"#, 400),
        ("POST", "/api/preview", json_type, &long_path, 400),
    ];
    for (method, path, extra, body, wanted) in cases {
        let (status, told) = server.with_token(method, path, extra, body).await;
        assert_eq!(status, wanted, "{method} {path} {told}");
        assert!(told["error"].is_string() && told["remedy"].is_string(), "{method} {path} {told}");
    }
    assert!(server.fake.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn feat_r01_the_control_api_listens_on_loopback_only() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let ring = LogRing::new(1, Arc::new(ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap())));
    let fake = Arc::new(Fake { calls: Mutex::default(), ready: AtomicBool::new(false), ring });
    let result = serve_control(listener, fake, Token::generate(), CancellationToken::new()).await;
    assert!(matches!(result, Err(WebError::NotLoopback { .. })));
}

#[tokio::test]
async fn feat_r02_the_last_lines_are_shown_and_then_it_ends() {
    let server = server().await;
    for text in ["a", "b", "c"] {
        log(&server.fake.ring, text);
    }
    let mut lines = server.client.log(Some(2), false).await.unwrap();
    let mut seen = Vec::new();
    while let Some(line) = lines.next().await.unwrap() {
        seen.push(serde_json::from_str::<Value>(&line).unwrap()["message"].clone());
    }
    assert_eq!(seen, ["b", "c"]);
    assert_eq!(server.client.log(Some(0), false).await.unwrap().next().await.unwrap(), None);
}

#[tokio::test]
async fn feat_r02_the_log_is_followed_until_calport_ends() {
    let server = server().await;
    log(&server.fake.ring, "before");
    let mut lines = server.client.log(None, true).await.unwrap();
    assert!(lines.next().await.unwrap().unwrap().contains("before"));
    log(&server.fake.ring, "line\nfeed and é");
    let line = lines.next().await.unwrap().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["message"], "line\nfeed and é");

    server.stop.cancel();
    assert_eq!(lines.next().await.unwrap(), None, "an orderly end is no error");
    let ended = tokio::time::timeout(Duration::from_secs(3), server.task).await;
    assert!(ended.is_ok(), "a follower does not keep Calport from ending");
}

#[tokio::test]
async fn feat_r02_a_slow_follower_is_told_what_it_missed() {
    let server = server().await;
    let mut lines = server.client.log(Some(0), true).await.unwrap();
    let text = "x".repeat(4000);
    // Single-threaded: the server cannot send while these are logged.
    for _ in 0..3000 {
        log(&server.fake.ring, &text);
    }
    let first: Value = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(first["code"], "log-missed");
    assert!(first["fields"]["missed"].as_u64().unwrap() >= 1000, "{first}");
}

fn wish(person: Option<&str>) -> PreviewWish {
    PreviewWish { person: person.map(str::to_owned), days: Some(35), config: Some("/etc/calport/draft.toml".to_owned()) }
}

#[tokio::test]
async fn feat_x07_a_preview_comes_line_by_line_and_ends() {
    let server = server().await;
    let mut lines = server.client.preview(&wish(Some("anna"))).await.unwrap();
    for line in 0..3 {
        let told = serde_json::from_str::<Value>(&lines.next().await.unwrap().unwrap()).unwrap();
        assert_eq!(told, json!({ "line": line, "text": "a\nb" }));
    }
    assert_eq!(lines.next().await.unwrap(), None);
    assert_eq!(*server.fake.calls.lock().unwrap(), ["preview Some(\"anna\") Some(35) Some(\"/etc/calport/draft.toml\")"]);
}

#[tokio::test]
async fn feat_x07_a_long_preview_does_not_keep_calport_from_ending() {
    let server = server().await;
    let mut lines = server.client.preview(&wish(None)).await.unwrap();
    assert!(lines.next().await.unwrap().is_some());
    server.stop.cancel();
    while lines.next().await.unwrap().is_some() {}
    let ended = tokio::time::timeout(Duration::from_secs(3), server.task).await;
    assert!(ended.is_ok());
}
