//! Autodiscover: both protocols, every way astray, and what becomes of a mailbox that moves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use std::time::Duration;

use calport_simulators::ews::{Autodiscover, Config, Doors, Reply, Simulator, Version};
use ews_support::{ALICE, BOB, Bench, Got, How, IDS, basic, inside, texts};

const SOAP: &str = "/autodiscover/autodiscover.svc";
const POX: &str = "/autodiscover/autodiscover.xml";
const SCHEMA: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

fn settings_of(mailboxes: &[&str], settings: &[&str]) -> String {
    let users: String = mailboxes.iter().map(|m| format!("<a:User><a:Mailbox>{m}</a:Mailbox></a:User>")).collect();
    let wanted: String = settings.iter().map(|s| format!("<a:Setting>{s}</a:Setting>")).collect();
    format!(
        "<?xml version=\"1.0\"?><soap:Envelope xmlns:a=\"http://schemas.microsoft.com/exchange/2010/Autodiscover\" xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Header><a:RequestedServerVersion>Exchange2010</a:RequestedServerVersion></soap:Header><soap:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users>{users}</a:Users><a:RequestedSettings>{wanted}</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage></soap:Body></soap:Envelope>"
    )
}

fn pox(mailbox: &str) -> String {
    format!(
        "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\"><Request><EMailAddress>{mailbox}</EMailAddress><AcceptableResponseSchema>{SCHEMA}</AcceptableResponseSchema></Request></Autodiscover>"
    )
}

/// A client that follows nothing by itself.
fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn post(url: &str, body: String, authorization: Option<&str>, host: Option<&str>) -> Got {
    let mut request = http().post(url).header("content-type", "text/xml; charset=utf-8").body(body);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    if let Some(value) = host {
        request = request.header("host", value);
    }
    let answer = request.send().await.unwrap();
    Got { status: answer.status().as_u16(), headers: answer.headers().clone(), text: answer.text().await.unwrap() }
}

fn service() -> String {
    How::alice().authorization.unwrap()
}

async fn soap(ews: &Simulator, mailboxes: &[&str], settings: &[&str]) -> Got {
    post(&format!("{}{SOAP}", ews.base_url()), settings_of(mailboxes, settings), Some(&service()), None).await
}

async fn plain(ews: &Simulator, mailbox: &str) -> Got {
    post(&format!("{}{POX}", ews.base_url()), pox(mailbox), Some(&service()), None).await
}

fn value(got: &Got, name: &str) -> String {
    let all = inside(&got.text, "UserSetting");
    let one = all.iter().find(|s| texts(s, "Name") == [name]).unwrap_or_else(|| panic!("no {name} in {}", got.text));
    texts(one, "Value").remove(0)
}

fn autodiscover(ews: &Simulator, change: impl FnOnce(&mut Autodiscover)) {
    ews.configure(|config| change(&mut config.autodiscover));
}

#[tokio::test]
async fn c07_settings_are_told_by_soap_for_each_mailbox() {
    let bench = Bench::start().await;
    autodiscover(&bench.ews, |a| {
        a.internal_url = Some("https://inside.example.test/EWS/Exchange.asmx".to_owned());
        a.grouping.insert(BOB.to_owned(), "Site-2".to_owned());
    });
    let wanted = [
        "UserDisplayName",
        "ExternalEwsUrl",
        "InternalEwsUrl",
        "EwsSupportedSchemas",
        "GroupingInformation",
        "MobileMailboxPolicy",
        "Sparkle",
    ];
    let got = soap(&bench.ews, &[ALICE, "nobody@example.test", BOB], &wanted).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let users: Vec<Got> =
        inside(&got.text, "UserResponse").into_iter().map(|text| Got { text, headers: got.headers.clone(), status: 200 }).collect();
    assert_eq!(users.iter().map(|u| u.texts("ErrorCode")[0].clone()).collect::<Vec<_>>(), ["NoError", "InvalidUser", "NoError"]);
    assert_eq!(value(&users[0], "UserDisplayName"), "Alice Amber");
    assert_eq!(value(&users[0], "ExternalEwsUrl"), bench.ews.url());
    assert_eq!(value(&users[0], "InternalEwsUrl"), "https://inside.example.test/EWS/Exchange.asmx");
    assert!(value(&users[0], "EwsSupportedSchemas").contains("Exchange2010_SP2, Exchange2013"));
    assert_eq!(value(&users[0], "GroupingInformation"), "Default-First-Site-Name");
    assert_eq!(value(&users[2], "GroupingInformation"), "Site-2");
    let errors = inside(&users[0].text, "UserSettingError");
    let codes: Vec<_> = errors.iter().map(|e| (texts(e, "SettingName").remove(0), texts(e, "ErrorCode").remove(0))).collect();
    assert_eq!(
        codes,
        [("MobileMailboxPolicy".to_owned(), "SettingIsNotAvailable".to_owned()), ("Sparkle".to_owned(), "InvalidSetting".to_owned())]
    );
    assert_eq!(bench.ews.count("GetUserSettings", None), 1);
    assert_eq!(got.texts("h:MajorVersion"), ["15"]);
}

