//! Answers that no server should send.

use calport_ews_protocol::item::ItemRef;
use calport_ews_protocol::item::event::CalendarItem;
use calport_ews_protocol::operation::{FindItem, GetItem, SyncFolderItems};
use calport_ews_protocol::{MAX_ANSWER_BYTES, ReadError, answer};
use proptest::prelude::*;

use crate::page::page;
use crate::support::{HOUR, envelope};

type Find = FindItem<CalendarItem>;

fn error(body: &[u8]) -> ReadError {
    answer::<Find>(body).unwrap_err()
}

#[test]
fn a_cut_answer_is_an_error_wherever_it_is_cut() {
    let whole = page(3);
    for end in 1..whole.len() - 1 {
        let error = error(&whole.as_bytes()[..end]);
        let known = matches!(error, ReadError::Truncated { .. } | ReadError::Syntax { .. } | ReadError::NotSoap { .. });
        assert!(known, "{end}: {error:?}");
    }
    assert!(matches!(error(&whole.as_bytes()[..whole.len() / 2]), ReadError::Truncated { .. }));
}

#[test]
fn b49_a_web_page_is_said_to_be_one() {
    let login = b"<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0\"><html><head><title>Sign in</title></head></html>";
    assert_eq!(error(login), ReadError::Html);
    assert_eq!(error(b"<HTML><body>302</body></HTML>"), ReadError::Html);
    assert!(error(login).to_string().contains("login form"));
    assert_eq!(error(b"Bad gateway"), ReadError::NotSoap { root: String::new() });
    assert_eq!(error(b"<Autodiscover/>"), ReadError::NotSoap { root: "Autodiscover".into() });
    assert_eq!(error(b""), ReadError::Empty);
}

#[test]
fn a_hundred_megabytes_are_refused_unread() {
    let mut huge = b"<Envelope><Body>".to_vec();
    huge.resize(100 << 20, b' ');
    assert_eq!(error(&huge), ReadError::TooLarge { bytes: 100 << 20, limit: MAX_ANSWER_BYTES });
}

#[test]
fn entity_bombs_and_deep_nests_are_refused() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><Envelope>&b;</Envelope>";
    assert_eq!(error(bomb.as_bytes()), ReadError::DocumentType);
    let outside = "<Envelope><Body><Fault><faultstring>&xxe;</faultstring></Fault></Body></Envelope>";
    assert_eq!(error(outside.as_bytes()), ReadError::Entity { name: "xxe".into() });
    let deep = format!("<Envelope>{}", "<a>".repeat(1_000_000));
    assert!(matches!(error(deep.as_bytes()), ReadError::TooDeep { .. }));
}

#[test]
fn a_page_in_another_encoding_is_read_or_refused_by_name() {
    let page = page(2).replace("Subject", "Sübject").replace("encoding=\"utf-8\"", "encoding=\"utf-16\"");
    let wide: Vec<u8> = [0xff_u8, 0xfe].into_iter().chain(page.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(answer::<Find>(&wide).unwrap().single().unwrap().items.len(), 2);
    let latin = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><Envelope><Body><Fault><faultcode>a:ErrorServerBusy</faultcode>\
        <faultstring>\xfc</faultstring></Fault></Body></Envelope>";
    let ReadError::Fault(fault) = error(latin) else { panic!() };
    assert_eq!((fault.code.as_str(), fault.text.as_str()), ("ErrorServerBusy", "ü"));
    let other = b"<?xml version=\"1.0\" encoding=\"UTF-7\"?><Envelope/>";
    assert_eq!(error(other), ReadError::Encoding { encoding: "UTF-7".into() });
}

#[test]
fn characters_that_xml_forbids_do_not_lose_the_page() {
    let item = format!("<t:CalendarItem><t:ItemId Id=\"e1\"/>{HOUR}<t:Subject>a&#x1F;b\u{1}c</t:Subject></t:CalendarItem>");
    let body = envelope::<GetItem<CalendarItem>>(&format!("<m:Items>{item}</m:Items>"));
    let items = answer::<GetItem<CalendarItem>>(body.as_bytes()).unwrap().single().unwrap();
    assert!(items.items[0].subject.starts_with("a\u{fffd}b"));
}

fn any_markup() -> impl Strategy<Value = String> {
    let bits = [
        "<t:CalendarItem>",
        "</t:CalendarItem>",
        "<t:ItemId Id=\"a\"/>",
        "<t:Start>",
        "</t:Start>",
        "2026-03-29T07:00:00Z",
        "<t:Recurrence>",
        "</t:Recurrence>",
        "<t:StartTimeZone Id=\"x\">",
        "<t:Periods><t:Period Bias=\"PT1H\"/></t:Periods>",
        "</t:StartTimeZone>",
        "&#x0;",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?pi",
        "?>",
        "&amp",
        "\"",
        "'",
        "<",
        ">",
        "é",
        "\u{0}",
        "<a b=>",
        "<t:End>",
        "</t:End>",
    ];
    proptest::collection::vec(proptest::sample::select(bits.to_vec()), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_answer_ends_in_a_panic(markup in any_markup(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _read_or_refused = answer::<Find>(&bytes);
        let body = envelope::<GetItem<CalendarItem>>(&format!("<m:Items>{markup}</m:Items>"));
        let _read_or_refused = answer::<GetItem<CalendarItem>>(body.as_bytes());
        let body = envelope::<SyncFolderItems<ItemRef>>(&markup);
        let _read_or_refused = answer::<SyncFolderItems<ItemRef>>(body.as_bytes());
    }
}
