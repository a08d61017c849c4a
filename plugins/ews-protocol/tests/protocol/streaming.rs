//! Streams: cut anywhere, ended anywhere, hostile.

use calport_ews_protocol::operation::notifications::{Remedy, Stream, StreamEvent};
use calport_ews_protocol::{FailureKind, ReadError};
use proptest::prelude::*;

fn document(message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap11:Envelope xmlns:soap11=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <soap11:Header><ServerVersionInfo MajorVersion=\"15\" MinorVersion=\"1\"/></soap11:Header><soap11:Body>\
         <m:GetStreamingEventsResponse xmlns:m=\"m\" xmlns:t=\"t\"><m:ResponseMessages>{message}</m:ResponseMessages>\
         </m:GetStreamingEventsResponse></soap11:Body></soap11:Envelope>"
    )
}

fn success(content: &str) -> String {
    document(&format!(
        "<m:GetStreamingEventsResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>{content}\
         </m:GetStreamingEventsResponseMessage>"
    ))
}

fn status(status: &str) -> String {
    success(&format!("<m:ConnectionStatus>{status}</m:ConnectionStatus>"))
}

fn changed(ids: &[&str]) -> String {
    let one = |id: &&str| {
        format!(
            "<m:Notification><t:SubscriptionId>{id}</t:SubscriptionId><!-- a> </x> --><t:ModifiedEvent><t:TimeStamp>2026-03-29T07:00:00Z\
             </t:TimeStamp><t:ItemId Id=\"a>b/&lt;\" ChangeKey='x\"'/><t:ParentFolderId Id=\"f\"/></t:ModifiedEvent>\
             <t:Note><![CDATA[ab></soap11:Envelope>]]></t:Note></m:Notification>"
        )
    };
    success(&format!("<m:Notifications>{}</m:Notifications>", ids.iter().map(one).collect::<String>()))
}

fn lost(ids: &[&str], code: &str) -> String {
    let ids: String = ids.iter().map(|id| format!("<m:SubscriptionId>{id}</m:SubscriptionId>")).collect();
    let ids = if ids.is_empty() { ids } else { format!("<m:ErrorSubscriptionIds>{ids}</m:ErrorSubscriptionIds>") };
    document(&format!(
        "<m:GetStreamingEventsResponseMessage ResponseClass=\"Error\"><m:MessageText>x</m:MessageText><m:ResponseCode>{code}\
         </m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{ids}<m:ConnectionStatus>Closed</m:ConnectionStatus>\
         </m:GetStreamingEventsResponseMessage>"
    ))
}

fn events(stream: &mut Stream) -> Vec<Result<StreamEvent, ReadError>> {
    std::iter::from_fn(|| stream.next_event()).collect()
}

/// Events as words.
fn told(stream: &mut Stream) -> Vec<String> {
    let word = |event: Result<StreamEvent, ReadError>| match event {
        Ok(StreamEvent::Heartbeat) => "heartbeat".to_owned(),
        Ok(StreamEvent::Notification(notification)) => format!("changed {}", notification.subscription),
        Ok(StreamEvent::Lost { subscriptions, failure }) => format!("lost {} {failure}", subscriptions.join(" ")),
        Ok(StreamEvent::Closed) => "closed".to_owned(),
        Err(error) => format!("{error:?}"),
    };
    events(stream).into_iter().map(word).collect()
}

#[test]
fn c09_a_stream_tells_of_changes_heartbeats_losses_and_its_end() {
    let whole = [
        status("OK"),
        changed(&["s1", "s2"]),
        status("OK"),
        lost(&["s3", "s4"], "ErrorSubscriptionNotFound"),
        "\r\n\r\n".to_owned(),
        status("Closed"),
    ]
    .concat();
    let mut stream = Stream::new();
    stream.receive(whole.as_bytes());
    let expected = ["heartbeat", "changed s1", "changed s2", "heartbeat", "lost s3 s4 ErrorSubscriptionNotFound", "closed", "closed"];
    assert_eq!(told(&mut stream), expected);
    assert_eq!(stream.finish(), Ok(()));
}

#[test]
fn c09_a_refusal_without_ids_is_about_the_whole_stream() {
    let mut stream = Stream::new();
    stream.receive(lost(&[], "ErrorExceededConnectionCount").as_bytes());
    let Some(Ok(StreamEvent::Lost { subscriptions, failure })) = stream.next_event() else { panic!() };
    assert_eq!((subscriptions.len(), Remedy::of(&failure)), (0, Remedy::FewerSubscriptions));
    assert_eq!(failure.kind(), FailureKind::Throttled(None));
}

#[test]
fn c09_ids_that_are_refused_beside_success_are_lost_too() {
    let mut stream = Stream::new();
    let ids = "<m:ErrorSubscriptionIds><t:SubscriptionId> s9 </t:SubscriptionId></m:ErrorSubscriptionIds>";
    stream.receive(success(ids).as_bytes());
    assert_eq!(told(&mut stream), ["lost s9 ErrorSubscriptionNotFound"]);
}

