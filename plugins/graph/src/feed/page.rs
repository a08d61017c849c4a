//! Parsing a page of events. Pure: no request is sent, so that it is measured natively and in the sandbox alike.
//!
//! A page is read in one pass. Only when one of its events has a member of a wrong type is it read again, event by
//! event, so that the one is set aside and the others are used.

use calport_sdk::common::{Error, ItemId};
use calport_sdk::error;
use calport_sdk::http::{Response, ResponseExt};

use crate::wire::event::{LoosePage, OnlyId, WireEvent, WirePage};

/// A page as Graph sent it.
#[derive(Debug)]
pub struct Page<'a> {
    /// The items, changed and removed ones.
    pub items: Vec<WireEvent<'a>>,
    /// The link to the next page.
    pub next: Option<String>,
    /// The link for later changes.
    pub delta: Option<String>,
    /// Items that could not be read: their ids with the reason.
    pub unreadable: Vec<(ItemId, String)>,
}

/// Parses the body of an answer with events.
///
/// # Errors
/// `protocol` when it is not a JSON object with a list of values. A single unreadable event is no error.
pub fn parse(body: &[u8]) -> Result<Page<'_>, Error> {
    match serde_json::from_slice::<WirePage<'_>>(body) {
        Ok(page) => Ok(Page { items: page.value, next: page.next, delta: page.delta, unreadable: Vec::new() }),
        Err(first) if first.is_data() => loosely(body),
        Err(first) => Err(error::protocol("a page of events", error::json_place(&first))),
    }
}

/// Parses an answer with events.
///
/// # Errors
/// Those of [`parse`]; HTML is said to be HTML.
pub fn parse_answer(response: &Response) -> Result<Page<'_>, Error> {
    parse(&response.body).map_err(|e| {
        if !response.is_html() {
            return e;
        }
        error::protocol("a page of events", "an HTML page; check the endpoint's URL and any proxy")
    })
}

fn loosely(body: &[u8]) -> Result<Page<'_>, Error> {
    let page: LoosePage<'_> = serde_json::from_slice(body).map_err(|e| error::protocol("a page of events", error::json_place(&e)))?;
    let mut items = Vec::with_capacity(page.value.len());
    let mut unreadable = Vec::new();
    for raw in page.value {
        match serde_json::from_slice::<WireEvent<'_>>(raw.get().as_bytes()) {
            Ok(item) => items.push(item),
            Err(e) => {
                let id = serde_json::from_slice::<OnlyId>(raw.get().as_bytes()).map(|o| o.id).unwrap_or_default();
                unreadable.push((id, error::json_place(&e)));
            }
        }
    }
    Ok(Page { items, next: page.next, delta: page.delta, unreadable })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unreadable_event_does_not_stop_the_page() {
        let body = br#"{"value":[{"id":"a","subject":"x"},{"id":"b","start":7},{"id":"c"}],"@odata.deltaLink":"d"}"#;
        let page = parse(body).unwrap();
        assert_eq!(page.items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(page.unreadable.len(), 1);
        assert_eq!(page.unreadable[0].0, "b");
        assert_eq!(page.delta.as_deref(), Some("d"));
    }

    #[test]
    fn html_and_half_a_page_are_protocol_errors_without_content() {
        for body in ["<html>Secret", r#"{"value":[{"id":"Secret"#, r#"{"value":"Secret"}"#, "[]", ""] {
            let error = parse(body.as_bytes()).unwrap_err();
            assert!(!error.message.contains("Secret"), "{}", error.message);
        }
    }

    #[test]
    fn escapes_and_nulls_are_read() {
        let body = r#"{"value":[{"id":"a","subject":"A \"b\" \u00fc","location":null,"categories":null,
            "start":{"dateTime":"2026-01-01T10:00:00.0000000","timeZone":"U\u0054C"}}]}"#;
        let page = parse(body.as_bytes()).unwrap();
        assert_eq!(page.items[0].subject.as_deref(), Some("A \"b\" ü"));
        assert_eq!(page.items[0].start.as_ref().unwrap().time_zone.as_ref().unwrap().as_str(), "UTC");
    }
}
