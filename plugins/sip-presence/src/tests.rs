//! The connector against recorded answers of Kamailio 5.6.3: one test for each trap, named after the list in the setup document.

use std::cell::Cell;
use std::rc::Rc;

use calport_sdk::common::{Error, ErrorKind, ErrorScope, Instant};
use calport_sdk::http::{Http, HttpError, Request, Response, StreamedResponse};
use calport_sdk::testing::Recorded;
use serde_json::Value;

use crate::bindings::exports::calport::connector::connector::Severity;
use crate::bindings::exports::calport::connector::presence::{
    Availability, PresenceCommand, PresenceReceipt, PresenceUpdate, PresenceValue,
};
use crate::rpc::Connection;
use crate::settings::Settings;
use crate::{check, sink};

const NOW: Instant = 1_800_000_000_000;
const EMPTY: &str = "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t{\n\t},\n\t\"id\":\t1\n}";
const WRONG_TAG: &str = r#"{"jsonrpc":"2.0","error":{"code":500,"message":"Wrong ETag"},"id":1}"#;
const UNKNOWN: &str = r#"{"jsonrpc":"2.0","error":{"code":500,"message":"Method Not Found"},"id":1}"#;
const SORRY: &str =
    r#"{"jsonrpc":"2.0","error":{"code":500,"message":"I'm terribly sorry, server error occurred (1/RPC/PUBLISH)"},"id":1}"#;
const TOO_FEW: &str = r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Too few or wrong type of parameters (0)"},"id":1}"#;

thread_local! {
    static CLOCK: Cell<Instant> = const { Cell::new(NOW) };
    /// Milliseconds that each answer takes.
    static SLOW: Cell<Instant> = const { Cell::new(0) };
}

fn stored(tag: &str, expires: u32) -> String {
    format!(
        "{{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t{{\n\t\t\"SIP-ETag\":\t\"{tag}\",\n\t\t\"Expires\":\t{expires}\n\t}},\n\t\"id\":\t1\n}}"
    )
}

/// Recorded answers that the test still sees while the connection has them.
#[derive(Clone)]
struct Server(Rc<Recorded>);

impl Server {
    /// Answers to POST requests, in order.
    fn answering(answers: &[(u16, &str)]) -> Self {
        let recorded = answers.iter().fold(Recorded::new(), |r, (status, body)| r.on("POST", "http://pbx:5060/RPC", *status, body));
        Self(Rc::new(recorded))
    }

    fn failing(error: HttpError) -> Self {
        Self(Rc::new(Recorded::new().on_failure("POST", "/RPC", error)))
    }

    fn connection(&self, settings: &str) -> Connection {
        CLOCK.with(|c| c.set(NOW));
        Connection {
            http: Box::new(self.clone()),
            clock: || CLOCK.with(Cell::get),
            rpc: "http://pbx:5060/RPC".to_owned(),
            settings: Settings::parse(settings).unwrap(),
        }
    }

    fn set(&self, updates: &[PresenceUpdate]) -> Vec<Result<PresenceReceipt, Error>> {
        sink::set_many(&self.connection(r#"{"domain":"example.com"}"#), updates)
    }

    fn one(&self, update: PresenceUpdate) -> Result<PresenceReceipt, Error> {
        self.set(&[update]).remove(0)
    }

    /// The bodies that were sent.
    fn sent(&self) -> Vec<Value> {
        self.0.requests().iter().map(|r| serde_json::from_slice(r.body.as_deref().unwrap()).unwrap()).collect()
    }

    /// For each request: lease, entity tag, and the document, or nothing for a removal.
    fn published(&self) -> Vec<(String, String, String)> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        self.sent().iter().map(|b| (text(&b["params"][1]), text(&b["params"][5]), text(&b["params"][8]))).collect()
    }
}

impl Http for Server {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        CLOCK.with(|c| c.set(c.get() + SLOW.with(Cell::get)));
        self.0.send(request)
    }
    fn open(&self, request: &Request) -> Result<StreamedResponse, HttpError> {
        self.0.open(request)
    }
    fn read_body(&self, body: u32, timeout: u32) -> Result<Option<Vec<u8>>, HttpError> {
        self.0.read_body(body, timeout)
    }
    fn close_body(&self, body: u32) {
        self.0.close_body(body);
    }
}

