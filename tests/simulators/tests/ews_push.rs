//! Requests of the server's own: their first status, changes, signs of life, answers, attempts to reach a host that does not answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use calport_simulators::ews::{Config, Notifying, Version};
use calport_simulators::graph::EventDraft;
use ews_support::*;

const MINUTE: Duration = Duration::from_millis(300);

/// A host that takes requests, answers as it is told, and remembers.
#[derive(Clone, Default)]
struct Host(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    taken: Vec<(Instant, String)>,
    answer: Answer,
}

#[derive(Clone, Copy, Default)]
enum Answer {
    #[default]
    Ok,
    Unsubscribe,
    Status(u16),
    Nonsense,
}

fn result(status: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><x:Envelope xmlns:x=\"http://schemas.xmlsoap.org/soap/envelope/\"><x:Body><SendNotificationResult \
         xmlns=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><SubscriptionStatus>{status}</SubscriptionStatus>\
         </SendNotificationResult></x:Body></x:Envelope>"
    )
}

async fn take(State(host): State<Host>, body: String) -> (StatusCode, String) {
    let mut book = host.0.lock().unwrap();
    book.taken.push((Instant::now(), body));
    match book.answer {
        Answer::Ok => (StatusCode::OK, result("OK")),
        Answer::Unsubscribe => (StatusCode::OK, result("Unsubscribe")),
        Answer::Status(status) => (StatusCode::from_u16(status).unwrap(), result("OK")),
        Answer::Nonsense => (StatusCode::OK, "OK".to_owned()),
    }
}

