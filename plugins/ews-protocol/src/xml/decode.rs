//! From the bytes of an answer to text.
//!
//! The mark at the beginning rules, then the declaration in the first line, then UTF-8. UTF-8, UTF-16 and ISO-8859-1
//! (which everybody means as windows-1252) are read; another encoding is refused by its name, because a wrong guess
//! would change texts that are written back later.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::MAX_ANSWER_BYTES;
use crate::error::ReadError;

/// The declaration stands in the first line; this much of it is looked at.
const DECLARATION_BYTES: usize = 256;

/// Longest name that is repeated in an error.
const NAME_CHARS: usize = 40;

/// The text of an answer; borrowed when it is UTF-8.
///
/// # Errors
/// `TooLarge`, `Empty` or `Encoding`.
pub fn text(bytes: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    if bytes.len() > MAX_ANSWER_BYTES {
        return Err(ReadError::TooLarge { bytes: bytes.len(), limit: MAX_ANSWER_BYTES });
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ReadError::Empty);
    }
    let (encoding, mark) = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (encoding, mark),
        None => (without_mark(bytes)?, 0),
    };
    let content = bytes.get(mark..).unwrap_or_default();
    match encoding.decode_without_bom_handling_and_without_replacement(content) {
        Some(text) => Ok(text),
        None => Err(ReadError::Encoding { encoding: encoding.name().to_owned() }),
    }
}

fn without_mark(bytes: &[u8]) -> Result<&'static Encoding, ReadError> {
    match bytes {
        [b'<', 0, ..] => return Ok(UTF_16LE),
        [0, b'<', ..] => return Ok(UTF_16BE),
        _ => {}
    }
    let Some(name) = declared(bytes) else { return Ok(UTF_8) };
    let known = Encoding::for_label(name.as_bytes()).filter(|encoding| [UTF_8, WINDOWS_1252].contains(encoding));
    known.ok_or_else(|| ReadError::Encoding { encoding: name.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect() })
}

/// The encoding named in `<?xml ... encoding="NAME"?>`.
fn declared(bytes: &[u8]) -> Option<String> {
    let head: String = bytes.iter().take(DECLARATION_BYTES).map(|b| char::from(*b)).collect();
    let (declaration, _) = head.trim_start().strip_prefix("<?xml")?.split_once("?>")?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.split(quote).nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "<?xml version=\"1.0\"?><a>Grüße</a>";

    #[test]
    fn utf_16_is_read_with_and_without_its_mark() {
        let big: Vec<u8> = WORDS.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let little: Vec<u8> = WORDS.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&big).unwrap(), WORDS);
        assert_eq!(text(&little).unwrap(), WORDS);
        assert_eq!(text(&[&[0xff, 0xfe], little.as_slice()].concat()).unwrap(), WORDS);
        assert_eq!(text(&[&[0xef, 0xbb, 0xbf], WORDS.as_bytes()].concat()).unwrap(), WORDS);
    }

    #[test]
    fn the_declared_encoding_is_believed() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>Gr\xfc\xdfe</a>";
        assert!(text(latin).unwrap().contains("Grüße"));
        let other = b"<?xml version='1.0' encoding=\"shift_jis\"?><a/>";
        assert_eq!(text(other), Err(ReadError::Encoding { encoding: "shift_jis".into() }));
    }

    #[test]
    fn wrong_bytes_emptiness_and_size_are_errors_by_name() {
        assert_eq!(text(b"<a>\xff</a>"), Err(ReadError::Encoding { encoding: "UTF-8".into() }));
        assert_eq!(text(b" \r\n"), Err(ReadError::Empty));
        let huge = vec![b' '; 100 << 20];
        assert_eq!(text(&huge), Err(ReadError::TooLarge { bytes: 100 << 20, limit: MAX_ANSWER_BYTES }));
    }
}
