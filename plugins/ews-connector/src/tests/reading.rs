//! Answers that are refusals, surprises or attacks: what reaches whom.

use calport_sdk::common::{Error, ErrorKind, ErrorScope};
use calport_sdk::http::HttpError;
use calport_sdk::testing::Recorded;

use super::*;
use crate::bindings::exports::calport::connector::calendar::{EventDetail, EventKind, SeriesPlace};
use crate::bindings::exports::calport::connector::directory::Resolution;
use crate::failure::SWITCHED_OFF;

const ASMX: &str = "/EWS/Exchange.asmx";

#[track_caller]
fn probe(http: Recorded) -> Error {
    let (client, http) = client(http);
    let error = crate::events::probe(&client, ANNA).unwrap_err();
    assert_eq!(http.left(), 0);
    error
}

#[test]
fn b22_ews_switched_off_for_the_organization_stops_the_connection_with_the_way_out() {
    for http in [
        Recorded::new().on("POST", ASMX, 403, "EWS is disabled for this organization."),
        // Nothing is said, and the test user is refused as well.
        Recorded::new().on("POST", ASMX, 403, "").on("POST", ASMX, 403, ""),
    ] {
        let error = probe(http);
        assert_eq!((&error.kind, error.scope), (&ErrorKind::Unauthorized, ErrorScope::Connection), "nobody is unmapped: {error:?}");
        assert_eq!(error.code.as_deref(), Some(SWITCHED_OFF));
        assert!(error.message.contains("`Set-OrganizationConfig -EwsEnabled $true`"), "{}", error.message);
    }
}

#[test]
fn b22_a_403_of_one_mailbox_stops_that_mailbox() {
    let folder = answer("GetFolder", &["<m:Folders/>"]);
    let error = probe(Recorded::new().on("POST", ASMX, 403, "").on("POST", ASMX, 200, &folder));
    assert_eq!((&error.kind, error.scope), (&ErrorKind::Forbidden, ErrorScope::Mailbox));
    assert!(error.message.contains("Get-CASMailbox anna@example.com"), "{}", error.message);
}

#[test]
fn b49_a_login_form_before_ews_is_named_and_concerns_everybody() {
    let location = [("location", "https://mail.example/owa/auth/logon.aspx?url=x")];
    let html = Recorded::new().on("POST", ASMX, 200, "<!DOCTYPE html><html><body>Sign in, Secret</body></html>");
    for http in [html, Recorded::new().on("POST", ASMX, 440, ""), Recorded::new().on_headers("POST", ASMX, 302, &location, "")] {
        let error = probe(http);
        assert_eq!(error.scope, ErrorScope::Connection, "{error:?}");
        assert!(error.message.contains("login form") && !error.message.contains("Secret"), "{}", error.message);
        assert!(!matches!(error.kind, ErrorKind::NotFound | ErrorKind::Moved(_)), "nobody is unmapped: {error:?}");
    }
}

#[test]
fn b24_a_wrong_url_takes_nobody_for_gone() {
    for status in [301, 404, 405, 410] {
        let error = probe(Recorded::new().on("POST", ASMX, status, ""));
        assert_eq!((&error.kind, error.scope), (&ErrorKind::Refused(format!("HTTP {status}")), ErrorScope::Connection));
    }
    let unavailable = probe(Recorded::new().on("POST", ASMX, 503, ""));
    assert_eq!((unavailable.kind, unavailable.scope), (ErrorKind::Unavailable, ErrorScope::Mailbox));
    let wait = probe(Recorded::new().on_headers("POST", ASMX, 503, &[("retry-after", "30")], ""));
    assert_eq!((wait.kind, wait.scope), (ErrorKind::Throttled(Some(30_000)), ErrorScope::Connection));
}

#[test]
fn hostile_answers_are_refused_by_name_and_reach_no_other_mailbox() {
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>"#;
    let whole = answer("GetFolder", &["<m:Folders/>"]);
    for (body, names) in [
        (bomb, "document type"),
        (&whole[..whole.len() / 2], "ends in the middle"),
        ("", "empty"),
        (&fault("15.20", "x").replace("Fault", "OtherResponse"), "GetFolderResponse"),
        ("<s:Envelope><s:Body><m:GetFolderResponse a='&bomb;'>&bomb;", "GetFolderResponse"),
    ] {
        let error = probe(Recorded::new().on("POST", ASMX, 200, body));
        assert_eq!(error.scope, ErrorScope::Mailbox, "{body}");
        assert!(matches!(error.kind, ErrorKind::Protocol(_)), "{error:?}");
        assert!(error.message.contains(names) || body.contains("bomb"), "{}", error.message);
    }
    let error = probe(Recorded::new().on_failure("POST", ASMX, HttpError::TooLarge(1 << 25)));
    assert_eq!(error.scope, ErrorScope::Mailbox, "{error:?}");
    assert!(error.message.contains("33554432"), "{}", error.message);
}

