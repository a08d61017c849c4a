//! Cursors and server-driven pages. Links that a server gave are used as they are: the host checks each like any
//! other URL before it sends anything (SEMANTICS B-26).

use crate::common::{Cursor, Error, ErrorKind};
use crate::error;

/// A cursor that names its own format: `1:https://...`. The number is `descriptor.cursor-format`; a cursor of
/// another number is `cursor-expired`, so that the host reads the window again (SEMANTICS C-06, K-06).
pub fn cursor(format: u32, place: &str) -> Cursor {
    format!("{format}:{place}")
}

/// The place in a cursor of this format.
///
/// # Errors
/// `cursor-expired` for one of another format, or of none.
pub fn place(format: u32, cursor: &str) -> Result<&str, Error> {
    cursor
        .split_once(':')
        .filter(|(f, _)| f.parse() == Ok(format))
        .map(|(_, place)| place)
        .ok_or_else(|| error::mailbox(ErrorKind::CursorExpired, format!("the stored cursor is not of format {format}")))
}

/// Reads pages until there is no next one. `read` gets `None` for the first page, then each link, and returns the
/// items with the next link.
///
/// # Errors
/// Those of `read`, and `protocol` after `max_pages`: a server whose pages never end is broken.
pub fn all_pages<T>(
    max_pages: usize,
    mut read: impl FnMut(Option<&str>) -> Result<(Vec<T>, Option<String>), Error>,
) -> Result<Vec<T>, Error> {
    let mut all = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..max_pages {
        let (items, link) = read(next.as_deref())?;
        all.extend(items);
        match link {
            Some(link) if next.as_ref() != Some(&link) => next = Some(link),
            Some(_) => return Err(error::protocol("a next page", "a page that names itself as the next")),
            None => return Ok(all),
        }
    }
    Err(error::protocol(format!("at most {max_pages} pages"), "yet another page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k06_a_cursor_of_another_format_is_expired() {
        assert_eq!(place(1, &cursor(1, "https://a/b:c")).unwrap(), "https://a/b:c");
        assert_eq!(place(2, "1:x").unwrap_err().kind, ErrorKind::CursorExpired);
        assert_eq!(place(1, "https://a").unwrap_err().kind, ErrorKind::CursorExpired);
    }

    #[test]
    fn endless_pages_end() {
        let mut n = 0;
        let endless = all_pages(5, |_| {
            n += 1;
            Ok((vec![n], Some(format!("p{n}"))))
        });
        assert!(matches!(endless.unwrap_err().kind, ErrorKind::Protocol(_)));
        let circle = all_pages(5, |_| Ok((vec![1], Some("same".to_owned()))));
        assert!(matches!(circle.unwrap_err().kind, ErrorKind::Protocol(_)));
    }
}
