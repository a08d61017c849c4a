//! Which version is spoken (FEATURES C06).

use calport_ews_protocol::ServerVersion;
use calport_sdk::common::ErrorKind;
use calport_sdk::testing::{Recorded, take_log};

use super::*;
use crate::bindings::exports::calport::connector::connector::{Finding, Severity};

/// An answer to the probe from a build.
fn calendar(build: &str) -> String {
    let folder = r#"<t:CalendarFolder><t:FolderId Id="f"/><t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x670a" PropertyType="SystemTime"/>
        <t:Value>2026-03-02T08:00:00Z</t:Value></t:ExtendedProperty><t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x670b"
        PropertyType="Integer"/><t:Value>7</t:Value></t:ExtendedProperty></t:CalendarFolder>"#;
    answer("GetFolder", &[&format!("<m:Folders>{folder}</m:Folders>")]).replace(
        r#"MajorVersion="15" MinorVersion="20""#,
        &build.split_once('.').map(|(major, minor)| format!(r#"MajorVersion="{major}" MinorVersion="{minor}""#)).unwrap(),
    )
}

fn asked(http: &Recorded, request: usize) -> String {
    let body = body(http, request);
    let from = body.find("Version=\"").unwrap() + 9;
    body[from..].chars().take_while(|c| *c != '"').collect()
}

#[test]
fn feat_c06_the_newest_version_is_asked_for_and_the_build_that_answers_rules() {
    for (build, spoken) in [
        ("15.20", ServerVersion::Exchange2016),
        ("15.2", ServerVersion::Exchange2016),
        ("15.0", ServerVersion::Exchange2013Sp1),
        ("14.3", ServerVersion::Exchange2010Sp2),
        ("14.1", ServerVersion::Exchange2010Sp1),
        ("14.0", ServerVersion::Exchange2010),
        ("8.3", ServerVersion::Exchange2007Sp1),
        ("8.0", ServerVersion::Exchange2007),
    ] {
        let (client, http) = client(good(&[calendar(build), calendar(build)]));
        for _ in 0..2 {
            assert_eq!(crate::events::probe(&client, ANNA).unwrap(), "1772438400000:7", "{build}");
        }
        assert_eq!((asked(&http, 0), asked(&http, 1)), ("Exchange2016".to_owned(), spoken.name().to_owned()), "{build}");
    }
}

#[test]
fn feat_c06_a_refused_version_leads_to_the_one_that_the_refusing_build_speaks() {
    let refused = (500, fault("14.2", "ErrorInvalidServerVersion"));
    let (client, http) = client(answers(&[refused, (200, calendar("14.2"))]));
    crate::events::probe(&client, ANNA).unwrap();
    assert_eq!(asked(&http, 1), "Exchange2010_SP2");
}

#[test]
fn feat_c06_without_a_build_the_next_older_version_is_tried_down_to_the_oldest() {
    let refused = (500, fault("0.0", "ErrorInvalidServerVersion").replace("ServerVersionInfo", "Nothing"));
    let all = vec![refused; ServerVersion::ALL.len()];
    let (client, http) = client(answers(&all));
    let error = crate::events::probe(&client, ANNA).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    let tried: Vec<String> = (0..all.len()).map(|n| asked(&http, n)).collect();
    let newest_first: Vec<&str> = ServerVersion::ALL.iter().rev().map(|v| v.name()).collect();
    assert_eq!(tried, newest_first);
}

#[test]
fn feat_c06_a_version_of_the_settings_is_kept() {
    let fixed = Settings { version: Some(crate::settings::Version::Exchange2013), ..settings() };
    let (client, http) = client_with(answers(&[(500, fault("14.2", "ErrorInvalidServerVersion"))]), fixed);
    assert_eq!(crate::events::probe(&client, ANNA).unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!((http.requests().len(), asked(&http, 0)), (1, "Exchange2013".to_owned()));
}

fn directory() -> String {
    answer(
        "ResolveNames",
        &[
            "<m:ResolutionSet><t:Resolution><t:Mailbox><t:EmailAddress>test@example.com</t:EmailAddress></t:Mailbox></t:Resolution></m:ResolutionSet>",
        ],
    )
}

fn replies() -> String {
    envelope(
        "14.3",
        r#"<m:GetUserOofSettingsResponse><m:ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>
        </m:ResponseMessage><t:OofSettings><t:OofState>Disabled</t:OofState></t:OofSettings></m:GetUserOofSettingsResponse>"#,
    )
}

#[test]
fn feat_c06_check_names_once_what_the_version_lacks() {
    let (client, http) = client(good(&[calendar("14.3"), directory(), replies()]));
    let report = crate::check::check(&client).unwrap();
    assert_eq!((report.server.as_str(), report.version.as_str()), ("Exchange 2010", "14.3.1000.1"));
    let lacking: Vec<_> = report.findings.iter().filter(|f| f.message.contains("`working elsewhere`")).collect();
    assert_eq!(lacking.len(), 1, "{:?}", report.findings);
    assert!(lacking[0].severity == Severity::Info && lacking[0].message.contains("Exchange2010_SP2"));
    assert!(report.findings.iter().any(|f| f.remedy.contains("version = \"Exchange2010_SP2\"")), "{:?}", report.findings);
    assert_eq!(http.left(), 0);
}

#[test]
fn feat_check_a_modern_server_with_all_rights_has_no_findings_but_those_of_the_product() {
    let (on_premises, _) = client(good(&[calendar("15.2"), directory(), replies().replace("14", "15")]));
    assert_eq!(crate::check::check(&on_premises).unwrap().findings, []);
    let (mut other, _) = client(good(&[calendar("15.20"), directory(), replies().replace("14", "15")]));
    other.manner.remedies.product = |build| ("Server".to_owned(), build.to_string());
    other.manner.remedies.findings =
        |build| vec![Finding { severity: Severity::Warning, message: format!("online: {}", build.is_online()), remedy: String::new() }];
    let report = crate::check::check(&other).unwrap();
    assert_eq!((report.server.as_str(), report.version.as_str()), ("Server", "v15.20.1000.0001"));
    assert_eq!(report.findings.iter().map(|f| f.message.as_str()).collect::<Vec<_>>(), ["online: true"]);
}

#[test]
fn feat_check_a_further_address_as_test_user_is_a_problem() {
    let other = directory().replace("test@example.com", "t.user@example.com").replace(
        "</t:Mailbox>",
        r#"</t:Mailbox><t:Contact><t:EmailAddresses><t:Entry Key="EmailAddress1">smtp:test@example.com</t:Entry></t:EmailAddresses></t:Contact>"#,
    );
    let (client, _) = client(good(&[calendar("15.2"), other, replies()]));
    let report = crate::check::check(&client).unwrap();
    assert_eq!(report.findings[0].severity, Severity::Problem);
    assert!(report.findings[0].message.contains("further address of `t.user@example.com`"), "{:?}", report.findings);
}

#[test]
fn feat_c06_what_a_version_cannot_store_is_left_out_and_reported() {
    use crate::bindings::exports::calport::connector::calendar::{AttendeeMail, EventField, ShowAs, WriteTarget};
    let old = Settings { version: Some(crate::settings::Version::Exchange2010), ..settings() };
    let updated = answer("UpdateItem", &[r#"<m:Items><t:CalendarItem><t:ItemId Id="a" ChangeKey="v2"/></t:CalendarItem></m:Items>"#]);
    let (client, http) = client_with(good(&[got(&[item("a", "v1", 9, "")]), updated, got(&[item("a", "v2", 9, "")])]), old);
    take_log();
    let target = WriteTarget::Item("a".to_owned());
    let update = |fields: &[EventField]| crate::write::update(&client, ANNA, &target, fields, None, AttendeeMail::Never);
    update(&[EventField::Subject("x".to_owned()), EventField::ShowAs(ShowAs::WorkingElsewhere)]).unwrap();
    assert!(!body(&http, 1).contains("WorkingElsewhere"));
    let log = take_log();
    assert!(log.iter().any(|line| line.message.contains("working elsewhere")), "{log:?}");
    let alone = update(&[EventField::ShowAs(ShowAs::WorkingElsewhere)]).unwrap_err();
    assert!(alone.kind == ErrorKind::Unsupported && alone.message.contains("Exchange 2013"), "{alone:?}");
}
