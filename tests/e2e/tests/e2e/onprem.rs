//! Exchange of a company's own: logins held by the host, over NTLM and over a form (FEATURES C05, SEMANTICS B-47, B-49, 1e).

use std::time::Duration;

use calport_e2e::{ARRIVE, Rig, empty_world_by, list, now_draft};
use calport_simulators::demo::Backend;
use calport_simulators::ews::proxy::{Mode, Proxy};
use calport_simulators::ews::{Account, Connection, Doors, Simulator};
use serde_json::Value;

use crate::changes;

pub const AUTH: &str = r#"auth = { scheme = "ntlm", user = 'CONTOSO\calport', secret = "calendar-password" }"#;

/// A rig with the two connectors of such a company, since `calport check` compiles what is there.
pub async fn rig(people: u16) -> Rig {
    let rig = Rig::over(empty_world_by(people, Backend::Onprem).await).await;
    for other in ["ews.wasm", "graph.wasm", "sip-presence.wasm"] {
        std::fs::remove_file(rig.plugin(other)).unwrap();
    }
    rig
}

pub fn door(rig: &Rig) -> &Simulator {
    rig.world.ews.as_ref().unwrap()
}

/// The connections by which somebody logged in or tried to.
fn logins(rig: &Rig) -> Vec<Connection> {
    door(rig).connections().into_iter().filter(|c| c.begun > 0 || !c.logins.is_empty() || !c.refused.is_empty()).collect()
}

fn refusals(rig: &Rig) -> usize {
    logins(rig).iter().map(|c| c.refused.len()).sum()
}

