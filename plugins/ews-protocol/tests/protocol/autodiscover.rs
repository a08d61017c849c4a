//! The two protocols of Autodiscover.

use std::fs;

use calport_ews_protocol::autodiscover::{MAX_ANSWER_BYTES, Setting, UrlChoice, UserAnswer, pox, soap};
use calport_ews_protocol::{ReadError, ServerVersion, WriteError};
use proptest::prelude::*;

use crate::support::reference;

fn sample(name: &str) -> Option<Vec<u8>> {
    Some(fs::read(reference()?.join("samples/autodiscover").join(name)).unwrap())
}

/// The names and texts of elements, without prefixes, white space and attributes: enough to compare requests.
fn outline(xml: &str) -> Vec<String> {
    let mut outline = Vec::new();
    for piece in xml.split('<').skip(1).filter(|piece| !piece.starts_with(['?', '!', '/'])) {
        let (tag, text) = piece.split_once('>').unwrap();
        let name = tag.split([' ', '/', '\n', '\r']).next().unwrap();
        outline.push(format!("{} {}", name.rsplit(':').next().unwrap(), text.trim()));
    }
    outline
}

#[test]
fn golden_every_sample_of_autodiscover_is_used_here() {
    let Some(reference) = reference() else { return };
    for file in fs::read_dir(reference.join("samples/autodiscover")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(include_str!("autodiscover.rs").contains(&format!("\"{name}\"")), "{name} is not read");
    }
}

#[test]
fn golden_the_soap_request_is_as_the_vendor_writes_it() {
    let Some(wanted) = sample("soap-getusersettings-request.xml") else { return };
    let ask = soap::GetUserSettings {
        to: "https://autodiscover.exchange.microsoft.com/autodiscover/autodiscover.svc".into(),
        mailboxes: vec!["mara@contoso.com".into()],
        settings: Setting::ALL.to_vec(),
    };
    let body = String::from_utf8(ask.request(ServerVersion::Exchange2013).unwrap().body).unwrap();
    let wanted = outline(std::str::from_utf8(&wanted).unwrap());
    let written = outline(&body);
    let frame = |lines: &[String]| lines.iter().filter(|line| !line.starts_with("Setting ")).cloned().collect::<Vec<_>>();
    assert_eq!(frame(&written), frame(&wanted));
    for setting in ["ExternalEwsUrl", "EwsSupportedSchemas", "GroupingInformation", "UserDisplayName"] {
        let line = format!("Setting {setting}");
        assert!(wanted.contains(&line) && written.contains(&line), "{setting}");
    }
    assert!(body.contains("xmlns:a=\"http://schemas.microsoft.com/exchange/2010/Autodiscover\""));
}

#[test]
fn golden_the_plain_request_is_as_the_vendor_writes_it() {
    let Some(wanted) = sample("pox-request.xml") else { return };
    let written = String::from_utf8(pox::request("user@contoso.com")).unwrap();
    assert_eq!(outline(&written), outline(std::str::from_utf8(&wanted).unwrap()));
    assert!(written.contains("xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\""));
}

#[test]
fn golden_soap_redirects_are_read() {
    let Some(body) = sample("soap-getusersettings-response.xml") else { return };
    assert_eq!(soap::read(&body, 1).unwrap(), [UserAnswer::RedirectAddress("User1@mail.Contoso.com".into())]);
    let body = sample("soap-getusersettings-error-or-redirect.xml").unwrap();
    assert_eq!(soap::read(&body, 1).unwrap(), [UserAnswer::RedirectAddress("elvin@mail.contoso.com".into())]);
}

#[test]
fn golden_plain_answers_are_read() {
    let Some(body) = sample("pox-response.xml") else { return };
    let UserAnswer::Settings(settings) = pox::read(&body).unwrap() else { panic!() };
    assert_eq!(settings.display_name.as_deref(), Some("First Last"));
    assert_eq!(settings.ews_url(UrlChoice::External), Some("https://mail.contoso.com/ews/exchange.asmx"));
    assert_eq!(settings.ews_url(UrlChoice::Internal), Some("https://mail.contoso.com/ews/exchange.asmx"));
    let UserAnswer::Refused(failure) = pox::read(&sample("pox-response-2.xml").unwrap()).unwrap() else { panic!() };
    assert_eq!(failure.to_string(), "600");
}

