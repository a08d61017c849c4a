//! Subscriptions, pulled and pushed notifications, groups.

use calport_ews_protocol::folder::{Folder, KnownFolder};
use calport_ews_protocol::operation::notifications::affinity::{GroupKey, groups};
use calport_ews_protocol::operation::notifications::{
    Acknowledgement, Delivery, EventKind, Remedy, Stream, StreamEvent, Subject, Subscription, read_push,
};
use calport_ews_protocol::operation::{GetEvents, GetStreamingEvents, Subscribe, Unsubscribe};
use calport_ews_protocol::{Call, ReadError, ServerVersion, WriteError, answer};
use proptest::prelude::*;

use crate::samples::{read, refused, sample};
use crate::support::envelope;

fn calendar(delivery: Delivery) -> Subscribe {
    Subscribe { folders: vec![Folder::known(KnownFolder::Calendar)], delivery }
}

#[test]
fn golden_subscriptions_are_read() {
    let Some(streaming) = read::<Subscribe>("subscribe-streaming") else { return };
    let subscription = streaming.single().unwrap();
    assert!(subscription.id.starts_with("JgBibjFw") && subscription.watermark.is_none());
}

#[test]
fn golden_pulled_events_are_read() {
    let Some(pulled) = read::<GetEvents>("getevents") else { return };
    let told = pulled.single().unwrap().notifications.remove(0);
    assert_eq!((told.notices.len(), told.more), (2, false));
    assert!(told.follows("AAAAAMAGAAAAAAAAAQ==") && !told.follows("older"));
    assert_eq!(told.watermark.as_deref(), Some("AAAAAOQGAAAAAAAAAQ=="));
    assert_eq!((told.notices[0].kind, told.notices[0].folder.as_str()), (EventKind::NewMail, "AQApAH"));
    let denied = refused(read::<GetEvents>("getevents-error").unwrap());
    assert_eq!((denied.code.as_str(), Remedy::of(&denied)), ("ErrorSubscriptionAccessDenied", Remedy::Denied));
}

#[test]
fn golden_streamed_notifications_are_read_without_the_schemas_element() {
    let Some(body) = sample("response/getstreamingevents-notification.xml") else { return };
    let mut stream = Stream::new();
    stream.receive(&body);
    let Some(Ok(StreamEvent::Notification(told))) = stream.next_event() else { panic!() };
    let kinds: Vec<EventKind> = told.notices.iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, [EventKind::Created, EventKind::NewMail, EventKind::Modified]);
    assert!(matches!(&told.notices[2].subject, Some(Subject::Folder(_))) && told.notices[0].at == Some(1_379_305_889_000));
    assert_eq!(stream.server().unwrap().speaks(), ServerVersion::Exchange2013);
    assert_eq!((stream.next_event(), stream.finish()), (None, Ok(())));
    assert!(read::<GetStreamingEvents>("getstreamingevents-notification").unwrap().single().is_ok(), "also as a whole");
}

#[test]
fn c09_streams_need_exchange_2010_sp1_and_hold_200_subscriptions() {
    let ids = |count: u32| GetStreamingEvents { subscriptions: (0..count).map(|n| n.to_string()).collect(), minutes: 30 };
    for version in ServerVersion::ALL {
        let call = Call::new(version);
        let can = version >= ServerVersion::Exchange2010Sp1;
        assert_eq!(call.request(&calendar(Delivery::Stream)).is_ok(), can, "{version}");
        assert_eq!(call.request(&ids(200)).is_ok(), can, "{version}");
        assert!(call.request(&calendar(Delivery::Pull { timeout_minutes: 30 })).is_ok());
        assert!(call.request(&calendar(Delivery::Push { url: "https://a.b/".into(), status_minutes: 5 })).is_ok());
    }
    let call = Call::new(ServerVersion::LATEST);
    let error = Call::new(ServerVersion::Exchange2010).request(&calendar(Delivery::Stream)).unwrap_err();
    assert!(error.to_string().contains("Exchange2010_SP1"), "{error}");
    assert!(matches!(call.request(&ids(201)), Err(WriteError::Invalid { .. })));
    assert!(matches!(call.request(&ids(0)), Err(WriteError::Nothing { .. })));
    let nothing = Subscribe { folders: Vec::new(), delivery: Delivery::Stream };
    assert!(matches!(call.request(&nothing), Err(WriteError::Nothing { .. })));
    for url in ["", "ftp://a.b", "javascript:x", "a.b/hook"] {
        let push = calendar(Delivery::Push { url: url.into(), status_minutes: 5 });
        assert!(matches!(call.request(&push), Err(WriteError::Invalid { .. })), "{url}");
    }
}

