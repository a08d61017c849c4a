//! The PBX simulator against the reference transcripts and against a client of its own (reqwest with the `digest_auth` crate).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::time::Duration;

use calport_simulators::clock::Clock;
use calport_simulators::fault::{Kind, Rule};
use calport_simulators::pbx::{Presence, STATES, Simulator, Source};
use digest_auth::{AuthContext, WwwAuthenticateHeader};
use reqwest::{Client, Method, Response, StatusCode};

/// A manager session: keeps nonce and count.
struct Session {
    client: Client,
    url: String,
    prompt: Option<WwwAuthenticateHeader>,
}

impl Session {
    fn new(pbx: &Simulator) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        Self { client: Client::new(), url: format!("{}/arawman", pbx.url()), prompt: None }
    }

    async fn raw(&mut self, params: &[(&str, &str)]) -> Response {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        let target = format!("{}?{query}", self.url);
        let path = target.splitn(4, '/').nth(3).map(|p| format!("/{p}")).unwrap();
        let mut request = self.client.get(&target);
        if let Some(prompt) = &mut self.prompt {
            let context = AuthContext::new("calport", "calport-secret", path);
            request = request.header("authorization", prompt.respond(&context).unwrap().to_header_string());
        }
        request.send().await.unwrap()
    }

    async fn send(&mut self, params: &[(&str, &str)]) -> Response {
        let answer = self.raw(params).await;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return answer;
        }
        self.prompt = Some(digest_auth::parse(answer.headers()["www-authenticate"].to_str().unwrap()).unwrap());
        self.raw(params).await
    }

    async fn text(&mut self, params: &[(&str, &str)]) -> String {
        let answer = self.send(params).await;
        assert_eq!(answer.status(), StatusCode::OK);
        String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned()
    }

    async fn set(&mut self, user: &str, value: &str) -> String {
        let variable = format!("PRESENCE_STATE(CustomPresence:{user})");
        self.text(&[("action", "Setvar"), ("variable", &variable), ("value", value)]).await
    }
}

async fn pbx() -> Simulator {
    Simulator::builder().hint("alice", "default", "Custom:alice,CustomPresence:alice").user("bob").start().await.unwrap()
}

