//! The connector against scripted answers: one test for each trap, named after `trap_NN` of the simulator's and the reference's list.

mod example;
mod live;
mod profiles;
mod reading;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::http::{Http, HttpError, Request, Response, StreamedResponse};

use crate::bindings::exports::calport::connector::connector::Severity;
use crate::bindings::exports::calport::connector::notifications::HintKind;
use crate::bindings::exports::calport::connector::presence::{
    Availability, PresenceCommand, PresenceReceipt, PresenceUpdate, PresenceValue,
};
use crate::manager::Connection;
use crate::settings::Settings;
use crate::{check, events, sink};

const OK: &str = "Response: Success\r\nMessage: Variable Set\r\n\r\n";
const DENIED: &str = "Response: Error\r\nMessage: Permission denied\r\n\r\n";
const HINTS: &str = "Response: Success\r\nEventList: start\r\nMessage: Extension Statuses will follow\r\n\r\n\
    Event: ExtensionStatus\r\nExten: 11\r\nContext: default\r\nHint: PJSIP/11,CustomPresence:alice\r\nStatus: 1\r\nStatusText: InUse\r\n\r\n\
    Event: ExtensionStatus\r\nExten: 12\r\nContext: default\r\nHint: Stasis:bob,CustomPresence:bob\r\nStatus: 0\r\nStatusText: Idle\r\n\r\n\
    Event: ExtensionStateListComplete\r\nEventList: Complete\r\nListItems: 2\r\n\r\n";
const EMPTY_TREE: &str = "Response: Success\r\nEventList: start\r\nMessage: Result will follow\r\n\r\n\
    Event: DBGetTreeComplete\r\nEventList: Complete\r\nListItems: 0\r\n\r\n";
const STARTED: &str = "Response: Success\r\nCoreStartupDate: 2026-11-21\r\nCoreStartupTime: 02:45:42\r\n\r\n";
const EVENTS_ON: &str = "Response: Success\r\nEvents: On\r\n\r\n";

type Answer = Result<(u16, Vec<u8>), HttpError>;

/// A request with its form, decoded.
type Sent = (Request, BTreeMap<String, String>);

/// Answers by action: the next of its queue, or else its usual answer; remembers what was sent.
#[derive(Clone, Default)]
struct Pbx {
    usual: Rc<RefCell<BTreeMap<String, Answer>>>,
    next: Rc<RefCell<BTreeMap<String, VecDeque<Answer>>>>,
    sent: Rc<RefCell<Vec<Sent>>>,
}

impl Pbx {
    fn new() -> Self {
        Self::default()
            .usual("ExtensionStateList", HINTS)
            .usual("DBGetTree", EMPTY_TREE)
            .usual("Setvar", OK)
            .usual("DBPut", OK)
            .usual("DBDel", OK)
            .usual("CoreStatus", STARTED)
            .usual("Events", EVENTS_ON)
    }

    fn usual(self, action: &str, body: &str) -> Self {
        self.usual.borrow_mut().insert(action.to_owned(), Ok((200, body.as_bytes().to_vec())));
        self
    }

    fn once(self, action: &str, answer: Answer) -> Self {
        self.next.borrow_mut().entry(action.to_owned()).or_default().push_back(answer);
        self
    }

    fn actions(&self) -> Vec<String> {
        self.sent.borrow().iter().map(|(_, form)| form["action"].clone()).collect()
    }

    fn form(&self, action: &str) -> BTreeMap<String, String> {
        self.sent.borrow().iter().find(|(_, form)| form["action"] == action).unwrap().1.clone()
    }

    fn connection(&self, settings: &str) -> Connection {
        Connection {
            http: Box::new(self.clone()),
            clock: || NOW.with(Cell::get),
            pause: || advance(1),
            ami: "http://pbx:8088".to_owned(),
            ari: Some("http://pbx:8088".to_owned()),
            settings: Settings::parse(settings).unwrap(),
        }
    }
}

thread_local! { static NOW: Cell<u64> = const { Cell::new(1_800_000_000) } }

fn advance(seconds: u64) {
    NOW.with(|n| n.set(n.get() + seconds));
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        let pair = |rest: &mut std::str::Bytes<'_>| rest.take(2).map(char::from).collect::<String>();
        bytes.push(if b == b'%' { u8::from_str_radix(&pair(&mut rest), 16).unwrap() } else { b });
    }
    String::from_utf8(bytes).unwrap()
}