#[test]
fn b33_a_subscription_never_begins_with_an_old_watermark() {
    for delivery in [Delivery::Stream, Delivery::Pull { timeout_minutes: 5 }] {
        let body = Call::new(ServerVersion::LATEST).request(&calendar(delivery)).unwrap().body;
        assert!(!String::from_utf8(body).unwrap().contains("Watermark"));
    }
    let body = envelope::<Subscribe>("<m:SubscriptionId> s1 </m:SubscriptionId><m:Watermark>w1</m:Watermark>");
    let subscription = answer::<Subscribe>(body.as_bytes()).unwrap().single().unwrap();
    assert_eq!(subscription, Subscription { id: "s1".into(), watermark: Some("w1".into()) });
    assert!(answer::<Unsubscribe>(envelope::<Unsubscribe>("").as_bytes()).unwrap().single().is_ok());
}

#[test]
fn feat_c08_a_pull_without_news_moves_the_watermark_only() {
    let status = "<t:StatusEvent><t:Watermark>w2</t:Watermark></t:StatusEvent>";
    let content = format!(
        "<m:Notification><t:SubscriptionId>s</t:SubscriptionId><t:PreviousWatermark>w1</t:PreviousWatermark>\
         <t:MoreEvents>true</t:MoreEvents>{status}</m:Notification>"
    );
    let body = envelope::<GetEvents>(&content);
    let told = answer::<GetEvents>(body.as_bytes()).unwrap().single().unwrap().notifications.remove(0);
    assert_eq!((told.notices.len(), told.watermark.as_deref(), told.more), (0, Some("w2"), true));
}

fn pushed(message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap11:Envelope xmlns:soap11=\"s\"><soap11:Header><t:RequestServerVersion \
         xmlns:t=\"t\" Version=\"Exchange2016\"/></soap11:Header><soap11:Body><m:SendNotification xmlns:t=\"t\" xmlns:m=\"m\">\
         <m:ResponseMessages>{message}</m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>"
    )
}

fn pushed_events(events: &str) -> String {
    pushed(&format!(
        "<m:SendNotificationResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>\
         <t:SubscriptionId>s1</t:SubscriptionId><t:PreviousWatermark>w1</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>{events}\
         </m:Notification></m:SendNotificationResponseMessage>"
    ))
}

#[test]
fn feat_c08_a_pushed_notification_is_read_and_acknowledged() {
    let body = pushed_events(
        "<t:MovedEvent><t:Watermark>w2</t:Watermark><t:TimeStamp>2026-03-29T07:00:00Z</t:TimeStamp><t:ItemId Id=\"i\" ChangeKey=\"k\"/>\
         <t:ParentFolderId Id=\"bin\"/><t:OldItemId Id=\"o\"/><t:OldParentFolderId Id=\"f\"/></t:MovedEvent><t:FutureEvent/>",
    );
    let told = read_push(body.as_bytes()).unwrap().remove(0).unwrap();
    assert_eq!((told.subscription.as_str(), told.watermark.as_deref()), ("s1", Some("w2")));
    assert_eq!((told.notices[0].kind, told.notices[1].kind), (EventKind::Moved, EventKind::Other));
    assert_eq!((told.notices[0].folder.as_str(), told.notices[0].at), ("bin", Some(1_774_767_600_000)));
    let alive = read_push(pushed_events("<t:StatusEvent><t:Watermark>w1</t:Watermark></t:StatusEvent>").as_bytes()).unwrap();
    assert!(alive[0].as_ref().unwrap().notices.is_empty());
    let failed = pushed(
        "<m:SendNotificationResponseMessage ResponseClass=\"Error\"><m:MessageText>x</m:MessageText>\
         <m:ResponseCode>ErrorReadEventsFailed</m:ResponseCode></m:SendNotificationResponseMessage>",
    );
    let failure = read_push(failed.as_bytes()).unwrap().remove(0).unwrap_err();
    assert_eq!(Remedy::of(&failure), Remedy::SubscribeAgain);
    let ok = String::from_utf8(Acknowledgement::Ok.body()).unwrap();
    assert!(ok.contains("<m:SubscriptionStatus>OK</m:SubscriptionStatus>"), "{ok}");
    assert!(String::from_utf8(Acknowledgement::Unsubscribe.body()).unwrap().contains(">Unsubscribe<"));
}

