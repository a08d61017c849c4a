//! What a server refuses, and answers that are none.

use calport_sdk::common::ErrorScope;
use calport_simulators::ews::{Account, BusyForm, Rule};
use calport_simulators::graph::EventDraft as Seed;

use super::*;
use crate::bindings::exports::calport::connector::connector::Severity;
use crate::failure::SWITCHED_OFF;

fn probe(world: &World, mailbox: &str) -> Error {
    crate::events::probe(&world.client, mailbox).unwrap_err()
}

#[test]
fn b22_a_tenant_without_ews_stops_the_connection_and_a_mailbox_without_it_only_itself() {
    let world = World::with(Config { disabled_for: vec![ANNA.to_owned()], ..Config::default() });
    let one = probe(&world, ANNA);
    assert_eq!((one.kind, one.scope), (ErrorKind::Forbidden, ErrorScope::Mailbox));
    crate::events::probe(&world.client, BEA).unwrap();
    world.sim.configure(|c| c.disabled = true);
    for mailbox in [ANNA, BEA] {
        let all = probe(&world, mailbox);
        assert_eq!((&all.kind, all.scope, all.code.as_deref()), (&ErrorKind::Unauthorized, ErrorScope::Connection, Some(SWITCHED_OFF)));
        assert!(all.message.contains("Set-OrganizationConfig"), "{}", all.message);
    }
    assert_eq!(crate::check::check(&world.client).unwrap_err().code.as_deref(), Some(SWITCHED_OFF));
}

#[test]
fn b44_a_busy_server_stops_the_connection_for_its_own_time_however_it_says_so() {
    let world = World::new();
    for form in [BusyForm::Fault, BusyForm::Code, BusyForm::Wrapped] {
        world.sim.fail("GetFolder", 1, Kind::Busy { back_off_ms: Some(7_500), form });
        let busy = probe(&world, ANNA);
        assert_eq!((busy.kind, busy.scope), (ErrorKind::Throttled(Some(7_500)), ErrorScope::Connection), "{form:?}");
    }
    world.sim.fail("GetFolder", 1, Kind::Busy { back_off_ms: None, form: BusyForm::Fault });
    assert_eq!(probe(&world, ANNA).kind, ErrorKind::Throttled(None));
    crate::events::probe(&world.client, ANNA).unwrap();
}

#[test]
fn b33_a_moved_mailbox_is_looked_for_again() {
    let world = World::with(Config { moved: vec![ANNA.to_owned()], ..Config::default() });
    let moved = probe(&world, ANNA);
    assert!(matches!(moved.kind, ErrorKind::Moved(_)) && moved.scope == ErrorScope::Mailbox, "{moved:?}");
    crate::events::probe(&world.client, BEA).unwrap();
}

#[test]
fn feat_c03_without_the_right_to_impersonate_the_remedy_is_named_with_the_account() {
    let world = World::new();
    world.sim.fail("GetFolder", 1, Kind::Fault { code: "ErrorImpersonateUserDenied".to_owned() });
    let denied = probe(&world, ANNA);
    assert_eq!((denied.kind, denied.scope), (ErrorKind::Forbidden, ErrorScope::Mailbox));
    assert!(denied.message.contains("-Role:ApplicationImpersonation -User:svc-calport"), "{}", denied.message);
    world.sim.fail("GetFolder", 1, Kind::Fault { code: "ErrorImpersonateUserDenied".to_owned() });
    let report = crate::check::check(&world.client).unwrap();
    assert_eq!(report.findings[0].severity, Severity::Problem);
    assert!(report.findings[0].remedy.ends_with("-Role:ApplicationImpersonation -User:svc-calport"), "{}", report.findings[0].remedy);
}

#[test]
fn feat_c06_a_password_opens_the_other_door() {
    let world = World::with(Config { accounts: vec![Account::service("svc", "pa:ss")], oauth: false, ..Config::default() });
    let refused = probe(&world, ANNA);
    assert_eq!((refused.kind, refused.scope), (ErrorKind::Unauthorized, ErrorScope::Connection));
    let wire = Wire {
        runtime: world.wire.runtime.clone(),
        http: world.wire.http.clone(),
        // `svc:pa:ss`, by RFC 7617.
        authorization: "Basic c3ZjOnBhOnNz".to_owned(),
    };
    let client = Client::new(Box::new(wire), world.sim.url(), settings());
    crate::events::probe(&client, ANNA).unwrap();
}

