use calport_sdk::testing::Recorded;
use serde_json::Value;

use super::*;
use crate::tests::client;

fn wish(mailbox: Option<&str>, topic: Topic) -> SubscriptionRequest {
    SubscriptionRequest {
        mailbox: mailbox.map(str::to_owned),
        topic,
        notification_url: Some("https://calport.example/hooks/a".into()),
        group: None,
        lifecycle_url: Some("https://calport.example/hooks/b".into()),
        secret: "s3cret".into(),
        expires: 1_767_225_600_000,
    }
}

const GRANTED: &str = r#"{"id":"sub1","resource":"users/u1/events","expirationDateTime":"2026-01-01T00:00:00.0000000Z"}"#;

#[test]
fn c10_a_subscription_is_asked_for_with_immutable_ids_and_its_end_is_read() {
    let (client, http) = client(Recorded::new().on("POST", "/subscriptions", 201, GRANTED));
    let got = subscribe(&client, &[wish(Some("u1"), Topic::Events)]).remove(0).unwrap();
    assert_eq!((got.id.as_str(), got.expires), ("sub1", Some(1_767_225_600_000)));
    let request = &http.requests()[0];
    assert!(request.headers.contains(&("prefer".into(), IMMUTABLE_IDS.into())));
    assert!(!request.safe_to_repeat, "a lost answer may have made one: the host looks for it (R-05)");
    let sent: Value = serde_json::from_slice(request.body.as_ref().unwrap()).unwrap();
    assert_eq!(sent["resource"], "/users/u1/events");
    assert_eq!(sent["clientState"], "s3cret");
    assert_eq!(sent["changeType"], "created,updated,deleted");
    assert_eq!(sent["lifecycleNotificationUrl"], "https://calport.example/hooks/b");
    assert_eq!(sent["expirationDateTime"], "2026-01-01T00:00:00Z");
}

#[test]
fn c10_wishes_that_cannot_be_sent_do_not_shift_the_answers_of_the_others() {
    let answers = format!(
        r#"{{"responses":[{{"id":"1","status":403,"body":{{"error":{{"code":"ExtensionError","message":"limit"}}}}}},
        {{"id":"0","status":201,"body":{GRANTED}}}]}}"#
    );
    let (client, _) = client(Recorded::new().on("POST", "/$batch", 200, &answers));
    let got = subscribe(
        &client,
        &[wish(None, Topic::Events), wish(Some("u1"), Topic::Events), wish(Some("u2"), Topic::Tasks), wish(Some("u3"), Topic::Events)],
    );
    assert_eq!(got[0].as_ref().unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(got[1].as_ref().unwrap().mailbox.as_deref(), Some("u1"));
    assert_eq!(got[2].as_ref().unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(got[3].as_ref().unwrap_err().kind, ErrorKind::Forbidden);
}

#[test]
fn b29_a_renewal_of_a_subscription_that_is_gone_is_not_found() {
    let gone = r#"{"error":{"code":"ResourceNotFound","message":"x"}}"#;
    let (client, _) = client(Recorded::new().on("PATCH", "/subscriptions/sub1", 404, gone).on("DELETE", "/subscriptions/sub1", 404, gone));
    let error = renew(&client, &[Renewal { id: "sub1".into(), expires: 0 }]).remove(0).unwrap_err();
    assert_eq!((error.kind, error.scope), (ErrorKind::NotFound, ErrorScope::Item));
    assert_eq!(unsubscribe(&client, &["sub1".into()]), [Ok(())]);
}

#[test]
fn r05_live_subscriptions_to_events_are_listed_with_their_mailbox() {
    let first = format!(
        r#"{{"value":[{GRANTED},{{"id":"other","resource":"me/mailFolders('Inbox')/messages","expirationDateTime":"2026-01-01T00:00:00Z"}}],
        "@odata.nextLink":"https://graph.example/v1.0/subscriptions?$skiptoken=2"}}"#
    );
    let (client, _) = client(Recorded::new().on("GET", "/subscriptions", 200, &first).on("GET", "$skiptoken=2", 200, r#"{"value":[]}"#));
    let got = live_subscriptions(&client).unwrap();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].mailbox.as_deref(), Some("u1"));
}

fn hook(body: &str, lifecycle: bool) -> HookRequest {
    HookRequest { lifecycle, content_type: "application/json".into(), body: body.as_bytes().to_vec(), received: 0 }
}

#[test]
fn c04_notifications_become_hints_and_a_strange_one_does_not_stop_the_others() {
    let user = "48d31887-5fad-4d73-a9f5-3c356e68a038";
    let tenant = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
    let changed = format!(
        r#"{{"value":[{{"subscriptionId":"s1","changeType":"updated","clientState":"c","resource":"Users/{user}/Events/e"}},
        {{"subscriptionId":"s2","changeType":"updated","resource":"users/{user}@{tenant}/events/e"}}]}}"#
    );
    let lifecycle = r#"{"value":[{"subscriptionId":"s1","lifecycleEvent":"missed"},
        {"subscriptionId":"s1","lifecycleEvent":"somethingNew"},{"subscriptionId":"s1"}]}"#;
    let got = read_hooks(&[hook(&changed, false), hook("<html>", false), hook(lifecycle, true)]);
    let hints = got[0].as_ref().unwrap();
    assert!(hints.iter().all(|h| h.kind == HintKind::Changed && h.mailbox.as_deref() == Some(user)), "{hints:?}");
    assert!(matches!(got[1].as_ref().unwrap_err().kind, ErrorKind::Protocol(_)));
    assert!(got[2].as_ref().unwrap().iter().all(|h| h.kind == HintKind::Resync));
}
