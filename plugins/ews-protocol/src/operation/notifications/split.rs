//! Cuts the never-ending answer of a stream into its documents.
//!
//! A streaming answer is one document after the other with nothing between them but white space. Where one ends is only
//! known by counting elements, and pieces of the body end anywhere, so this looks at every byte once and keeps the
//! document that is under way. It knows as much of XML as is needed to count: tags, quotes, comments, CDATA and
//! instructions. What is inside is judged by the parser that reads the document.

use crate::error::ReadError;
use crate::xml::Scanner;
use crate::xml::decode;

/// Most bytes of one document. 200 subscriptions with 50 events each have less than half of it.
const MOST_BYTES: usize = 8 << 20;

/// Where the last byte was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Text,
    /// After `<`.
    Open,
    /// Within a tag; `last` is its last byte outside of quotes.
    Tag {
        closing: bool,
        quote: Option<u8>,
        last: u8,
    },
    /// After `<!`, with what followed so far.
    Declaration,
    Comment,
    CData,
    Instruction,
}

/// Documents in the making.
#[derive(Debug)]
pub struct Splitter {
    document: Vec<u8>,
    at: At,
    depth: usize,
    /// Where the markup that is under way began.
    mark: usize,
}

impl Splitter {
    pub const fn new() -> Self {
        Self { document: Vec::new(), at: At::Text, depth: 0, mark: 0 }
    }

    /// Takes a byte; gives the document that it ends, if it ends one.
    ///
    /// # Errors
    /// `TooLarge`; `Html`, `NotSoap`, `DocumentType` or `Encoding` as soon as that is known, because such a document may never end.
    pub fn take(&mut self, byte: u8) -> Result<Option<Vec<u8>>, ReadError> {
        if self.document.is_empty() && byte.is_ascii_whitespace() {
            return Ok(None);
        }
        if self.document.len() >= MOST_BYTES {
            return Err(ReadError::TooLarge { bytes: self.document.len() + 1, limit: MOST_BYTES });
        }
        if byte == 0 {
            return Err(ReadError::Encoding { encoding: "UTF-16 in a stream".to_owned() });
        }
        self.document.push(byte);
        let ended = self.step(byte)?;
        Ok(ended.then(|| {
            self.mark = 0;
            std::mem::take(&mut self.document)
        }))
    }

    /// How many bytes of a document that has not ended are kept.
    pub const fn pending(&self) -> usize {
        self.document.len()
    }

    fn step(&mut self, byte: u8) -> Result<bool, ReadError> {
        self.at = match self.at {
            At::Text if byte == b'<' => {
                self.mark = self.document.len();
                At::Open
            }
            // A mark of the encoding may stand before the first element, and nothing else.
            At::Text if self.depth == 0 && !byte.is_ascii_whitespace() && !is_mark(&self.document) => return Err(self.judge()),
            At::Text => At::Text,
            At::Open => match byte {
                b'!' => At::Declaration,
                b'?' => At::Instruction,
                b'/' => At::Tag { closing: true, quote: None, last: byte },
                _ => At::Tag { closing: false, quote: None, last: byte },
            },
            At::Tag { closing, quote: Some(quote), last } => At::Tag { closing, quote: (byte != quote).then_some(quote), last },
            At::Tag { closing, quote: None, last } => match byte {
                b'>' => return self.end_of_tag(closing, last == b'/' && !closing),
                b'"' | b'\'' => At::Tag { closing, quote: Some(byte), last: byte },
                _ => At::Tag { closing, quote: None, last: byte },
            },
            At::Declaration => match self.document.get(self.mark..).unwrap_or_default() {
                b"!--" => At::Comment,
                b"![CDATA[" => At::CData,
                start if b"!--".starts_with(start) || b"![CDATA[".starts_with(start) => At::Declaration,
                // Nothing but a document type is left; its name tells a web page.
                start if byte != b'>' && start.len() < 32 => At::Declaration,
                _ => return Err(self.judge()),
            },
            At::Comment if self.ends_with(b"-->", 6) => At::Text,
            At::CData if self.ends_with(b"]]>", 11) => At::Text,
            At::Instruction if self.ends_with(b"?>", 3) => At::Text,
            inside => inside,
        };
        Ok(false)
    }

    /// Whether the markup ends here: with `end`, after at least `least` bytes behind its `<`, so that `<!-->` ends nothing.
    fn ends_with(&self, end: &[u8], least: usize) -> bool {
        self.document.len() >= self.mark.saturating_add(least) && self.document.ends_with(end)
    }

    fn end_of_tag(&mut self, closing: bool, empty: bool) -> Result<bool, ReadError> {
        self.at = At::Text;
        if self.depth == 0 && !self.root_is_envelope() {
            return Err(self.judge());
        }
        match (closing, empty) {
            (true, _) => self.depth = self.depth.saturating_sub(1),
            (false, false) => self.depth += 1,
            (false, true) => {}
        }
        Ok(self.depth == 0)
    }

    fn root_is_envelope(&self) -> bool {
        let tag = self.document.get(self.mark..).unwrap_or_default();
        let name = tag.split(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>')).next().unwrap_or_default();
        name.rsplit(|b| *b == b':').next() == Some(b"Envelope")
    }

    /// Why what came is no envelope.
    fn judge(&self) -> ReadError {
        let text = match decode::text(&self.document) {
            Ok(text) => text,
            Err(error) => return error,
        };
        match Scanner::new(&text).root() {
            Err(error @ (ReadError::Html | ReadError::DocumentType)) => error,
            Ok(root) if root.name().eq_ignore_ascii_case("html") => ReadError::Html,
            Ok(root) if root.name() != "Envelope" => ReadError::NotSoap { root: crate::xml::scan::shortened(root.name()) },
            _ if self.at == At::Declaration => self.document_type(),
            _ => ReadError::NotSoap { root: String::new() },
        }
    }

    /// A document type whose end has not come.
    fn document_type(&self) -> ReadError {
        let start: String = self.document.get(self.mark..).unwrap_or_default().iter().map(|b| char::from(*b)).collect();
        let mut words = start.split_ascii_whitespace();
        let html = words.next().is_some_and(|word| word.eq_ignore_ascii_case("!doctype"))
            && words.next().is_some_and(|word| word.trim_end_matches('>').eq_ignore_ascii_case("html"));
        if html { ReadError::Html } else { ReadError::DocumentType }
    }
}

fn is_mark(document: &[u8]) -> bool {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    MARK.starts_with(document) || document.strip_prefix(MARK).is_some_and(|rest| rest.iter().all(u8::is_ascii_whitespace))
}
