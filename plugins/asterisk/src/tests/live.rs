//! The connector against a PBX on the wire: the simulator, or the real one at CALPORT_PBX_URL (with CALPORT_PBX_USER,
//! CALPORT_PBX_SECRET, and hints for alice and bob).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use calport_sdk::common::ErrorKind;
use calport_sdk::http::{Http, HttpError, Request, Response, StreamedResponse};
use calport_simulators::pbx::Simulator;
use digest_auth::{AuthContext, HttpMethod, WwwAuthenticateHeader};

use super::{busy, update};
use crate::bindings::exports::calport::connector::notifications::HintKind;
use crate::bindings::exports::calport::connector::presence::{Availability, PresenceCommand, PresenceValue};
use crate::manager::Connection;
use crate::settings::Settings;
use crate::{check, entries, events, reading, sink};

/// What the host does: one nonce per session, Digest, one request after the other.
#[derive(Default)]
struct Wire {
    user: String,
    secret: String,
    sessions: RefCell<BTreeMap<String, WwwAuthenticateHeader>>,
}

impl Wire {
    fn once(&self, request: &Request, authorization: &str) -> Result<Response, HttpError> {
        let lost = |e: std::io::Error| HttpError::OutcomeUnknown(e.to_string());
        let (host, path) = request.url.strip_prefix("http://").and_then(|u| u.split_once('/')).unwrap();
        let body = request.body.clone().unwrap_or_default();
        let mut text =
            format!("{} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n", request.method, body.len());
        for (name, value) in &request.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(host).map_err(|e| HttpError::Unreachable(e.to_string()))?;
        stream.write_all(format!("{text}{authorization}\r\n").as_bytes()).map_err(lost)?;
        stream.write_all(&body).map_err(lost)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(lost)?;
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(|| HttpError::OutcomeUnknown("no answer".into()))?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let headers = head.lines().skip(1).filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()));
        Ok(Response { status, headers: headers.collect(), body: answer[end + 4..].to_vec() })
    }
}

impl Http for Wire {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let session = request.session.clone().unwrap_or_default();
        for _ in 0..2 {
            let path = request.url.splitn(4, '/').nth(3).map(|p| format!("/{p}")).unwrap();
            let authorization = self.sessions.borrow_mut().get_mut(&session).map(|prompt| {
                let mut context = AuthContext::new(&self.user, &self.secret, path);
                context.method = if request.method == "POST" { HttpMethod::POST } else { HttpMethod::GET };
                format!("Authorization: {}\r\n", prompt.respond(&context).unwrap().to_header_string())
            });
            let answer = self.once(request, &authorization.unwrap_or_default())?;
            let challenge = answer.headers.iter().find(|(n, _)| n == "www-authenticate").map(|(_, v)| v.clone());
            match challenge.filter(|_| answer.status == 401) {
                None => return Ok(answer),
                Some(text) => self.sessions.borrow_mut().insert(session.clone(), digest_auth::parse(&text).unwrap()),
            };
        }
        Err(HttpError::Unauthorized("refused twice".to_owned()))
    }
    fn open(&self, _: &Request) -> Result<StreamedResponse, HttpError> {
        Err(HttpError::Invalid("not used".to_owned()))
    }
    fn read_body(&self, _: u32, _: u32) -> Result<Option<Vec<u8>>, HttpError> {
        Ok(None)
    }
    fn close_body(&self, _: u32) {}
}

/// A PBX: simulated unless one is named.
struct Pbx {
    /// Keeps the simulator's server running.
    _runtime: tokio::runtime::Runtime,
    simulator: Option<Simulator>,
    url: String,
    user: String,
    secret: String,
}

