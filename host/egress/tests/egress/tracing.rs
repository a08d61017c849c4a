//! The protocol trace and the counters.

use axum::Router;
use axum::routing::any;
use calport_egress::{Auth, Clock, ConnectionPolicy, Redaction, TraceSetting};
use http::HeaderValue;
use jiff::SignedDuration;
use std::time::Duration;

use crate::support::{MARKER, get, local_endpoint, post, serve, world};

#[tokio::test]
async fn feat_c20_the_trace_shows_the_protocol_and_ends_by_itself() {
    let router = Router::new().fallback(any(|| async {
        ([("x-request-id", "r1"), ("content-type", "application/json")], r#"{"id":"7","subject":"private lunch"}"#)
    }));
    let address = serve(router).await;
    let world = world();
    let connection = world.connect(local_endpoint(address, Auth::Bearer { token: "marker".to_owned() }));
    connection.send(get(address, "/before")).await.unwrap();
    assert_eq!(world.trace.text(), "", "off by default");
    let until = world.clock.now() + SignedDuration::from_mins(10);
    connection.set_trace(Some(TraceSetting { until, bodies: true }));
    let mut request = post(address, "/events?access_token=geheim&top=5", r#"{"location":{"name":"room 5"},"start":"2026-10-18"}"#);
    request.headers.insert("prefer", HeaderValue::from_static("x=1"));
    connection.send(request).await.unwrap();
    let _ = connection.send(get(address, "/..%2fadmin")).await;
    let text = world.trace.text();
    for part in [
        "2 > POST http://127.0.0.1",
        "/events?access_token=[redacted]&top=5 (51 bytes)",
        "2 > prefer: x=1",
        "2 > authorization: [redacted]",
        "\"start\":\"2026-10-18\"",
        "2 < 200 after 0 ms",
        "2 < x-request-id: r1",
        "\"id\":\"7\"",
        "0 ! request to http://127.0.0.1",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    for hidden in ["geheim", "private lunch", "room 5", MARKER] {
        assert!(!text.contains(hidden), "{hidden} in\n{text}");
    }
    world.clock.advance(Duration::from_secs(601));
    assert_eq!(connection.trace(), None);
    connection.send(get(address, "/after")).await.unwrap();
    assert_eq!(world.trace.text(), text);
}

#[tokio::test]
async fn feat_c20_bodies_stay_away_unless_asked_and_patterns_hide_in_text() {
    let address = serve(Router::new().fallback(any(|| async { "Event: PresenceStateChange\r\nMessage: at the doctor, 4711" }))).await;
    let world = world();
    let mut policy = ConnectionPolicy::new("pbx", vec![local_endpoint(address, Auth::None)]);
    policy.redaction = Redaction { text_bodies: true, patterns: vec![regex::Regex::new("doctor.*").unwrap()], ..Redaction::default() };
    let connection = world.connect_with(policy);
    let until = world.clock.now() + SignedDuration::from_mins(10);
    connection.set_trace(Some(TraceSetting { until, bodies: false }));
    connection.send(get(address, "/a")).await.unwrap();
    assert!(world.trace.text().contains("< [56 bytes]") && !world.trace.text().contains("Presence"), "{}", world.trace.text());
    connection.set_trace(Some(TraceSetting { until, bodies: true }));
    connection.send(get(address, "/b")).await.unwrap();
    let text = world.trace.text();
    assert!(text.contains("PresenceStateChange") && text.contains("at the [redacted]") && !text.contains("4711"), "{text}");
}

#[tokio::test]
async fn feat_x02_the_cost_of_a_connection_is_counted() {
    let address = serve(Router::new().fallback(any(|| async { "12345" }))).await;
    let connection = world().connect(local_endpoint(address, Auth::None));
    connection.send(post(address, "/", "123")).await.unwrap();
    let _ = connection.send(get("127.0.0.2:1".parse().unwrap(), "/")).await;
    assert!(connection.check_link(&format!("http://{address}/"), "https://evil.example/").is_err());
    let counters = connection.counters();
    assert_eq!((counters.requests, counters.bytes_out, counters.bytes_in, counters.denied, counters.throttled), (1, 3, 5, 2, 0));
}