impl Http for Pbx {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let body = String::from_utf8(request.body.clone().unwrap_or_default()).unwrap();
        let mut form: BTreeMap<String, String> =
            body.split('&').filter_map(|p| p.split_once('=')).map(|(n, v)| (decode(n), decode(v))).collect();
        let action = form.entry("action".to_owned()).or_insert_with(|| format!("{} {}", request.method, request.url)).clone();
        self.sent.borrow_mut().push((request.clone(), form));
        let next = self.next.borrow_mut().get_mut(&action).and_then(VecDeque::pop_front);
        let answer = next.or_else(|| self.usual.borrow().get(&action).cloned());
        let (status, body) = answer.unwrap_or_else(|| panic!("no answer is scripted for {action}"))?;
        Ok(Response { status, headers: vec![("content-type".to_owned(), "text/plain".to_owned())], body })
    }
    fn open(&self, _: &Request) -> Result<StreamedResponse, HttpError> {
        Err(HttpError::Invalid("not used".to_owned()))
    }
    fn read_body(&self, _: u32, _: u32) -> Result<Option<Vec<u8>>, HttpError> {
        Ok(None)
    }
    fn close_body(&self, _: u32) {}
}

fn busy(text: &str) -> PresenceValue {
    PresenceValue {
        availability: Availability::Busy,
        activity: "meeting".to_owned(),
        text: text.to_owned(),
        until: None,
        greeting: None,
        forwarding: None,
        extra: Vec::new(),
    }
}

fn update(user: &str, sequence: u64, command: PresenceCommand) -> PresenceUpdate {
    PresenceUpdate { user: user.to_owned(), command, token: None, sequence }
}

fn set(pbx: &Pbx, updates: &[PresenceUpdate]) -> Vec<Result<PresenceReceipt, Error>> {
    sink::set_many(&pbx.connection(""), updates)
}

#[test]
fn trap_02_presence_is_followed_by_wait_event() {
    let pbx = Pbx::new().usual(
        "WaitEvent",
        "Response: Success\r\nMessage: Waiting for Event completed.\r\n\r\n\
         Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: Custom:x\r\nState: BUSY\r\n\r\n\
         Event: PresenceStateChange\r\nPrivilege: call,all\r\nPresentity: CustomPresence:bob\r\nStatus: dnd\r\nSubtype: \r\nMessage: a\r\n\r\n\
         Event: PresenceStatus\r\nExten: 12\r\n\r\n\
         Event: PresenceStateChange\r\nPresentity: CustomPresence:bob\r\nStatus: xa\r\n\r\n\
         Event: PresenceStateChange\r\nPresentity: SIP:eve\r\nStatus: xa\r\n\r\n\
         Event: WaitEventComplete\r\n\r\n",
    );
    let connection = pbx.connection("");
    let first = events::wait(&connection, None, 30_000).unwrap();
    assert_eq!(first.hints[0].kind, HintKind::Resync, "what happened before the session is found by reading");
    assert_eq!(pbx.form("Events")["eventmask"], "call");
    let second = events::wait(&connection, first.cursor.as_deref(), 30_000).unwrap();
    let kinds: Vec<_> = second.hints.iter().map(|h| h.kind.clone()).collect();
    assert_eq!(kinds, [HintKind::PresenceChanged("bob".to_owned())]);
    assert_eq!(pbx.form("WaitEvent")["timeout"], "28");
    assert!(pbx.sent.borrow().iter().all(|(r, _)| r.session.as_deref() == Some("events")));
}

#[test]
fn trap_03_a_refused_value_is_an_error_of_that_user_alone() {
    let refused = Ok((200, b"Response: Error\r\nMessage: Variable not set\r\n\r\n".to_vec()));
    let pbx = Pbx::new().once("Setvar", refused);
    let updates = [update("alice", 1, PresenceCommand::Set(busy("A"))), update("bob", 1, PresenceCommand::Set(busy("B")))];
    let answers = set(&pbx, &updates);
    let error = answers[0].as_ref().unwrap_err();
    assert_eq!((&error.kind, error.scope), (&ErrorKind::Refused("Variable not set".to_owned()), ErrorScope::Mailbox));
    assert!(answers[1].is_ok());
}

