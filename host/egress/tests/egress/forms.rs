//! Forms login against a small front door: one login, cookies, its end in every dress, and a wrong password (SEMANTICS B-49).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post as on_post};
use calport_egress::{Auth, Blame, EgressError, LoginProblem, TraceSetting};
use http::{HeaderMap, StatusCode, Uri};
use jiff::SignedDuration;

use crate::front_door::{changing, problem};
use crate::support::{get, local_endpoint, post, serve, world};

/// How the door says that a session has ended.
#[derive(Clone, Copy)]
enum End {
    TimedOut,
    Redirect,
    Page,
    Unauthorized,
}

struct Door {
    password: String,
    logins: AtomicUsize,
    refused: AtomicUsize,
    served: AtomicUsize,
    /// The session that counts; others have ended.
    current: AtomicUsize,
    end: End,
    forms: Mutex<Vec<Sent>>,
}

/// Headers and fields of a form.
type Sent = (HeaderMap, Vec<(String, String)>);

impl Door {
    fn new(password: &str, end: End) -> Arc<Self> {
        let zero = || AtomicUsize::new(0);
        let (password, forms) = (password.to_owned(), Mutex::default());
        Arc::new(Self { password, logins: zero(), refused: zero(), served: zero(), current: zero(), end, forms })
    }
    fn counts(&self) -> [usize; 3] {
        [&self.logins, &self.refused, &self.served].map(|cell| cell.load(Ordering::SeqCst))
    }
}

async fn log_in(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) -> Response {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let right = fields.contains(&("password".to_owned(), door.password.clone()));
    door.forms.lock().unwrap().push((headers, fields));
    if !right {
        door.refused.fetch_add(1, Ordering::SeqCst);
        return (StatusCode::FOUND, [("location", "/owa/auth/logon.aspx?replaceCurrent=1&reason=2")]).into_response();
    }
    let number = door.logins.fetch_add(1, Ordering::SeqCst) + 1;
    door.current.store(number, Ordering::SeqCst);
    let cookie = format!("cadata={number}; path=/; HttpOnly");
    (StatusCode::FOUND, [("location", "/owa/"), ("set-cookie", &cookie)]).into_response()
}

