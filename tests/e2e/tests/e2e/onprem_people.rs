//! Which mailbox is whose, and who may not be read: each state with its next step (FEATURES C16, R07, SEMANTICS B-54).

use calport_e2e::{ARRIVE, Rig, now_draft};
use calport_simulators::ews::{Account, Kind, Rule};
use calport_simulators::graph::{EventDraft, User};

use crate::onprem::{door, rig};

const COMMAND: &str = r"New-ManagementRoleAssignment -Name:Calport -Role:ApplicationImpersonation -User:CONTOSO\calport";

fn refuse(rig: &Rig, member: usize, code: &str) {
    let fault = Kind::Fault { code: code.to_owned() };
    let rule = Rule { times: None, ..Rule::on_path("#", 1, fault) };
    door(rig).fault(rule.for_mailbox(&rig.world.members[member].address));
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c16_each_state_is_shown_with_its_next_step() {
    let mut rig = rig(6).await;
    // Anna is there. Ben is not to be found, two fit Clara's address, David is not permitted, Emma moves, Finn has no mailbox here.
    rig.edit(|text| {
        let text = text.replace("address = \"ben@contoso.example\"", "address = \"benno@contoso.example\"");
        text.replace("address = \"clara@contoso.example\"", "address = \"post@contoso.example\"")
    });
    for domain in ["org", "net"] {
        rig.world.calendar.add_user(User::new(&format!("post@contoso.example.{domain}"), "Post")).unwrap();
    }
    refuse(&rig, 3, "ErrorImpersonateUserDenied");
    door(&rig).configure(|config| config.moved.push("emma@contoso.example".to_owned()));
    refuse(&rig, 5, "ErrorNonExistentMailbox");
    rig.start().await;
    rig.add(0, now_draft("Others go on"));
    rig.arrives(0, "Others go on").await;
    let expected = [
        ("anna", "resolved", "found as anna@contoso.example"),
        ("ben", "not-found", "correct the address"),
        ("clara", "ambiguous", "give the person the primary address of one of them"),
        ("david", "not-permitted", COMMAND),
        ("emma", "moved", "it is looked for again by itself"),
        ("finn", "unresolved", "hybrid"),
    ];
    for (id, state, next) in expected {
        rig.until("the state of each person", ARRIVE, async || rig.person(id).await["resolution"] == state).await;
        let person = rig.person(id).await;
        assert!(person["detail"].as_str().unwrap().contains(next), "{person}");
    }
    let said = rig.command(&["status"]).await.out;
    for (id, state, next) in &expected[1..] {
        let line = said.lines().position(|line| line.starts_with(id)).unwrap_or_else(|| panic!("{id} is not in {said}"));
        let two: Vec<&str> = said.lines().skip(line).take(2).collect();
        assert!(two[0].contains(state) && two[1].contains(next), "{two:?}");
    }
    assert!((1..6).all(|member| rig.writes(member).is_empty()), "nothing is shown of somebody without a mailbox");
    let check = rig.command(&["check"]).await;
    assert_eq!(check.code, 5);
    for (id, state, next) in &expected[1..] {
        assert!(check.out.lines().any(|line| line.contains(&format!("{id}: {state}: ")) && line.contains(next)), "{id} in {}", check.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_r07_an_account_without_the_role_is_told_the_command_with_its_name() {
    let mut rig = rig(2).await;
    door(&rig).configure(|config| config.accounts = vec![Account::person("CONTOSO\\calport", "simulated~password")]);
    let ran = rig.command(&["check"]).await;
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(COMMAND), "{}", ran.out);
    rig.start().await;
    rig.until("the command is in the log", ARRIVE, async || rig.log().contains(COMMAND)).await;
    // The role is given, which logins of before do not know yet, and everything goes on.
    door(&rig).configure(|config| config.accounts = vec![Account::service("CONTOSO\\calport", "simulated~password")]);
    door(&rig).forget_logins();
    rig.add(1, now_draft("With the role"));
    assert_eq!(rig.command(&["sync", "--now"]).await.code, 0);
    rig.until("it goes on", ARRIVE * 3, async || rig.shows(1, "With the role")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c16_candidates_are_asked_in_their_own_names() {
    let mut rig = rig(3).await;
    rig.edit(|text| text.replacen("settings = { test_user", "settings = { resolve_by = \"candidates\", test_user", 1));
    rig.edit(|text| text.replace("address = \"ben@contoso.example\"", "address = \"benno@contoso.example\""));
    refuse(&rig, 2, "ErrorImpersonateUserDenied");
    rig.start().await;
    rig.add(0, now_draft("In her own name"));
    rig.arrives(0, "In her own name").await;
    for (id, state, next) in [("ben", "not-found", "correct the address"), ("clara", "not-permitted", COMMAND)] {
        rig.until("the state of each person", ARRIVE, async || rig.person(id).await["resolution"] == state).await;
        let person = rig.person(id).await;
        assert!(person["detail"].as_str().unwrap().contains(next), "{person}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b54_a_mailbox_on_its_way_to_another_server_is_followed_when_it_is_back() {
    let rig = Rig::started_by(2, calport_simulators::demo::Backend::Onprem).await;
    let id = rig.add(0, now_draft("Before the move"));
    rig.arrives(0, "Before the move").await;
    door(&rig).configure(|config| config.moved.push("anna@contoso.example".to_owned()));
    rig.world.calendar.update_event("anna@contoso.example", &id, EventDraft::patch().subject("Meanwhile")).unwrap();
    rig.add(1, now_draft("Others go on"));
    rig.arrives(1, "Others go on").await;
    assert!(rig.shows(0, "Before the move"), "nobody loses presence by a move: {:?}", rig.shown(0));
    rig.until("it is told", ARRIVE, async || rig.person("anna").await["resolution"] == "moved").await;
    let anna = rig.person("anna").await;
    let detail = anna["detail"].as_str().unwrap();
    assert!(detail.contains("ErrorMailboxMoveInProgress") && detail.contains("calport sync --now"), "{detail}");
    door(&rig).configure(|config| config.moved.clear());
    assert_eq!(rig.command(&["sync", "--now"]).await.code, 0);
    rig.arrives(0, "Meanwhile").await;
}