#[test]
fn trap_04_a_comma_travels_in_base64_and_in_the_body() {
    let pbx = Pbx::new();
    set(&pbx, &[update("alice", 1, PresenceCommand::Set(busy("Call, room 7")))])[0].as_ref().unwrap();
    let form = pbx.form("Setvar");
    assert_eq!(form["variable"], "PRESENCE_STATE(CustomPresence:alice)");
    assert_eq!(form["value"], "dnd,bWVldGluZw==,Q2FsbCwgcm9vbSA3,e");
    assert!(pbx.sent.borrow().iter().all(|(r, _)| r.method == "POST" && !r.url.contains('?')));
}

#[test]
fn trap_05_what_was_cut_is_told() {
    let pbx = Pbx::new();
    let long = "ü".repeat(200);
    let updates = [update("alice", 1, PresenceCommand::Set(busy(&long))), update("bob", 1, PresenceCommand::Set(busy("short")))];
    let answers = set(&pbx, &updates);
    assert_eq!(answers[0].as_ref().unwrap().stored_text.as_deref(), Some("ü".repeat(127).as_str()));
    assert_eq!(answers[1].as_ref().unwrap().stored_text, None);
}

#[test]
fn trap_08_a_user_without_a_hint_is_not_found_and_nothing_is_sent_for_him() {
    let pbx = Pbx::new();
    let answers = set(&pbx, &[update("nobody", 1, PresenceCommand::Set(busy("x"))), update("a\r\nb", 1, PresenceCommand::Clear)]);
    for answer in &answers {
        let error = answer.as_ref().unwrap_err();
        assert_eq!((&error.kind, error.scope), (&ErrorKind::NotFound, ErrorScope::Mailbox));
        assert!(!error.message.contains('\n'));
    }
    assert!(!pbx.actions().contains(&"Setvar".to_owned()));
}

#[test]
fn trap_14_no_hint_at_all_means_starting_and_not_that_nobody_exists() {
    let starting =
        "Response: Success\r\nEventList: start\r\n\r\nEvent: ExtensionStateListComplete\r\nEventList: Complete\r\nListItems: 0\r\n\r\n";
    for answer in [starting, "Response: Error\r\nMessage: No dialplan hints are available\r\n\r\n"] {
        let pbx = Pbx::new().usual("ExtensionStateList", answer);
        let error = set(&pbx, &[update("alice", 1, PresenceCommand::Clear)]).remove(0).unwrap_err();
        assert_eq!((error.kind, error.scope), (ErrorKind::Unavailable, ErrorScope::Connection));
        assert_eq!(pbx.actions(), ["ExtensionStateList"]);
    }
}

#[test]
fn trap_10_commands_and_events_are_two_sessions() {
    let pbx = Pbx::new();
    set(&pbx, &[update("alice", 1, PresenceCommand::Clear)]);
    assert!(pbx.sent.borrow().iter().all(|(r, _)| r.session.as_deref() == Some("commands")));
}

#[test]
fn trap_13_a_session_that_may_be_lost_is_a_resync() {
    let pbx = Pbx::new().usual("WaitEvent", "Response: Success\r\n\r\nEvent: WaitEventComplete\r\n\r\n");
    let connection = pbx.connection("");
    let kind = |cursor: Option<&str>| {
        let got = events::wait(&connection, cursor, 30_000).unwrap();
        (got.hints[0].kind.clone(), got.cursor)
    };
    let (_, first) = kind(None);
    advance(30);
    let (alive, second) = kind(first.as_deref());
    assert_eq!(alive, HintKind::Heartbeat);
    advance(55);
    assert_eq!(kind(second.as_deref()).0, HintKind::Resync, "the session was silent for too long");
    assert_eq!(kind(Some("7:other")).0, HintKind::Resync, "a cursor of another format");
    let restarted = Ok((200, STARTED.replace("02:45", "03:00").into_bytes()));
    let (_, fresh) = kind(None);
    let pbx = pbx.once("CoreStatus", restarted);
    assert_eq!(kind(fresh.as_deref()).0, HintKind::Resync, "Asterisk was started anew");
    let _ = pbx.once("WaitEvent", Ok((200, Vec::new())));
    let (taken, cursor) = kind(fresh.as_deref());
    assert_eq!((taken, cursor), (HintKind::Resync, None), "another wait took the session over");
}

