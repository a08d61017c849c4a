//! Tokens, permissions, throttling, batches, faults and the admin door of the Graph simulator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod graph_support;

use std::time::{Duration, Instant};

use base64::Engine;
use calport_simulators::fault::{Kind, Rule};
use calport_simulators::graph::EventDraft;
use futures::future::join_all;
use graph_support::{ALICE, BOB, Client, delta, started, view};
use serde_json::{Value, json};

const SCOPE: &str = "https://graph.microsoft.com/.default";

#[tokio::test]
async fn tokens_are_given_for_the_right_secret_and_expire() {
    let (sim, mut client) = started().await;
    let (config, url) = (sim.config(), sim.token_url());
    let refused = |got: graph_support::Got, status: u16, code: u64| {
        let json = got.is(status);
        assert_eq!(json["error_codes"][0], json!(code));
        assert!(json["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{code}:")));
    };
    refused(client.token(&url, &config.client_id, "wrong", SCOPE).await, 401, 7_000_215);
    refused(client.token(&url, "nobody", &config.client_secret, SCOPE).await, 400, 700_016);
    refused(client.token(&url, &config.client_id, &config.client_secret, "User.Read").await, 400, 1_002_012);
    refused(client.token(&url.replace(&config.tenant, "other"), &config.client_id, &config.client_secret, SCOPE).await, 400, 90_002);
    let claims: Value =
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(client.token.split('.').nth(1).unwrap()).unwrap())
            .unwrap();
    assert_eq!(
        (claims["roles"][1].as_str(), claims["tid"].as_str(), claims["appid"].as_str()),
        (Some("Calendars.ReadWrite"), Some(&*config.tenant), Some(&*config.client_id))
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3_599);
    sim.clock().advance(Duration::from_secs(3_600));
    let expired = client.get("/v1.0/users").await;
    assert!(expired.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(expired.code(401), "InvalidAuthenticationToken");
    client.login(&sim).await;
    client.get("/v1.0/users").await.is(200);
    sim.expire_tokens();
    assert_eq!(client.get("/v1.0/users").await.code(401), "InvalidAuthenticationToken");
    client.token = "made.up.token".to_owned();
    assert_eq!(client.get("/v1.0/users").await.code(401), "InvalidAuthenticationToken");
}

