//! The procedure of Autodiscover against servers that answer anything.

use std::collections::BTreeSet;

use calport_ews_protocol::ServerVersion;
use calport_ews_protocol::autodiscover::{
    Ask, Discovery, DiscoveryError, MOST_REDIRECTS, Options, Outcome, Protocol, Step, StepAnswer, UrlChoice,
};
use calport_sdk::dns::SrvRecord;
use proptest::prelude::*;

use crate::autodiscover::{pox_account, soap_answer, soap_code, soap_settings};

const EWS: &str = "https://mail.contoso.com/EWS/Exchange.asmx";

fn begin(options: Options) -> Discovery {
    Discovery::new("anna@contoso.com", options).unwrap()
}

fn http(status: u16, location: Option<&str>, body: Vec<u8>) -> StepAnswer {
    StepAnswer::Http { status, location: location.map(str::to_owned), body }
}

fn nothing() -> StepAnswer {
    StepAnswer::NoAnswer("connection refused".into())
}

fn found_at(url: &str) -> StepAnswer {
    http(200, None, soap_answer(&soap_settings(&[("ExternalEwsUrl", url)])))
}

/// A step as a line: what is asked, and where.
fn line(step: &Step) -> String {
    match step {
        Step::Ask(Ask { protocol, url, .. }) => format!("{protocol:?} {url}"),
        Step::Probe { url } => format!("GET {url}"),
        Step::Srv { name } => format!("SRV {name}"),
        Step::Consent { host, .. } => format!("consent {host}"),
        Step::Done(found) => format!("done {}", found.ews_url),
        Step::Failed(error) => format!("failed {error}"),
    }
}

/// Walks to the end; `answer` gives what comes of each step.
fn walk(discovery: &mut Discovery, mut answer: impl FnMut(&Step) -> StepAnswer) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..1_000 {
        let step = discovery.step();
        lines.push(line(&step));
        if matches!(step, Step::Done(_) | Step::Failed(_)) {
            assert_eq!(discovery.step(), step, "the end stays");
            return lines;
        }
        discovery.answer(answer(&step));
    }
    panic!("no end: {lines:#?}");
}

#[test]
fn b48_candidates_come_in_order() {
    let lines = walk(&mut begin(Options::default()), |_| http(404, None, Vec::new()));
    let expected = [
        "Soap https://autodiscover.contoso.com/autodiscover/autodiscover.svc",
        "Pox https://autodiscover.contoso.com/autodiscover/autodiscover.xml",
        "Soap https://contoso.com/autodiscover/autodiscover.svc",
        "Pox https://contoso.com/autodiscover/autodiscover.xml",
        "GET http://autodiscover.contoso.com/autodiscover/autodiscover.xml",
        "GET http://contoso.com/autodiscover/autodiscover.xml",
        "SRV _autodiscover._tcp.contoso.com",
    ];
    assert_eq!(lines[..7], expected);
    assert!(lines[7].starts_with("failed no Autodiscover was found for contoso.com") && lines.len() == 8, "{lines:?}");
    let url = Some("https://ad.fabrikam.com".to_owned());
    let lines = walk(&mut begin(Options { url, version: ServerVersion::Exchange2007, ..Options::default() }), |_| nothing());
    assert_eq!(lines[0], "Pox https://ad.fabrikam.com/autodiscover/autodiscover.xml", "configured first, and no SOAP in 2007");
    assert_eq!(lines[1], "Pox https://autodiscover.contoso.com/autodiscover/autodiscover.xml");
    let url = Some("https://ad.fabrikam.com:8443/Own/Discover.XML".to_owned());
    let lines = walk(&mut begin(Options { url, ..Options::default() }), |_| nothing());
    assert_eq!(lines[..2], ["Pox https://ad.fabrikam.com:8443/Own/Discover.XML", expected[0]]);
}