#[test]
fn a_short_wait_and_a_wait_without_rights() {
    let pbx = Pbx::new().usual("WaitEvent", "Response: Success\r\n\r\n").usual("CoreStatus", DENIED);
    let connection = pbx.connection("");
    let first = events::wait(&connection, None, 0).unwrap();
    events::wait(&connection, first.cursor.as_deref(), 1500).unwrap();
    assert_eq!(pbx.form("WaitEvent")["timeout"], "0");
    let pbx = Pbx::new().usual("Events", "Response: Success\r\nEvents: Off\r\n\r\n");
    assert_eq!(events::wait(&pbx.connection(""), None, 0).unwrap_err().kind, ErrorKind::Forbidden);
}

#[test]
fn trap_15_events_of_other_classes_neither_end_the_wait_nor_make_it_spin() {
    let nothing = "Response: Success\r\nMessage: Waiting for Event completed.\r\n\r\nEvent: WaitEventComplete\r\n\r\n";
    let change = "Response: Success\r\n\r\nEvent: PresenceStateChange\r\nPresentity: CustomPresence:bob\r\n\r\n";
    let pbx = Pbx::new().usual("WaitEvent", nothing);
    let connection = pbx.connection("");
    let first = events::wait(&connection, None, 0).unwrap();
    let waits = |pbx: &Pbx| pbx.actions().iter().filter(|a| *a == "WaitEvent").count();
    let began = NOW.with(Cell::get);
    let idle = events::wait(&connection, first.cursor.as_deref(), 30_000).unwrap();
    assert_eq!(idle.hints[0].kind, HintKind::Heartbeat);
    assert_eq!((waits(&pbx), NOW.with(Cell::get) - began), (29, 28), "one request a second, until the time is over");
    let pbx = pbx.once("WaitEvent", Ok((200, nothing.as_bytes().to_vec()))).once("WaitEvent", Ok((200, change.as_bytes().to_vec())));
    let got = events::wait(&connection, idle.cursor.as_deref(), 30_000).unwrap();
    assert_eq!(got.hints[0].kind, HintKind::PresenceChanged("bob".to_owned()));
    assert_eq!(waits(&pbx), 31);
}

#[test]
fn p27_a_lower_sequence_never_replaces_a_higher_one_in_a_batch() {
    let pbx = Pbx::new();
    let updates = [update("alice", 5, PresenceCommand::Set(busy("new"))), update("alice", 4, PresenceCommand::Clear)];
    let answers = set(&pbx, &updates);
    assert!(answers[0].is_ok());
    assert_eq!(answers[1].as_ref().unwrap_err().kind, ErrorKind::Conflict(None));
    assert_eq!(pbx.actions().iter().filter(|a| *a == "Setvar").count(), 1);
}

#[test]
fn missing_rights_name_the_class_and_stop_the_batch() {
    let pbx = Pbx::new().usual("Setvar", DENIED);
    let updates = [update("alice", 1, PresenceCommand::Clear), update("bob", 1, PresenceCommand::Clear)];
    for answer in set(&pbx, &updates) {
        let error = answer.unwrap_err();
        assert_eq!((&error.kind, error.scope), (&ErrorKind::Forbidden, ErrorScope::Connection));
        assert!(error.message.contains("needs the class call in `write =`"), "{}", error.message);
    }
    assert_eq!(pbx.actions().iter().filter(|a| *a == "Setvar").count(), 1);
}

#[test]
fn a_lost_answer_is_unknown_for_its_user_and_unsent_for_the_rest() {
    let pbx = Pbx::new().once("Setvar", Err(HttpError::OutcomeUnknown("connection reset".into())));
    let answers = set(&pbx, &[update("alice", 1, PresenceCommand::Clear), update("bob", 1, PresenceCommand::Clear)]);
    assert_eq!(answers[0].as_ref().unwrap_err().kind, ErrorKind::OutcomeUnknown);
    assert_eq!(answers[1].as_ref().unwrap_err().kind, ErrorKind::Unavailable);
}

#[test]
fn html_nothing_and_errors_of_the_server_are_told_apart() {
    let cases: [(Answer, &str); 5] = [
        (Ok((200, b"<html>Sign in</html>".to_vec())), "HTML"),
        (Ok((200, Vec::new())), "nothing"),
        (Ok((200, b"{\"a\": 1}".to_vec())), "something else"),
        (Ok((503, Vec::new())), "HTTP 503"),
        (Ok((404, Vec::new())), "webenabled"),
    ];
    for (answer, word) in cases {
        let pbx = Pbx::new().once("ExtensionStateList", answer);
        let answers = set(&pbx, &[update("alice", 1, PresenceCommand::Clear)]);
        let error = answers[0].as_ref().unwrap_err();
        assert!(error.message.contains(word), "{word}: {}", error.message);
        assert!(!error.message.contains("Sign in"));
    }
}

