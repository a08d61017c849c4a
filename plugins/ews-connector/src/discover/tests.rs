use std::cell::RefCell;

use calport_ews_protocol::autodiscover::Options;
use calport_sdk::common::ErrorKind;

use super::*;
use crate::tests::{client, good};

const EWS: &str = "https://mail.example.com/EWS/Exchange.asmx";

/// Recorded answers by the beginning of what is asked (`ASK URL`, `GET URL`, `SRV NAME`), and all that was asked.
#[derive(Default)]
struct Told {
    answers: Vec<(&'static str, Result<Response, HttpError>)>,
    records: Vec<SrvRecord>,
    asked: RefCell<Vec<String>>,
}

impl Told {
    fn on(mut self, asked: &'static str, answer: Result<Response, HttpError>) -> Self {
        self.answers.push((asked, answer));
        self
    }

    fn hear(&self, asked: String) -> Result<Response, HttpError> {
        let answer = self.answers.iter().find(|(part, _)| asked.starts_with(part)).map(|(_, answer)| answer.clone());
        self.asked.borrow_mut().push(asked);
        answer.unwrap_or_else(|| Err(HttpError::Unreachable("no such name".to_owned())))
    }
}

impl Network for Told {
    fn ask(&self, ask: &Ask) -> Result<Response, HttpError> {
        self.hear(format!("ASK {}", ask.url))
    }
    fn probe(&self, url: &str) -> Result<Response, HttpError> {
        self.hear(format!("GET {url}"))
    }
    fn srv(&self, name: &str) -> Result<Vec<SrvRecord>, Error> {
        self.asked.borrow_mut().push(format!("SRV {name}"));
        Ok(self.records.clone())
    }
}

fn answered(status: u16, headers: &[(&str, &str)], body: String) -> Result<Response, HttpError> {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Ok(Response { status, headers, body: body.into_bytes() })
}

/// A plain answer that tells these URLs.
fn account(internal: &str, external: &str) -> Result<Response, HttpError> {
    let body = format!(
        "<Autodiscover><Response><Account><Action>settings</Action><Protocol><Type>EXCH</Type><EwsUrl>{internal}</EwsUrl></Protocol>\
         <Protocol><Type>EXPR</Type><EwsUrl>{external}</EwsUrl></Protocol></Account></Response></Autodiscover>"
    );
    answered(200, &[], body)
}

fn run(search: Options, hosts: &[&str], network: &Told) -> Report {
    let (mut client, _) = client(good(&[]));
    client.search = search;
    let hosts: Vec<String> = hosts.iter().map(|h| (*h).to_owned()).collect();
    discover(&client, "anna@example.com", &hosts, network).unwrap()
}

fn wanted() -> Options {
    Options::default()
}

fn last(report: &Report) -> &DiscoveryStep {
    report.steps.last().unwrap()
}

const POX: &str = "ASK https://autodiscover.example.com/autodiscover/autodiscover.xml";
const SOAP: &str = "ASK https://autodiscover.example.com/autodiscover/autodiscover.svc";

#[test]
fn feat_c07_what_is_found_is_told_with_every_step_and_can_be_pinned() {
    let network =
        Told::default().on(SOAP, answered(404, &[], String::new())).on(POX, account("https://in.example.com/EWS/Exchange.asmx", EWS));
    let report = run(wanted(), &[], &network);
    let found: Vec<_> = report.endpoints.iter().map(|e| (e.name.as_str(), e.url.as_str())).collect();
    assert_eq!(found, [("ews", EWS)]);
    let steps: Vec<String> = report.steps.iter().map(|s| format!("{}: {}", s.tried, s.outcome)).collect();
    assert_eq!(
        steps[..2],
        [
            "SOAP https://autodiscover.example.com/autodiscover/autodiscover.svc: HTTP 404",
            "POX https://autodiscover.example.com/autodiscover/autodiscover.xml: found https://mail.example.com/EWS/Exchange.asmx",
        ]
    );
    assert!(last(&report).outcome.ends_with("set it as the endpoint's `url`"), "{:?}", last(&report));
}

#[test]
fn feat_c07_the_url_inside_is_taken_where_it_is_preferred() {
    let network =
        Told::default().on(POX, account("https://in.example.com/EWS/Exchange.asmx", EWS)).on(SOAP, answered(404, &[], String::new()));
    let options = Options { choice: UrlChoice::Internal, ..Options::default() };
    let report = run(options, &[], &network);
    assert_eq!(report.endpoints[0].url, "https://in.example.com/EWS/Exchange.asmx");
    assert!(last(&report).outcome.contains("(internal; told by https://autodiscover.example.com/"), "{:?}", last(&report));
}

#[test]
fn b48_nothing_found_is_told_with_the_steps_and_no_endpoint() {
    let network = Told::default();
    let report = run(wanted(), &[], &network);
    assert_eq!(report.endpoints, []);
    assert!(last(&report).outcome.starts_with("no Autodiscover was found for example.com"), "{:?}", last(&report));
    let asked = network.asked.borrow();
    let begins: Vec<&str> = asked.iter().map(|a| &a[..4]).collect();
    assert_eq!(begins, ["ASK ", "ASK ", "GET ", "GET ", "SRV "], "{asked:?}");
}

#[test]
fn b48_another_domain_gets_the_credential_only_where_it_was_agreed() {
    let elsewhere = "https://mail.hoster.net/autodiscover/autodiscover.xml";
    let network = || {
        let redirect = answered(302, &[("location", elsewhere)], String::new());
        let found = account("", "https://mail.hoster.net/EWS/Exchange.asmx");
        Told::default()
            .on("GET http://autodiscover.example.com/", redirect)
            .on("ASK https://mail.hoster.net/autodiscover/autodiscover.svc", answered(404, &[], String::new()))
            .on("ASK https://mail.hoster.net/autodiscover/autodiscover.xml", found)
    };
    let refused = network();
    let report = run(wanted(), &[], &refused);
    assert_eq!(report.endpoints, []);
    assert!(refused.asked.borrow().iter().all(|a| !a.contains("hoster.net")), "{:?}", refused.asked);
    assert!(last(&report).outcome.contains("mail.hoster.net"), "{:?}", last(&report));
    let remedy = report.steps.iter().find(|s| s.tried == "mail.hoster.net").unwrap();
    assert!(remedy.outcome.contains("add it to `hosts` of the connection's `discovery`"), "{remedy:?}");
    let agreed = run(wanted(), &[" MAIL.hoster.net"], &network());
    assert_eq!(agreed.endpoints[0].url, "https://mail.hoster.net/EWS/Exchange.asmx");
    assert_eq!(run(wanted(), &["hoster.net"], &network()).endpoints.len(), 1, "below a domain that was agreed to");
    for other in ["oster.net", "net.", "", "x.mail.hoster.net"] {
        assert_eq!(run(wanted(), &[other], &network()).endpoints, [], "{other}");
    }
}

#[test]
fn b48_the_host_of_the_configured_url_needs_no_further_consent() {
    let network = Told::default().on(SOAP, answered(404, &[], String::new())).on(POX, account("", "https://ews.example/EWS/Exchange.asmx"));
    assert_eq!(run(wanted(), &[], &network).endpoints[0].url, "https://ews.example/EWS/Exchange.asmx");
}

#[test]
fn b48_a_refused_password_is_tried_once_and_the_hosts_words_are_told() {
    let network = Told::default().on("ASK", Err(HttpError::Unauthorized("Kerberos gave no ticket: no keytab".to_owned())));
    let report = run(wanted(), &[], &network);
    assert_eq!((network.asked.borrow().len(), report.endpoints.len()), (1, 0));
    assert!(report.steps.iter().any(|s| s.tried == "login" && s.outcome.contains("no keytab")), "{:?}", report.steps);
    assert!(last(&report).outcome.contains("refused the user or the password"), "{:?}", last(&report));
}

#[test]
fn b48_service_records_lead_to_another_port_and_endless_servers_come_to_an_end() {
    let record = SrvRecord { priority: 0, weight: 0, port: 8443, target: "mail.example.com".to_owned() };
    let network = Told { records: vec![record], ..Told::default() }
        .on("ASK https://mail.example.com:8443/autodiscover/autodiscover.svc", answered(404, &[], String::new()))
        .on("ASK https://mail.example.com:8443/autodiscover/autodiscover.xml", account("", EWS));
    assert_eq!(run(wanted(), &[], &network).endpoints[0].url, EWS);
    let circle =
        Told::default().on("ASK", answered(302, &[("location", "https://a.example.com/autodiscover/autodiscover.xml")], String::new()));
    assert_eq!(run(wanted(), &[], &circle).endpoints, []);
}

#[test]
fn feat_c07_without_an_address_it_is_searched_for_the_test_user_and_what_is_none_is_refused() {
    let (client, _) = client(good(&[]));
    let network = Told::default();
    discover(&client, " ", &[], &network).unwrap();
    assert!(network.asked.borrow()[0].contains("autodiscover.example.com"), "test@example.com: {:?}", network.asked);
    let error = discover(&client, "anna", &[], &network).unwrap_err();
    assert!(matches!(&error.kind, ErrorKind::Invalid(v) if v.field == "address"), "{error:?}");
}

#[test]
fn b48_the_host_sends_questions_as_they_are_and_asks_the_way_without_a_credential() {
    let recorded = calport_sdk::testing::Recorded::new().on("POST", "/autodiscover/autodiscover.svc", 200, "x");
    let network = HostNetwork(&recorded);
    let headers = vec![("content-type", "text/xml; charset=utf-8".to_owned()), ("soapaction", "\"a\"".to_owned())];
    let protocol = calport_ews_protocol::autodiscover::Protocol::Soap;
    let ask = Ask { protocol, url: "https://a.example.com/autodiscover/autodiscover.svc".to_owned(), headers, body: b"<x/>".to_vec() };
    assert_eq!(network.ask(&ask).unwrap().body, b"x");
    let sent = &recorded.requests()[0];
    assert_eq!((sent.body.as_deref(), sent.safe_to_repeat), (Some(b"<x/>".as_slice()), true));
    let mut names: Vec<&str> = sent.headers.iter().map(|(n, _)| n.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "soapaction"]);
    assert!(!sent.anonymous);
    network.probe("http://autodiscover.example.com/autodiscover/autodiscover.xml").unwrap_err();
    let probe = &recorded.requests()[1];
    assert!(probe.anonymous && probe.headers.is_empty() && probe.body.is_none(), "{probe:?}");
}

#[test]
fn a_host_is_read_out_of_any_url() {
    let hosts = ["https://A.b/EWS", "https://a.b:444/x", "https://[fd00::7]:8443/x", "https://[fd00::7]/x", "a.b"].map(host);
    assert_eq!(hosts, ["A.b", "a.b", "[fd00::7]", "[fd00::7]", "a.b"]);
}
