//! The list of a mailbox's categories: an XML document of its own within a user configuration (MS-OXOCFG, 2.2.5.2).
//!
//! Reading takes names and colours. A new category is put before the end of the list, and every byte that was there stays:
//! clients keep things in it that Calport does not know.

use std::borrow::Cow;

use crate::error::ReadError;
use crate::value;
use crate::xml::write::escaped;
use crate::xml::{Scanner, decode};

/// A category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its name: items refer to it by this.
    pub name: String,
    /// Its colour, 0 to 24; none without one.
    pub colour: Option<u8>,
}

/// A list without categories, for mailboxes that have none yet (`CreateUserConfiguration`).
pub const EMPTY: &[u8] = b"<?xml version=\"1.0\" encoding=\"utf-8\"?><categories xmlns=\"CategoryList.xsd\"/>";

/// The categories of a list.
///
/// # Errors
/// When it is no XML, or not a list of categories.
pub fn read(list: &[u8]) -> Result<Vec<Category>, ReadError> {
    let text = decode::text(list)?;
    let mut xml = Scanner::new(&text);
    let root = xml.root()?;
    if root.name() != "categories" {
        return Err(ReadError::OtherAnswer { expected: "categories".to_owned(), got: crate::xml::scan::shortened(root.name()) });
    }
    let mut categories = Vec::new();
    xml.children(|_, element| {
        if let Some(name) = element.attribute("name").filter(|name| !name.is_empty()) {
            let colour = element.attribute("color").and_then(|c| c.trim().parse().ok()).filter(|colour| *colour <= 24);
            categories.push(Category { name, colour });
        }
        Ok(())
    })?;
    Ok(categories)
}

/// The list with one more category. `guid` is a new one in the form of 32 digits and four hyphens, `now` is kept as the
/// time of its last use. `None` when the list has a category of that name already, in whatever case (SEMANTICS S-22).
///
/// # Errors
/// As [`read`]; `Truncated` when the list has no end.
pub fn with_category(list: &[u8], new: &Category, guid: &str, now: i64) -> Result<Option<Vec<u8>>, ReadError> {
    if read(list)?.iter().any(|known| known.name.to_lowercase() == new.name.to_lowercase()) {
        return Ok(None);
    }
    let text = decode::text(list)?;
    let colour = new.colour.map_or(-1, i16::from);
    let used = value::utc_wall_text(now).unwrap_or_else(|| "1601-01-01T00:00:00".to_owned());
    let category = format!(
        "<category name=\"{}\" color=\"{colour}\" keyboardShortcut=\"0\" usageCount=\"0\" lastTimeUsedNotes=\"1601-01-01T00:00:00.000\" \
         lastTimeUsedJournal=\"1601-01-01T00:00:00.000\" lastTimeUsedContacts=\"1601-01-01T00:00:00.000\" \
         lastTimeUsedTasks=\"1601-01-01T00:00:00.000\" lastTimeUsedCalendar=\"1601-01-01T00:00:00.000\" \
         lastTimeUsedMail=\"1601-01-01T00:00:00.000\" lastTimeUsed=\"{used}\" lastSessionUsed=\"0\" guid=\"{{{}}}\" \
         renameOnFirstUse=\"0\"/>",
        escaped(&new.name, true),
        escaped(guid, true),
    );
    let with = match text.rfind("</") {
        Some(end) => splice(&text, end, &category),
        // `<categories .../>`: a list that was empty.
        None => {
            let end = text.rfind("/>").ok_or(ReadError::Truncated { bytes: list.len() as u64 })?;
            let open = text.get(..end).unwrap_or_default();
            let rest = text.get(end + 2..).unwrap_or_default();
            format!("{open}>{category}</categories>{rest}")
        }
    };
    Ok(Some(as_utf8(with)))
}

fn splice(text: &str, at: usize, new: &str) -> String {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    format!("{before}{new}{after}")
}

/// The list is written as UTF-8, so a declaration of another encoding would be wrong.
fn as_utf8(text: String) -> Vec<u8> {
    let text = Cow::from(text);
    let body = match text.trim_start().strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or(&*text, |(_, body)| body),
        None => &*text,
    };
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "<?xml version=\"1.0\"?>\r\n<categories default=\"Red\" xmlns=\"CategoryList.xsd\">\r\n\
        <category name=\"Red &amp; Co\" color=\"0\" usageCount=\"7\" own=\"x\"/><category name=\"Grey\" color=\"-1\"/></categories>";

    #[test]
    fn feat_c15_categories_are_read_with_their_colours() {
        let red = Category { name: "Red & Co".into(), colour: Some(0) };
        assert_eq!(read(LIST.as_bytes()).unwrap(), [red, Category { name: "Grey".into(), colour: None }]);
        assert!(read(b"<options/>").is_err());
    }

    #[test]
    fn feat_c15_a_new_category_leaves_the_others_to_the_byte() {
        let new = Category { name: "Blue \"sky\"".into(), colour: Some(7) };
        let with = with_category(LIST.as_bytes(), &new, "0b6c7a52-7a52-4d2c-8f5e-000000000001", 0).unwrap().unwrap();
        let text = String::from_utf8(with.clone()).unwrap();
        let (kept, _) = LIST.split_once("?>").unwrap().1.split_once("</categories>").unwrap();
        assert!(text.contains(kept), "{text}");
        assert_eq!(read(&with).unwrap().last(), Some(&new));
        let again = Category { name: "BLUE \"SKY\"".into(), colour: None };
        assert_eq!(with_category(&with, &again, "x", 0).unwrap(), None);
    }

    #[test]
    fn feat_c15_the_first_category_opens_an_empty_list() {
        let new = Category { name: "One".into(), colour: None };
        let with = with_category(EMPTY, &new, "g", 0).unwrap().unwrap();
        assert_eq!(read(&with).unwrap(), [new]);
    }
}
