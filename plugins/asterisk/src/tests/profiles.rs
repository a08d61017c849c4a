//! Greeting and forwarding in the database: written, noted, and taken back only where they are Calport's.

use calport_sdk::common::{Error, ErrorKind};
use calport_sdk::http::HttpError;

use super::{DENIED, Pbx, busy, set, update};
use crate::bindings::exports::calport::connector::presence::{PresenceCommand, PresenceReceipt, PresenceUpdate, PresenceValue};

const START: [&str; 3] = ["ExtensionStateList", "DBGetTree", "DBGetTree"];

/// A value with a greeting and a forwarding profile, where named.
fn with(greeting: Option<&str>, forwarding: Option<&str>) -> PresenceCommand {
    PresenceCommand::Set(PresenceValue { greeting: greeting.map(str::to_owned), forwarding: forwarding.map(str::to_owned), ..busy("x") })
}

/// A PBX on which Calport wrote these names before: family, user, name.
fn pbx_with(notes: &[(&str, &str, &str)]) -> Pbx {
    let tree = |family: &str| {
        let of =
            |(_, user, name): &&(&str, &str, &str)| format!("Event: DBGetTreeResponse\r\nKey: /{family}/{user}\r\nVal: {name}\r\n\r\n");
        let events: String = notes.iter().filter(|(f, ..)| *f == family).map(|n| of(&n)).collect();
        Ok((200, format!("Response: Success\r\nEventList: start\r\n\r\n{events}").into_bytes()))
    };
    Pbx::new().once("DBGetTree", tree("calport-greeting-written")).once("DBGetTree", tree("calport-forwarding-written"))
}

fn entry(val: &str) -> String {
    format!("Response: Success\r\nEventList: start\r\n\r\nEvent: DBGetResponse\r\nFamily: f\r\nKey: alice\r\nVal: {val}\r\n\r\n")
}

const NO_ENTRY: &str = "Response: Error\r\nMessage: Database entry not found\r\n\r\n";

/// Everything that was done to the database behind the reading of the notes.
fn done(pbx: &Pbx) -> Vec<String> {
    let sent = pbx.sent.borrow();
    let of = |name: &str, form: &std::collections::BTreeMap<String, String>| form.get(name).cloned().unwrap_or_default();
    let database = sent.iter().map(|(_, f)| f).filter(|f| f["action"].starts_with("DB") && f["action"] != "DBGetTree");
    database.map(|f| format!("{} {}/{} {}", f["action"], of("family", f), of("key", f), of("val", f)).trim_end().to_owned()).collect()
}

fn one(pbx: &Pbx, command: PresenceCommand) -> Result<PresenceReceipt, Error> {
    set(pbx, &[update("alice", 1, command)]).remove(0)
}

#[test]
fn rule_p30_a_name_is_noted_before_it_is_written() {
    let pbx = Pbx::new();
    one(&pbx, with(Some("holiday"), Some("mobile"))).unwrap();
    let expected = [
        "DBPut calport-greeting-written/alice holiday",
        "DBPut calport-greeting/alice holiday",
        "DBPut calport-forwarding-written/alice mobile",
        "DBPut calport-forwarding/alice mobile",
    ];
    assert_eq!(done(&pbx), expected);
    let families: Vec<_> = pbx.sent.borrow().iter().filter(|(_, f)| f["action"] == "DBGetTree").map(|(_, f)| f["family"].clone()).collect();
    assert_eq!(families, ["calport-greeting-written", "calport-forwarding-written"]);
}

#[test]
fn rule_p30_clear_and_a_value_without_them_take_greeting_and_forwarding_back() {
    let notes = [("calport-greeting-written", "alice", "holiday"), ("calport-forwarding-written", "alice", "mobile")];
    for command in [PresenceCommand::Clear, with(None, None)] {
        let answers = [entry("holiday"), entry("mobile")];
        let pbx = answers.into_iter().fold(pbx_with(&notes), |p, a| p.once("DBGet", Ok((200, a.into_bytes()))));
        one(&pbx, command).unwrap();
        let expected = [
            "DBGet calport-greeting/alice",
            "DBDel calport-greeting/alice",
            "DBDel calport-greeting-written/alice",
            "DBGet calport-forwarding/alice",
            "DBDel calport-forwarding/alice",
            "DBDel calport-forwarding-written/alice",
        ];
        assert_eq!(done(&pbx), expected);
    }
}

#[test]
fn rule_p30_what_calport_did_not_write_stays() {
    let pbx = Pbx::new();
    one(&pbx, PresenceCommand::Clear).unwrap();
    assert_eq!(done(&pbx), [""; 0], "no note, nothing of Calport's");
    for (answer, what) in [(entry("assistant"), "somebody changed it"), (NO_ENTRY.to_owned(), "somebody removed it")] {
        let pbx = pbx_with(&[("calport-forwarding-written", "alice", "mobile")]).usual("DBGet", &answer);
        one(&pbx, with(None, None)).unwrap();
        assert_eq!(done(&pbx), ["DBGet calport-forwarding/alice", "DBDel calport-forwarding-written/alice"], "{what}");
    }
}

