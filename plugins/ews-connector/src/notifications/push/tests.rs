use calport_ews_protocol::operation::notifications::Acknowledgement;
use calport_sdk::http::{Http, HttpError, Request, Response, StreamedResponse};
use proptest::prelude::*;

use super::*;
use crate::bindings::exports::calport::connector::connector::HookSecret;
use crate::bindings::exports::calport::connector::notifications::{SubscriptionRequest, Topic};

/// Answers every request with the same, and remembers the last.
struct Server(std::cell::RefCell<String>, String);

impl Http for &'static Server {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        *self.0.borrow_mut() = String::from_utf8(request.body.clone().unwrap_or_default()).unwrap();
        Ok(Response { status: 200, headers: Vec::new(), body: self.1.clone().into_bytes() })
    }
    fn open(&self, _: &Request) -> Result<StreamedResponse, HttpError> {
        Err(HttpError::Invalid("no stream".to_owned()))
    }
    fn read_body(&self, _: u32, _: u32) -> Result<Option<Vec<u8>>, HttpError> {
        Ok(None)
    }
    fn close_body(&self, _: u32) {}
}

fn answer(class: &str, code: &str, content: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:SubscribeResponse xmlns:m=\"m\"><m:ResponseMessages>\
         <m:SubscribeResponseMessage ResponseClass=\"{class}\"><m:ResponseCode>{code}</m:ResponseCode>{content}\
         </m:SubscribeResponseMessage></m:ResponseMessages></m:SubscribeResponse></s:Body></s:Envelope>"
    )
}

fn world(settings: &str, said: String) -> (Client, &'static Server) {
    let server: &'static Server = Box::leak(Box::new(Server(std::cell::RefCell::default(), said)));
    let settings = calport_sdk::settings::parse(settings).unwrap();
    (Client::new(Box::new(server), "https://mail.example.com/EWS/Exchange.asmx".to_owned(), settings), server)
}

const SETTINGS: &str = r#"{ "test_user": "test@example.com" }"#;

fn wish() -> SubscriptionRequest {
    SubscriptionRequest {
        mailbox: Some("anna@example.com".to_owned()),
        topic: Topic::Events,
        notification_url: Some("https://calport.example.com/hooks/a/b?key=c".to_owned()),
        group: None,
        lifecycle_url: Some("https://calport.example.com/hooks/a/b/lifecycle?key=c".to_owned()),
        secret: "c".to_owned(),
        expires: 0,
    }
}

fn granted() -> String {
    answer("Success", "NoError", "<m:SubscriptionId>S1</m:SubscriptionId><m:Watermark>W1</m:Watermark>")
}

fn request(body: &str) -> HookRequest {
    HookRequest { lifecycle: false, content_type: "text/xml".to_owned(), body: body.as_bytes().to_vec(), received: 0 }
}

fn notification(content: &str) -> String {
    format!(
        "<soap11:Envelope xmlns:soap11=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap11:Body><m:SendNotification \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">\
         <m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass=\"Success\">{content}\
         </m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>"
    )
}

fn told(events: &str) -> String {
    let inside = format!("<t:SubscriptionId>S1</t:SubscriptionId><t:PreviousWatermark>W1</t:PreviousWatermark>{events}");
    notification(&format!("<m:ResponseCode>NoError</m:ResponseCode><m:Notification>{inside}</m:Notification>"))
}

fn kinds(hints: &[Hint]) -> Vec<(&str, String)> {
    hints.iter().map(|h| (h.subscription.as_str(), format!("{:?}", h.kind))).collect()
}

