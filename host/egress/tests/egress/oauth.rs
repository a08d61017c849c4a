//! Client credentials against a token server with a counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get as on_get, post as on_post};
use calport_egress::{Auth, Blame, ClientStyle, Clock, Connection, ConnectionPolicy, EgressError, TraceSetting};
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use std::net::SocketAddr;
use tokio::sync::{Notify, RwLock};

use crate::support::{MARKER, World, get, local_endpoint, post, read_request, serve, serve_raw, short_limits, world};

#[derive(Default)]
struct Server {
    tokens: AtomicUsize,
    calls: AtomicUsize,
    revoked_below: AtomicUsize,
    script: RwLock<Option<(u16, &'static str)>>,
    gate: RwLock<Option<Arc<Notify>>>,
    forms: RwLock<Vec<String>>,
}

async fn token(State(server): State<Arc<Server>>, headers: HeaderMap, form: String) -> Response {
    let number = server.tokens.fetch_add(1, Ordering::SeqCst) + 1;
    let auth = headers.get("authorization").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
    server.forms.write().await.push(format!("{auth};{form}"));
    let gate = server.gate.read().await.clone();
    if let Some(gate) = gate {
        gate.notified().await;
    }
    if let Some((status, body)) = *server.script.read().await {
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    format!(r#"{{"access_token":"t.eyJyb2xlcyI6WyJDYWxlbmRhcnMuUmVhZCJdfQ.{number}","token_type":"Bearer","expires_in":3600}}"#)
        .into_response()
}

async fn api(State(server): State<Arc<Server>>, headers: HeaderMap) -> StatusCode {
    server.calls.fetch_add(1, Ordering::SeqCst);
    let shown = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let number: usize = shown.rsplit('.').next().unwrap().parse().unwrap_or(0);
    if number > server.revoked_below.load(Ordering::SeqCst) { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}

async fn set_up(style: ClientStyle) -> (Arc<Server>, SocketAddr, World, Arc<Connection>) {
    let server = Arc::new(Server::default());
    let router = Router::new().route("/token", on_post(token)).route("/api", on_get(api).post(api)).with_state(server.clone());
    let address = serve(router).await;
    let auth = Auth::OAuth2ClientCredentials {
        token_url: format!("http://{address}/token").parse().unwrap(),
        client_id: "app 1".to_owned(),
        client_secret: "marker".to_owned(),
        scope: "https://calendar.example/.default".to_owned(),
        parameters: vec![("audience".to_owned(), "a".to_owned())],
        style,
    };
    let world = world();
    let connection = world.connect(local_endpoint(address, auth));
    (server, address, world, connection)
}

#[tokio::test]
async fn feat_c03_a_token_is_fetched_once_and_kept_until_shortly_before_its_end() {
    let (server, address, world, connection) = set_up(ClientStyle::Form).await;
    for (minutes, tokens) in [(0, 1), (30, 1), (24, 1), (2, 2), (1, 2)] {
        world.clock.advance(Duration::from_secs(minutes * 60));
        assert_eq!(connection.send(get(address, "/api")).await.unwrap().status, 200);
        assert_eq!(server.tokens.load(Ordering::SeqCst), tokens, "after {minutes} more minutes");
    }
    let form = server.forms.read().await[0].clone();
    assert!(form.contains("grant_type=client_credentials") && form.contains("audience=a") && form.contains("client_id=app+1"), "{form}");
    assert!(form.contains(&format!("client_secret={MARKER}")), "{form}");
}

#[tokio::test]
async fn feat_c03_the_client_may_prove_itself_by_basic() {
    let (server, address, _world, connection) = set_up(ClientStyle::Basic).await;
    connection.send(get(address, "/api")).await.unwrap();
    let form = server.forms.read().await[0].clone();
    assert!(form.starts_with("Basic ") && !form.contains("client_secret"), "{form}");
}

#[tokio::test]
async fn feat_c03_fifty_requests_at_once_cause_one_token_request() {
    let (server, address, world, connection) = set_up(ClientStyle::Form).await;
    let all = || futures::future::join_all((0..50).map(|_| connection.send(get(address, "/api"))));
    assert!(all().await.into_iter().all(|r| r.unwrap().status == 200));
    assert_eq!(server.tokens.load(Ordering::SeqCst), 1);
    server.revoked_below.store(1, Ordering::SeqCst);
    assert!(all().await.into_iter().all(|r| r.unwrap().status == 200), "a refused token is replaced for all");
    assert_eq!(server.tokens.load(Ordering::SeqCst), 2);
    world.clock.advance(Duration::from_secs(7200));
    assert!(all().await.into_iter().all(|r| r.unwrap().status == 200));
    assert_eq!(server.tokens.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn feat_c03_a_refused_token_is_renewed_once_and_a_second_refusal_is_the_answer() {
    let (server, address, _world, connection) = set_up(ClientStyle::Form).await;
    connection.send(get(address, "/api")).await.unwrap();
    server.revoked_below.store(1, Ordering::SeqCst);
    assert_eq!(connection.send(post(address, "/api", "body")).await.unwrap().status, 200);
    assert_eq!((server.tokens.load(Ordering::SeqCst), server.calls.load(Ordering::SeqCst)), (2, 3));
    server.revoked_below.store(99, Ordering::SeqCst);
    assert_eq!(connection.send(get(address, "/api")).await.unwrap().status, 401);
    assert_eq!((server.tokens.load(Ordering::SeqCst), server.calls.load(Ordering::SeqCst)), (3, 5));
}

#[tokio::test]
async fn feat_c03_while_a_token_is_due_but_valid_the_others_do_not_wait() {
    let (server, address, world, connection) = set_up(ClientStyle::Form).await;
    connection.send(get(address, "/api")).await.unwrap();
    world.clock.advance(Duration::from_secs(3400));
    let gate = Arc::new(Notify::new());
    *server.gate.write().await = Some(gate.clone());
    let renewing = tokio::spawn({
        let connection = connection.clone();
        async move { connection.send(get(address, "/api")).await.unwrap().status }
    });
    while server.tokens.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.send(get(address, "/api")).await.unwrap().status, 200, "goes on with the token that is still valid");
    gate.notify_one();
    assert_eq!(renewing.await.unwrap(), 200);
    assert_eq!(server.tokens.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn feat_c03_a_failed_renewal_hurts_nobody_while_the_old_token_is_valid() {
    let (server, address, world, connection) = set_up(ClientStyle::Form).await;
    connection.send(get(address, "/api")).await.unwrap();
    *server.script.write().await = Some((503, ""));
    world.clock.advance(Duration::from_secs(3400));
    for _ in 0..3 {
        assert_eq!(connection.send(get(address, "/api")).await.unwrap().status, 200);
    }
    assert_eq!(server.tokens.load(Ordering::SeqCst), 2, "and the token server is asked again only after a pause");
}

#[tokio::test]
async fn feat_c03_a_refusing_token_server_is_explained_and_asked_once_for_a_burst() {
    let (server, address, world, connection) = set_up(ClientStyle::Form).await;
    let body = r#"{"error":"invalid_client","error_description":"CODE7000215: Invalid client secret marker-secret-4e7a provided.\r\nTrace ID: x"}"#;
    *server.script.write().await = Some((401, body));
    let all = futures::future::join_all((0..20).map(|_| connection.send(post(address, "/api", "x")))).await;
    assert_eq!(server.tokens.load(Ordering::SeqCst), 1);
    for result in all {
        let error = result.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("CODE7000215") && text.contains("wrong or expired") && text.contains("calport secret set"), "{text}");
        assert!(!text.contains(MARKER) && !text.contains("Trace ID"), "{text}");
        assert_eq!(error.blame(), Blame::Configuration);
        assert!(!error.sent(), "the request itself never left");
    }
    *server.script.write().await = None;
    assert!(connection.send(get(address, "/api")).await.is_err(), "the failure holds for some seconds");
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(connection.send(get(address, "/api")).await.unwrap().status, 200);
}

#[tokio::test]
async fn feat_c03_nonsense_of_a_token_server_is_an_error_with_a_remedy() {
    let table = [
        (200, "<html>login</html>", "token_url"),
        (200, r#"{"access_token":""}"#, "empty token"),
        (200, r#"{"access_token":"x","token_type":"mac"}"#, "not of type Bearer"),
        (200, "{\"access_token\":\"a\\nb\"}", "line break"),
        (404, "", "status 404"),
        (400, r#"{"error":"invalid_scope"}"#, "scope"),
        (429, "", "busy"),
    ];
    for (status, body, expected) in table {
        let (server, address, _world, connection) = set_up(ClientStyle::Form).await;
        *server.script.write().await = Some((status, body));
        let error: EgressError = connection.send(get(address, "/api")).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert_eq!(server.calls.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn feat_c03_roles_in_the_token_are_told_without_the_token() {
    let (_server, _address, _world, connection) = set_up(ClientStyle::Form).await;
    assert_eq!(connection.token_roles("api").await.unwrap().unwrap(), ["Calendars.Read"]);
    assert!(connection.token_roles("nothing").await.is_err());
}

#[tokio::test]
async fn rule_s15_a_silent_token_server_leaves_the_request_unsent() {
    let silent = serve_raw(|_, mut socket| async move {
        read_request(&mut socket).await;
        std::future::pending::<()>().await;
    })
    .await;
    let auth = Auth::OAuth2ClientCredentials {
        token_url: format!("http://{silent}/token").parse().unwrap(),
        client_id: "app".to_owned(),
        client_secret: "marker".to_owned(),
        scope: String::new(),
        parameters: Vec::new(),
        style: ClientStyle::Form,
    };
    let mut endpoint = local_endpoint(silent, auth);
    endpoint.limits = Some(short_limits());
    let error = world().connect(endpoint).send(post(silent, "/api", "x")).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { .. }) && !error.sent(), "{error:?}");
}

#[tokio::test]
async fn feat_c20_the_token_exchange_is_traced_without_its_bodies() {
    let (_server, address, world, _) = set_up(ClientStyle::Form).await;
    let auth = Auth::OAuth2ClientCredentials {
        token_url: format!("http://{address}/token").parse().unwrap(),
        client_id: "app".to_owned(),
        client_secret: "marker".to_owned(),
        scope: String::new(),
        parameters: Vec::new(),
        style: ClientStyle::Form,
    };
    let mut policy = ConnectionPolicy::new("cal", vec![local_endpoint(address, auth)]);
    policy.redaction.text_bodies = true;
    let connection = world.connect_with(policy);
    let until = world.clock.now() + SignedDuration::from_hours(1);
    connection.set_trace(Some(TraceSetting { until, bodies: true }));
    connection.send(post(address, "/api", "shown")).await.unwrap();
    let text = world.trace.text();
    assert!(text.contains("/token (") && text.contains("> shown"), "{text}");
    assert!(!text.contains("grant_type") && !text.contains("expires_in"), "{text}");
}
