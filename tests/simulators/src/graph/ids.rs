//! The ids that the simulator gives out.
//!
//! As with the service an item has two ids: the usual one, which contains its calendar and so changes on a move, and the immutable one.
//! Occurrences have ids of their own, which contain the original start; a shifted series therefore has new occurrence ids. Ids
//! are opaque, long and case-sensitive: a checksum refuses an id whose case was changed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

use super::http::Refusal;

/// Which of the two id forms a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum IdForm {
    /// Contains the calendar.
    #[default]
    Usual,
    /// Survives a move.
    Immutable,
}

/// What an item id contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ItemId {
    /// Index of the mailbox.
    pub mailbox: u32,
    /// The calendar the id was made for; none in the immutable form.
    pub calendar: Option<u32>,
    /// The item within its mailbox.
    pub key: u64,
    /// Original start of an occurrence, in seconds since the epoch.
    pub occurrence: Option<i64>,
}

const USUAL: &str = "AAMk";
const IMMUTABLE: &str = "AAkA";
const CALENDAR: &str = "AQMk";
/// Filler that brings ids to the length clients meet in the field.
const FILLER: [u8; 24] = [0x41; 24];

/// FNV-1a, 32 bit: detects an id whose case was changed on the way.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193))
}

/// Encodes bytes with their checksum as the tail of an opaque word.
pub(crate) fn seal(bytes: &[u8]) -> String {
    let mut all = bytes.to_vec();
    all.extend(checksum(bytes).to_be_bytes());
    URL_SAFE.encode(all)
}

/// Decodes what [`seal`] made.
pub(crate) fn unseal(word: &str) -> Option<Vec<u8>> {
    let all = URL_SAFE.decode(word).ok()?;
    let (bytes, sum) = all.split_at_checked(all.len().checked_sub(4)?)?;
    (checksum(bytes).to_be_bytes() == sum).then(|| bytes.to_vec())
}

impl ItemId {
    /// The id as text in its form.
    pub fn text(&self) -> String {
        let mut bytes = FILLER.to_vec();
        bytes.extend(self.mailbox.to_be_bytes());
        bytes.extend(self.calendar.unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(self.key.to_be_bytes());
        bytes.extend(self.occurrence.unwrap_or(i64::MIN).to_be_bytes());
        (if self.calendar.is_some() { USUAL } else { IMMUTABLE }).to_owned() + &seal(&bytes)
    }

    /// Reads an id in either form.
    ///
    /// # Errors
    /// 400 `ErrorInvalidIdMalformed`.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        Self::decode(text).ok_or_else(|| Refusal::bad("ErrorInvalidIdMalformed", "Id is malformed."))
    }

    fn decode(text: &str) -> Option<Self> {
        let (usual, rest) = text.strip_prefix(USUAL).map(|r| (true, r)).or_else(|| text.strip_prefix(IMMUTABLE).map(|r| (false, r)))?;
        let bytes = unseal(rest)?;
        let rest = bytes.strip_prefix(&FILLER)?;
        let (mailbox, rest) = rest.split_first_chunk::<4>()?;
        let (calendar, rest) = rest.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_first_chunk::<8>()?;
        let (occurrence, rest) = rest.split_first_chunk::<8>()?;
        let calendar = Some(u32::from_be_bytes(*calendar)).filter(|c| *c != u32::MAX);
        let occurrence = Some(i64::from_be_bytes(*occurrence)).filter(|o| *o != i64::MIN);
        let id = Self { mailbox: u32::from_be_bytes(*mailbox), calendar, key: u64::from_be_bytes(*key), occurrence };
        (rest.is_empty() && calendar.is_some() == usual).then_some(id)
    }
}

/// The constant id of a calendar.
pub(crate) fn calendar_id(mailbox: u32, calendar: u32) -> String {
    let mut bytes = FILLER.to_vec();
    bytes.extend(mailbox.to_be_bytes());
    bytes.extend(calendar.to_be_bytes());
    CALENDAR.to_owned() + &seal(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_went_and_are_case_sensitive() {
        let id = ItemId { mailbox: 7, calendar: Some(0), key: 42, occurrence: Some(-5) };
        assert_eq!(ItemId::read(&id.text()).unwrap(), id);
        let immutable = ItemId { calendar: None, ..id };
        assert_eq!(ItemId::read(&immutable.text()).unwrap(), immutable);
        assert_ne!(id.text(), immutable.text());
        for wrong in [id.text().to_lowercase(), id.text().to_uppercase(), "x".into(), String::new(), "AAMk====".into()] {
            assert!(ItemId::read(&wrong).is_err(), "{wrong}");
        }
    }
}
