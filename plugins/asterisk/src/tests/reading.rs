//! Reading back what stands at Asterisk, and call states.

use calport_sdk::common::ErrorKind;

use super::{DENIED, Pbx};
use crate::bindings::exports::calport::connector::presence::{Availability, CallState, PresenceOrigin};
use crate::reading::{call_states, read_many};

/// Five users, so that more than a few can be asked for.
fn five() -> String {
    let hint = |n: u32| format!("Event: ExtensionStatus\r\nExten: {n}\r\nContext: default\r\nHint: Custom:{n},CustomPresence:u{n}\r\n\r\n");
    format!("Response: Success\r\nEventList: start\r\n\r\n{}", (1..=5).map(hint).collect::<String>())
}

fn names(users: &[&str]) -> Vec<String> {
    users.iter().map(|u| (*u).to_owned()).collect()
}

fn state(lines: &str) -> String {
    format!("Response: Success\r\nMessage: Presence State\r\n{lines}\r\n")
}

#[test]
fn trap_01_presence_is_read_from_the_manager_and_never_from_rest() {
    let pbx = Pbx::new().usual("PresenceState", &state("State: not_set\r\n"));
    read_many(&pbx.connection(""), &names(&["alice"]));
    assert!(pbx.sent.borrow().iter().all(|(r, _)| r.url == "http://pbx:8088/arawman"));
    assert_eq!(pbx.actions(), ["ExtensionStateList", "PresenceState"]);
    assert_eq!(pbx.form("PresenceState")["provider"], "CustomPresence:alice");
}

#[test]
fn rule_p22a_a_value_set_by_hand_is_read_as_it_stands_with_one_small_question() {
    let by_hand = state("State: dnd\r\nMessage: Lunch: back 1 p.m.\r\nPresenceMessage: Lunch: back 1 p.m.\r\n");
    let timed = state("State: away\r\nSubtype: until=1796000000\r\nMessage: Back at 15:30\r\nPresenceMessage: Back at 15:30\r\n");
    let pbx = Pbx::new().once("PresenceState", Ok((200, by_hand.into()))).once("PresenceState", Ok((200, timed.into())));
    let read = read_many(&pbx.connection(""), &names(&["alice", "bob", "alice"]));
    let alice = read[0].as_ref().unwrap();
    let value = alice.value.as_ref().unwrap();
    assert_eq!((value.availability, value.activity.as_str(), value.text.as_str()), (Availability::DoNotDisturb, "", "Lunch: back 1 p.m."));
    assert_eq!((alice.origin, alice.changed), (PresenceOrigin::Unknown, None));
    let bob = read[1].as_ref().unwrap().value.clone().unwrap();
    assert_eq!((bob.availability, bob.activity.as_str(), bob.until), (Availability::Away, "", Some(1_796_000_000_000)));
    assert_eq!(read[0], read[2]);
    assert_eq!(pbx.actions(), ["ExtensionStateList", "PresenceState", "PresenceState"], "nobody is asked for twice");
}

#[test]
fn trap_09_and_12_many_values_come_by_one_list_with_their_escapes_taken_back() {
    let list = "Response: Success\r\nEventList: start\r\n\r\n\
        Event: PresenceStateChange\r\nPresentity: CustomPresence:u1\r\nStatus: dnd\r\nSubtype: meeting\r\nMessage: it\\'s \\\"A\\\"\r\n\r\n\
        Event: PresenceStateChange\r\nPresentity: CustomPresence:u2\r\nStatus: not_set\r\nSubtype: \r\nMessage: \r\n\r\n\
        Event: PresenceStateListComplete\r\nEventList: Complete\r\nListItems: 2\r\n\r\n";
    let pbx = Pbx::new().usual("ExtensionStateList", &five()).usual("PresenceStateList", list);
    let read = read_many(&pbx.connection(""), &names(&["u2", "u1", "u3", "u4"]));
    assert_eq!(read[0].as_ref().unwrap().value, None);
    let value = read[1].as_ref().unwrap().value.clone().unwrap();
    assert_eq!((value.availability, value.activity.as_str(), value.text.as_str()), (Availability::Busy, "meeting", "it's \"A\""));
    assert!(read[2..].iter().all(|r| r.as_ref().unwrap().value.is_none()), "never set");
    assert_eq!(pbx.actions(), ["ExtensionStateList", "PresenceStateList"]);
}

#[test]
fn trap_16_an_answer_with_lines_of_a_text_in_it_is_not_believed_and_the_list_is_read() {
    let list = "Response: Success\r\nEventList: start\r\n\r\n\
        Event: PresenceStateChange\r\nPresentity: CustomPresence:alice\r\nStatus: dnd\r\nSubtype: \r\nMessage: x\\r\\nState: away\r\n\r\n";
    let odd = [
        state("State: dnd\r\nMessage: x\r\nState: away\r\nPresenceMessage: x\r\nState: away\r\n"),
        state("State: dnd\r\nMessage: x\r\nSubtype: forged\r\nPresenceMessage: x\r\nSubtype: forged\r\n"),
        state("State: dnd\r\nMessage: x\r\nand more\r\nPresenceMessage: x\r\nand more\r\n"),
        state("State: dnd\r\nMessage: x\r\n\r\nEvent: Bad\r\nPresenceMessage: x\r\n\r\nEvent: Bad\r\n"),
        state("State: strange\r\n"),
        "Response: Error\r\nMessage: Invalid provider CustomPresence:alice or provider in invalid state\r\n\r\n".to_owned(),
    ];
    for answer in odd {
        let pbx = Pbx::new().usual("PresenceState", &answer).usual("PresenceStateList", list);
        let read = read_many(&pbx.connection(""), &names(&["alice"]));
        let value = read[0].as_ref().unwrap().value.clone().unwrap();
        assert_eq!((value.availability, value.text.as_str()), (Availability::DoNotDisturb, "x\r\nState: away"), "{answer}");
        assert_eq!(pbx.actions(), ["ExtensionStateList", "PresenceState", "PresenceStateList"]);
    }
}

#[test]
fn trap_08_a_stranger_is_not_found_and_not_asked_for() {
    let pbx = Pbx::new().usual("PresenceState", &state("State: not_set\r\n"));
    let read = read_many(&pbx.connection(""), &names(&["nobody", "bob"]));
    assert_eq!(read[0].as_ref().unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(read[1].as_ref().unwrap().value, None);
    assert_eq!(pbx.actions(), ["ExtensionStateList", "PresenceState"]);
    let denied = Pbx::new().usual("PresenceState", DENIED);
    let error = read_many(&denied.connection(""), &names(&["bob"])).remove(0).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden);
}

#[test]
fn call_states_come_from_the_hints_but_not_from_devices_that_calport_sets() {
    let pbx = Pbx::new();
    let users = names(&["alice", "bob", "nobody"]);
    let plain: Vec<_> = call_states(&pbx.connection(""), &users).into_iter().map(Result::ok).collect();
    assert_eq!(plain, [Some(CallState::OnCall), Some(CallState::Idle), None]);
    let own = pbx.connection(r#"{"devices":{"pattern":"Stasis:{user}"}}"#);
    assert_eq!(call_states(&own, &users)[1], Ok(CallState::Unknown));
}
