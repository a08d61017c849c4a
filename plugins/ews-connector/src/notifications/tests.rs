use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use calport_sdk::http::{Http, HttpError, StreamedResponse};
use proptest::prelude::*;

use super::*;
use crate::bindings::exports::calport::connector::notifications::{HintKind, SubscriptionGroup};

/// A server that grants subscriptions and streams what it is told to.
#[derive(Default)]
struct Server {
    seen: Vec<Request>,
    answers: VecDeque<(u16, String)>,
    opened: VecDeque<u16>,
    /// Pieces of the stream; none: nothing comes.
    pieces: VecDeque<Option<Vec<u8>>>,
    closed: Vec<u32>,
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Server>>);

impl Http for Shared {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let mut server = self.0.borrow_mut();
        server.seen.push(request.clone());
        let (status, body) = server.answers.pop_front().ok_or_else(|| HttpError::Invalid("nothing recorded".to_owned()))?;
        Ok(Response { status, headers: Vec::new(), body: body.into_bytes() })
    }
    fn open(&self, request: &Request) -> Result<StreamedResponse, HttpError> {
        let mut server = self.0.borrow_mut();
        server.seen.push(request.clone());
        let status = server.opened.pop_front().unwrap_or(200);
        Ok(StreamedResponse { status, headers: Vec::new(), body: 7 })
    }
    fn read_body(&self, _: u32, _: u32) -> Result<Option<Vec<u8>>, HttpError> {
        Ok(self.0.borrow_mut().pieces.pop_front().unwrap_or(None))
    }
    fn close_body(&self, body: u32) {
        self.0.borrow_mut().closed.push(body);
    }
}

fn envelope(operation: &str, class: &str, code: &str, content: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:{operation}Response xmlns:m=\"m\" xmlns:t=\"t\">\
         <m:ResponseMessages><m:{operation}ResponseMessage ResponseClass=\"{class}\"><m:ResponseCode>{code}</m:ResponseCode>{content}\
         </m:{operation}ResponseMessage></m:ResponseMessages></m:{operation}Response></s:Body></s:Envelope>"
    )
}

fn streamed(content: &str) -> Option<Vec<u8>> {
    Some(envelope("GetStreamingEvents", "Success", "NoError", content).into_bytes())
}

fn beat() -> Option<Vec<u8>> {
    streamed("<m:ConnectionStatus>OK</m:ConnectionStatus>")
}

fn changed(id: &str) -> Option<Vec<u8>> {
    streamed(&format!(
        "<m:Notifications><m:Notification><t:SubscriptionId>{id}</t:SubscriptionId><t:ModifiedEvent><t:TimeStamp>2026-03-02T08:00:00Z\
         </t:TimeStamp><t:ItemId Id=\"i\"/><t:ParentFolderId Id=\"f\"/></t:ModifiedEvent></m:Notification></m:Notifications>"
    ))
}