async fn serve_door(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) -> Response {
    let cookies = headers.get("cookie").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let current = door.current.load(Ordering::SeqCst);
    if current > 0 && cookies.split("; ").any(|cookie| cookie == format!("cadata={current}")) {
        door.served.fetch_add(1, Ordering::SeqCst);
        return (StatusCode::OK, [("content-type", "text/xml"), ("set-cookie", "further=1; path=/")], body).into_response();
    }
    match door.end {
        End::TimedOut => StatusCode::from_u16(440).unwrap().into_response(),
        End::Redirect => (StatusCode::FOUND, [("location", "https://mail.example/owa/auth/logon.aspx?url=x")]).into_response(),
        End::Page => ([("content-type", "text/html; charset=utf-8")], "<html>log in").into_response(),
        End::Unauthorized => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn door(password: &str, end: End) -> (SocketAddr, Arc<Door>) {
    let door = Door::new(password, end);
    let router = Router::new().route("/owa/auth.owa", on_post(log_in)).fallback(any(serve_door)).with_state(door.clone());
    (serve(router).await, door)
}

pub fn form() -> Auth {
    Auth::Form {
        user: "EXAMPLE\\anna".to_owned(),
        password: "marker".to_owned(),
        login_url: None,
        fields: Vec::new(),
        user_field: "username".to_owned(),
        password_field: "password".to_owned(),
    }
}

#[tokio::test]
async fn b49_one_login_serves_all_requests() {
    let (address, door) = door("first", End::TimedOut).await;
    let world = world();
    let (connection, _) = changing(&world, local_endpoint(address, form()), 8);
    let all = futures::future::join_all((0..50).map(|n| connection.send(post(address, "/api", &n.to_string())))).await;
    for (n, response) in all.into_iter().enumerate() {
        let response = response.unwrap();
        assert_eq!(response.body, n.to_string());
        assert!(response.headers.get("set-cookie").is_none(), "cookies are the host's");
    }
    assert_eq!(door.counts(), [1, 0, 50]);
    let forms = door.forms.lock().unwrap();
    let (headers, fields) = &forms[0];
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(field("username"), Some("EXAMPLE\\anna"));
    assert_eq!(field("destination"), Some(format!("http://{address}/").as_str()));
    assert_eq!(
        (field("flags"), field("forcedownlevel"), field("passwordText"), field("isUtf8")),
        (Some("4"), Some("0"), Some(""), Some("1"))
    );
    assert_eq!(headers["cookie"], "PBack=0");
}

#[tokio::test]
async fn b49_a_session_that_ends_in_any_way_is_renewed_once_and_the_request_repeated() {
    for end in [End::TimedOut, End::Redirect, End::Page, End::Unauthorized] {
        let (address, door) = door("first", end).await;
        let world = world();
        let (connection, _) = changing(&world, local_endpoint(address, form()), 8);
        connection.send(post(address, "/api", "a")).await.unwrap();
        door.current.store(77, Ordering::SeqCst);
        let all = futures::future::join_all((0..20).map(|n| connection.send(post(address, "/api", &n.to_string())))).await;
        for (n, response) in all.into_iter().enumerate() {
            assert_eq!(response.unwrap().body, n.to_string());
        }
        assert_eq!(door.counts(), [2, 0, 21], "one login for all who found the session ended");
    }
}

#[tokio::test]
async fn b49_cookies_that_the_server_does_not_take_are_named_after_one_new_login() {
    let router = Router::new()
        .route("/owa/auth.owa", on_post(|| async { (StatusCode::FOUND, [("location", "/owa/"), ("set-cookie", "a=1; path=/")]) }))
        .fallback(any(|| async { StatusCode::from_u16(440).unwrap() }));
    let address = serve(router).await;
    let connection = world().connect(local_endpoint(address, form()));
    let error = connection.send(post(address, "/api", "x")).await.unwrap_err();
    assert!(error.to_string().contains("does not take its cookies"), "{error}");
    assert_eq!(connection.counters().requests, 4, "login, request, login, request");
}

#[tokio::test]
async fn b49_a_wrong_password_is_tried_once_until_it_is_changed() {
    let (address, door) = door("second", End::TimedOut).await;
    let world = world();
    let (connection, secrets) = changing(&world, local_endpoint(address, form()), 8);
    let all = futures::future::join_all((0..20).map(|_| connection.send(post(address, "/api", "x")))).await;
    for error in all.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.blame(), Blame::Configuration);
        assert!(matches!(problem(error), LoginProblem::Refused { worked_before: false, .. }));
    }
    assert_eq!(door.counts(), [0, 1, 0]);
    secrets.set("second");
    connection.send(post(address, "/api", "x")).await.unwrap();
    assert_eq!(door.counts(), [1, 1, 1]);
    secrets.set("third");
    connection.send(post(address, "/api", "x")).await.unwrap_err();
    assert_eq!(door.counts(), [1, 2, 1], "another password is another session");
}

#[tokio::test]
async fn b49_a_login_that_fails_without_a_verdict_is_told_to_all_who_wait() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let router = Router::new().route(
        "/owa/auth.owa",
        on_post(move || async move {
            counted.fetch_add(1, Ordering::SeqCst);
            StatusCode::SERVICE_UNAVAILABLE
        }),
    );
    let address = serve(router).await;
    let world = world();
    let (connection, _) = changing(&world, local_endpoint(address, form()), 8);
    for error in futures::future::join_all((0..20).map(|_| connection.send(get(address, "/")))).await {
        let error = error.unwrap_err();
        assert!(error.blame() == Blame::Server && error.to_string().contains("503"), "{error}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    world.clock.advance(Duration::from_secs(6));
    connection.send(get(address, "/")).await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 2, "and tried again later");
}

