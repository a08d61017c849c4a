//! The receiver of hooks, through its router and through real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use calport_model::ManualClock;
use calport_model::descriptor::{HookAnswer, HookHandshake, HookProfile, HookSecret};
use calport_model::notification::HookRequest;
use calport_store::{NoSeal, Store, StoreError};
use calport_web::hooks::{ConnectionCounts, HookLimits, HookReceiver, HookStore, HookTarget, HookTargets};
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;

const SECRET: &str = "marker-secret-91";
const GOOD: &str = r#"{"value":[{"state":"marker-secret-91","subject":"marker-body"}]}"#;
const FORGED: &str = r#"{"value":[{"state":"marker-forged","subject":"marker-body"}]}"#;

#[derive(Default)]
struct Targets {
    all: HashMap<String, Arc<HookTarget>>,
    arrived: AtomicU64,
}

impl HookTargets for Targets {
    fn target(&self, connection: &str) -> Option<Arc<HookTarget>> {
        self.all.get(connection).cloned()
    }
    fn knows_secret(&self, connection: &str, secret: &str) -> bool {
        matches!(connection, "office" | "parting") && secret == SECRET
    }
    fn arrived(&self, _: &str) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
    }
}

fn profile(secret: HookSecret) -> HookProfile {
    HookProfile {
        handshake: Some(HookHandshake::EchoQuery("proof".to_owned())),
        acknowledgement: HookAnswer { status: 202, content_type: String::new(), body: String::new() },
        secret,
        farewell: None,
        heartbeats: false,
    }
}

fn targets() -> Targets {
    let xml = |body: &str| HookAnswer { status: 200, content_type: "text/xml; charset=utf-8".to_owned(), body: body.to_owned() };
    let soap = HookProfile {
        handshake: Some(HookHandshake::EchoJson("challenge".to_owned())),
        acknowledgement: xml("<ok/>"),
        secret: HookSecret::UrlOnly,
        farewell: None,
        heartbeats: false,
    };
    let parting = HookProfile {
        handshake: None,
        secret: HookSecret::Query("key".to_owned()),
        farewell: Some(xml("<end/>")),
        heartbeats: true,
        ..soap.clone()
    };
    let office = profile(HookSecret::JsonPointer("/value/*/state".to_owned()));
    let all = [("office", office), ("push", soap), ("parting", parting)];
    let target = |profile| Arc::new(HookTarget { profile, random: "r4nd0m".to_owned() });
    Targets { all: all.into_iter().map(|(name, profile)| (name.to_owned(), target(profile))).collect(), arrived: AtomicU64::new(0) }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap()))
}

struct Place {
    targets: Arc<Targets>,
    store: Store,
    clock: Arc<ManualClock>,
    receiver: HookReceiver,
    router: Router,
}

async fn place(limits: HookLimits) -> Place {
    let store = Store::in_memory(Arc::new(NoSeal)).await.unwrap();
    let (targets, clock) = (Arc::new(targets()), clock());
    let receiver = HookReceiver::new(targets.clone(), Arc::new(store.clone()), clock.clone(), limits);
    let router = receiver.router("").unwrap();
    Place { targets, store, clock, receiver, router }
}

impl Place {
    fn counts(&self, connection: &str) -> ConnectionCounts {
        self.receiver.counts().connections.get(connection).cloned().unwrap_or_default()
    }

    async fn stored(&self, connection: &str) -> Vec<HookRequest> {
        self.store.hooks(connection, 1_000_000).await.unwrap().into_iter().map(|one| one.request).collect()
    }
}

struct Answer {
    status: StatusCode,
    kind: Option<String>,
    body: String,
    headers: axum::http::HeaderMap,
}