#[test]
fn b44_a_fault_ends_the_stream_with_its_reason() {
    let fault = "<s:Envelope xmlns:s=\"s\"><s:Body><s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>x</faultstring></s:Fault>\
                 </s:Body></s:Envelope>";
    let mut stream = Stream::new();
    stream.receive(format!("{}{fault}{}", changed(&["s1"]), status("OK")).as_bytes());
    let all = events(&mut stream);
    assert!(matches!(&all[0], Ok(StreamEvent::Notification(_))), "what came before is not lost");
    assert!(matches!(&all[1], Err(ReadError::Fault(fault)) if fault.kind() == FailureKind::Throttled(None)));
    assert_eq!(all.len(), 2, "nothing is read after an error");
    assert_eq!(stream.finish(), Ok(()));
}

#[test]
fn c09_a_stream_that_breaks_off_says_so() {
    let whole = changed(&["s1"]);
    for end in 1..whole.len() {
        let mut stream = Stream::new();
        stream.receive(&whole.as_bytes()[..end]);
        assert_eq!(told(&mut stream), [""; 0], "{end}");
        assert_eq!(stream.finish(), Err(ReadError::Truncated { bytes: end as u64 }));
    }
}

#[test]
fn b49_what_is_no_stream_is_known_at_once() {
    let first = |bytes: &[u8]| {
        let mut stream = Stream::new();
        stream.receive(bytes);
        stream.next_event().map(Result::unwrap_err)
    };
    assert_eq!(first(b"<!DOCTYPE html><html><head>"), Some(ReadError::Html));
    assert_eq!(first(b"\xef\xbb\xbf <html lang=\"de\">"), Some(ReadError::Html));
    assert_eq!(first(b"<!DOCTYPE x [<!ENTITY a \"b\">]><Envelope>"), Some(ReadError::DocumentType));
    assert_eq!(first(b"Service unavailable"), Some(ReadError::NotSoap { root: String::new() }));
    assert_eq!(first(b"<Autodiscover>"), Some(ReadError::NotSoap { root: "Autodiscover".into() }));
    assert!(matches!(first(b"<\0E\0n\0v\0"), Some(ReadError::Encoding { .. })));
    assert!(matches!(first(b"\xff\xfe<\0E\0"), Some(ReadError::Encoding { .. } | ReadError::NotSoap { .. })));
    assert_eq!(first(b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a -- > -->"), None);
    assert_eq!(first(format!("<s:Envelope>{}", "<a>".repeat(200)).as_bytes()), None);
}

#[test]
fn a_document_without_end_is_refused_at_its_bound() {
    let mut stream = Stream::new();
    stream.receive(b"<Envelope>");
    let piece = vec![b'x'; 64 << 10];
    let pieces = (0..1_000).take_while(|_| {
        stream.receive(&piece);
        stream.next_event().is_none()
    });
    assert_eq!(pieces.count(), 127, "8 MiB");
}

proptest! {
    #[test]
    fn c09_however_a_stream_is_cut_it_tells_the_same(
        parts in proptest::collection::vec(0_usize..5, 0..12), cuts in proptest::collection::vec(1_usize..400, 1..80)
    ) {
        let all = [status("OK"), changed(&["s1"]), changed(&["s2", "s3"]), lost(&["s4"], "ErrorSubscriptionNotFound"), status("Closed")];
        let whole: String = parts.iter().map(|part| all[*part].as_str()).collect();
        let mut at_once = Stream::new();
        at_once.receive(whole.as_bytes());
        let mut pieces = Stream::new();
        let mut rest = whole.as_bytes();
        for cut in cuts.iter().cycle() {
            let (piece, behind) = rest.split_at((*cut).min(rest.len()));
            pieces.receive(piece);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(pieces.finish(), Ok(()));
        prop_assert_eq!(told(&mut pieces), told(&mut at_once));
    }

    #[test]
    fn no_stream_ends_in_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), start in 0_usize..3) {
        let mut stream = Stream::new();
        stream.receive([&b""[..], b"<Envelope>", b"<Envelope><Body><GetStreamingEventsResponse>"][start]);
        stream.receive(&bytes);
        let errors = events(&mut stream).into_iter().filter(Result::is_err).count();
        prop_assert!(errors <= 1);
        let _whole_or_cut = stream.finish();
    }

    #[test]
    fn no_markup_ends_in_a_panic(parts in proptest::collection::vec(0_usize..14, 0..30)) {
        let bits = ["<", ">", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "<a ", "\"", "'", "/>", "</a>", "</Envelope>"];
        let mut stream = Stream::new();
        stream.receive(b"<Envelope>");
        stream.receive(parts.iter().map(|part| bits[*part]).collect::<String>().as_bytes());
        let _read_or_refused = events(&mut stream);
    }
}