#[tokio::test]
async fn c07_settings_are_told_by_plain_xml_inside_and_outside() {
    let bench = Bench::start().await;
    let outside = bench.ews.url();
    autodiscover(&bench.ews, |a| a.internal_url = Some("https://inside.example.test/EWS/Exchange.asmx".to_owned()));
    for (version, kinds, element) in [
        (Version::Exchange2007Sp1, vec!["EXCH", "EXPR"], "ASUrl"),
        (Version::Exchange2010Sp2, vec!["EXCH", "EXPR"], "EwsUrl"),
        (Version::Exchange2019, vec!["EXCH", "EXPR", "EXHTTP", "EXHTTP"], "EwsUrl"),
    ] {
        bench.ews.configure(|c| c.version = version);
        let got = plain(&bench.ews, ALICE).await;
        assert_eq!((got.text_of("Action").as_str(), got.text_of("DisplayName").as_str()), ("settings", "Alice Amber"));
        assert_eq!(got.texts("Type"), kinds);
        let urls: Vec<String> = got.texts(element);
        assert_eq!(urls.iter().map(|u| u == &outside).collect::<Vec<_>>(), [false, true, false, true][..kinds.len()]);
        assert_eq!(got.texts("EwsUrl").is_empty(), version == Version::Exchange2007Sp1);
        let by_soap = soap(&bench.ews, &[ALICE], &["ExternalEwsUrl"]).await.status;
        assert_eq!(by_soap, if version == Version::Exchange2007Sp1 { 404 } else { 200 });
    }
}

#[tokio::test]
async fn errors_come_in_the_words_of_each_protocol() {
    let bench = Bench::start().await;
    let nobody = plain(&bench.ews, "nobody@example.test").await;
    assert_eq!((nobody.status, nobody.text_of("ErrorCode").as_str()), (200, "500"));
    let url = format!("{}{POX}", bench.ews.base_url());
    for (body, code) in [("<x/>".to_owned(), "600"), (pox("no address"), "600"), (pox(ALICE).replace("2006a", "2099"), "601")] {
        assert_eq!(post(&url, body, Some(&service()), None).await.text_of("ErrorCode"), code);
    }
    let url = format!("{}{SOAP}", bench.ews.base_url());
    let missing = settings_of(&[ALICE], &["ExternalEwsUrl"]).replace("RequestedServerVersion>", "Other>");
    let too_many: Vec<&str> = vec![ALICE; 91];
    for body in [missing, settings_of(&[], &["ExternalEwsUrl"]), settings_of(&[ALICE], &[]), settings_of(&too_many, &["ExternalEwsUrl"])] {
        let got = post(&url, body, Some(&service()), None).await;
        assert_eq!((got.status, got.text_of("ErrorCode").as_str()), (200, "InvalidRequest"));
    }
    assert_eq!(post(&url, "no xml".to_owned(), Some(&service()), None).await.status, 400);
    let other =
        post(&url, settings_of(&[ALICE], &["x"]).replace("GetUserSettingsRequestMessage", "GetSparkle"), Some(&service()), None).await;
    assert!(other.status == 500 && other.text.contains("faultcode"), "{}", other.text);
    autodiscover(&bench.ews, |a| {
        a.addresses.insert(ALICE.to_owned(), Reply::Error { code: "ServerBusy".to_owned() });
    });
    assert_eq!(soap(&bench.ews, &[ALICE], &["ExternalEwsUrl"]).await.texts("ErrorCode"), ["NoError", "ServerBusy"]);
    assert_eq!(plain(&bench.ews, ALICE).await.text_of("ErrorCode"), "603");
}