#[test]
fn b54_a_mailbox_that_is_not_there_is_told_apart_from_everything_else() {
    let world = World::new();
    let gone = probe(&world, "nobody@example.test");
    assert_eq!((&gone.kind, gone.scope), (&ErrorKind::NotFound, ErrorScope::Mailbox), "{gone:?}");
    let wrong = Settings { test_user: "nobody@example.test".to_owned(), ..settings() };
    let report = crate::check::check(&world.client(wrong)).unwrap();
    assert!(report.findings[0].message.contains("which has no mailbox"), "{:?}", report.findings);
}

#[test]
fn b49_a_page_of_html_is_a_login_form_and_not_the_mailbox() {
    let world = World::new();
    world.sim.fail("GetFolder", 1, Kind::Html);
    let form = probe(&world, ANNA);
    assert!(form.scope == ErrorScope::Connection && form.message.contains("login form"), "{form:?}");
}

/// What an answer can be spoiled by, and whether the next request of the same read helps itself.
fn spoilt() -> [(Kind, bool); 7] {
    [
        (Kind::Truncated, false),
        (Kind::Empty, false),
        (Kind::Entities, false),
        (Kind::Html, false),
        (Kind::Reset, false),
        (Kind::WrongEncoding, true),
        (Kind::Huge { bytes: 100_000_000 }, true),
    ]
}

#[test]
fn hostile_answers_lose_nothing_and_the_mailbox_goes_on() {
    for (fault, helps_itself) in spoilt() {
        let world = World::new();
        let seed = Seed::new("Planning", "2026-03-30T09:00:00", "2026-03-30T10:00:00", BERLIN);
        world.mailboxes.add_event(ANNA, seed).unwrap();
        world.sim.fail("FindItem", 1, fault.clone());
        let first = read_all(&world.client, ANNA, YEAR);
        assert_eq!(first.is_ok(), helps_itself, "{fault:?}: {first:?}");
        if let Err(error) = first {
            assert!(!matches!(error.kind, ErrorKind::NotFound | ErrorKind::CursorExpired), "{fault:?}: {error:?}");
        }
        let events = read_all(&world.client, ANNA, YEAR).unwrap();
        assert_eq!(events.iter().map(|e| e.subject.as_str()).collect::<Vec<_>>(), ["Planning"], "{fault:?}");
    }
}

#[test]
fn hostile_items_are_set_aside_with_a_reason_and_the_others_are_read() {
    for (fault, reason) in
        [(Kind::NoItemId, "without an id"), (Kind::EndBeforeStart, "an end before its start"), (Kind::UnknownValue, "an unknown type")]
    {
        let world = World::new();
        for subject in ["First", "Second"] {
            let seed = Seed::new(subject, "2026-03-30T09:00:00", "2026-03-30T10:00:00", BERLIN);
            world.mailboxes.add_event(ANNA, seed).unwrap();
        }
        world.sim.fail("FindItem", 1, fault.clone());
        let page = crate::feed::changes(&world.client, ANNA, None, YEAR, None).unwrap();
        assert_eq!((page.changes.len(), page.unreadable.len()), (1, 1), "{fault:?}: {page:?}");
        assert!(page.unreadable[0].1.contains(reason), "{:?}", page.unreadable);
        let FeedEnd::Done(cursor) = page.end else { panic!("{page:?}") };
        let next = crate::feed::changes(&world.client, ANNA, None, YEAR, Some(&cursor)).unwrap();
        assert_eq!((next.changes.len(), next.unreadable.len()), (1, 0), "it is read as soon as it can be");
    }
}

#[test]
fn b46_a_fault_of_one_mailbox_leaves_the_others_alone() {
    let world = World::new();
    world.sim.fault(Rule::on_path("FindItem", 5, Kind::Code { code: "ErrorMailboxStoreUnavailable".to_owned() }).for_mailbox(ANNA));
    let error = read_all(&world.client, ANNA, YEAR).unwrap_err();
    assert_eq!((error.kind, error.scope), (ErrorKind::Unavailable, ErrorScope::Mailbox));
    read_all(&world.client, BEA, YEAR).unwrap();
}