#[test]
fn an_item_that_spoils_a_batch_is_set_aside_and_the_others_are_read() {
    let bad = got(&[item("b", "v", 9, "<t:Location>&undefined;</t:Location>")]);
    let (client, http) = client(good(&[bad.clone(), got(&[item("a", "v", 9, "")]), bad, got(&[item("c", "v", 9, "")])]));
    let answers = crate::events::get_events(&client, ANNA, &["a", "b", "c"].map(str::to_owned));
    assert_eq!(answers[0].as_ref().unwrap().event.id, "a");
    let error = answers[1].as_ref().unwrap_err();
    assert!(error.scope == ErrorScope::Item && matches!(error.kind, ErrorKind::Protocol(_)), "{error:?}");
    assert_eq!(answers[2].as_ref().unwrap().event.id, "c");
    assert_eq!(http.left(), 0);
}

#[test]
fn b44_a_busy_server_in_one_part_of_a_batch_stops_all() {
    let busy = refusal("GetItem", "ErrorServerBusy");
    let (client, http) = client(good(&[busy]));
    let answers = crate::events::get_events(&client, ANNA, &vec!["a".to_owned(); 15]);
    assert_eq!(answers.len(), 15);
    assert!(answers.iter().all(|a| a.as_ref().unwrap_err().kind == ErrorKind::Throttled(None)));
    assert_eq!(http.requests().len(), 1, "the second batch is not sent");
}

#[test]
fn b24_a_mailbox_that_is_not_found_takes_none_of_its_events_for_deleted() {
    for http in [answers(&[(500, fault("15.20", "ErrorNonExistentMailbox"))]), good(&[refusal("GetItem", "ErrorNonExistentMailbox")])] {
        let (client, _) = client(http);
        let error = crate::events::get_events(&client, ANNA, &["a".to_owned()]).remove(0).unwrap_err();
        assert_eq!((error.kind, error.scope), (ErrorKind::Unavailable, ErrorScope::Mailbox));
    }
    let (client, _) = client(good(&[refusal("GetItem", "ErrorNonExistentMailbox")]));
    let window = calport_sdk::common::Window { start: 0, end: 1 };
    let error = crate::series::instances(&client, ANNA, "m", window).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "nor a series");
}