#[tokio::test]
async fn b48_answers_lead_to_another_address_or_another_place() {
    let bench = Bench::start().await;
    autodiscover(&bench.ews, |a| {
        a.addresses.insert(ALICE.to_owned(), Reply::RedirectAddress { to: BOB.to_owned() });
        a.domains.insert("other.test".to_owned(), Reply::RedirectUrl { to: "https://mail.other.test/a.svc".to_owned() });
        a.domains.insert("loop.test".to_owned(), Reply::Loop);
    });
    let told = |got: &Got| (got.texts("ErrorCode")[1].clone(), got.text_of("RedirectTarget"));
    let word = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(told(&soap(&bench.ews, &[ALICE], &["ExternalEwsUrl"]).await), word("RedirectAddress", BOB));
    let by_url = soap(&bench.ews, &["x@other.test"], &["ExternalEwsUrl"]).await;
    assert_eq!(told(&by_url), word("RedirectUrl", "https://mail.other.test/a.svc"));
    let here = format!("{}{SOAP}", bench.ews.base_url());
    assert_eq!(told(&soap(&bench.ews, &["x@loop.test"], &["ExternalEwsUrl"]).await), word("RedirectUrl", &here));
    let address = plain(&bench.ews, ALICE).await;
    assert_eq!((address.text_of("Action").as_str(), address.text_of("RedirectAddr").as_str()), ("redirectAddr", BOB));
    let url = plain(&bench.ews, "x@other.test").await;
    assert_eq!((url.text_of("Action").as_str(), url.text_of("RedirectUrl").as_str()), ("redirectUrl", "https://mail.other.test/a.svc"));
}

#[tokio::test]
async fn b48_each_host_answers_in_its_own_way_and_before_any_login() {
    let bench = Bench::start().await;
    autodiscover(&bench.ews, |a| {
        let to = "https://mail.example.test/autodiscover/autodiscover.xml".to_owned();
        for (host, reply) in [
            ("missing.test", Reply::Missing),
            ("redirect.test", Reply::Redirect { to }),
            ("loop.test", Reply::Loop),
            ("wrong.test", Reply::Unauthorized),
            ("broken.test", Reply::Status { status: 503 }),
            ("page.test", Reply::Page),
        ] {
            a.hosts.insert(host.to_owned(), reply);
        }
    });
    let url = format!("{}{POX}", bench.ews.base_url());
    for (host, status, place) in [
        ("missing.test", 404, None),
        ("Redirect.test:80", 302, Some("https://mail.example.test/autodiscover/autodiscover.xml")),
        ("loop.test", 302, Some("/autodiscover/autodiscover.xml?hop=1")),
        ("broken.test", 503, None),
        ("page.test", 200, None),
        ("mail.example.test", 401, None),
    ] {
        let got = post(&url, pox(ALICE), None, Some(host)).await;
        let location = got.headers.get("location").map(|l| l.to_str().unwrap());
        assert_eq!((got.status, location), (status, place), "{host}");
    }
    let again = post(&format!("{url}?hop=7"), pox(ALICE), None, Some("loop.test")).await;
    assert_eq!(again.headers["location"], "/autodiscover/autodiscover.xml?hop=8");
    assert!(bench.ews.requests().iter().all(|r| r.scheme.is_none() && r.account.is_none()));
    let refused = post(&url, pox(ALICE), Some(&service()), Some("wrong.test")).await;
    assert_eq!((refused.status, refused.headers.get_all("www-authenticate").iter().count()), (401, 2));
    let last = bench.ews.requests().pop().unwrap();
    assert_eq!((last.scheme.as_deref(), last.host.as_deref()), (Some("Basic"), Some("wrong.test")));
    assert_eq!(post(&url, pox(ALICE), Some(&service()), Some("mail.example.test")).await.text_of("Action"), "settings");
}

