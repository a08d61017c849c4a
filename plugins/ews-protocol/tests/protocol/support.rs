//! What the tests share.

use std::path::PathBuf;

use calport_ews_protocol::item::event::CalendarItem;
use calport_ews_protocol::operation::{GetItem, Items};
use calport_ews_protocol::{Operation, Unreadable, answer};

/// The folder with the vendor's contracts, or `None` after saying so.
pub fn reference() -> Option<PathBuf> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = workspace.join(std::env::var_os("CALPORT_REFERENCE").unwrap_or_else(|| "../shared/reference".into()));
    if root.is_dir() {
        return Some(root);
    }
    skipped("there is no reference folder; CALPORT_REFERENCE names it");
    None
}

/// Says that something was not tested; a failure where continuous integration runs.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true" && ci != "1"), "must not be skipped here: {why}");
    eprintln!("skipped: {why}");
}

/// An answer of one part to an operation, with this content.
pub fn envelope<O: Operation>(content: &str) -> String {
    let name = O::NAME;
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>
        <h:ServerVersionInfo MajorVersion="15" MinorVersion="1" MajorBuildNumber="2507" MinorBuildNumber="6"
        xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/></s:Header><s:Body><m:{name}Response
        xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
        xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>
        <m:{name}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{content}</m:{name}ResponseMessage>
        </m:ResponseMessages></m:{name}Response></s:Body></s:Envelope>"#
    )
}

/// Reads items out of an answer to `GetItem`.
pub fn items(content: &str) -> Items<CalendarItem> {
    let body = envelope::<GetItem<CalendarItem>>(&format!("<m:Items>{content}</m:Items>"));
    answer::<GetItem<CalendarItem>>(body.as_bytes()).unwrap().single().unwrap()
}

/// Reads one appointment with these elements.
pub fn event(elements: &str) -> Result<CalendarItem, Unreadable> {
    let content = format!(r#"<t:CalendarItem><t:ItemId Id="e1" ChangeKey="k1"/>{elements}</t:CalendarItem>"#);
    let Items { mut items, mut unreadable } = items(&content);
    items.pop().ok_or_else(|| unreadable.pop().unwrap())
}

/// Nine to ten on the last Sunday of March 2026 in Berlin, where the clocks have just changed.
pub const HOUR: &str = "<t:Start>2026-03-29T07:00:00Z</t:Start><t:End>2026-03-29T08:00:00Z</t:End>";
