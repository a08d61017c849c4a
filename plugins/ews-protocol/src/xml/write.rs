//! Writes elements into memory, well-formed by construction: what is opened is closed, what needs escaping is escaped.
//!
//! Characters that XML 1.0 does not allow are left out: no server takes them, and a text without them is what its
//! reader sees anyway. Carriage returns are written as references, because a parser would turn them into line feeds.

use std::borrow::Cow;

use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::name::QName;

use super::scan::is_xml;

/// An XML document in the making.
pub struct Writer {
    inner: quick_xml::Writer<Vec<u8>>,
}

/// Attributes in the order in which they are written.
pub type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Writer {
    /// A document with its declaration.
    pub fn document() -> Self {
        let mut writer = Self::fragment();
        writer.event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)));
        writer
    }

    /// A part of a document.
    pub fn fragment() -> Self {
        Self { inner: quick_xml::Writer::new(Vec::new()) }
    }

    /// The bytes, UTF-8.
    pub fn into_bytes(self) -> Vec<u8> {
        self.inner.into_inner()
    }

    /// An element with content.
    pub fn element<E>(&mut self, name: &str, content: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.element_with(name, &[], content)
    }

    /// An element with attributes and content.
    pub fn element_with<E>(
        &mut self,
        name: &str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.event(Event::Start(start(name, attributes)));
        content(self)?;
        self.event(Event::End(BytesEnd::new(name)));
        Ok(())
    }

    /// An element that holds text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    /// An element with attributes that holds text.
    pub fn text_with(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.event(Event::Start(start(name, attributes)));
        self.event(Event::Text(BytesText::from_escaped(escaped(text, false))));
        self.event(Event::End(BytesEnd::new(name)));
    }

    /// An element without content.
    pub fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.event(Event::Empty(start(name, attributes)));
    }

    /// Bytes that another writer made.
    pub fn raw(&mut self, fragment: &[u8]) {
        self.inner.get_mut().extend_from_slice(fragment);
    }

    fn event(&mut self, event: Event<'_>) {
        // The bytes go into a vector, which takes them all.
        let _written: std::io::Result<()> = self.inner.write_event(event);
    }
}

fn start<'a>(name: &'a str, attributes: Attributes<'a>) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (key, value) in attributes {
        let value = Cow::Owned(escaped(value, true).into_owned().into_bytes());
        start.push_attribute(Attribute { key: QName(key.as_bytes()), value });
    }
    start
}

/// A text as it stands in a document. In attributes a parser would turn line feeds and tabs into blanks.
pub fn escaped(text: &str, in_attribute: bool) -> Cow<'_, str> {
    let plain = |c: char| match c {
        '&' | '<' | '>' | '"' | '\r' => false,
        '\n' | '\t' => !in_attribute,
        c => is_xml(c),
    };
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' if in_attribute => out.push_str("&#10;"),
            '\t' if in_attribute => out.push_str("&#9;"),
            c if is_xml(c) => out.push(c),
            _ => {}
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::Scanner;

    fn round(text: &str) -> (String, String) {
        let mut writer = Writer::document();
        writer.text_with("t:a", &[("K", text)], text);
        let bytes = writer.into_bytes();
        let mut scanner = Scanner::new(std::str::from_utf8(&bytes).unwrap());
        let attribute = scanner.root().unwrap().attribute("K").unwrap();
        (attribute, scanner.text().unwrap().into_owned())
    }

    #[test]
    fn forbidden_characters_are_left_out() {
        assert_eq!(round("a\u{0}b\u{1f}\u{fffe}c").1, "abc");
    }

    proptest! {
        #[test]
        fn every_allowed_text_comes_back(text in proptest::collection::vec(any::<char>().prop_filter("allowed", |c| is_xml(*c)), 0..60)) {
            let text: String = text.into_iter().collect();
            let (attribute, content) = round(&text);
            prop_assert_eq!(attribute, text.clone());
            prop_assert_eq!(content, text);
        }
    }
}
