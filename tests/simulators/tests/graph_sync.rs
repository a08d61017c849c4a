//! Delta and subscriptions of the Graph simulator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod graph_support;

use std::collections::BTreeSet;

use calport_simulators::graph::{EventDraft, Lifecycle};
use graph_support::{ALICE, BOB, Client, Hook, delta, started, subjects, tenant, until};
use serde_json::{Value, json};

const FROM: &str = "2026-03-01T00:00:00Z";
const TO: &str = "2026-04-01T00:00:00Z";
const ZONE: &str = "W. Europe Standard Time";

fn at(subject: &str, day: &str, hour: u32) -> EventDraft {
    EventDraft::new(subject, &format!("{day}T{hour:02}:00:00"), &format!("{day}T{hour:02}:30:00"), "UTC")
}

fn moved(day: &str, hour: u32) -> EventDraft {
    EventDraft::patch().times(&format!("{day}T{hour:02}:00:00"), &format!("{day}T{hour:02}:30:00"), "UTC")
}

fn removed(item: &Value) -> bool {
    item["@removed"]["reason"] == "deleted"
}

#[tokio::test]
async fn a_first_round_gives_masters_whole_and_occurrences_sparse() {
    let (sim, client) = started().await;
    sim.add_event(ALICE, at("Single", "2026-03-02", 9)).unwrap();
    sim.add_event(ALICE, at("Outside", "2026-05-02", 9)).unwrap();
    let series = sim.add_event(ALICE, at("Series", "2026-03-03", 10).daily(4)).unwrap();
    let changed = sim.occurrence_id(ALICE, &series, "2026-03-04T10:00:00").unwrap();
    sim.update_event(ALICE, &changed, EventDraft::patch().subject("Exception")).unwrap();
    for size in [1, 2, 100] {
        let prefer = format!("odata.maxpagesize={size}");
        let (items, _, pages) = client.round(&delta(ALICE, FROM, TO), &[("prefer", &prefer)]).await;
        assert_eq!(subjects(&items), ["Single", "Series", "-", "Exception", "-", "-"]);
        assert_eq!(pages, 6_usize.div_ceil(size));
        let sparse: BTreeSet<&str> = items[2].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(sparse, BTreeSet::from(["@odata.type", "@odata.etag", "id", "type", "seriesMasterId", "start", "end"]));
        assert_eq!(items[2]["seriesMasterId"], json!(series));
        assert!(items[1]["recurrence"].is_object() && items[3]["body"].is_object());
    }
    for option in ["$select=subject", "$filter=subject%20eq%20'x'", "$expand=instances", "$orderby=subject", "$search=x"] {
        assert_eq!(client.get(&(delta(ALICE, FROM, TO) + "&" + option)).await.code(400), "ErrorInvalidUrlQuery");
    }
    assert_eq!(client.get(&format!("/v1.0/users/{ALICE}/calendarView/delta")).await.code(400), "ErrorInvalidParameter");
}