pub fn soap_answer(users: &str) -> Vec<u8> {
    format!(
        "<s:Envelope xmlns:s=\"s\"><s:Body><GetUserSettingsResponseMessage xmlns=\"a\"><Response><ErrorCode>NoError</ErrorCode>\
         <ErrorMessage/><UserResponses>{users}</UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>"
    )
    .into_bytes()
}

pub fn soap_settings(settings: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| {
        format!("<UserSetting i:type=\"StringSetting\" xmlns:i=\"i\"><Name>{name}</Name><Value>{value}</Value></UserSetting>")
    };
    let settings: String = settings.iter().map(one).collect();
    format!("<UserResponse><ErrorCode>NoError</ErrorCode><UserSettings>{settings}</UserSettings></UserResponse>")
}

pub fn soap_code(code: &str, target: &str) -> Vec<u8> {
    soap_answer(&format!("<UserResponse><ErrorCode>{code}</ErrorCode><RedirectTarget>{target}</RedirectTarget></UserResponse>"))
}

#[test]
fn b32_settings_of_many_mailboxes_come_with_their_groups() {
    let anna = soap_settings(&[
        ("UserDisplayName", "Anna"),
        ("InternalEwsUrl", "https://in.example.com/EWS/Exchange.asmx"),
        ("ExternalEwsUrl", " https://out.example.com/EWS/Exchange.asmx "),
        ("EwsSupportedSchemas", "Exchange2007, Exchange2010_SP1,Exchange2013_SP1, Exchange2099"),
        ("GroupingInformation", "Default-First-Site-Name"),
        ("CasVersion", "15.01"),
    ]);
    let ben = "<UserResponse><ErrorCode>InvalidUser</ErrorCode><ErrorMessage>Ben</ErrorMessage></UserResponse>";
    let carla = "<UserResponse><ErrorCode>NoError</ErrorCode><UserSettingErrors><UserSettingError><ErrorCode>InvalidSetting</ErrorCode>\
                 <SettingName>GroupingInformation</SettingName></UserSettingError></UserSettingErrors></UserResponse>";
    let answers = soap::read(&soap_answer(&[&anna, ben, carla].concat()), 3).unwrap();
    let UserAnswer::Settings(anna) = &answers[0] else { panic!() };
    assert_eq!(anna.ews_url(UrlChoice::External), Some("https://out.example.com/EWS/Exchange.asmx"));
    assert_eq!(anna.ews_url(UrlChoice::Internal), Some("https://in.example.com/EWS/Exchange.asmx"));
    assert_eq!((anna.speaks(), anna.versions.len()), (Some(ServerVersion::Exchange2013Sp1), 3));
    assert_eq!(anna.grouping.as_deref(), Some("Default-First-Site-Name"));
    assert!(matches!(&answers[1], UserAnswer::Refused(failure) if failure.code == "InvalidUser"));
    assert!(matches!(&answers[2], UserAnswer::Settings(settings) if settings.refused == ["GroupingInformation"]));
    assert!(matches!(soap::read(&soap_answer(ben), 2), Err(ReadError::OtherAnswer { .. })), "whose answer is missing is not known");
}

#[test]
fn b48_the_soap_protocol_needs_exchange_2010() {
    let ask = |count: usize| soap::GetUserSettings {
        to: "https://a.b".into(),
        mailboxes: vec!["a@b.c".to_owned(); count],
        settings: vec![Setting::ExternalEwsUrl],
    };
    assert!(matches!(ask(1).request(ServerVersion::Exchange2007Sp1), Err(WriteError::Version { .. })));
    assert!(ask(100).request(ServerVersion::Exchange2010).is_ok());
    assert!(matches!(ask(101).request(ServerVersion::LATEST), Err(WriteError::Invalid { .. })));
    assert!(matches!(ask(0).request(ServerVersion::LATEST), Err(WriteError::Nothing { .. })));
    let newest = String::from_utf8(ask(1).request(ServerVersion::LATEST).unwrap().body).unwrap();
    assert!(newest.contains(">Exchange2013<"), "later names are not known to every server");
}