#[tokio::test]
async fn b48_a_listener_can_be_a_host_and_a_host_can_be_silent() {
    let bench = Bench::start().await;
    autodiscover(&bench.ews, |a| {
        a.hosts.insert("autodiscover.example.test".to_owned(), Reply::Missing);
        a.hosts.insert("example.test".to_owned(), Reply::Silent);
    });
    let missing = bench.ews.sign("Autodiscover.example.test").await.unwrap();
    let silent = bench.ews.sign("example.test").await.unwrap();
    assert_eq!(post(&format!("{}{SOAP}", missing.base_url()), String::new(), None, None).await.status, 404);
    let asked = http().post(format!("{}{SOAP}", silent.base_url())).timeout(Duration::from_millis(300)).send().await;
    assert!(asked.unwrap_err().is_timeout());
    assert_eq!(soap(&bench.ews, &[ALICE], &["ExternalEwsUrl"]).await.status, 200);
}

#[tokio::test]
async fn c05_the_same_doors_stand_before_autodiscover() {
    let bench = Bench::with(Config { doors: Doors::windows(), oauth: false, ..Config::default() }).await;
    let url = format!("{}{SOAP}", bench.ews.base_url());
    let got = post(&url, settings_of(&[ALICE], &["ExternalEwsUrl"]), None, None).await;
    let offers: Vec<_> = got.headers.get_all("www-authenticate").iter().map(|v| v.to_str().unwrap()).collect();
    assert_eq!((got.status, offers), (401, vec!["Negotiate", "NTLM", "Basic realm=\"\""]));
    assert_eq!(post(&url, settings_of(&[ALICE], &["ExternalEwsUrl"]), Some(&basic("EXAMPLE\\svc-calport", "no")), None).await.status, 401);
    let right = basic("EXAMPLE\\svc-calport", "simulated~password");
    let good = post(&url, settings_of(&[ALICE], &["ExternalEwsUrl"]), Some(&right), None).await;
    assert_eq!(value(&good, "ExternalEwsUrl"), bench.ews.url());
    assert_eq!(http().get(&url).header("authorization", service()).send().await.unwrap().status().as_u16(), 405);
}

#[tokio::test]
async fn b33_a_mailbox_that_moved_is_found_again_at_the_other_server() {
    let bench = Bench::start().await;
    let other = Simulator::beside(&bench.graph, bench.ews.config()).await.unwrap();
    let folder = format!(
        "<m:GetFolder><m:FolderShape>{IDS}</m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:FolderIds></m:GetFolder>"
    );
    let ask = |url: String, who: &'static str| {
        let document = format!(
            "<?xml version=\"1.0\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><soap:Header><t:RequestServerVersion Version=\"Exchange2013_SP1\"/><t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>{who}</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></soap:Header><soap:Body>{folder}</soap:Body></soap:Envelope>"
        );
        async move { post(&url, document, Some(&service()), None).await.text_of("m:ResponseCode") }
    };
    assert_eq!(ask(bench.ews.url(), ALICE).await, "NoError");
    bench.ews.begin_move(ALICE, &other);
    assert_eq!(ask(bench.ews.url(), ALICE).await, "ErrorMailboxMoveInProgress");
    assert_eq!(ask(other.url(), ALICE).await, "ErrorProxyRequestNotAllowed");
    assert_eq!(value(&soap(&bench.ews, &[ALICE], &["ExternalEwsUrl"]).await, "ExternalEwsUrl"), bench.ews.url());
    assert_eq!(value(&soap(&other, &[ALICE], &["ExternalEwsUrl"]).await, "ExternalEwsUrl"), bench.ews.url());
    bench.ews.finish_move(ALICE, &other);
    assert_eq!(ask(bench.ews.url(), ALICE).await, "ErrorProxyRequestNotAllowed");
    assert_eq!(ask(other.url(), ALICE).await, "NoError");
    for server in [&bench.ews, &other] {
        assert_eq!(value(&soap(server, &[ALICE], &["ExternalEwsUrl"]).await, "ExternalEwsUrl"), other.url());
        assert_eq!(plain(server, ALICE).await.texts("EwsUrl"), vec![other.url(); 4]);
    }
    assert_eq!(ask(bench.ews.url(), BOB).await, "NoError");
}