#[tokio::test]
async fn passwords_of_every_character_survive_the_form() {
    let printable: String = (' '..='~').collect();
    for password in [printable.as_str(), "p\"ä€😀 \\%$&' x", " blanks around ", "a+b&c=d%20;e", "日本語", "$NTLM$:x"] {
        let (address, door) = door(password, End::TimedOut).await;
        let world = world();
        let (connection, secrets) = changing(&world, local_endpoint(address, form()), 1);
        secrets.set(password);
        connection.send(get(address, "/")).await.unwrap();
        assert_eq!(door.counts(), [1, 0, 1], "{password}");
    }
}

#[tokio::test]
async fn b49_a_form_that_is_not_there_or_elsewhere_is_told() {
    let nowhere = serve(Router::new()).await;
    let error = world().connect(local_endpoint(nowhere, form())).send(get(nowhere, "/")).await.unwrap_err();
    assert!(error.to_string().contains("no login form") && error.to_string().contains("login_url"), "{error}");
    let mut auth = form();
    if let Auth::Form { login_url, .. } = &mut auth {
        *login_url = Some("http://127.0.0.9/login".parse().unwrap());
    }
    let error = world().connect(local_endpoint(nowhere, auth)).send(get(nowhere, "/")).await.unwrap_err();
    assert!(matches!(&error, EgressError::Setup { what, .. } if what.contains("own server")), "{error}");
}

#[tokio::test]
async fn b49_another_form_is_configured_by_its_fields() {
    let seen = Arc::new(Mutex::new(String::new()));
    let log = seen.clone();
    let router = Router::new()
        .route(
            "/sign-in",
            on_post(move |uri: Uri, body: String| async move {
                *log.lock().unwrap() = format!("{uri} {body}");
                ([("set-cookie", "sid=1; path=/")], "ok")
            }),
        )
        .fallback(any(|headers: HeaderMap| async move { headers["cookie"].to_str().unwrap().to_owned() }));
    let address = serve(router).await;
    let auth = Auth::Form {
        user: "anna".to_owned(),
        password: "other".to_owned(),
        login_url: Some(format!("http://{address}/sign-in").parse().unwrap()),
        fields: vec![("flags".to_owned(), "0".to_owned()), ("realm".to_owned(), "x y".to_owned())],
        user_field: "login".to_owned(),
        password_field: "secret".to_owned(),
    };
    let response = world().connect(local_endpoint(address, auth)).send(get(address, "/")).await.unwrap();
    assert_eq!(response.body, "sid=1");
    let seen = seen.lock().unwrap();
    assert!(seen.contains("flags=0") && !seen.contains("flags=4") && seen.contains("realm=x+y"), "{seen}");
    assert!(seen.ends_with("login=anna&secret=other-secret-77"), "{seen}");
}

#[tokio::test]
async fn b52_neither_form_nor_cookies_are_in_a_trace() {
    let (address, door) = door("first", End::TimedOut).await;
    let world = world();
    let (connection, _) = changing(&world, local_endpoint(address, form()), 1);
    let until = calport_egress::Clock::now(&*world.clock) + SignedDuration::from_hours(1);
    connection.set_trace(Some(TraceSetting { until, bodies: true }));
    connection.send(post(address, "/api", "x")).await.unwrap();
    door.current.store(9, Ordering::SeqCst);
    world.clock.advance(Duration::from_secs(1));
    connection.send(post(address, "/api", "x")).await.unwrap();
    let trace = world.trace.text();
    assert!(trace.contains("/owa/auth.owa") && trace.contains("cookie: [redacted]"), "{trace}");
    assert!(!trace.contains("cadata") && !trace.contains("first"), "{trace}");
}