#[test]
fn b48_faults_and_refusals_of_the_whole_are_told() {
    let fault =
        b"<s:Envelope xmlns:s='s'><s:Body><s:Fault><faultcode>a:InvalidRequestedServerVersion</faultcode><faultstring>x</faultstring>\
        </s:Fault></s:Body></s:Envelope>";
    assert!(matches!(soap::read(fault, 1), Err(ReadError::Fault(f)) if f.code == "InvalidRequestedServerVersion"));
    let busy = b"<Envelope><Body><GetUserSettingsResponseMessage><Response><ErrorCode>ServerBusy</ErrorCode></Response>\
        </GetUserSettingsResponseMessage></Body></Envelope>";
    assert!(matches!(soap::read(busy, 1), Err(ReadError::Fault(f)) if f.code == "ServerBusy"));
}

pub fn pox_account(account: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Autodiscover xmlns=\"r\"><Response xmlns=\"o\"><User><DisplayName>A</DisplayName></User>\
         <Account><AccountType>email</AccountType>{account}</Account></Response></Autodiscover>"
    )
    .into_bytes()
}

#[test]
fn feat_c07_protocols_of_outlook_give_both_urls() {
    let urls = |protocols: &str| {
        let body = pox_account(&format!("<Action>settings</Action>{protocols}"));
        let UserAnswer::Settings(settings) = pox::read(&body).unwrap() else { panic!() };
        let of = |choice| settings.ews_url(choice).unwrap_or("none").to_owned();
        (of(UrlChoice::Internal), of(UrlChoice::External))
    };
    let both = "<Protocol><Type>EXCH</Type><EwsUrl>in</EwsUrl><ASUrl>old</ASUrl></Protocol><Protocol><Type>EXPR</Type><ASUrl>out</ASUrl></Protocol>";
    assert_eq!(urls(both), ("in".into(), "out".into()));
    let http = "<Protocol><Type>EXHTTP</Type><EwsUrl>in</EwsUrl></Protocol><Protocol Type=\"EXHTTP\"><EwsUrl>out</EwsUrl></Protocol>";
    assert_eq!(urls(http), ("in".into(), "out".into()));
    assert_eq!(urls("<Protocol><Type>EXHTTP</Type><EwsUrl>one</EwsUrl></Protocol>"), ("one".into(), "one".into()));
    assert_eq!(urls("<Protocol><Type>WEB</Type><EwsUrl>web</EwsUrl></Protocol>"), ("none".into(), "none".into()));
}

#[test]
fn b48_plain_redirects_are_read() {
    let address = pox_account("<Action>redirectAddr</Action><RedirectAddr>a@b.c</RedirectAddr>");
    assert_eq!(pox::read(&address).unwrap(), UserAnswer::RedirectAddress("a@b.c".into()));
    let url = pox_account("<Action>redirectUrl</Action><RedirectUrl>https://b.c/x.xml</RedirectUrl>");
    assert_eq!(pox::read(&url).unwrap(), UserAnswer::RedirectUrl("https://b.c/x.xml".into()));
}

#[test]
fn b48_hostile_answers_are_refused_by_name() {
    let bomb = b"<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><Autodiscover>&c;</Autodiscover>";
    let mut huge = b"<Autodiscover><Response>".to_vec();
    huge.resize(MAX_ANSWER_BYTES + 1, b' ');
    let deep = format!("<Envelope><Body>{}", "<a>".repeat(10_000));
    for read in [|body: &[u8]| soap::read(body, 1).map(|_| ()), |body: &[u8]| pox::read(body).map(|_| ())] {
        assert_eq!(read(bomb), Err(ReadError::DocumentType));
        assert!(matches!(read(&huge), Err(ReadError::TooLarge { .. })));
        assert_eq!(read(b"<html><body>Sign in"), Err(ReadError::Html));
        assert_eq!(read(b""), Err(ReadError::Empty));
    }
    assert!(matches!(soap::read(deep.as_bytes(), 1), Err(ReadError::TooDeep { .. })));
    let entity = pox_account("<Action>&xxe;</Action>");
    assert!(matches!(pox::read(&entity), Err(ReadError::Entity { .. })));
    assert!(matches!(pox::read(b"<Autodiscover><Response/></Autodiscover>"), Err(ReadError::OtherAnswer { .. })));
}

proptest! {
    #[test]
    fn no_answer_of_autodiscover_ends_in_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..2_000) {
        let _read_or_refused = (soap::read(&bytes, 1), pox::read(&bytes));
        let whole = soap_answer(&soap_settings(&[("ExternalEwsUrl", "https://a.b")]));
        let end = cut.min(whole.len());
        prop_assert_eq!(soap::read(&whole[..end], 1).is_ok(), end == whole.len());
    }
}
