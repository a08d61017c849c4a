//! A pull parser over elements by their local names.
//!
//! Prefixes and namespaces are not looked at: servers declare them anywhere, and no two elements of EWS differ by
//! namespace alone. What a caller does not read of an element is skipped. The callback of [`Scanner::children`] sees each
//! child once, in the order of the document, so the order of elements never matters.

use std::borrow::Cow;

use memchr::memchr;
use quick_xml::Reader;
use quick_xml::encoding::EncodingError;
use quick_xml::errors::SyntaxError;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::error::ReadError;
use crate::zone::Zones;

/// Elements within elements. Real answers have about 20; Exchange 2016 nests no more than 40 in any schema path.
const MAX_DEPTH: usize = 100;

/// Longest name that is repeated in an error.
const NAME_CHARS: usize = 60;

/// What stands for a character that XML does not allow but a server sent as a reference all the same (`&#x1F;`).
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// An element that has just been opened.
pub struct Element<'a> {
    name: &'a str,
    start: BytesStart<'a>,
}

impl Element<'_> {
    /// Its name without prefix.
    pub const fn name(&self) -> &str {
        self.name
    }

    /// The value of an attribute by its whole name; none when it is absent or cannot be read.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let attribute = self.start.try_get_attribute(name).ok().flatten()?;
        let raw = std::str::from_utf8(&attribute.value).ok()?;
        quick_xml::escape::unescape(raw).ok().map(Cow::into_owned)
    }
}

/// Reads elements from the beginning to the end.
pub struct Scanner<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    depth: usize,
    /// Zones that were looked up while reading this answer.
    pub(crate) zones: Zones,
}

impl<'a> Scanner<'a> {
    /// From the beginning of a text.
    pub fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        Self { text, reader, depth: 0, zones: Zones::default() }
    }

    /// The first element of the document.
    ///
    /// # Errors
    /// `NotSoap` when there is none, and what [`Self::children`] returns.
    pub fn root(&mut self) -> Result<Element<'a>, ReadError> {
        loop {
            match self.next()? {
                Event::Start(start) => return Ok(self.element(start)),
                Event::Text(text) if text.iter().all(u8::is_ascii_whitespace) => {}
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                _ => return Err(ReadError::NotSoap { root: String::new() }),
            }
        }
    }

    /// Calls `each` for every child of the element that was opened last, then stands behind that element.
    ///
    /// # Errors
    /// Where the text is not well-formed, ends, or nests too deep; and whatever `each` returns.
    pub fn children<F>(&mut self, mut each: F) -> Result<(), ReadError>
    where
        F: FnMut(&mut Self, &Element<'a>) -> Result<(), ReadError>,
    {
        let inside = self.depth;
        while let Some(child) = self.next_child(inside)? {
            each(self, &child)?;
            while self.depth > inside {
                self.next()?;
            }
        }
        Ok(())
    }

    fn element(&self, start: BytesStart<'a>) -> Element<'a> {
        let name = place_of(self.text, start.local_name().as_ref()).unwrap_or_default();
        Element { name, start }
    }

    /// The text of a part between tags, with line ends as XML has them.
    fn part(&self, part: &[u8], normalized: impl FnOnce() -> Result<Cow<'a, str>, EncodingError>) -> Result<Cow<'a, str>, ReadError> {
        match place_of(self.text, part) {
            Some(text) if memchr(b'\r', part).is_none() => Ok(Cow::Borrowed(text)),
            _ => normalized().map_err(|e| self.syntax(&e)),
        }
    }

    fn next_child(&mut self, inside: usize) -> Result<Option<Element<'a>>, ReadError> {
        loop {
            match self.next()? {
                Event::Start(start) => return Ok(Some(self.element(start))),
                Event::End(_) if self.depth < inside => return Ok(None),
                _ => {}
            }
        }
    }

    /// The text of the element that was opened last, without that of its children; then stands behind it.
    ///
    /// # Errors
    /// As [`Self::children`].
    pub fn text(&mut self) -> Result<Cow<'a, str>, ReadError> {
        let inside = self.depth;
        let mut text: Cow<'a, str> = Cow::Borrowed("");
        loop {
            let event = self.next()?;
            if self.depth < inside {
                return Ok(text);
            }
            let part = match event {
                Event::Text(part) if self.depth == inside => self.part(&part, || part.xml10_content())?,
                Event::CData(part) if self.depth == inside => self.part(&part, || part.xml10_content())?,
                Event::GeneralRef(reference) if self.depth == inside => {
                    text.to_mut().push(self.character(&reference)?);
                    continue;
                }
                _ => continue,
            };
            if text.is_empty() {
                text = part;
            } else {
                text.to_mut().push_str(&part);
            }
        }
    }

    /// The text without white space around it.
    ///
    /// # Errors
    /// As [`Self::children`].
    pub fn word(&mut self) -> Result<String, ReadError> {
        Ok(self.text()?.trim().to_owned())
    }

    /// The texts of the children that have this name.
    ///
    /// # Errors
    /// As [`Self::children`].
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, ReadError> {
        let mut texts = Vec::new();
        self.children(|xml, child| {
            if child.name() == name {
                texts.push(xml.text()?.into_owned());
            }
            Ok(())
        })?;
        Ok(texts)
    }

    fn character(&self, reference: &BytesRef<'a>) -> Result<char, ReadError> {
        let name = reference.decode().unwrap_or_default();
        let value = match &*name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            numeric if numeric.starts_with('#') => match reference.resolve_char_ref() {
                Ok(Some(value)) if is_xml(value) => value,
                _ => REPLACEMENT,
            },
            other => return Err(ReadError::Entity { name: shortened(other) }),
        };
        Ok(value)
    }

    fn next(&mut self) -> Result<Event<'a>, ReadError> {
        let event = self.reader.read_event().map_err(|error| match error {
            quick_xml::Error::Syntax(
                SyntaxError::UnclosedTag
                | SyntaxError::UnclosedCData
                | SyntaxError::UnclosedComment
                | SyntaxError::UnclosedPIOrXmlDecl
                | SyntaxError::UnclosedDoctype,
            ) => self.truncated(),
            error => self.syntax(&error),
        })?;
        match event {
            Event::Start(_) if self.depth >= MAX_DEPTH => return Err(ReadError::TooDeep { limit: MAX_DEPTH }),
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::DocType(doctype) => {
                let html = doctype.trim_ascii_start().get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"html"));
                return Err(if html { ReadError::Html } else { ReadError::DocumentType });
            }
            Event::Eof if self.depth > 0 => return Err(self.truncated()),
            Event::Eof => return Err(ReadError::NotSoap { root: String::new() }),
            _ => {}
        }
        Ok(event)
    }

    fn truncated(&self) -> ReadError {
        ReadError::Truncated { bytes: self.reader.buffer_position() }
    }

    fn syntax(&self, error: &dyn std::fmt::Display) -> ReadError {
        ReadError::Syntax { position: self.reader.error_position(), reason: shortened(&error.to_string()) }
    }
}