impl Host {
    async fn listen(&self, address: SocketAddr) -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let (address, router) = (listener.local_addr().unwrap(), Router::new().fallback(take).with_state(self.clone()));
        (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
    }

    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().taken.iter().map(|(_, body)| body.clone()).collect()
    }

    fn answers(&self, answer: Answer) {
        self.0.lock().unwrap().answer = answer;
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Looks for three minutes whether a condition holds all the while.
async fn holds(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while began.elapsed() < MINUTE * 3 {
        assert!(condition(), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn subscribe(url: &str, minutes: u32) -> String {
    format!(
        "<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/></t:FolderIds><t:EventTypes>\
         <t:EventType>CreatedEvent</t:EventType></t:EventTypes><t:StatusFrequency>{minutes}</t:StatusFrequency><t:URL>{url}</t:URL>\
         </m:PushSubscriptionRequest></m:Subscribe>"
    )
}

fn quick() -> Config {
    Config { notifying: Notifying { minute: MINUTE, ..Notifying::default() }, ..Config::default() }
}

fn add(bench: &Bench, who: &str) {
    bench.graph.add_event(who, EventDraft::new("Told", "2026-01-06T09:00:00", "2026-01-06T10:00:00", "UTC")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_at_once_that_a_subscription_lives_then_what_changed_and_that_it_lives_on() {
    let (bench, host) = (Bench::with(quick()).await, Host::default());
    let (address, _task) = host.listen("127.0.0.1:0".parse().unwrap()).await;
    let granted = bench.call(&subscribe(&format!("http://{address}/hooks/a?key=b"), 2)).await;
    let (id, mark) = (granted.text_of("m:SubscriptionId"), granted.text_of("m:Watermark"));
    until("a status at once", || host.told().len() == 1).await;
    let first = host.told().remove(0);
    assert!(first.contains("<m:SendNotification ") && first.contains("<m:Notification>") && first.contains("<t:StatusEvent>"), "{first}");
    assert!(first.contains(&id) && first.contains(&format!("<t:PreviousWatermark>{mark}<")), "{first}");
    add(&bench, BOB);
    add(&bench, ALICE);
    until("the change", || host.told().iter().any(|told| told.contains("<t:CreatedEvent>"))).await;
    let changes = host.told().into_iter().filter(|told| told.contains("<t:CreatedEvent>")).count();
    assert_eq!(changes, 1, "only the own mailbox");
    let before = host.told().len();
    until("it lives on", || host.told().len() >= before + 2).await;
    for (told, next) in host.told().iter().zip(host.told().iter().skip(1)) {
        let last = inside(told, "t:Watermark").pop().unwrap();
        assert_eq!(inside(next, "t:PreviousWatermark"), [last], "each goes on where the last one ended");
    }
    bench.take(host.told());
    bench.judge();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_by_the_answer_only() {
    let (bench, host) = (Bench::with(quick()).await, Host::default());
    let (address, _task) = host.listen("127.0.0.1:0".parse().unwrap()).await;
    let id = bench.call(&subscribe(&format!("http://{address}/"), 1)).await.text_of("m:SubscriptionId");
    let ended = bench.call(&format!("<m:Unsubscribe><m:SubscriptionId>{id}</m:SubscriptionId></m:Unsubscribe>")).await;
    assert_eq!(ended.codes(), ["ErrorInvalidSubscription"]);
    until("it lives", || host.told().len() >= 2).await;
    host.answers(Answer::Unsubscribe);
    until("it ended", || bench.ews.subscriptions() == 0).await;
    let told = host.told().len();
    holds("nothing comes any more", || host.told().len() == told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_answer_is_tried_ever_more_slowly_and_then_given_up() {
    for answer in [Answer::Status(503), Answer::Status(202), Answer::Nonsense] {
        let (bench, host) = (Bench::with(quick()).await, Host::default());
        let (address, _task) = host.listen("127.0.0.1:0".parse().unwrap()).await;
        host.answers(answer);
        bench.call(&subscribe(&format!("http://{address}/"), 5)).await;
        until("it was given up", || bench.ews.subscriptions() == 0).await;
        let times: Vec<Instant> = host.0.lock().unwrap().taken.iter().map(|(at, _)| *at).collect();
        assert_eq!(times.len(), 4, "after half a minute, one and two; then it would be too late");
        let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.windows(2).all(|pair| pair[1] > pair[0]), "{pauses:?}");
        assert!(host.told().windows(2).all(|pair| pair[0] == pair[1]), "the same is said again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_host_was_away_is_told_when_it_is_back() {
    let (bench, host) = (Bench::with(quick()).await, Host::default());
    let (address, task) = host.listen("127.0.0.1:0".parse().unwrap()).await;
    bench.call(&subscribe(&format!("http://{address}/"), 20)).await;
    until("it lives", || host.told().len() == 1).await;
    host.answers(Answer::Status(500));
    add(&bench, ALICE);
    until("nobody takes it", || host.told().len() >= 2).await;
    task.abort();
    let _aborted = task.await;
    host.answers(Answer::Ok);
    let before = host.told().len();
    let _again = host.listen(address).await;
    until("it is told", || host.told().len() > before).await;
    assert!(host.told().last().unwrap().contains("<t:CreatedEvent>"));
    assert_eq!(bench.ews.subscriptions(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_machines_are_never_called_and_a_silent_server_sends_nothing() {
    let bench = Bench::with(quick()).await;
    for url in ["http://192.0.2.1/", "https://example.com/x", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/", "file:///etc/passwd", ""]
    {
        assert_eq!(bench.call(&subscribe(url, 5)).await.codes(), ["ErrorInvalidPushSubscriptionUrl"], "{url}");
    }
    assert_eq!(bench.ews.subscriptions(), 0);
    let host = Host::default();
    let (address, _task) = host.listen("127.0.0.1:0".parse().unwrap()).await;
    bench.ews.configure(|config| config.notifying.silent = true);
    bench.call(&subscribe(&format!("http://{address}/"), 1)).await;
    holds("it says nothing", || (host.told().len(), bench.ews.subscriptions()) == (0, 1)).await;
    bench.ews.restart();
    bench.ews.configure(|config| config.notifying.silent = false);
    holds("a restarted server has forgotten it", || (host.told().len(), bench.ews.subscriptions()) == (0, 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn push_is_as_old_as_the_service() {
    let (bench, host) = (Bench::version(Version::Exchange2007Sp1).await, Host::default());
    let (address, _task) = host.listen("127.0.0.1:0".parse().unwrap()).await;
    let how = How { version: Some("Exchange2007_SP1"), ..How::alice() };
    assert_eq!(bench.call_how(&subscribe(&format!("http://{address}/"), 5), &how).await.codes(), ["NoError"]);
    until("a status at once", || host.told().len() == 1).await;
}