/// The answers of a transcript: header names in order, and the body. `None` where the reference folder is absent.
fn transcript(name: &str) -> Option<Vec<(u16, Vec<String>, String)>> {
    let root = std::env::var_os("CALPORT_REFERENCE").map_or_else(|| PathBuf::from("../../../shared/reference"), PathBuf::from);
    let Ok(bytes) = std::fs::read(root.join("samples/asterisk").join(name)) else {
        eprintln!("not compared with {name}: the reference folder is absent (CALPORT_REFERENCE)");
        return None;
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let parts = text.split("HTTP/1.1 ").skip(1).map(|part| {
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        let names = head.lines().skip(1).map(|l| l.split(':').next().unwrap().to_ascii_lowercase());
        (head.get(..3).unwrap().parse().unwrap(), names.collect(), body.to_owned())
    });
    Some(parts.collect())
}

fn names(answer: &Response) -> Vec<String> {
    answer.headers().keys().map(ToString::to_string).collect()
}

/// Blocks of lines, sorted: the real product lists in the order of a hash table.
fn blocks(body: &str) -> Vec<String> {
    let mut blocks: Vec<String> = body.split("\r\n\r\n").map(|b| b.trim().to_owned()).filter(|b| !b.is_empty()).collect();
    blocks.sort();
    blocks
}

#[tokio::test]
async fn answers_equal_the_reference_transcripts() {
    let pbx = pbx().await;
    pbx.put_database("StasisDeviceState", "Stasis:bob", "BUSY");
    let mut s = Session::new(&pbx);
    let alice = "away,bWVldGluZw==,U3luYywgYmlzIDE1OjMwIOKAkyBncsO8w59l,e";
    let variable = "PRESENCE_STATE(CustomPresence:alice)";
    let steps: [(&str, Vec<(&str, &str)>); 3] = [
        ("ami_setvar_ok.txt", vec![("action", "Setvar"), ("variable", variable), ("value", alice)]),
        ("ami_setvar_bad.txt", vec![("action", "Setvar"), ("variable", variable), ("value", "bogus,,x")]),
        ("ami_presence.txt", vec![("action", "PresenceState"), ("provider", "CustomPresence:alice")]),
    ];
    for (name, params) in steps {
        if name == "ami_presence.txt" {
            s.set("alice", "dnd,,Meeting").await;
        }
        let Some(expected) = transcript(name) else { return };
        let mut fresh = Session::new(&pbx);
        let refused = fresh.raw(&params).await;
        assert_eq!((refused.status().as_u16(), names(&refused)), (expected[0].0, expected[0].1.clone()), "{name}");
        let answer = s.send(&params).await;
        assert_eq!((answer.status().as_u16(), names(&answer)), (expected[1].0, expected[1].1.clone()), "{name}");
        assert_eq!(blocks(&answer.text().await.unwrap()), blocks(&expected[1].2), "{name}");
    }
    for user in ["alice", "bob"] {
        let custom = format!("DEVICE_STATE(Custom:{user})");
        s.text(&[("action", "Setvar"), ("variable", &custom), ("value", "BUSY")]).await;
    }
    let Some(expected) = transcript("ami_extlist.txt") else { return };
    let list = s.text(&[("action", "ExtensionStateList")]).await.replace("Custom:bob", "Stasis:bob");
    assert_eq!(blocks(&list), blocks(&expected[1].2));
}

#[tokio::test]
async fn the_list_of_presences_equals_the_transcript() {
    let pbx = pbx().await;
    let mut s = Session::new(&pbx);
    let Some(expected) = transcript("ami_presencelist.txt") else { return };
    s.set("carol", "xa,meeting,Weekly sync until 15:30").await;
    let plain = expected[1].2.lines().find_map(|l| l.strip_prefix("Message: xxx")).unwrap().len() + 3;
    s.set("dave", &format!("dnd,,{}", "x".repeat(plain))).await;
    s.set("bob", "away,vacation,Holiday, be").await;
    s.set("alice", "dnd,,Meeting").await;
    let list = s.text(&[("action", "PresenceStateList")]).await;
    assert_eq!(blocks(&list), blocks(&expected[1].2));
}

#[tokio::test]
async fn the_xml_form_equals_the_transcript() {
    let pbx = pbx().await;
    let mut s = Session::new(&pbx);
    s.set("alice", "away,bWVldGluZw==,U3luYywgYmlzIDE1OjMwIOKAkyBncsO8w59l,e").await;
    s.url = format!("{}/amxml", pbx.url());
    let Some(expected) = transcript("amxml_presence.txt") else { return };
    assert_eq!(
        s.text(&[("action", "PresenceState"), ("provider", "CustomPresence:alice")]).await,
        expected[1].2.trim_end_matches('\n').to_owned() + "\n"
    );
}

#[tokio::test]
async fn rest_answers_equal_the_reference_transcripts() {
    let pbx = pbx().await;
    rustls::crypto::ring::default_provider().install_default().ok();
    let (client, base) = (Client::new(), format!("{}/ari", pbx.url()));
    let as_us = |m: Method, path: &str| client.request(m, format!("{base}{path}")).basic_auth("calport", Some("calport-secret"));
    let answers = [
        ("ari_401.txt", client.get(format!("{base}/asterisk/info")).basic_auth("x", Some("y")).send().await.unwrap()),
        ("ari_device_put.txt", as_us(Method::PUT, "/deviceStates/Stasis:bob?deviceState=BUSY").send().await.unwrap()),
        ("ari_device_list.txt", as_us(Method::GET, "/deviceStates").send().await.unwrap()),
        (
            "ari_set.txt",
            as_us(Method::POST, "/asterisk/variable?variable=PRESENCE_STATE(CustomPresence:alice)")
                .header("content-type", "application/json")
                .body(r#"{"value":"dnd,,Meeting"}"#)
                .send()
                .await
                .unwrap(),
        ),
        (
            "ari_get_empty.txt",
            as_us(Method::GET, "/asterisk/variable?variable=PRESENCE_STATE(CustomPresence:alice,value)").send().await.unwrap(),
        ),
    ];
    for (name, answer) in answers {
        let Some(mut expected) = transcript(name) else { return };
        let (status, mut wanted, body) = expected.remove(0);
        if status == 204 {
            wanted.retain(|n| n != "content-length");
        }
        assert_eq!((answer.status().as_u16(), names(&answer)), (status, wanted), "{name}");
        assert_eq!(answer.text().await.unwrap(), body.trim_end(), "{name}");
    }
    assert_eq!(pbx.presence("alice").unwrap().message, b"Meeting");
    let custom = as_us(Method::PUT, "/deviceStates/Custom:alice?deviceState=BUSY").send().await.unwrap();
    assert_eq!(custom.status(), StatusCode::CONFLICT);
    assert!(custom.text().await.unwrap().contains("Uncontrolled device specified"));
}

#[tokio::test]
async fn trap_03_rest_hides_a_refused_value_and_the_manager_tells_it() {
    let pbx = pbx().await;
    let mut s = Session::new(&pbx);
    let target = format!("{}/ari/asterisk/variable?variable=PRESENCE_STATE(CustomPresence:alice)&value=bogus,,x", pbx.url());
    let answer = s.client.post(target).basic_auth("calport", Some("calport-secret")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(pbx.presence("alice"), None);
    assert_eq!(s.set("alice", "bogus,,x").await, "Response: Error\r\nMessage: Variable not set\r\n\r\n");
    for state in STATES {
        assert_eq!(s.set("alice", state).await, "Response: Success\r\nMessage: Variable Set\r\n\r\n");
    }
    assert_eq!(pbx.writes().len(), 7);
}

#[tokio::test]
async fn trap_07_deleting_from_the_database_leaves_the_live_state_and_a_restart_follows_the_database() {
    let pbx = pbx().await;
    let mut s = Session::new(&pbx);
    s.set("alice", "dnd,,A").await;
    s.set("bob", "dnd,,B").await;
    let deleted = s.text(&[("action", "DBDel"), ("family", "CustomPresence"), ("key", "alice")]).await;
    assert!(deleted.starts_with("Response: Success"));
    assert_eq!(pbx.presence("alice").unwrap().state, "dnd");
    pbx.restart();
    assert_eq!(pbx.presence("alice"), None);
    assert_eq!(pbx.presence("bob"), Some(Presence { state: "dnd", subtype: Vec::new(), message: b"B".to_vec() }));
    assert_eq!(pbx.stats().sessions_live, 0);
}

#[tokio::test]
async fn trap_08_an_unknown_user_reads_as_not_set() {
    let pbx = pbx().await;
    let text = Session::new(&pbx).text(&[("action", "PresenceState"), ("provider", "CustomPresence:nobody")]).await;
    assert_eq!(text, "Response: Success\r\nMessage: Presence State\r\nState: not_set\r\n\r\n");
}

#[tokio::test]
async fn trap_10_one_session_gets_every_event_and_a_new_nonce_gets_none() {
    let clock = Clock::manual("2026-12-01T08:00:00Z".parse().unwrap());
    let pbx = Simulator::builder().clock(clock.clone()).user("alice").start().await.unwrap();
    let mut events = Session::new(&pbx);
    let none = events.text(&[("action", "WaitEvent"), ("timeout", "0")]).await;
    assert!(none.contains("Event: WaitEventComplete") && !none.contains("PresenceStateChange"));
    pbx.set_by_hand("alice", "dnd", "meeting", "it's on");
    // The nonce is replaced inside the session: nothing is lost.
    clock.advance(Duration::from_secs(50));
    events.text(&[("action", "Ping")]).await;
    clock.advance(Duration::from_secs(20));
    let got = events.text(&[("action", "WaitEvent"), ("timeout", "0")]).await;
    assert!(
        got.contains("Event: PresenceStateChange\r\nPrivilege: call,all\r\nPresentity: CustomPresence:alice\r\nStatus: dnd\r\n"),
        "{got}"
    );
    assert!(got.contains("Message: it\\'s on\r\n"), "{got}");
    assert_eq!((pbx.stats().stale, pbx.stats().sessions_made), (1, 1));
    pbx.set_by_hand("alice", "away", "", "");
    let lost = Session::new(&pbx).text(&[("action", "WaitEvent"), ("timeout", "0")]).await;
    assert!(!lost.contains("PresenceStateChange"));
    assert_eq!(pbx.stats().sessions_made, 2);
}

#[tokio::test]
async fn a_wait_ends_with_the_event_and_a_second_wait_takes_its_place() {
    let pbx = pbx().await;
    let mut first = Session::new(&pbx);
    first.text(&[("action", "WaitEvent"), ("timeout", "0")]).await;
    let (client, url, prompt) = (first.client.clone(), first.url.clone(), first.prompt.clone());
    let waiting = tokio::spawn(async move { first.text(&[("action", "WaitEvent"), ("timeout", "30")]).await });
    while pbx.stats().requests < 3 {
        tokio::task::yield_now().await;
    }
    let mut prompt = prompt.unwrap();
    for _ in 0..3 {
        prompt.respond(&AuthContext::new("calport", "calport-secret", "/")).unwrap();
    }
    let mut second = Session { client, url, prompt: Some(prompt) };
    let taking = tokio::spawn(async move { second.text(&[("action", "WaitEvent"), ("timeout", "30")]).await });
    assert_eq!(waiting.await.unwrap(), "", "the first gives up with an empty body");
    pbx.set_by_hand("bob", "away", "", "");
    assert!(taking.await.unwrap().contains("Presentity: CustomPresence:bob"));
    assert_eq!(pbx.stats().overlapping, 1);
}

#[tokio::test]
async fn trap_15_any_event_ends_a_wait_also_one_that_is_masked() {
    let pbx = pbx().await;
    let mut events = Session::new(&pbx);
    assert_eq!(events.text(&[("action", "Events"), ("eventmask", "call")]).await, "Response: Success\r\nEvents: On\r\n\r\n");
    pbx.stir();
    let got = events.text(&[("action", "WaitEvent"), ("timeout", "30")]).await;
    assert_eq!(blocks(&got).len(), 2, "head and end only: {got}");
}

#[tokio::test]
async fn actions_outside_of_the_write_classes_are_denied() {
    let pbx = Simulator::builder().account("calport", "calport-secret", &["call"], &["call"]).user("alice").start().await.unwrap();
    let mut s = Session::new(&pbx);
    assert!(s.text(&[("action", "ExtensionStateList")]).await.starts_with("Response: Success"));
    for action in ["CoreSettings", "DBPut"] {
        assert_eq!(s.text(&[("action", action)]).await, "Response: Error\r\nMessage: Permission denied\r\n\r\n");
    }
    let unknown = s.text(&[("action", "Bogus")]).await;
    assert!(unknown.starts_with("Response: Error\r\nMessage: Invalid/unknown command: Bogus."), "{unknown}");
}

#[tokio::test]
async fn faults_hit_the_named_user_and_the_admin_door_stays_open() {
    let pbx = pbx().await;
    let mut s = Session::new(&pbx);
    s.text(&[("action", "Ping")]).await;
    pbx.faults().add(Rule::on_path("/arawman", 1, Kind::Status { status: 503, retry_after: None }).for_mailbox("bob"));
    assert!(s.set("alice", "dnd").await.starts_with("Response: Success"));
    let variable = ("variable", "PRESENCE_STATE(CustomPresence:bob)");
    assert_eq!(s.send(&[("action", "Setvar"), variable, ("value", "dnd")]).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(s.set("bob", "dnd").await.starts_with("Response: Success"));
    pbx.refuse_credentials(true);
    assert_eq!(s.send(&[("action", "Ping")]).await.status(), StatusCode::UNAUTHORIZED);
    let state: serde_json::Value = s.client.get(format!("{}/state", pbx.admin_url())).send().await.unwrap().json().await.unwrap();
    assert_eq!(state["pbx"]["presences"]["CustomPresence:bob"]["state"], "dnd");
    assert_eq!(state["stats"]["writes"], 2);
    pbx.faults().add(Rule::on_path("/arawman", 1, Kind::Reset));
    assert!(s.client.get(&s.url).send().await.is_err());
}

#[tokio::test]
async fn writes_are_told_by_channel_and_by_long_poll() {
    let pbx = pbx().await;
    let mut channel = pbx.subscribe();
    let client = Session::new(&pbx).client;
    let url = format!("{}/writes?since=0&wait_ms=60000", pbx.admin_url());
    let poll = tokio::spawn(async move { client.get(url).send().await.unwrap().json::<serde_json::Value>().await.unwrap() });
    pbx.set_by_hand("alice", "xa", "vacation", "grüße, bis morgen");
    let write = channel.recv().await.unwrap();
    assert_eq!((write.seq, write.user.as_str(), write.state.as_str(), write.message.as_str()), (1, "alice", "xa", "grüße, bis morgen"));
    assert_eq!(poll.await.unwrap()["writes"][0]["source"], "hand");
}

/// The account `reception` beside Calport's, for users who set their presence by a program.
async fn pbx_with_reception() -> Simulator {
    let builder = Simulator::builder().account("calport", "calport-secret", &["call"], &["all"]);
    builder
        .account("reception", "reception-secret", &[], &["call"])
        .user("alice")
        .hint("11", "default", "PJSIP/11&Custom:x,CustomPresence:bob")
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn values_set_by_hand_reach_the_waiting_session_whoever_sets_them() {
    let pbx = pbx_with_reception().await;
    let mut events = Session::new(&pbx);
    events.text(&[("action", "WaitEvent"), ("timeout", "0")]).await;
    let admin = |path: &str, body: serde_json::Value| {
        let url = format!("{}/{path}", pbx.admin_url());
        let client = events.client.clone();
        async move { client.post(url).json(&body).send().await.unwrap().status() }
    };
    // By a feature code, by a telephone, and by a program of somebody else.
    let code = serde_json::json!({ "variable": "PRESENCE_STATE(CustomPresence:alice)", "value": "dnd,,Lunch" });
    assert_eq!(admin("set", code).await, StatusCode::NO_CONTENT);
    let telephone = serde_json::json!({ "user": "bob", "state": "away", "message": "Back, at 3" });
    assert_eq!(admin("presence", telephone).await, StatusCode::NO_CONTENT);
    let target = format!("{}/ari/asterisk/variable?variable=PRESENCE_STATE(CustomPresence:alice)&value=xa,,Gone", pbx.url());
    let program = events.client.post(target).basic_auth("reception", Some("reception-secret")).send().await.unwrap();
    assert_eq!(program.status(), StatusCode::NO_CONTENT);
    let refused = serde_json::json!({ "variable": "PRESENCE_STATE(CustomPresence:alice)", "value": "dnd,,a, b" });
    assert_eq!(admin("set", refused).await, StatusCode::UNPROCESSABLE_ENTITY);
    let got = events.text(&[("action", "WaitEvent"), ("timeout", "0")]).await;
    let changes: Vec<&str> = got.split("Event: ").filter(|e| e.starts_with("PresenceStateChange")).collect();
    assert_eq!(changes.len(), 3, "{got}");
    for (change, lines) in changes.iter().zip([
        "Presentity: CustomPresence:alice\r\nStatus: dnd\r\nSubtype: \r\nMessage: Lunch\r\n",
        "Presentity: CustomPresence:bob\r\nStatus: away\r\nSubtype: \r\nMessage: Back, at 3\r\n",
        "Presentity: CustomPresence:alice\r\nStatus: xa\r\nSubtype: \r\nMessage: Gone\r\n",
    ]) {
        assert!(change.ends_with(&format!("{lines}\r\n")), "{change}");
    }
    let by: Vec<_> = pbx.writes().into_iter().map(|w| (w.source, w.account)).collect();
    assert_eq!(by, [(Source::Hand, String::new()), (Source::Hand, String::new()), (Source::Ari, "reception".to_owned())]);
    let read = events.text(&[("action", "PresenceState"), ("provider", "CustomPresence:bob")]).await;
    assert!(read.contains("State: away\r\nMessage: Back, at 3\r\n"), "{read}");
    assert!(pbx.dialplan_set("PRESENCE_STATE(CustomPresence:bob)", "not_set") && pbx.presence("bob").unwrap().state == "not_set");
}

#[tokio::test]
async fn calls_show_in_the_hints_and_are_told_once() {
    let pbx = pbx_with_reception().await;
    let mut events = Session::new(&pbx);
    assert_eq!(events.text(&[("action", "Events"), ("eventmask", "call")]).await, "Response: Success\r\nEvents: On\r\n\r\n");
    let status = |list: &str, exten: &str| {
        let block = list.split("\r\n\r\n").find(|b| b.contains(&format!("Exten: {exten}\r\n"))).unwrap().to_owned();
        block.split("Status: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned()
    };
    for (state, number) in
        [("Ringing", "8"), ("InUse", "1"), ("InUse&Ringing", "9"), ("Hold", "16"), ("Busy", "2"), ("Unavailable", "4"), ("Idle", "0")]
    {
        let (user, other) = (serde_json::json!({ "user": "bob", "state": state }), format!("{}/call", pbx.admin_url()));
        assert_eq!(events.client.post(other).json(&user).send().await.unwrap().status(), StatusCode::NO_CONTENT);
        assert!(pbx.call("alice", state));
        let list = events.text(&[("action", "ExtensionStateList")]).await;
        assert_eq!((status(&list, "11"), status(&list, "alice")), (number.to_owned(), number.to_owned()), "{state}");
        let one = events.text(&[("action", "ExtensionState"), ("exten", "11"), ("context", "default")]).await;
        assert!(one.starts_with("Response: Success\r\nMessage: Extension Status\r\nExten: 11\r\n"), "{one}");
        assert!(one.ends_with(&format!("Status: {number}\r\nStatusText: {state}\r\n\r\n")), "{one}");
        let told = events.text(&[("action", "WaitEvent"), ("timeout", "0")]).await;
        assert_eq!(told.matches("Event: ExtensionStatus\r\nPrivilege: call,all\r\n").count(), 2, "{told}");
        assert_eq!(told.matches("Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: ").count(), 2, "{told}");
        pbx.call("bob", state);
        let again = events.text(&[("action", "WaitEvent"), ("timeout", "0")]).await;
        assert_eq!(blocks(&again).len(), 2, "what does not change is not told: {again}");
    }
    assert!(!pbx.call("bob", "fancy") && !pbx.call("nobody", "Idle"));
    let unknown = events.text(&[("action", "ExtensionState"), ("exten", "99")]).await;
    assert!(unknown.contains("Context: default\r\nHint: \r\nStatus: -1\r\nStatusText: Unknown\r\n"), "{unknown}");
}

#[tokio::test]
async fn greeting_and_forwarding_families_can_be_looked_at_by_the_admin_door() {
    let pbx = pbx().await;
    let mut s = Session::new(&pbx);
    for (family, key, val) in
        [("calport-greeting", "alice", "holiday"), ("calport-greeting", "bob", "away"), ("calport-greeting-x", "alice", "no")]
    {
        s.text(&[("action", "DBPut"), ("family", family), ("key", key), ("val", val)]).await;
    }
    let url = format!("{}/database?family=calport-greeting", pbx.admin_url());
    let entries: serde_json::Value = s.client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(entries, serde_json::json!({ "alice": "holiday", "bob": "away" }));
}