/// A part of a text as text, by where it lies: what was text once is not checked again.
fn place_of<'a>(text: &'a str, part: &[u8]) -> Option<&'a str> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    text.get(start..start.checked_add(part.len())?)
}

/// A name for an error.
pub fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect()
}

/// Whether XML 1.0 allows a character.
pub const fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(xml: &str) -> Result<String, ReadError> {
        let mut scanner = Scanner::new(xml);
        scanner.root()?;
        scanner.text().map(Cow::into_owned)
    }

    #[test]
    fn text_comes_from_sections_references_and_around_comments() {
        assert_eq!(text_of("<a>1 &lt;<!-- no --><![CDATA[ & <b>]]>&#x41;&#10;</a>").unwrap(), "1 < & <b>A\n");
        assert_eq!(text_of("<a>x<b>not this</b>y</a>").unwrap(), "xy");
        assert_eq!(text_of("<a>one\r\ntwo</a>").unwrap(), "one\ntwo");
        assert_eq!(text_of("<p:a/>").unwrap(), "");
    }

    #[test]
    fn a_reference_to_a_forbidden_character_does_not_lose_the_page() {
        assert_eq!(text_of("<a>x&#x1F;&#0;&#xD800;y</a>").unwrap(), "x\u{fffd}\u{fffd}\u{fffd}y");
    }

    #[test]
    fn an_entity_bomb_is_refused_unread() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxxxxxx\"><!ENTITY y \"&x;&x;\">]><a>&y;</a>";
        assert_eq!(text_of(bomb), Err(ReadError::DocumentType));
        assert_eq!(text_of("<a>&y;</a>"), Err(ReadError::Entity { name: "y".into() }));
    }

    #[test]
    fn a_deep_answer_a_broken_one_and_a_web_page_are_errors_by_name() {
        assert_eq!(text_of(&"<a>".repeat(200)), Err(ReadError::TooDeep { limit: MAX_DEPTH }));
        assert!(matches!(text_of("<a><b></a>"), Err(ReadError::Syntax { .. })));
        assert_eq!(text_of("<a>x"), Err(ReadError::Truncated { bytes: 4 }));
        assert!(matches!(text_of("<a>x</"), Err(ReadError::Truncated { .. })));
        assert_eq!(text_of("<!doctype HTML><html>"), Err(ReadError::Html));
        assert_eq!(text_of("no xml"), Err(ReadError::NotSoap { root: String::new() }));
    }

    #[test]
    fn what_is_not_read_is_skipped() {
        let mut scanner = Scanner::new("<a><x><y>1</y></x><z k='v&amp;w'>2</z><x/></a>");
        let mut seen = Vec::new();
        scanner.root().unwrap();
        scanner
            .children(|xml, child| {
                if child.name() == "z" {
                    seen.push((child.attribute("k").unwrap(), xml.word()?));
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, [("v&w".to_owned(), "2".to_owned())]);
    }
}
