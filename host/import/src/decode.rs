//! A file's bytes as text, whatever editor wrote it.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The text, and the name of the encoding if it is another one than UTF-8. `None`: this is no text.
pub(crate) fn decode(bytes: &[u8]) -> Option<(String, Option<&'static str>)> {
    let marked = Encoding::for_bom(bytes).map(|(encoding, length)| (encoding, bytes.get(length..).unwrap_or_default()));
    let (encoding, bytes) = marked.unwrap_or_else(|| (guess(bytes), bytes));
    let (text, broken) = encoding.decode_without_bom_handling(bytes);
    // Tabs and line ends are text; a file with other control characters was not written by an editor.
    let is_text = !broken && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'));
    is_text.then(|| (text.into_owned(), (encoding != UTF_8).then(|| encoding.name())))
}

/// Without a mark: UTF-8 where it is valid; UTF-16 where every other byte of the beginning is 0; else Windows-1252, of which
/// Latin-1 is a part.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let head = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    let zeros = |first: usize| head.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count() * 4 > head.len();
    if zeros(1) && !zeros(0) {
        UTF_16LE
    } else if zeros(0) && !zeros(1) {
        UTF_16BE
    } else if std::str::from_utf8(bytes).is_ok() {
        UTF_8
    } else {
        WINDOWS_1252
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Wörter = Urlaub, Größe\n";

    #[test]
    fn text_is_read_in_the_encodings_of_common_editors() {
        let utf16 = |from: fn(u16) -> [u8; 2]| TEXT.encode_utf16().flat_map(from).collect::<Vec<u8>>();
        let latin: Vec<u8> = TEXT.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let marked = |mark: &[u8], text: Vec<u8>| [mark, &text].concat();
        for (bytes, name) in [
            (TEXT.as_bytes().to_vec(), None),
            (marked(b"\xef\xbb\xbf", TEXT.into()), None),
            (utf16(u16::to_le_bytes), Some("UTF-16LE")),
            (utf16(u16::to_be_bytes), Some("UTF-16BE")),
            (marked(b"\xff\xfe", utf16(u16::to_le_bytes)), Some("UTF-16LE")),
            (marked(b"\xfe\xff", utf16(u16::to_be_bytes)), Some("UTF-16BE")),
            (latin, Some("windows-1252")),
        ] {
            assert_eq!(decode(&bytes), Some((TEXT.to_owned(), name)), "{bytes:?}");
        }
        assert_eq!(decode(b""), Some((String::new(), None)));
    }

    #[test]
    fn a_binary_file_is_no_text() {
        for bytes in [&b"\x7fELF\x02\x01\x01\0\0\0"[..], b"a = b\0c", &[0xff, 0xfe, 0x00, 0xd8], &[0; 70]] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