#[tokio::test]
async fn b07_what_happens_outside_the_window_is_reported_as_removed() {
    let (sim, client) = started().await;
    let stays = sim.add_event(ALICE, at("Stays", "2026-03-02", 9)).unwrap();
    let far = sim.add_event(ALICE, at("Far", "2026-06-02", 9)).unwrap();
    let (_, link, _) = client.round(&delta(ALICE, FROM, TO), &[]).await;
    let (none, link, _) = client.round(&link, &[]).await;
    assert_eq!(none, Vec::<Value>::new());
    let new_far = sim.add_event(ALICE, at("New far", "2026-07-02", 9)).unwrap();
    sim.update_event(ALICE, &far, EventDraft::patch().subject("Farther")).unwrap();
    let (items, link, _) = client.round(&link, &[]).await;
    let ids: BTreeSet<&str> = items.iter().filter(|i| removed(i)).map(|i| i["id"].as_str().unwrap()).collect();
    assert_eq!(ids, BTreeSet::from([far.as_str(), new_far.as_str()]), "created and changed outside");
    assert!(client.get(&format!("/v1.0/users/{ALICE}/events/{far}")).await.is(200)["subject"] == "Farther", "it is not deleted at all");
    sim.delete_event(ALICE, &far).unwrap();
    sim.update_event(ALICE, &stays, moved("2026-08-01", 9)).unwrap();
    sim.update_event(ALICE, &new_far, moved("2026-03-05", 9)).unwrap();
    let (items, link, _) = client.round(&link, &[]).await;
    assert_eq!(items.iter().filter(|i| removed(i)).count(), 2, "deleted outside, and moved out");
    assert_eq!(subjects(&items).iter().filter(|s| **s == "New far").count(), 1, "moved in");
    sim.delete_event(ALICE, &new_far).unwrap();
    let (items, ..) = client.round(&link, &[]).await;
    assert!(items.len() == 1 && removed(&items[0]) && items[0]["id"] == json!(new_far), "a true deletion looks the same");
}

#[tokio::test]
async fn b07_a_series_moved_out_of_the_window_is_reported_as_removed() {
    let (sim, client) = started().await;
    let series = sim.add_event(ALICE, at("Series", "2026-03-03", 10).daily(3)).unwrap();
    let (_, link, _) = client.round(&delta(ALICE, FROM, TO), &[]).await;
    sim.update_event(ALICE, &series, moved("2026-06-03", 10)).unwrap();
    let (items, link, _) = client.round(&link, &[]).await;
    assert!(items.len() == 1 && removed(&items[0]) && items[0]["id"] == json!(series), "only the master has a marker: {items:#?}");
    sim.update_event(ALICE, &series, moved("2026-03-10", 10)).unwrap();
    let (items, ..) = client.round(&link, &[]).await;
    assert_eq!(subjects(&items), ["Series", "-", "-", "-"], "moved in again, with its occurrences");
}

#[tokio::test]
async fn b07_a_cancelled_occurrence_has_no_marker_its_master_is_changed() {
    let (sim, client) = started().await;
    let series = sim.add_event(ALICE, EventDraft::new("Series", "2026-03-03T10:00:00", "2026-03-03T11:00:00", ZONE).daily(5)).unwrap();
    let (first, link, _) = client.round(&delta(ALICE, FROM, TO), &[]).await;
    assert_eq!(first.len(), 6);
    sim.delete_occurrence(ALICE, &series, "2026-03-05T10:00:00").unwrap();
    let (items, link, _) = client.round(&link, &[]).await;
    assert_eq!((items.len(), items[0]["type"].as_str(), removed(&items[0])), (1, Some("seriesMaster"), false));
    let third = sim.occurrence_id(ALICE, &series, "2026-03-06T10:00:00").unwrap();
    sim.update_event(ALICE, &third, moved("2026-03-06", 15)).unwrap();
    let (items, link, _) = client.round(&link, &[]).await;
    assert_eq!(items.iter().map(|i| i["type"].as_str().unwrap()).collect::<Vec<_>>(), ["seriesMaster", "exception"]);
    sim.update_event(ALICE, &third, moved("2026-04-20", 15)).unwrap();
    let (items, link, _) = client.round(&link, &[]).await;
    assert!(items.iter().any(|i| removed(i) && i["id"] == json!(third)), "an exception moved out of the window");
    sim.update_event(ALICE, &series, EventDraft::patch().subject("New name")).unwrap();
    let (items, link, _) = client.round(&link, &[]).await;
    assert_eq!(items.len(), 4, "a change of the series reports its occurrences again: {items:#?}");
    sim.delete_event(ALICE, &series).unwrap();
    let (items, ..) = client.round(&link, &[]).await;
    assert!(items.len() == 1 && removed(&items[0]));
}

