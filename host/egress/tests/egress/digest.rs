//! Digest against a server that counts nonces and counts, and ends nonces as servers do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request as Incoming, State};
use axum::response::{IntoResponse, Response};
use calport_egress::{Auth, Connection};
use http::StatusCode;

use crate::support::{MARKER, get, local_endpoint, post, serve, world};

#[derive(Default)]
struct Pbx {
    nonces: HashMap<String, u32>,
    issued: u32,
    log: Vec<String>,
    password: String,
    ends_after: u32,
    busy: HashMap<String, bool>,
}

type Shared = Arc<Mutex<Pbx>>;

fn field(header: &str, name: &str) -> String {
    let start = header.find(&format!("{name}=")).unwrap() + name.len() + 1;
    header[start..].trim_start_matches('"').split(['"', ',']).next().unwrap().to_owned()
}

/// Accepts a nonce `ends_after` times, wants a rising count, and computes the response with another implementation.
async fn handle(State(pbx): State<Shared>, request: Incoming) -> Response {
    let target = request.uri().to_string();
    let method = request.method().to_string();
    let header = request.headers().get("authorization").map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let challenge = |pbx: &mut Pbx, stale: bool| {
        pbx.issued += 1;
        let nonce = format!("n{}", pbx.issued);
        pbx.nonces.insert(nonce.clone(), 0);
        let offer =
            |algorithm: &str| format!("Digest realm=\"pbx\", nonce=\"{nonce}\", qop=\"auth\", algorithm={algorithm}, stale={stale}");
        (StatusCode::UNAUTHORIZED, [("www-authenticate", offer("MD5")), ("www-authenticate", offer("SHA-256"))], "no").into_response()
    };
    let Some(header) = header else {
        let mut pbx = pbx.lock().unwrap();
        pbx.log.push("-".to_owned());
        return challenge(&mut pbx, false);
    };
    let (nonce, count) = (field(&header, "nonce"), u32::from_str_radix(&field(&header, "nc"), 16).unwrap());
    {
        let mut pbx = pbx.lock().unwrap();
        pbx.log.push(format!("{nonce}:{count}"));
        let mut theirs = digest_auth::parse(&format!("Digest realm=\"pbx\", nonce=\"{nonce}\", qop=\"auth\", algorithm=SHA-256")).unwrap();
        let password = pbx.password.clone();
        let mut context = digest_auth::AuthContext::new_with_method(
            "manager",
            password,
            target.clone(),
            None::<&[u8]>,
            digest_auth::HttpMethod(method.into()),
        );
        context.set_custom_cnonce(field(&header, "cnonce"));
        theirs.nc = count - 1;
        let expected = theirs.respond(&context).unwrap();
        if expected.response != field(&header, "response") || !header.contains("SHA-256") {
            return challenge(&mut pbx, false);
        }
        let last = pbx.nonces.get(&nonce).copied();
        match last {
            Some(last) if count > last && count <= pbx.ends_after => {
                pbx.nonces.insert(nonce.clone(), count);
            }
            _ => return challenge(&mut pbx, true),
        }
        assert!(pbx.busy.insert(nonce.clone(), true) != Some(true), "two requests of one session at once");
    }
    tokio::task::yield_now().await;
    pbx.lock().unwrap().busy.insert(nonce.clone(), false);
    nonce.into_response()
}

async fn set_up(password: &str, ends_after: u32) -> (Shared, SocketAddr, Arc<Connection>) {
    let pbx = Shared::new(Mutex::new(Pbx { password: password.to_owned(), ends_after, ..Pbx::default() }));
    let address = serve(Router::new().fallback(handle).with_state(pbx.clone())).await;
    let auth = Auth::Digest { user: "manager".to_owned(), password: "marker".to_owned() };
    (pbx, address, world().connect(local_endpoint(address, auth)))
}

fn log(pbx: &Shared) -> Vec<String> {
    pbx.lock().unwrap().log.clone()
}

#[tokio::test]
async fn a_nonce_is_kept_with_a_rising_count() {
    let (pbx, address, connection) = set_up(MARKER, 99).await;
    for _ in 0..3 {
        assert_eq!(connection.send(post(address, "/manager?action=x&b=%20", "body")).await.unwrap().status, 200);
    }
    assert_eq!(log(&pbx), ["-", "n1:1", "n1:2", "n1:3"]);
}

