//! Notifications over EWS: subscriptions, streams with their heartbeats and ends, what is asked, limits, a server that forgets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use std::time::Duration;

use calport_simulators::ews::{Config, Notifying, Version};
use calport_simulators::graph::EventDraft;
use ews_support::*;

const CALENDAR: &str = "<t:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/></t:FolderIds>";
const EVENTS: &str = "<t:EventTypes><t:EventType>CreatedEvent</t:EventType><t:EventType>ModifiedEvent</t:EventType><t:EventType>DeletedEvent</t:EventType></t:EventTypes>";

fn subscribe(kind: &str, more: &str) -> String {
    format!("<m:Subscribe><m:{kind}SubscriptionRequest>{CALENDAR}{EVENTS}{more}</m:{kind}SubscriptionRequest></m:Subscribe>")
}

fn unsubscribe(id: &str) -> String {
    format!("<m:Unsubscribe><m:SubscriptionId>{id}</m:SubscriptionId></m:Unsubscribe>")
}

fn streaming(ids: &[&str], minutes: u32) -> String {
    let ids: String = ids.iter().map(|id| format!("<t:SubscriptionId>{id}</t:SubscriptionId>")).collect();
    format!(
        "<m:GetStreamingEvents><m:SubscriptionIds>{ids}</m:SubscriptionIds><m:ConnectionTimeout>{minutes}</m:ConnectionTimeout></m:GetStreamingEvents>"
    )
}