#[tokio::test]
async fn changes_during_a_round_are_never_lost_and_replays_happen() {
    let (sim, client) = started().await;
    let ids: Vec<String> = (0..9).map(|n| sim.add_event(ALICE, at(&format!("E{n}"), "2026-03-02", n)).unwrap()).collect();
    let prefer = [("prefer", "odata.maxpagesize=3")];
    let page = client.send("GET", &delta(ALICE, FROM, TO), &prefer, None).await.is(200);
    sim.update_event(ALICE, &ids[0], EventDraft::patch().subject("Changed behind")).unwrap();
    sim.delete_event(ALICE, &ids[8]).unwrap();
    sim.add_event(ALICE, at("Late", "2026-03-02", 20)).unwrap();
    let (rest, link, _) = client.round(page["@odata.nextLink"].as_str().unwrap(), &prefer).await;
    assert!(!subjects(&rest).contains(&"E8"));
    let (next, ..) = client.round(&link, &prefer).await;
    assert!(subjects(&next).contains(&"Changed behind") && subjects(&next).contains(&"Late"));
    assert!(next.iter().any(|i| removed(i) && i["id"] == json!(ids[8])));
    let (again, ..) = client.round(&link, &prefer).await;
    assert_eq!(next, again, "a link can be used again");
    sim.configure(|c| c.replays = true);
    let (items, ..) = client.round(&delta(ALICE, FROM, TO), &prefer).await;
    let unique: BTreeSet<&str> = items.iter().map(|i| i["id"].as_str().unwrap()).collect();
    assert!(unique.len() == 9 && items.len() > 9, "items are repeated");
}

#[tokio::test]
async fn b24_expired_delta_tokens_answer_410_with_the_way_to_start_over() {
    let (sim, client) = started().await;
    sim.add_event(ALICE, at("E", "2026-03-02", 9)).unwrap();
    let (_, link, _) = client.round(&delta(ALICE, FROM, TO), &[]).await;
    let (_, other, _) = client.round(&delta(BOB, FROM, TO), &[]).await;
    sim.expire_delta(Some(ALICE));
    let gone = client.get(&link).await;
    let location = gone.header("location").to_owned();
    assert_eq!(gone.code(410), "SyncStateNotFound");
    assert!(location.contains("$deltatoken=") && location.contains("startDateTime"), "{location}");
    let (items, ..) = client.round(&location, &[]).await;
    assert_eq!(subjects(&items), ["E"]);
    client.get(&other).await.is(200);
    sim.clock().advance(std::time::Duration::from_secs(8 * 86_400));
    let mut client = client;
    client.login(&sim).await;
    assert_eq!(client.get(&other).await.code(410), "SyncStateNotFound");
    let broken = link.replace("deltatoken=ey", "deltatoken=eZ");
    assert_eq!(client.get(&broken).await.code(400), "ErrorInvalidSyncStateData");
    let mine_at_bob = link.replace(ALICE, BOB);
    assert_eq!(client.get(&mine_at_bob).await.code(400), "ErrorInvalidSyncStateData");
}

#[tokio::test]
async fn delta_works_with_immutable_ids_and_in_other_calendars() {
    let (sim, client) = started().await;
    let id = sim.add_event(ALICE, at("Wanderer", "2026-03-02", 9)).unwrap();
    let other = sim.add_calendar(ALICE, "Other").unwrap();
    let immutable = [("prefer", "IdType=\"ImmutableId\"")];
    let (items, link, _) = client.round(&delta(ALICE, FROM, TO), &immutable).await;
    let stable = items[0]["id"].clone();
    let there = format!("/v1.0/users/{ALICE}/calendars/{other}/calendarView/delta?startDateTime={FROM}&endDateTime={TO}");
    let (_, other_link, _) = client.round(&there, &immutable).await;
    sim.move_event(ALICE, &id, &other).unwrap();
    let (items, ..) = client.round(&link, &immutable).await;
    assert!(removed(&items[0]) && items[0]["id"] == stable);
    let (items, ..) = client.round(&other_link, &immutable).await;
    assert!(items[0]["subject"] == "Wanderer" && items[0]["id"] == stable);
}