impl Pbx {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        if let Ok(url) = std::env::var("CALPORT_PBX_URL") {
            let get = |name| std::env::var(name).unwrap();
            return Self { _runtime: runtime, simulator: None, url, user: get("CALPORT_PBX_USER"), secret: get("CALPORT_PBX_SECRET") };
        }
        let simulator = runtime.block_on(Simulator::builder().user("alice").user("bob").start()).unwrap();
        let (user, secret) = ("calport".to_owned(), "calport-secret".to_owned());
        Self { _runtime: runtime, url: simulator.url(), simulator: Some(simulator), user, secret }
    }

    fn connection(&self, settings: &str) -> Connection {
        let wire = Wire { user: self.user.clone(), secret: self.secret.clone(), sessions: RefCell::default() };
        Connection {
            http: Box::new(wire),
            clock: crate::now,
            pause: std::thread::yield_now,
            ami: self.url.clone(),
            ari: None,
            settings: Settings::parse(settings).unwrap(),
        }
    }
}

const USERS: [&str; 2] = ["alice", "bob"];

fn users() -> [String; 2] {
    USERS.map(str::to_owned)
}

#[test]
fn a_whole_life_of_a_presence_on_the_wire() {
    let pbx = Pbx::start();
    let c = pbx.connection("");
    let ids: Vec<String> = entries(&c).unwrap().into_iter().map(|e| e.id).collect();
    assert!(users().iter().all(|u| ids.contains(u)), "{ids:?}");

    let text = "Call, room 7 – it's \"grüße\"? \\o/ 100 %";
    let mut value = busy(text);
    value.greeting = Some("holiday".to_owned());
    value.forwarding = Some("mobile".to_owned());
    let long = PresenceValue { availability: Availability::Away, activity: "vacation".to_owned(), ..busy(&"ü".repeat(200)) };
    let updates = [
        update("alice", 1, PresenceCommand::Set(value)),
        update("nobody", 1, PresenceCommand::Clear),
        update("bob", 1, PresenceCommand::Set(long)),
    ];
    let answers = sink::set_many(&c, &updates);
    assert_eq!(answers[0].as_ref().unwrap().stored_text, None);
    assert_eq!(answers[1].as_ref().unwrap_err().kind, ErrorKind::NotFound);
    let stored = answers[2].as_ref().unwrap().stored_text.clone().unwrap();
    assert_eq!(stored, "ü".repeat(127));

    let read = reading::read_many(&c, &users());
    let shown = |at: usize| read[at].as_ref().unwrap().value.clone().unwrap();
    assert_eq!((shown(0).availability, shown(0).activity.as_str(), shown(0).text.as_str()), (Availability::Busy, "meeting", text));
    assert_eq!((shown(1).availability, shown(1).text), (Availability::Away, stored));
    assert_eq!(shown(1).extra[0], ("state".to_owned(), "xa".to_owned()));
    let entry = |family: &str| c.entry(family, "alice").unwrap();
    assert_eq!(entry("calport-greeting").as_deref(), Some("holiday"));
    assert_eq!(entry("calport-forwarding").as_deref(), Some("mobile"));

    let cleared: Vec<_> = USERS.map(|u| update(u, 2, PresenceCommand::Clear)).into_iter().collect();
    assert!(sink::set_many(&c, &cleared).iter().all(Result::is_ok));
    assert!(reading::read_many(&c, &users()).iter().all(|r| r.as_ref().unwrap().value.is_none()));
    for family in ["calport-greeting", "calport-greeting-written", "calport-forwarding", "calport-forwarding-written"] {
        assert_eq!(entry(family), None, "{family}");
    }
}