#[test]
fn rule_p30_another_name_replaces_its_own_and_the_same_one_is_only_written_again() {
    let noted = [("calport-forwarding-written", "alice", "mobile")];
    let pbx = pbx_with(&noted).usual("DBGet", &entry("mobile"));
    one(&pbx, with(None, Some("desk"))).unwrap();
    let expected = [
        "DBGet calport-forwarding/alice",
        "DBDel calport-forwarding/alice",
        "DBDel calport-forwarding-written/alice",
        "DBPut calport-forwarding-written/alice desk",
        "DBPut calport-forwarding/alice desk",
    ];
    assert_eq!(done(&pbx), expected);
    let pbx = pbx_with(&noted);
    one(&pbx, with(None, Some("mobile"))).unwrap();
    assert_eq!(done(&pbx), ["DBPut calport-forwarding/alice mobile"]);
}

#[test]
fn rule_p30_notes_of_this_batch_count_and_other_users_are_left_alone() {
    let pbx = Pbx::new().usual("DBGet", &entry("holiday"));
    let updates: [PresenceUpdate; 3] = [
        update("alice", 1, with(Some("holiday"), None)),
        update("bob", 1, PresenceCommand::Clear),
        update("alice", 2, PresenceCommand::Clear),
    ];
    assert!(set(&pbx, &updates).iter().all(Result::is_ok));
    let expected = [
        "DBPut calport-greeting-written/alice holiday",
        "DBPut calport-greeting/alice holiday",
        "DBGet calport-greeting/alice",
        "DBDel calport-greeting/alice",
        "DBDel calport-greeting-written/alice",
    ];
    assert_eq!(done(&pbx), expected);
    assert_eq!(pbx.form("Setvar")["variable"], "PRESENCE_STATE(CustomPresence:alice)");
}

#[test]
fn trap_07_clear_writes_not_set() {
    let pbx = Pbx::new();
    one(&pbx, PresenceCommand::Clear).unwrap();
    assert_eq!(pbx.form("Setvar")["value"], "not_set");
    assert_eq!(pbx.actions()[..3], START);
}

#[test]
fn families_that_are_switched_off_cost_no_request() {
    let pbx = Pbx::new();
    let off = pbx.connection(r#"{"greeting_family":"","forwarding_family":""}"#);
    crate::sink::set_many(&off, &[update("alice", 1, with(Some("holiday"), Some("mobile")))])[0].as_ref().unwrap();
    assert_eq!(pbx.actions(), ["ExtensionStateList", "Setvar"]);
}

#[test]
fn a_name_that_could_forge_a_line_is_refused_and_nothing_of_it_is_written() {
    let pbx = Pbx::new();
    let error = one(&pbx, with(Some("a\r\nAction: Originate"), None)).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Invalid(_)));
    assert_eq!(done(&pbx), [""; 0]);
}

#[test]
fn without_rights_to_the_database_presence_is_still_set() {
    let pbx = Pbx::new().usual("DBGetTree", DENIED);
    one(&pbx, PresenceCommand::Set(busy("x"))).unwrap();
    assert_eq!(pbx.actions(), [START.to_vec(), vec!["Setvar"]].concat());
}

#[test]
fn rule_p30_a_denied_greeting_costs_neither_the_presence_nor_the_connection() {
    for action in ["DBPut", "DBGet", "DBDel"] {
        let pbx = pbx_with(&[("calport-greeting-written", "bob", "holiday")]).usual("DBGet", &entry("holiday")).usual(action, DENIED);
        let (put, clear) = (update("alice", 1, with(Some("holiday"), Some("mobile"))), update("bob", 1, PresenceCommand::Clear));
        let updates = if action == "DBPut" { [put, clear] } else { [clear, put] };
        calport_sdk::testing::take_log();
        let answers = set(&pbx, &updates);
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(done(&pbx).last().unwrap().split(' ').next(), Some(action), "denied once, left alone afterwards: {:?}", done(&pbx));
        assert_eq!(pbx.actions().iter().filter(|a| *a == "Setvar").count(), 2);
        let warned: Vec<String> = calport_sdk::testing::take_log().into_iter().map(|l| format!("{:?} {}", l.level, l.message)).collect();
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert!(warned[0].contains("Warn") && warned[0].contains("system"), "{warned:?}");
    }
}

#[test]
fn a_lost_answer_of_the_database_is_the_users_error_so_that_it_is_tried_again() {
    let pbx = Pbx::new().once("DBPut", Err(HttpError::OutcomeUnknown("connection reset".into())));
    assert_eq!(one(&pbx, with(Some("holiday"), None)).unwrap_err().kind, ErrorKind::OutcomeUnknown);
}