fn subscription(hook: &Hook, user: &str) -> Value {
    json!({"changeType": "created,updated,deleted", "notificationUrl": format!("{}/n", hook.url), "lifecycleNotificationUrl": format!("{}/l", hook.url),
        "resource": format!("/users/{user}/events"), "expirationDateTime": "2026-03-09T07:00:00Z", "clientState": "s3cret"})
}

#[tokio::test]
async fn a_subscription_is_validated_and_then_really_calls() {
    let (sim, client) = started().await;
    let hook = Hook::new().await;
    let made = client
        .send("POST", "/v1.0/subscriptions", &[("prefer", "IdType=\"ImmutableId\"")], Some(&subscription(&hook, ALICE)))
        .await
        .is(201);
    assert_eq!(*hook.handshakes.lock().unwrap(), ["/n", "/l"]);
    let id = sim.add_event(ALICE, at("New", "2026-03-02", 9)).unwrap();
    hook.wait(1).await;
    sim.update_event(ALICE, &id, EventDraft::patch().subject("Newer")).unwrap();
    hook.wait(2).await;
    sim.delete_event(ALICE, &id).unwrap();
    sim.add_event(BOB, at("Not watched", "2026-03-02", 9)).unwrap();
    let items = hook.wait(3).await;
    assert_eq!(items.iter().map(|i| i["changeType"].as_str().unwrap()).collect::<Vec<_>>(), ["created", "updated", "deleted"]);
    assert!(
        items
            .iter()
            .all(|i| i["clientState"] == "s3cret" && i["subscriptionId"] == made["id"] && i["tenantId"] == json!(sim.config().tenant))
    );
    let told = items[0]["resourceData"]["id"].as_str().unwrap();
    assert!(told.starts_with("AAkA"), "the header at creation chose immutable ids: {told}");
    assert!(items[0]["resource"].as_str().unwrap().contains(told));
}

#[tokio::test]
async fn subscriptions_that_ask_for_the_impossible_are_refused() {
    let (sim, client) = started().await;
    let hook = Hook::new().await;
    let with = |name: &str, value: Value| {
        let mut body = subscription(&hook, ALICE);
        body[name] = value;
        body
    };
    for (name, value) in [
        ("expirationDateTime", json!("2026-03-09T08:00:01Z")),
        ("expirationDateTime", json!("2026-03-01T08:00:00Z")),
        ("expirationDateTime", json!("tomorrow")),
        ("changeType", json!("created,renamed")),
        ("clientState", json!("x".repeat(129))),
        ("resource", json!("/users/alice@example.test/calendarView")),
        ("notificationUrl", json!("ftp://127.0.0.1/")),
        ("notificationUrl", json!("http://127.0.0.1:1/closed")),
        ("colour", json!("red")),
    ] {
        assert_eq!(client.post("/v1.0/subscriptions", &with(name, value.clone())).await.status, 400, "{name} {value}");
    }
    *hook.echo.lock().unwrap() = Some("something else".to_owned());
    assert_eq!(client.post("/v1.0/subscriptions", &subscription(&hook, ALICE)).await.code(400), "ValidationError");
    assert_eq!(sim.subscriptions().len(), 0);
    *hook.echo.lock().unwrap() = None;
    let short = client.post("/v1.0/subscriptions", &with("expirationDateTime", json!("2026-03-02T08:05:00Z"))).await.is(201);
    assert_eq!(short["expirationDateTime"], "2026-03-02T08:45:00.0000000Z", "raised to 45 minutes");
}

