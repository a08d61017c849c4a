//! Front doors, impersonation, troubles on demand and deviations of the EWS simulator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use calport_simulators::ews::{Account, BusyForm, Config, Kind, Rule};
use calport_simulators::graph::EventDraft;
use ews_support::*;

fn january() -> String {
    window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "<t:BaseShape>Default</t:BaseShape>", "")
}

fn seed(bench: &Bench) {
    for hour in 8..11 {
        let (start, end) = (format!("2026-01-06T{hour:02}:00:00"), format!("2026-01-06T{hour:02}:30:00"));
        bench.graph.add_event(ALICE, EventDraft::new(&format!("Event {hour}"), &start, &end, "UTC")).unwrap();
    }
}

async fn token(bench: &Bench, scope: &str) -> String {
    let config = bench.graph.config();
    let form = format!("grant_type=client_credentials&client_id={}&client_secret={}&scope={scope}", config.client_id, config.client_secret);
    let text = bench
        .http
        .post(bench.graph.token_url())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    format!("Bearer {}", value["access_token"].as_str().unwrap_or_else(|| panic!("{text}")))
}

#[tokio::test]
async fn the_doors_let_in_who_may_and_challenge_the_others() {
    let accounts = vec![Account::service("DOMAIN\\svc", "s"), Account::person(BOB, "b")];
    let bench = Bench::with(Config { accounts, ..Config::default() }).await;
    seed(&bench);
    let as_who = |authorization: Option<String>, person| How { authorization, person, ..How::alice() };
    let alice = Some(("SmtpAddress", ALICE));
    for refused in [None, Some(basic("nobody", "x")), Some(basic(BOB, "wrong")), Some("Bearer made-up".to_owned())] {
        let got = bench.send(&january(), &as_who(refused.clone(), alice)).await;
        assert_eq!(got.status, 401, "{refused:?}");
        let doors: Vec<&str> = got.headers.get_all("www-authenticate").iter().map(|v| v.to_str().unwrap()).collect();
        assert!(doors.iter().any(|d| d.starts_with("Basic ")) && doors.iter().any(|d| d.starts_with("Bearer ")), "{doors:?}");
    }
    assert_eq!(bench.call_how(&january(), &as_who(Some(basic("domain\\SVC", "s")), alice)).await.ids().len(), 3);
    let good = token(&bench, "https://outlook.office365.com/.default").await;
    assert_eq!(bench.call_how(&january(), &as_who(Some(good.clone()), alice)).await.ids().len(), 3);
    assert_eq!(bench.send(&january(), &as_who(Some(good.clone()), None)).await.fault(), "ErrorImpersonationFailed");
    let graph_only = token(&bench, "https://graph.microsoft.com/.default").await;
    let wrong = bench.send(&january(), &as_who(Some(graph_only), alice)).await;
    assert!(wrong.status == 401 && wrong.headers.contains_key("x-ms-diagnostics"));
    // A person has the own mailbox and nobody's else.
    let bob = Some(basic(BOB, "b"));
    assert!(bench.call_how(&january(), &as_who(bob.clone(), None)).await.ids().is_empty());
    assert_eq!(bench.send(&january(), &as_who(bob.clone(), alice)).await.fault(), "ErrorImpersonateUserDenied");
    let other = january().replace(
        "Id=\"calendar\"/>",
        "Id=\"calendar\"><t:Mailbox><t:EmailAddress>alice@example.test</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>",
    );
    assert_eq!(bench.call_how(&other, &as_who(bob, None)).await.codes(), ["ErrorAccessDenied"]);
    let service = Some(basic("DOMAIN\\svc", "s"));
    assert_eq!(bench.call_how(&other, &as_who(service.clone(), None)).await.ids().len(), 3, "full access without impersonation");
    assert_eq!(bench.call_how(&january(), &as_who(service.clone(), None)).await.codes(), ["ErrorMissingEmailAddress"]);
    // Impersonation by every name, and of those who are not there or not allowed.
    for by in ["PrincipalName", "PrimarySmtpAddress", "SmtpAddress"] {
        assert_eq!(bench.call_how(&january(), &as_who(service.clone(), Some((by, ALICE)))).await.ids().len(), 3, "{by}");
    }
    assert_eq!(
        bench.send(&january(), &as_who(service.clone(), Some(("SmtpAddress", "gone@example.test")))).await.fault(),
        "ErrorNonExistentMailbox"
    );
    bench.graph.deny_mailbox(ALICE, true).unwrap();
    assert_eq!(bench.send(&january(), &as_who(service, alice)).await.fault(), "ErrorImpersonateUserDenied");
    bench.graph.clock().advance(std::time::Duration::from_secs(3_600));
    assert_eq!(bench.send(&january(), &as_who(Some(good), alice)).await.status, 401, "the token has expired");
    let seen = bench.ews.requests();
    assert!(seen.iter().all(|s| s.body.as_ref().is_none_or(|b| !b.contains("Basic "))));
    bench.judge();
}

