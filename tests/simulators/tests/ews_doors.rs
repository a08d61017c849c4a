//! The front doors of a company's own server, opened by the host's own client and by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod ews_support;

use std::collections::BTreeMap;
use std::sync::Arc;

use calport_egress::{Auth, Connection, ConnectionPolicy, Egress, EgressError, Endpoint, NoTrace, Request, SystemClock};
use calport_secrets::Secret;
use calport_simulators::ews::proxy::{Mode, Proxy};
use calport_simulators::ews::{Account, Challenges, Config, Doors, Forms, Stranger};
use ews_support::{ALICE, Bench};
use http::Method;

const USER: &str = "svc@example.test";
const PASSWORD: &str = "Passw0rd";

fn config(doors: Doors) -> Config {
    Config { doors, basic: false, oauth: false, accounts: vec![Account::service(USER, PASSWORD)], ..Config::default() }
}

fn ntlm(user: &str) -> Auth {
    Auth::Ntlm { user: user.to_owned(), password: "password".to_owned(), channel_binding: true }
}

fn form(user: &str) -> Auth {
    Auth::Form {
        user: user.to_owned(),
        password: "password".to_owned(),
        login_url: None,
        fields: Vec::new(),
        user_field: "username".to_owned(),
        password_field: "password".to_owned(),
    }
}

fn basic(user: &str) -> Auth {
    Auth::Basic { user: user.to_owned(), password: "password".to_owned() }
}

fn negotiate(user: &str) -> Auth {
    let password = Some("password".to_owned());
    Auth::Negotiate { user: Some(user.to_owned()), password, keytab: None, ticket_cache: None, channel_binding: true }
}

/// The host's client for an endpoint at `url`.
fn client(url: &str, auth: Auth, password: &str, connections: usize) -> Arc<Connection> {
    let mut endpoint = Endpoint::new("ews", url.parse().unwrap(), auth);
    endpoint.allow_addresses = vec!["loopback".parse().unwrap()];
    endpoint.plain_http = true;
    let mut policy = ConnectionPolicy::new("test", vec![endpoint]);
    policy.concurrent_requests = connections;
    let secrets: BTreeMap<String, Secret> = [("password".to_owned(), Secret::new(password))].into();
    Egress::new(Arc::new(SystemClock::new()), Arc::new(NoTrace)).connection(policy, Arc::new(secrets)).unwrap()
}

fn get_folder() -> String {
    format!(
        "<?xml version=\"1.0\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><soap:Header><t:RequestServerVersion Version=\"Exchange2013_SP1\"/><t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>{ALICE}</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></soap:Header><soap:Body><m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id=\"calendar\"/></m:FolderIds></m:GetFolder></soap:Body></soap:Envelope>"
    )
}

async fn ask(client: &Connection, url: &str) -> Result<(u16, String), EgressError> {
    let mut request = Request::new(Method::POST, url.to_owned());
    request.headers.insert("content-type", "text/xml; charset=utf-8".parse().unwrap());
    request.body = get_folder().into();
    let answer = client.send(request).await?;
    Ok((answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()))
}

async fn passes(client: &Connection, url: &str) {
    let (status, text) = ask(client, url).await.unwrap();
    assert!(status == 200 && text.contains("NoError"), "{status} {text}");
}

