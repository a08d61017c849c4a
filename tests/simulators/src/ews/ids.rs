//! Ids of EWS: long base64 words of items and folders, and sync states. None of them equals the Graph id of the same thing.
//!
//! An occurrence has an id of its own, made of its series and its original start. A checksum refuses an id whose case was changed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::soap::Trouble;
use crate::graph::ids::{ItemId, checksum};

/// The folder of a mailbox: a calendar of the shared state, or a folder that only EWS has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum FolderKey {
    /// A calendar by its number.
    Calendar(u32),
    /// Another folder by its number in the store.
    Other(u32),
}

/// What an item id contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemKey {
    /// An event, a series or an occurrence, with the calendar the id was made for.
    Event(ItemId),
    /// An item that only EWS has.
    Other {
        /// Index of the mailbox.
        mailbox: u32,
        /// The item within its mailbox.
        key: u64,
    },
}

impl ItemKey {
    /// Index of the mailbox.
    pub fn mailbox(self) -> u32 {
        match self {
            Self::Event(id) => id.mailbox,
            Self::Other { mailbox, .. } => mailbox,
        }
    }

    /// The id as text.
    pub fn text(self) -> String {
        let mut bytes = Vec::new();
        match self {
            Self::Event(id) => {
                bytes.push(1);
                bytes.extend(id.mailbox.to_be_bytes());
                bytes.extend(id.calendar.unwrap_or_default().to_be_bytes());
                bytes.extend(id.key.to_be_bytes());
                bytes.extend(id.occurrence.unwrap_or(i64::MIN).to_be_bytes());
            }
            Self::Other { mailbox, key } => {
                bytes.push(2);
                bytes.extend(mailbox.to_be_bytes());
                bytes.extend(key.to_be_bytes());
            }
        }
        seal(&bytes)
    }

    /// Reads an id.
    ///
    /// # Errors
    /// `ErrorInvalidIdMalformed`.
    pub fn read(text: &str) -> Result<Self, Trouble> {
        Self::decode(text).ok_or_else(Trouble::bad_id)
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = unseal(text)?;
        let mut rest = Rest(&bytes);
        Some(match rest.byte()? {
            1 => {
                let (mailbox, calendar, key) = (rest.word()?, rest.word()?, rest.long()?);
                let occurrence = Some(rest.long()?.cast_signed()).filter(|o| *o != i64::MIN);
                Self::Event(ItemId { mailbox, calendar: Some(calendar), key, occurrence })
            }
            2 => Self::Other { mailbox: rest.word()?, key: rest.long()? },
            _ => return None,
        })
    }
}

/// The id of a folder.
pub(crate) fn folder_id(mailbox: u32, folder: FolderKey) -> String {
    let (kind, number) = match folder {
        FolderKey::Calendar(n) => (3, n),
        FolderKey::Other(n) => (4, n),
    };
    let mut bytes = vec![kind];
    bytes.extend(mailbox.to_be_bytes());
    bytes.extend(number.to_be_bytes());
    seal(&bytes)
}

/// Reads the id of a folder: its mailbox and which one it is.
///
/// # Errors
/// `ErrorInvalidIdMalformed`.
pub(crate) fn read_folder(text: &str) -> Result<(u32, FolderKey), Trouble> {
    let decode = || {
        let bytes = unseal(text)?;
        let mut rest = Rest(&bytes);
        let kind = rest.byte()?;
        let (mailbox, number) = (rest.word()?, rest.word()?);
        match kind {
            3 => Some((mailbox, FolderKey::Calendar(number))),
            4 => Some((mailbox, FolderKey::Other(number))),
            _ => None,
        }
    };
    decode().ok_or_else(Trouble::bad_id)
}

/// The opaque word for some bytes: as long as clients meet it in the field, with a checksum.
pub(crate) fn seal(bytes: &[u8]) -> String {
    let mut all = b"\x00\x00\x01calport-simulated-exchange-store-entry\x00".to_vec();
    all.extend(u8::try_from(bytes.len()).unwrap_or(u8::MAX).to_be_bytes());
    all.extend(bytes);
    let pad = (64 + 2 - (all.len() + 4) % 3) % 3;
    all.extend(std::iter::repeat_n(0, pad));
    all.extend(checksum(&all).to_be_bytes());
    STANDARD.encode(all)
}

/// The bytes of a word that [`seal`] made.
pub(crate) fn unseal(word: &str) -> Option<Vec<u8>> {
    let all = STANDARD.decode(word.trim()).ok()?;
    let (body, sum) = all.split_at_checked(all.len().checked_sub(4)?)?;
    if checksum(body).to_be_bytes() != sum {
        return None;
    }
    let rest = body.strip_prefix(b"\x00\x00\x01calport-simulated-exchange-store-entry\x00")?;
    let (length, rest) = rest.split_first()?;
    rest.get(..usize::from(*length)).map(<[u8]>::to_vec)
}

/// Bytes still to be read.
pub(crate) struct Rest<'a>(pub &'a [u8]);

impl Rest<'_> {
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn word(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*first))
    }

    pub fn long(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_went_and_are_case_sensitive() {
        let event = ItemId { mailbox: 3, calendar: Some(1), key: 9, occurrence: Some(-7) };
        for key in [ItemKey::Event(event), ItemKey::Event(ItemId { occurrence: None, ..event }), ItemKey::Other { mailbox: 3, key: 9 }] {
            assert_eq!(ItemKey::read(&key.text()), Ok(key));
            assert!(ItemKey::read(&key.text().to_lowercase()).is_err());
            assert_ne!(key.text(), event.text(), "no Graph id");
        }
        assert_eq!(read_folder(&folder_id(2, FolderKey::Other(5))), Ok((2, FolderKey::Other(5))));
        assert!(read_folder("AAMk").is_err());
        assert!(ItemKey::read(&folder_id(2, FolderKey::Calendar(5))).is_err());
    }
}
