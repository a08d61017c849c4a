//! What the real Kamailio does: the facts on which the connector's recorded answers and its setup document stand.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kamailio::{Kamailio, Publication, TOKEN};
use crate::watcher::Watcher;

const PATIENCE: Duration = Duration::from_secs(30);

fn document(publisher: &str, activity: &str, note: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:anna@127.0.0.1\">\
         <tuple id=\"{publisher}\"><status><basic>open</basic></status></tuple><dm:person id=\"{publisher}-person\">\
         <rpid:activities><rpid:{activity}/></rpid:activities><dm:note>{note}</dm:note></dm:person></presence>"
    )
}

fn tag(answer: &(u16, Value)) -> String {
    answer.1["result"]["SIP-ETag"].as_str().unwrap_or_else(|| panic!("no entity tag: {answer:?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_01_a_parameter_that_is_no_text_is_refused() {
    let server = Kamailio::start().await;
    let proxy = format!("sip:127.0.0.1:{}", server.port);
    let params = json!([
        "sip:anna@127.0.0.1",
        60,
        "presence",
        "application/pidf+xml",
        "calport",
        ".",
        proxy,
        ".",
        document("calport", "meeting", "x")
    ]);
    let (status, answer) = server.call("pua.publish", params, PATIENCE).await.unwrap();
    assert_eq!((status, answer["error"]["code"].as_i64()), (400, Some(400)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_02_and_03_an_unknown_tag_is_http_500_and_a_lost_publication_an_empty_success() {
    let server = Kamailio::start().await;
    let it = document("calport", "meeting", "x");
    let publication = Publication { document: Some(&it), ..Publication::default() };
    let first = tag(&server.publish(publication).await);
    let second = tag(&server.publish(Publication { tag: &first, ..publication }).await);
    assert_ne!(first, second);
    let (status, answer) = server.publish(Publication { tag: &first, ..publication }).await;
    assert_eq!((status, answer["error"]["message"].as_str()), (500, Some("Wrong ETag")), "{answer}");
    let third = tag(&server.publish(publication).await);
    // Without a tag, the publisher's name alone replaces.
    server.has("anna", &[&third]).await;

    server.forget().await;
    let (status, answer) = server.publish(Publication { tag: &third, ..publication }).await;
    assert_eq!((status, &answer["result"]), (200, &json!({})), "the presence server's 412 looks like success");
    server.has("anna", &[]).await;
    let fourth = tag(&server.publish(publication).await);
    server.has("anna", &[&fourth]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_05_a_removal_of_nothing_is_never_answered() {
    let server = Kamailio::start().await;
    let removal = Publication { expires: "0", ..Publication::default() };
    assert_eq!(server.try_publish(removal, Duration::from_secs(2)).await, None);
    let (status, answer) = server.publish(Publication { tag: "a.1.2.3.0", ..removal }).await;
    assert_eq!((status, answer["error"]["message"].as_str()), (500, Some("Wrong ETag")), "with a tag it is: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_06_a_request_larger_than_the_read_buffer_gets_no_answer_and_the_connectors_largest_one_does() {
    let server = Kamailio::start().await;
    let large = document("calport", "meeting", &"x".repeat(17_000));
    let publication = Publication { document: Some(&large), ..Publication::default() };
    assert_eq!(server.try_publish(publication, Duration::from_secs(5)).await, None);
    let largest = document("calport", "meeting", &"&quot;".repeat(1_100));
    tag(&server.publish(Publication { document: Some(&largest), ..publication }).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_07_a_watcher_is_told_when_a_publication_ends_by_itself() {
    let server = Kamailio::start().await;
    let watcher = Watcher::of(&server, "anna").await;
    let it = document("calport", "meeting", "Grüße &amp; &lt;b&gt; – 😀");
    let answer = server.publish(Publication { expires: "3", document: Some(&it), ..Publication::default() }).await;
    assert_eq!(answer.1["result"]["Expires"].as_i64(), Some(4), "it asks for a second more");
    watcher.sees("the note, unchanged", |all| all.last().is_some_and(|n| n.told("calport").note == "Grüße & <b> – 😀")).await;
    let took = watcher.sees("the end", |all| all.last().is_some_and(|n| n.body.is_empty())).await;
    assert!(took > Duration::from_secs(2), "{took:?}");
    server.has("anna", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_08_documents_of_several_publishers_stand_beside_each_other() {
    let server = Kamailio::start().await;
    let watcher = Watcher::of(&server, "anna").await;
    let (own, phone) = (document("calport", "meeting", "Board"), document("phone", "on-the-phone", "in a call"));
    server.publish(Publication { publisher: "phone", document: Some(&phone), ..Publication::default() }).await;
    let first = tag(&server.publish(Publication { document: Some(&own), ..Publication::default() }).await);
    let both = |told: &crate::watcher::Notify| (told.told("calport").note, told.told("phone").note);
    watcher.sees("both", |all| all.last().map(both) == Some(("Board".to_owned(), "in a call".to_owned()))).await;
    server.publish(Publication { expires: "0", tag: &first, ..Publication::default() }).await;
    watcher.sees("the telephone's alone", |all| all.last().map(both) == Some((String::new(), "in a call".to_owned()))).await;
    assert_eq!(watcher.told("calport").basic, "closed", "for the moment of the removal");
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_09_entity_tags_outlive_a_restart_with_pua_db_mode_2() {
    let mut server = Kamailio::start().await;
    let it = document("calport", "meeting", "x");
    let publication = Publication { document: Some(&it), ..Publication::default() };
    let first = tag(&server.publish(publication).await);
    server.restart().await;
    let second = tag(&server.publish(Publication { tag: &first, ..publication }).await);
    server.has("anna", &[&second]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_filter_lets_only_calports_methods_pass() {
    let server = Kamailio::start().await;
    let status = async |body: &str, token: &str| server.post(body, token, PATIENCE).await.unwrap().0;
    let call = |method: &str| format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":[]}}");
    assert_eq!(status(&call("core.version"), TOKEN).await, 200);
    assert_eq!(status(&call("core.version"), "wrong").await, 401);
    assert_eq!(status(&call("core.uptime"), TOKEN).await, 403);
    assert_eq!(status(&format!("{{\"method\":\"core.uptime\",\"x\":\n{}}}", call("core.version")), TOKEN).await, 403);
    let twice = call("core.version").replace("\"params\"", "\"method\":\"core.uptime\",\"params\"");
    let answer = server.post(&twice, TOKEN, PATIENCE).await.unwrap();
    assert!(answer.1["result"].as_str().is_some_and(|r| r.starts_with("kamailio")), "the first of two methods counts: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_11_two_users_under_one_record_name_get_each_others_entity_tags() {
    let server = Kamailio::start().await;
    let it = document("calport", "meeting", "x");
    let (anna, ben) = (
        Publication { document: Some(&it), ..Publication::default() },
        Publication { user: "ben", document: Some(&it), ..Publication::default() },
    );
    let first = tag(&server.publish(anna).await);
    let (status, answer) = server.publish(ben).await;
    assert_eq!((status, &answer["result"]), (200, &json!({})), "it was sent with the tag of the other user, and refused");
    server.has("ben", &[]).await;
    // With names of their own, both stand.
    let (anna, ben) = (Publication { publisher: "calport-anna", ..anna }, Publication { publisher: "calport-ben", ..ben });
    let (second, third) = (tag(&server.publish(anna).await), tag(&server.publish(ben).await));
    server.has("anna", &[&first, &second]).await;
    server.has("ben", &[&third]).await;
}