#[tokio::test]
async fn b47_a_hundred_requests_over_eight_connections_log_in_once_each() {
    for (doors, auth, scheme) in [
        (Doors::windows(), ntlm("EXAMPLE\\svc"), "NTLM"),
        (Doors { negotiate: true, ..Doors::default() }, ntlm("EXAMPLE\\svc"), "Negotiate"),
    ] {
        let bench = Bench::with(config(doors)).await;
        let (url, client) = (bench.ews.url(), client(&bench.ews.url(), auth, PASSWORD, 8));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (client, url) = (Arc::clone(&client), url.clone());
                tokio::spawn(async move { passes(&client, &url).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let connections = bench.ews.connections();
        assert!((1..=8).contains(&connections.len()), "{connections:?}");
        for one in &connections {
            assert!(one.logins.len() == 1 && one.begun == 1 && one.refused.is_empty() && one.others == 0, "{one:?}");
            assert_eq!((one.logins[0].scheme, one.logins[0].account.as_str()), (scheme, USER));
        }
        assert_eq!(connections.iter().map(|c| c.logins[0].requests).sum::<u64>(), 100);
        assert_eq!(bench.ews.count("GetFolder", Some(ALICE)), 100);
    }
}

#[tokio::test]
async fn c05_an_account_has_one_door_by_each_of_its_names() {
    let bench = Bench::with(config(Doors::windows())).await;
    let url = bench.ews.url();
    for user in ["EXAMPLE\\svc", "example\\SVC", "example.test\\svc", "svc@example.test", "svc"] {
        passes(&client(&url, ntlm(user), PASSWORD, 1), &url).await;
    }
    for user in ["OTHER\\svc", "svc@other.test", "EXAMPLE\\nobody"] {
        let error = ask(&client(&url, ntlm(user), PASSWORD, 1), &url).await.unwrap_err();
        assert!(error.to_string().contains("tried once"), "{user}: {error}");
    }
    let refused: Vec<String> = bench.ews.connections().into_iter().flat_map(|c| c.refused).collect();
    assert_eq!(refused, ["unknown user"; 3]);
}

const PRINTABLE: &str = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~ ";

#[tokio::test]
async fn c05_a_password_of_any_characters_opens_every_door() {
    for password in [PRINTABLE, "p\"ä€😀 \\%$&' x", " blanks ", "$NTLM$:short", "日本語パスワード", "ß"] {
        for (doors, auth) in [
            (Doors::windows(), ntlm("EXAMPLE\\svc")),
            (Doors::windows(), negotiate("EXAMPLE\\svc")),
            (Doors::forms(), form("EXAMPLE\\svc")),
            (Doors::default(), basic("EXAMPLE\\svc")),
        ] {
            let accounts = vec![Account::service(USER, password)];
            let bench = Bench::with(Config { accounts, basic: doors == Doors::default(), ..config(doors) }).await;
            let url = bench.ews.url();
            passes(&client(&url, auth, password, 1), &url).await;
        }
    }
}

#[tokio::test]
async fn b47_a_wrong_password_reaches_the_server_once() {
    for (doors, auth) in [(Doors::windows(), ntlm("EXAMPLE\\svc")), (Doors::forms(), form("EXAMPLE\\svc"))] {
        let bench = Bench::with(config(doors)).await;
        let url = bench.ews.url();
        let client = client(&url, auth, "wrong", 4);
        for _ in 0..3 {
            assert!(ask(&client, &url).await.unwrap_err().to_string().contains("tried once"));
        }
        let refused: usize = bench.ews.connections().iter().map(|c| c.refused.len()).sum();
        assert_eq!(refused as u64 + bench.ews.forms().1, 1);
    }
}

#[tokio::test]
async fn ways_are_offered_in_many_headers_or_in_one() {
    for challenges in [Challenges::Separate, Challenges::Repeated, Challenges::Joined] {
        let doors = Doors { challenges, realm: "mail, NTLM here".to_owned(), ..Doors::windows() };
        let bench = Bench::with(Config { basic: true, ..config(doors) }).await;
        let url = bench.ews.url();
        let bare = bench.raw(String::new(), None).await;
        let offers: Vec<_> = bare.headers.get_all("www-authenticate").iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(bare.status, 401);
        match challenges {
            Challenges::Joined => assert_eq!(offers, ["Negotiate, NTLM, Basic realm=\"mail, NTLM here\""]),
            _ => assert_eq!(offers, ["Negotiate", "NTLM", "Basic realm=\"mail, NTLM here\""]),
        }
        passes(&client(&url, ntlm("svc"), PASSWORD, 1), &url).await;
    }
}

#[tokio::test]
async fn a_ticket_is_refused_and_what_is_no_message_too() {
    let bench = Bench::with(config(Doors::windows())).await;
    // A token of Kerberos begins like this; the others are no messages at all.
    for sent in ["Negotiate YIIFZgYJKoZIhvcSAQICAQBuggVVMIIFUaADAgEFoQMCAQ4=", "Negotiate !", "NTLM", "NTLM TlRMTVNTUAADAAAA", "NTLM YII="]
    {
        let got = bench.raw(get_folder(), Some(sent)).await;
        assert_eq!(got.status, 401, "{sent}");
        assert_eq!(got.headers.get_all("www-authenticate").iter().count(), 2);
    }
    assert_eq!(bench.ews.connections().iter().map(|c| c.refused.len()).sum::<usize>(), 5);
}

#[tokio::test]
async fn b47_another_authorization_ends_what_a_connection_was() {
    let bench = Bench::with(Config { basic: true, ..config(Doors::windows()) }).await;
    // Everything that goes through here goes by one connection.
    let proxy = Proxy::start(&bench.ews.base_url(), Mode::Shared(1)).await.unwrap();
    let through = format!("{}/EWS/Exchange.asmx", proxy.base_url());
    passes(&client(&through, ntlm("svc"), PASSWORD, 1), &through).await;
    let ask = |authorization: Option<String>| {
        let mut request = bench.http.post(&through).header("content-type", "text/xml").body(get_folder());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(ask(None).await, 200, "the connection is logged in, whoever sends by it");
    assert_eq!(ask(Some(ews_support::basic("svc", "wrong"))).await, 401);
    assert_eq!(ask(None).await, 401, "the connection is nobody's now");
    assert_eq!(ask(Some(ews_support::basic("svc", PASSWORD))).await, 200);
    assert_eq!(ask(None).await, 401, "this way is for each request anew");
    let last = bench.ews.connections().pop().unwrap();
    assert_eq!((last.logins.len(), last.others), (1, 1));
}

#[tokio::test]
async fn b47_a_proxy_that_changes_connections_breaks_the_login_and_a_faithful_one_does_not() {
    let bench = Bench::with(config(Doors::windows())).await;
    for (mode, works) in [(Mode::Faithful, true), (Mode::Fresh, false), (Mode::Shared(3), false)] {
        let proxy = Proxy::start(&bench.ews.base_url(), mode).await.unwrap();
        let url = format!("{}/EWS/Exchange.asmx", proxy.base_url());
        let client = client(&url, ntlm("svc"), PASSWORD, 2);
        bench.ews.reset_log();
        if works {
            passes(&client, &url).await;
            passes(&client, &url).await;
            assert_eq!(bench.ews.connections().iter().map(|c| c.logins.len()).sum::<usize>(), 1);
        } else {
            let error = ask(&client, &url).await.unwrap_err().to_string();
            assert!(error.contains("proxy") || error.contains("CONNECT"), "{mode:?}: {error}");
            let refused: Vec<String> = bench.ews.connections().into_iter().flat_map(|c| c.refused).collect();
            assert_eq!(refused, ["a third message without a second"], "{mode:?}");
        }
    }
}

#[tokio::test]
async fn a_restart_ends_connections_and_logins_and_everybody_comes_back() {
    for (doors, auth) in [(Doors::windows(), ntlm("svc")), (Doors::forms(), form("svc"))] {
        let bench = Bench::with(config(doors)).await;
        let url = bench.ews.url();
        let client = client(&url, auth, PASSWORD, 1);
        passes(&client, &url).await;
        let before: Vec<u64> = bench.ews.requests().iter().map(|r| r.connection).collect();
        bench.ews.restart();
        // A request that met the closing connection is the caller's to repeat: whether it was carried out is not known.
        if ask(&client, &url).await.is_err() {
            passes(&client, &url).await;
        }
        let after = bench.ews.requests().pop().unwrap();
        assert!(!before.contains(&after.connection), "{before:?} {after:?}");
        let logins: usize = bench.ews.connections().iter().map(|c| c.logins.len()).sum();
        assert_eq!(logins as u64 + bench.ews.forms().0, 2);
    }
}

#[tokio::test]
async fn b47_a_connection_that_the_server_forgot_is_replaced_by_one_new_login() {
    let bench = Bench::with(config(Doors::windows())).await;
    let url = bench.ews.url();
    let client = client(&url, ntlm("svc"), PASSWORD, 1);
    for _ in 0..2 {
        passes(&client, &url).await;
    }
    bench.ews.forget_logins();
    for _ in 0..2 {
        passes(&client, &url).await;
    }
    let logins: Vec<Vec<u64>> = bench.ews.connections().iter().map(|c| c.logins.iter().map(|l| l.requests).collect()).collect();
    assert_eq!(logins, [[2], [2]]);
}

#[tokio::test]
async fn b49_a_forms_login_is_made_once_and_again_when_it_has_ended() {
    let bench = Bench::with(config(Doors::forms())).await;
    let url = bench.ews.url();
    let client = client(&url, form("svc@example.test"), PASSWORD, 4);
    for _ in 0..5 {
        passes(&client, &url).await;
    }
    assert_eq!(bench.ews.forms(), (1, 0));
    bench.ews.expire_sessions();
    passes(&client, &url).await;
    assert_eq!(bench.ews.forms(), (2, 0));
    assert!(bench.ews.requests().iter().any(|r| r.status == 440));
    bench.graph.clock().advance(std::time::Duration::from_secs(16 * 60));
    passes(&client, &url).await;
    assert_eq!(bench.ews.forms(), (3, 0), "nobody came for longer than a login lives");
}

#[tokio::test]
async fn b49_whoever_has_no_login_is_answered_as_each_kind_of_server_does() {
    let bench = Bench::with(config(Doors::forms())).await;
    let none = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().redirect(none).build().unwrap();
    let ask = |headers: &'static [(&'static str, &'static str)]| {
        let request = http.post(bench.ews.url()).body(get_folder());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        async move {
            let answer = request.send().await.unwrap();
            let place = answer.headers().get("location").map(|v| v.to_str().unwrap().to_owned());
            (answer.status().as_u16(), place, answer.text().await.unwrap())
        }
    };
    let (status, place, _) = ask(&[]).await;
    assert_eq!(status, 302);
    let place = place.unwrap();
    assert!(place.contains("/owa/auth/logon.aspx?url=http%3A%2F%2F") && place.contains("Exchange.asmx"), "{place}");
    assert_eq!(ask(&[("cookie", "cadata=old; cadataTTL=x")]).await.0, 440);
    assert_eq!(ask(&[("cookie", "cadata=old"), ("accept", "text/html,*/*")]).await.0, 302);
    for (stranger, status) in [(Stranger::LoginTimeout, 440), (Stranger::Page, 200)] {
        bench.ews.configure(|c| c.doors.forms = Some(Forms { stranger, ..Forms::default() }));
        let got = ask(&[]).await;
        assert_eq!((got.0, got.1), (status, None));
        assert_eq!(got.2.contains("<form action=\"/owa/auth.owa\""), status == 200);
    }
}

#[tokio::test]
async fn b49_the_form_says_why_it_refuses_and_leads_nobody_away() {
    let bench = Bench::with(config(Doors::forms())).await;
    let base = bench.ews.base_url();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let send = |password: &str, destination: &str| {
        let pairs = [("username", "EXAMPLE\\svc"), ("password", password), ("destination", destination), ("flags", "4")];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = http.post(format!("{base}/owa/auth.owa")).header("content-type", "application/x-www-form-urlencoded").body(body);
        async move {
            let answer = request.send().await.unwrap();
            let cookies = answer.headers().get_all("set-cookie").iter().map(|c| c.to_str().unwrap().to_owned()).collect::<Vec<_>>();
            (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap().to_owned(), cookies)
        }
    };
    let (status, place, cookies) = send("wrong", "/owa/").await;
    assert!(status == 302 && place.contains("reason=2") && cookies.is_empty(), "{place}");
    let (_, place, cookies) = send(PASSWORD, "https://elsewhere.test/").await;
    assert_eq!((place.as_str(), cookies.len()), ("/owa/", 5));
    let (_, place, _) = send(PASSWORD, &format!("{base}/EWS/Exchange.asmx")).await;
    assert_eq!(place, format!("{base}/EWS/Exchange.asmx"));
    // Four of five cookies are no login.
    let part: Vec<&str> = cookies.iter().skip(1).map(|c| c.split(';').next().unwrap()).collect();
    let whole: Vec<&str> = cookies.iter().map(|c| c.split(';').next().unwrap()).collect();
    for (sent, expected) in [(part, 302), (whole, 200)] {
        let answer = http.get(format!("{base}/owa/")).header("cookie", sent.join("; ")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected);
    }
    let page = http.get(format!("{base}/owa/auth/logon.aspx?url=%22%3E%3Cb")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("type=\"password\"") && !page.contains("<b\""), "{page}");
}

#[tokio::test]
async fn the_admin_door_knows_the_connections_and_survives_a_restart() {
    let bench = Bench::with(config(Doors::windows())).await;
    let url = bench.ews.url();
    passes(&client(&url, ntlm("svc"), PASSWORD, 1), &url).await;
    let admin = format!("{}/_admin", bench.ews.base_url());
    let seen: serde_json::Value = bench.http.get(format!("{admin}/connections")).send().await.unwrap().json().await.unwrap();
    assert_eq!(seen["value"][0]["logins"][0], serde_json::json!({"scheme": "NTLM", "account": USER, "requests": 1}));
    let settings = serde_json::json!({"doors": {"forms": {"stranger": "page"}, "challenges": "joined"}});
    assert!(bench.http.post(format!("{admin}/settings")).json(&settings).send().await.unwrap().status().is_success());
    assert_eq!(bench.ews.config().doors.challenges, Challenges::Joined);
    for path in ["logins/forget", "sessions/expire", "restart"] {
        assert_eq!(bench.http.post(format!("{admin}/{path}")).send().await.unwrap().status().as_u16(), 200);
    }
}