#[tokio::test]
async fn a_missing_permission_and_an_access_policy_are_denied() {
    let (sim, mut client) = started().await;
    sim.configure(|c| c.roles = vec!["Calendars.Read".to_owned()]);
    client.login(&sim).await;
    client.get(&view(ALICE, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")).await.is(200);
    assert_eq!(client.get("/v1.0/users").await.code(403), "Authorization_RequestDenied");
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/mailboxSettings")).await.code(403), "ErrorAccessDenied");
    assert_eq!(client.post(&format!("/v1.0/users/{ALICE}/events"), &json!({})).await.code(403), "ErrorAccessDenied");
    assert_eq!(client.post(&format!("/v1.0/users/{ALICE}/sendMail"), &json!({})).await.code(403), "ErrorAccessDenied");
    sim.deny_mailbox(ALICE, true).unwrap();
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/events")).await.code(403), "ErrorAccessDenied");
    client.get(&format!("/v1.0/users/{BOB}/events")).await.is(200);
}

#[tokio::test]
async fn four_requests_at_once_on_a_mailbox_and_no_more() {
    let (sim, client) = started().await;
    sim.configure(|c| c.latency = Duration::from_millis(300));
    let path = format!("/v1.0/users/{ALICE}/events");
    let all = join_all((0..7).map(|_| client.get(&path))).await;
    let throttled: Vec<_> = all.into_iter().filter(|g| g.status == 429).collect();
    assert_eq!(throttled.len(), 3);
    for got in throttled {
        assert_eq!(got.header("retry-after"), "1");
        assert_eq!(got.code(429), "ApplicationThrottled");
    }
    assert_eq!((sim.peak(ALICE), sim.peak(BOB)), (4, 0));
    client.get(&path).await.is(200);
}

#[tokio::test]
async fn requests_per_window_are_limited_for_one_mailbox_only() {
    let (sim, client) = started().await;
    sim.configure(|c| c.requests = 3);
    let path = |u: &str| format!("/v1.0/users/{u}/events");
    for _ in 0..3 {
        client.get(&path(ALICE)).await.is(200);
    }
    sim.clock().advance(Duration::from_secs(100));
    assert_eq!(client.get(&path(ALICE)).await.header("retry-after"), "500");
    client.get(&path(BOB)).await.is(200);
    sim.clock().advance(Duration::from_secs(500));
    client.get(&path(ALICE)).await.is(200);
}

#[tokio::test]
async fn a_batch_runs_its_requests_with_their_dependencies_and_limits() {
    let (sim, client) = started().await;
    let event = json!({"subject": "B", "start": {"dateTime": "2026-03-02T10:00:00", "timeZone": "UTC"}, "end": {"dateTime": "2026-03-02T11:00:00", "timeZone": "UTC"}});
    let json_type = json!({"Content-Type": "application/json"});
    let requests = json!({"requests": [
        {"id": "1", "method": "POST", "url": format!("/users/{ALICE}/events"), "body": event, "headers": json_type},
        {"id": "2", "method": "GET", "url": format!("/users/{ALICE}/events"), "dependsOn": ["1"]},
        {"id": "3", "method": "GET", "url": format!("/users/{ALICE}/events/nonsense")},
        {"id": "4", "method": "GET", "url": format!("/users/{ALICE}/events"), "dependsOn": ["3"]},
    ]});
    let got = client.post("/v1.0/$batch", &requests).await.is(200);
    let by = |id: &str| got["responses"].as_array().unwrap().iter().find(|r| r["id"] == id).unwrap().clone();
    assert_eq!(["1", "2", "3", "4"].map(|i| by(i)["status"].as_u64().unwrap()), [201, 200, 400, 424]);
    assert_eq!(by("2")["body"]["value"].as_array().unwrap().len(), 1);
    let many = |count: usize, user: &str| json!({"requests": (0..count).map(|n| json!({"id": n.to_string(), "method": "GET", "url": format!("/users/{user}/events")})).collect::<Vec<_>>()});
    let got = client.post("/v1.0/$batch", &many(6, ALICE)).await.is(200);
    let throttled: Vec<&Value> = got["responses"].as_array().unwrap().iter().filter(|r| r["status"] == 429).collect();
    assert_eq!(throttled.len(), 2, "each inner request counts");
    assert_eq!(throttled[0]["headers"]["retry-after"], "1");
    assert_eq!(sim.peak(ALICE), 4);
    for bad in [
        many(21, ALICE),
        many(0, ALICE),
        json!({}),
        json!({"requests": [{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["9"]}]}),
        json!({"requests": [{"id": "1", "method": "GET", "url": "http://evil.test/"}]}),
    ] {
        assert_eq!(client.post("/v1.0/$batch", &bad).await.code(400), "BadRequest");
    }
}

#[tokio::test]
async fn every_fault_happens_as_often_as_ordered_and_only_where_ordered() {
    let (sim, client) = started().await;
    sim.add_event(ALICE, EventDraft::new("E", "2026-03-02T09:00:00", "2026-03-02T10:00:00", "UTC")).unwrap();
    let path = delta(ALICE, "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z");
    let order =
        |fault: Kind| sim.fault(Rule::on_path("calendarview/delta", 1, fault).for_mailbox("A.Adler@example.test").for_method("get"));

    order(Kind::Status { status: 429, retry_after: Some(2.5) });
    client.get(&delta(BOB, "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z")).await.is(200);
    let got = client.get(&path).await;
    assert_eq!((got.header("retry-after"), got.status), ("2.5", 429));
    order(Kind::Status { status: 429, retry_after: None });
    let got = client.get(&path).await;
    assert_eq!(got.header("retry-after"), "");
    assert_eq!(got.code(429), "TooManyRequests");
    for status in [500, 502, 503, 504, 401] {
        order(Kind::Status { status, retry_after: None });
        assert_eq!(client.get(&path).await.status, status);
    }
    order(Kind::Gone);
    let got = client.get(&path).await;
    assert!(got.header("location").contains("calendarView/delta?"));
    assert_eq!(got.code(410), "SyncStateNotFound");
    order(Kind::Reset);
    assert!(client.raw("GET", &path, &[], None).await.is_err());
    order(Kind::Html);
    let got = client.raw("GET", &path, &[], None).await.unwrap();
    assert_eq!((got.status().as_u16(), got.headers()["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
    order(Kind::BadJson);
    assert!(serde_json::from_str::<Value>(&client.raw("GET", &path, &[], None).await.unwrap().text().await.unwrap()).is_err());
    order(Kind::Empty);
    assert_eq!(client.raw("GET", &path, &[], None).await.unwrap().text().await.unwrap(), "");
    for slow in [Kind::SlowBody { ms: 20, chunk: Some(200) }, Kind::Delay { ms: 100 }] {
        order(slow);
        let began = Instant::now();
        client.get(&path).await.is(200);
        assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());
    }
    assert_eq!(sim.faults().list(), []);
    client.get(&path).await.is(200);
    sim.fault(Rule::on_path("oauth2", 1, Kind::Status { status: 503, retry_after: None }));
    let config = sim.config();
    assert_eq!(client.token(&sim.token_url(), &config.client_id, &config.client_secret, SCOPE).await.status, 503);
}

#[tokio::test]
async fn the_clock_may_be_skewed_against_the_client() {
    let (sim, client) = started().await;
    sim.clock().set_skew(-600);
    assert_eq!(client.get("/v1.0/users").await.header("date"), "Mon, 02 Mar 2026 07:50:00 GMT");
}

#[tokio::test]
async fn the_log_counts_by_operation_and_mailbox() {
    let (sim, client) = started().await;
    let path = delta(ALICE, "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z");
    client.get(&path).await.is(200);
    client.get(&path).await.is(200);
    client.get(&format!("/v1.0/users/{BOB}/events")).await.is(200);
    assert_eq!(
        (sim.count("calendarView.delta", Some(ALICE)), sim.count("calendarView.delta", Some(BOB)), sim.count("calendarView.delta", None)),
        (2, 0, 2)
    );
    assert_eq!(sim.stats().mailboxes[BOB]["events.list"], 1);
    let seen = sim.requests();
    assert_eq!(seen.last().map(|s| (s.operation.as_str(), s.status)), Some(("events.list", 200)));
    sim.reset_log();
    assert_eq!(sim.count("calendarView.delta", None), 0);
}

async fn admin(client: &Client, method: &str, path: &str, body: Value) -> Value {
    client.send(method, &format!("/_admin/{path}"), &[], Some(&body)).await.is(
        if method == "POST" && (path.ends_with("users") || path.ends_with("events") || path.ends_with("calendars")) { 201 } else { 200 },
    )
}

#[tokio::test]
async fn the_admin_door_does_what_the_handle_does_without_a_token() {
    let (sim, mut client) = started().await;
    client.token = String::new();
    admin(
        &client,
        "POST",
        "users",
        json!({"userPrincipalName": "carol@example.test", "displayName": "Carol", "mail": "carol@example.test", "timeZone": "Asia/Tokyo"}),
    )
    .await;
    let made = admin(&client, "POST", "users/carol@example.test/events", json!({"subject": "A", "start": {"dateTime": "2026-03-02T10:00:00", "timeZone": "Asia/Tokyo"}, "end": {"dateTime": "2026-03-02T11:00:00", "timeZone": "Asia/Tokyo"}, "isCancelled": true})).await;
    assert_eq!((made["start"]["dateTime"].as_str(), made["isCancelled"].as_bool()), (Some("2026-03-02T01:00:00.0000000"), Some(true)));
    let one = format!("users/carol@example.test/events/{}", made["id"].as_str().unwrap());
    assert_eq!(admin(&client, "PATCH", &one, json!({"subject": "B"})).await["subject"], "B");
    admin(&client, "DELETE", &one, json!({})).await;
    assert_eq!(client.send("GET", &format!("/_admin/{one}"), &[], None).await.status, 404);
    admin(&client, "POST", "users/carol@example.test/automaticReplies", json!({"status": "alwaysEnabled"})).await;
    admin(&client, "POST", "faults", json!({"match": {"path": "x"}, "fault": {"kind": "reset"}})).await;
    assert_eq!(admin(&client, "GET", "faults", json!({})).await["value"].as_array().unwrap().len(), 1);
    admin(&client, "DELETE", "faults", json!({})).await;
    admin(&client, "POST", "stress", json!({"mailboxes": 5, "events": 2})).await;
    admin(&client, "POST", "settings", json!({"latency_ms": 1, "roles": ["User.Read.All"], "replays": true})).await;
    assert_eq!(sim.config().roles, ["User.Read.All"]);
    let before = sim.clock().now();
    admin(&client, "POST", "clock", json!({"advance_seconds": 60})).await;
    assert_eq!(sim.clock().now().duration_since(before).as_secs(), 60);
    for command in ["tokens/expire", "delta/expire", "notifications"] {
        admin(&client, "POST", command, json!({})).await;
    }
    assert_eq!(admin(&client, "POST", "lifecycle", json!({"event": "missed"})).await["posted"], 0);
    assert_eq!(admin(&client, "GET", "stats", json!({})).await["mails_sent"], 0);
    for (path, body) in [
        ("settings", json!({"nonsense": 1})),
        ("teapot", json!({})),
        ("lifecycle", json!({"event": "party"})),
        ("faults", json!({"fault": {"kind": "explode"}})),
        ("users", json!({"userPrincipalName": "carol@example.test"})),
    ] {
        assert_eq!(client.post(&format!("/_admin/{path}"), &body).await.status, 400, "{path}");
    }
}
