//! Redirects, bounds, time limits, broken connections, streams, headers, addresses.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{any, get as on_get};
use calport_egress::{Auth, Blame, ConnectionPolicy, EgressError, Endpoint, Outcome, Phase, Request, StreamRead};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;

use crate::support::{World, answer, get, local_endpoint, post, read_request, serve, serve_raw, short_limits, world, world_with};

fn short(world: &World, address: std::net::SocketAddr) -> Arc<calport_egress::Connection> {
    let mut endpoint = local_endpoint(address, Auth::None);
    endpoint.limits = Some(short_limits());
    world.connect(endpoint)
}

#[tokio::test]
async fn feat_x02_redirects_are_answers_and_are_not_followed() {
    let hits = Arc::new(AtomicUsize::new(0));
    let seen = hits.clone();
    let router = Router::new()
        .route("/go", any(|| async { (StatusCode::FOUND, [("location", "/target")], "") }))
        .route("/target", any(move || async move { seen.fetch_add(1, Ordering::SeqCst).to_string() }));
    let address = serve(router).await;
    let response = world().connect(local_endpoint(address, Auth::None)).send(get(address, "/go")).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(response.headers["location"], "/target");
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn feat_x02_credentials_are_stripped_from_answers() {
    let names = [
        "set-cookie",
        "www-authenticate",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-anything",
        "authorization",
        "authentication-info",
        "keep-alive",
        "x-request-id",
        "retry-after",
        "etag",
    ];
    let router = Router::new().fallback(any(move || async move {
        let mut headers = HeaderMap::new();
        for name in names {
            headers.append(name, HeaderValue::from_static("v"));
        }
        headers
    }));
    let address = serve(router).await;
    let response = world().connect(local_endpoint(address, Auth::None)).send(get(address, "/")).await.unwrap();
    let mut left: Vec<&str> = response.headers.keys().map(http::HeaderName::as_str).filter(|name| names.contains(name)).collect();
    left.sort_unstable();
    assert_eq!(left, ["etag", "retry-after", "x-request-id"]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn feat_x02_the_cap_counts_bytes_after_decompression() {
    let zipped = |size: usize| {
        let packed = gzip(&vec![b'x'; size]);
        move || async move { ([("content-encoding", "gzip")], packed) }
    };
    let router = Router::new()
        .route("/fits", any(zipped(64 * 1024)))
        .route("/accepted", any(|headers: HeaderMap| async move { headers["accept-encoding"].clone().to_str().unwrap().to_owned() }))
        .route("/bomb", any(zipped(50 * 1024 * 1024)))
        .route("/plain", any(|| async { vec![b'x'; 64 * 1024 + 1] }))
        .route("/broken", any(|| async { ([("content-encoding", "gzip")], "not gzip") }));
    let address = serve(router).await;
    let connection = short(&world(), address);
    assert_eq!(connection.send(get(address, "/fits")).await.unwrap().body.len(), 64 * 1024);
    let mut other = get(address, "/accepted");
    other.headers.insert("accept-encoding", HeaderValue::from_static("br"));
    assert_eq!(connection.send(other).await.unwrap().body, "gzip", "the host asks for what it can unpack");
    let before = connection.counters().bytes_in;
    for path in ["/bomb", "/plain"] {
        let error = connection.send(post(address, path, "x")).await.unwrap_err();
        assert!(matches!(error, EgressError::TooLarge { limit: 65536, outcome: Outcome::Unknown, .. }), "{error:?}");
        assert!(error.to_string().contains("response_mib"), "{error}");
    }
    assert!(connection.counters().bytes_in - before < 1024 * 1024, "the bomb was not unpacked");
    let error = connection.send(get(address, "/broken")).await.unwrap_err();
    assert!(matches!(error, EgressError::Invalid { .. }), "{error:?}");
    assert_eq!(error.blame(), Blame::Server);
}

#[tokio::test]
async fn feat_x02_request_bodies_and_headers_are_bounded() {
    let address = serve(Router::new().fallback(any(|body: Bytes| async move { body.len().to_string() }))).await;
    let connection = short(&world(), address);
    assert_eq!(connection.send(post(address, "/", &"x".repeat(1024))).await.unwrap().body, "1024");
    let error = connection.send(post(address, "/", &"x".repeat(1025))).await.unwrap_err();
    assert!(matches!(error, EgressError::Malformed { .. }) && error.to_string().contains("1025"), "{error}");
    let mut many = get(address, "/");
    for n in 0..101 {
        many.headers.append(http::HeaderName::from_bytes(format!("x-{n}").as_bytes()).unwrap(), HeaderValue::from_static("v"));
    }
    assert!(matches!(connection.send(many).await, Err(EgressError::Malformed { .. })));
}

#[tokio::test]
async fn a_slow_server_meets_each_limit_and_the_error_names_it() {
    let address = serve_raw(|_, mut socket| async move {
        let request = read_request(&mut socket).await.unwrap_or_default();
        if request.contains("/half") {
            answer(&mut socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        }
        if request.contains("/drip") {
            answer(&mut socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            while socket.write_all(b"x").await.is_ok() {
                pace.tick().await;
            }
        }
        std::future::pending::<()>().await;
    })
    .await;
    let connection = short(&world(), address);
    let table = [("/silent", Phase::FirstByte), ("/half", Phase::BetweenBytes), ("/drip", Phase::Total)];
    for (path, expected) in table {
        for (method, outcome) in [(Method::GET, Outcome::Repeatable), (Method::POST, Outcome::Unknown)] {
            let error = connection.send(Request::new(method, format!("http://{address}{path}"))).await.unwrap_err();
            let EgressError::TimedOut { phase, outcome: told, .. } = &error else { panic!("{error:?}") };
            assert_eq!((*phase, *told), (expected, outcome), "{path}");
            assert!(error.sent());
        }
    }
    let mut hurried = get(address, "/silent");
    hurried.timeout = Some(Duration::from_millis(50));
    let error = connection.send(hurried).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { phase: Phase::Total, .. }), "{error:?}");
}

#[tokio::test]
async fn rule_s15_a_broken_connection_is_never_repeated_and_tells_whether_bytes_left() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = requests.clone();
    let address = serve_raw(move |_, mut socket| {
        let seen = seen.clone();
        async move {
            let request = read_request(&mut socket).await.unwrap_or_default();
            seen.fetch_add(1, Ordering::SeqCst);
            if request.contains("/head") {
                answer(&mut socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
            } else if request.contains("/garbage") {
                answer(&mut socket, "SSH-2.0-OpenSSH_9\r\n\r\n").await;
            }
        }
    })
    .await;
    let connection = short(&world(), address);
    for (number, path) in ["/", "/head", "/garbage"].into_iter().enumerate() {
        let error = connection.send(post(address, path, "x")).await.unwrap_err();
        assert!(error.sent() && error.outcome_unknown(), "{path}: {error:?}");
        assert_eq!(requests.load(Ordering::SeqCst), number + 1, "{path} went out once");
        let mut harmless = post(address, path, "x");
        harmless.safe_to_repeat = true;
        let error = connection.send(harmless).await.unwrap_err();
        assert!(error.sent() && !error.outcome_unknown(), "{path}: {error:?}");
        requests.fetch_sub(1, Ordering::SeqCst);
    }
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = short(&world(), free).send(post(free, "/", "x")).await.unwrap_err();
    assert!(matches!(error, EgressError::Unreachable { .. }) && !error.sent(), "{error:?}");
    assert_eq!(error.blame(), Blame::Network);
}

#[tokio::test]
async fn rule_s15_a_kept_connection_that_the_server_closed_costs_no_request() {
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = requests.clone();
    let address = serve_raw(move |_, mut socket| {
        let seen = seen.clone();
        async move {
            read_request(&mut socket).await;
            seen.fetch_add(1, Ordering::SeqCst);
            answer(&mut socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let connection = short(&world(), address);
    for number in 1..=10 {
        assert_eq!(connection.send(post(address, "/", "x")).await.unwrap().body, "ok");
        assert_eq!(requests.load(Ordering::SeqCst), number);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_is_read_in_bounded_pieces_and_may_be_quiet() {
    let more = Arc::new(Semaphore::new(0));
    let gate = more.clone();
    let router = Router::new().route(
        "/events",
        on_get(move || {
            let gate = gate.clone();
            async move {
                Body::from_stream(futures::stream::unfold(0, move |n| {
                    let gate = gate.clone();
                    async move {
                        if n > 0 {
                            gate.acquire().await.unwrap().forget();
                        }
                        (n < 2).then(|| (Ok::<_, std::io::Error>(Bytes::from(format!("event-{n}"))), n + 1))
                    }
                }))
            }
        }),
    );
    let address = serve(router).await;
    let connection = short(&world(), address);
    let long = Duration::from_secs(5);
    let mut stream = connection.open(get(address, "/events")).await.unwrap();
    assert_eq!(stream.status, 200);
    assert_eq!(stream.read(5, long).await.unwrap(), StreamRead::Data("event".into()));
    assert_eq!(stream.read(5, long).await.unwrap(), StreamRead::Data("-0".into()));
    assert_eq!(stream.read(5, Duration::from_millis(20)).await.unwrap(), StreamRead::Quiet);
    more.add_permits(1);
    assert_eq!(stream.read(100, long).await.unwrap(), StreamRead::Data("event-1".into()));
    more.add_permits(1);
    assert_eq!(stream.read(100, long).await.unwrap(), StreamRead::End);
    assert_eq!(stream.read(100, long).await.unwrap(), StreamRead::End);
    let mut silent = connection.open(get(address, "/events")).await.unwrap();
    silent.read(100, long).await.unwrap();
    let error = silent.read(100, long).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { phase: Phase::BetweenBytes, .. }), "{error:?}");
}

#[tokio::test]
async fn feat_x02_requests_at_once_are_bounded_and_a_stream_counts_until_it_ends() {
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, top) = (now.clone(), peak.clone());
    let router = Router::new()
        .route("/stream", on_get(|| async { Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()) }))
        .fallback(any(move || {
            let (count, top) = (count.clone(), top.clone());
            async move {
                top.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                count.fetch_sub(1, Ordering::SeqCst);
            }
        }));
    let address = serve(router).await;
    let mut policy = ConnectionPolicy::new("pbx", vec![local_endpoint(address, Auth::None)]);
    policy.concurrent_requests = 2;
    let connection = world().connect_with(policy);
    let all = futures::future::join_all((0..20).map(|_| connection.send(get(address, "/")))).await;
    assert!(all.into_iter().all(|r| r.is_ok()));
    assert!((1..=2).contains(&peak.load(Ordering::SeqCst)), "{peak:?}");
    let first = connection.open(get(address, "/stream")).await.unwrap();
    let _second = connection.open(get(address, "/stream")).await.unwrap();
    let mut third = get(address, "/");
    third.timeout = Some(Duration::from_millis(50));
    let error = connection.send(third.clone()).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { phase: Phase::Queue, .. }) && !error.sent(), "{error:?}");
    drop(first);
    third.timeout = None;
    assert!(connection.send(third).await.is_ok());
}

#[tokio::test]
async fn c09_a_stream_of_events_holds_no_request_slot_may_be_silent_and_is_counted_among_streams() {
    let router = Router::new()
        .route("/stream", on_get(|| async { Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()) }))
        .fallback(any(|| async { "" }));
    let address = serve(router).await;
    let mut endpoint = local_endpoint(address, Auth::None);
    endpoint.limits = Some(short_limits());
    let mut policy = ConnectionPolicy::new("pbx", vec![endpoint]);
    (policy.concurrent_requests, policy.concurrent_streams) = (1, 2);
    let connection = world().connect_with(policy);
    let stream = |quiet: u64| Request { quiet: Some(Duration::from_millis(quiet)), ..get(address, "/stream") };
    let mut patient = connection.open(stream(60_000)).await.unwrap();
    let mut impatient = connection.open(stream(50)).await.unwrap();
    assert!(connection.send(get(address, "/")).await.is_ok(), "two streams leave the one request slot free");
    let third = Request { timeout: Some(Duration::from_millis(50)), ..stream(50) };
    let error = connection.open(third).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { phase: Phase::Queue, .. }), "{error:?}");
    let error = impatient.read(100, Duration::from_secs(10)).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut { phase: Phase::BetweenBytes, .. }), "{error:?}");
    // Longer than `between_bytes` of an answer.
    assert_eq!(patient.read(100, Duration::from_millis(500)).await.unwrap(), StreamRead::Quiet);
    assert!(connection.open(stream(50)).await.is_ok(), "the place of the one that ended is free");
}