fn envelope(body: &str) -> String {
    format!(
        "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><soap:Header><t:RequestServerVersion Version=\"Exchange2013_SP1\"/><t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>{ALICE}</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}

/// An open stream, read document by document.
struct Open(reqwest::Response);

impl Open {
    async fn of(bench: &Bench, ids: &[&str]) -> Self {
        let request = bench.http.post(bench.ews.url()).header("content-type", "text/xml; charset=utf-8");
        let request = request.header("authorization", basic("svc-calport@example.test", "simulated~password"));
        Self(request.body(envelope(&streaming(ids, 1))).send().await.unwrap())
    }

    /// The next piece; none at the end.
    async fn next(&mut self) -> Option<String> {
        let piece = tokio::time::timeout(Duration::from_secs(20), self.0.chunk()).await.expect("something comes");
        piece.ok().flatten().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }
}

fn quick() -> Config {
    Config {
        notifying: Notifying { heartbeat: Duration::from_millis(200), minute: Duration::from_secs(3), ..Notifying::default() },
        ..Config::default()
    }
}

async fn subscribed(bench: &Bench) -> String {
    bench.call(&subscribe("Streaming", "")).await.text_of("m:SubscriptionId")
}

fn add(bench: &Bench, who: &str, subject: &str) -> String {
    bench.graph.add_event(who, EventDraft::new(subject, "2026-01-06T09:00:00", "2026-01-06T10:00:00", "UTC")).unwrap()
}

#[tokio::test]
async fn a_stream_tells_of_changes_by_other_doors_says_that_it_lives_and_ends_in_its_time() {
    let bench = Bench::with(quick()).await;
    let id = subscribed(&bench).await;
    add(&bench, ALICE, "Before anybody listens");
    let mut open = Open::of(&bench, &[&id]).await;
    assert!(open.next().await.unwrap().contains("<m:ConnectionStatus>OK<"));
    let told = open.next().await.unwrap();
    assert!(told.contains("<m:Notification>") && told.contains("<t:CreatedEvent>") && told.contains(&id), "{told}");
    assert_eq!(bench.ews.streams(), (1, 1));
    assert!(open.next().await.unwrap().contains("<m:ConnectionStatus>OK<"), "it lives");
    add(&bench, BOB, "Somebody else's");
    let event = add(&bench, ALICE, "Told at once");
    bench.graph.delete_event(ALICE, &event).unwrap();
    let mut seen = String::new();
    while !seen.contains("<t:DeletedEvent>") {
        seen.push_str(&open.next().await.unwrap());
    }
    assert_eq!(seen.matches("<t:CreatedEvent>").count(), 1, "only the own mailbox: {seen}");
    let mut last = String::new();
    while let Some(piece) = open.next().await {
        last = piece;
    }
    assert!(last.contains("<m:ConnectionStatus>Closed<"), "{last}");
    assert_eq!((bench.ews.streams(), bench.ews.subscriptions()), ((0, 0), 1), "the subscription outlives its stream");
    bench.call(&unsubscribe(&id)).await;
    assert_eq!(bench.ews.subscriptions(), 0);
    bench.judge();
}

#[tokio::test]
async fn what_is_asked_comes_with_watermarks() {
    let bench = Bench::start().await;
    let granted = bench.call(&subscribe("Pull", "<t:Timeout>10</t:Timeout>")).await;
    let (id, mark) = (granted.text_of("m:SubscriptionId"), granted.text_of("m:Watermark"));
    let ask = |mark: &str| format!("<m:GetEvents><m:SubscriptionId>{id}</m:SubscriptionId><m:Watermark>{mark}</m:Watermark></m:GetEvents>");
    let nothing = bench.call(&ask(&mark)).await;
    assert_eq!(nothing.inside("t:StatusEvent").len(), 1);
    add(&bench, ALICE, "One");
    let told = bench.call(&ask(&mark)).await;
    assert_eq!(told.inside("t:CreatedEvent").len(), 1);
    assert_eq!(bench.call(&ask(&mark)).await.inside("t:CreatedEvent").len(), 1, "the same watermark, the same answer");
    let next = told.texts("t:Watermark").pop().unwrap();
    assert_eq!(bench.call(&ask(&next)).await.inside("t:StatusEvent").len(), 1);
    assert_eq!(bench.call(&ask("AAAA")).await.codes(), ["ErrorInvalidWatermark"]);
    bench.graph.clock().advance(Duration::from_secs(11 * 60));
    assert_eq!(bench.call(&ask(&next)).await.codes(), ["ErrorSubscriptionNotFound"], "nobody asked for too long");
    bench.judge();
}

#[tokio::test]
async fn a_restarted_server_has_forgotten_everything_and_breaks_its_streams() {
    let bench = Bench::with(quick()).await;
    let id = subscribed(&bench).await;
    let mut open = Open::of(&bench, &[&id]).await;
    open.next().await.unwrap();
    bench.ews.restart();
    while let Ok(Some(_)) = open.0.chunk().await {}
    assert_eq!((bench.ews.streams(), bench.ews.subscriptions()), ((0, 0), 0));
    let refused = Open::of(&bench, &[&id]).await.next().await.unwrap();
    assert!(refused.contains("ErrorSubscriptionNotFound") && refused.contains("<m:ErrorSubscriptionIds>"), "{refused}");
}

#[tokio::test]
async fn a_stream_goes_on_without_what_is_gone_and_its_subscriptions_follow_a_later_one() {
    let bench = Bench::with(quick()).await;
    let (one, two) = (subscribed(&bench).await, subscribed(&bench).await);
    let mut open = Open::of(&bench, &[&one, &two]).await;
    open.next().await.unwrap();
    bench.call(&unsubscribe(&two)).await;
    let mut told = String::new();
    while !told.contains("ErrorSubscriptionIds") {
        told.push_str(&open.next().await.unwrap());
    }
    assert!(told.contains(&two) && !told.contains(&one), "{told}");
    let mut next = Open::of(&bench, &[&one]).await;
    next.next().await.unwrap();
    let mut last = String::new();
    while let Some(piece) = open.next().await {
        last = piece;
    }
    assert!(last.contains("Closed"), "{last}");
    assert_eq!(bench.ews.streams(), (1, 1));
}

#[tokio::test]
async fn limits_are_those_of_the_version_and_streams_come_with_2010_sp1() {
    let notifying = Notifying { subscriptions: Some(4), ..quick().notifying };
    let bench = Bench::with(Config { version: Version::Exchange2013Sp1, notifying, ..Config::default() }).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let id = subscribed(&bench).await;
        let mut one = Open::of(&bench, &[&id]).await;
        one.next().await.unwrap();
        open.push(one);
    }
    let id = subscribed(&bench).await;
    assert_eq!(bench.call(&subscribe("Streaming", "")).await.codes(), ["ErrorExceededSubscriptionCount"]);
    let said = Open::of(&bench, &[&id]).await.next().await.unwrap();
    assert!(said.contains("ErrorExceededConnectionCount"), "{said}");
    let old = Bench::version(Version::Exchange2010).await;
    let how = How { version: Some("Exchange2010"), ..How::alice() };
    assert_eq!(old.send(&subscribe("Streaming", ""), &how).await.fault(), "ErrorSchemaValidation");
    assert_eq!(old.send(&streaming(&["x"], 1), &how).await.fault(), "ErrorSchemaValidation");
    assert_eq!(old.call_how(&subscribe("Pull", "<t:Timeout>10</t:Timeout>"), &how).await.codes(), ["NoError"]);
}