#[tokio::test]
async fn b44_a_busy_server_says_so_in_four_ways() {
    let bench = Bench::start().await;
    seed(&bench);
    let busy = |form| Kind::Busy { back_off_ms: Some(297_749), form };
    bench.ews.fail("FindItem", 1, busy(BusyForm::Fault));
    bench.ews.fail("FindItem", 1, busy(BusyForm::Code));
    bench.ews.fail("FindItem", 1, busy(BusyForm::Wrapped));
    bench.ews.fail("FindItem", 1, busy(BusyForm::Unavailable));
    let got = bench.send(&january(), &How::alice()).await;
    assert_eq!(got.fault(), "ErrorServerBusy");
    assert!(got.text.contains("<t:Value Name=\"BackOffMilliseconds\">297749</t:Value>"), "{}", got.text);
    let got = bench.call(&january()).await;
    assert_eq!(got.codes(), ["ErrorServerBusy"]);
    assert!(got.text.contains("Name=\"BackOffMilliseconds\">297749<"));
    let got = bench.send(&january(), &How::alice()).await;
    assert_eq!(got.status, 200);
    assert!(got.text.contains("ErrorInternalServerError") && got.text.contains("ErrorServerBusy"), "{}", got.text);
    assert_eq!(bench.send(&january(), &How::alice()).await.status, 503);
    assert_eq!(bench.call(&january()).await.ids().len(), 3, "the rules are spent");
    let codes: Vec<_> = bench.ews.requests().into_iter().map(|s| (s.status, s.code)).collect();
    assert_eq!(codes[0], (500, Some("ErrorServerBusy".to_owned())));
    bench.judge();
}

#[tokio::test]
async fn b22_b33_switched_off_moved_and_other_refusals() {
    let bench = Bench::start().await;
    seed(&bench);
    bench.ews.configure(|c| c.disabled = true);
    let got = bench.send(&january(), &How::alice()).await;
    assert!(got.status == 403 && got.text.is_empty(), "the whole tenant");
    bench.ews.configure(|c| (c.disabled, c.disabled_for) = (false, vec![ALICE.to_owned()]));
    assert_eq!(bench.send(&january(), &How::alice()).await.status, 403);
    let bob = How { person: Some(("SmtpAddress", BOB)), ..How::alice() };
    assert_eq!(bench.send(&january(), &bob).await.status, 200, "only one mailbox");
    bench.ews.configure(|c| (c.disabled_for, c.moved) = (Vec::new(), vec![ALICE.to_owned()]));
    assert_eq!(bench.call(&january()).await.codes(), ["ErrorMailboxMoveInProgress"]);
    bench.ews.configure(|c| c.moved = Vec::new());
    for code in ["ErrorInvalidSyncStateData", "ErrorIrresolvableConflict", "ErrorProxyRequestNotAllowed", "ErrorMailboxStoreUnavailable"] {
        bench.ews.fail("FindItem", 1, Kind::Code { code: code.to_owned() });
        assert_eq!(bench.call(&january()).await.codes(), [code]);
    }
    bench.ews.fail("", 1, Kind::Fault { code: "ErrorImpersonateUserDenied".to_owned() });
    assert_eq!(bench.send(&january(), &How::alice()).await.fault(), "ErrorImpersonateUserDenied");
    bench.ews.fail("FindItem", 1, Kind::Disabled);
    assert_eq!(bench.send(&january(), &How::alice()).await.status, 403);
    bench.ews.fault(Rule::on_path("GetItem", 1, Kind::Status { status: 502, retry_after: Some(3) }).for_mailbox(BOB));
    assert_eq!(bench.call(&january()).await.ids().len(), 3, "another operation and another mailbox");
    bench.judge();
}