#[tokio::test]
async fn feat_x02_names_are_judged_by_where_they_lead() {
    let address = serve(Router::new().fallback(any(|| async { "reached" }))).await;
    let names = [
        ("inside.example", "127.0.0.1"),
        ("mixed.example", "10.255.255.1"),
        ("mixed.example", "127.0.0.1"),
        ("cloud.example", "169.254.169.254"),
    ];
    let world = world_with(&names);
    let send = |host: &str, allow: &[&str]| {
        let origin = format!("http://{host}:{}/", address.port());
        let mut endpoint = Endpoint::new("api", origin.parse().unwrap(), Auth::None);
        endpoint.plain_http = true;
        endpoint.allow_addresses = allow.iter().map(|rule| rule.parse().unwrap()).collect();
        let connection = world.connect(endpoint);
        async move { (connection.send(Request::new(Method::POST, origin)).await, connection.counters().denied) }
    };
    let (result, denied) = send("inside.example", &[]).await;
    let error = result.unwrap_err();
    assert!(matches!(error, EgressError::Denied(_)) && !error.sent() && denied == 1, "{error:?}");
    assert!(error.to_string().ends_with("allow_addresses = [\"loopback\"]"), "{error}");
    assert_eq!(send("inside.example", &["loopback"]).await.0.unwrap().body, "reached");
    assert_eq!(send("mixed.example", &["loopback"]).await.0.unwrap().body, "reached", "only the permitted address is used");
    assert!(matches!(send("cloud.example", &["loopback", "private"]).await.0, Err(EgressError::Denied(_))));
    let error = send("nowhere.example", &[]).await.0.unwrap_err();
    assert!(matches!(error, EgressError::Unresolved { .. }) && error.to_string().contains("no such name"), "{error}");
}

#[tokio::test]
async fn b49_a_page_for_people_is_recognised() {
    let page = |kind: Option<&'static str>, body: &'static str| {
        any(move || async move {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(kind.unwrap_or("")));
            (headers, body)
        })
    };
    let router = Router::new()
        .route("/typed", page(Some("Text/HTML; charset=utf-8"), "x"))
        .route("/bare", page(None, " \n<!DOCTYPE html><html>"))
        .route("/json", page(Some("application/json"), "<html>"));
    let address = serve(router).await;
    let connection = world().connect(local_endpoint(address, Auth::None));
    for (path, expected) in [("/typed", true), ("/bare", true), ("/json", false)] {
        assert_eq!(connection.send(get(address, path)).await.unwrap().is_html(), expected, "{path}");
    }
}