#[tokio::test]
async fn a_stale_nonce_is_replaced_and_the_request_repeated_once() {
    let (pbx, address, connection) = set_up(MARKER, 2).await;
    for _ in 0..3 {
        assert_eq!(connection.send(get(address, "/x")).await.unwrap().status, 200);
    }
    assert_eq!(log(&pbx), ["-", "n1:1", "n1:2", "n1:3", "n2:1"]);
}

#[tokio::test]
async fn a_server_that_calls_every_nonce_stale_does_not_loop() {
    let (pbx, address, connection) = set_up(MARKER, 0).await;
    assert_eq!(connection.send(get(address, "/x")).await.unwrap().status, 401);
    assert_eq!(log(&pbx), ["-", "n1:1", "n2:1"]);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let (pbx, address, connection) = set_up("another", 99).await;
    let response = connection.send(get(address, "/x")).await.unwrap();
    assert_eq!(response.status, 401);
    assert!(response.headers.get("www-authenticate").is_none());
    assert_eq!(log(&pbx), ["-", "n1:1"]);
}

#[tokio::test]
async fn sessions_are_serial_inside_and_independent_of_each_other() {
    let (pbx, address, connection) = set_up(MARKER, 99).await;
    let send = |session: Option<&str>| {
        let mut request = get(address, "/x");
        request.session = session.map(str::to_owned);
        let connection = connection.clone();
        async move { String::from_utf8(connection.send(request).await.unwrap().body.to_vec()).unwrap() }
    };
    let all = (0..30).map(|n| send([None, Some("events"), Some("presence")][n % 3]));
    let nonces = futures::future::join_all(all).await;
    for kind in 0..3 {
        let mine: Vec<&String> = nonces.iter().skip(kind).step_by(3).collect();
        assert!(mine.iter().all(|nonce| *nonce == mine[0]), "one session, one nonce: {mine:?}");
    }
    assert_ne!(nonces[0], nonces[1]);
    assert_ne!(nonces[1], nonces[2]);
    let log = log(&pbx);
    assert_eq!(log.iter().filter(|line| *line == "-").count(), 3, "one challenge for each session");
    for session in ["n1", "n2", "n3"] {
        let counts: Vec<_> = log.iter().filter_map(|line| line.strip_prefix(&format!("{session}:"))).collect();
        assert_eq!(counts, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    }
}

#[tokio::test]
async fn a_long_answer_holds_its_session_but_no_other() {
    let (_pbx, address, connection) = set_up(MARKER, 99).await;
    let mut held = get(address, "/x");
    held.session = Some("events".to_owned());
    let mut stream = connection.open(held.clone()).await.unwrap();
    let mut second = held.clone();
    second.timeout = Some(std::time::Duration::from_millis(50));
    let error = connection.send(second).await.unwrap_err();
    assert!(!error.sent(), "{error}");
    assert_eq!(connection.send(get(address, "/x")).await.unwrap().status, 200);
    stream.close();
    assert_eq!(connection.send(held).await.unwrap().status, 200);
}

#[tokio::test]
async fn requests_that_wait_for_a_session_leave_the_slots_to_others() {
    let (pbx, address, _) = set_up(MARKER, 99).await;
    let auth = Auth::Digest { user: "manager".to_owned(), password: "marker".to_owned() };
    let mut policy = calport_egress::ConnectionPolicy::new("pbx", vec![local_endpoint(address, auth)]);
    policy.concurrent_requests = 2;
    let connection = world().connect_with(policy);
    let mut events = get(address, "/x");
    events.session = Some("events".to_owned());
    let _held = connection.open(events.clone()).await.unwrap();
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let (connection, request) = (connection.clone(), events.clone());
            tokio::spawn(async move { connection.send(request).await.map(drop) })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(connection.send(get(address, "/x")).await.unwrap().status, 200);
    assert_eq!(log(&pbx), ["-", "n1:1", "-", "n2:1"]);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn feat_x02_a_hostile_challenge_does_not_stop_the_task() {
    let headers = ["Digest realm=\"日本", "Digest", "\"", "Digest nonce=\"\\", "digest realm=\"Größe\", nonce=x, qop=\"auth\""];
    for header in headers {
        let address = serve(Router::new().fallback(move || async move {
            (StatusCode::UNAUTHORIZED, [("www-authenticate", http::HeaderValue::from_bytes(header.as_bytes()).unwrap())], "")
        }))
        .await;
        let auth = Auth::Digest { user: "manager".to_owned(), password: "marker".to_owned() };
        let connection = world().connect(local_endpoint(address, auth));
        assert_eq!(connection.send(get(address, "/x")).await.unwrap().status, 401, "{header}");
    }
}