/// Each connection is one account's for life, logged in once (SEMANTICS B-47).
fn each_connection_logged_in_once(rig: &Rig) {
    let all = logins(rig);
    assert!(!all.is_empty());
    for connection in all {
        assert_eq!((connection.begun, connection.logins.len(), connection.others), (1, 1, 0), "{connection:?}");
        assert!(connection.refused.is_empty(), "{connection:?}");
        let login = &connection.logins[0];
        assert_eq!((login.scheme, login.account.as_str()), ("NTLM", "CONTOSO\\calport"), "{connection:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c05_every_kind_of_change_reaches_the_pbx_by_ntlm() {
    changes::every_kind_of_change_arrives(Rig::started_by(3, Backend::Onprem).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c05_the_demo_on_premises_carries_every_kind_of_change_and_logs_as_such_a_connection_always_did() {
    let report = changes::demo_once("onprem", "exchange-onprem").await.json();
    reads_as_ever(list(&report, "log"), "http://127.0.0.1:", 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn b47_each_connection_logs_in_once_however_many_mailboxes_there_are() {
    const PEOPLE: u16 = 60;
    let rig = Rig::started_by(PEOPLE, Backend::Onprem).await;
    for person in 0..usize::from(PEOPLE) {
        rig.add(person, now_draft("All at once"));
    }
    for person in 0..usize::from(PEOPLE) {
        rig.arrives(person, "All at once").await;
    }
    each_connection_logged_in_once(&rig);
    let all = logins(&rig);
    let carried: u64 = all.iter().map(|c| c.logins[0].requests).sum();
    let served = door(&rig).requests().iter().filter(|r| r.account.is_some()).count() as u64;
    assert_eq!(carried, served, "nothing came by another way");
    assert!(carried > 4 * u64::from(PEOPLE) && all.len() <= 16, "{carried} requests by {} connections", all.len());
    println!("{carried} requests by {} connections, one login each", all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c08_c09_two_hundred_mailboxes_share_one_stream_and_a_login_that_was_forgotten_in_the_middle_loses_nothing() {
    const PEOPLE: u16 = 200;
    let mut rig = rig(PEOPLE).await;
    door(&rig).configure(|config| config.notifying.heartbeat = Duration::from_secs(1));
    rig.start().await;
    rig.settled().await;
    rig.until("one stream tells of everybody", ARRIVE * 3, async || door(&rig).streams() == (1, usize::from(PEOPLE))).await;
    rig.add(0, now_draft("Told of the first"));
    rig.arrives(0, "Told of the first").await;
    // Every connection is asked to log in again, that of the stream when it is opened anew.
    door(&rig).forget_logins();
    for person in [1, 99, 199] {
        rig.add(person, now_draft("In the middle"));
    }
    for person in [1, 99, 199] {
        rig.arrives(person, "In the middle").await;
    }
    assert_eq!(door(&rig).streams(), (1, usize::from(PEOPLE)));
    let status = rig.connection("calendar").await;
    assert_eq!((&status["mode"], &status["streams"], &status["polled"]), (&"streams".into(), &1.into(), &0.into()), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn b47_a_wrong_password_is_tried_once_and_the_error_says_what_to_do() {
    let mut rig = rig(3).await;
    rig.set_secret("calendar-password", "guessed").await;
    rig.start().await;
    rig.until("the connection stops", ARRIVE, async || rig.connection("calendar").await["state"] == "offline").await;
    let reason = rig.connection("calendar").await["reason"].to_string();
    for told in [r"CONTOSO\\calport", "calport secret set calendar-password", "tried once", "locked"] {
        assert!(reason.contains(told), "`{told}` is not in {reason}");
    }
    assert_eq!(rig.command(&["sync", "--now"]).await.code, 0);
    rig.holds("it was tried once", Duration::from_secs(4), async || refusals(&rig) == 1).await;
    // The right one needs no restart.
    rig.set_secret("calendar-password", "simulated~password").await;
    assert_eq!(rig.command(&["sync", "--now"]).await.code, 0);
    rig.settled().await;
    rig.add(1, now_draft("With the right one"));
    rig.arrives(1, "With the right one").await;
    assert_eq!(refusals(&rig), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn b47_check_tries_a_wrong_password_once_too() {
    let rig = rig(1).await;
    rig.set_secret("calendar-password", "guessed").await;
    let ran = rig.command(&["check"]).await;
    assert_eq!((ran.code, refusals(&rig)), (5, 1), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("calport secret set calendar-password"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn b47_a_login_that_the_server_forgot_is_made_anew_on_a_new_connection() {
    let rig = Rig::started_by(2, Backend::Onprem).await;
    rig.add(0, now_draft("Before"));
    rig.arrives(0, "Before").await;
    let before = logins(&rig).len();
    door(&rig).forget_logins();
    rig.add(1, now_draft("After it"));
    rig.arrives(1, "After it").await;
    assert!(logins(&rig).len() > before, "the old connection was not used for it");
    each_connection_logged_in_once(&rig);
}

#[tokio::test(flavor = "multi_thread")]
async fn b47_after_a_restart_of_the_server_everything_goes_on() {
    let rig = Rig::started_by(3, Backend::Onprem).await;
    rig.add(0, now_draft("Before"));
    rig.arrives(0, "Before").await;
    door(&rig).restart();
    rig.add(0, now_draft("A second one"));
    rig.add(2, now_draft("During the restart"));
    rig.arrives(2, "During the restart").await;
    rig.settled().await;
    rig.add(1, now_draft("After it"));
    rig.arrives(1, "After it").await;
    each_connection_logged_in_once(&rig);
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c08_a_stream_has_a_connection_of_its_own_that_logged_in_once() {
    let mut rig = rig(4).await;
    door(&rig).configure(|config| config.notifying.heartbeat = Duration::from_secs(1));
    rig.edit(|text| text.replacen("settings = { test_user", "settings = { stream_silence_s = 4, test_user", 1));
    rig.start().await;
    rig.settled().await;
    let told = async |rig: &Rig| {
        rig.until("a stream tells of everybody", ARRIVE * 3, async || {
            let connection = rig.connection("calendar").await;
            connection["mode"] == "streams" && connection["polled"] == 0 && door(rig).streams() == (1, 4)
        })
        .await;
    };
    told(&rig).await;
    rig.add(2, now_draft("By the stream"));
    let took = rig.arrives(2, "By the stream").await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    // The stream is open and stays so; what it tells is read on a new connection.
    door(&rig).forget_logins();
    rig.add(3, now_draft("After the 401"));
    rig.arrives(3, "After the 401").await;
    assert_eq!(door(&rig).count("GetStreamingEvents", None), 1);
    let streaming: Vec<u64> = door(&rig).requests().iter().filter(|r| r.operation == "GetStreamingEvents").map(|r| r.connection).collect();
    let beside = door(&rig).requests().iter().rposition(|r| streaming.contains(&r.connection)).unwrap();
    assert_eq!(door(&rig).requests()[beside].operation, "GetStreamingEvents", "nothing follows on the connection of a stream");
    door(&rig).restart();
    rig.add(1, now_draft("During the restart"));
    rig.arrives(1, "During the restart").await;
    told(&rig).await;
    assert_eq!(door(&rig).subscriptions(), 4, "made anew, once");
    each_connection_logged_in_once(&rig);
}

#[tokio::test(flavor = "multi_thread")]
async fn b47_an_intermediary_that_spreads_requests_over_connections_is_named() {
    let rig = rig(1).await;
    let origin = door(&rig).base_url();
    for mode in [Mode::Fresh, Mode::Shared(3)] {
        let proxy = Proxy::start(&origin, mode).await.unwrap();
        rig.edit(|text| text.replace(&origin, &proxy.base_url()));
        let ran = rig.command(&["check"]).await;
        assert_eq!(ran.code, 5, "{mode:?}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("an intermediary does not keep connections"), "{mode:?}: {}", ran.out);
        rig.edit(|text| text.replace(&proxy.base_url(), &origin));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b49_a_login_form_carries_every_kind_of_change_and_one_login_follows_the_end_of_its_session() {
    let mut rig = rig(3).await;
    door(&rig)
        .configure(|config| config.doors = Doors { domain: "CONTOSO".into(), dns_domain: "contoso.example".into(), ..Doors::forms() });
    rig.edit(|text| text.replace("scheme = \"ntlm\"", "scheme = \"fba\""));
    rig.start().await;
    rig.settled().await;
    rig.add(0, now_draft("By the form"));
    rig.arrives(0, "By the form").await;
    assert_eq!(door(&rig).forms(), (1, 0), "one login for everybody");
    door(&rig).expire_sessions();
    rig.add(1, now_draft("After the session"));
    rig.add(2, now_draft("After the session"));
    rig.arrives(1, "After the session").await;
    rig.arrives(2, "After the session").await;
    assert_eq!(door(&rig).forms(), (2, 0), "one new login");
    assert_eq!(rig.connection("calendar").await["state"], "online");
}

#[tokio::test(flavor = "multi_thread")]
async fn b49_a_wrong_password_is_sent_to_the_form_once() {
    let mut rig = rig(2).await;
    door(&rig)
        .configure(|config| config.doors = Doors { domain: "CONTOSO".into(), dns_domain: "contoso.example".into(), ..Doors::forms() });
    rig.edit(|text| text.replace("scheme = \"ntlm\"", "scheme = \"fba\""));
    rig.set_secret("calendar-password", "guessed").await;
    rig.start().await;
    rig.until("the connection stops", ARRIVE, async || rig.connection("calendar").await["state"] == "offline").await;
    rig.holds("it was tried once", Duration::from_secs(4), async || door(&rig).forms() == (0, 1)).await;
    let reason = rig.connection("calendar").await["reason"].to_string();
    assert!(reason.contains("calport secret set calendar-password"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn feat_c05_a_password_of_every_kind_of_character_logs_in_by_every_scheme() {
    let every: String = (' '..='~').collect();
    let password = format!("$NTLM${every}Grüße 日本語 €😀 ß");
    // Where Kerberos is not possible, as here, Negotiate takes NTLM.
    let negotiate = Doors { ntlm: false, ..Doors::windows() };
    for (scheme, doors) in [("ntlm", Doors::windows()), ("negotiate", negotiate), ("fba", Doors::forms()), ("basic", Doors::default())] {
        let rig = rig(1).await;
        door(&rig).configure(|config| {
            config.accounts = vec![Account::service("CONTOSO\\jürgen", &password)];
            config.doors = Doors { domain: "CONTOSO".into(), dns_domain: "contoso.example".into(), ..doors };
            config.basic = scheme == "basic";
        });
        rig.edit(|text| text.replace(AUTH, &AUTH.replace("ntlm", scheme).replace("calport'", "jürgen'")));
        rig.set_secret("calendar-password", &password).await;
        let ran = rig.command(&["check"]).await;
        assert_eq!(ran.code, 0, "{scheme}: {}{}", ran.out, ran.err);
    }
}

/// The lines of a good start in their order, each an event with its code and the connection (SEMANTICS 1e).
fn reads_as_ever(events: &[Value], url: &str, people: usize) {
    let message = |event: &Value| event["message"].as_str().unwrap_or_default().to_owned();
    let all = || events.iter().map(message).collect::<Vec<_>>().join("\n");
    let mut last = None;
    for (code, wanted) in [
        ("starting", "Starting EWS".to_owned()),
        ("url", format!("Using EWS URL: {url}")),
        ("connected", "Connected to EWS Microsoft Exchange(v15.02.".to_owned()),
        ("subscribed", "Subscribing to availability of user: ".to_owned()),
        ("absence-read", format!("Getting out-of-office settings for: {people}")),
    ] {
        let at = events.iter().position(|event| message(event).starts_with(&wanted));
        let at = at.unwrap_or_else(|| panic!("`{wanted}` is not in\n{}", all()));
        let event = &events[at];
        assert_eq!((&event["code"], &event["connection"]), (&code.into(), &"calendar".into()), "{event}");
        assert!(last < Some(at), "`{wanted}` comes too early in\n{}", all());
        last = Some(at);
        assert_eq!(code == "connected", !event["fields"]["duration_ms"].is_null(), "{event}");
    }
    for begins in ["Subscribing to availability of user: ", "Getting out-of-office settings for: "] {
        let told = events.iter().map(message).filter(|m| m.strip_prefix(begins).is_some_and(|user| user.contains('@'))).count();
        assert_eq!(told, people, "`{begins}` of everybody, once, in\n{}", all());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_1e_the_log_reads_as_that_of_such_a_connection_always_did() {
    let rig = Rig::started_by(2, Backend::Onprem).await;
    let url = door(&rig).url();
    let mut events = Vec::new();
    rig.until("automatic replies were read", ARRIVE, async || {
        let log = rig.command(&["log", "--json", "-n", "500"]).await.out;
        events = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        log.contains("absence-read")
    })
    .await;
    reads_as_ever(&events, &url, 2);
    // An error ends with its cause, what to do, and when it is tried again.
    rig.set_secret("calendar-password", "changed").await;
    door(&rig).configure(|config| config.accounts = vec![Account::service("CONTOSO\\calport", "another")]);
    door(&rig).forget_logins();
    rig.add(0, now_draft("Not to be read"));
    rig.until("it is told", ARRIVE, async || rig.connection("calendar").await["state"] == "offline").await;
    let log = rig.log();
    let line = log.lines().rev().find(|line| line.contains("the connection is off line")).unwrap_or_else(|| panic!("not in {log}"));
    for told in ["connection=\"calendar\"", "the server refused user", "calport secret set calendar-password", "retry_at="] {
        assert!(line.contains(told), "`{told}` is not in {line}");
    }
}
