//! XML as small trees: requests are read into one, answers are built as one and written with every text escaped.
//!
//! Names carry the prefix the simulator itself uses (`s:`, `t:`, `m:`), whatever the client wrote; a name of another namespace keeps
//! none. A document type declaration is refused, as the service does; so is a document deeper than [`DEEPEST`].

use quick_xml::NsReader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

/// Envelope of SOAP 1.1.
pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Items, folders and what they are made of.
pub(crate) const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
/// Requests and answers.
pub(crate) const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
/// Details of faults.
pub(crate) const ERRORS: &str = "http://schemas.microsoft.com/exchange/services/2006/errors";

/// Elements within each other at most.
const DEEPEST: usize = 64;

/// Why a request is no document.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotXml(pub String);

/// An element with its attributes, its children and its own text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// With the simulator's own prefix.
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    pub text: String,
}

impl Element {
    /// An empty element.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// An element with text only.
    pub fn of(name: impl Into<String>, text: impl ToString) -> Self {
        Self { text: text.to_string(), ..Self::new(name) }
    }

    /// The same with one more attribute.
    pub fn attr(mut self, name: &str, value: impl ToString) -> Self {
        self.attributes.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same with one more child (or none).
    pub fn with(mut self, child: impl Into<Option<Element>>) -> Self {
        self.children.extend(child.into());
        self
    }

    /// The same with more children.
    pub fn with_all(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The same with a child of text only.
    pub fn with_text(self, name: &str, text: impl ToString) -> Self {
        self.with(Self::of(name, text))
    }

    /// The name without its prefix.
    pub fn local(&self) -> &str {
        self.name.split_once(':').map_or(self.name.as_str(), |(_, l)| l)
    }

    /// The first child of that local name.
    pub fn child(&self, local: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.local() == local)
    }

    /// The descendant at the end of a path of local names.
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |e, name| e.child(name))
    }

    /// The trimmed text of the first child of that local name.
    pub fn value(&self, local: &str) -> Option<&str> {
        self.child(local).map(|c| c.text.trim())
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Children of that local name.
    pub fn all<'a>(&'a self, local: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.local() == local)
    }

    /// This element and everything in it.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Element)) {
        visit(self);
        for child in &self.children {
            child.walk(visit);
        }
    }

    /// Changes this element and everything in it, the inner ones first.
    pub fn change(&mut self, change: &mut impl FnMut(&mut Element)) {
        for child in &mut self.children {
            child.change(change);
        }
        change(self);
    }

    /// Writes the element.
    pub fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, true, out);
            out.push('"');
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        escape(&self.text, false, out);
        for child in &self.children {
            child.write(out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

/// Writes text; what XML 1.0 cannot hold is left out.
fn escape(text: &str, quoted: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if quoted => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' | '\t' if quoted => out.push(' '),
            '\n' | '\t' => out.push(c),
            c if c < ' ' || c == '\u{FFFE}' || c == '\u{FFFF}' => {}
            c => out.push(c),
        }
    }
}

/// Reads a document.
///
/// # Errors
/// What the parser says, a document type declaration, too deep nesting, or no element at all.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, NotXml> {
    let text = std::str::from_utf8(bytes).map_err(|e| NotXml(format!("The request is not UTF-8: {e}.")))?;
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{FEFF}'));
    let mut open: Vec<Element> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|e| NotXml(e.to_string()))?;
        let closed = match event {
            Event::Start(start) => {
                if open.len() == DEEPEST {
                    return Err(NotXml("The request is nested too deeply.".to_owned()));
                }
                open.push(element(&reader, &start)?);
                None
            }
            Event::Empty(start) => Some(element(&reader, &start)?),
            Event::End(_) => open.pop(),
            Event::Text(t) => {
                add(&mut open, &t.xml_content().map_err(|e| NotXml(e.to_string()))?);
                None
            }
            Event::CData(t) => {
                add(&mut open, &t.decode().map_err(|e| NotXml(e.to_string()))?);
                None
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|e| NotXml(e.to_string()))?;
                match reference.resolve_char_ref().map_err(|e| NotXml(e.to_string()))? {
                    Some(c) => add(&mut open, c.encode_utf8(&mut [0; 4])),
                    None => add(
                        &mut open,
                        resolve_predefined_entity(&name).ok_or_else(|| NotXml(format!("Reference to undeclared entity '{name}'.")))?,
                    ),
                }
                None
            }
            Event::DocType(_) => return Err(NotXml("For security reasons DTD is prohibited in this XML document.".to_owned())),
            Event::Eof => return Err(NotXml("Root element is missing or not closed.".to_owned())),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => None,
        };
        if let Some(done) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(done),
                None => return Ok(done),
            }
        }
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(top) = open.last_mut() {
        top.text.push_str(text);
    }
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, NotXml> {
    let (space, local) = reader.resolve_element(start.name());
    let local = String::from_utf8_lossy(local.as_ref()).into_owned();
    let prefix = match space {
        ResolveResult::Bound(ns) if ns.as_ref() == TYPES.as_bytes() => "t:",
        ResolveResult::Bound(ns) if ns.as_ref() == MESSAGES.as_bytes() => "m:",
        ResolveResult::Bound(ns) if ns.as_ref() == SOAP.as_bytes() => "s:",
        ResolveResult::Unknown(_) => return Err(NotXml(format!("'{local}' has an undeclared prefix."))),
        _ => "",
    };
    let mut out = Element::new(format!("{prefix}{local}"));
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| NotXml(e.to_string()))?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let value = attribute.unescape_value().map_err(|e| NotXml(e.to_string()))?;
        out.attributes.push((String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned(), value.into_owned()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same_under_other_prefixes() {
        let source = format!(
            "<?xml version='1.0'?><x:Envelope xmlns:x='{SOAP}'><Subject xmlns='{TYPES}' a='&quot;1&#65;'>x &amp; <![CDATA[<y>]]> &#228;</Subject></x:Envelope>"
        );
        let tree = parse(source.as_bytes()).unwrap();
        assert_eq!(tree.value("Subject"), Some("x & <y> ä"));
        let mut out = String::new();
        tree.write(&mut out);
        assert_eq!(out, "<s:Envelope><t:Subject a=\"&quot;1A\">x &amp; &lt;y&gt; ä</t:Subject></s:Envelope>");
    }

    #[test]
    fn what_is_no_safe_document_is_refused() {
        for bad in ["", "<a>", "<a></b>", "<!DOCTYPE a><a/>", "<a>&bomb;</a>", "<p:a/>", "text", &"<a>".repeat(100)] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"\xff\xfe<a/>").is_err());
    }
}