fn busy(text: &str) -> PresenceCommand {
    PresenceCommand::Set(PresenceValue {
        availability: Availability::Busy,
        activity: "meeting".to_owned(),
        text: text.to_owned(),
        until: Some(NOW + 600_000),
        greeting: None,
        forwarding: None,
        extra: Vec::new(),
    })
}

fn update(user: &str, sequence: u64, command: PresenceCommand, token: Option<&str>) -> PresenceUpdate {
    PresenceUpdate { user: user.to_owned(), command, token: token.map(str::to_owned), sequence }
}

#[test]
fn trap_01_all_parameters_are_texts_in_the_order_of_pua_publish() {
    let server = Server::answering(&[(200, &stored("a.1.2.3.0", 601))]);
    let receipt = server.one(update("alice", 1, busy("Grüße"), None)).unwrap();
    assert_eq!(receipt.token.as_deref(), Some("a.1.2.3.0"));
    assert_eq!(receipt.expires, Some(NOW + 601_000), "what the server grants, not what was asked");
    assert_eq!(receipt.stored_text, None);
    let sent = server.sent().remove(0);
    let params: Vec<&str> = sent["params"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert_eq!(
        params[..8],
        ["sip:alice@example.com", "600", "presence", "application/pidf+xml", "calport-alice@example.com", ".", ".", "."]
    );
    assert!(params[8].contains("<rpid:meeting/>") && params[8].contains("<dm:note>Grüße</dm:note>"), "{}", params[8]);
    let body = server.0.requests()[0].body.clone().unwrap();
    let begins = r#"{"jsonrpc":"2.0","id":1,"method":"pua.publish","params":["#;
    assert!(body.starts_with(begins.as_bytes()), "the filter of the setup document compares the beginning");
}

#[test]
fn feat_an_outbound_proxy_and_a_publisher_are_sent() {
    let server = Server::answering(&[(200, &stored("a.1", 61))]);
    let settings = r#"{"domain":"example.com","outbound_proxy":"sip:127.0.0.1:5060","publisher":"second","lease":60}"#;
    sink::set_many(&server.connection(settings), &[update("alice", 1, busy("x"), None)]).remove(0).unwrap();
    let sent = server.sent().remove(0);
    assert_eq!((sent["params"][1].as_str(), sent["params"][4].as_str()), (Some("60"), Some("second-alice@example.com")));
    assert_eq!(sent["params"][6].as_str(), Some("sip:127.0.0.1:5060"));
    assert!(sent["params"][8].as_str().unwrap().contains("<tuple id=\"second\">"));
}

#[test]
fn the_entity_tag_names_what_is_replaced() {
    let server = Server::answering(&[(200, &stored("a.2", 601))]);
    let receipt = server.one(update("alice", 2, busy("x"), Some("a.1"))).unwrap();
    assert_eq!(receipt.token.as_deref(), Some("a.2"));
    assert_eq!(server.published()[0].1, "a.1");
}

#[test]
fn trap_02_a_wrong_entity_tag_is_http_500_and_leads_to_a_new_publication() {
    let server = Server::answering(&[(500, WRONG_TAG), (200, &stored("a.9", 601))]);
    let receipt = server.one(update("alice", 2, busy("x"), Some("a.1"))).unwrap();
    assert_eq!(receipt.token.as_deref(), Some("a.9"));
    let tags: Vec<String> = server.published().into_iter().map(|(_, tag, _)| tag).collect();
    assert_eq!(tags, ["a.1", "."]);
}

#[test]
fn trap_03_success_with_an_empty_result_is_no_success() {
    let server = Server::answering(&[(200, EMPTY), (200, &stored("a.9", 601))]);
    assert_eq!(server.one(update("alice", 2, busy("x"), Some("a.1"))).unwrap().token.as_deref(), Some("a.9"));

    let server = Server::answering(&[(200, EMPTY), (200, EMPTY)]);
    let error = server.one(update("alice", 2, busy("x"), None)).unwrap_err();
    assert_eq!((&error.kind, error.scope), (&ErrorKind::Unavailable, ErrorScope::Mailbox));
    assert!(error.message.contains("handle_publish()"), "{}", error.message);
    assert_eq!(server.sent().len(), 2, "tried anew once");
}

#[test]
fn trap_04_silence_of_the_sip_side_stops_the_batch_and_is_not_tried_twice() {
    SLOW.with(|s| s.set(30_000));
    let server = Server::answering(&[(200, EMPTY)]);
    let answers = server.set(&[update("alice", 1, busy("x"), None), update("bob", 1, busy("y"), None)]);
    let first = answers[0].as_ref().unwrap_err();
    assert_eq!((&first.kind, first.scope), (&ErrorKind::Unavailable, ErrorScope::Connection));
    assert!(first.message.contains("outbound_proxy"), "{}", first.message);
    assert!(answers[1].as_ref().unwrap_err().message.starts_with("not sent"));
    assert_eq!(server.sent().len(), 1);
}

#[test]
fn trap_05_a_removal_is_sent_only_with_a_tag_because_kamailio_answers_no_other() {
    let server = Server::answering(&[(200, &stored("a.1", 0))]);
    let receipt = server.one(update("alice", 3, PresenceCommand::Clear, Some("a.1"))).unwrap();
    assert_eq!(receipt, PresenceReceipt { token: None, stored_text: None, expires: None });
    assert_eq!(server.published(), [("0".to_owned(), "a.1".to_owned(), String::new())]);
    assert_eq!(server.sent()[0]["params"].as_array().unwrap().len(), 8, "no body");
    assert_eq!(server.sent()[0]["params"][3], ".", "and no media type");

    for first in [None, Some((500, WRONG_TAG)), Some((200, EMPTY))] {
        let (kept, removed) = (stored("a.7", 61), stored("a.7", 0));
        let answers: Vec<(u16, &str)> = first.into_iter().chain([(200, kept.as_str()), (200, removed.as_str())]).collect();
        let server = Server::answering(&answers);
        let receipt = server.one(update("alice", 3, PresenceCommand::Clear, first.map(|_| "a.1"))).unwrap();
        assert_eq!(receipt.token, None);
        let sent = server.published();
        let (expires, tag, document) = &sent[sent.len() - 2];
        assert_eq!((expires.as_str(), tag.as_str()), ("60", "."), "something empty takes the place of what may be there");
        assert!(document.contains("<basic>closed</basic>") && !document.contains("rpid:activities"), "{document}");
        assert_eq!(sent[sent.len() - 1], ("0".to_owned(), "a.7".to_owned(), String::new()));
        assert_eq!(server.0.left(), 0);
    }
}

#[test]
fn trap_10_with_min_expires_in_pua_a_removal_renews_so_something_empty_takes_its_place() {
    let server = Server::answering(&[(200, &stored("a.2", 30)), (200, &stored("a.3", 61)), (200, &stored("a.4", 30))]);
    assert_eq!(server.one(update("alice", 3, PresenceCommand::Clear, Some("a.1"))).unwrap().token, None);
    let sent = server.published();
    assert_eq!(sent.iter().map(|(expires, ..)| expires.as_str()).collect::<Vec<_>>(), ["0", "60", "0"]);
    assert!(sent[1].2.contains("<basic>closed</basic>"));
}

#[test]
fn an_empty_publication_that_stays_ends_by_itself_and_is_no_error() {
    let server = Server::answering(&[(200, &stored("a.7", 61)), (500, WRONG_TAG)]);
    assert!(server.one(update("alice", 3, PresenceCommand::Clear, None)).is_ok());
}

#[test]
fn a_value_without_availability_is_taken_back() {
    let server = Server::answering(&[(200, &stored("a.1", 0))]);
    let PresenceCommand::Set(value) = busy("x") else { unreachable!() };
    let command = PresenceCommand::Set(PresenceValue { availability: Availability::Unknown, ..value });
    assert_eq!(server.one(update("alice", 3, command, Some("a.1"))).unwrap().token, None);
    assert_eq!(server.published()[0].0, "0");
}

#[test]
fn rule_p27_an_older_value_never_follows_a_newer_one_and_tags_are_handed_on() {
    let server =
        Server::answering(&[(200, &stored("a.5", 601)), (200, &stored("a.6", 601)), (200, &stored("a.6", 0)), (200, &stored("b.1", 601))]);
    let answers = server.set(&[
        update("alice", 5, busy("new"), Some("a.4")),
        update("alice", 4, busy("old"), Some("a.4")),
        update("alice", 6, busy("newer"), Some("a.4")),
        update("sip:alice@example.com", 7, PresenceCommand::Clear, Some("a.4")),
        update("bob", 1, busy("y"), None),
    ]);
    let outcome: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(outcome, [true, false, true, true, true]);
    assert_eq!(answers[1].as_ref().unwrap_err().kind, ErrorKind::Conflict(None));
    let tags: Vec<String> = server.published().into_iter().map(|(_, tag, _)| tag).collect();
    assert_eq!(tags, ["a.4", "a.5", "a.6", "."]);
}

#[test]
fn the_granted_lease_is_believed_within_what_was_asked() {
    for (granted, seconds) in [("30", 30), ("601", 601), ("99999999", 601), ("\"x\"", 0), ("-5", 0), ("0", 0)] {
        let body = stored("a.1", 0).replace("\t0\n", &format!("\t{granted}\n"));
        let server = Server::answering(&[(200, &body)]);
        let receipt = server.one(update("alice", 1, busy("x"), None));
        match seconds {
            0 => assert!(receipt.is_err(), "{granted}"),
            seconds => assert_eq!(receipt.unwrap().expires, Some(NOW + seconds * 1000), "{granted}"),
        }
    }
    let server = Server::answering(&[(200, r#"{"jsonrpc":"2.0","result":{"SIP-Etag":"a.1"},"id":1}"#)]);
    assert_eq!(server.one(update("alice", 1, busy("x"), None)).unwrap().expires, Some(NOW + 600_000), "no word of it: what was asked");
}

#[test]
fn a_hostile_entity_tag_is_neither_kept_nor_sent() {
    for tag in ["", ".", "a b", "a\\r\\nX: y", "a\\u0000", "ü", &"a".repeat(256)] {
        let server = Server::answering(&[(200, &stored(tag, 601))]);
        let error = server.one(update("alice", 1, busy("x"), None)).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Protocol(_)), "{tag}: {error:?}");
    }
    let server = Server::answering(&[(200, &stored("a.1", 601))]);
    server.one(update("alice", 1, busy("x"), Some("a\r\nX: y"))).unwrap();
    assert_eq!(server.published()[0].1, ".");
}

#[test]
fn an_impossible_user_costs_nobody_else_his_value_and_no_request() {
    let server = Server::answering(&[(200, &stored("b.1", 601))]);
    let answers = server.set(&[update("alice@example.com>\r\nX: y", 1, busy("x"), None), update("bob", 1, busy("y"), None)]);
    let error = answers[0].as_ref().unwrap_err();
    assert_eq!(error.scope, ErrorScope::Mailbox);
    assert!(!error.message.contains('\n'), "{}", error.message);
    assert!(answers[1].is_ok());
    assert_eq!(server.sent().len(), 1);
}

#[test]
fn a_text_that_was_cut_or_cleaned_is_told() {
    let server = Server::answering(&[(200, &stored("a.1", 601)), (200, &stored("b.1", 601))]);
    let answers = server.set(&[update("alice", 1, busy(&"ü".repeat(501)), None), update("bob", 1, busy("a\u{1}b"), None)]);
    assert_eq!(answers[0].as_ref().unwrap().stored_text, Some("ü".repeat(500)));
    assert_eq!(answers[1].as_ref().unwrap().stored_text.as_deref(), Some("a b"));
}

#[test]
fn refusals_reach_as_far_as_they_mean() {
    let kind = |status, body: &str| {
        let server = Server::answering(&[(status, body)]);
        let error = server.one(update("alice", 1, busy("Secret subject"), None)).unwrap_err();
        assert!(!error.message.contains("Secret"), "{}", error.message);
        assert!(!error.message.chars().any(char::is_control), "{}", error.message);
        (error.kind, error.scope, error.message)
    };
    let (it, scope, message) = kind(500, UNKNOWN);
    assert_eq!((it, scope), (ErrorKind::Unsupported, ErrorScope::Connection));
    assert!(message.contains("pua_rpc"), "{message}");
    let (it, scope, message) = kind(500, SORRY);
    assert_eq!((it, scope), (ErrorKind::Unavailable, ErrorScope::Mailbox));
    assert!(message.contains("outbound_proxy"), "{message}");
    let (it, scope, _) = kind(400, r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Invalid presentity uri 'x'"},"id":1}"#);
    assert!(matches!(it, ErrorKind::Refused(_)) && scope == ErrorScope::Mailbox);
    let (it, scope, _) = kind(400, TOO_FEW);
    assert!(matches!(it, ErrorKind::Refused(_)) && scope == ErrorScope::Connection);
    let (it, _, message) = kind(401, "");
    assert_eq!(it, ErrorKind::Unauthorized);
    assert!(message.contains("secret of the endpoint `rpc`"), "{message}");
    assert_eq!(kind(403, "no").0, ErrorKind::Forbidden);
    let (it, _, message) = kind(404, "<html>not here</html>");
    assert_eq!(it, ErrorKind::Unavailable);
    assert!(message.contains("path"), "{message}");
    assert_eq!(kind(502, "<html>").0, ErrorKind::Unavailable);
}

#[test]
fn answers_that_are_no_json_rpc_are_protocol_errors_without_their_content() {
    for body in [
        "",
        "Secret",
        "<!DOCTYPE html><p>Secret</p>",
        "[]",
        "{}",
        "null",
        "{\"result\":\"Secret\"}",
        "{\"result\":[]",
        "{\"error\":7}",
        "{\"result\":{\"SIP-ETag\":7}}",
    ] {
        let server = Server::answering(&[(200, body)]);
        let error = server.one(update("alice", 1, busy("x"), None)).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Protocol(_)), "{body}: {error:?}");
        assert!(!error.message.contains("Secret"), "{}", error.message);
    }
    let long = format!(r#"{{"error":{{"code":500,"message":"{}\r\n"}}}}"#, "x".repeat(100_000));
    let server = Server::answering(&[(500, &long)]);
    assert!(server.one(update("alice", 1, busy("x"), None)).unwrap_err().message.len() < 500);
}

#[test]
fn a_lost_answer_is_outcome_unknown_and_nobody_else_is_tried() {
    let server = Server::failing(HttpError::OutcomeUnknown("cut".to_owned()));
    let answers = server.set(&[update("alice", 1, busy("x"), None), update("bob", 1, busy("y"), None)]);
    assert_eq!(answers[0].as_ref().unwrap_err().kind, ErrorKind::OutcomeUnknown);
    assert_eq!(answers[1].as_ref().unwrap_err().kind, ErrorKind::Unavailable, "nothing was sent for bob");
    assert_eq!(server.sent().len(), 1);
}

#[test]
fn check_tells_server_version_and_finds_the_method() {
    let version = r#"{"jsonrpc":"2.0","result":"kamailio 5.6.3 (x86_64/linux) ","id":1}"#;
    let server = Server::answering(&[(400, TOO_FEW), (200, version)]);
    let report = check::check(&server.connection(r#"{"domain":"example.com"}"#)).unwrap();
    assert_eq!((report.server.as_str(), report.version.as_str()), ("Kamailio", "5.6.3"));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(server.sent()[0]["params"], Value::Array(Vec::new()), "a call that changes nothing");

    let server = Server::answering(&[(500, UNKNOWN), (403, "")]);
    let report = check::check(&server.connection("")).unwrap();
    let found: Vec<Severity> = report.findings.iter().map(|f| f.severity).collect();
    assert_eq!(found, [Severity::Problem, Severity::Warning, Severity::Info]);
    assert!(report.findings[0].remedy.contains("pua_rpc"));
    assert!(report.findings[1].remedy.contains("`domain`"));

    let server = Server::answering(&[(401, "")]);
    let error = check::check(&server.connection("")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
}

#[test]
fn a_banner_of_another_program_is_bounded() {
    let banner = format!("{{\"result\":\"{} 1\\u0000.2\"}}", "x".repeat(1000));
    let server = Server::answering(&[(400, TOO_FEW), (200, &banner)]);
    let report = check::check(&server.connection("")).unwrap();
    assert_eq!((report.server.len(), report.version.as_str()), (40, "1.2"));
    assert!(report.findings.iter().any(|f| f.message.contains("older than 5")));
}

#[test]
fn the_descriptor_promises_what_the_sink_does() {
    let it = crate::descriptor::descriptor();
    let sink = it.sink.unwrap();
    assert!(sink.expiry && !sink.greeting && !sink.forwarding && !sink.readable);
    assert!(it.settings_schema.contains("outbound_proxy"));
}
