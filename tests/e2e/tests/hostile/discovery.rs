//! Discovery in the sandbox: its requests go to the gate, its lookups to the rule's domains, its answers are bounded.

use calport_model::{ConnectorApi as _, ErrorKind};
use calport_runtime::Limits;
use serde_json::json;

use crate::support::{Bench, one, window, within};

#[tokio::test]
async fn b48_a_discovery_asks_the_gate_and_its_steps_come_back_in_order() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    let found = within("a discovery", connection.discover("anna@example.com".to_owned(), one("example.com"))).await.unwrap();
    assert_eq!(found.endpoints, [("api".to_owned(), "https://example.com/found".to_owned())]);
    let asked: Vec<(String, String, bool)> = bench.gate.requests().into_iter().map(|r| (r.method, r.url, r.anonymous)).collect();
    let path = "example.com/autodiscover/autodiscover.xml";
    assert_eq!(asked, [("POST".to_owned(), format!("https://{path}"), false), ("GET".to_owned(), format!("http://{path}"), true)]);
    let outcomes: Vec<&str> = found.steps.iter().map(|step| step.outcome.as_str()).collect();
    assert!(outcomes[0].contains("no endpoint for this URL") && outcomes[1].contains("no endpoint"), "{outcomes:?}");
    assert_eq!(found.steps[2].tried, "_autodiscover._tcp.example.com");
    assert!(outcomes[2].contains("discovery rule does not list the domain `example.com`"), "without a rule no lookup: {outcomes:?}");
}

#[tokio::test]
async fn feat_x02_a_discovery_without_end_or_measure_is_cut() {
    let bench = Bench::new().await;
    let connection = bench.with_settings(json!({ "amount": 300 }), Limits::default());
    let found = within("a discovery", connection.discover("bad-values".to_owned(), Vec::new())).await.unwrap();
    assert!(found.endpoints.len() <= 100 && found.steps.len() == 100, "{} and {}", found.endpoints.len(), found.steps.len());
    assert!(found.steps.iter().all(|step| !step.tried.chars().any(char::is_control) && step.outcome.len() < 5_000));
    let trap = within("a trap", connection.discover("trap".to_owned(), Vec::new())).await.unwrap_err();
    assert_eq!(trap.kind, ErrorKind::Plugin);
}

#[tokio::test]
async fn b48_that_something_moved_is_remembered_until_it_is_asked_for() {
    let bench = Bench::new().await;
    let connection = bench.connection(Limits::default());
    connection.changes("anna".to_owned(), window(), None).await.unwrap();
    assert!(!connection.take_moved());
    let error = connection.changes("moved".to_owned(), window(), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Moved(None));
    assert!(connection.take_moved() && !connection.take_moved());
    let answers = connection.resolve(one("moved")).await.unwrap();
    assert!(answers[0].is_err() && connection.take_moved(), "also where it is one answer among several");
}