#[test]
fn b48_what_cannot_begin_says_why() {
    for address in ["anna", "anna@", "anna@1.2.3.4", "an na@contoso.com", "anna@contoso.com\r\nx"] {
        let error = Discovery::new(address, Options::default()).unwrap_err();
        assert!(matches!(error, DiscoveryError::Address(_)), "{address}");
    }
    for url in ["http://a.b/", "https://user:pw@a.b/", "a.b", ""] {
        let options = Options { url: Some(url.into()), ..Options::default() };
        assert_eq!(Discovery::new("a@b.c", options).unwrap_err(), DiscoveryError::Url, "{url}");
    }
}

#[test]
fn feat_c07_what_was_found_tells_everything_and_the_way() {
    let mut discovery = begin(Options { choice: UrlChoice::Internal, ..Options::default() });
    let settings = [("ExternalEwsUrl", EWS), ("InternalEwsUrl", "https://in.contoso.com/EWS/Exchange.asmx"), ("GroupingInformation", "G")];
    walk(&mut discovery, |step| match step {
        Step::Ask(ask) if ask.url.contains("//contoso") => http(200, None, soap_answer(&soap_settings(&settings))),
        _ => nothing(),
    });
    let Step::Done(found) = discovery.step() else { panic!() };
    assert_eq!((found.ews_url.as_str(), found.choice), ("https://in.contoso.com/EWS/Exchange.asmx", UrlChoice::Internal));
    assert_eq!(found.settings.grouping.as_deref(), Some("G"));
    assert_eq!(found.told_by, "https://contoso.com/autodiscover/autodiscover.svc");
    let tried: Vec<String> = discovery.attempts().iter().map(ToString::to_string).collect();
    let expected = [
        "SOAP https://autodiscover.contoso.com/autodiscover/autodiscover.svc: no answer: connection refused",
        "SOAP https://contoso.com/autodiscover/autodiscover.svc: found https://in.contoso.com/EWS/Exchange.asmx",
    ];
    assert_eq!(tried, expected, "a host that does not answer is not asked by the other protocol");
}

#[test]
fn feat_c07_the_other_url_serves_where_the_wished_one_is_missing_or_plain() {
    let settings = [("ExternalEwsUrl", EWS), ("InternalEwsUrl", "http://in/EWS/Exchange.asmx")];
    let mut discovery = begin(Options { choice: UrlChoice::Internal, ..Options::default() });
    walk(&mut discovery, |_| http(200, None, soap_answer(&soap_settings(&settings))));
    let Step::Done(found) = discovery.step() else { panic!() };
    assert_eq!((found.ews_url.as_str(), found.choice), (EWS, UrlChoice::External));
    assert!(matches!(&discovery.attempts()[0].outcome, Outcome::Found { other: true, .. }));
    let mut discovery = begin(Options::default());
    walk(&mut discovery, |_| http(200, None, soap_answer(&soap_settings(&[("ExternalEwsUrl", "http://mail.contoso.com/EWS")]))));
    assert!(matches!(&discovery.attempts()[0].outcome, Outcome::NotSecure(url) if url == "http://mail.contoso.com/EWS"));
}

#[test]
fn b48_a_redirect_over_http_leads_to_https_only_and_elsewhere_only_with_consent() {
    let redirect = |to: &'static str| {
        move |step: &Step| match step {
            Step::Probe { url } if url.starts_with("http://autodiscover.") => http(302, Some(to), Vec::new()),
            Step::Ask(ask) if ask.url.contains("outlook.example") => found_at("https://outlook.example/EWS/Exchange.asmx"),
            Step::Consent { .. } => StepAnswer::Consent(true),
            _ => nothing(),
        }
    };
    let to = "https://autodiscover-s.outlook.example/autodiscover/autodiscover.xml";
    let mut discovery = begin(Options::default());
    let lines = walk(&mut discovery, redirect(to));
    let expected = [
        "GET http://autodiscover.contoso.com/autodiscover/autodiscover.xml",
        "consent autodiscover-s.outlook.example",
        "Soap https://autodiscover-s.outlook.example/autodiscover/autodiscover.svc",
        "consent outlook.example",
        "done https://outlook.example/EWS/Exchange.asmx",
    ];
    assert_eq!(lines[2..], expected);
    let allowed = Options { hosts: vec!["Outlook.example.".into()], ..Options::default() };
    assert!(!walk(&mut begin(allowed), redirect(to)).iter().any(|line| line.starts_with("consent")));
    let lines = walk(&mut begin(Options::default()), redirect("http://autodiscover.contoso.com/elsewhere.xml"));
    assert!(!lines.iter().any(|line| line.contains("elsewhere")), "{lines:?}");
}