#[tokio::test]
async fn subscriptions_are_renewed_reauthorized_expire_and_are_deleted() {
    let (sim, mut client) = started().await;
    let hook = Hook::new().await;
    let id = client.post("/v1.0/subscriptions", &subscription(&hook, ALICE)).await.is(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1.0/subscriptions/{id}");
    assert_eq!(client.get("/v1.0/subscriptions").await.is(200)["value"].as_array().unwrap().len(), 1);
    sim.clock().advance(std::time::Duration::from_secs(1_800));
    let renewed = client.patch(&path, &json!({"expirationDateTime": "2026-03-09T08:30:00Z"})).await.is(200);
    assert_eq!(renewed["expirationDateTime"], "2026-03-09T08:30:00.0000000Z");
    assert_eq!(client.patch(&path, &json!({"lifecycleNotificationUrl": hook.url})).await.status, 400, "only settable at creation");
    client.post(&format!("{path}/reauthorize"), &json!({})).await.is(204);
    sim.clock().advance(std::time::Duration::from_secs(8 * 86_400));
    client.login(&sim).await;
    assert_eq!(client.get(&path).await.code(404), "ResourceNotFound");
    assert_eq!(client.patch(&path, &json!({"expirationDateTime": "2026-03-12T08:30:00Z"})).await.status, 404);
    let mut body = subscription(&hook, ALICE);
    body["expirationDateTime"] = json!("2026-03-12T00:00:00Z");
    let id = client.post("/v1.0/subscriptions", &body).await.is(201)["id"].as_str().unwrap().to_owned();
    client.delete(&format!("/v1.0/subscriptions/{id}")).await.is(204);
    sim.add_event(ALICE, at("Unheard", "2026-03-02", 9)).unwrap();
    assert_eq!(hook.items.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn b29_lifecycle_events_reach_their_own_address() {
    let (sim, client) = started().await;
    let hook = Hook::new().await;
    client.post("/v1.0/subscriptions", &subscription(&hook, ALICE)).await.is(201);
    assert_eq!(sim.lifecycle(Some(BOB), Lifecycle::Missed), 0);
    for event in [Lifecycle::ReauthorizationRequired, Lifecycle::Missed, Lifecycle::SubscriptionRemoved] {
        assert_eq!(sim.lifecycle(Some(ALICE), event), 1);
    }
    let items = hook.wait(3).await;
    assert_eq!(
        items.iter().map(|i| i["lifecycleEvent"].as_str().unwrap()).collect::<Vec<_>>(),
        ["reauthorizationRequired", "missed", "subscriptionRemoved"]
    );
    assert_eq!(sim.subscriptions().len(), 0, "a removed subscription is gone");
}

#[tokio::test]
async fn notifications_are_retried_lost_and_doubled() {
    let (sim, client) = started().await;
    let hook = Hook::new().await;
    client.post("/v1.0/subscriptions", &subscription(&hook, ALICE)).await.is(201);
    *hook.refuse.lock().unwrap() = vec![503, 500];
    let id = sim.add_event(ALICE, at("Retried", "2026-03-02", 9)).unwrap();
    hook.wait(1).await;
    until(|| sim.stats().notifications.delivered == 1).await;
    assert_eq!(sim.stats().notifications.posts, 3);
    sim.drop_notifications(1);
    sim.update_event(ALICE, &id, EventDraft::patch().subject("Lost")).unwrap();
    sim.double_notifications(1);
    sim.update_event(ALICE, &id, EventDraft::patch().subject("Twice")).unwrap();
    hook.wait(3).await;
    sim.notify(ALICE, &id, 1_000).unwrap();
    assert_eq!(hook.wait(1_003).await.len(), 1_003);
}

#[tokio::test]
async fn stopping_closes_everything() {
    let (builder, _) = tenant();
    let sim = builder.start().await.unwrap();
    let client = Client::new(&sim).await;
    client.get("/v1.0/users").await.is(200);
    sim.stop();
    assert!(client.raw("GET", "/v1.0/users", &[], None).await.is_err());
}