#[test]
fn rule_p30_a_forwarding_of_somebody_else_survives_on_the_wire() {
    let pbx = Pbx::start();
    let c = pbx.connection(r#"{"forwarding_family":"calport-test-forwarding","greeting_family":""}"#);
    let one = |sequence, command| sink::set_many(&c, &[update("bob", sequence, command)]).remove(0).unwrap();
    c.put("calport-test-forwarding", "bob", "assistant").unwrap();
    one(1, PresenceCommand::Set(busy("x")));
    one(2, PresenceCommand::Clear);
    assert_eq!(c.entry("calport-test-forwarding", "bob").unwrap().as_deref(), Some("assistant"));
    one(3, PresenceCommand::Set(PresenceValue { forwarding: Some("mobile".to_owned()), ..busy("x") }));
    assert_eq!(c.entry("calport-test-forwarding", "bob").unwrap().as_deref(), Some("mobile"));
    one(4, PresenceCommand::Set(busy("x")));
    assert_eq!(c.entry("calport-test-forwarding", "bob").unwrap(), None);
}

#[test]
fn rule_p22a_values_set_by_hand_are_read_on_the_wire() {
    let pbx = Pbx::start();
    let c = pbx.connection("");
    let by_hand = |value: &str| c.set_variable("PRESENCE_STATE(CustomPresence:alice)", value).unwrap();
    let shown = || {
        let value = reading::read_many(&c, &["alice".to_owned()]).remove(0).unwrap().value;
        value.map(|v| (v.availability, v.activity, v.text, v.until))
    };
    let of = |availability, activity: &str, text: &str, until| Some((availability, activity.to_owned(), text.to_owned(), until));
    by_hand("dnd,,Lunch");
    assert_eq!(shown(), of(Availability::DoNotDisturb, "", "Lunch", None));
    by_hand("away,until=1796000000,Back at 15:30");
    assert_eq!(shown(), of(Availability::Away, "", "Back at 15:30", Some(1_796_000_000_000)));
    // A text with line breaks: "one", "State: xa", "two".
    by_hand("dnd,,b25lDQpTdGF0ZTogeGENCnR3bw==,e");
    assert_eq!(shown(), of(Availability::DoNotDisturb, "", "one\r\nState: xa\r\ntwo", None));
    by_hand("not_set");
    assert_eq!(shown(), None);
}

#[test]
fn changes_are_followed_on_the_wire() {
    let pbx = Pbx::start();
    let (commands, stream) = (pbx.connection(""), pbx.connection(""));
    let mut cursor = events::wait(&stream, None, 0).unwrap().cursor;
    let set = sink::set_many(&commands, &[update("bob", 1, PresenceCommand::Set(busy("x")))]);
    assert!(set[0].is_ok());
    let mut seen = Vec::new();
    // A real PBX looks for events once a second, and tells other things as well.
    for _ in 0..5 {
        let got = events::wait(&stream, cursor.as_deref(), 5_000).unwrap();
        cursor = got.cursor;
        seen.extend(got.hints.into_iter().map(|h| h.kind));
        if seen.contains(&HintKind::PresenceChanged("bob".to_owned())) {
            break;
        }
    }
    assert!(seen.contains(&HintKind::PresenceChanged("bob".to_owned())), "{seen:?}");
    if let Some(simulator) = &pbx.simulator {
        assert_eq!(simulator.stats().overlapping, 0);
        simulator.clock().advance(std::time::Duration::from_secs(5));
        simulator.restart();
        let after = events::wait(&stream, cursor.as_deref(), 5_000).unwrap();
        assert_eq!(after.hints[0].kind, HintKind::Resync, "a restart loses events");
    }
}

#[test]
fn check_finds_nothing_wrong_on_the_wire() {
    let pbx = Pbx::start();
    let report = check::check(&pbx.connection("")).unwrap();
    assert_eq!(report.server, "Asterisk");
    assert!(!report.version.is_empty());
    assert!(report.findings.iter().all(|f| f.remedy.is_empty()), "{:?}", report.findings);
}

#[test]
fn check_names_what_an_account_lacks_on_the_wire() {
    if std::env::var_os("CALPORT_PBX_URL").is_some() {
        return;
    }
    let mut pbx = Pbx::start();
    let few = Simulator::builder().account("calport", "calport-secret", &[], &["reporting"]).user("alice");
    let simulator = pbx._runtime.block_on(few.start()).unwrap();
    pbx.url = simulator.url();
    let report = check::check(&pbx.connection("")).unwrap();
    let text: String = report.findings.iter().map(|f| f.message.clone() + "\n").collect();
    for part in ["presence cannot be set: Setvar is denied", "DBPut is denied", "changes made at the PBX are not told"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}