#[test]
fn c10_a_subscription_is_granted_for_twice_the_silence_it_survives() {
    for (settings, minutes, silence) in [
        (SETTINGS, 5, 600),
        (r#"{ "test_user": "test@example.com", "push_status_minutes": 30 }"#, 30, 3_600),
        (r#"{ "test_user": "test@example.com", "push_status_minutes": 1, "push_silence_s": 3 }"#, 1, 3),
    ] {
        let (client, server) = world(settings, granted());
        let before = now();
        let subscription = crate::notifications::subscribe(&client, &wish()).unwrap();
        let life = subscription.expires.unwrap() - before;
        assert!((2_000 * silence..2_000 * silence + 60_000).contains(&life), "{life}");
        let sent = server.0.borrow();
        assert!(sent.contains("PushSubscriptionRequest") && sent.contains(&format!("<t:StatusFrequency>{minutes}<")), "{sent}");
        assert!(sent.contains("<t:URL>https://calport.example.com/hooks/a/b?key=c<"), "{sent}");
        assert!(!sent.contains("<t:Watermark>"), "B-33: never resumed");
        assert_eq!((subscription.id.as_str(), subscription.mailbox.as_deref()), ("push S1", Some("anna@example.com")));
    }
}

#[test]
fn b33_it_is_not_renewed_and_ends_without_a_request() {
    let (client, server) = world(SETTINGS, String::new());
    assert_eq!(silent().kind, ErrorKind::NotFound);
    assert!(crate::notifications::unsubscribe(&client, "push S1").is_ok());
    assert_eq!(*server.0.borrow(), "");
}

#[test]
fn c14_a_server_that_does_not_call_this_url_is_no_failure_of_the_connection() {
    let (client, _) = world(SETTINGS, answer("Error", "ErrorInvalidPushSubscriptionUrl", ""));
    let error = crate::notifications::subscribe(&client, &wish()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    let (client, _) = world(SETTINGS, answer("Success", "NoError", ""));
    assert!(matches!(crate::notifications::subscribe(&client, &wish()).unwrap_err().kind, ErrorKind::Protocol(_)));
}

#[test]
fn c04_a_status_is_a_sign_of_life_and_an_event_a_change_too() {
    let (client, _) = world(SETTINGS, String::new());
    let status =
        read(&client, &request(&told("<t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>W2</t:Watermark></t:StatusEvent>")));
    let alive = ("push S1", "HintKind::Heartbeat".to_owned());
    assert_eq!(kinds(&status.unwrap()), std::slice::from_ref(&alive));
    let event = "<t:MoreEvents>false</t:MoreEvents><t:ModifiedEvent><t:Watermark>W2</t:Watermark><t:TimeStamp>2026-03-02T08:00:00Z</t:TimeStamp>\
                 <t:ItemId Id=\"i\"/><t:ParentFolderId Id=\"f\"/></t:ModifiedEvent>";
    assert_eq!(kinds(&read(&client, &request(&told(event))).unwrap()), [alive, ("push S1", "HintKind::Changed".to_owned())]);
    let failed = notification("<m:MessageText>Gone.</m:MessageText><m:ResponseCode>ErrorReadEventsFailed</m:ResponseCode>");
    assert_eq!(kinds(&read(&client, &request(&failed)).unwrap()), [("", "HintKind::Resync".to_owned())]);
}

#[test]
fn b31_what_is_no_notification_is_an_error_of_its_own() {
    let (client, _) = world(SETTINGS, String::new());
    for wrong in ["", "<html>", "{}", "<a/>", &notification("")[..100], "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"] {
        let error = read(&client, &request(wrong)).unwrap_err();
        assert_eq!(error.scope, ErrorScope::Item, "{wrong}");
    }
}

#[test]
fn b31_the_host_answers_by_the_profile() {
    let descriptor = crate::describe::descriptor(
        crate::describe::Identity { name: "n", display_name: "n", settings_schema: "{}", usual_url: "", schemes: &[] },
        Vec::new(),
    );
    let hook = descriptor.hook.unwrap();
    assert!(matches!(hook.secret, HookSecret::Query(name) if name == "key"));
    assert_eq!(hook.acknowledgement.body.as_bytes(), Acknowledgement::Ok.body());
    assert_eq!(hook.farewell.unwrap().body.as_bytes(), Acknowledgement::Unsubscribe.body());
    assert_eq!((hook.acknowledgement.status, hook.heartbeats), (200, true));
}

proptest! {
    #[test]
    fn any_request_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300), events in ".{0,100}") {
        let (client, _) = world(SETTINGS, String::new());
        let _read = read(&client, &HookRequest { body, ..request("") });
        let _told = read(&client, &request(&told(&events)));
    }
}