#[tokio::test]
async fn b40_a_lost_answer_has_done_its_work() {
    let bench = Bench::start().await;
    let made = create(
        "SendToNone",
        "<t:CalendarItem><t:Subject>Once</t:Subject><t:Start>2026-01-06T09:00:00Z</t:Start><t:End>2026-01-06T10:00:00Z</t:End></t:CalendarItem>",
    );
    bench.ews.fail("CreateItem", 1, Kind::Lost { status: Some(500) });
    assert_eq!(bench.send(&made, &How::alice()).await.status, 500);
    assert_eq!(bench.call(&january()).await.ids().len(), 1);
    bench.ews.fail("CreateItem", 1, Kind::Lost { status: None });
    let request = bench
        .http
        .post(bench.ews.url())
        .header("authorization", How::alice().authorization.unwrap())
        .body(bench.ews.requests()[0].body.clone().unwrap());
    assert!(request.send().await.is_err(), "the connection is aborted");
    assert_eq!(bench.call(&january()).await.ids().len(), 2);
    bench.ews.fail("CreateItem", 1, Kind::Reset);
    let request = bench
        .http
        .post(bench.ews.url())
        .header("authorization", How::alice().authorization.unwrap())
        .body(bench.ews.requests()[0].body.clone().unwrap());
    assert!(request.send().await.is_err());
    assert_eq!(bench.call(&january()).await.ids().len(), 2, "a reset comes before the work");
}

#[tokio::test]
async fn b49_what_is_no_soap_comes_when_asked_for() {
    let bench = Bench::start().await;
    seed(&bench);
    for kind in [Kind::Html, Kind::Empty, Kind::Truncated, Kind::WrongEncoding, Kind::Entities, Kind::Huge { bytes: 100_000 }] {
        bench.ews.fail("FindItem", 1, kind.clone());
        let answer = bench.http.post(bench.ews.url()).header("authorization", How::alice().authorization.unwrap());
        let document = {
            bench.ews.reset_log();
            bench.ews.faults().clear();
            bench.send(&january(), &How::alice()).await;
            bench.ews.requests()[0].body.clone().unwrap()
        };
        bench.ews.fail("FindItem", 1, kind.clone());
        let answer = answer.body(document).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let declared = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let bytes = answer.bytes().await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        match kind {
            Kind::Html => assert!(declared.starts_with("text/html") && text.contains("<form")),
            Kind::Empty => assert!(bytes.is_empty()),
            Kind::Truncated => assert!(text.contains("FindItemResponse") && !text.contains("</s:Envelope>")),
            Kind::WrongEncoding => assert!(bytes.starts_with(b"<\0?\0") && declared.contains("utf-8")),
            Kind::Entities => assert!(text.contains("<!ENTITY")),
            _ => assert!(bytes.len() == 100_000 && declared.starts_with("text/xml")),
        }
    }
    for bad in ["<m:GetItem>", "", "<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>", "not xml"] {
        let got = bench.raw(bad.to_owned(), How::alice().authorization.as_deref()).await;
        assert_eq!(got.fault(), "ErrorSchemaValidation", "{bad}");
    }
}

#[tokio::test]
async fn items_are_spoilt_one_at_a_time() {
    let bench = Bench::start().await;
    seed(&bench);
    bench.ews.fail("FindItem", 1, Kind::NoItemId);
    let got = bench.send(&january(), &How::alice()).await;
    assert_eq!((got.ids().len(), got.inside("t:CalendarItem").len()), (2, 3));
    bench.ews.fail("FindItem", 1, Kind::EndBeforeStart);
    let got = bench.send(&january(), &How::alice()).await;
    assert!(got.texts("t:End")[0] < got.texts("t:Start")[0] && got.texts("t:End")[1] > got.texts("t:Start")[1]);
    bench.ews.fail("FindItem", 1, Kind::UnknownValue);
    let got = bench.send(&january(), &How::alice()).await;
    assert_eq!(got.texts("t:LegacyFreeBusyStatus"), ["Quantum", "Busy", "Busy"]);
}

