//! What the Graph simulator tells of writes: bodies, conditions, lost answers, mails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod graph_support;

use calport_simulators::fault::{Kind, Rule};
use calport_simulators::graph::EventDraft;
use graph_support::{ALICE, BOB, started};
use serde_json::{Value, json};

fn plan(transaction: &str) -> Value {
    let at = |hour: u32| json!({ "dateTime": format!("2026-03-02T{hour:02}:00:00"), "timeZone": "UTC" });
    json!({ "subject": "Plan", "start": at(10), "end": at(11), "transactionId": transaction })
}

#[tokio::test]
async fn writes_are_logged_with_body_and_condition() {
    let (sim, client) = started().await;
    let path = format!("/v1.0/users/{ALICE}/events");
    let made = client.post(&path, &plan("t-1")).await.is(201);
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    let etag = made["@odata.etag"].as_str().unwrap();
    client.send("PATCH", &one, &[("if-match", etag)], Some(&json!({ "subject": "Plan B" }))).await.is(200);
    client.get(&one).await.is(200);
    let seen = sim.requests();
    let (patch, read, token) = (&seen[seen.len() - 2], &seen[seen.len() - 1], &seen[0]);
    assert_eq!((&patch.body, patch.if_match.as_deref()), (&Some(json!({ "subject": "Plan B" })), Some(etag)));
    assert_eq!((&read.body, &read.if_match), (&None, &None));
    assert_eq!((token.operation.as_str(), &token.body), ("oauth.token", &None), "no secret is kept");
}

#[tokio::test]
async fn a_lost_answer_hides_a_write_that_was_done() {
    let (sim, client) = started().await;
    let path = format!("/v1.0/users/{ALICE}/events");
    sim.fault(Rule::on_path("/events", 1, Kind::Lost { status: None }));
    assert!(client.raw("POST", &path, &[], Some(&plan("t-1"))).await.is_err());
    sim.fault(Rule::on_path("/events", 1, Kind::Lost { status: Some(504) }));
    assert_eq!(client.post(&path, &plan("t-2")).await.code(504), "gatewayTimeout");
    assert_eq!(client.get(&path).await.is(200)["value"].as_array().unwrap().len(), 2);
    client.post(&path, &plan("t-1")).await.is(201);
    client.post(&path, &plan("t-2")).await.is(201);
    assert_eq!(client.get(&path).await.is(200)["value"].as_array().unwrap().len(), 2, "the same transactions make nothing new");
    let statuses: Vec<u16> = sim.requests().iter().filter(|r| r.operation == "events.create").map(|r| r.status).collect();
    assert_eq!(statuses, [0, 504, 201, 201]);
}

#[tokio::test]
async fn a_transaction_that_made_a_different_event_is_refused() {
    let (_sim, client) = started().await;
    let path = format!("/v1.0/users/{ALICE}/events");
    client.post(&path, &plan("t-1")).await.is(201);
    let mut other = plan("t-1");
    other["subject"] = json!("Another");
    assert_eq!(client.post(&path, &other).await.code(409), "ErrorDuplicateTransactionId");
    assert_eq!(client.post(&format!("/v1.0/users/{BOB}/events"), &other).await.is(201)["subject"], "Another", "another mailbox");
}

#[tokio::test]
async fn guests_of_an_exception_are_mailed_with_the_series_and_not_with_other_occurrences() {
    let (sim, client) = started().await;
    let series = sim.add_event(ALICE, EventDraft::new("Stand-up", "2026-03-02T09:00:00", "2026-03-02T09:15:00", "UTC").daily(3)).unwrap();
    let path = format!("/v1.0/users/{ALICE}/events/{series}");
    let list = client.get(&format!("{path}/instances?startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z")).await.is(200);
    let id = |n: usize| list["value"][n]["id"].as_str().unwrap().to_owned();
    sim.update_event(ALICE, &id(1), EventDraft::patch().attendees(&[BOB])).unwrap();
    let one = |n: usize| format!("/v1.0/users/{ALICE}/events/{}", id(n));
    client.patch(&one(0), &json!({ "subject": "x" })).await.is(200);
    assert_eq!(sim.attendee_mails(), 0);
    client.patch(&one(1), &json!({ "subject": "x" })).await.is(200);
    assert_eq!(sim.attendee_mails(), 1);
    client.patch(&path, &json!({ "subject": "y" })).await.is(200);
    assert_eq!(sim.attendee_mails(), 2);
    client.delete(&path).await.is(204);
    assert_eq!((sim.attendee_mails(), sim.mails_sent()), (3, 3));
}

#[tokio::test]
async fn mails_are_kept_with_sender_text_and_recipients() {
    let (sim, client) = started().await;
    let to = |address: &str| json!({ "emailAddress": { "address": address } });
    let mail = json!({
        "message": {
            "subject": "S", "body": { "contentType": "Text", "content": "C" },
            "toRecipients": [to(BOB)], "ccRecipients": [to("carol@example.test")],
        },
        "saveToSentItems": false,
    });
    client.post(&format!("/v1.0/users/{ALICE}/sendMail"), &mail).await.is(202);
    let nobody = json!({ "message": { "subject": "S", "toRecipients": [to("no address")] } });
    assert_eq!(client.post(&format!("/v1.0/users/{ALICE}/sendMail"), &nobody).await.code(400), "ErrorInvalidRecipients");
    let sent = sim.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].sender.as_str(), sent[0].recipients.as_slice()),
        (ALICE, [BOB.to_owned(), "carol@example.test".to_owned()].as_slice())
    );
    assert_eq!((sent[0].subject.as_str(), sent[0].content_type.as_str(), sent[0].content.as_str()), ("S", "text", "C"));
    assert_eq!((sent[0].kept, sim.mails_sent(), sim.attendee_mails()), (false, 2, 0));
    let listed: Value = client.http.get(format!("{}/_admin/mails", client.base)).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["value"][0]["subject"], "S");
}