#[test]
fn b01_occurrences_by_id_name_their_master_and_ask_for_it_once() {
    let of_series = |id: &str, hour| {
        let more = "<t:UID>series</t:UID><t:CalendarItemType>Occurrence</t:CalendarItemType><t:OriginalStart>2026-03-02T09:00:00Z</t:OriginalStart>";
        item(id, "v", hour, more)
    };
    let master = item("m", "v", 9, "<t:UID>series</t:UID><t:CalendarItemType>RecurringMaster</t:CalendarItemType>");
    let (client, http) = client(good(&[got(&[of_series("a", 9), of_series("b", 10)]), got(&[master])]));
    let answers = crate::events::get_events(&client, ANNA, &["a", "b"].map(str::to_owned));
    let master = |answer: &Result<EventDetail, Error>| match &answer.as_ref().unwrap().event.kind {
        EventKind::Occurrence(SeriesPlace { master, .. }) => master.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((master(&answers[0]), master(&answers[1])), ("m".to_owned(), "m".to_owned()));
    assert_eq!(body(&http, 1).matches("RecurringMasterItemId").count(), 1);
}

#[test]
fn an_occurrence_whose_master_may_not_be_seen_still_takes_its_time() {
    let occurrence = item("a", "v", 9, "<t:UID>series</t:UID><t:CalendarItemType>Occurrence</t:CalendarItemType>");
    for (code, seen) in [("ErrorAccessDenied", true), ("ErrorInvalidIdMalformed", true), ("ErrorItemNotFound", false)] {
        let (client, _) = client(good(&[got(std::slice::from_ref(&occurrence)), refusal("GetItem", code)]));
        let answer = crate::events::get_events(&client, ANNA, &["a".to_owned()]).remove(0);
        assert_eq!(answer.is_ok_and(|detail| detail.event.kind == EventKind::Single), seen, "{code}");
    }
}

#[test]
fn b32_b33_every_request_names_whom_it_is_for() {
    let (client, http) = client(good(&[answer("GetFolder", &["<m:Folders/>"])]));
    crate::events::probe(&client, ANNA).unwrap_err();
    let request = http.requests().remove(0);
    assert!(request.headers.contains(&("x-anchormailbox".to_owned(), ANNA.to_owned())), "{:?}", request.headers);
    assert!(request.safe_to_repeat);
    let sid = "<t:ConnectingSID><t:PrimarySmtpAddress>anna@example.com</t:PrimarySmtpAddress></t:ConnectingSID>";
    assert!(body(&http, 0).contains(sid), "{}", body(&http, 0));
}

#[test]
fn b54_states_of_people_are_told_apart() {
    let resolution = |entries: &[(&str, &str)]| {
        let one = |(address, other): &(&str, &str)| {
            format!(
                r#"<t:Resolution><t:Mailbox><t:Name>N</t:Name><t:EmailAddress>{address}</t:EmailAddress><t:MailboxType>Mailbox</t:MailboxType>
                </t:Mailbox><t:Contact><t:EmailAddresses><t:Entry Key="EmailAddress1">SMTP:{address}</t:Entry>
                <t:Entry Key="EmailAddress2">smtp:{other}</t:Entry></t:EmailAddresses></t:Contact></t:Resolution>"#
            )
        };
        let set: String = entries.iter().map(one).collect();
        answer("ResolveNames", &[&format!("<m:ResolutionSet>{set}</m:ResolutionSet>")])
    };
    let resolve = |answer: String, asked: &str| {
        let (client, http) = client(good(&[answer]));
        let found = crate::directory::resolve(&client, asked);
        assert!(body(&http, 0).contains(&format!("smtp:{asked}")) || !asked.contains('@'));
        found
    };
    let alias = resolve(resolution(&[("anna@example.com", "a@example.com")]), "a@example.com").unwrap();
    assert!(matches!(&alias, Resolution::Found(e) if e.id == ANNA && e.other_addresses == ["a@example.com"]), "{alias:?}");
    let primary = resolution(&[("bea@example.com", ANNA), (ANNA, "x@example.com")]);
    assert!(matches!(resolve(primary, ANNA).unwrap(), Resolution::Found(e) if e.id == ANNA), "a primary address wins");
    let twice = resolution(&[("b@example.com", "shared@example.com"), ("c@example.com", "shared@example.com")]);
    assert!(
        matches!(resolve(twice, "shared@example.com").unwrap(), Resolution::Ambiguous(ids) if ids == ["b@example.com", "c@example.com"])
    );
    assert!(matches!(resolve(resolution(&[(ANNA, ""), (ANNA, "")]), ANNA).unwrap(), Resolution::Ambiguous(_)), "two with one address");
    assert_eq!(resolve(refusal("ResolveNames", "ErrorNameResolutionNoResults"), "no@example.com").unwrap(), Resolution::NotFound);
    let denied = resolve(refusal("ResolveNames", "ErrorAccessDenied"), "no@example.com").unwrap();
    assert!(matches!(denied, Resolution::NotPermitted(_)));
    let no_test_user = resolve(refusal("ResolveNames", "ErrorNonExistentMailbox"), ANNA).unwrap_err();
    assert!(no_test_user.scope == ErrorScope::Connection && no_test_user.message.contains("`test_user`"), "{no_test_user:?}");
}

#[test]
fn b55_zones_are_handed_on_as_they_came_and_inline_rules_before_names() {
    let aliased = item("a", "v", 9, r#"<t:StartTimeZone Id="tzone://Microsoft/Utc"/>"#);
    let unknown = item("b", "v", 9, r#"<t:StartTimeZone Id="Customized Time Zone"/>"#);
    let inline = item(
        "c",
        "v",
        9,
        r#"<t:StartTimeZone Id="Customized Time Zone"><t:Periods><t:Period Bias="-PT5H" Name="Standard" Id="s"/></t:Periods>
        <t:TransitionsGroups><t:TransitionsGroup Id="0"><t:Transition><t:To Kind="Period">s</t:To></t:Transition></t:TransitionsGroup>
        </t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition></t:Transitions></t:StartTimeZone>"#,
    );
    let (client, _) = client(good(&[got(&[aliased, unknown, inline])]));
    let zones: Vec<_> = crate::events::get_events(&client, ANNA, &["a", "b", "c"].map(str::to_owned))
        .into_iter()
        .map(|answer| answer.unwrap().event.time.start_zone)
        .collect();
    use calport_sdk::common::Zone;
    assert_eq!(zones[0], Some(Zone::Utc));
    assert!(!matches!(&zones[1], Some(Zone::Custom(_))), "{:?}", zones[1]);
    assert!(matches!(&zones[2], Some(Zone::Custom(rules)) if rules.standard_offset == 300), "{:?}", zones[2]);
}