#[test]
fn feat_c08_what_is_no_notification_is_said_to_be_none() {
    assert!(matches!(read_push(b"{\"value\":[]}"), Err(ReadError::NotSoap { .. })));
    assert!(matches!(read_push(b"<Envelope><Body><Subscribe/></Body></Envelope>"), Err(ReadError::OtherAnswer { .. })));
    assert!(matches!(read_push(b"<Envelope><Body><SendNotification>"), Err(ReadError::Truncated { .. })));
    let bomb = b"<!DOCTYPE a [<!ENTITY b \"c\">]><Envelope>&b;</Envelope>";
    assert_eq!(read_push(bomb), Err(ReadError::DocumentType));
}

#[test]
fn golden_every_code_with_a_remedy_is_one_of_the_vendors() {
    let Some(reference) = crate::support::reference() else { return };
    let schema = std::fs::read_to_string(reference.join("ews/messages.xsd")).unwrap();
    let source = include_str!("../../src/operation/notifications/remedy.rs");
    let words = source.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.starts_with("Error") && word.len() > 5);
    let codes: Vec<&str> = words.collect();
    assert!(codes.len() > 12, "{codes:?}");
    for code in codes {
        assert!(schema.contains(&format!("value=\"{code}\"")), "{code}");
    }
}

fn key(number: u8) -> GroupKey {
    GroupKey { ews_url: format!("https://mail{}.example.com/EWS/Exchange.asmx", number / 2), grouping: format!("G{}", number % 2) }
}

#[test]
fn b32_a_group_names_its_anchor_its_session_and_its_wish() {
    let members = [("Carla@example.com", 0), ("anna@example.com", 0), ("ben@example.com", 1), ("ANNA@example.com", 0)];
    let groups = groups(members.map(|(mailbox, number)| (mailbox.to_owned(), key(number))), 200);
    assert_eq!(groups.len(), 2);
    assert_eq!((groups[0].anchor(), groups[0].mailboxes.len()), ("anna@example.com", 2));
    let headers = groups[0].headers::<GetStreamingEvents>(&Call::new(ServerVersion::LATEST));
    assert!(headers.contains(&("x-anchormailbox", "anna@example.com".to_owned())));
    assert!(headers.contains(&("x-preferserveraffinity", "true".to_owned())));
    assert_ne!(groups[0].session(), groups[1].session());
}

proptest! {
    #[test]
    fn b32_every_mailbox_is_in_one_group_of_its_kind(
        members in proptest::collection::vec((0_u16..700, 0_u8..4), 0..600), most in 0_usize..300, shift in 0_usize..600
    ) {
        let mut members: Vec<(String, GroupKey)> = members
            .into_iter()
            .map(|(n, kind)| (format!("user{n}-{kind}@example.com"), key(kind)))
            .collect();
        let made = groups(members.clone(), most);
        for group in &made {
            prop_assert!(!group.mailboxes.is_empty() && group.mailboxes.len() <= most.clamp(1, 200));
            prop_assert!(group.mailboxes.is_sorted() && group.mailboxes[0] == group.anchor());
        }
        let mut placed: Vec<(String, GroupKey)> = made
            .iter()
            .flat_map(|group| group.mailboxes.iter().map(|mailbox| (mailbox.clone(), group.key.clone())))
            .collect();
        placed.sort();
        let middle = shift.min(members.len());
        members.rotate_left(middle);
        prop_assert_eq!(groups(members.clone(), most), made, "the order does not matter");
        members.sort();
        members.dedup();
        prop_assert_eq!(placed, members);
    }
}