fn world() -> (Client, Shared) {
    let shared = Shared::default();
    let settings = calport_sdk::settings::parse(r#"{ "test_user": "test@example.com" }"#).unwrap();
    (Client::new(Box::new(shared.clone()), "https://mail.example.com/EWS/Exchange.asmx".to_owned(), settings), shared)
}

fn wish(mailbox: &str) -> SubscriptionRequest {
    SubscriptionRequest {
        mailbox: Some(mailbox.to_owned()),
        topic: Topic::Events,
        notification_url: None,
        group: Some(SubscriptionGroup { name: "streams-1".to_owned(), anchor: "anna@example.com".to_owned() }),
        lifecycle_url: None,
        secret: String::new(),
        expires: 0,
    }
}

fn subscribed(client: &Client, shared: &Shared, mailbox: &str, id: &str) -> String {
    let granted = envelope("Subscribe", "Success", "NoError", &format!("<m:SubscriptionId>{id}</m:SubscriptionId>"));
    shared.0.borrow_mut().answers.push_back((200, granted));
    subscribe(client, &wish(mailbox)).unwrap().id
}

fn kinds(waited: &crate::bindings::exports::calport::connector::notifications::WaitResult) -> Vec<(String, String)> {
    waited.hints.iter().map(|h| (h.mailbox.clone().unwrap_or_default(), format!("{:?}", h.kind))).collect()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

#[test]
fn feat_c18_b32_all_requests_of_a_group_name_its_anchor_its_session_and_the_wish_for_affinity() {
    let (client, shared) = world();
    let id = subscribed(&client, &shared, "bea@example.com", "S1");
    shared.0.borrow_mut().pieces.push_back(beat());
    let mut streams = BTreeMap::new();
    wait(&client, &mut streams, "streams-1.2", std::slice::from_ref(&id), 1_000).unwrap();
    shared.0.borrow_mut().answers.push_back((200, envelope("Unsubscribe", "Success", "NoError", "")));
    unsubscribe(&client, &id).unwrap();
    let server = shared.0.borrow();
    assert_eq!(server.seen.len(), 3);
    for request in &server.seen {
        assert_eq!(header(request, "x-anchormailbox"), Some("anna@example.com"));
        assert_eq!(header(request, "x-preferserveraffinity"), Some("true"));
        assert_eq!(request.session.as_deref(), Some("streams-1"));
    }
    let body = |n: usize| String::from_utf8(server.seen[n].body.clone().unwrap()).unwrap();
    assert!(body(0).contains("bea@example.com") && body(0).contains("StreamingSubscriptionRequest"));
    // Limits count for whoever opens the stream.
    assert!(body(1).contains("<t:PrimarySmtpAddress>anna@example.com") && body(1).contains("<m:ConnectionTimeout>30<"));
    assert_eq!(server.seen[1].quiet, Some(90_000));
    assert!(body(2).contains("<m:SubscriptionId>S1<"));
}

#[test]
fn c09_a_stream_is_opened_once_and_read_from_wait_to_wait() {
    let (client, shared) = world();
    let ids = [("anna", "S1"), ("bea", "S2")].map(|(who, id)| subscribed(&client, &shared, &format!("{who}@example.com"), id));
    let mut streams = BTreeMap::new();
    let mut whole = changed("S2").unwrap();
    let rest = whole.split_off(40);
    shared.0.borrow_mut().pieces.extend([beat(), Some(whole), None, Some(rest), changed("S9"), changed("S1"), None]);
    let mut next = || wait(&client, &mut streams, "a", &ids, 1_000).map(|waited| kinds(&waited)).unwrap();
    assert_eq!(next(), [(String::new(), "HintKind::Heartbeat".to_owned())]);
    assert_eq!(next(), [], "half a document is nothing yet");
    assert_eq!(next(), [("bea@example.com".to_owned(), "HintKind::Changed".to_owned())]);
    assert_eq!(next(), [("anna@example.com".to_owned(), "HintKind::Changed".to_owned())], "a stranger's is left out");
    assert_eq!(next(), []);
    assert_eq!(shared.0.borrow().seen.len(), 3, "opened once");
    shared.0.borrow_mut().pieces.push_back(streamed("<m:ConnectionStatus>Closed</m:ConnectionStatus>"));
    assert_eq!(next(), [(String::new(), "HintKind::Closed".to_owned())]);
    assert!(streams.is_empty());
    assert_eq!(shared.0.borrow().closed, [7]);
}

#[test]
fn b33_subscriptions_that_are_gone_are_named_and_the_others_go_on() {
    let (client, shared) = world();
    let ids = [("anna", "S1"), ("bea", "S2")].map(|(who, id)| subscribed(&client, &shared, &format!("{who}@example.com"), id));
    let lost = "<m:ErrorSubscriptionIds><m:SubscriptionId>S2</m:SubscriptionId></m:ErrorSubscriptionIds>";
    let lost = envelope("GetStreamingEvents", "Error", "ErrorSubscriptionNotFound", lost);
    shared.0.borrow_mut().pieces.extend([Some(lost.into_bytes()), changed("S1")]);
    let mut streams = BTreeMap::new();
    let first = wait(&client, &mut streams, "a", &ids, 1_000).unwrap();
    assert!(matches!(first.hints[0].kind, HintKind::SubscriptionRemoved) && first.hints[0].subscription == ids[1]);
    assert_eq!(wait(&client, &mut streams, "a", &ids, 1_000).unwrap().hints[0].subscription, ids[0]);
}

#[test]
fn c14_what_a_full_server_and_one_without_streams_say_is_told_apart() {
    for (code, kind) in [
        ("ErrorExceededConnectionCount", ErrorKind::Throttled(None)),
        ("ErrorExceededSubscriptionCount", ErrorKind::Throttled(None)),
        ("ErrorInvalidSubscriptionRequest", ErrorKind::Unsupported),
    ] {
        let (client, shared) = world();
        let id = subscribed(&client, &shared, "anna@example.com", "S1");
        shared.0.borrow_mut().pieces.push_back(Some(envelope("GetStreamingEvents", "Error", code, "").into_bytes()));
        let mut streams = BTreeMap::new();
        let error = wait(&client, &mut streams, "a", &[id], 1_000).unwrap_err();
        assert_eq!(error.kind, kind, "{code}");
        assert_ne!(error.scope, ErrorScope::Connection, "{code}");
        assert!(streams.is_empty());
        shared.0.borrow_mut().answers.push_back((200, envelope("Subscribe", "Error", code, "")));
        assert_eq!(subscribe(&client, &wish("anna@example.com")).unwrap_err().kind, kind, "{code}");
    }
}

#[test]
fn c09_a_stream_that_is_cut_and_an_answer_that_is_none_are_errors_and_leave_nothing_open() {
    let (client, shared) = world();
    let id = subscribed(&client, &shared, "anna@example.com", "S1");
    let mut streams = BTreeMap::new();
    shared.0.borrow_mut().pieces.extend([changed("S1"), Some(Vec::new())]);
    assert_eq!(wait(&client, &mut streams, "a", std::slice::from_ref(&id), 1_000).unwrap().hints.len(), 1);
    let cut = wait(&client, &mut streams, "a", std::slice::from_ref(&id), 1_000).unwrap_err();
    assert_eq!(cut.kind, ErrorKind::Unavailable);
    shared.0.borrow_mut().pieces.push_back(Some(b"<!DOCTYPE html><html>".to_vec()));
    let html = wait(&client, &mut streams, "b", std::slice::from_ref(&id), 1_000).unwrap_err();
    assert!(matches!(html.kind, ErrorKind::Protocol(_)), "{html:?}");
    shared.0.borrow_mut().opened.push_back(503);
    shared.0.borrow_mut().pieces.push_back(Some(Vec::new()));
    let busy = wait(&client, &mut streams, "c", &[id], 1_000).unwrap_err();
    assert!(matches!(busy.kind, ErrorKind::Unavailable | ErrorKind::Throttled(_)), "{busy:?}");
    assert!(streams.is_empty());
    assert_eq!(shared.0.borrow().closed.len(), 3);
}

#[test]
fn b33_a_subscription_that_is_gone_counts_as_ended() {
    let (client, shared) = world();
    let id = subscribed(&client, &shared, "anna@example.com", "S1");
    shared.0.borrow_mut().answers.push_back((200, envelope("Unsubscribe", "Error", "ErrorSubscriptionNotFound", "")));
    assert!(unsubscribe(&client, &id).is_ok());
    shared.0.borrow_mut().answers.push_back((200, envelope("Unsubscribe", "Error", "ErrorServerBusy", "")));
    assert!(matches!(unsubscribe(&client, &id).unwrap_err().kind, ErrorKind::Throttled(_)));
}

proptest! {
    #[test]
    fn an_id_gives_back_what_it_was_made_of(parts in proptest::array::uniform4(".{0,20}")) {
        let [subscription, mailbox, anchor, group] = parts;
        let place = Place { mailbox, anchor, group };
        let read = Place::read(&place.id(&subscription));
        prop_assert_eq!(read.ok(), Some((place, subscription)));
    }

    #[test]
    fn an_id_of_others_is_refused_and_does_not_panic(text in ".{0,60}") {
        let _read = Place::read(&text);
    }
}