#[test]
fn device_states_follow_over_rest_and_custom_ones_over_the_manager() {
    let put = "PUT http://pbx:8088/ari/deviceStates/Stasis%3Aalice?deviceState=BUSY";
    let pbx = Pbx::new().usual(put, "");
    let stasis = pbx.connection(r#"{"devices":{"pattern":"Stasis:{user}"}}"#);
    sink::set_many(&stasis, &[update("alice", 1, PresenceCommand::Set(busy("x")))])[0].as_ref().unwrap();
    assert!(pbx.actions().contains(&put.to_owned()));
    let pbx = Pbx::new();
    let custom = pbx.connection(r#"{"devices":{"pattern":"Custom:DND{user}"}}"#);
    sink::set_many(&custom, &[update("alice", 1, PresenceCommand::Set(busy("x")))])[0].as_ref().unwrap();
    let forms: Vec<_> = pbx.sent.borrow().iter().map(|(_, f)| f.get("variable").cloned().unwrap_or_default()).collect();
    assert!(forms.contains(&"DEVICE_STATE(Custom:DNDalice)".to_owned()), "{forms:?}");
}

#[test]
fn check_names_version_users_and_every_missing_class() {
    let pbx = Pbx::new()
        .usual("CoreSettings", "Response: Success\r\nAMIversion: 11.0.0\r\nAsteriskVersion: 22.0.0\r\n\r\n")
        .usual("PresenceStateList", "Response: Success\r\n\r\n")
        .usual("Getvar", "Response: Success\r\nVariable: x\r\nValue: not_set\r\n\r\n")
        .usual("Setvar", "Response: Error\r\nMessage: No variable specified\r\n\r\n")
        .usual("DBPut", "Response: Error\r\nMessage: No family specified\r\n\r\n");
    let report = check::check(&pbx.connection("")).unwrap();
    assert_eq!((report.server.as_str(), report.version.as_str()), ("Asterisk", "22.0.0"));
    assert_eq!(report.findings.iter().map(|f| f.message.as_str()).collect::<Vec<_>>(), ["2 users have a hint"]);

    let denied = Pbx::new().usual("Getvar", DENIED).usual("CoreSettings", DENIED);
    let denied = ["ExtensionStateList", "PresenceStateList", "Setvar", "DBPut"].into_iter().fold(denied, |p, a| p.usual(a, DENIED));
    let denied = denied.usual("Events", "Response: Success\r\nEvents: Off\r\n\r\n");
    let report = check::check(&denied.connection("")).unwrap();
    let count = |severity| report.findings.iter().filter(|f| f.severity == severity).count();
    assert_eq!((count(Severity::Problem), count(Severity::Warning), count(Severity::Info)), (3, 2, 1));
    let database = report.findings.iter().find(|f| f.message.contains("DBPut")).unwrap();
    assert!(database.severity == Severity::Warning && database.remedy.contains("the class system"), "{}", database.remedy);
    assert!(report.findings.iter().all(|f| f.remedy.contains("manager.conf")), "{:?}", report.findings);
}

#[test]
fn check_names_missing_modules_and_a_dialplan_without_hints() {
    let unknown = "Response: Error\r\nMessage: Invalid/unknown command: PresenceStateList. Use Action: ListCommands to show available commands.\r\n\r\n";
    let pbx = Pbx::new()
        .usual("CoreSettings", "Response: Success\r\nAsteriskVersion: 18.9.0\r\n\r\n")
        .usual("ExtensionStateList", "Response: Error\r\nMessage: No dialplan hints are available\r\n\r\n")
        .usual("PresenceStateList", unknown)
        .usual("Getvar", "Response: Success\r\nVariable: x\r\nValue: \r\n\r\n");
    let report = check::check(&pbx.connection("")).unwrap();
    let text: String = report.findings.iter().map(|f| format!("{} {}\n", f.message, f.remedy)).collect();
    for word in ["res_manager_presencestate", "func_presencestate", "hint,PJSIP/4711,CustomPresence:4711", "older than 20"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}
