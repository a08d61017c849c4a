//! Who is found under a name, and what is told where nobody is (FEATURES C16, SEMANTICS B-54).

use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::http::HttpError;
use calport_sdk::testing::Recorded;

use super::*;
use crate::bindings::exports::calport::connector::directory::Resolution;
use crate::flavour::{Asker, Lookup, Manner};

fn people(addresses: &[&str]) -> String {
    let one = |address: &&str| {
        format!(
            "<t:Resolution><t:Mailbox><t:Name>Anna</t:Name><t:EmailAddress>{address}</t:EmailAddress><t:MailboxType>Mailbox</t:MailboxType>\
             </t:Mailbox></t:Resolution>"
        )
    };
    let all: String = addresses.iter().map(one).collect();
    answer("ResolveNames", &[&format!("<m:ResolutionSet IncludesLastItemInRange=\"true\">{all}</m:ResolutionSet>")])
}

fn nobody() -> String {
    refusal("ResolveNames", "ErrorNameResolutionNoResults")
}

fn calendar() -> String {
    answer("GetFolder", &[r#"<m:Folders><t:CalendarFolder><t:FolderId Id="f"/></t:CalendarFolder></m:Folders>"#])
}

/// Looks for somebody by a connection with this lookup; what came and what was sent.
fn look(http: Recorded, lookup: Lookup, asked: &str) -> (Result<Resolution, Error>, Vec<String>) {
    let (mut client, http) = client(http);
    client.manner = Manner { lookup, ..Manner::default() };
    let found = crate::directory::resolve(&client, asked);
    assert_eq!(http.left(), 0, "{found:?}");
    let sent = (0..http.requests().len()).map(|n| body(&http, n)).collect();
    (found, sent)
}

fn opening() -> Lookup {
    Lookup { opens: true, ..Lookup::default() }
}

#[test]
fn feat_c16_resolved_means_that_the_calendar_can_be_opened() {
    let (found, sent) = look(good(&[people(&[ANNA]), calendar()]), opening(), ANNA);
    assert!(matches!(found, Ok(Resolution::Found(entry)) if entry.id == ANNA));
    assert!(sent[0].contains("<t:PrimarySmtpAddress>test@example.com<"), "{}", sent[0]);
    assert!(sent[1].contains("GetFolder") && sent[1].contains("<t:PrimarySmtpAddress>anna@example.com<"), "{}", sent[1]);
}

#[test]
fn feat_c16_not_permitted_names_the_command_with_the_account() {
    let (found, _) = look(answers(&[(200, people(&[ANNA])), (500, fault("15.2", "ErrorImpersonateUserDenied"))]), opening(), ANNA);
    let Ok(Resolution::NotPermitted(reason)) = found else { panic!("{found:?}") };
    assert!(reason.contains("New-ManagementRoleAssignment -Name:Calport -Role:ApplicationImpersonation -User:svc"), "{reason}");
}

#[test]
fn feat_c16_moved_says_what_happens_next() {
    for code in ["ErrorProxyRequestNotAllowed", "ErrorMailboxMoveInProgress"] {
        let (found, _) = look(answers(&[(200, people(&[ANNA])), (500, fault("15.2", code))]), opening(), ANNA);
        let error = found.unwrap_err();
        assert_eq!((&error.kind, error.scope), (&ErrorKind::Moved(None), ErrorScope::Mailbox), "{code}");
        assert!(error.message.contains("looked for again by itself") && error.message.contains("`autodiscover`"), "{}", error.message);
    }
}

#[test]
fn feat_c16_b54_known_to_the_directory_without_a_mailbox_here_is_not_unknown() {
    for code in ["ErrorNonExistentMailbox", "ErrorAccountDisabled"] {
        let (found, _) = look(answers(&[(200, people(&[ANNA])), (500, fault("15.2", code))]), opening(), ANNA);
        let error = found.unwrap_err();
        assert_eq!((&error.kind, error.scope), (&ErrorKind::Refused("no-mailbox".to_owned()), ErrorScope::Mailbox), "{code}");
        assert!(error.message.contains("hybrid"), "{}", error.message);
    }
}

#[test]
fn feat_c16_what_fails_for_now_takes_nobody_for_gone() {
    let (found, _) = look(answers(&[(200, people(&[ANNA])), (500, fault("15.2", "ErrorMailboxStoreUnavailable"))]), opening(), ANNA);
    assert!(matches!(found, Ok(Resolution::Found(_))), "{found:?}");
    let (found, _) = look(answers(&[(200, people(&[ANNA])), (500, fault("15.2", "ErrorServerBusy"))]), opening(), ANNA);
    assert_eq!(found.unwrap_err().kind, ErrorKind::Throttled(None));
}

#[test]
fn feat_c16_several_are_told_and_none_of_them_is_taken() {
    let (found, sent) = look(good(&[people(&["a.one@example.com", "a.two@example.com"])]), opening(), "anna");
    assert_eq!(found.unwrap(), Resolution::Ambiguous(vec!["a.one@example.com".to_owned(), "a.two@example.com".to_owned()]));
    assert!(sent[0].contains("<m:UnresolvedEntry>anna<"), "{}", sent[0]);
}

#[test]
fn feat_c16_a_login_name_is_looked_for_with_each_domain_in_order() {
    let domains = || Lookup { domains: vec!["example.com".to_owned(), "example.org".to_owned()], ..Lookup::default() };
    let (found, sent) = look(good(&[nobody(), people(&["anna@example.org"])]), domains(), r"EXAMPLE\anna");
    assert!(matches!(found, Ok(Resolution::Found(entry)) if entry.id == "anna@example.org"));
    assert!(sent[0].contains(">smtp:anna@example.com<") && sent[1].contains(">smtp:anna@example.org<"), "{sent:?}");
    let (found, sent) = look(good(&[nobody(), nobody()]), domains(), "anna");
    assert_eq!((found.unwrap(), sent.len()), (Resolution::NotFound, 2));
    let (found, sent) = look(good(&[nobody()]), domains(), ANNA);
    assert_eq!((found.unwrap(), sent.len()), (Resolution::NotFound, 1), "an address is whole");
}

#[test]
fn feat_c16_candidates_are_asked_in_their_own_name() {
    let lookup = || Lookup { asker: Asker::Candidate, ..Lookup::default() };
    let (found, sent) = look(good(&[people(&[ANNA])]), lookup(), "a.acker@example.com");
    assert!(matches!(found, Ok(Resolution::Found(entry)) if entry.id == ANNA));
    assert!(sent[0].contains("<t:SmtpAddress>a.acker@example.com<"), "any address of the person will do: {}", sent[0]);
    let (found, _) = look(answers(&[(500, fault("15.2", "ErrorNonExistentMailbox"))]), lookup(), ANNA);
    assert_eq!(found.unwrap(), Resolution::NotFound);
    let (found, _) = look(answers(&[(500, fault("15.2", "ErrorImpersonateUserDenied"))]), lookup(), ANNA);
    assert!(matches!(&found, Ok(Resolution::NotPermitted(reason)) if reason.ends_with("-User:svc")), "{found:?}");
    let (found, sent) = look(Recorded::new(), lookup(), "anna");
    assert_eq!((found.unwrap(), sent.len()), (Resolution::NotFound, 0), "nobody can be impersonated by half an address");
    let (found, _) = look(answers(&[(500, fault("15.2", "ErrorProxyRequestNotAllowed"))]), lookup(), ANNA);
    assert_eq!(found.unwrap_err().kind, ErrorKind::Moved(None));
}

#[test]
fn feat_c16_what_the_test_user_is_refused_is_nobodys_own_state() {
    for (code, kind) in
        [("ErrorImpersonateUserDenied", ErrorKind::Forbidden), ("ErrorNonExistentMailbox", ErrorKind::Refused("test-user".to_owned()))]
    {
        let (found, _) = look(answers(&[(500, fault("15.2", code))]), opening(), ANNA);
        let error = found.unwrap_err();
        assert_eq!((&error.kind, error.scope), (&kind, ErrorScope::Connection), "{code}");
    }
    let (found, _) = look(Recorded::new().on_failure("POST", "/EWS/", HttpError::Unreachable("no route".to_owned())), opening(), ANNA);
    assert_eq!(found.unwrap_err().kind, ErrorKind::Unavailable);
}