#[test]
fn b48_without_consent_the_error_names_the_host() {
    let mut discovery = begin(Options::default());
    let lines = walk(&mut discovery, |step| match step {
        Step::Srv { .. } => {
            let record = |target: &str, port| SrvRecord { priority: 0, weight: 0, port, target: target.into() };
            let evil = ["mail.fabrikam.com", ".", "1.2.3.4", "a b", "mail.contoso.com."].map(|target| record(target, 443));
            StepAnswer::Records([&evil[..], &[record("x.contoso.com", 0), record("y.contoso.com", 8443)]].concat())
        }
        Step::Consent { .. } => StepAnswer::Consent(false),
        _ => nothing(),
    });
    let asked: Vec<&String> = lines.iter().filter(|line| line.starts_with("Soap") || line.starts_with("consent")).skip(2).collect();
    let expected = [
        "consent mail.fabrikam.com",
        "Soap https://mail.contoso.com/autodiscover/autodiscover.svc",
        "Soap https://y.contoso.com:8443/autodiscover/autodiscover.svc",
    ];
    assert_eq!(asked, expected);
    assert_eq!(discovery.step(), Step::Failed(DiscoveryError::NoConsent { hosts: vec!["mail.fabrikam.com".into()] }));
    assert!(
        discovery
            .attempts()
            .iter()
            .any(|attempt| attempt.to_string() == "consent mail.fabrikam.com: not given: no credential is sent there")
    );
}

#[test]
fn b48_another_address_begins_anew_and_its_domain_is_not_trusted() {
    let mut discovery = begin(Options::default());
    let lines = walk(&mut discovery, |step| match step {
        Step::Ask(ask) if ask.url.contains("contoso.com") => http(200, None, soap_code("RedirectAddress", "Anna@fabrikam.com")),
        Step::Ask(_) => found_at("https://mail.fabrikam.com/EWS"),
        Step::Consent { .. } => StepAnswer::Consent(true),
        _ => nothing(),
    });
    assert_eq!(lines[1], "consent autodiscover.fabrikam.com");
    assert_eq!(lines.last().unwrap(), "done https://mail.fabrikam.com/EWS");
    let Step::Done(found) = discovery.step() else { panic!() };
    assert_eq!(found.address, "Anna@fabrikam.com");
}

#[test]
fn b48_servers_that_point_at_each_other_end() {
    let mut here = false;
    let mut discovery = begin(Options::default());
    walk(&mut discovery, |step| match step {
        Step::Ask(_) => {
            here = !here;
            http(200, None, soap_code("RedirectAddress", if here { "b@contoso.com" } else { "ANNA@contoso.com" }))
        }
        _ => nothing(),
    });
    assert_eq!(discovery.attempts()[1].outcome, Outcome::Again, "back to the first address, in other letters");
    let mut discovery = begin(Options::default());
    let lines = walk(&mut discovery, |_| http(302, Some("/autodiscover/autodiscover.svc"), Vec::new()));
    assert!(lines.len() < 20, "{lines:?}");
    assert!(discovery.attempts().iter().any(|attempt| attempt.outcome == Outcome::Again));
}

#[test]
fn b48_the_eleventh_redirect_is_not_followed() {
    for by_address in [false, true] {
        let mut count = 0;
        let mut discovery = begin(Options::default());
        let lines = walk(&mut discovery, |_| {
            count += 1;
            match by_address {
                true => http(200, None, soap_code("RedirectAddress", &format!("a{count}@contoso.com"))),
                false => http(307, Some(&format!("https://mail{count}.contoso.com/autodiscover.svc")), Vec::new()),
            }
        });
        assert_eq!(lines.len(), MOST_REDIRECTS + 2, "the first question, ten redirects, the end");
        assert_eq!(discovery.step(), Step::Failed(DiscoveryError::Redirects));
    }
}