#[tokio::test]
async fn each_deviation_is_a_switch() {
    let bench = Bench::start().await;
    seed(&bench);
    let weekly = EventDraft::new("Weekly", "2026-01-05T12:00:00", "2026-01-05T13:00:00", "W. Europe Standard Time").weekly(&["monday"]);
    bench.graph.add_event(ALICE, weekly).unwrap();
    let all = window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", ALL, "");
    let usual = bench.call(&all).await;
    assert_eq!(usual.ids().len(), 7);
    let on = |f: fn(&mut calport_simulators::ews::Deviations)| {
        bench.ews.configure(|c| {
            c.deviations = Default::default();
            f(&mut c.deviations);
        })
    };
    on(|d| d.unknown_elements = true);
    let got = bench.send(&all, &How::alice()).await;
    assert!(got.inside("t:Novelty").len() == 7 && got.text.contains("urn:calport:unknown") && got.ids().len() == 7);
    on(|d| d.other_order = true);
    let got = bench.send(&all, &How::alice()).await;
    assert!(
        got.text.find("<t:End>") < got.text.find("<t:Start>") && got.text.find("<t:Start>") < got.text.find("<t:ItemId "),
        "{}",
        got.text
    );
    on(|d| d.fraction_digits = Some(7));
    assert_eq!(bench.call(&all).await.texts("t:Start")[0], "2026-01-05T11:00:00.0000000Z");
    on(|d| d.missing_optional = true);
    let got = bench.call(&all).await;
    assert!(!got.text.contains("t:IsMeeting") && !got.text.contains("t:LastModifiedTime") && got.ids().len() == 7);
    on(|d| d.bare_content_type = true);
    assert_eq!(bench.call(&all).await.headers["content-type"], "text/xml");
    on(|d| d.no_expansion = true);
    let got = bench.call(&all).await;
    assert_eq!(got.texts("t:CalendarItemType").iter().filter(|t| *t == "RecurringMaster").count(), 1);
    assert_eq!(got.ids().len(), 4);
    on(|d| d.inline_zones = true);
    assert!(bench.call(&all).await.inside("t:Periods").len() >= 7);
    bench.judge();
}

#[tokio::test]
async fn the_admin_door_does_what_the_handle_does() {
    let bench = Bench::start().await;
    seed(&bench);
    let door = |path: &str| format!("{}/_admin/{path}", bench.ews.base_url());
    let post = |path: &str, body: &'static str| bench.http.post(door(path)).body(body).send();
    let rule = r#"{"match":{"path":"FindItem","mailbox":"alice@example.test"},"times":1,"fault":{"kind":"busy","back_off_ms":1000}}"#;
    assert_eq!(post("faults", rule).await.unwrap().status(), 200);
    assert_eq!(bench.send(&january(), &How::alice()).await.fault(), "ErrorServerBusy");
    assert_eq!(
        post("settings", r#"{"version":"Exchange2010Sp2","deviations":{"no_expansion":true},"find_limit":2}"#).await.unwrap().status(),
        200
    );
    let how = How { version: Some("Exchange2010"), ..How::alice() };
    let got = bench.call_how(&january(), &how).await;
    assert_eq!(got.codes(), ["ErrorExceededFindCountLimit"]);
    assert!(got.text.contains("MajorVersion=\"14\""));
    assert_eq!(post("settings", r#"{"colour":"blue"}"#).await.unwrap().status(), 400);
    assert_eq!(post("faults", r#"{"fault":{"kind":"sparkle"}}"#).await.unwrap().status(), 400);
    let stats = bench.http.get(door("stats")).send().await.unwrap().text().await.unwrap();
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!((stats["operations"]["FindItem"].as_u64(), stats["mailboxes"][ALICE]["FindItem"].as_u64()), (Some(2), Some(2)));
    assert_eq!(stats["mails_sent"], 0);
}