async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let response = TowerToHyperService::new(router.clone()).call(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let kind = head.headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
    Answer { status: head.status, kind, body, headers: head.headers }
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

#[tokio::test]
async fn b30_a_request_is_on_disk_when_it_is_acknowledged() {
    let place = place(HookLimits::default()).await;
    let answer = ask(&place.router, post("/hooks/office/r4nd0m", GOOD)).await;
    assert_eq!((answer.status, answer.kind, answer.body.as_str()), (StatusCode::ACCEPTED, None, ""));
    let answer = ask(&place.router, post("/hooks/office/r4nd0m/lifecycle", GOOD)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let stored = place.stored("office").await;
    assert_eq!(stored.iter().map(|one| one.lifecycle).collect::<Vec<_>>(), [false, true]);
    assert_eq!((stored[0].body.as_slice(), stored[0].content_type.as_str()), (GOOD.as_bytes(), "application/json"));
    assert_eq!(stored[0].received, "2026-03-01T08:00:00Z".parse::<Timestamp>().unwrap());
    assert_eq!(place.targets.arrived.load(Ordering::SeqCst), 2);
    assert_eq!(place.counts("office").stored, 2);
}

#[tokio::test]
async fn b28_when_a_notification_last_came_is_told() {
    let place = place(HookLimits::default()).await;
    ask(&place.router, post("/hooks/office/r4nd0m?proof=x", "")).await;
    ask(&place.router, post("/hooks/office/r4nd0m", FORGED)).await;
    assert_eq!(place.counts("office").last, None, "neither a handshake nor a forged one shows that notifications come");
    ask(&place.router, post("/hooks/office/r4nd0m", GOOD)).await;
    place.clock.advance(Duration::from_secs(90));
    assert_eq!(place.counts("office").last, Some("2026-03-01T08:00:00Z".parse().unwrap()));
    ask(&place.router, post("/hooks/office/r4nd0m", GOOD)).await;
    assert_eq!(serde_json::to_value(place.receiver.counts()).unwrap()["connections"]["office"]["last"], "2026-03-01T08:01:30Z");
    assert!(place.receiver.counts().metrics().contains("calport_hook_last_timestamp_seconds{connection=\"office\"} 1772352090"));
}

#[tokio::test]
async fn b30_the_acknowledgement_is_the_profiles() {
    let place = place(HookLimits::default()).await;
    let answer = ask(&place.router, post("/hooks/push/r4nd0m", "<event/>")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!((answer.kind.as_deref(), answer.body.as_str()), (Some("text/xml; charset=utf-8"), "<ok/>"));
    let answer = ask(&place.router, post("/hooks/push/r4nd0m", r#"{"challenge":"xyz"}"#)).await;
    assert_eq!((answer.kind.as_deref(), answer.body.as_str()), (Some("application/json"), r#"{"challenge":"xyz"}"#));
    assert_eq!(place.stored("push").await.len(), 1, "a handshake is not stored");
}

#[tokio::test]
async fn b31_a_request_with_no_secret_of_a_live_subscription_gets_the_farewell_and_leaves_nothing() {
    let place = place(HookLimits { body: 1000, ..HookLimits::default() }).await;
    let send = async |query: &str, body: String| ask(&place.router, post(&format!("/hooks/parting/r4nd0m{query}"), body)).await;
    let good = send(&format!("?key={SECRET}"), "<event/>".to_owned()).await;
    assert_eq!((good.status, good.body.as_str()), (StatusCode::OK, "<ok/>"));
    for stale in ["?key=marker-forged", "", "?key=", &format!("?key={SECRET}&key={SECRET}")] {
        let answer = send(stale, "<event/>".to_owned()).await;
        assert_eq!(
            (answer.status, answer.kind.as_deref(), answer.body.as_str()),
            (StatusCode::OK, Some("text/xml; charset=utf-8"), "<end/>")
        );
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    assert_eq!(send("?key=marker-forged", "x".repeat(1001)).await.status, StatusCode::PAYLOAD_TOO_LARGE, "bounded as any other");
    let wrong = ask(&place.router, post("/hooks/parting/wrong?key=marker-forged", "")).await;
    assert_eq!(wrong.status, StatusCode::NOT_FOUND, "whoever does not know the URL learns nothing");
    let get = Request::get("/hooks/parting/r4nd0m").body(Body::empty()).unwrap();
    assert_eq!(ask(&place.router, get).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let counts = place.counts("parting");
    assert_eq!((counts.stored, counts.farewells, counts.forged), (1, 4, 0));
    assert_eq!((place.stored("parting").await.len(), place.targets.arrived.load(Ordering::SeqCst)), (1, 1));
    assert!(place.receiver.counts().metrics().contains("calport_hooks_total{connection=\"parting\",result=\"farewell\"} 4"));
    let forged = ask(&place.router, post("/hooks/office/r4nd0m", FORGED)).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "a profile without one refuses");
}

#[tokio::test]
async fn b31_the_handshake_repeats_the_decoded_parameter_as_plain_text() {
    let place = place(HookLimits::default()).await;
    for lifecycle in ["", "/lifecycle"] {
        let path = format!("/hooks/office/r4nd0m{lifecycle}?proof=%3Cscript%3E+%26a%3D1");
        for request in [post(&path, ""), Request::get(&path).body(Body::empty()).unwrap()] {
            let answer = ask(&place.router, request).await;
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "<script> &a=1"));
            assert_eq!(answer.kind.as_deref(), Some("text/plain; charset=utf-8"));
            assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }
    for hostile in ["%0d%0a", "%", "%ff", &"x".repeat(1025)] {
        let answer = ask(&place.router, post(&format!("/hooks/office/r4nd0m?proof={hostile}"), "")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{hostile}");
    }
    let probe = Request::get("/hooks/push/r4nd0m?calport-probe=abc").body(Body::empty()).unwrap();
    assert_eq!(ask(&place.router, probe).await.body, calport_web::hooks::probe_answer("abc").unwrap());
    assert!(place.stored("office").await.is_empty());
    assert_eq!(place.targets.arrived.load(Ordering::SeqCst), 0);
    assert_eq!((place.counts("office").handshakes, place.counts("office").malformed), (4, 4));
}

#[tokio::test]
async fn b31_an_unknown_connection_and_a_wrong_random_part_look_the_same() {
    let place = place(HookLimits::default()).await;
    let paths = [
        "/hooks/nobody/r4nd0m",
        "/hooks/office/r4nd0n",
        "/hooks/office/r4nd0m1",
        "/hooks/%ff/%ff",
        "/hooks/office/r4nd0m/other",
        "/hooks",
        "/",
    ];
    let mut seen = Vec::new();
    for path in paths {
        for request in [post(path, GOOD), post(&format!("{path}?proof=x"), ""), Request::put(path).body(Body::empty()).unwrap()] {
            let answer = ask(&place.router, request).await;
            seen.push((answer.status, answer.body, answer.headers));
        }
    }
    assert_eq!(seen[0].0, StatusCode::NOT_FOUND);
    assert!(seen.iter().all(|one| *one == seen[0]));
    assert_eq!(place.receiver.counts().not_found, 12);
    assert!(place.receiver.counts().connections.is_empty(), "strangers leave nothing in memory");
}

#[tokio::test]
async fn b31_a_forged_notification_changes_nothing() {
    let place = place(HookLimits::default()).await;
    for body in [FORGED, r#"{"value":[]}"#, "{}", r#"{"value":[{"state":"marker-secret-91"},{"state":"x"}]}"#] {
        assert_eq!(ask(&place.router, post("/hooks/office/r4nd0m", body)).await.status, StatusCode::FORBIDDEN, "{body}");
    }
    for body in ["", "no json", "<html>", &"[".repeat(1 << 20), "{\"value\":"] {
        let answer = ask(&place.router, post("/hooks/office/r4nd0m", body.to_owned())).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
    }
    assert!(place.stored("office").await.is_empty());
    assert_eq!(place.targets.arrived.load(Ordering::SeqCst), 0);
    assert_eq!(place.counts("office").forged + place.counts("office").malformed, 9);
}

#[tokio::test]
async fn b31_media_types_and_methods_do_no_harm() {
    let place = place(HookLimits::default()).await;
    let long = format!("text/{}", "x".repeat(2000));
    for kind in ["text/html", "multipart/form-data; boundary=x", "\u{fe}\u{ff}", &long] {
        let request = Request::post("/hooks/office/r4nd0m").header(header::CONTENT_TYPE, kind.as_bytes()).body(GOOD.into()).unwrap();
        assert_eq!(ask(&place.router, request).await.status, StatusCode::ACCEPTED, "{kind}");
    }
    assert!(place.stored("office").await.iter().all(|one| one.content_type.len() <= 255));
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
        let request = Request::builder().method(method).uri("/hooks/office/r4nd0m").body(GOOD.into()).unwrap();
        assert_eq!(ask(&place.router, request).await.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    let put = Request::put("/hooks/office/r4nd0m?proof=x").body(Body::empty()).unwrap();
    assert_eq!(ask(&place.router, put).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn b30_a_body_over_the_bound_is_refused_before_it_is_read() {
    let place = place(HookLimits { body: 100, ..HookLimits::default() }).await;
    let announced = Request::post("/hooks/office/r4nd0m").header(header::CONTENT_LENGTH, "101");
    let never = futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let answer = ask(&place.router, announced.body(Body::from_stream(never)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);

    let pieces = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[b'x'; 60])));
    let answer = ask(&place.router, post("/hooks/office/r4nd0m", Body::from_stream(pieces))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "a chunked body has the same bound");
    assert_eq!(place.counts("office").too_large, 2);
}

#[tokio::test(start_paused = true)]
async fn b30_a_body_that_does_not_come_is_given_up() {
    let (targets, store) = (Arc::new(targets()), Arc::new(Stalled::default()));
    let receiver = HookReceiver::new(targets, store, clock(), HookLimits::default());
    let router = receiver.router("").unwrap();
    let never = Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    assert_eq!(ask(&router, post("/hooks/office/r4nd0m", never)).await.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(receiver.counts().connections["office"].incomplete, 1);
}

/// A store that never answers, or always fails.
#[derive(Default)]
struct Stalled {
    fails: bool,
    asked: AtomicU64,
}

impl HookStore for Stalled {
    fn add<'a>(&'a self, _: &'a str, _: &'a HookRequest) -> BoxFuture<'a, Result<(), StoreError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.fails {
            return Box::pin(async { Err(StoreError::Corrupt { what: "table", value: "full disk".to_owned() }) });
        }
        Box::pin(std::future::pending())
    }
    fn oldest<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Timestamp>, StoreError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn b30_a_stalled_store_is_answered_503_in_time_and_never_hangs() {
    let (targets, store) = (Arc::new(targets()), Arc::new(Stalled::default()));
    let receiver = HookReceiver::new(targets.clone(), store.clone(), clock(), HookLimits::default());
    let router = receiver.router("").unwrap();
    let begin = tokio::time::Instant::now();
    // More than have a turn: those that wait for one are answered in time, too.
    let all = futures::future::join_all((0..300).map(|_| ask(&router, post("/hooks/office/r4nd0m", GOOD)))).await;
    assert!(all.iter().all(|one| one.status == StatusCode::SERVICE_UNAVAILABLE && one.headers.contains_key(header::RETRY_AFTER)));
    assert!(begin.elapsed() < Duration::from_millis(2900), "{:?}", begin.elapsed());
    assert_eq!(targets.arrived.load(Ordering::SeqCst), 0);
    assert_eq!(receiver.counts().connections["office"].unavailable, 300);
    assert!(store.asked.load(Ordering::SeqCst) >= 1);
}

#[tokio::test]
async fn b30_a_failing_store_is_answered_503() {
    let (targets, store) = (Arc::new(targets()), Arc::new(Stalled { fails: true, ..Stalled::default() }));
    let receiver = HookReceiver::new(targets.clone(), store, clock(), HookLimits::default());
    let answer = ask(&receiver.router("").unwrap(), post("/hooks/office/r4nd0m", GOOD)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(targets.arrived.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn b27_beyond_the_bound_like_requests_are_folded_and_nothing_new_is_lost() {
    let place = place(HookLimits { fold_from: 3, unread: 5, ..HookLimits::default() }).await;
    let send = async |text: &str| {
        let body = format!(r#"{{"value":[{{"state":"{SECRET}","id":"{text}"}}]}}"#);
        ask(&place.router, post("/hooks/office/r4nd0m", body)).await.status
    };
    for text in ["a", "a", "a", "a", "b", "c", "b"] {
        assert_eq!(send(text).await, StatusCode::ACCEPTED, "{text}");
    }
    assert_eq!(send("d").await, StatusCode::SERVICE_UNAVAILABLE, "what says something new is never acknowledged and dropped");
    assert_eq!((place.stored("office").await.len(), place.counts("office").folded), (5, 2));
    assert_eq!(place.targets.arrived.load(Ordering::SeqCst), 7, "a folded one still means that something changed");

    // The engine reads; from then on there is room.
    let last = place.store.hooks("office", 100).await.unwrap().last().unwrap().number;
    place.store.remove_hooks("office", last).await.unwrap();
    assert_eq!(send("d").await, StatusCode::SERVICE_UNAVAILABLE, "the store is asked once a second");
    place.clock.advance(Duration::from_secs(1));
    assert_eq!(send("d").await, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_path_of_the_public_url_stands_before_the_hooks() {
    let place = place(HookLimits::default()).await;
    let router = place.receiver.router("/a/calport/").unwrap();
    assert_eq!(ask(&router, post("/a/calport/hooks/office/r4nd0m", GOOD)).await.status, StatusCode::ACCEPTED);
    assert_eq!(ask(&router, post("/hooks/office/r4nd0m", GOOD)).await.status, StatusCode::NOT_FOUND);
    for wrong in ["calport", "/{x}", "/a//b", "/*x", "/..", "/a b"] {
        let error = place.receiver.router(wrong).err().unwrap().to_string();
        assert!(error.contains("public_url"), "{error}");
    }
}

mod sockets;