#[test]
fn b48_a_refused_credential_is_not_tried_again() {
    for refusal in [StepAnswer::Unauthorized, http(401, None, Vec::new())] {
        let mut discovery = begin(Options::default());
        let lines = walk(&mut discovery, |_| refusal.clone());
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("autodiscover.contoso.com refused") && lines[1].contains("locked"), "{}", lines[1]);
    }
}

#[test]
fn b49_a_login_form_is_named() {
    let mut discovery = begin(Options::default());
    walk(&mut discovery, |step| match step {
        Step::Ask(Ask { protocol: Protocol::Soap, .. }) => http(302, Some("/owa/auth/logon.aspx?url=x"), Vec::new()),
        Step::Ask(_) => http(200, None, b"<!DOCTYPE html><html>".to_vec()),
        _ => http(440, None, Vec::new()),
    });
    assert_eq!(discovery.attempts()[0].outcome, Outcome::LoginForm);
    assert!(discovery.attempts()[1].to_string().contains("login form"));
}

#[test]
fn b54_an_unknown_mailbox_is_told_by_the_servers_word() {
    let mut discovery = begin(Options::default());
    walk(&mut discovery, |step| match step {
        Step::Ask(Ask { protocol: Protocol::Soap, .. }) => http(200, None, soap_code("InvalidUser", "")),
        Step::Ask(_) => http(500, None, b"oops".to_vec()),
        _ => nothing(),
    });
    assert_eq!(discovery.step(), Step::Failed(DiscoveryError::Refused { code: "InvalidUser".into() }));
    assert_eq!(discovery.attempts()[1].outcome, Outcome::Status(500));
}

#[test]
fn b48_hostile_bodies_are_noted_and_the_way_goes_on() {
    let mut huge = b"<Envelope>".to_vec();
    huge.resize(2 << 20, b' ');
    let bomb = b"<!DOCTYPE a [<!ENTITY b \"c\">]><Envelope>&b;</Envelope>".to_vec();
    let mut bodies = [huge, bomb, "<a>".repeat(1_000).into_bytes(), Vec::new()].into_iter().cycle();
    let mut discovery = begin(Options::default());
    let lines = walk(&mut discovery, |_| http(200, None, bodies.next().unwrap()));
    assert_eq!(lines.len(), 8, "every candidate was tried");
    assert!(discovery.attempts().iter().take(4).all(|attempt| matches!(attempt.outcome, Outcome::Unreadable(_))));
}

/// Where a hostile server points.
fn places() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![4 => Just("https://"), 1 => Just("http://"), 1 => Just("HTTP://"), 1 => Just("//"), 1 => Just("ftp://")];
    let user = prop_oneof![8 => Just(""), 1 => Just("contoso.com@"), 1 => Just("a:b@")];
    let host = prop_oneof![
        6 => "mail[0-9]{1,2}\\.contoso\\.com",
        1 => Just("contoso.com.evil.net".to_owned()),
        1 => Just("evilcontoso.com".to_owned()),
        2 => "h[0-9]\\.evil\\.net",
        1 => Just("ok.fabrikam.com".to_owned()),
        1 => Just("192.0.2.1".to_owned()),
        1 => Just("[2001:db8::1]".to_owned()),
        1 => Just("autodiscover.contoso.com\\@evil.net".to_owned()),
        1 => Just("MAIL.CONTOSO.COM.:8443".to_owned()),
        1 => Just(String::new()),
    ];
    let path = prop_oneof![Just("/autodiscover.svc"), Just("/a.xml?x=1"), Just("/"), Just("/owa/auth/logon.aspx"), Just("")];
    (scheme, user, host, path).prop_map(|(scheme, user, host, path)| format!("{scheme}{user}{host}{path}"))
}

fn answers() -> impl Strategy<Value = StepAnswer> {
    let status = prop_oneof![4 => Just(302_u16), 1 => Just(200), 1 => Just(404), 1 => Just(500), 1 => Just(301)];
    let record = ("[a-z]{1,3}\\.(contoso\\.com|evil\\.net)", any::<u16>());
    let address = "a[0-9]{1,2}@(contoso\\.com|evil\\.net|mail\\.contoso\\.com)";
    prop_oneof![
        6 => (status, places()).prop_map(|(status, to)| http(status, Some(&to), Vec::new())),
        4 => places().prop_map(|to| http(200, None, soap_code("RedirectUrl", &to.replace('&', "")))),
        2 => places().prop_map(|to| http(200, None, pox_account(&format!("<Action>redirectUrl</Action><RedirectUrl>{to}</RedirectUrl>")))),
        3 => address.prop_map(|to| http(200, None, soap_code("RedirectAddress", &to))),
        1 => places().prop_map(|to| found_at(&to)),
        2 => Just(http(404, None, Vec::new())),
        2 => Just(nothing()),
        2 => any::<bool>().prop_map(StepAnswer::Consent),
        3 => proptest::collection::vec(record, 0..8).prop_map(|records| StepAnswer::Records(
            records.into_iter().map(|(target, port)| SrvRecord { priority: 0, weight: 0, port, target }).collect()
        )),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(|body| http(200, None, body)),
    ]
}

/// The host of a URL, as a client that sends it would see it.
fn host(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    assert!(url.username().is_empty() && url.password().is_none(), "{url}");
    url.host_str().unwrap().trim_end_matches('.').to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever servers answer: no credential over http, none to a foreign host without consent, ten redirects, nothing twice.
    #[test]
    fn b48_no_credential_goes_astray(script in proptest::collection::vec(answers(), 1..60)) {
        let mut discovery = begin(Options { hosts: vec!["fabrikam.com".into()], ..Options::default() });
        let own = |host: &str| ["contoso.com", "fabrikam.com"].iter().any(|d| host == *d || host.ends_with(&format!(".{d}")));
        let (mut agreed, mut refused, mut asked) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut script = script.into_iter().cycle();
        let mut steps = 0;
        loop {
            steps += 1;
            prop_assert!(steps < 500, "no end");
            let answer = script.next().unwrap();
            match discovery.step() {
                Step::Ask(ask) => {
                    prop_assert!(ask.url.starts_with("https://"), "{}", ask.url);
                    let host = host(&ask.url);
                    prop_assert!(own(&host) || agreed.contains(&host), "{}", ask.url);
                    let anchor = ask.headers.iter().find(|(name, _)| *name == "x-anchormailbox").unwrap().1.clone();
                    prop_assert!(asked.insert((ask.protocol as u8, ask.url, anchor.to_lowercase())), "asked twice");
                }
                Step::Probe { url } => prop_assert!(url.starts_with("http://")),
                Step::Srv { name } => prop_assert!(name.starts_with("_autodiscover._tcp.")),
                Step::Consent { host, .. } => {
                    prop_assert!(!own(&host) && !agreed.contains(&host) && !refused.contains(&host), "{host} is asked for once");
                    if answer == StepAnswer::Consent(true) { agreed.insert(host) } else { refused.insert(host) };
                }
                Step::Done(found) => {
                    prop_assert!(found.ews_url.starts_with("https://"));
                    let host = host(&found.ews_url);
                    prop_assert!(own(&host) || agreed.contains(&host), "{}", found.ews_url);
                    break;
                }
                Step::Failed(_) => break,
            }
            discovery.answer(answer);
        }
        let followed = discovery.attempts().iter().filter(|a| matches!(a.outcome, Outcome::Redirected(_) | Outcome::Readdressed(_))).count();
        let over = discovery.step() == Step::Failed(DiscoveryError::Redirects);
        prop_assert!(followed <= MOST_REDIRECTS + usize::from(over), "{followed}");
    }
}
